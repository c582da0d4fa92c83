//! `linux.devices`.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::config::path;
use crate::config::process::id;
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// What kind of node a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// `c` or `u`
    Char,
    /// `b`
    Block,
    /// `p`
    Fifo,
}

/// One entry of `linux.devices`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Absolute, cleaned path in the container.
    pub path: String,
    /// Node type.
    pub kind: DeviceKind,
    /// Major number; 0 for a FIFO.
    pub major: u32,
    /// Minor number; 0 for a FIFO.
    pub minor: u32,
    /// Permission bits; 0666 where absent.
    pub mode: u32,
    /// Owner in the container; 0 where absent.
    pub uid: u32,
    /// Group in the container; 0 where absent.
    pub gid: u32,
    /// Where it stands.
    pub at: Pointer,
}

/// The kernel's device numbers have 12 bits for the major (include/linux/kdev_t.h) …
pub(in crate::config) const MAJORS: RangeInclusive<i128> = 0..=4095;
/// … and 20 bits for the minor.
pub(in crate::config) const MINORS: RangeInclusive<i128> = 0..=1_048_575;

const KINDS: [(&str, DeviceKind); 4] = [
    ("c", DeviceKind::Char),
    ("u", DeviceKind::Char),
    ("b", DeviceKind::Block),
    ("p", DeviceKind::Fifo),
];

pub(in crate::config) fn read(linux: &Cursor) -> Vec<Device> {
    let mut seen: HashMap<String, Device> = HashMap::new();
    linux.list("devices", |entry| {
        let device = device(entry)?;
        let Some(other) = seen.get(&device.path) else {
            seen.insert(device.path.clone(), device.clone());
            return Some(device);
        };
        if !same_node(other, &device) {
            let (path, place) = (&device.path, &other.at);
            entry.refuse(format!("`{path}` is another device in {place}"));
        }
        None
    })
}

/// Whether two entries differ in nothing but their place.
fn same_node(one: &Device, other: &Device) -> bool {
    *one == Device {
        at: one.at.clone(),
        ..other.clone()
    }
}

fn device(entry: &Cursor) -> Option<Device> {
    if !entry.is_object() {
        return None;
    }
    let kind = entry
        .required("type")
        .and_then(|kind| kind.word("unknown device type", &KINDS));
    let path = device_path(entry);
    let kind = kind?;
    let (major, minor) = match kind {
        DeviceKind::Fifo => (Some(0), Some(0)),
        _ => (
            entry
                .required("major")
                .and_then(|number| number.integer(MAJORS)),
            entry
                .required("minor")
                .and_then(|number| number.integer(MINORS)),
        ),
    };
    Some(Device {
        mode: mode(entry, kind),
        uid: id(entry, "uid"),
        gid: id(entry, "gid"),
        at: entry.at(),
        path: path?,
        kind,
        major: major?,
        minor: minor?,
    })
}

fn device_path(entry: &Cursor) -> Option<String> {
    let member = entry.required("path")?;
    let written = member.text()?;
    let cleaned = path::clean(written);
    if !written.starts_with('/') {
        member.refuse(format!("`{written}` is not an absolute path"));
    } else if cleaned == "/" {
        member.refuse("the root cannot be a device");
    } else {
        return Some(cleaned);
    }
    None
}

/// Permissions; engines that copy `st_mode` send the file type with them.
fn mode(entry: &Cursor, kind: DeviceKind) -> u32 {
    let mode: u32 = entry.integer_at("fileMode", 0..=0o177_777).unwrap_or(0o666);
    let file_type = match kind {
        DeviceKind::Char => libc::S_IFCHR,
        DeviceKind::Block => libc::S_IFBLK,
        DeviceKind::Fifo => libc::S_IFIFO,
    };
    let written = mode & libc::S_IFMT;
    if written != 0 && written != file_type {
        entry.refuse_at(
            "fileMode",
            format!("{mode:o} (octal) is of another file type"),
        );
    }
    mode & !libc::S_IFMT
}
