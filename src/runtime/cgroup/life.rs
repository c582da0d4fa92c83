//! The life of a container's cgroups after `launch`: who is in them, killing, waiting, removal.
//!
//! Works on the recorded [`Placement`] alone, and never on a cgroup that has another id than the
//! recorded one. A cgroup that is gone (removed by systemd, or an earlier delete) is no error:
//! nobody is in it. Every wait has a deadline, and its error names who is in the way.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::files::{
    at, c_string, is_gone, open_file, open_parent, open_recorded, read_open, write,
};
use super::placement::{Directory, Placement};
use super::{holders, tree, v1};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys;
use crate::sys::cgroup::{Event, remove_dir, wait_any};
use crate::sys::pidfd;

/// Most processes that are signalled, or waited for, at once: bounds the open descriptors.
const BATCH: usize = 128;
/// How often new processes are looked for when each is signalled by itself.
const PASSES_MAX: usize = 64;
/// First and longest pause between two looks where the kernel tells of no event.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

type Pids = BTreeSet<libc::pid_t>;

/// The container's processes, those of cgroups below its own included, in ascending order.
///
/// # Errors
/// As open(2) and read(2); a cgroup that is gone has none.
pub fn pids(placement: &Placement) -> Result<Vec<libc::pid_t>> {
    Ok(members(placement)?
        .into_iter()
        .filter(|pid| *pid > 0)
        .collect())
}

/// Whether the container is frozen: by the v1 freezer or in the v2 hierarchy.
///
/// # Errors
/// As open(2) and read(2); a cgroup that is gone is not frozen.
pub fn is_frozen(placement: &Placement) -> Result<bool> {
    for place in [placement.v2(), placement.v1("freezer")]
        .into_iter()
        .flatten()
    {
        let Some(fd) = open_recorded(place)? else {
            continue;
        };
        match frozen(place, fd.as_fd()) {
            Ok(false) => {}
            Err(errno) if is_gone(errno) => {}
            other => return at(other, "look at the cgroup's state", place),
        }
    }
    Ok(false)
}

/// Whether one cgroup is frozen; only the v2 hierarchy and the freezer know.
pub(super) fn frozen(place: &Directory, fd: BorrowedFd<'_>) -> sys::Result<bool> {
    if place.is_v2() {
        super::files::read(fd, c"cgroup.events").map(|events| has_line(&events, "frozen 1"))
    } else if place.controls("freezer") {
        v1::is_frozen(fd)
    } else {
        Ok(false)
    }
}

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
        at(v1::thaw(fd.as_fd()), "thaw the cgroup", place)
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

/// Waits until no process is left in the container's cgroups.
///
/// # Errors
/// `Timeout` after the deadline, naming the processes with their state.
pub fn wait_empty(placement: &Placement, deadline: Instant) -> Result<()> {
    let mut wait = Wait::until(deadline);
    loop {
        let pids = members(placement)?;
        if pids.is_empty() {
            return Ok(());
        }
        let place = placement.v2().or(placement.directories.first());
        wait.for_change(placement.v2(), &pids)
            .map_err(|error| match place {
                Some(place) => error.at(std::path::Path::new(&place.host_path())),
                None => error,
            })
            .during("wait for the container's processes to end")?;
    }
}

/// Removes the container's cgroups and those below them; parents stay, as runc leaves them.
///
/// # Errors
/// `Timeout` when a cgroup is busy until the deadline, naming who holds it; or what rmdir(2)
/// refused. The others are removed nevertheless.
pub fn remove(placement: &Placement, deadline: Instant) -> Result<()> {
    let mut outcome = Ok(());
    for place in &placement.directories {
        let removed = remove_one(place, deadline);
        outcome = outcome.and(removed);
    }
    outcome
}

fn remove_one(place: &Directory, deadline: Instant) -> Result<()> {
    const WHAT: &str = "remove the cgroup";
    let Some(fd) = open_recorded(place)? else {
        return Ok(());
    };
    let name = place.path.rsplit('/').next().unwrap_or_default();
    let name = at(c_string(name), WHAT, place)?;
    let parent = at(open_parent(fd.as_fd()), WHAT, place)?;
    let mut wait = Wait::until(deadline);
    while !at(try_remove(parent.as_fd(), &name, fd.as_fd()), WHAT, place)? {
        let pids = at(members_of(fd.as_fd()), WHAT, place)?;
        wait.for_change(Some(place), &pids)
            .at(std::path::Path::new(&place.host_path()))
            .during(WHAT)?;
    }
    Ok(())
}

/// Whether the cgroup `fd`, called `name` in `parent`, is gone with all below it; not while it
/// is busy.
fn try_remove(parent: BorrowedFd<'_>, name: &CStr, fd: BorrowedFd<'_>) -> sys::Result<bool> {
    // Most containers have made none below.
    if is_removed(remove_dir(parent, name))? {
        return Ok(true);
    }
    match tree::remove_below(fd) {
        // More than one walk takes: the next look goes on with the rest.
        Err(Errno::E2BIG) => return Ok(false),
        Err(errno) if is_gone(errno) => {}
        other => other?,
    }
    is_removed(remove_dir(parent, name))
}

fn is_removed(removed: sys::Result<()>) -> sys::Result<bool> {
    match removed {
        Err(Errno::EBUSY) => Ok(false),
        Err(errno) if !is_gone(errno) => Err(errno),
        _ => Ok(true),
    }
}

/// A wait with a deadline for a change in who is in a cgroup.
struct Wait {
    deadline: Instant,
    pause: Duration,
    last: Pids,
}

impl Wait {
    fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            pause: PAUSE.0,
            last: Pids::new(),
        }
    }

    /// Returns after a change, or a pause that grows while there is none.
    fn for_change(&mut self, place: Option<&Directory>, pids: &Pids) -> Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(Kind::Timeout, "", holders::describe(pids)));
        }
        let is_stuck = self.last == *pids;
        self.pause = if is_stuck { self.pause * 2 } else { PAUSE.0 }.min(PAUSE.1);
        self.last.clone_from(pids);
        let pause = self.pause.min(left);
        let happened = match place.filter(|place| place.is_v2()) {
            Some(place) => wait_populated(place, left)?,
            None => wait_ended(pids, pause)?,
        };
        if happened && is_stuck {
            // The event changed nothing: such as a process that ended and is still listed.
            wait_any(&[], Event::Changed, pause).doing("wait")?;
        }
        Ok(())
    }
}

/// Waits for a change of cgroup.events while it says `populated 1`.
fn wait_populated(place: &Directory, timeout: Duration) -> Result<bool> {
    let Some(fd) = open_recorded(place)? else {
        return Ok(true);
    };
    let waited = open_file(fd.as_fd(), c"cgroup.events", libc::O_RDONLY).and_then(|events| {
        // The event counts from this read on, so that none is missed.
        if has_line(&read_open(events.as_fd())?, "populated 0") {
            return Ok(true);
        }
        wait_any(&[events.as_fd()], Event::Changed, timeout)
    });
    match waited {
        Err(errno) if is_gone(errno) => Ok(true),
        other => at(other, "wait for cgroup.events", place),
    }
}

/// Waits until one of the processes has ended. v1 tells of no event of a cgroup itself.
fn wait_ended(pids: &Pids, timeout: Duration) -> Result<bool> {
    let open = |&pid: &libc::pid_t| pidfd::open(pid).ok();
    let processes: Vec<OwnedFd> = pids.iter().take(BATCH).filter_map(open).collect();
    if processes.is_empty() && !pids.is_empty() {
        return Ok(true);
    }
    let fds: Vec<_> = processes.iter().map(AsFd::as_fd).collect();
    wait_any(&fds, Event::Ended, timeout).doing("wait for processes")
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|candidate| candidate == line)
}

/// Processes of the container. Every process of it is in the v2 cgroup from birth, where there
/// is one; else those of all v1 cgroups together, for one may have entered only some yet.
fn members(placement: &Placement) -> Result<Pids> {
    let mut pids = Pids::new();
    if let Some(place) = placement.v2()
        && let Some(fd) = open_recorded(place)?
    {
        return list(place, fd.as_fd());
    }
    for place in placement.directories.iter().filter(|place| !place.is_v2()) {
        if let Some(fd) = open_recorded(place)? {
            pids.extend(list(place, fd.as_fd())?);
        }
    }
    Ok(pids)
}

fn list(place: &Directory, fd: BorrowedFd<'_>) -> Result<Pids> {
    at(members_of(fd), "list the processes of the cgroup", place)
}

fn members_of(fd: BorrowedFd<'_>) -> sys::Result<Pids> {
    match tree::pids(fd) {
        Err(errno) if is_gone(errno) => Ok(Pids::new()),
        other => other,
    }
}
