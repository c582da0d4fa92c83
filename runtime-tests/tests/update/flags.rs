//! Each flag, and what it leaves alone.

use crate::{assert_files, limited, needs, read, update};
use runtime_tests::{Container, Test, conformance};

const MEMORY: [&str; 2] = ["memory.limit_in_bytes", "memory.max"];
const SWAP: [&str; 2] = ["memory.memsw.limit_in_bytes", "memory.swap.max"];

#[track_caller]
fn changes(t: &Test, container: &Container<'_>, flags: &[&str]) {
    let _ = update(t, container, flags).expect_success();
}

#[test]
fn memory_and_reservation() {
    conformance(|t| {
        let container = limited(t);
        changes(
            t,
            &container,
            &["--memory", "134217728", "--memory-reservation", "67108864"],
        );
        assert_files(
            t,
            &container,
            &[
                (MEMORY[0], "134217728"),
                ("memory.soft_limit_in_bytes", "67108864"),
            ],
            &[(MEMORY[1], "134217728"), ("memory.low", "67108864")],
        );
    });
}

#[test]
fn memory_and_swap_are_raised_and_lowered_together() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, SWAP);
        for (memory, both, swap) in [
            ("33554432", "67108864", "33554432"),
            ("134217728", "134217728", "0"),
            ("67108864", "67108864", "0"),
        ] {
            changes(t, &container, &["--memory", memory, "--memory-swap", both]);
            assert_files(
                t,
                &container,
                &[(MEMORY[0], memory), (SWAP[0], both)],
                &[(MEMORY[1], memory), (SWAP[1], swap)],
            );
        }
    });
}

#[test]
fn swap_alone_counts_with_the_memory_limit_in_force() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, SWAP);
        changes(t, &container, &["--memory-swap", "100663296"]);
        assert_files(
            t,
            &container,
            &[(MEMORY[0], "67108864"), (SWAP[0], "100663296")],
            &[(MEMORY[1], "67108864"), (SWAP[1], "33554432")],
        );
    });
}

#[test]
fn memory_alone_keeps_the_sum_with_swap() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, SWAP);
        changes(t, &container, &["--memory-swap", "100663296"]);
        changes(t, &container, &["--memory", "50331648"]);
        assert_files(
            t,
            &container,
            &[(MEMORY[0], "50331648"), (SWAP[0], "100663296")],
            &[(MEMORY[1], "50331648"), (SWAP[1], "50331648")],
        );
    });
}

/// What v1's kernel has for no limit: the largest number of whole pages.
const UNLIMITED: &str = "9223372036854771712";

#[test]
fn unlimited_memory_is_unlimited_with_swap() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, SWAP);
        changes(t, &container, &["--memory-swap", "100663296"]);
        changes(t, &container, &["--memory", "-1"]);
        assert_files(
            t,
            &container,
            &[(MEMORY[0], UNLIMITED), (SWAP[0], UNLIMITED)],
            &[(MEMORY[1], "max"), (SWAP[1], "max")],
        );
    });
}

#[test]
fn sizes_may_have_units() {
    conformance(|t| {
        let container = limited(t);
        for (size, bytes) in [
            ("96m", "100663296"),
            ("0.125G", "134217728"),
            ("98304KiB", "100663296"),
        ] {
            changes(t, &container, &["--memory", size]);
            assert_files(t, &container, &[(MEMORY[0], bytes)], &[(MEMORY[1], bytes)]);
        }
    });
}

#[test]
fn shares() {
    conformance(|t| {
        let container = limited(t);
        changes(t, &container, &["--cpu-share", "1024"]);
        assert_files(
            t,
            &container,
            &[("cpu.shares", "1024")],
            &[("cpu.weight", "100")],
        );
    });
}

#[test]
fn quota_and_period_change_one_by_one() {
    conformance(|t| {
        let container = limited(t);
        for (flags, quota, period) in [
            (&["--cpu-quota", "20000"][..], "20000", "100000"),
            (&["--cpu-period", "50000"], "20000", "50000"),
            (
                &["--cpu-period", "200000", "--cpu-quota", "300000"],
                "300000",
                "200000",
            ),
            (&["--cpu-quota", "-1"], "-1", "200000"),
        ] {
            changes(t, &container, flags);
            let max = format!("{} {period}", quota.replace("-1", "max"));
            assert_files(
                t,
                &container,
                &[("cpu.cfs_quota_us", quota), ("cpu.cfs_period_us", period)],
                &[("cpu.max", &max)],
            );
        }
    });
}

#[test]
fn burst() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, ["cpu.cfs_burst_us", "cpu.max.burst"]);
        // Above the quota that was, within the one that will be.
        changes(
            t,
            &container,
            &["--cpu-burst", "60000", "--cpu-quota", "80000"],
        );
        assert_files(
            t,
            &container,
            &[("cpu.cfs_burst_us", "60000")],
            &[("cpu.max.burst", "60000")],
        );
    });
}

#[test]
fn idle() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, ["cpu.idle", "cpu.idle"]);
        for idle in ["1", "0"] {
            changes(t, &container, &["--cpu-idle", idle]);
            assert_eq!(read(&container, "cpu.idle").as_deref(), Some(idle));
        }
    });
}

#[test]
fn processors_and_nodes() {
    conformance(|t| {
        let container = limited(t);
        changes(t, &container, &["--cpuset-cpus", "0", "--cpuset-mems", "0"]);
        let files = [("cpuset.cpus", "0"), ("cpuset.mems", "0")];
        assert_files(t, &container, &files, &files);
    });
}

#[test]
fn processes() {
    conformance(|t| {
        let container = limited(t);
        for (limit, max) in [("7", "7"), ("-1", "max")] {
            changes(t, &container, &["--pids-limit", limit]);
            let files = [("pids.max", max)];
            assert_files(t, &container, &files, &files);
        }
    });
}

#[test]
fn block_io_weight() {
    conformance(|t| {
        let container = limited(t);
        needs(t, &container, ["blkio.bfq.weight", "io.bfq.weight"]);
        changes(t, &container, &["--blkio-weight", "500"]);
        assert_files(
            t,
            &container,
            &[("blkio.bfq.weight", "500")],
            &[("io.bfq.weight", "default 500")],
        );
    });
}

#[test]
fn only_what_is_given_changes() {
    conformance(|t| {
        let container = limited(t);
        changes(t, &container, &["--pids-limit", "50"]);
        assert_files(
            t,
            &container,
            &[
                ("memory.limit_in_bytes", "67108864"),
                ("cpu.shares", "512"),
                ("cpu.cfs_quota_us", "50000"),
                ("pids.max", "50"),
            ],
            &[
                ("memory.max", "67108864"),
                ("cpu.max", "50000 100000"),
                ("pids.max", "50"),
            ],
        );
    });
}

#[test]
fn flags_may_follow_the_id() {
    conformance(|t| {
        let container = limited(t);
        let _ = t
            .call(["update", &container.id, "--pids-limit", "9"])
            .expect_success();
        let files = [("pids.max", "9")];
        assert_files(t, &container, &files, &files);
    });
}

#[test]
fn nothing_given_changes_nothing() {
    conformance(|t| {
        let container = limited(t);
        changes(t, &container, &[]);
        let files = [("pids.max", "100")];
        assert_files(t, &container, &files, &files);
    });
}

/// Engines of old send it; no kernel of today has it.
#[test]
fn kernel_memory_is_ignored() {
    conformance(|t| {
        let container = limited(t);
        changes(
            t,
            &container,
            &["--kernel-memory", "1048576", "--pids-limit", "9"],
        );
        let files = [("pids.max", "9")];
        assert_files(t, &container, &files, &files);
    });
}
