//! Waiting until nobody is in a cgroup any more, with a deadline and without blind sleeps.
//!
//! cgroup v2 tells by an event on cgroup.events. v1 does not: there the processes are waited for,
//! and looked at again after pauses that grow to a tenth of a second.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::files::{at, has_line, is_gone, open_file, open_recorded, read_open};
use super::holders;
use super::life::{Pids, members};
use super::placement::{Directory, Placement};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::cgroup::{Event, wait_any};
use crate::sys::pidfd;

/// Most processes that are waited for at once: bounds the open descriptors.
const BATCH: usize = 128;
/// First and longest pause between two looks where the kernel tells of no event.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

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

/// A wait with a deadline for a change in who is in a cgroup.
pub(super) struct Wait {
    deadline: Instant,
    pause: Duration,
    last: Pids,
}

impl Wait {
    pub(super) fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            pause: PAUSE.0,
            last: Pids::new(),
        }
    }

    /// Returns after a change, or a pause that grows while there is none.
    pub(super) fn for_change(&mut self, place: Option<&Directory>, pids: &Pids) -> Result<()> {
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
