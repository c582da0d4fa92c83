//! `delete`: nothing of the container is left.
//!
//! Works from the record, else from the intent, else removes the bare names. Kills only what is
//! proved to be the container's; after a reboot there is nothing to kill. Every wait is bounded,
//! and what was interrupted is finished by the next `delete`.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cgroup::{self, Placement};
use crate::config::{Config, HookKind, Hooks};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::hooks;
use crate::journal::Intent;
use crate::resctrl::Groups;
use crate::state::{Entry, LOCK_WAIT, Observation, Record, Status, Store, proved};
use crate::sys::known_process::KnownProcess;
use crate::sys::pidfd::{self, Life};
use crate::sys::{clock, procstat};

/// How long the kernel may take to end killed processes.
const END_WAIT: Duration = Duration::from_secs(10);

/// Whether a container that still runs is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// No: only a stopped or a created one is deleted.
    Refuse,
    /// Yes, and a missing one is success.
    Kill,
}

/// Deletes a container. Returns warnings, such as of failed poststop hooks.
///
/// # Errors
/// Kind not-found (not with [`Force::Kill`]), status if it runs, timeout if its processes do not
/// end; else system.
pub fn delete(root: &Path, id: &str, force: Force) -> Result<Vec<String>> {
    match delete_within(root, id, force, LOCK_WAIT) {
        // Another `delete` was faster, or there never was one.
        Err(error) if error.kind() == Kind::NotFound && force == Force::Kill => {
            // Or one was killed between freeing the id and removing the files.
            if let Some(store) = Store::open_existing(root)? {
                store.sweep()?;
            }
            Ok(Vec::new())
        }
        outcome => outcome,
    }
}

/// Deletes the container of a `run` whose program has ended, by what `run` knows of it.
///
/// # Errors
/// As [`delete`] with [`Force::Kill`].
pub(super) fn ended(entry: &Entry, record: &Record, hooks: &Hooks) -> Result<Vec<String>> {
    let _lock = match entry.lock(LOCK_WAIT) {
        // A `delete` was faster.
        Err(error) if error.kind() == Kind::NotFound => return Ok(Vec::new()),
        lock => lock?,
    };
    let mut warnings = end_cgroup(&record.cgroup, Instant::now() + END_WAIT)?;
    if let Some(groups) = &record.resctrl {
        groups.remove()?;
    }
    warnings.extend(run_poststop(record, hooks));
    entry.remove()?;
    Ok(warnings)
}

/// Waits at most so long for another operation on the container. Then [`Force::Kill`] goes on
/// without: a `start` whose hook hangs must not keep a container for ever, and whatever is ended
/// or removed here is proved to be this container's.
pub(super) fn delete_within(
    root: &Path,
    id: &str,
    force: Force,
    wait: Duration,
) -> Result<Vec<String>> {
    let entry = Store::find_in(root, id)?;
    if force == Force::Refuse {
        check_status(&entry, entry.observe().status)?;
    }
    let mut warnings = Vec::new();
    let _lock = match entry.lock(wait) {
        Err(error) if error.kind() == Kind::Timeout && force == Force::Kill => {
            warnings.push(error.to_string());
            None
        }
        lock => Some(lock?),
    };
    // Looked at again: it was not locked before.
    let observation = entry.observe();
    if force == Force::Refuse && observation.status != Status::Creating {
        check_status(&entry, observation.status)?;
    }
    warnings.extend(observation.damage.iter().map(Error::to_string));
    if is_of_this_boot(&observation)? {
        end(&entry, &observation, &mut warnings)?;
        if let Some(groups) = resctrl(&entry, &observation) {
            groups.remove()?;
        }
    }
    if let Some(record) = &observation.record {
        match poststop_hooks(&entry, record) {
            Ok(Some(hooks)) => warnings.extend(run_poststop(record, &hooks)),
            Ok(None) => {}
            Err(error) => warnings.push(error.to_string()),
        }
    }
    entry.remove()?;
    Ok(warnings)
}

fn check_status(entry: &Entry, status: Status) -> Result<()> {
    match status {
        Status::Stopped | Status::Created => Ok(()),
        Status::Creating | Status::Running | Status::Paused => {
            let id = entry.id();
            let why = format!("cannot delete container that is not stopped: it is {status}");
            Err(Error::new(Kind::Status, "", why)
                .hint(format!("`saya delete --force {id}` kills it first")))
        }
    }
}

fn is_of_this_boot(observation: &Observation) -> Result<bool> {
    let owner = observation.intent.as_ref().map(|intent| &intent.owner);
    let Some(process) = init(observation).or(owner) else {
        return Ok(false);
    };
    Ok(process.boot_id == clock::boot_id().doing("identify this boot")?)
}

/// The container's groups below resctrl; the intent is looked at too where the record is damaged.
fn resctrl(entry: &Entry, observation: &Observation) -> Option<Groups> {
    if let Some(record) = &observation.record {
        return record.resctrl.clone();
    }
    let intent = observation.intent.clone();
    intent.or_else(|| entry.intent().ok()?)?.resctrl
}

/// The container's first process, by the best that there is.
fn init(observation: &Observation) -> Option<&KnownProcess> {
    let recorded = observation.record.as_ref().map(|record| &record.init);
    recorded.or_else(|| observation.anchor.as_ref().map(|anchor| &anchor.init))
}

/// Ends the container's processes and removes its cgroups.
fn end(entry: &Entry, observation: &Observation, warnings: &mut Vec<String>) -> Result<()> {
    let deadline = Instant::now() + END_WAIT;
    if let (Some(init), Some(placement)) = (init(observation), observation.cgroup()) {
        kill_init(init, placement, deadline)?;
        warnings.extend(end_cgroup(placement, deadline)?);
        return Ok(());
    }
    let Some(intent) = &observation.intent else {
        return Ok(());
    };
    match stranger(intent)? {
        None => {
            warnings.extend(end_cgroup(&intent.cgroup, deadline)?);
            Ok(())
        }
        Some(pid) => {
            warnings.push(format!(
                "process {pid} was in the intended cgroup before container {:?}: it stays",
                entry.id()
            ));
            Ok(())
        }
    }
}

/// Ends what is in the cgroups and removes them; warns of a unit that systemd may still have.
fn end_cgroup(placement: &Placement, deadline: Instant) -> Result<Vec<String>> {
    // The cgroups of a unit are systemd's to remove, as long as it can.
    if placement.unit.is_none() && cgroup::remove_idle(placement)? {
        return Ok(Vec::new());
    }
    // Also when init has ended: without a pid namespace it leaves others behind.
    if !cgroup::pids(placement)?.is_empty() {
        cgroup::kill_all(placement, libc::SIGKILL)?;
        cgroup::wait_empty(placement, deadline)?;
    }
    let stopped = cgroup::unit::stop(placement);
    cgroup::remove(placement, deadline)?;
    Ok(stopped.err().iter().map(Error::to_string).collect())
}

/// Kills init and waits for its end. In its cgroup too, where there is one: a frozen process of
/// cgroup v1 does not die before it is thawed.
fn kill_init(init: &KnownProcess, placement: &Placement, deadline: Instant) -> Result<()> {
    let Some(process) = proved(init)? else {
        return Ok(());
    };
    let pid = init.pid;
    match pidfd::send_signal(process.as_fd(), libc::SIGKILL) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
        other => other.doing(format!("kill the container's process {pid}"))?,
    }
    cgroup::kill_all(placement, libc::SIGKILL)?;
    let life = pidfd::poll_end(process.as_fd(), Some(deadline))
        .doing(format!("wait for the container's process {pid}"))?;
    match life {
        Life::Ended => Ok(()),
        Life::Alive => Err(still_alive(pid)),
    }
}

fn still_alive(pid: i32) -> Error {
    let state = procstat::read(pid).map_or('?', |stat| stat.state);
    let place = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    let why = format!("it is still in state {state} ({place}) {END_WAIT:?} after SIGKILL");
    let what = format!("end the container's process {pid}");
    Error::new(Kind::Timeout, what, why)
        .hint("state D waits for hardware or a file server; repeat the delete when it answers")
}

/// A process in the intended cgroups that was there before the container was thought of.
///
/// The intent does not know yet whether the cgroup existed: `create` refuses one that is not
/// empty, but may have been killed before it could.
fn stranger(intent: &Intent) -> Result<Option<i32>> {
    let older = |pid: &i32| match procstat::read(*pid) {
        Ok(stat) => stat.start_time < intent.owner.start_time,
        Err(_) => false,
    };
    Ok(cgroup::pids(&intent.cgroup)?.into_iter().find(older))
}

/// Runs the poststop hooks; their failures are warnings (runtime.md#lifecycle).
fn run_poststop(record: &Record, hooks: &Hooks) -> Vec<String> {
    if hooks.of(HookKind::Poststop).is_empty() {
        return Vec::new();
    }
    let state = hooks::State {
        oci_version: &record.oci_version,
        id: &record.id,
        status: Status::Stopped.name(),
        pid: None,
        bundle: &record.bundle,
        annotations: &record.annotations,
    };
    let state = match state.to_json() {
        Ok(state) => state,
        Err(error) => return vec![error.to_string()],
    };
    let bundle = Path::new(&record.bundle);
    let failures = hooks::run_all(
        HookKind::Poststop,
        hooks.of(HookKind::Poststop),
        &state,
        hooks::Entry::Runtime { bundle },
    );
    failures.iter().map(Error::to_string).collect()
}

/// The hooks of the configuration as it was at create; `None` where it names no poststop hook.
fn poststop_hooks(entry: &Entry, record: &Record) -> Result<Option<Hooks>> {
    let text = entry.config().during("find the poststop hooks")?;
    if !mentions(&text, b"poststop") && !mentions(&text, b"\\u") {
        return Ok(None);
    }
    let damaged =
        |why: String| Error::new(Kind::System, "find the poststop hooks", why).at(entry.path());
    let document = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    let config = Config::from_spec(&document, &record.bundle)
        .map_err(|faults| damaged(format!("the kept config.json has {} faults", faults.len())))?;
    Ok(Some(config.hooks))
}

/// Saves parsing a configuration that cannot hold the word, not even escaped.
fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
