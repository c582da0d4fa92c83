//! `start`: has a created container's program executed, between its hooks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cgroup;
use crate::config::{Config, HookKind};
use crate::error::{Doing, Error, Kind, Result};
use crate::hooks;
use crate::host::Host;
use crate::launch::failure::{Work, explain};
use crate::launch::next;
use crate::plan::{self, Begin, EnterRoot, Keyring, Plan};
use crate::protocol::{Message, Tag};
use crate::state::{Entry, Observation, Record, Status, Store};
use crate::sys::{channel, pidfd};

/// How long another operation on the container is waited for.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// How long a stopped container may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Starts the container `id`.
///
/// # Errors
/// Wrong status, a failed hook, a program that cannot be executed.
pub fn start(root: &Path, id: &str) -> Result<()> {
    let entry = Store::find_in(root, id)?;
    let lock = entry.lock(LOCK_LIMIT)?;
    let observation = entry.observe();
    let record = startable(observation)?;
    let config = super::stored::config(&entry, &record)?;
    let Some(pidfd) = entry.init_pidfd(&record)? else {
        return Err(stopped());
    };
    let begun = begin(&entry, &record, &config, pidfd.as_fd());
    drop(lock);
    begun
}

/// A failed hook stops the container (runtime-spec, runtime.md#lifecycle).
fn begin(entry: &Entry, record: &Record, config: &Config, init: BorrowedFd<'_>) -> Result<()> {
    super::further::start_container_hooks(record, config, init)
        .inspect_err(|_| stop(record, init))?;
    let Some(connection) = entry.connect_start()? else {
        return Err(running());
    };
    go(&connection, record, config)?;
    entry.mark_started()?;
    poststart(record, config).inspect_err(|_| stop(record, init))
}

/// Kills the container's processes. The error that led here is the one to tell; a process that
/// does not end in time is for `delete`.
fn stop(record: &Record, init: BorrowedFd<'_>) {
    let _ = pidfd::send_signal(init, libc::SIGKILL);
    let _ = cgroup::kill_all(&record.cgroup, libc::SIGKILL);
    let _ = pidfd::poll_end(init, Some(Instant::now() + STOP_LIMIT));
}

fn startable(observation: Observation) -> Result<Record> {
    match (observation.status, observation.record, observation.damage) {
        (Status::Created, Some(record), _) => Ok(record),
        (Status::Running, ..) => Err(running()),
        (Status::Paused, ..) => Err(paused()),
        (Status::Creating, ..) => Err(Error::new(
            Kind::Status,
            "",
            "cannot start a container that is being created",
        )),
        (_, _, Some(damage)) => Err(damage),
        _ => Err(stopped()),
    }
}

/// Frozen, init could not answer. Whether it has executed the program nobody asks it now.
fn paused() -> Error {
    Error::new(Kind::Status, "", "cannot start a paused container").hint("resume it first")
}

fn running() -> Error {
    Error::new(
        Kind::Status,
        "",
        "cannot start an already running container",
    )
}

fn stopped() -> Error {
    Error::new(
        Kind::Status,
        "",
        "cannot start a container that has stopped",
    )
}

/// Tells init to execute the program and waits until it has.
fn go(connection: &OwnedFd, record: &Record, config: &Config) -> Result<()> {
    let start = Message::new(Tag::Start).encode();
    channel::send(connection.as_fd(), &start, None).doing("tell init to start")?;
    match next(connection.as_fd())? {
        Some((message, _)) if message.tag == Tag::Continue => {}
        // It closed its socket instead of answering: another `start` was there first.
        _ => return Err(running()),
    }
    match next(connection.as_fd())? {
        None => Ok(()),
        Some((message, _)) if message.tag == Tag::Failed => {
            // Init waits until the connection closes, so that its program can be looked at.
            let plan = rebuilt(record, config)?;
            let work = Work {
                steps: &plan.steps,
                namespaces: &plan.namespaces,
                program: &plan.program,
                pid: record.init.pid,
            };
            Err(explain(&message.body, work))
        }
        Some(_) => Err(Error::new(
            Kind::System,
            "receive from init",
            "message out of order",
        )),
    }
}

/// The plan that init walks: the same decisions from the same configuration.
fn rebuilt(record: &Record, config: &Config) -> Result<Plan> {
    let host = Host::read()?;
    let options = plan::Options {
        id: &record.id,
        enter: if record.no_pivot {
            EnterRoot::Move
        } else {
            EnterRoot::Pivot
        },
        begin: Begin::OnStart,
        keyring: if record.no_new_keyring {
            Keyring::Callers
        } else {
            Keyring::New
        },
        listen_fds: 0,
    };
    let plan = plan::plan(config, &host, record.cgroup.clone(), options);
    plan.map(|(plan, _)| plan)
        .map_err(super::prepare::first_fault)
}

/// Runs the poststart hooks. A failure stops the container (runtime-spec ≥ 1.2.1).
///
/// # Errors
/// The failed hook.
pub(super) fn poststart(record: &Record, config: &Config) -> Result<()> {
    let hooks = config.hooks.of(HookKind::Poststart);
    if hooks.is_empty() {
        return Ok(());
    }
    let state = super::stored::hook_state(record, Status::Running)?;
    let entry = hooks::Entry::Runtime {
        bundle: Path::new(&record.bundle),
    };
    hooks::run(HookKind::Poststart, hooks, &state, entry)
}
