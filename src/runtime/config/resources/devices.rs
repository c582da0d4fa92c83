//! `linux.resources.devices`: the rules of the device cgroup.

use super::{DeviceAccess, DeviceRule};
use crate::config::linux::{DeviceKind, MAJORS, MINORS};
use crate::config::reader::Cursor;

const KINDS: [(&str, Option<DeviceKind>); 3] = [
    ("a", None),
    ("c", Some(DeviceKind::Char)),
    ("b", Some(DeviceKind::Block)),
];

pub(super) fn read(resources: &Cursor) -> Vec<DeviceRule> {
    resources.list("devices", rule)
}

fn rule(entry: &Cursor) -> Option<DeviceRule> {
    if !entry.is_object() {
        return None;
    }
    let allow = entry.required("allow").and_then(|allow| allow.boolean());
    let kind = match entry.text_at("type") {
        None => None,
        Some(_) => entry.member("type")?.word("unknown device type", &KINDS)?,
    };
    let major = number(entry, "major", *MAJORS.end());
    let minor = number(entry, "minor", *MINORS.end());
    let permissions = permissions(entry)?;
    Some(DeviceRule {
        access: if allow? {
            DeviceAccess::Allow
        } else {
            DeviceAccess::Deny
        },
        kind,
        major,
        minor,
        read: permissions.contains('r'),
        write: permissions.contains('w'),
        mknod: permissions.contains('m'),
        at: entry.at(),
    })
}

/// A device number; absent or −1 for all.
fn number(entry: &Cursor, key: &str, largest: i128) -> Option<u32> {
    let number: i64 = entry.integer_at(key, -1..=largest)?;
    u32::try_from(number).ok()
}

/// Absent permissions are all of them, as for the other fields that a rule may leave out.
fn permissions<'d>(entry: &Cursor<'d, '_>) -> Option<&'d str> {
    let Some(text) = entry.text_at("access") else {
        return Some("rwm");
    };
    if text.contains(|letter| !matches!(letter, 'r' | 'w' | 'm')) {
        entry.refuse_at(
            "access",
            format!("`{text}` is no combination of r, w and m"),
        );
        return None;
    }
    Some(text)
}
