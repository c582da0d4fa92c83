//! New limits as the container's own processes meet them.

use crate::{needs, update};
use runtime_tests::{Exit, Rendezvous, conformance};

/// A shell that forks when it is told to: it ends with 0, or with 2 where it cannot.
const FORKS: &str = "echo > /ready; read word < /go; (true); exit 0";

#[test]
fn a_fork_above_the_new_limit_fails() {
    conformance(|t| {
        for (limit, end) in [("1", Exit::Code(2)), ("20", Exit::Code(0))] {
            let bundle = t.bundle().shell(FORKS);
            let ready = Rendezvous::in_rootfs(&bundle, "ready");
            let go = Rendezvous::in_rootfs(&bundle, "go");
            let container = t.start(&bundle);
            needs(t, &container, ["pids.max", "pids.max"]);
            ready.wait();
            let _ = update(t, &container, &["--pids-limit", limit]).expect_success();
            go.say("now\n");
            assert_eq!(container.wait(), end, "--pids-limit {limit}");
        }
    });
}
