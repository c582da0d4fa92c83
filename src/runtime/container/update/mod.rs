//! `update`: other resource limits for a container that exists.
//!
//! Only what is given changes, and all of it or nothing. The truth about the rest is the kernel:
//! where one of its files stands for two fields, the other one is read from there. Only the device
//! rules are noted, because the kernel does not show them. config.json keeps what the container was
//! created with.

mod devices;
mod merge;
mod size;
pub mod source;

use std::path::Path;

use super::kill::NOT_RUNNING;
use super::stored;
use crate::cgroup::settings::settings;
use crate::cgroup::{Cgroup, controllers, unit};
use crate::config::{Config, Resources};
use crate::error::{Error, Kind, Result};
use crate::state::{Entry, Record, Status, Store};
use source::{Asked, Source};

/// What the command line says.
#[derive(Debug)]
pub struct Request<'a> {
    /// The state root.
    pub root: &'a Path,
    /// The container's id.
    pub id: &'a str,
    /// The new limits.
    pub source: Source<'a>,
}

/// Changes the limits of a container that is created, running or paused.
///
/// # Errors
/// Kind not-found; status, for a container in another state; config, unsupported or system at the
/// field or flag that cannot be had. Nothing has changed then.
pub fn update(request: &Request<'_>) -> Result<()> {
    let entry = Store::find_in(request.root, request.id)?;
    let observation = entry.observe();
    let record = match (observation.status, observation.record) {
        (Status::Created | Status::Running | Status::Paused, Some(record)) => record,
        (_, None) if observation.damage.is_some() => {
            return Err(observation.damage.unwrap_or_else(not_running));
        }
        _ => return Err(not_running()),
    };
    let config = stored::config(&entry, &record)?;
    let asked = request.source.read(config.zero_pids())?;
    apply(&entry, &record, &config, asked).map_err(|error| request.source.located(error))
}

fn not_running() -> Error {
    Error::new(Kind::Status, "", NOT_RUNNING)
}

fn apply(entry: &Entry, record: &Record, config: &Config, asked: Asked) -> Result<()> {
    let cgroup = Cgroup::open(&record.cgroup)?;
    let resources = merged(&cgroup, config, asked.resources)?;
    let settings = settings(&resources, &record.cgroup).map_err(source::refusal)?;
    controllers::check(&record.cgroup, &settings)?;
    let changed = cgroup.update(&settings)?;
    // Flags ask for resctrl, documents for devices: neither is to be undone for the other.
    unit::update(&cgroup, &settings)
        .and_then(|()| update_resctrl(record, &asked.schemata))
        .and_then(|()| devices::update(entry, config, &cgroup, &resources.devices, &asked.devices))
        .map_err(|error| changed.put_back(error))
}

/// What is asked for, completed by what is in force.
fn merged(cgroup: &Cgroup, config: &Config, mut resources: Resources) -> Result<Resources> {
    let current = cgroup.current();
    merge::check_usage(&resources.memory, &current)?;
    let swap = match config.resources.memory.swap {
        Some(_) => merge::Swap::Limited,
        None => merge::Swap::Unset,
    };
    merge::memory(&mut resources.memory, &current, swap)?;
    merge::cpu(&mut resources.cpu, &current);
    Ok(resources)
}

fn update_resctrl(record: &Record, lines: &[String]) -> Result<()> {
    match &record.resctrl {
        _ if lines.is_empty() => Ok(()),
        Some(groups) => groups.update(lines),
        None => {
            let why = "the container has no group below resctrl";
            Err(Error::new(Kind::Unsupported, "update resctrl", why)
                .hint("create it with linux.intelRdt"))
        }
    }
}
