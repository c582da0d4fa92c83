//! What the memory controller says at a container's end: whether the OOM killer struck, and how
//! much memory it needed at most.
//!
//! Read before the cgroup is removed, and never a reason for a verb to fail. v1 counts only what
//! happened in the container's own cgroup; v2 also what happened below.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use serde::Serialize;

use super::files::{open_recorded, read};
use super::placement::Placement;

/// What is known of a container's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryUse {
    /// Whether the OOM killer has killed one of its processes.
    pub oom_killed: bool,
    /// Most bytes that it ever had; v2 tells since Linux 5.19.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<u64>,
}

/// Asks the memory controller; `None` without one, or when the cgroup is gone.
#[must_use]
pub fn memory_use(placement: &Placement) -> Option<MemoryUse> {
    let place = placement.v1("memory").or(placement.v2())?;
    let fd = open_recorded(place).ok()??;
    let (events, peak) = if place.is_v2() {
        (c"memory.events", c"memory.peak")
    } else {
        (c"memory.oom_control", c"memory.max_usage_in_bytes")
    };
    Some(MemoryUse {
        oom_killed: oom_kills(&read(fd.as_fd(), events).ok()?)? > 0,
        peak: number(fd.as_fd(), peak),
    })
}

/// The number of processes that the OOM killer killed, in memory.events or memory.oom_control
/// (there since Linux 4.13).
pub(super) fn oom_kills(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line?.trim().parse().ok()
}

fn number(fd: BorrowedFd<'_>, name: &CStr) -> Option<u64> {
    read(fd, name).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_in_both_files() {
        let v2 = "low 0\nhigh 0\nmax 11\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(oom_kills(v2), Some(2));
        let v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
        assert_eq!(oom_kills(v1), Some(1));
        for garbage in ["", "oom_kill", "oom_kill x\n", "oom_kill_disable 1\n"] {
            assert_eq!(oom_kills(garbage), None, "{garbage}");
        }
    }
}
