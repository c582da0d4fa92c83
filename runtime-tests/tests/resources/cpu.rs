//! `cpu`: weights, bandwidth, realtime, and the CPUs and memory nodes.

use crate::{Row, assert_files, assert_rows, controller, only_with_files};
use runtime_tests::{Test, Version, conformance, json, test};

fn assert_cpu(t: &Test, rows: &[Row<'_>]) {
    assert_rows(t, &controller(t, "cpu", "cpu"), rows);
}

#[test]
fn shares_become_weights() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"cpu": {"shares": 512}}),
                v1: &["cpu.shares=512"],
                v2: &["cpu.weight=59"],
            },
            Row {
                resources: json!({"cpu": {"shares": 1024}}),
                v1: &["cpu.shares=1024"],
                v2: &["cpu.weight=100"],
            },
            Row {
                resources: json!({"cpu": {"shares": 2}}),
                v1: &["cpu.shares=2"],
                v2: &["cpu.weight=1"],
            },
            Row {
                resources: json!({"cpu": {"shares": 262_144}}),
                v1: &["cpu.shares=262144"],
                v2: &["cpu.weight=10000"],
            },
            Row {
                resources: json!({"cpu": {"shares": 0}}),
                v1: &["cpu.shares=1024"],
                v2: &["cpu.weight=100"],
            },
        ];
        assert_cpu(t, &rows);
    });
}

#[test]
fn shares_beyond_the_kernels_range_are_its_ends() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"cpu": {"shares": 1}}),
                v1: &["cpu.shares=2"],
                v2: &["cpu.weight=1"],
            },
            Row {
                resources: json!({"cpu": {"shares": 1_000_000}}),
                v1: &["cpu.shares=262144"],
                v2: &["cpu.weight=10000"],
            },
        ];
        assert_cpu(t, &rows);
    });
}

#[test]
fn quota_and_period() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"cpu": {"quota": 50_000, "period": 200_000}}),
                v1: &["cpu.cfs_quota_us=50000", "cpu.cfs_period_us=200000"],
                v2: &["cpu.max=50000 200000"],
            },
            Row {
                resources: json!({"cpu": {"quota": 20_000}}),
                v1: &["cpu.cfs_quota_us=20000", "cpu.cfs_period_us=100000"],
                v2: &["cpu.max=20000 100000"],
            },
            Row {
                resources: json!({"cpu": {"period": 50_000}}),
                v1: &["cpu.cfs_quota_us=-1", "cpu.cfs_period_us=50000"],
                v2: &["cpu.max=max 50000"],
            },
            Row {
                resources: json!({"cpu": {"quota": -1}}),
                v1: &["cpu.cfs_quota_us=-1"],
                v2: &["cpu.max=max 100000"],
            },
            // More than one CPU, in the shortest period.
            Row {
                resources: json!({"cpu": {"quota": 4000, "period": 1000}}),
                v1: &["cpu.cfs_quota_us=4000", "cpu.cfs_period_us=1000"],
                v2: &["cpu.max=4000 1000"],
            },
        ];
        assert_cpu(t, &rows);
    });
}

#[test]
fn burst() {
    conformance(|t| {
        let rows = [Row {
            resources: json!({"cpu": {"quota": 50_000, "period": 100_000, "burst": 20_000}}),
            v1: &["cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=20000"],
            v2: &["cpu.max=50000 100000", "cpu.max.burst=20000"],
        }];
        assert_cpu(t, &rows);
    });
}

#[test]
fn idle() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"cpu": {"idle": 1}}),
                v1: &["cpu.idle=1"],
                v2: &["cpu.idle=1"],
            },
            Row {
                resources: json!({"cpu": {"idle": 0, "shares": 512}}),
                v1: &["cpu.idle=0", "cpu.shares=512"],
                v2: &["cpu.idle=0", "cpu.weight=59"],
            },
        ];
        assert_cpu(t, &rows);
    });
}

/// The kernel refuses a weight for an idle cgroup.
#[test]
fn idle_beside_shares() {
    conformance(|t| {
        let rows = [Row {
            resources: json!({"cpu": {"idle": 1, "shares": 512}}),
            v1: &["cpu.idle=1"],
            v2: &["cpu.idle=1"],
        }];
        assert_cpu(t, &rows);
    });
}

/// The cgroup above must have realtime bandwidth to give: that is the root's.
#[test]
fn realtime_bandwidth() {
    conformance(|t| {
        let cpu = controller(t, "cpu", "cpu");
        if cpu.version == Version::V2 {
            t.skip("not a matter of V2");
        }
        let lines = ["cpu.rt_runtime_us=1000", "cpu.rt_period_us=500000"];
        only_with_files(t, &cpu, &lines);
        let path = format!("/{}-realtime", test::token());
        let resources = json!({"cpu": {"realtimeRuntime": 1000, "realtimePeriod": 500_000}});
        let bundle = t
            .bundle()
            .set("/linux/cgroupsPath", json!(path))
            .set("/linux/resources", resources.clone());
        assert_files(&cpu, &t.create(&bundle), &lines, &resources);
    });
}

#[test]
fn cpus_and_memory_nodes() {
    conformance(|t| {
        let rows = [
            Row {
                resources: json!({"cpu": {"cpus": "0", "mems": "0"}}),
                v1: &["cpuset.cpus=0", "cpuset.mems=0"],
                v2: &["cpuset.cpus=0", "cpuset.mems=0"],
            },
            Row {
                resources: json!({"cpu": {"cpus": "0,0-0"}}),
                v1: &["cpuset.cpus=0"],
                v2: &["cpuset.cpus=0"],
            },
            Row {
                resources: json!({"cpu": {"mems": "0"}}),
                v1: &["cpuset.mems=0"],
                v2: &["cpuset.mems=0"],
            },
        ];
        assert_rows(t, &controller(t, "cpuset", "cpuset"), &rows);
    });
}
