//! `linux.resources.pids`: how many processes and threads.

use super::numbers::{self, SIGNED};
use crate::config::Field;
use crate::config::reader::Cursor;

/// What a `pids.limit` of 0 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroPids {
    /// No limit: before specification 1.3, when a member could not be told from an absent one.
    /// Podman 4 writes it for "unlimited". An update leaves the limit as it is, as runc does.
    Unlimited,
    /// No process at all.
    Limit,
}

pub(super) fn read(resources: &Cursor, zero_pids: ZeroPids) -> Option<Field<i64>> {
    let pids = resources.object("pids")?;
    match zero_pids {
        ZeroPids::Unlimited => numbers::unlimited_below_zero(&pids, "limit"),
        ZeroPids::Limit => {
            let mut limit: Field<i64> = numbers::field(&pids, "limit", SIGNED)?;
            limit.value = limit.value.max(-1);
            Some(limit)
        }
    }
}
