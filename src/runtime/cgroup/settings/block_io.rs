//! `blockIO`: the controller io, in v1 blkio (cgroup-v2.rst; block/bfq-iosched.rst).

use super::convert::io_weight;
use super::{Controller, Draft, Home, Need, Write};
use crate::config::Field;
use crate::config::resources::types::{BlockIo, Throttle, ThrottleKind, WeightDevice};

const V1: Controller = Controller::v1("blkio");
const V2: Controller = Controller::v2("io");

pub(super) fn add(draft: &mut Draft<'_>, block_io: &BlockIo) {
    let Some(home) = draft.home("blkio") else {
        return refuse_all(draft, block_io);
    };
    if let Some(weight) = &block_io.weight {
        add_weight(draft, home, weight);
    }
    if let Some(weight) = &block_io.leaf_weight {
        add_leaf_weight(draft, home, weight, String::new());
    }
    for device in &block_io.weight_devices {
        add_weight_device(draft, home, device);
    }
    for throttle in &block_io.throttles {
        add_throttle(draft, home, throttle);
    }
}

/// BFQ has files of its own, and so had CFQ.
fn add_weight(draft: &mut Draft<'_>, home: Home, weight: &Field<u16>) {
    let value = weight.value;
    let (controller, writes) = match home {
        Home::V1 => (
            V1,
            vec![
                Write::new("blkio.bfq.weight", value),
                Write::new("blkio.weight", value),
            ],
        ),
        Home::V2 => (
            V2,
            vec![
                Write::new("io.bfq.weight", value),
                Write::new("io.weight", io_weight(value)),
            ],
        ),
    };
    draft.set_first(controller, Need::Required, &weight.at, writes);
}

fn add_leaf_weight(draft: &mut Draft<'_>, home: Home, weight: &Field<u16>, device: String) {
    if home == Home::V2 {
        let why = "the controller `io` of cgroup v2 has no weight of its leaves";
        return draft.refuse(&weight.at, why);
    }
    let write = if device.is_empty() {
        Write::new("blkio.leaf_weight", weight.value)
    } else {
        Write::new(
            "blkio.leaf_weight_device",
            format!("{device} {}", weight.value),
        )
    };
    draft.set(V1, Need::Required, &weight.at, write);
}

fn add_weight_device(draft: &mut Draft<'_>, home: Home, device: &WeightDevice) {
    let number = format!("{}:{}", device.major, device.minor);
    if let Some(weight) = &device.weight {
        let line = |weight: u64| format!("{number} {weight}");
        let (controller, writes) = match home {
            Home::V1 => (
                V1,
                vec![
                    Write::new("blkio.bfq.weight_device", line(weight.value.into())),
                    Write::new("blkio.weight_device", line(weight.value.into())),
                ],
            ),
            Home::V2 => (
                V2,
                vec![
                    Write::new("io.bfq.weight", line(weight.value.into())),
                    Write::new("io.weight", line(io_weight(weight.value))),
                ],
            ),
        };
        draft.set_first(controller, Need::Required, &weight.at, writes);
    }
    if let Some(weight) = &device.leaf_weight {
        add_leaf_weight(draft, home, weight, number);
    }
}

fn add_throttle(draft: &mut Draft<'_>, home: Home, throttle: &Throttle) {
    let number = format!("{}:{}", throttle.major, throttle.minor);
    let (file, key) = match throttle.kind {
        ThrottleKind::ReadBps => ("blkio.throttle.read_bps_device", "rbps"),
        ThrottleKind::WriteBps => ("blkio.throttle.write_bps_device", "wbps"),
        ThrottleKind::ReadIops => ("blkio.throttle.read_iops_device", "riops"),
        ThrottleKind::WriteIops => ("blkio.throttle.write_iops_device", "wiops"),
    };
    let rate = throttle.rate;
    let (controller, write) = match home {
        Home::V1 => (V1, Write::new(file, format!("{number} {rate}"))),
        Home::V2 if rate == 0 => (V2, Write::new("io.max", format!("{number} {key}=max"))),
        Home::V2 => (V2, Write::new("io.max", format!("{number} {key}={rate}"))),
    };
    draft.set(controller, Need::unless(rate == 0), &throttle.at, write);
}

fn refuse_all(draft: &mut Draft<'_>, block_io: &BlockIo) {
    let devices = block_io.weight_devices.iter();
    let of_devices = devices.flat_map(|device| [&device.weight, &device.leaf_weight]);
    let weights = [&block_io.weight, &block_io.leaf_weight];
    for field in weights.into_iter().chain(of_devices).flatten() {
        draft.refuse_homeless("blkio", Need::Required, &field.at);
    }
    for throttle in &block_io.throttles {
        draft.refuse_homeless("blkio", Need::unless(throttle.rate == 0), &throttle.at);
    }
}
