//! `memory`: limits, swap arithmetic, and what v1 alone has.

use crate::{Row, assert_rows, controller};
use runtime_tests::{Test, conformance, json};

/// What v1's files say where nothing is limited: the largest number of pages.
const UNLIMITED: &str = "9223372036854771712";
const MIB: i64 = 1 << 20;

fn assert_memory(t: &Test, rows: &[Row<'_>]) {
    assert_rows(t, &controller(t, "memory", "memory"), rows);
}

#[test]
fn limit_and_reservation() {
    conformance(|t| {
        let unlimited = format!("memory.limit_in_bytes={UNLIMITED}");
        let rows = [
            Row {
                resources: json!({"memory": {"limit": 64 * MIB}}),
                v1: &["memory.limit_in_bytes=67108864"],
                v2: &["memory.max=67108864"],
            },
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "reservation": 32 * MIB}}),
                v1: &[
                    "memory.limit_in_bytes=67108864",
                    "memory.soft_limit_in_bytes=33554432",
                ],
                v2: &["memory.max=67108864", "memory.low=33554432"],
            },
            Row {
                resources: json!({"memory": {"reservation": 16 * MIB}}),
                v1: &["memory.soft_limit_in_bytes=16777216", &unlimited],
                v2: &["memory.low=16777216", "memory.max=max"],
            },
            Row {
                resources: json!({"memory": {"limit": -1}}),
                v1: &[&unlimited],
                v2: &["memory.max=max"],
            },
            // Engines in Go send 0 for what nobody asked.
            Row {
                resources: json!({"memory": {"limit": 0, "reservation": 0, "swap": 0}}),
                v1: &[&unlimited],
                v2: &["memory.max=max", "memory.low=0"],
            },
            Row {
                resources: json!({"memory": {
                    "limit": 64 * MIB, "useHierarchy": true, "checkBeforeUpdate": true,
                    "disableOOMKiller": false,
                }}),
                v1: &["memory.limit_in_bytes=67108864", "memory.use_hierarchy=1"],
                v2: &["memory.max=67108864", "memory.oom.group=0"],
            },
        ];
        assert_memory(t, &rows);
    });
}

#[test]
fn swap_is_what_the_sum_leaves() {
    conformance(|t| {
        let both_unlimited = format!("memory.memsw.limit_in_bytes={UNLIMITED}");
        let rows = [
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "swap": 96 * MIB}}),
                v1: &[
                    "memory.limit_in_bytes=67108864",
                    "memory.memsw.limit_in_bytes=100663296",
                ],
                v2: &["memory.max=67108864", "memory.swap.max=33554432"],
            },
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "swap": 64 * MIB}}),
                v1: &["memory.memsw.limit_in_bytes=67108864"],
                v2: &["memory.max=67108864", "memory.swap.max=0"],
            },
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "swap": -1}}),
                v1: &["memory.limit_in_bytes=67108864", &both_unlimited],
                v2: &["memory.max=67108864", "memory.swap.max=max"],
            },
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "swap": 0}}),
                v1: &["memory.limit_in_bytes=67108864", &both_unlimited],
                v2: &["memory.max=67108864", "memory.swap.max=max"],
            },
            Row {
                resources: json!({"memory": {"limit": -1, "swap": -1}}),
                v1: &[&both_unlimited],
                v2: &["memory.max=max", "memory.swap.max=max"],
            },
            Row {
                resources: json!({"memory": {"swap": -1}}),
                v1: &[&both_unlimited],
                v2: &["memory.max=max", "memory.swap.max=max"],
            },
        ];
        assert_memory(t, &rows);
    });
}

#[test]
fn swappiness() {
    conformance(|t| {
        let row = |value, line| Row {
            resources: json!({"memory": {"swappiness": value}}),
            v1: line,
            v2: &[],
        };
        let rows = [
            row(0, &["memory.swappiness=0"]),
            row(30, &["memory.swappiness=30"]),
            row(100, &["memory.swappiness=100"]),
        ];
        assert_memory(t, &rows);
    });
}

#[test]
fn the_oom_killer_can_be_switched_off() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"memory": {"limit": 64 * MIB, "disableOOMKiller": true}}),
                v1: &["memory.oom_control=oom_kill_disable 1"],
                v2: &[],
            },
            Row {
                resources: json!({"memory": {"disableOOMKiller": false}}),
                v1: &["memory.oom_control=oom_kill_disable 0"],
                v2: &["memory.max=max"],
            },
        ];
        assert_memory(t, &rows);
    });
}

#[test]
fn buffers_of_tcp() {
    conformance(|t| {
        let rows = [Row {
            resources: json!({"memory": {"kernelTCP": 8 * MIB}}),
            v1: &["memory.kmem.tcp.limit_in_bytes=8388608"],
            v2: &[],
        }];
        assert_memory(t, &rows);
    });
}
