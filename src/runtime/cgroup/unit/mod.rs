//! The systemd driver: the container's cgroups are those of a unit (decision 0013).
//!
//! [`place`] says (pure) where a unit's cgroups are, [`properties()`] what systemd is told of it
//! (pure). [`Units::start`] has systemd make the unit around the container's first process, which
//! waits for that, and completes the cgroups; [`stop`] ends it. The unit's name is recorded with
//! the cgroups, so that every later verb knows it without a flag.

mod devices;
mod exact;
mod properties;
#[cfg(test)]
mod tests;

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::controllers;
use super::create::{Cgroup, check_thawed, make};
use super::devices::with_defaults;
use super::files::{at, has_line, open_recorded, read_list, write};
use super::layout::Layout;
use super::placement::{Directory, Driver, Placement};
use super::settings::Setting;
use crate::config::DeviceRule;
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::systemd::{Property, Systemd, Unit, Value};

pub use crate::systemd::Instance;
pub use crate::systemd::annotations::PREFIX as ANNOTATIONS;
use exact::Exact;
pub use properties::{Wanted, properties, resources};

/// What the properties of a unit are, for who keeps them.
pub type Properties = Vec<Property>;

/// How long systemd has for each answer when a start is undone.
const WITHDRAW_LIMIT: Duration = Duration::from_secs(10);

/// The unit of a container, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitPlace {
    /// Its full name.
    pub name: String,
    /// The slice that it is in.
    pub slice: String,
    /// Which systemd has it.
    pub instance: Instance,
    /// Whether it is a slice itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_slice: bool,
}

/// A connection to the systemd that makes the container's unit.
#[derive(Debug)]
pub struct Units {
    systemd: Systemd,
    instance: Instance,
    /// The unit that it has taken a job for: then it is ours.
    taken: Option<String>,
}

impl Units {
    /// Connects to the machine's systemd for root, to the user's for others.
    ///
    /// # Errors
    /// It is not found, or does not answer.
    pub fn connect() -> Result<Self> {
        let instance = Instance::own();
        Ok(Self {
            systemd: Systemd::connect(instance)?,
            instance,
            taken: None,
        })
    }

    /// The version of systemd.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.systemd.version()
    }

    /// Where the cgroups of the container `id` will be.
    ///
    /// # Errors
    /// As [`place`].
    pub fn place(
        &self,
        layout: &Layout,
        cgroups_path: Option<&str>,
        id: &str,
    ) -> Result<Placement> {
        let root = self.systemd.control_group();
        place(layout, cgroups_path, id, self.instance, root)
    }

    /// Has systemd make the unit with the process `pid`, and completes `cgroup`, which has none
    /// yet: opens the cgroups, makes those of hierarchies that are not systemd's, puts the process
    /// into those that it is not in. On a failure `cgroup` has what was made so far.
    ///
    /// # Errors
    /// What systemd refuses, `Timeout`; as [`Cgroup::create`].
    pub fn start(
        &mut self,
        cgroup: &mut Cgroup,
        planned: &Placement,
        properties: &[Property],
        settings: &[Setting],
        pid: libc::pid_t,
    ) -> Result<()> {
        let Some(unit) = &planned.unit else {
            return Ok(());
        };
        let mut all = properties.to_vec();
        if !unit.is_slice {
            all.push(Property::new("PIDs", Value::numbers([pid.cast_unsigned()])));
        }
        let job = self.systemd.start_transient(&unit.name, &all)?;
        self.taken = Some(unit.name.clone());
        self.systemd.finish(&unit.name, &job)?;
        cgroup.placement.unit = Some(unit.clone());
        for place in &planned.directories {
            enter(cgroup, place, settings, pid)
                .during(format!("enter the systemd unit `{}`", unit.name))?;
        }
        Ok(())
    }

    /// Undoes a start whose process has ended.
    pub fn withdraw(&mut self) {
        let Some(unit) = self.taken.take() else {
            return;
        };
        self.systemd.set_limit(WITHDRAW_LIMIT);
        // What cannot be undone now is in the intent record, for `delete --force`.
        let _ = self.systemd.stop(&unit);
        let _ = self.systemd.reset_failed(&unit);
    }
}

/// Where the cgroups of the container `id` are under the systemd that is itself at `root`. Every
/// hierarchy has them at the same path; those of v1 that belong to controllers are not a user's.
///
/// # Errors
/// A path that is not `slice:prefix:name` or names no unit; a machine without cgroups.
pub fn place(
    layout: &Layout,
    cgroups_path: Option<&str>,
    id: &str,
    instance: Instance,
    root: &str,
) -> Result<Placement> {
    let unit = Unit::of(cgroups_path, id, instance)?;
    let path = format!("{root}/{}", unit.path()?);
    let hierarchies = layout.v1.iter().chain(&layout.v2).filter(|hierarchy| {
        let is_named = hierarchy.subsystems.iter().any(|name| name.contains('='));
        instance == Instance::System || hierarchy.subsystems.is_empty() || is_named
    });
    let directories: Vec<Directory> = hierarchies
        .map(|hierarchy| Directory {
            subsystems: hierarchy.subsystems.clone(),
            mount: hierarchy.mount.clone(),
            path: path.trim_start_matches('/').to_owned(),
            id: None,
        })
        .collect();
    if directories.is_empty() {
        let what = format!("place the systemd unit `{}`", unit.name);
        return Err(Error::new(
            Kind::System,
            what,
            "no cgroup hierarchy is mounted",
        ));
    }
    Ok(Placement {
        driver: Driver::Systemd,
        directories,
        unit: Some(UnitPlace {
            name: unit.name,
            slice: unit.slice,
            instance,
            is_slice: unit.is_slice,
        }),
    })
}

/// Opens one cgroup of the unit and sees to it that the process is in it.
fn enter(
    cgroup: &mut Cgroup,
    place: &Directory,
    settings: &[Setting],
    pid: libc::pid_t,
) -> Result<()> {
    let opened = make(place)?;
    let is_systemds = place.is_v2() || place.controls("name=systemd");
    if is_systemds && !opened.made.is_empty() {
        let elsewhere = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        // Recorded, so that it is removed again.
        cgroup.adopt(opened);
        let why = format!(
            "systemd has put it elsewhere: {}",
            elsewhere.trim().replace('\n', " ")
        );
        return Err(Error::new(Kind::System, "find the unit's cgroup", why)
            .at(Path::new(&place.host_path()))
            .hint("the runtime and systemd may be in different cgroup namespaces"));
    }
    cgroup.adopt(opened);
    let Some(opened) = cgroup.directories.last() else {
        return Ok(());
    };
    check_thawed(opened)?;
    let fd = opened.fd.as_fd();
    let (members, entrance) = if place.is_v2() {
        controllers::enable(fd, place, settings)?;
        (c"cgroup.procs", c"cgroup.procs")
    } else {
        // `tasks` moves one thread, which is all there is; it is quicker.
        (c"tasks", c"tasks")
    };
    let pid = pid.to_string();
    // Most often systemd has put it there; a move would wait for all forks of the machine.
    if !at(
        read_list(fd, members),
        "list the processes of the cgroup",
        place,
    )
    .map(|list| has_line(&list, &pid))?
    {
        at(write(fd, entrance, &pid), "enter the cgroup", place)?;
    }
    Ok(())
}

/// Tells systemd of the unit's new settings, which are in the files of `cgroup` already. They are
/// as exact afterwards.
///
/// # Errors
/// What systemd refuses, or that it does not answer.
pub fn update(cgroup: &Cgroup, settings: &[Setting]) -> Result<()> {
    let Some(unit) = &cgroup.placement.unit else {
        return Ok(());
    };
    let mut systemd = Systemd::connect(unit.instance)?;
    let properties = resources(settings, systemd.version());
    if properties.is_empty() {
        return Ok(());
    }
    let exact = Exact::of(cgroup);
    systemd.set_properties(&unit.name, &properties)?;
    exact.put_back()
}

/// Tells systemd of the unit's new device rules, which are in force already. Under v1 systemd has
/// written its own idea of them then.
///
/// # Errors
/// What systemd refuses, or that it does not answer.
pub fn update_devices(placement: &Placement, rules: &[DeviceRule]) -> Result<()> {
    let Some(unit) = &placement.unit else {
        return Ok(());
    };
    let drivers = std::fs::read_to_string("/proc/devices").doing("read `/proc/devices`")?;
    let is_v1 = placement.v1("devices").is_some();
    // An empty list takes back those before it.
    let mut properties = vec![Property::new("DeviceAllow", Value::pairs([]))];
    properties.extend(devices::properties(&with_defaults(rules), is_v1, &drivers));
    Systemd::connect(unit.instance)?.set_properties(&unit.name, &properties)
}

/// Ends the unit of a container whose processes have ended, and has it forgotten if it has failed.
/// A unit whose cgroup is not the recorded one is another one of that name and stays.
///
/// # Errors
/// systemd is not found, or does not answer.
pub fn stop(placement: &Placement) -> Result<()> {
    let Some(unit) = &placement.unit else {
        return Ok(());
    };
    // systemd's own hierarchy tells; in those of others we have made the cgroups.
    let is_there = match placement.v2().or(placement.v1("name=systemd")) {
        Some(place) => open_recorded(place)?.is_some(),
        None => false,
    };
    let mut systemd = Systemd::connect(unit.instance)?;
    if is_there {
        systemd.stop(&unit.name)?;
    }
    systemd.reset_failed(&unit.name)
}
