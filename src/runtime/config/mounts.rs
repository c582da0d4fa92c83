//! `mounts`: option strings become kernel attributes.

use crate::error::Pointer;

/// One entry of `mounts`.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Absolute, cleaned path in the container; `/` only for a remount.
    pub destination: String,
    /// What is mounted.
    pub kind: MountKind,
    /// `MOUNT_ATTR_*` bits to set on this mount (mount_setattr(2)).
    pub set: u64,
    /// `MOUNT_ATTR_*` bits to clear on this mount; never a bit of `set`.
    pub clear: u64,
    /// Bits to set on the whole tree (`rro`, `rnosuid`, …).
    pub recursive_set: u64,
    /// Bits to clear on the whole tree.
    pub recursive_clear: u64,
    /// Propagation changes, in their order.
    pub propagation: Vec<Propagation>,
    /// Where it stands.
    pub at: Pointer,
}

/// What a mount entry mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A bind of a host path (`bind` or `rbind` option, whatever the type says).
    Bind {
        /// Absolute host path (a relative one is joined to the bundle).
        source: String,
        /// `rbind`: with the mounts below.
        recursive: bool,
    },
    /// A file system made by the kernel (`proc`, `tmpfs`, `overlay`, …).
    Filesystem {
        /// The kernel's name of it.
        fstype: String,
        /// The device or label; the type's name where absent.
        source: String,
        /// `MS_*`-like superblock flags as fsconfig flag keys (`ro`, `sync`, `dirsync`,
        /// `lazytime`, `mand`, …; the negative forms clear and are left out) with their pointers.
        flags: Vec<(String, Pointer)>,
        /// Unknown options, handed to the file system: key, value, pointer.
        data: Vec<(String, Option<String>, Pointer)>,
        /// `tmpcopyup`: fill a tmpfs from what it covers.
        copy_up: bool,
    },
    /// The container's cgroup tree (`type: cgroup`), read-only or not by the attributes.
    Cgroup,
    /// `remount`: change the attributes of what is mounted at the destination.
    Remount {
        /// With the `bind` option: the mount only, not the file system.
        bind: bool,
        /// As in `Filesystem`.
        flags: Vec<(String, Pointer)>,
        /// As in `Filesystem`.
        data: Vec<(String, Option<String>, Pointer)>,
    },
}

/// A change of mount propagation (mount_namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or `MS_UNBINDABLE`.
    pub kind: u64,
    /// With all mounts below (`rprivate`, …).
    pub recursive: bool,
}
