//! `pids.limit`.

use crate::{Row, assert_files, assert_rows, controller};
use runtime_tests::{conformance, json};

#[test]
fn limit() {
    conformance(|t| {
        let row = |limit: i64, line| Row {
            resources: json!({"pids": {"limit": limit}}),
            v1: line,
            v2: line,
        };
        let rows = [
            row(5, &["pids.max=5"]),
            row(1, &["pids.max=1"]),
            row(-1, &["pids.max=max"]),
        ];
        assert_rows(t, &controller(t, "pids", "pids"), &rows);
    });
}

/// Before 1.3 of the specification 0 is what engines in Go send for "unset".
#[test]
fn zero_is_unset_in_an_older_version() {
    conformance(|t| {
        let rows = [Row {
            resources: json!({"pids": {"limit": 0}}),
            v1: &["pids.max=max"],
            v2: &["pids.max=max"],
        }];
        assert_rows(t, &controller(t, "pids", "pids"), &rows);
    });
}

/// Since 1.3 it is a limit; the container's first process is in already.
#[test]
fn zero_is_a_limit_since_1_3() {
    conformance(|t| {
        let pids = controller(t, "pids", "pids");
        let resources = json!({"pids": {"limit": 0}});
        let bundle = t
            .bundle()
            .set("/ociVersion", json!("1.3.0"))
            .set("/linux/resources", resources.clone())
            .args(["/bin/probe", "forks", "3"]);
        let container = t.create(&bundle);
        assert_files(&pids, &container, &["pids.max=0"], &resources);
        let _ = container.call("start").expect_success();
        container.wait();
        assert!(
            container.stdout().contains("\"forked\":0"),
            "{}",
            container.stdout()
        );
    });
}
