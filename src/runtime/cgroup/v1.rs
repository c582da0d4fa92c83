//! What only cgroup v1 needs (cgroups(7), the kernel's admin-guide/cgroup-v1).

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use super::files::{is_gone, read, write};
use crate::sys;

/// A cpuset takes no process before it has CPUs and memory nodes: copies those of `parent` where
/// they are empty. With `cgroup.clone_children` the kernel has done so already.
pub(super) fn inherit_cpuset(parent: BorrowedFd<'_>, child: BorrowedFd<'_>) -> sys::Result<()> {
    const FILES: [&CStr; 2] = [c"cpuset.cpus", c"cpuset.mems"];
    for name in FILES {
        if read(child, name)?.trim().is_empty() {
            write(child, name, read(parent, name)?.trim())?;
        }
    }
    Ok(())
}

/// Whether a cgroup of the freezer is frozen or about to be, by itself or by one above.
pub(super) fn is_frozen(freezer: BorrowedFd<'_>) -> sys::Result<bool> {
    read(freezer, c"freezer.state").map(|state| state.trim() != "THAWED")
}

/// Whether every process of a cgroup of the freezer is frozen: not while it says FREEZING.
pub(super) fn is_settled(freezer: BorrowedFd<'_>) -> sys::Result<bool> {
    read(freezer, c"freezer.state").map(|state| state.trim() == "FROZEN")
}

/// Freezes: processes stop at their next return from the kernel, new ones are born frozen. A
/// cgroup that is gone has none.
pub(super) fn freeze(freezer: BorrowedFd<'_>) -> sys::Result<()> {
    set_state(freezer, "FROZEN")
}

/// Thaws: v1 lets a killed process die only then.
pub(super) fn thaw(freezer: BorrowedFd<'_>) -> sys::Result<()> {
    set_state(freezer, "THAWED")
}

fn set_state(freezer: BorrowedFd<'_>, state: &str) -> sys::Result<()> {
    match write(freezer, c"freezer.state", state) {
        Err(errno) if !is_gone(errno) => Err(errno),
        _ => Ok(()),
    }
}
