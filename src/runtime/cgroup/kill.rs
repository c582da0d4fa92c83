//! Signals to every process of a container.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use super::files::{at, is_gone, open_recorded, write};
use super::life::{Pids, members};
use super::placement::Placement;
use super::{tree, v1};
use crate::error::{Doing, Error, Kind, Result};
use crate::sys;
use crate::sys::pidfd;

/// Most processes that are open at once.
const BATCH: usize = 128;
/// How often new processes are looked for when each is signalled by itself.
const PASSES_MAX: usize = 64;

/// Sends `signal` to every process of the container.
///
/// SIGKILL goes by `cgroup.kill` where there is a v2 hierarchy: at once, frozen or not. Else the
/// processes are signalled one by one until no new one appears, for SIGKILL under the v1 freezer.
///
/// # Errors
/// As kill(2); `Timeout` when new processes never cease to appear.
pub fn kill_all(placement: &Placement, signal: libc::c_int) -> Result<()> {
    if signal != libc::SIGKILL {
        return signal_each(placement, signal);
    }
    let freezer = match placement.v1("freezer") {
        Some(place) => open_recorded(place)?.map(|fd| (place, fd)),
        None => None,
    };
    let killed = if kill_v2(placement)? {
        Ok(())
    } else {
        if let Some((place, fd)) = &freezer {
            at(v1::freeze(fd.as_fd()), "freeze the cgroup", place)?;
        }
        signal_each(placement, signal)
    };
    // On every path: under v1 a killed process dies only when it is thawed.
    let thawed = freezer.map_or(Ok(()), |(place, fd)| {
        at(tree::thaw_v1(fd.as_fd()), "thaw the cgroup", place)
    });
    killed.and(thawed)
}

/// Whether the v2 hierarchy did it: cgroup.kill, since Linux 5.14.
fn kill_v2(placement: &Placement) -> Result<bool> {
    let Some(place) = placement.v2() else {
        return Ok(false);
    };
    let Some(fd) = open_recorded(place)? else {
        return Ok(false);
    };
    match write(fd.as_fd(), c"cgroup.kill", "1") {
        Err(errno) if is_gone(errno) => Ok(false),
        other => at(other, "kill the processes of the cgroup", place).map(|()| true),
    }
}

fn signal_each(placement: &Placement, signal: libc::c_int) -> Result<()> {
    let mut reached = Pids::new();
    for _ in 0..PASSES_MAX {
        let new: Vec<_> = members(placement)?.difference(&reached).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        for batch in new.chunks(BATCH) {
            signal_batch(placement, batch, signal)?;
        }
        reached.extend(new);
    }
    let what = format!("send signal {signal} to the container's processes");
    Err(Error::new(
        Kind::Timeout,
        what,
        "new processes never cease to appear",
    ))
}

/// Signals those of `pids` that are members. Opened first and looked up again after, so that a
/// pid which was taken over by a stranger in between is not hit.
fn signal_batch(placement: &Placement, pids: &[libc::pid_t], signal: libc::c_int) -> Result<()> {
    let processes: Vec<_> = pids
        .iter()
        .filter_map(|&pid| Some((pid, pidfd::open(pid).ok()?)))
        .collect();
    let members = members(placement)?;
    for (pid, process) in processes {
        match send_signal_to_member(&members, pid, &process, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            other => other.doing(format!("send signal {signal} to pid {pid}"))?,
        }
    }
    Ok(())
}

fn send_signal_to_member(
    members: &Pids,
    pid: libc::pid_t,
    process: &OwnedFd,
    signal: libc::c_int,
) -> sys::Result<()> {
    if members.contains(&pid) {
        pidfd::send_signal(process.as_fd(), signal)
    } else {
        Ok(())
    }
}
