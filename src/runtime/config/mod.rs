//! Spec → Config: complete, typed, validated. Pure: nothing here looks at the host.
//!
//! [`Config::from_spec`] walks config.json (runtime-spec 1.3) once and collects *every*
//! fault with its JSON pointer, so that `saya check` can show them together. What comes
//! out needs no second look: defaults are filled in, paths are absolute and cleaned,
//! names are resolved to numbers, and every item remembers where it stood (`at`).
//! Deliberately absent: facts of the host (see `host`) and kernel structures (see `plan`).

pub mod fault;
pub mod hooks;
pub mod linux;
pub mod mounts;
pub mod namespaces;
pub mod process;
pub mod resources;

mod document;
pub(crate) mod number_list;
mod path;
mod reader;
mod suggestion;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::error::Pointer;

pub use fault::Fault;
pub use hooks::{Hook, HookKind, Hooks};
pub use linux::{Device, DeviceKind, IntelRdt, MemoryPolicy, NetDevice, Seccomp, Sysctl};
pub use mounts::{Mount, MountKind, Propagation};
pub use namespaces::{NamespaceKind, NamespaceSource, Namespaces, TimeOffsets};
pub use process::{Capabilities, Process};
pub use resources::{DeviceAccess, DeviceRule, Resources, ZeroPids};

/// A container as its bundle describes it, ready to be planned.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ociVersion`, a semantic version with major 1.
    pub version: String,
    /// The root file system.
    pub root: Root,
    /// The container's program. Absent only where `start` is never asked for (spec: process is
    /// optional until start).
    pub process: Option<Process>,
    /// UTS host name with its UTS namespace assured.
    pub hostname: Option<Field<String>>,
    /// NIS domain name with its UTS namespace assured.
    pub domainname: Option<Field<String>>,
    /// `mounts`, in their order.
    pub mounts: Vec<Mount>,
    /// `hooks`.
    pub hooks: Hooks,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `linux.namespaces`.
    pub namespaces: Namespaces,
    /// `linux.timeOffsets`.
    pub time_offsets: Option<Field<TimeOffsets>>,
    /// `linux.devices`: only those of the configuration; the default devices are the plan's.
    pub devices: Vec<Device>,
    /// `linux.netDevices`.
    pub net_devices: Vec<NetDevice>,
    /// `linux.cgroupsPath`; not empty.
    pub cgroups_path: Option<Field<String>>,
    /// `linux.resources`.
    pub resources: Resources,
    /// `linux.rootfsPropagation`: `shared` stands for itself, `rshared` for the tree; absent
    /// means the default, recursive slave.
    pub rootfs_propagation: Option<Field<Propagation>>,
    /// `linux.sysctl`: keys normalised to `a/b/c` below /proc/sys, namespace checked.
    pub sysctl: Vec<Sysctl>,
    /// `linux.maskedPaths`: absolute and cleaned.
    pub masked_paths: Vec<Field<String>>,
    /// `linux.readonlyPaths`: absolute and cleaned.
    pub readonly_paths: Vec<Field<String>>,
    /// `linux.personality.domain` as the kernel's `PER_*` value.
    pub personality: Option<Field<u64>>,
    /// `linux.memoryPolicy`.
    pub memory_policy: Option<MemoryPolicy>,
    /// `linux.intelRdt`.
    pub intel_rdt: Option<IntelRdt>,
    /// `linux.seccomp`.
    pub seccomp: Option<Seccomp>,
    /// Things worth a warning that stop nothing: unknown capabilities, deprecated forms. Each
    /// begins with the pointer of its field.
    pub warnings: Vec<String>,
}

/// `root`.
#[derive(Clone, Debug)]
pub struct Root {
    /// Absolute host path (a relative one is joined to the bundle).
    pub path: String,
    /// Whether the root is mounted read-only.
    pub readonly: bool,
    /// Where it stands.
    pub at: Pointer,
}

/// A value with the place it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where it stands in the document.
    pub at: Pointer,
}
