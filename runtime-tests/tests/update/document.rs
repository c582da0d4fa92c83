//! `--resources`: an object as `linux.resources` in a file or on standard input.

use crate::{assert_files, limited, needs, read, update, update_with};
use runtime_tests::{conformance, json};

#[test]
fn from_standard_input_as_cri_o_and_containerd_send_it() {
    conformance(|t| {
        let container = limited(t);
        let document = json!({
            "memory": {"limit": 134_217_728},
            "cpu": {"shares": 1024, "quota": 80_000, "period": 200_000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 50},
        });
        let _ = update_with(t, &container, &document.to_string()).expect_success();
        assert_files(
            t,
            &container,
            &[
                ("memory.limit_in_bytes", "134217728"),
                ("cpu.shares", "1024"),
                ("cpu.cfs_quota_us", "80000"),
                ("cpu.cfs_period_us", "200000"),
                ("cpuset.cpus", "0"),
                ("pids.max", "50"),
            ],
            &[
                ("memory.max", "134217728"),
                ("cpu.weight", "100"),
                ("cpu.max", "80000 200000"),
                ("cpuset.cpus", "0"),
                ("pids.max", "50"),
            ],
        );
    });
}

#[test]
fn from_a_file_as_podman_sends_it() {
    conformance(|t| {
        let container = limited(t);
        let path = t.dir().join("resources.json");
        std::fs::write(&path, r#"{"pids": {"limit": 50}}"#).expect("write the document");
        let flag = format!("--resources={}", path.display());
        let _ = update(t, &container, &[&flag]).expect_success();
        let files = [("pids.max", "50")];
        assert_files(t, &container, &files, &files);
    });
}

/// What Go makes of fields that were never set.
#[test]
fn zeros_and_empty_lists_leave_what_is() {
    conformance(|t| {
        let container = limited(t);
        let document = json!({
            "memory": {"limit": 0, "reservation": 0, "swap": 0},
            "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""},
            "blockIO": {"weight": 0}, "future": {"x": 1}, "network": null, "devices": null,
        });
        let _ = update_with(t, &container, &document.to_string()).expect_success();
        assert_files(
            t,
            &container,
            &[
                ("memory.limit_in_bytes", "67108864"),
                ("cpu.shares", "512"),
                ("cpu.cfs_quota_us", "50000"),
                ("pids.max", "100"),
            ],
            &[
                ("memory.max", "67108864"),
                ("cpu.max", "50000 100000"),
                ("pids.max", "100"),
            ],
        );
    });
}

#[test]
fn a_container_is_updated_before_its_start_too() {
    conformance(|t| {
        let container = t.create(&t.bundle().args(["/bin/probe", "sleep"]));
        let _ = update_with(t, &container, r#"{"pids": {"limit": 50}}"#).expect_success();
        let _ = container.call("start").expect_success();
        let files = [("pids.max", "50")];
        assert_files(t, &container, &files, &files);
    });
}

/// v1's kernel refuses by itself; v2's takes the limit and kills.
#[test]
fn check_before_update_rejects_a_limit_below_the_usage() {
    conformance(|t| {
        let container = limited(t);
        if read(&container, "memory.max").is_none() {
            t.skip("the controller memory is not one of v2");
        }
        for (memory, why) in [
            (json!({"limit": 4096}), "rejecting memory limit"),
            (
                json!({"limit": 4096, "swap": 8192}),
                "rejecting memory+swap limit",
            ),
        ] {
            let mut document = json!({"memory": memory});
            document["memory"]["checkBeforeUpdate"] = json!(true);
            let _ = update_with(t, &container, &document.to_string())
                .expect_failure()
                .expect_stderr(why);
            assert_eq!(container.status(), "running");
            assert_eq!(read(&container, "memory.max").as_deref(), Some("67108864"));
        }
        let document = json!({"memory": {"limit": 33_554_432, "checkBeforeUpdate": true}});
        let _ = update_with(t, &container, &document.to_string()).expect_success();
    });
}

#[test]
fn files_of_v2_by_name() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, ["memory.high", "memory.high"]);
        let document = json!({"unified": {"memory.high": "50331648", "pids.max": "50"}});
        let _ = update_with(t, &container, &document.to_string()).expect_success();
        let files = [("memory.high", "50331648"), ("pids.max", "50")];
        assert_files(t, &container, &files, &files);
    });
}
