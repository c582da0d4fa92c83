//! `linux.resources` as types: what a configuration, or an update, asks of the cgroups.
//!
//! A member that is absent asks for nothing. Numbers keep the meaning of the specification: −1 is
//! unlimited where a field is signed. Every value remembers where it stood.

use crate::config::Field;
use crate::config::linux::DeviceKind;
use crate::error::Pointer;

/// `linux.resources`, or the document of an update.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// `devices`, in their order.
    pub devices: Vec<DeviceRule>,
    /// `memory`
    pub memory: Memory,
    /// `cpu`
    pub cpu: Cpu,
    /// `pids.limit`: −1 is unlimited.
    pub pids: Option<Field<i64>>,
    /// `blockIO`
    pub block_io: BlockIo,
    /// `hugepageLimits`, in their order.
    pub hugepages: Vec<HugepageLimit>,
    /// `network`
    pub network: Network,
    /// `rdma`, by device.
    pub rdma: Vec<RdmaLimit>,
    /// `unified`: file names of the v2 cgroup, each of a controller, and what is written to them.
    pub unified: Vec<Unified>,
}

/// `memory`: bytes, −1 is unlimited.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// `limit`
    pub limit: Option<Field<i64>>,
    /// `reservation`
    pub reservation: Option<Field<i64>>,
    /// `swap`: memory and swap together.
    pub swap: Option<Field<i64>>,
    /// `kernel`: deprecated; no kernel that this runtime runs on has it.
    pub kernel: Option<Field<i64>>,
    /// `kernelTCP`: v1 only.
    pub kernel_tcp: Option<Field<i64>>,
    /// `swappiness`: 0 to 100, v1 only.
    pub swappiness: Option<Field<u64>>,
    /// `disableOOMKiller`: v1 only.
    pub disable_oom_killer: Option<Field<bool>>,
    /// `checkBeforeUpdate`: refuse a limit below what is in use.
    pub check_before_update: bool,
}

/// `cpu`
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// `shares`, in the scale of v1: 2 to 262144.
    pub shares: Option<Field<u64>>,
    /// `quota`: µs in a period, −1 is unlimited.
    pub quota: Option<Field<i64>>,
    /// `burst`: µs.
    pub burst: Option<Field<u64>>,
    /// `period`: µs.
    pub period: Option<Field<u64>>,
    /// `realtimeRuntime`: µs, −1 is unlimited.
    pub realtime_runtime: Option<Field<i64>>,
    /// `realtimePeriod`: µs.
    pub realtime_period: Option<Field<u64>>,
    /// `cpus`: a list such as `0-2,7`, checked.
    pub cpus: Option<Field<String>>,
    /// `mems`: a list, checked.
    pub mems: Option<Field<String>>,
    /// `idle`: 0 or 1.
    pub idle: Option<Field<i64>>,
}

/// `blockIO`
#[derive(Clone, Debug, Default)]
pub struct BlockIo {
    /// `weight`: 10 to 1000.
    pub weight: Option<Field<u16>>,
    /// `leafWeight`: v1 only.
    pub leaf_weight: Option<Field<u16>>,
    /// `weightDevice`
    pub weight_devices: Vec<WeightDevice>,
    /// The four `throttle…Device` lists.
    pub throttles: Vec<Throttle>,
}

/// An element of `weightDevice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightDevice {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// `weight`: 10 to 1000.
    pub weight: Option<Field<u16>>,
    /// `leafWeight`: v1 only.
    pub leaf_weight: Option<Field<u16>>,
}

/// An element of a `throttle…Device` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Which list.
    pub kind: ThrottleKind,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// `rate`: bytes or operations in a second; 0 takes the limit away.
    pub rate: u64,
    /// Where the element stands.
    pub at: Pointer,
}

/// What a throttle limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleKind {
    /// `throttleReadBpsDevice`
    ReadBps,
    /// `throttleWriteBpsDevice`
    WriteBps,
    /// `throttleReadIOPSDevice`
    ReadIops,
    /// `throttleWriteIOPSDevice`
    WriteIops,
}

/// An element of `hugepageLimits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugepageLimit {
    /// `pageSize` as the kernel's files are named: `64KB`, `2MB`, `1GB`; checked.
    pub page_size: String,
    /// `limit`: bytes.
    pub limit: u64,
    /// Where the element stands.
    pub at: Pointer,
}

/// `network`: v1 only.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// `classID`
    pub class_id: Option<Field<u32>>,
    /// `priorities`
    pub priorities: Vec<NetworkPriority>,
}

/// An element of `network.priorities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPriority {
    /// Name of the device, as the host sees it; checked.
    pub name: String,
    /// `priority`
    pub priority: u32,
    /// Where the element stands.
    pub at: Pointer,
}

/// A member of `rdma`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdmaLimit {
    /// Name of the device; checked.
    pub device: String,
    /// `hcaHandles`; absent means no limit.
    pub handles: Option<u32>,
    /// `hcaObjects`; absent means no limit.
    pub objects: Option<u32>,
    /// Where the member stands.
    pub at: Pointer,
}

/// A member of `unified`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unified {
    /// Name of the file, `controller.rest`; checked to be one component.
    pub file: String,
    /// What is written, line by line.
    pub value: String,
    /// Where the member stands.
    pub at: Pointer,
}

/// One entry of `linux.resources.devices`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRule {
    /// Allow or deny.
    pub access: DeviceAccess,
    /// `c`, `b`, or both where absent or `a`.
    pub kind: Option<DeviceKind>,
    /// Absent or −1: every major.
    pub major: Option<u32>,
    /// Absent or −1: every minor.
    pub minor: Option<u32>,
    /// Read.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Create with mknod(2).
    pub mknod: bool,
    /// Where it stands.
    pub at: Pointer,
}

/// Direction of a device rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAccess {
    /// `allow: true`
    Allow,
    /// `allow: false`
    Deny,
}
