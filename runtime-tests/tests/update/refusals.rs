//! What cannot be had is refused, and then nothing has changed.

use crate::{assert_files, limited, needs, update, update_with};
use runtime_tests::{Container, Kind, Test, conformance, json};

#[track_caller]
fn is_unchanged(t: &Test, container: &Container<'_>) {
    assert_files(
        t,
        container,
        &[
            ("memory.limit_in_bytes", "67108864"),
            ("cpu.shares", "512"),
            ("cpu.cfs_quota_us", "50000"),
            ("cpu.cfs_period_us", "100000"),
            ("pids.max", "100"),
        ],
        &[
            ("memory.max", "67108864"),
            ("cpu.max", "50000 100000"),
            ("pids.max", "100"),
        ],
    );
}

#[test]
fn one_impossible_value_leaves_the_others_as_they_were() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, ["cpuset.cpus", "cpuset.cpus"]);
        // No machine has so many processors.
        let flags = [
            "--memory",
            "134217728",
            "--cpu-share",
            "1024",
            "--cpu-quota",
            "80000",
            "--cpu-period",
            "200000",
            "--pids-limit",
            "50",
            "--cpuset-cpus",
            "8000",
        ];
        let _ = update(t, &container, &flags).expect_failure();
        is_unchanged(t, &container);
    });
}

#[test]
fn swap_below_the_memory_limit() {
    conformance(|t| {
        let container = limited(t);
        needs(
            t,
            &container,
            ["memory.memsw.limit_in_bytes", "memory.swap.max"],
        );
        let flags = ["--memory-swap", "33554432", "--pids-limit", "50"];
        let _ = update(t, &container, &flags).expect_failure();
        is_unchanged(t, &container);
        let flags = ["--memory", "134217728", "--memory-swap", "100663296"];
        let _ = update(t, &container, &flags).expect_failure();
        is_unchanged(t, &container);
    });
}

#[test]
fn words_that_are_no_values() {
    conformance(|t| {
        let container = limited(t);
        for flags in [
            ["--memory", "1x"],
            ["--memory", "much"],
            ["--memory-swap", "-5"],
            ["--cpu-quota", "half"],
            ["--cpu-share", "-3"],
            ["--cpu-period", "1.5"],
            ["--pids-limit", "few"],
        ] {
            let _ = update(t, &container, &flags).expect_failure();
        }
        is_unchanged(t, &container);
    });
}

#[test]
fn documents_that_are_none() {
    conformance(|t| {
        let container = limited(t);
        for document in ["", "{", r#"{"pids": {"limit": "5"}}"#, r#"{"memory": [1]}"#] {
            let _ = update_with(t, &container, document).expect_failure();
        }
        let _ = update(t, &container, &["--resources", "/nowhere"]).expect_failure();
        is_unchanged(t, &container);
    });
}

#[test]
fn a_container_that_does_not_run() {
    conformance(|t| {
        let container = t.start(&t.bundle());
        container.wait();
        let _ = update(t, &container, &["--pids-limit", "5"]).expect_failure();
        let _ = t
            .call(["update", "--pids-limit", "5", "nowhere"])
            .expect_failure();
    });
}

#[test]
fn errors_name_the_flag_or_the_field() {
    conformance(|t| {
        t.only(Kind::Saya, "the words are ours");
        let container = limited(t);
        let refused = |flags: &[&str], why| {
            let _ = update(t, &container, flags)
                .expect_failure()
                .expect_stderr(why);
        };
        refused(
            &["--cpu-idle", "2"],
            "(--cpu-idle): 2 is not in the range 0 to 1",
        );
        refused(&["--memory", "1x"], "read --memory: \"1x\" is no size");
        refused(
            &["--memory", "1", "--resources", "x"],
            "--memory cannot be combined with --resources",
        );
        refused(&["--mem-bw-schema", "MB:0=10"], "no group below resctrl");
        let document = json!({"pids": {"limit": "5"}}).to_string();
        let _ = update_with(t, &container, &document)
            .expect_failure()
            .expect_stderr("(standard input: /pids/limit): expected an integer, found a string");
        let document = json!({"hugepageLimits": [{"pageSize": "../../cgroup.procs", "limit": 0}]});
        let _ = update_with(t, &container, &document.to_string())
            .expect_failure()
            .expect_stderr("(standard input: /hugepageLimits/0/pageSize)");
        is_unchanged(t, &container);
        let stopped = t.start(&t.bundle());
        stopped.wait();
        let _ = update(t, &stopped, &["--pids-limit", "5"])
            .expect_failure()
            .expect_stderr("container not running");
    });
}
