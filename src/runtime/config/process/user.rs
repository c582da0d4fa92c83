//! `process.user`: numeric ids only; names are the engine's business.

use crate::config::reader::Cursor;
use crate::error::Pointer;

/// `process.user`.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// User id inside the container.
    pub uid: u32,
    /// Group id inside the container.
    pub gid: u32,
    /// Supplementary groups; exactly these are set, never the caller's.
    pub additional_gids: Vec<u32>,
    /// `umask`; absent leaves the caller's.
    pub umask: Option<u32>,
    /// Where it stands.
    pub at: Pointer,
}

/// Ids of a user or group; 4294967295 is the kernel's "no id" (credentials(7), chown(2)).
const IDS: std::ops::RangeInclusive<i128> = 0..=4_294_967_294;

/// An id of a member that may be absent: root, as in the specification's schema, where neither
/// `user` nor its members are required.
pub(in crate::config) fn id(cursor: &Cursor, key: &str) -> u32 {
    cursor.integer_at(key, IDS).unwrap_or_default()
}

pub(super) fn read(process: &Cursor) -> User {
    let Some(user) = process.object("user") else {
        return User {
            at: process.at().key("user"),
            ..User::default()
        };
    };
    User {
        uid: id(&user, "uid"),
        gid: id(&user, "gid"),
        additional_gids: user.list("additionalGids", |gid| gid.integer(IDS)),
        umask: user.integer_at("umask", 0..=0o777),
        at: user.at(),
    }
}
