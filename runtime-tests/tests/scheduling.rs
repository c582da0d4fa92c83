//! `process.scheduler`, `process.ioPriority`, `process.execCPUAffinity`,
//! `linux.personality`, `linux.memoryPolicy`, `linux.intelRdt`.

use runtime_tests::{Bundle, HostMount, Test, Value, conformance, json};
use std::path::Path;

fn scheduling(t: &Test, field: &str, value: Value) -> Value {
    t.facts(t.bundle().set(field, value))["scheduling"].clone()
}

#[track_caller]
fn assert_refused(t: &Test, field: &str, value: Value, word: &str) {
    let bundle: Bundle = t.bundle().set(field, value);
    let _ = t.run(&bundle).expect_failure().expect_stderr(word);
}

#[test]
fn each_scheduling_policy() {
    conformance(|t| {
        let cases = [
            (
                json!({"policy": "SCHED_OTHER", "nice": 7}),
                ("policy", 0),
                ("nice", 7),
            ),
            (
                json!({"policy": "SCHED_BATCH", "nice": 5}),
                ("policy", 3),
                ("nice", 5),
            ),
            (
                json!({"policy": "SCHED_IDLE"}),
                ("policy", 5),
                ("priority", 0),
            ),
        ];
        for (scheduler, first, second) in cases {
            let found = scheduling(t, "/process/scheduler", scheduler.clone());
            for (name, wanted) in [first, second] {
                assert_eq!(found[name], wanted, "{name} of {scheduler}");
            }
        }
    });
}

#[test]
fn each_real_time_policy() {
    conformance(|t| {
        // The v1 cpu controller gives new cgroups no real-time at all.
        let _view = HostMount::cgroup2_view();
        for (name, number, priority) in [("SCHED_FIFO", 1, 11), ("SCHED_RR", 2, 12)] {
            let scheduler = json!({"policy": name, "priority": priority});
            let found = scheduling(t, "/process/scheduler", scheduler);
            let seen = (&found["policy"], &found["priority"]);
            assert_eq!(seen, (&json!(number), &json!(priority)), "{name}");
        }
    });
}

#[test]
fn a_negative_nice_value() {
    conformance(|t| {
        let scheduler = json!({"policy": "SCHED_OTHER", "nice": -9});
        assert_eq!(scheduling(t, "/process/scheduler", scheduler)["nice"], -9);
    });
}

#[test]
fn the_deadline_policy_with_its_times() {
    conformance(|t| {
        let scheduler = json!({
            "policy": "SCHED_DEADLINE", "runtime": 2_000_000, "deadline": 10_000_000,
            "period": 20_000_000
        });
        let found = scheduling(t, "/process/scheduler", scheduler);
        let wanted = [
            ("policy", 6),
            ("runtime", 2_000_000),
            ("deadline", 10_000_000),
            ("period", 20_000_000),
        ];
        for (name, wanted) in wanted {
            assert_eq!(found[name], wanted, "{name}");
        }
    });
}

#[test]
fn scheduler_flags_are_set() {
    conformance(|t| {
        let scheduler = json!({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]});
        assert_eq!(scheduling(t, "/process/scheduler", scheduler)["flags"], 1);
    });
}

#[test]
fn wrong_scheduler_values_are_refused() {
    conformance(|t| {
        let cases = [
            (json!({"policy": "SCHED_SOON"}), "SCHED_SOON"),
            (json!({"policy": "SCHED_OTHER", "nice": 20}), "nice"),
            (json!({"policy": "SCHED_FIFO", "priority": 0}), "priority"),
            (
                json!({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}),
                "SCHED_FLAG_X",
            ),
        ];
        for (scheduler, word) in cases {
            assert_refused(t, "/process/scheduler", scheduler, word);
        }
    });
}

/// Classes of ioprio_set(2).
#[test]
fn each_io_priority_class() {
    conformance(|t| {
        let cases = [
            ("IOPRIO_CLASS_RT", 1, 2),
            ("IOPRIO_CLASS_BE", 2, 7),
            ("IOPRIO_CLASS_IDLE", 3, 0),
        ];
        for (class, number, level) in cases {
            let priority = json!({"class": class, "priority": level});
            let found = scheduling(t, "/process/ioPriority", priority);
            assert_eq!(
                (&found["io_class"], &found["io_level"]),
                (&json!(number), &json!(level))
            );
        }
    });
}

#[test]
fn wrong_io_priorities_are_refused() {
    conformance(|t| {
        let field = "/process/ioPriority";
        assert_refused(
            t,
            field,
            json!({"class": "IOPRIO_CLASS_X", "priority": 1}),
            "IOPRIO_CLASS_X",
        );
        assert_refused(
            t,
            field,
            json!({"class": "IOPRIO_CLASS_BE", "priority": 8}),
            "priority",
        );
    });
}

#[test]
fn exec_starts_on_the_final_cpus() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set(
                "/process/execCPUAffinity",
                json!({"initial": "0", "final": "0"}),
            )
            .args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        let facts = container
            .exec(["/bin/probe", "facts"])
            .expect_success()
            .json();
        assert_eq!(facts["scheduling"]["affinity"], json!([0]));
        let init = std::fs::read_to_string(format!("/proc/{}/status", container.pid)).unwrap();
        let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let cpus = |text: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with("Cpus_allowed_list"));
            line.unwrap().to_owned()
        };
        assert_eq!(cpus(&init), cpus(&own), "only exec is bound");
    });
}

#[test]
fn personality_linux32_reports_a_32_bit_machine() {
    conformance(|t| {
        let names = |domain: &str| {
            let facts = t.facts(
                t.bundle()
                    .set("/linux/personality", json!({"domain": domain})),
            );
            facts["names"]["machine"].clone()
        };
        assert_eq!(names("LINUX32"), "i686");
        assert_eq!(names("LINUX"), "x86_64");
    });
}

#[test]
fn an_unknown_personality_is_refused() {
    conformance(|t| {
        assert_refused(t, "/linux/personality", json!({"domain": "OS2"}), "OS2");
    });
}

/// Modes and flags of set_mempolicy(2).
#[test]
fn each_memory_policy() {
    conformance(|t| {
        let cases = [
            (json!({"mode": "MPOL_DEFAULT", "nodes": ""}), 0, json!([])),
            (
                json!({"mode": "MPOL_PREFERRED", "nodes": "0"}),
                1,
                json!([0]),
            ),
            (json!({"mode": "MPOL_BIND", "nodes": "0"}), 2, json!([0])),
            (
                json!({"mode": "MPOL_INTERLEAVE", "nodes": "0-0"}),
                3,
                json!([0]),
            ),
            (json!({"mode": "MPOL_LOCAL", "nodes": ""}), 4, json!([])),
            (
                json!({"mode": "MPOL_PREFERRED_MANY", "nodes": "0"}),
                5,
                json!([0]),
            ),
            (
                json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}),
                2 | 1 << 15,
                json!([0]),
            ),
        ];
        for (policy, mode, nodes) in cases {
            let found = scheduling(t, "/linux/memoryPolicy", policy.clone());
            assert_eq!(found["memory_policy"], mode, "{policy}");
            assert_eq!(found["memory_nodes"], nodes, "{policy}");
        }
    });
}

#[test]
fn wrong_memory_policies_are_refused() {
    conformance(|t| {
        let cases = [
            (
                json!({"mode": "MPOL_NEAR", "nodes": "0"}),
                "invalid memory policy mode",
            ),
            (
                json!({"mode": "MPOL_BIND", "nodes": "x"}),
                "invalid memory policy node",
            ),
            (
                json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_X"]}),
                "invalid memory policy flag",
            ),
            (
                json!({"mode": "MPOL_DEFAULT", "nodes": "0-7"}),
                "mode requires 0 nodes but got 8",
            ),
        ];
        for (policy, word) in cases {
            assert_refused(t, "/linux/memoryPolicy", policy, word);
        }
    });
}

#[test]
fn intel_rdt_is_refused_where_the_kernel_has_no_resctrl() {
    conformance(|t| {
        if Path::new("/sys/fs/resctrl/schemata").exists() {
            t.skip("this machine has resctrl");
        }
        let rdt = json!({"closID": "guests", "l3CacheSchema": "L3:0=f"});
        let bundle = t.bundle().set("/linux/intelRdt", rdt);
        let _ = t.run(&bundle).expect_failure();
    });
}
