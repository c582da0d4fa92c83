//! `linux.resources` → the control files to be written. Pure.
//!
//! Each controller speaks the language of the hierarchy in which the container has it: v1 where a
//! v1 hierarchy of the machine has the controller, else v2. What the host's cgroups cannot express
//! is a fault of its field, except values that ask for what the kernel does anyway, which engines
//! send always: "unlimited", 1024 shares. Those are written only where somebody listens.
//! Deliberately absent: the device rules (see [`super::devices`]), and the writing itself (see
//! [`super::apply`]).

mod block_io;
pub mod convert;
mod cpu;
mod memory;
mod others;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::placement::Placement;
use crate::config::{Fault, Resources};
use crate::error::Pointer;

/// One setting of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which of the container's cgroups has the file.
    pub home: Home,
    /// The controller: `memory`, `io`, …; in v1 the name of its hierarchy.
    pub controller: Cow<'static, str>,
    /// What is written where. The first file that exists is taken: some have other names where
    /// another scheduler is in use.
    pub writes: Vec<Write>,
    /// Whether it must be possible.
    pub need: Need,
    /// When it is written.
    pub moment: Moment,
    /// The field that asks for it.
    pub at: Pointer,
}

/// One write(2) to a control file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Name of the file.
    pub file: Cow<'static, str>,
    /// Its text.
    pub value: String,
}

/// Where a controller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a v1 hierarchy.
    V1,
    /// In the v2 hierarchy.
    V2,
}

/// What happens where the controller or the file is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The start fails.
    Required,
    /// Nothing: what is asked for is the case anyway.
    IfThere,
}

/// When a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the container's first process is in the cgroup.
    BeforeBirth,
    /// After it is: the setting would not let it in.
    AfterBirth,
}

/// The settings that `resources` ask for in the cgroups of `placement`, in the order in which
/// they are written.
///
/// # Errors
/// Every field that the controllers of this machine's layout cannot express.
pub fn settings(resources: &Resources, placement: &Placement) -> Result<Vec<Setting>, Vec<Fault>> {
    let mut draft = Draft {
        placement,
        settings: Vec::new(),
        faults: Vec::new(),
    };
    memory::add(&mut draft, &resources.memory);
    cpu::add(&mut draft, &resources.cpu);
    block_io::add(&mut draft, &resources.block_io);
    others::add_pids(&mut draft, resources.pids.as_ref());
    others::add_hugepages(&mut draft, &resources.hugepages);
    others::add_network(&mut draft, &resources.network);
    others::add_rdma(&mut draft, &resources.rdma);
    // Last, so that it has the last word.
    others::add_unified(&mut draft, &resources.unified);
    if draft.faults.is_empty() {
        Ok(draft.settings)
    } else {
        Err(draft.faults)
    }
}

/// Settings in the making.
struct Draft<'a> {
    placement: &'a Placement,
    settings: Vec<Setting>,
    faults: Vec<Fault>,
}

impl Draft<'_> {
    /// Where a controller is, by its name in v1 and whether v2 has it.
    fn home(&self, v1: &str) -> Option<Home> {
        if self.placement.v1(v1).is_some() {
            return Some(Home::V1);
        }
        self.placement.v2().map(|_| Home::V2)
    }

    /// Adds a setting of a controller that has a home.
    fn set(&mut self, controller: Controller, need: Need, at: &Pointer, write: Write) {
        self.set_first(controller, need, at, vec![write]);
    }

    /// The same, with other names of the file.
    fn set_first(
        &mut self,
        Controller { name, home }: Controller,
        need: Need,
        at: &Pointer,
        writes: Vec<Write>,
    ) {
        self.settings.push(Setting {
            home,
            controller: name,
            writes,
            need,
            moment: Moment::BeforeBirth,
            at: at.clone(),
        });
    }

    /// Reports a field that cannot be expressed.
    fn refuse(&mut self, at: &Pointer, why: impl Into<String>) {
        self.faults.push(Fault::unsupported(at.clone(), why));
    }

    /// Reports a field whose controller has no hierarchy here, if it must be honoured.
    fn refuse_homeless(&mut self, controller: &str, need: Need, at: &Pointer) {
        if need == Need::IfThere {
            return;
        }
        let fault = if self.placement.directories.is_empty() {
            let why = "the container has no cgroup of its own in which to set it";
            Fault::unsupported(at.clone(), why).hint("leave out `--cgroup-manager disabled`")
        } else {
            let why = format!("no hierarchy of the cgroup controller `{controller}` is mounted");
            let mount = format!("mount -t cgroup -o {controller} cgroup DIRECTORY");
            Fault::unsupported(at.clone(), why).hint(mount)
        };
        self.faults.push(fault);
    }
}

/// A controller and where it is.
#[derive(Clone)]
struct Controller {
    name: Cow<'static, str>,
    home: Home,
}

impl Controller {
    const fn v1(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            home: Home::V1,
        }
    }

    const fn v2(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            home: Home::V2,
        }
    }
}

impl Write {
    fn new(file: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        Self {
            file: file.into(),
            value: value.to_string(),
        }
    }
}

impl Need {
    /// Not required where the value is what the kernel does anyway.
    const fn unless(is_default: bool) -> Self {
        if is_default {
            Self::IfThere
        } else {
            Self::Required
        }
    }
}

/// A limit in v2's words.
fn or_max(limit: i64) -> String {
    if limit < 0 {
        "max".to_owned()
    } else {
        limit.to_string()
    }
}
