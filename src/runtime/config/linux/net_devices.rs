//! `linux.netDevices` (runtime-spec 1.3).

use std::collections::HashMap;

use crate::config::namespaces::{NamespaceKind, Namespaces};
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// One entry of `linux.netDevices`: moved from the runtime's network namespace.
#[derive(Clone, Debug)]
pub struct NetDevice {
    /// Name on the host.
    pub host_name: String,
    /// Name in the container; may hold one `%d`. The host's name where absent.
    pub name: String,
    /// Where it stands.
    pub at: Pointer,
}

pub(in crate::config) fn read(linux: &Cursor, namespaces: &Namespaces) -> Vec<NetDevice> {
    let mut places: HashMap<String, Pointer> = HashMap::new();
    let devices = linux.map("netDevices", |host_name, entry| {
        let device = net_device(host_name, entry)?;
        let template = device.name.contains('%');
        let other = places.insert(device.name.clone(), device.at.clone());
        if let Some(other) = other.filter(|_| !template) {
            entry.refuse(format!("`{}` is also the name of {other}", device.name));
        }
        Some(device)
    });
    if !devices.is_empty()
        && !namespaces.has(NamespaceKind::Network)
        && let Some(member) = linux.member("netDevices")
    {
        member.refuse_with_hint(
            "network devices can only be moved into a network namespace",
            "add {\"type\": \"network\"} to /linux/namespaces",
        );
    }
    devices
}

fn net_device(host_name: &str, entry: &Cursor) -> Option<NetDevice> {
    if !entry.is_object() {
        return None;
    }
    if let Some(why) = name_fault(host_name) {
        entry.refuse(format!("`{host_name}` is no interface name: {why}"));
    } else if host_name.contains('%') {
        entry.refuse(format!(
            "`{host_name}` is no interface name: it holds a `%`"
        ));
    }
    let name = entry.text_at("name").unwrap_or(host_name);
    if name != host_name
        && let Some(why) = name_fault(name).or_else(|| template_fault(name))
    {
        entry.refuse_at("name", format!("`{name}` is no interface name: {why}"));
    }
    Some(NetDevice {
        host_name: host_name.to_owned(),
        name: name.to_owned(),
        at: entry.at(),
    })
}

/// What the kernel's `dev_valid_name` refuses.
pub(in crate::config) fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() >= libc::IFNAMSIZ {
        Some("it is longer than 15 bytes")
    } else if matches!(name, "." | "..") {
        Some("it is a directory")
    } else if name.contains(['/', ':']) {
        Some("it holds a `/` or `:`")
    } else if name.contains(|c: char| c.is_ascii_whitespace() || c == '\x0b') {
        Some("it holds white space")
    } else {
        None
    }
}

/// `%d` stands for the first free number; nothing else with `%` means anything.
fn template_fault(name: &str) -> Option<&'static str> {
    let (_, rest) = name.split_once('%')?;
    let well_formed = rest.starts_with('d') && !rest.contains('%');
    (!well_formed).then_some("a `%` may only stand in one `%d`")
}
