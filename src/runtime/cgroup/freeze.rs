//! Freezing a container's processes and thawing them.
//!
//! Under cgroup v2 the kernel does it and tells by an event on cgroup.events. The v1 freezer tells
//! of nothing: there the state is read again after pauses, and since a process that is made during
//! the freeze can keep it from ending, the cgroup is thawed and frozen again now and then. Where
//! there are both, the v1 freezer is used: engines and runc look there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{
    at, has_line, is_gone, open_file, open_parent, open_recorded, read, read_open, write,
};
use super::life::{frozen, members_of};
use super::placement::{Directory, Placement};
use super::{holders, v1};
use crate::error::{Error, Kind, Result};
use crate::sys;
use crate::sys::cgroup::{Event, wait_any};

const FREEZE: &str = "freeze the container's processes";
const THAW: &str = "thaw the container's processes";

/// First and longest pause between two looks at the v1 freezer.
const PAUSE: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(10));
/// After so many looks a v1 cgroup is thawed, to be frozen anew.
const LOOKS: u32 = 32;

/// Freezes all processes of the container, and returns once they are.
///
/// # Errors
/// `Timeout` after the deadline, naming those that do not freeze; `Unsupported` without a cgroup
/// to freeze; what the kernel refused. The container is thawed again then.
pub fn freeze(placement: &Placement, deadline: Instant) -> Result<()> {
    let (place, fd) = freezer(placement)?;
    let done = if place.is_v2() {
        freeze_v2(fd.as_fd(), deadline)
    } else {
        freeze_v1(fd.as_fd(), deadline)
    };
    let outcome = match at(done, FREEZE, place) {
        Ok(true) => return Ok(()),
        Ok(false) => Err(unfrozen(place, fd.as_fd())),
        Err(error) => Err(error),
    };
    // The failure itself is the one to tell.
    let _ = let_go(place, fd.as_fd());
    outcome
}

/// Thaws the container's processes in every hierarchy where they are frozen.
///
/// # Errors
/// When a cgroup above keeps them frozen; `Timeout` after the deadline; what the kernel refused.
pub fn thaw(placement: &Placement, deadline: Instant) -> Result<()> {
    for place in [placement.v1("freezer"), placement.v2()]
        .into_iter()
        .flatten()
    {
        let Some(fd) = open_recorded(place)? else {
            continue;
        };
        at(let_go(place, fd.as_fd()), THAW, place)?;
        if !at(wait_thawed(place, fd.as_fd(), deadline), THAW, place)? {
            return Err(still_frozen(place, fd.as_fd()));
        }
    }
    Ok(())
}

/// Whether cgroup v2 was asked to freeze the container and need not be done yet.
///
/// # Errors
/// As open(2) and read(2); a cgroup that is gone is not frozen.
pub fn is_freezing(placement: &Placement) -> Result<bool> {
    let Some(place) = placement.v2() else {
        return Ok(false);
    };
    let Some(fd) = open_recorded(place)? else {
        return Ok(false);
    };
    match read(fd.as_fd(), c"cgroup.freeze") {
        Err(errno) if is_gone(errno) => Ok(false),
        other => at(other, "look at the cgroup's state", place).map(|text| text.trim() == "1"),
    }
}

/// The cgroup that freezes the container.
fn freezer(placement: &Placement) -> Result<(&Directory, OwnedFd)> {
    let Some(place) = placement.v1("freezer").or(placement.v2()) else {
        let why = if placement.directories.is_empty() {
            "the container has no cgroup by which its processes could be frozen"
        } else {
            "no freezer of cgroup v1 is mounted, and no cgroup v2"
        };
        let error = Error::new(Kind::Unsupported, FREEZE, why);
        return Err(error.hint("mount the freezer before the container is created, and run it without `--cgroup-manager disabled`"));
    };
    let gone = || {
        let error = Error::new(Kind::System, FREEZE, "the cgroup is gone");
        error.at(Path::new(&place.host_path()))
    };
    Ok((place, open_recorded(place)?.ok_or_else(gone)?))
}

/// Asks the kernel to thaw. A cgroup that is gone has nothing to thaw.
fn let_go(place: &Directory, fd: BorrowedFd<'_>) -> sys::Result<()> {
    if !place.is_v2() {
        return v1::thaw(fd);
    }
    match write(fd, c"cgroup.freeze", "0") {
        Err(errno) if !is_gone(errno) => Err(errno),
        _ => Ok(()),
    }
}

/// Whether all processes froze before the deadline.
fn freeze_v2(fd: BorrowedFd<'_>, deadline: Instant) -> sys::Result<bool> {
    write(fd, c"cgroup.freeze", "1")?;
    wait_line(fd, "frozen 1", deadline)
}

/// Waits until cgroup.events has the line; not beyond the deadline.
fn wait_line(fd: BorrowedFd<'_>, line: &str, deadline: Instant) -> sys::Result<bool> {
    loop {
        let events = open_file(fd, c"cgroup.events", libc::O_RDONLY)?;
        // The event counts from this read on, so that none is missed.
        if has_line(&read_open(events.as_fd())?, line) {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        wait_any(&[events.as_fd()], Event::Changed, left)?;
    }
}

/// Whether all processes froze before the deadline.
fn freeze_v1(fd: BorrowedFd<'_>, deadline: Instant) -> sys::Result<bool> {
    let (mut pause, longest) = PAUSE;
    let mut looks = 0;
    loop {
        v1::freeze(fd)?;
        if v1::is_settled(fd)? {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        wait_any(&[], Event::Changed, pause.min(left))?;
        pause = (pause * 2).min(longest);
        looks += 1;
        if looks % LOOKS == 0 {
            v1::thaw(fd)?;
        }
    }
}

/// Whether the cgroup is thawed, at the deadline at the latest.
fn wait_thawed(place: &Directory, fd: BorrowedFd<'_>, deadline: Instant) -> sys::Result<bool> {
    let thawed = if !place.is_v2() {
        // The kernel does it before the write returns.
        frozen(place, fd).map(|is_frozen| !is_frozen)
    } else if is_held_above(place, fd)? {
        Ok(false)
    } else {
        wait_line(fd, "frozen 0", deadline)
    };
    match thawed {
        Err(errno) if is_gone(errno) => Ok(true),
        other => other,
    }
}

/// Whether a cgroup above is frozen, which keeps this one frozen.
fn is_held_above(place: &Directory, fd: BorrowedFd<'_>) -> sys::Result<bool> {
    if !place.is_v2() {
        return read(fd, c"freezer.parent_freezing").map(|text| text.trim() == "1");
    }
    match open_parent(fd).and_then(|parent| frozen(place, parent.as_fd())) {
        // The root has no such file, and is never frozen.
        Err(errno) if is_gone(errno) => Ok(false),
        other => other,
    }
}

fn unfrozen(place: &Directory, fd: BorrowedFd<'_>) -> Error {
    let pids = members_of(fd).unwrap_or_default();
    let error = Error::new(Kind::Timeout, FREEZE, holders::unfrozen(&pids));
    error
        .at(Path::new(&place.host_path()))
        .hint("it goes on running; a process in state D waits for hardware or a file server")
}

fn still_frozen(place: &Directory, fd: BorrowedFd<'_>) -> Error {
    let is_above = is_held_above(place, fd).unwrap_or(false);
    let (kind, why) = if is_above {
        (Kind::Status, "a cgroup above it is frozen")
    } else {
        (Kind::Timeout, "the kernel has not thawed it yet")
    };
    let error = Error::new(kind, THAW, why).at(Path::new(&place.host_path()));
    match is_above {
        true => error.hint("thaw that one: cgroup.freeze, or freezer.state of cgroup v1"),
        false => error,
    }
}
