//! Who the program runs as.

use crate::config::process::capability_name;
use crate::config::{Capabilities, Process};
use crate::host::Host;

/// User, groups, capabilities.
#[derive(Debug)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups; always set, so that the caller's never stay.
    pub groups: Vec<u32>,
    /// Capability sets.
    pub capabilities: Capabilities,
    /// `PR_SET_NO_NEW_PRIVS`
    pub no_new_privileges: bool,
}

/// The identity that a process asks for, as far as this host can grant it, and warnings about
/// capabilities that it cannot (runtime-spec: warn, do not fail).
#[must_use]
pub fn identity(process: &Process, host: &Host) -> (Identity, Vec<String>) {
    let asked = process.capabilities;
    let can = host.capabilities;
    let granted = Capabilities {
        bounding: asked.bounding & can,
        effective: asked.effective & can,
        permitted: asked.permitted & can,
        inheritable: asked.inheritable & can,
        ambient: asked.ambient & can,
    };
    let all = asked.bounding | asked.effective | asked.permitted | asked.inheritable;
    let missing: Vec<String> = (0..u64::BITS)
        .filter(|bit| (all | asked.ambient) & !can & (1 << bit) != 0)
        .map(capability_name)
        .collect();
    let warnings = match missing.as_slice() {
        [] => Vec::new(),
        names => vec![format!(
            "this host cannot grant capabilities [{}]",
            names.join(", ")
        )],
    };
    let identity = Identity {
        uid: process.user.uid,
        gid: process.user.gid,
        groups: process.user.additional_gids.clone(),
        capabilities: granted,
        no_new_privileges: process.no_new_privileges,
    };
    (identity, warnings)
}
