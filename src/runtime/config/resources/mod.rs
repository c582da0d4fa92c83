//! `linux.resources`: device rules now; the rest is refused by name until it is enforced.

mod devices;
mod limits;

use super::reader::Cursor;
use crate::config::linux::DeviceKind;
use crate::error::Pointer;

/// The resource limits of a container.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// `devices`, in their order.
    pub devices: Vec<DeviceRule>,
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

/// What a `pids.limit` of 0 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZeroPids {
    /// No limit: before specification 1.3, when a member could not be told from an absent one.
    /// Podman 4 writes it for "unlimited".
    Unlimited,
    /// No process at all.
    Limit,
}

/// Reads `linux.resources`.
pub(super) fn read(linux: &Cursor, zero_pids: ZeroPids) -> Resources {
    let Some(resources) = linux.object("resources") else {
        return Resources::default();
    };
    limits::refuse(&resources, zero_pids);
    Resources {
        devices: devices::read(&resources),
    }
}
