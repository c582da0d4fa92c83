//! `kill`: a signal for the container's first process, or for all of them.

use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;

use super::signal;
use crate::cgroup;
use crate::error::{Doing, Error, Kind, Result};
use crate::state::{Record, Status, Store};
use crate::sys::pidfd;

/// What engines look for when there is nothing to signal.
pub const NOT_RUNNING: &str = "container not running";

/// Whom the signal reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The first process. Without a pid namespace of its own, SIGKILL reaches all nevertheless:
    /// nobody else would end the others.
    Init,
    /// Every process in the container's cgroups, also when the first has ended (`--all`).
    All,
}

/// Sends `signal` (0 only checks).
///
/// # Errors
/// Kind not-found; status, with [`NOT_RUNNING`]; unsupported where all are asked for and the
/// container has no cgroup to find them by; else system.
pub fn kill(root: &Path, id: &str, signal: i32, reach: Reach) -> Result<()> {
    let entry = Store::find_in(root, id)?;
    let observation = entry.observe();
    let Some(record) = &observation.record else {
        return Err(observation
            .damage
            .unwrap_or_else(|| not_running(observation.status)));
    };
    if reaches_all(record, observation.status, signal, reach) {
        return kill_all(record, observation.status, signal);
    }
    let init = match observation.status {
        Status::Stopped => None,
        _ => entry.init_pidfd(record)?,
    };
    let Some(init) = init else {
        return Err(not_running(Status::Stopped));
    };
    match pidfd::send_signal(init.as_fd(), signal) {
        Err(Errno::ESRCH) => Err(not_running(Status::Stopped)),
        sent => sent.doing(sending(signal, record)),
    }
}

fn reaches_all(record: &Record, status: Status, signal: i32, reach: Reach) -> bool {
    let kills = signal == libc::SIGKILL;
    reach == Reach::All
        || (kills && !record.has_private_pids())
        // Frozen by cgroup v1, it would not die; this thaws it.
        || (kills && status == Status::Paused)
}

fn kill_all(record: &Record, status: Status, signal: i32) -> Result<()> {
    if record.cgroup.directories.is_empty() {
        let why = "the container has no cgroup by which its processes could be found";
        return Err(Error::new(Kind::Unsupported, sending(signal, record), why)
            .hint("leave out --all: the end of init ends its pid namespace"));
    }
    if status == Status::Stopped && cgroup::pids(&record.cgroup)?.is_empty() {
        return Err(not_running(status));
    }
    cgroup::kill_all(&record.cgroup, signal)
}

fn sending(signal: i32, record: &Record) -> String {
    format!(
        "send {} to process {}",
        signal::name(signal),
        record.init.pid
    )
}

fn not_running(status: Status) -> Error {
    let error = Error::new(Kind::Status, "", NOT_RUNNING);
    match status {
        Status::Creating => error.hint("it is being created by another process"),
        _ => error,
    }
}
