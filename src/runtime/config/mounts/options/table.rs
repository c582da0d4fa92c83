//! Every mount option with a meaning of its own.

use libc::{
    MOUNT_ATTR_NOATIME as NOATIME, MOUNT_ATTR_NODEV as NODEV, MOUNT_ATTR_NODIRATIME as NODIRATIME,
    MOUNT_ATTR_NOEXEC as NOEXEC, MOUNT_ATTR_NOSUID as NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW as NOSYMFOLLOW, MOUNT_ATTR_RDONLY as RDONLY,
    MOUNT_ATTR_RELATIME as RELATIME, MOUNT_ATTR_STRICTATIME as STRICTATIME, MS_PRIVATE, MS_SHARED,
    MS_SLAVE, MS_UNBINDABLE,
};

use super::BindOption;
use crate::config::Propagation;

/// What an option does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// `defaults`; and `silent` and `loud`, which choose whether the kernel logs a failure of
    /// mount(2): that of fsopen(2) reports to its caller and never logs.
    Nothing,
    /// The mount and its file system.
    ReadOnly,
    /// The opposite.
    ReadWrite,
    /// Attributes of the mount.
    Set(u64),
    /// The opposite.
    Clear(u64),
    /// An access time mode of the mount.
    AccessTime(u64),
    /// Not this mode.
    NotAccessTime(u64),
    /// Attributes of the tree.
    TreeSet(u64),
    /// The opposite.
    TreeClear(u64),
    /// An access time mode of the tree.
    TreeAccessTime(u64),
    /// Not this mode.
    TreeNotAccessTime(u64),
    /// A flag of the file system, and the one that it replaces.
    Superblock(&'static str, &'static str),
    /// A change of propagation.
    Propagate(Propagation),
    /// A bind mount.
    Bind(BindOption),
    /// A change of what is mounted.
    Remount,
    /// `tmpcopyup`
    CopyUp,
    /// `iversion`
    ChangeCounter,
    /// `noiversion`
    NoChangeCounter,
    /// `idmap`, `ridmap`
    IdMap,
}

/// Sorted by name.
const OPTIONS: [(&str, Effect); 62] = [
    ("async", Effect::Superblock("async", "sync")),
    ("atime", Effect::NotAccessTime(NOATIME)),
    ("bind", Effect::Bind(BindOption::Mount)),
    ("defaults", Effect::Nothing),
    ("dev", Effect::Clear(NODEV)),
    ("diratime", Effect::Clear(NODIRATIME)),
    ("dirsync", Effect::Superblock("dirsync", "")),
    ("exec", Effect::Clear(NOEXEC)),
    ("idmap", Effect::IdMap),
    ("iversion", Effect::ChangeCounter),
    ("lazytime", Effect::Superblock("lazytime", "nolazytime")),
    ("loud", Effect::Nothing),
    ("mand", Effect::Superblock("mand", "nomand")),
    ("noatime", Effect::AccessTime(NOATIME)),
    ("nodev", Effect::Set(NODEV)),
    ("nodiratime", Effect::Set(NODIRATIME)),
    ("noexec", Effect::Set(NOEXEC)),
    ("noiversion", Effect::NoChangeCounter),
    ("nolazytime", Effect::Superblock("nolazytime", "lazytime")),
    ("nomand", Effect::Superblock("nomand", "mand")),
    ("norelatime", Effect::NotAccessTime(RELATIME)),
    ("nostrictatime", Effect::NotAccessTime(STRICTATIME)),
    ("nosuid", Effect::Set(NOSUID)),
    ("nosymfollow", Effect::Set(NOSYMFOLLOW)),
    ("private", Effect::Propagate(alone(MS_PRIVATE))),
    ("ratime", Effect::TreeNotAccessTime(NOATIME)),
    ("rbind", Effect::Bind(BindOption::Tree)),
    ("rdev", Effect::TreeClear(NODEV)),
    ("rdiratime", Effect::TreeClear(NODIRATIME)),
    ("relatime", Effect::AccessTime(RELATIME)),
    ("remount", Effect::Remount),
    ("rexec", Effect::TreeClear(NOEXEC)),
    ("ridmap", Effect::IdMap),
    ("rnoatime", Effect::TreeAccessTime(NOATIME)),
    ("rnodev", Effect::TreeSet(NODEV)),
    ("rnodiratime", Effect::TreeSet(NODIRATIME)),
    ("rnoexec", Effect::TreeSet(NOEXEC)),
    ("rnorelatime", Effect::TreeNotAccessTime(RELATIME)),
    ("rnostrictatime", Effect::TreeNotAccessTime(STRICTATIME)),
    ("rnosuid", Effect::TreeSet(NOSUID)),
    ("rnosymfollow", Effect::TreeSet(NOSYMFOLLOW)),
    ("ro", Effect::ReadOnly),
    ("rprivate", Effect::Propagate(tree(MS_PRIVATE))),
    ("rrelatime", Effect::TreeAccessTime(RELATIME)),
    ("rro", Effect::TreeSet(RDONLY)),
    ("rrw", Effect::TreeClear(RDONLY)),
    ("rshared", Effect::Propagate(tree(MS_SHARED))),
    ("rslave", Effect::Propagate(tree(MS_SLAVE))),
    ("rstrictatime", Effect::TreeAccessTime(STRICTATIME)),
    ("rsuid", Effect::TreeClear(NOSUID)),
    ("rsymfollow", Effect::TreeClear(NOSYMFOLLOW)),
    ("runbindable", Effect::Propagate(tree(MS_UNBINDABLE))),
    ("rw", Effect::ReadWrite),
    ("shared", Effect::Propagate(alone(MS_SHARED))),
    ("silent", Effect::Nothing),
    ("slave", Effect::Propagate(alone(MS_SLAVE))),
    ("strictatime", Effect::AccessTime(STRICTATIME)),
    ("suid", Effect::Clear(NOSUID)),
    ("symfollow", Effect::Clear(NOSYMFOLLOW)),
    ("sync", Effect::Superblock("sync", "async")),
    ("tmpcopyup", Effect::CopyUp),
    ("unbindable", Effect::Propagate(alone(MS_UNBINDABLE))),
];

const fn alone(kind: u64) -> Propagation {
    Propagation {
        kind,
        recursive: false,
    }
}

const fn tree(kind: u64) -> Propagation {
    Propagation {
        kind,
        recursive: true,
    }
}

/// What the option of this name does.
pub(super) fn effect(name: &str) -> Option<Effect> {
    let place = OPTIONS.binary_search_by_key(&name, |(option, _)| option);
    OPTIONS.get(place.ok()?).map(|(_, effect)| *effect)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, _)| *name)
}

/// All names but those that are refused.
pub(in crate::config::mounts) fn supported_names() -> impl Iterator<Item = &'static str> {
    let supported = OPTIONS.iter();
    supported
        .filter(|(_, effect)| !matches!(effect, Effect::IdMap))
        .map(|(name, _)| *name)
}

/// Whether a superblock flag takes something away.
pub(super) fn is_negative(flag: &str) -> bool {
    matches!(flag, "rw" | "async" | "nolazytime" | "nomand")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_each_name_is_found() {
        assert!(OPTIONS.is_sorted_by_key(|(name, _)| *name));
        for name in names() {
            assert!(effect(name).is_some(), "{name}");
        }
        assert!(effect("size").is_none());
    }
}
