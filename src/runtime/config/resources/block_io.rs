//! `linux.resources.blockIO`: weights and throttles.

use std::ops::RangeInclusive;

use super::numbers::{self, UNSIGNED};
use super::types::{BlockIo, Throttle, ThrottleKind, WeightDevice};
use crate::config::reader::Cursor;

/// The scale of v1 (blkio-controller.rst), which is also that of the specification.
const WEIGHTS: RangeInclusive<i128> = 10..=1_000;

const THROTTLES: [(&str, ThrottleKind); 4] = [
    ("throttleReadBpsDevice", ThrottleKind::ReadBps),
    ("throttleWriteBpsDevice", ThrottleKind::WriteBps),
    ("throttleReadIOPSDevice", ThrottleKind::ReadIops),
    ("throttleWriteIOPSDevice", ThrottleKind::WriteIops),
];

pub(super) fn read(resources: &Cursor) -> BlockIo {
    let Some(block_io) = resources.object("blockIO") else {
        return BlockIo::default();
    };
    let weight = |key| numbers::unless_zero(&block_io, key, WEIGHTS);
    let throttles = THROTTLES
        .iter()
        .flat_map(|(key, kind)| block_io.list(key, |entry| throttle(entry, *kind)));
    BlockIo {
        weight: weight("weight"),
        leaf_weight: weight("leafWeight"),
        weight_devices: block_io.list("weightDevice", weight_device),
        throttles: throttles.collect(),
    }
}

fn weight_device(entry: &Cursor) -> Option<WeightDevice> {
    if !entry.is_object() {
        return None;
    }
    let numbers = numbers::device_numbers(entry);
    let set = |key| entry.member(key).is_some_and(|weight| !weight.is_zero());
    if !set("weight") && !set("leafWeight") {
        entry.refuse("neither `weight` nor `leafWeight` is set");
    }
    let weight = numbers::unless_zero(entry, "weight", WEIGHTS);
    let leaf_weight = numbers::unless_zero(entry, "leafWeight", WEIGHTS);
    let (major, minor) = numbers?;
    Some(WeightDevice {
        major,
        minor,
        weight,
        leaf_weight,
    })
}

fn throttle(entry: &Cursor, kind: ThrottleKind) -> Option<Throttle> {
    if !entry.is_object() {
        return None;
    }
    let numbers = numbers::device_numbers(entry);
    let rate = entry
        .required("rate")
        .and_then(|rate| rate.integer(UNSIGNED));
    let (major, minor) = numbers?;
    Some(Throttle {
        kind,
        major,
        minor,
        rate: rate?,
        at: entry.at(),
    })
}
