//! `unified`: files of cgroup v2, written as they stand.

use crate::{Row, assert_rows};
use runtime_tests::{Controller, Test, Value, Version, cgroup, conformance, json};

/// `name`, where v2 has it; skipped elsewhere.
fn in_v2(t: &Test, name: &'static str) -> Controller {
    // "": of which no v1 hierarchy is.
    let found = Controller::find("", name);
    found.unwrap_or_else(|| t.skip(&format!("v2 has no controller `{name}` on this machine")))
}

fn assert_unified(t: &Test, name: &'static str, files: Value, v2: &[&str]) {
    let row = Row {
        resources: json!({"unified": files}),
        v1: &[],
        v2,
    };
    assert_rows(t, &in_v2(t, name), &[row]);
}

#[test]
fn files_of_memory_that_have_no_field() {
    conformance(|t| {
        let files = json!({
            "memory.high": "33554432", "memory.min": "1048576", "memory.oom.group": "1",
        });
        let lines = [
            "memory.high=33554432",
            "memory.min=1048576",
            "memory.oom.group=1",
        ];
        assert_unified(t, "memory", files, &lines);
    });
}

#[test]
fn a_limit_of_pids() {
    conformance(|t| assert_unified(t, "pids", json!({"pids.max": "7"}), &["pids.max=7"]));
}

#[test]
fn a_limit_of_huge_pages() {
    conformance(|t| {
        let files = json!({"hugetlb.2MB.max": "4194304"});
        assert_unified(t, "hugetlb", files, &["hugetlb.2MB.max=4194304"]);
    });
}

#[test]
fn cpu_weights_below_zero_by_nice_values() {
    conformance(|t| {
        let files = json!({"cpu.weight.nice": "5", "cpu.max": "max 50000"});
        let lines = ["cpu.weight.nice=5", "cpu.max=max 50000"];
        assert_unified(t, "cpu", files, &lines);
    });
}

#[test]
fn it_has_the_last_word() {
    conformance(|t| {
        let row = Row {
            resources: json!({
                "memory": {"limit": 1 << 26}, "pids": {"limit": 5},
                "unified": {"memory.max": "33554432", "pids.max": "9"},
            }),
            v1: &[],
            v2: &["memory.max=33554432", "pids.max=9"],
        };
        assert_rows(t, &in_v2(t, "memory"), &[row]);
    });
}

/// Files of the cgroup core belong to no controller.
#[test]
fn files_of_the_core() {
    conformance(|t| {
        if cgroup::mode() == "v1" {
            t.skip("there is no v2 hierarchy on this machine");
        }
        let files = json!({"cgroup.max.descendants": "3"});
        let bundle = t
            .bundle()
            .set("/linux/resources", json!({"unified": files}));
        let container = t.create(&bundle);
        let core = Controller::core().unwrap_or_else(|| t.skip("v2 is out of sight"));
        assert_eq!(core.version, Version::V2);
        let lines = ["cgroup.max.descendants=3"];
        crate::assert_files(&core, &container, &lines, &json!("unified"));
    });
}
