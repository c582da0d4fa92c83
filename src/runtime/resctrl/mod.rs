//! The container's groups below resctrl (`linux.intelRdt`): shares of cache and of memory
//! bandwidth, and their measurement.
//!
//! [`Assignment::of`] names the groups (pure), [`Assignment::check`] asks whether they can be had,
//! [`Assignment::enter`] makes them and moves init in; [`Groups`] is what is recorded, for `exec`
//! and `delete`. Sources: config-linux.md#intelrdt, Documentation/filesystems/resctrl.rst.
//! Deliberately absent: mounting resctrl, reading what was measured.

mod mounted;
mod schemata;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::config::IntelRdt;
use crate::error::{Context, Error, Kind, Result};
use mounted::Resctrl;

/// `closID` of the root group.
const ROOT: &str = "/";

/// The groups of a container, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Groups {
    /// The control group, a directory below resctrl; `/` is the root group.
    pub control: String,
    /// The monitoring group in it, if the container has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
    /// Directories below resctrl that are the container's own, outermost first. In an intent: that
    /// are about to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
}

/// What `linux.intelRdt` comes to.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The groups.
    pub groups: Groups,
    /// What they are to be.
    pub rdt: IntelRdt,
}

impl Groups {
    /// Moves a process in.
    ///
    /// # Errors
    /// Kind system: resctrl or a group is gone, or no such process.
    pub fn enter(&self, pid: libc::pid_t) -> Result<()> {
        Resctrl::mounted()?.enter(self, pid)
    }

    /// Writes lines to the schemata of the control group, which may be shared with others.
    ///
    /// # Errors
    /// Kind system: resctrl or the group is gone, or the kernel refused a line.
    pub fn update(&self, lines: &[String]) -> Result<()> {
        let resctrl = Resctrl::mounted()?;
        let _lock = resctrl.lock()?;
        resctrl.write_schemata(self.control_path(), lines)
    }

    /// Removes what was made for the container, except a group in which others are. Call it when
    /// the container's processes have ended. What is gone already is success.
    ///
    /// # Errors
    /// Kind system.
    pub fn remove(&self) -> Result<()> {
        match Resctrl::mounted() {
            Ok(resctrl) if !self.made.is_empty() => resctrl.remove(self),
            // The kernel removes all groups when resctrl is unmounted.
            _ => Ok(()),
        }
    }

    /// The control group's directory below resctrl; empty for the root group.
    fn control_path(&self) -> &str {
        if self.control == ROOT {
            ""
        } else {
            &self.control
        }
    }

    fn monitor_path(&self) -> Option<String> {
        let name = self.monitor.as_ref()?;
        let path = format!("{}/mon_groups/{name}", self.control_path());
        Some(path.trim_start_matches('/').to_owned())
    }
}

impl Assignment {
    /// The groups of the container `id`.
    #[must_use]
    pub fn of(rdt: &IntelRdt, id: &str) -> Self {
        let control = rdt.clos_id.as_deref().unwrap_or(id).to_owned();
        let groups = Groups {
            control,
            monitor: rdt.monitoring.then(|| id.to_owned()),
            made: Vec::new(),
        };
        let rdt = rdt.clone();
        Self { groups, rdt }
    }

    /// Looks whether the groups can be had, and notes those that would have to be made.
    ///
    /// # Errors
    /// Kind system: no resctrl or no monitoring here, a group that is missing, differs or is
    /// taken. All at a field of `linux.intelRdt`.
    pub fn check(&mut self) -> Result<()> {
        let checked = Resctrl::mounted().and_then(|resctrl| self.check_in(&resctrl));
        checked.at(&self.rdt.at)
    }

    /// Makes the groups that are missing, as configured, and moves init in. After a failure
    /// `groups.made` is what was made nevertheless.
    ///
    /// # Errors
    /// As [`Assignment::check`]; what the kernel refuses.
    pub fn enter(&mut self, init: libc::pid_t) -> Result<()> {
        self.groups.made.clear();
        let entered = Resctrl::mounted().and_then(|resctrl| self.enter_in(&resctrl, init));
        entered.at(&self.rdt.at)
    }

    fn check_in(&mut self, resctrl: &Resctrl) -> Result<()> {
        self.groups.made.clear();
        let control = self.groups.control_path().to_owned();
        let exists = resctrl.has(&control);
        match (&self.rdt.clos_id, exists) {
            (Some(_), true) => self.compare(resctrl)?,
            (Some(id), false) if !self.has_schemata() => return Err(self.missing(id)),
            (None, true) => {
                return Err(
                    taken(&control).hint("name it as closID to share it, or remove it with rmdir")
                );
            }
            (_, false) => self.groups.made.push(control),
        }
        let Some(monitor) = self.groups.monitor_path() else {
            return Ok(());
        };
        if !resctrl.has("mon_groups") {
            let why = "this machine has no monitoring in resctrl";
            let error = Error::new(Kind::System, "measure in resctrl", why);
            return Err(error.at(self.rdt.at.key("enableMonitoring")));
        }
        if resctrl.has(&monitor) {
            return Err(taken(&monitor).hint("remove it with rmdir, if nobody uses it"));
        }
        self.groups.made.push(monitor);
        Ok(())
    }

    fn enter_in(&mut self, resctrl: &Resctrl, init: libc::pid_t) -> Result<()> {
        let _lock = resctrl.lock()?;
        // Looked at again: it was not locked before.
        let checked = self.check_in(resctrl);
        let missing = std::mem::take(&mut self.groups.made);
        checked?;
        let control = self.groups.control_path().to_owned();
        for path in missing {
            resctrl.make(&path)?;
            let is_control = path == control;
            self.groups.made.push(path);
            if is_control {
                resctrl.write_schemata(&control, &self.rdt.schemas)?;
            }
        }
        resctrl.write_schemata(&control, &self.rdt.schemata)?;
        resctrl.enter(&self.groups, init)
    }

    fn has_schemata(&self) -> bool {
        !(self.rdt.schemas.is_empty() && self.rdt.schemata.is_empty())
    }

    /// An existing group must be as `l3CacheSchema` and `memBwSchema` want it; `schemata` is
    /// written to it instead.
    fn compare(&self, resctrl: &Resctrl) -> Result<()> {
        if self.rdt.schemas.is_empty() {
            return Ok(());
        }
        let present = resctrl.read_schemata(self.groups.control_path())?;
        let differing = |line: &&String| !schemata::agrees(line, &present);
        let Some(line) = self.rdt.schemas.iter().find(differing) else {
            return Ok(());
        };
        let name = line.split(':').next().unwrap_or_default();
        let what = format!("join resctrl group `{}`", self.groups.control);
        let why = match schemata::line(&present, name) {
            Some(other) => format!("`{line}` is wanted, but the group has `{other}`"),
            None => format!("`{line}` is wanted, but the group has no resource `{name}`"),
        };
        let hint = "a group that exists is not changed by l3CacheSchema and memBwSchema";
        Err(Error::new(Kind::System, what, why).hint(hint))
    }

    fn missing(&self, id: &str) -> Error {
        let what = format!("join resctrl group `{id}`");
        let why = "it does not exist, and nothing says what it should be";
        Error::new(Kind::System, what, why)
            .at(self.rdt.at.key("closID"))
            .hint("make it before, or give its schemata")
    }
}

fn taken(path: &str) -> Error {
    let what = format!("make resctrl group `{path}`");
    Error::new(Kind::System, what, "it exists already")
}
