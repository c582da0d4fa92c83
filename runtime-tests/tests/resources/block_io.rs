//! `blockIO`: weights, where a scheduler has them, and throttles.

use crate::{Row, assert_rows, controller};
use runtime_tests::{BlockDevice, Controller, Test, Value, conformance, json};
use std::fs;

fn io(t: &Test) -> Controller {
    controller(t, "blkio", "io")
}

/// BFQ has files of its own; the first that exist are taken.
fn has_bfq(io: &Controller) -> bool {
    io.has_file("blkio.bfq.weight") || io.has_file("io.bfq.weight")
}

#[test]
fn weight() {
    conformance(|t| {
        let io = io(t);
        let bfq = has_bfq(&io);
        for (weight, of_bfq, of_v1, of_v2) in [
            (10, "10", "10", "default 1"),
            (500, "500", "500", "default 4950"),
            (1000, "1000", "1000", "default 10000"),
        ] {
            let [v1, v2] = if bfq {
                [
                    format!("blkio.bfq.weight={of_bfq}"),
                    format!("io.bfq.weight=default {of_bfq}"),
                ]
            } else {
                [
                    format!("blkio.weight={of_v1}"),
                    format!("io.weight={of_v2}"),
                ]
            };
            let row = Row {
                resources: json!({"blockIO": {"weight": weight}}),
                v1: &[&v1],
                v2: &[&v2],
            };
            assert_rows(t, &io, &[row]);
        }
    });
}

/// moby sends it for every container.
#[test]
fn a_weight_of_zero_is_unset() {
    conformance(|t| {
        let io = io(t);
        let resources = json!({"blockIO": {"weight": 0}});
        let unlimited = t.create(&t.bundle());
        let container = t.create(&t.bundle().set("/linux/resources", resources));
        let weight = |pid| {
            let files = [
                "blkio.bfq.weight",
                "blkio.weight",
                "io.bfq.weight",
                "io.weight",
            ];
            files.map(|file| fs::read_to_string(io.cgroup_of(pid).join(file)).ok())
        };
        assert_eq!(weight(container.pid), weight(unlimited.pid));
    });
}

#[test]
fn weight_of_a_device() {
    conformance(|t| {
        let io = io(t);
        let device = BlockDevice::new(t).with_bfq(t);
        let entry = json!({"major": device.major, "minor": device.minor, "weight": 300});
        let number = device.number();
        let rows = [Row {
            resources: json!({"blockIO": {"weight": 200, "weightDevice": [entry]}}),
            v1: &[&format!("blkio.bfq.weight_device={number} 300")],
            v2: &[
                "io.bfq.weight=default 200",
                &format!("io.bfq.weight={number} 300"),
            ],
        }];
        assert_rows(t, &io, &rows);
    });
}

fn throttle(device: &BlockDevice, rate: u64) -> Value {
    json!([{"major": device.major, "minor": device.minor, "rate": rate}])
}

#[test]
fn each_throttle() {
    conformance(|t| {
        let io = io(t);
        let device = BlockDevice::new(t);
        let number = device.number();
        for (field, file, keys) in [
            (
                "throttleReadBpsDevice",
                "read_bps_device",
                "rbps=1048576 wbps=max riops=max wiops=max",
            ),
            (
                "throttleWriteBpsDevice",
                "write_bps_device",
                "rbps=max wbps=1048576 riops=max wiops=max",
            ),
            (
                "throttleReadIOPSDevice",
                "read_iops_device",
                "rbps=max wbps=max riops=1048576 wiops=max",
            ),
            (
                "throttleWriteIOPSDevice",
                "write_iops_device",
                "rbps=max wbps=max riops=max wiops=1048576",
            ),
        ] {
            let row = Row {
                resources: json!({"blockIO": {field: throttle(&device, 1_048_576)}}),
                v1: &[&format!("blkio.throttle.{file}={number} 1048576")],
                v2: &[&format!("io.max={number} {keys}")],
            };
            assert_rows(t, &io, &[row]);
        }
    });
}

#[test]
fn all_throttles_of_several_devices() {
    conformance(|t| {
        let io = io(t);
        let devices = [BlockDevice::new(t), BlockDevice::new(t)];
        let list = |rate: u64| -> Value {
            let entry = |d: &BlockDevice| json!({"major": d.major, "minor": d.minor, "rate": rate});
            devices.iter().map(entry).collect()
        };
        let [a, b] = devices.each_ref().map(BlockDevice::number);
        let all = "rbps=65536 wbps=131072 riops=100 wiops=200";
        let rows = [Row {
            resources: json!({"blockIO": {
                "throttleReadBpsDevice": list(65_536), "throttleWriteBpsDevice": list(131_072),
                "throttleReadIOPSDevice": list(100), "throttleWriteIOPSDevice": list(200),
            }}),
            v1: &[
                &format!("blkio.throttle.read_bps_device={a} 65536"),
                &format!("blkio.throttle.read_bps_device={b} 65536"),
                &format!("blkio.throttle.write_bps_device={b} 131072"),
                &format!("blkio.throttle.read_iops_device={a} 100"),
                &format!("blkio.throttle.write_iops_device={b} 200"),
            ],
            v2: &[&format!("io.max={a} {all}"), &format!("io.max={b} {all}")],
        }];
        assert_rows(t, &io, &rows);
    });
}
