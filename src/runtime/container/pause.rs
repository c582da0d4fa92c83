//! `pause` and `resume`: a container's processes frozen and thawed.
//!
//! Both hold the container's lock: a `start` that is under way ends first, for an init that is
//! frozen before it has executed the program could not answer it. A `pause` that is killed leaves
//! the container running, paused or on the way there; `resume` and `delete --force` take it from
//! each.

use std::path::Path;
use std::time::{Duration, Instant};

use super::kill::NOT_RUNNING;
use crate::cgroup;
use crate::error::{Error, Kind, Result};
use crate::state::{Entry, LOCK_WAIT, Record, Status, Store};

/// What is said of a container that is not paused; engines know it from runc.
pub const NOT_PAUSED: &str = "container not paused";

/// How long the kernel may take to freeze or to thaw.
const FREEZE_WAIT: Duration = Duration::from_secs(10);

/// Freezes the container's processes; a created container's init, too.
///
/// # Errors
/// Kind not-found; status, with [`NOT_RUNNING`]; unsupported without a cgroup; timeout, naming the
/// processes that do not freeze, all of which then go on; system.
pub fn pause(root: &Path, id: &str) -> Result<()> {
    let entry = Store::find_in(root, id)?;
    runs(&entry)?;
    let _lock = entry.lock(LOCK_WAIT)?;
    // Looked at again: it was not locked before.
    let record = runs(&entry)?;
    cgroup::freeze(&record.cgroup, deadline())?;
    if entry.init_pidfd(&record)?.is_none() {
        // It ended on the way: what is left in the cgroup is for `delete`.
        cgroup::thaw(&record.cgroup, deadline())?;
        return Err(not_running());
    }
    Ok(())
}

/// Thaws the container's processes.
///
/// # Errors
/// Kind not-found; status, with [`NOT_PAUSED`], and where a cgroup above the container's is
/// frozen; system.
pub fn resume(root: &Path, id: &str) -> Result<()> {
    let entry = Store::find_in(root, id)?;
    paused(&entry)?;
    let _lock = entry.lock(LOCK_WAIT)?;
    let record = paused(&entry)?;
    cgroup::thaw(&record.cgroup, deadline())
}

fn runs(entry: &Entry) -> Result<Record> {
    let observation = entry.observe();
    match (observation.status, observation.record, observation.damage) {
        (Status::Running | Status::Created, Some(record), _) => Ok(record),
        (Status::Paused, ..) => {
            let hint = format!("it is paused already: `saya resume {}`", entry.id());
            Err(not_running().hint(hint))
        }
        (_, None, Some(damage)) => Err(damage),
        (status, ..) => Err(not_running().hint(format!("it is {status}"))),
    }
}

fn paused(entry: &Entry) -> Result<Record> {
    let observation = entry.observe();
    match (observation.status, observation.record, observation.damage) {
        (Status::Paused, Some(record), _) => Ok(record),
        // A `pause` was killed on the way.
        (Status::Running | Status::Created, Some(record), _)
            if cgroup::is_freezing(&record.cgroup)? =>
        {
            Ok(record)
        }
        (_, None, Some(damage)) => Err(damage),
        (status, ..) => {
            Err(Error::new(Kind::Status, "", NOT_PAUSED).hint(format!("it is {status}")))
        }
    }
}

fn not_running() -> Error {
    Error::new(Kind::Status, "", NOT_RUNNING)
}

fn deadline() -> Instant {
    Instant::now() + FREEZE_WAIT
}
