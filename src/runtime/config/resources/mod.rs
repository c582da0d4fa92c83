//! `linux.resources`: device rules now; the rest is refused by name until it is enforced.

mod devices;
mod limits;
pub mod types;

use super::reader::Cursor;

pub use types::{DeviceAccess, DeviceRule, Resources};

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
        ..Resources::default()
    }
}
