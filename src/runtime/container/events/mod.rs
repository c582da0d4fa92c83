//! `events`: a container's counters, once or at an interval, and each event of the OOM killer, in
//! the form of runc's.
//!
//! Nothing is looked at before there is something to see: the pidfd, the OOM watch and the time
//! are waited for at once. The stream ends with the container.

mod interval;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cgroup::{self, OomWatch, Placement, Stats};
use crate::error::{Doing, Error, Kind, Result};
use crate::state::{Status, Store};
use crate::sys::cgroup::{Event, wait_each};

pub use interval::parse as parse_interval;

/// Takes a line of output; whether more is wanted.
pub type Sink<'a> = &'a mut dyn FnMut(&str) -> bool;

/// How often the counters are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Once (`--stats`), and nothing else.
    Once,
    /// Each time so much has passed, for the first time then.
    Every(Duration),
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Stats>,
}

/// Writes the container's events to `sink`, a line of JSON each.
///
/// # Errors
/// Kind not-found; status for a container that does not run; unsupported without a cgroup; system.
pub fn events(root: &Path, id: &str, schedule: Schedule, sink: Sink<'_>) -> Result<()> {
    let entry = Store::find_in(root, id)?;
    let observation = entry.observe();
    let record = match (observation.status, observation.record, observation.damage) {
        (Status::Created | Status::Running | Status::Paused, Some(record), _) => record,
        (_, None, Some(damage)) => return Err(damage),
        _ => return Err(not_running(id)),
    };
    let Some(init) = entry.init_pidfd(&record)? else {
        return Err(not_running(id));
    };
    let mut teller = Teller {
        id,
        cgroup: &record.cgroup,
        sink,
    };
    match schedule {
        Schedule::Once => teller.stats().map(drop),
        Schedule::Every(interval) => teller.stream(init.as_fd(), interval),
    }
}

fn not_running(id: &str) -> Error {
    let why = format!("container with id {id} is not running");
    Error::new(Kind::Status, "", why)
}

struct Teller<'a> {
    id: &'a str,
    cgroup: &'a Placement,
    sink: Sink<'a>,
}

impl Teller<'_> {
    /// Whether more is wanted.
    fn stats(&mut self) -> Result<bool> {
        let stats = cgroup::stats(self.cgroup)?;
        self.tell("stats", Some(&stats))
    }

    fn tell(&mut self, kind: &str, data: Option<&Stats>) -> Result<bool> {
        let id = self.id;
        let line = Line { kind, id, data };
        let mut text = serde_json::to_string(&line).map_err(|error| {
            Error::new(Kind::System, "write an event as JSON", error.to_string())
        })?;
        text.push('\n');
        Ok((self.sink)(&text))
    }

    /// Until the container has ended, or nobody reads any more.
    fn stream(&mut self, init: BorrowedFd<'_>, interval: Duration) -> Result<()> {
        let mut oom = OomWatch::begin(self.cgroup)?;
        let mut next = Instant::now() + interval;
        loop {
            let left = next.saturating_duration_since(Instant::now());
            let waits: Vec<_> = [(init, Event::Ended)]
                .into_iter()
                .chain(oom.as_ref().map(OomWatch::event))
                .collect();
            let happened = wait_each(&waits, left).doing("wait for events")?;
            let is_over = happened.first() == Some(&true);
            // Also at the end: it may have come with it.
            let struck = oom.as_mut().and_then(OomWatch::take);
            if struck.is_none() {
                oom = None;
            }
            for _ in 0..struck.unwrap_or(0) {
                if !self.tell("oom", None)? {
                    return Ok(());
                }
            }
            if is_over {
                return Ok(());
            }
            if Instant::now() >= next {
                // What cannot be told in time is left out, not told in a rush.
                next = Instant::now() + interval;
                if !self.stats()? {
                    return Ok(());
                }
            }
        }
    }
}
