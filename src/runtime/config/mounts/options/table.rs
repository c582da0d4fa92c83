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

const OPTIONS: [(&str, Effect); 62] = [
    ("defaults", Effect::Nothing),
    ("ro", Effect::ReadOnly),
    ("rw", Effect::ReadWrite),
    ("nosuid", Effect::Set(NOSUID)),
    ("suid", Effect::Clear(NOSUID)),
    ("nodev", Effect::Set(NODEV)),
    ("dev", Effect::Clear(NODEV)),
    ("noexec", Effect::Set(NOEXEC)),
    ("exec", Effect::Clear(NOEXEC)),
    ("nodiratime", Effect::Set(NODIRATIME)),
    ("diratime", Effect::Clear(NODIRATIME)),
    ("nosymfollow", Effect::Set(NOSYMFOLLOW)),
    ("symfollow", Effect::Clear(NOSYMFOLLOW)),
    ("noatime", Effect::AccessTime(NOATIME)),
    ("atime", Effect::NotAccessTime(NOATIME)),
    ("relatime", Effect::AccessTime(RELATIME)),
    ("norelatime", Effect::NotAccessTime(RELATIME)),
    ("strictatime", Effect::AccessTime(STRICTATIME)),
    ("nostrictatime", Effect::NotAccessTime(STRICTATIME)),
    ("rro", Effect::TreeSet(RDONLY)),
    ("rrw", Effect::TreeClear(RDONLY)),
    ("rnosuid", Effect::TreeSet(NOSUID)),
    ("rsuid", Effect::TreeClear(NOSUID)),
    ("rnodev", Effect::TreeSet(NODEV)),
    ("rdev", Effect::TreeClear(NODEV)),
    ("rnoexec", Effect::TreeSet(NOEXEC)),
    ("rexec", Effect::TreeClear(NOEXEC)),
    ("rnodiratime", Effect::TreeSet(NODIRATIME)),
    ("rdiratime", Effect::TreeClear(NODIRATIME)),
    ("rnosymfollow", Effect::TreeSet(NOSYMFOLLOW)),
    ("rsymfollow", Effect::TreeClear(NOSYMFOLLOW)),
    ("rnoatime", Effect::TreeAccessTime(NOATIME)),
    ("ratime", Effect::TreeNotAccessTime(NOATIME)),
    ("rrelatime", Effect::TreeAccessTime(RELATIME)),
    ("rnorelatime", Effect::TreeNotAccessTime(RELATIME)),
    ("rstrictatime", Effect::TreeAccessTime(STRICTATIME)),
    ("rnostrictatime", Effect::TreeNotAccessTime(STRICTATIME)),
    ("sync", Effect::Superblock("sync", "async")),
    ("async", Effect::Superblock("async", "sync")),
    ("lazytime", Effect::Superblock("lazytime", "nolazytime")),
    ("nolazytime", Effect::Superblock("nolazytime", "lazytime")),
    ("mand", Effect::Superblock("mand", "nomand")),
    ("nomand", Effect::Superblock("nomand", "mand")),
    ("dirsync", Effect::Superblock("dirsync", "")),
    ("private", Effect::Propagate(alone(MS_PRIVATE))),
    ("rprivate", Effect::Propagate(tree(MS_PRIVATE))),
    ("slave", Effect::Propagate(alone(MS_SLAVE))),
    ("rslave", Effect::Propagate(tree(MS_SLAVE))),
    ("shared", Effect::Propagate(alone(MS_SHARED))),
    ("rshared", Effect::Propagate(tree(MS_SHARED))),
    ("unbindable", Effect::Propagate(alone(MS_UNBINDABLE))),
    ("runbindable", Effect::Propagate(tree(MS_UNBINDABLE))),
    ("bind", Effect::Bind(BindOption::Mount)),
    ("rbind", Effect::Bind(BindOption::Tree)),
    ("remount", Effect::Remount),
    ("tmpcopyup", Effect::CopyUp),
    ("iversion", Effect::ChangeCounter),
    ("noiversion", Effect::NoChangeCounter),
    ("silent", Effect::Nothing),
    ("loud", Effect::Nothing),
    ("idmap", Effect::IdMap),
    ("ridmap", Effect::IdMap),
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
    let row = OPTIONS.iter().find(|(option, _)| *option == name);
    row.map(|(_, effect)| *effect)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, _)| *name)
}

/// Whether a superblock flag takes something away.
pub(super) fn is_negative(flag: &str) -> bool {
    matches!(flag, "rw" | "async" | "nolazytime" | "nomand")
}
