//! Create, start, run, kill, delete: the states of a container, runtime.md.

mod create;
mod kill;
mod run;

use runtime_tests::{Bundle, Rendezvous, Test};

/// A bundle whose process tells the rendezvous when it runs, and ends by any
/// signal with the signal's number as exit code.
pub(crate) fn waits_for_signal(t: &Test) -> (Bundle, Rendezvous) {
    let bundle = t.bundle().args(["/bin/probe", "signal-wait", "/ready"]);
    let ready = Rendezvous::in_rootfs(&bundle, "ready");
    (bundle, ready)
}
