//! Where a mount may be.

use super::MountKind;
use crate::config::path;
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// What may be covered inside /proc: the files that lxcfs and its like provide. Anything else
/// could redirect writes of the runtime itself (CVE-2019-16884, CVE-2025-52881).
const COVERABLE: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// The destination, absolute and cleaned.
pub(super) fn read(entry: &Cursor) -> Option<String> {
    let member = entry.required("destination")?;
    let written = member.text()?;
    if written.is_empty() {
        member.refuse("a mount needs a destination");
        return None;
    }
    if !written.starts_with('/') {
        // Deprecated since runtime-spec 1.0; runc takes it as from the root, with a warning.
        member.warn(&format!(
            "`{written}` is not an absolute path; taken as from `/`"
        ));
    }
    Some(path::clean(written))
}

/// What the path alone decides. A symbolic link to /proc is found out when it is opened.
pub(super) fn check(entry: &Cursor, destination: &str, kind: &MountKind) {
    let at = "destination";
    match (destination, kind) {
        ("/", MountKind::Remount { .. }) => {}
        ("/", _) => entry.refuse_at(at, "only a remount may have the root as its destination"),
        ("/proc", MountKind::Filesystem { fstype, .. }) if fstype != "proc" => {
            entry.refuse_at(
                at,
                format!("`{fstype}` may not cover `/proc`; only `proc` may"),
            );
        }
        ("/proc", MountKind::Cgroup) => {
            entry.refuse_at(at, "`cgroup` may not cover `/proc`; only `proc` may");
        }
        (path, _) if path.starts_with("/proc/") && !COVERABLE.contains(&path) => {
            entry.report(inside_proc(entry.at().key(at), path));
        }
        _ => {}
    }
}

fn inside_proc(at: Pointer, path: &str) -> crate::config::Fault {
    let fault = crate::config::Fault::invalid(
        at,
        format!("`{path}` cannot be mounted because it is inside /proc"),
    );
    fault.hint("`linux.maskedPaths` and `linux.readonlyPaths` cover what /proc shows")
}
