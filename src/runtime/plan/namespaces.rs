//! Namespaces: which are made by clone, which are joined, and in what order.

use std::ffi::CString;

use super::{Join, NamespacePlan, Op, Step};
use crate::cgroup::Placement;
use crate::config::{Config, NamespaceKind, NamespaceSource, TimeOffsets};
use crate::error::Pointer;

/// What clone makes and what is joined.
pub(super) fn namespaces(config: &Config) -> NamespacePlan {
    let mut plan = NamespacePlan::default();
    for (kind, source, at) in config.namespaces.iter() {
        match source {
            // The root of a new cgroup namespace is the cgroup the process is in, so it is made
            // only after the process is in its own.
            NamespaceSource::New if *kind == NamespaceKind::Cgroup => {}
            NamespaceSource::New if *kind == NamespaceKind::Time => {
                let offsets = config.time_offsets.as_ref();
                plan.new_time = Some(offsets.map_or_else(
                    || (TimeOffsets::default(), at.clone()),
                    |field| (field.value, field.at.clone()),
                ));
            }
            NamespaceSource::New => plan.clone_flags |= kind.clone_flag(),
            NamespaceSource::Path(path) => plan.joins.push(Join {
                kind: *kind,
                path: super::c_string(path),
                at: at.clone(),
            }),
        }
    }
    plan
}

/// Whether the parent enters a joined namespace before clone: these hold for children only.
#[must_use]
pub fn is_for_children(kind: NamespaceKind) -> bool {
    matches!(kind, NamespaceKind::Pid | NamespaceKind::Time)
}

/// The child's steps into its namespaces and cgroups.
pub(super) fn steps(config: &Config, plan: &NamespacePlan, session: &Session<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let entrance = match session.entrance {
        Entrance::Birth => None,
        Entrance::Join => Some(Op::JoinCgroups),
        Entrance::Unit => Some(Op::Request(super::Request::Unit)),
    };
    if let Some(op) = entrance {
        let path = config.cgroups_path.as_ref();
        let at = path.map_or_else(Pointer::root, |path| path.at.clone());
        steps.push(Step::new(op, at));
    }
    for (number, join) in plan.joins.iter().enumerate() {
        if !is_for_children(join.kind) {
            steps.push(Step::new(Op::Join(number), join.at.clone()));
        }
    }
    if config.namespaces.is_new(NamespaceKind::Cgroup)
        && let Some(at) = config.namespaces.pointer(NamespaceKind::Cgroup)
    {
        steps.push(Step::new(Op::NewCgroupNamespace, at.clone()));
    }
    if let Some(name) = session.keyring {
        let name: CString = super::c_string(&format!("_ses.{name}"));
        steps.push(Step::new(Op::SessionKeyring(name), Pointer::root()));
    }
    let session = Op::Process(super::process::Attribute::Session);
    steps.push(Step::new(session, Pointer::root()));
    if config.namespaces.is_new(NamespaceKind::Network)
        && let Some(at) = config.namespaces.pointer(NamespaceKind::Network)
    {
        steps.push(Step::new(Op::LoopbackUp, at.clone()));
    }
    if !config.net_devices.is_empty() {
        let at = Pointer::new("/linux/netDevices");
        steps.push(Step::new(Op::Request(super::Request::NetDevices), at));
    }
    steps
}

/// How the child comes into its cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// It is born there (v2).
    Birth,
    /// It writes itself into them (v1).
    Join,
    /// systemd puts it there when it makes its unit.
    Unit,
}

impl Entrance {
    pub(super) fn of(placement: &Placement) -> Self {
        if placement.unit.is_some() {
            Self::Unit
        } else if placement.directories.iter().any(|place| !place.is_v2()) {
            Self::Join
        } else {
            Self::Birth
        }
    }
}

/// What the session of the container's processes is made of.
pub(super) struct Session<'a> {
    /// How the child comes into its cgroups.
    pub entrance: Entrance,
    /// The container's id as the name of a new session keyring; `None` keeps the caller's.
    pub keyring: Option<&'a str>,
}
