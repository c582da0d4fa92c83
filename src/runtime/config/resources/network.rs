//! `linux.resources.network`: class and priorities of packets, which only v1 has.

use super::numbers;
use super::types::{Network, NetworkPriority};
use crate::config::linux::interface_name_fault;
use crate::config::reader::Cursor;

const NUMBERS: std::ops::RangeInclusive<i128> = 0..=u32::MAX as i128;

pub(super) fn read(resources: &Cursor) -> Network {
    let Some(network) = resources.object("network") else {
        return Network::default();
    };
    Network {
        class_id: numbers::unless_zero(&network, "classID", NUMBERS),
        priorities: network.list("priorities", priority),
    }
}

fn priority(entry: &Cursor) -> Option<NetworkPriority> {
    if !entry.is_object() {
        return None;
    }
    let name = entry.required("name").and_then(|name| interface(&name));
    let priority = entry
        .required("priority")
        .and_then(|priority| priority.integer(NUMBERS));
    Some(NetworkPriority {
        name: name?,
        priority: priority?,
        at: entry.at(),
    })
}

fn interface(member: &Cursor) -> Option<String> {
    let name = member.text()?;
    if let Some(why) = interface_name_fault(name) {
        member.refuse(format!("`{name}` is no interface name: {why}"));
        return None;
    }
    Some(name.to_owned())
}
