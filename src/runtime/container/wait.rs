//! `wait`: until the container's first process ends, and how it did.
//!
//! No monitor process is left behind for this: the parent reads the status by waitid(2), anybody
//! else by `PIDFD_GET_INFO` (kernel 6.15), which needs a pidfd from before the end. Where nobody
//! could know the status, it is unknown: never guessed.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Doing, Error, Kind, Result};
use crate::state::{Entry, Exit, Outcome, Record, Store};
use crate::sys::known_process::Proof;
use crate::sys::pidfd::{self, End};
use crate::sys::{clock, procstat};

/// What is said where the exit status cannot be known.
pub const UNKNOWN: &str = "exit status unknown";

/// Waits for the end, keeps it in the container's state, and tells it.
///
/// # Errors
/// Kind not-found; status if the container is half made; system.
pub fn wait(root: &Path, id: &str) -> Result<Exit> {
    let entry = Store::find_in(root, id)?;
    let observation = entry.observe();
    let Some(record) = &observation.record else {
        let no_record = || {
            let why = format!("it is {} and has no process yet", observation.status);
            Error::new(Kind::Status, "wait for the container", why)
        };
        return Err(observation.damage.unwrap_or_else(no_record));
    };
    if let Some(mut exit) = observation.exit {
        if entry.exit()?.is_none() {
            // Read from a zombie: we are the first to see its end.
            exit.finished = Some(clock::now());
            exit = exit.with_memory(&record.cgroup);
            keep(&entry, &exit)?;
        }
        return Ok(exit);
    }
    match prove(record)? {
        Proof::Alive(init) | Proof::Zombie(init) => wait_for(&entry, record, init.as_fd()),
        Proof::Gone => ended_unseen(&entry, record),
    }
}

/// The exit code of a program that passes the container's on.
///
/// # Errors
/// Kind system, where it is unknown.
pub fn code(exit: &Exit) -> Result<u8> {
    match &exit.outcome {
        Outcome::Code(code) => Ok(*code),
        Outcome::Signal(signal) => Ok(End::Signal(*signal).exit_code()),
        Outcome::Unknown(why) => Err(Error::new(Kind::System, UNKNOWN, why.clone())),
    }
}

fn prove(record: &Record) -> Result<Proof> {
    let pid = record.init.pid;
    record
        .init
        .prove()
        .doing(format!("identify the container's process {pid}"))
}

fn wait_for(entry: &Entry, record: &Record, init: BorrowedFd<'_>) -> Result<Exit> {
    let pid = record.init.pid;
    pidfd::poll_end(init, None).doing(format!("wait for the container's process {pid}"))?;
    let finished = Some(clock::now());
    let outcome = match end_of(init, pid)? {
        Some(end) => Outcome::from(end),
        None => Outcome::Unknown(
            "this kernel tells it to the parent alone (before Linux 6.15)".to_owned(),
        ),
    };
    let exit = Exit::new(outcome, entry.started(record), finished);
    let exit = exit.with_memory(&record.cgroup);
    keep(entry, &exit)?;
    Ok(exit)
}

/// How an ended process ended, by whatever way is open to us.
fn end_of(init: BorrowedFd<'_>, pid: i32) -> Result<Option<End>> {
    match pidfd::reap(init) {
        Ok(end) => return Ok(Some(end)),
        Err(Errno::ECHILD) => {}
        Err(errno) => return Err(Error::from_errno(errno, format!("reap process {pid}"))),
    }
    // The kernel keeps the status when the parent reaps; until then it is in /proc.
    if let Some(end) = told_by_kernel(init, pid)? {
        return Ok(Some(end));
    }
    let zombie = procstat::read(pid).ok().and_then(|stat| stat.end());
    match pidfd::send_signal(init, 0) {
        // Still the same process, so /proc spoke of it.
        Ok(()) if zombie.is_some() => Ok(zombie),
        _ => told_by_kernel(init, pid),
    }
}

fn told_by_kernel(init: BorrowedFd<'_>, pid: i32) -> Result<Option<End>> {
    pidfd::end_of_any(init).doing(format!("ask how process {pid} ended"))
}

fn ended_unseen(entry: &Entry, record: &Record) -> Result<Exit> {
    let exit = Exit::new(
        Outcome::Unknown("it ended before anybody waited for it".to_owned()),
        entry.started(record),
        None,
    );
    let exit = exit.with_memory(&record.cgroup);
    keep(entry, &exit)?;
    // Somebody who knew more may have been faster.
    Ok(entry.exit()?.unwrap_or(exit))
}

/// Keeps the end. A container that was deleted meanwhile has no place for it.
fn keep(entry: &Entry, exit: &Exit) -> Result<()> {
    match entry.write_exit(exit) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(()),
        outcome => outcome,
    }
}
