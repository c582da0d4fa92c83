//! Who the program runs as.

use crate::config::Capabilities;

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
