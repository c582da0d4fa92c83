//! The smaller parts of `linux`: devices, network devices, sysctls, memory policy, resctrl.

use crate::error::Pointer;

/// What kind of node a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// `c` or `u`
    Char,
    /// `b`
    Block,
    /// `p`
    Fifo,
}

/// One entry of `linux.devices`.
#[derive(Clone, Debug)]
pub struct Device {
    /// Absolute, cleaned path in the container.
    pub path: String,
    /// Node type.
    pub kind: DeviceKind,
    /// Major number; 0 for a FIFO.
    pub major: u32,
    /// Minor number; 0 for a FIFO.
    pub minor: u32,
    /// Permission bits; 0666 where absent.
    pub mode: u32,
    /// Owner in the container; 0 where absent.
    pub uid: u32,
    /// Group in the container; 0 where absent.
    pub gid: u32,
    /// Where it stands.
    pub at: Pointer,
}

/// One entry of `linux.netDevices`: moved from the runtime's network namespace.
#[derive(Clone, Debug)]
pub struct NetDevice {
    /// Name on the host.
    pub host_name: String,
    /// Name in the container; may hold one `%d`. The host's name where absent.
    pub name: String,
    /// Where it stands.
    pub at: Pointer,
}

/// One entry of `linux.sysctl`.
#[derive(Clone, Debug)]
pub struct Sysctl {
    /// Path below /proc/sys, such as `net/ipv4/ip_forward`.
    pub path: String,
    /// The value, written in one write(2).
    pub value: String,
    /// Where it stands.
    pub at: Pointer,
}

/// `linux.memoryPolicy` (set_mempolicy(2)).
#[derive(Clone, Debug)]
pub struct MemoryPolicy {
    /// `MPOL_*` with its `MPOL_F_*` flags.
    pub mode: u32,
    /// Node mask, 64 nodes a word, lowest first.
    pub nodes: Vec<u64>,
    /// Where it stands.
    pub at: Pointer,
}

/// `linux.intelRdt` (resctrl).
#[derive(Clone, Debug)]
pub struct IntelRdt {
    /// `closID`; absent means the container's id.
    pub clos_id: Option<String>,
    /// Lines for the group's `schemata` file, in order (l3CacheSchema, memBwSchema, schemata).
    pub schemata: Vec<String>,
    /// `enableMonitoring`
    pub monitoring: bool,
    /// Where it stands.
    pub at: Pointer,
}
