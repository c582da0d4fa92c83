//! `linux.resources.rdma`: handles and objects by device.

use super::types::RdmaLimit;
use crate::config::reader::Cursor;

const NUMBERS: std::ops::RangeInclusive<i128> = 0..=u32::MAX as i128;

pub(super) fn read(resources: &Cursor) -> Vec<RdmaLimit> {
    resources.map("rdma", |device, entry| {
        if !entry.is_object() {
            return None;
        }
        if device.is_empty() || device.contains(|c: char| c == '/' || breaks_line(c)) {
            entry.refuse(format!("`{device}` is no name of an RDMA device"));
        }
        let set = |key| entry.member(key).is_some();
        if !set("hcaHandles") && !set("hcaObjects") {
            entry.refuse("neither `hcaHandles` nor `hcaObjects` is set");
        }
        Some(RdmaLimit {
            device: device.to_owned(),
            handles: entry.integer_at("hcaHandles", NUMBERS),
            objects: entry.integer_at("hcaObjects", NUMBERS),
            at: entry.at(),
        })
    })
}

/// The line for the kernel is `DEVICE KEY=VALUE …`.
fn breaks_line(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}
