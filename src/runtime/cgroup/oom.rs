//! Events of the OOM killer in a container's cgroup.
//!
//! cgroup v2 tells of changes of memory.events; v1 adds to an eventfd(2) that is registered with
//! cgroup.event_control, also when the cgroup is removed, which is no such event.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::files::{at, is_gone, open_file, open_recorded, read, read_open, write};
use super::memory::oom_kills;
use super::placement::Placement;
use crate::error::Result;
use crate::sys;
use crate::sys::cgroup::{Event, counter, take_count};

/// A watch on a container's cgroup.
#[derive(Debug)]
pub struct OomWatch {
    cgroup: OwnedFd,
    kind: Watch,
}

#[derive(Debug)]
enum Watch {
    /// The counter that v1 adds to.
    V1(OwnedFd),
    /// memory.events of v2, and how many kills it has told of.
    V2(OwnedFd, u64),
}

impl OomWatch {
    /// Begins to watch; `None` without a memory controller.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn begin(placement: &Placement) -> Result<Option<Self>> {
        let Some(place) = placement.v1("memory").or(placement.v2()) else {
            return Ok(None);
        };
        let Some(cgroup) = open_recorded(place)? else {
            return Ok(None);
        };
        let begun = if place.is_v2() {
            look(cgroup.as_fd()).map(|(events, kills)| Watch::V2(events, kills))
        } else {
            register(cgroup.as_fd()).map(Watch::V1)
        };
        match begun {
            Err(errno) if is_gone(errno) => Ok(None),
            other => {
                let kind = at(other, "watch for the OOM killer", place)?;
                Ok(Some(Self { cgroup, kind }))
            }
        }
    }

    /// The descriptor to wait on, and for what.
    #[must_use]
    pub fn event(&self) -> (BorrowedFd<'_>, Event) {
        match &self.kind {
            Watch::V1(counter) => (counter.as_fd(), Event::Counted),
            Watch::V2(events, _) => (events.as_fd(), Event::Changed),
        }
    }

    /// How many events there were since the last time; `None` once the cgroup is gone, and the
    /// descriptor is no longer to be waited on.
    pub fn take(&mut self) -> Option<u64> {
        match &mut self.kind {
            Watch::V1(counter) => {
                let count = take_count(counter.as_fd()).unwrap_or(0);
                // Without its file the cgroup was removed, and that is what was told.
                let is_there = read(self.cgroup.as_fd(), c"memory.oom_control").is_ok();
                is_there.then_some(count)
            }
            Watch::V2(events, known) => {
                let (looked, now) = look(self.cgroup.as_fd()).ok()?;
                *events = looked;
                Some(now.saturating_sub(std::mem::replace(known, now)))
            }
        }
    }
}

/// Reads memory.events: the next change counts from here on.
fn look(cgroup: BorrowedFd<'_>) -> sys::Result<(OwnedFd, u64)> {
    let events = open_file(cgroup, c"memory.events", libc::O_RDONLY)?;
    let kills = oom_kills(&read_open(events.as_fd())?).unwrap_or(0);
    Ok((events, kills))
}

fn register(cgroup: BorrowedFd<'_>) -> sys::Result<OwnedFd> {
    let control = open_file(cgroup, c"memory.oom_control", libc::O_RDONLY)?;
    let counter = counter()?;
    let line = format!("{} {}", counter.as_raw_fd(), control.as_raw_fd());
    write(cgroup, c"cgroup.event_control", &line)?;
    Ok(counter)
}
