//! `mounts`: option strings become kernel attributes.

mod destination;
mod options;

use super::reader::Cursor;
use crate::config::Fault;
use crate::error::Pointer;
use options::{BindOption, Options};

/// One entry of `mounts`.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Absolute, cleaned path in the container; `/` only for a remount.
    pub destination: String,
    /// What is mounted.
    pub kind: MountKind,
    /// `MOUNT_ATTR_*` bits to set on this mount (mount_setattr(2)).
    pub set: u64,
    /// `MOUNT_ATTR_*` bits to clear on this mount. Never a bit of `set`, but for
    /// `MOUNT_ATTR__ATIME`, which is cleared whole whenever an access time mode is asked for,
    /// as mount_setattr(2) wants it.
    pub clear: u64,
    /// Bits to set on the whole tree (`rro`, `rnosuid`, …).
    pub recursive_set: u64,
    /// Bits to clear on the whole tree; `MOUNT_ATTR__ATIME` as above.
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
        /// `MS_*`-like superblock flags as fsconfig flag keys: `ro`, `sync`, `dirsync`,
        /// `lazytime`, `mand`, with their pointers. Their negative forms clear what an earlier
        /// option set and are left out.
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
        /// As in `Filesystem`, but with the negative forms (`rw`, `async`, `nolazytime`,
        /// `nomand`), which change an existing file system. Empty with `bind`.
        flags: Vec<(String, Pointer)>,
        /// As in `Filesystem`. Empty with `bind`.
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

/// The mount options with a meaning of their own, sorted (features.md, `mountOptions`).
pub fn option_names() -> impl Iterator<Item = &'static str> {
    options::supported_names()
}

/// Not cleaned: `..` after a symbolic link is for the kernel to resolve.
fn from_bundle(bundle: &str, source: &str) -> String {
    if source.starts_with('/') {
        source.to_owned()
    } else {
        format!("{bundle}/{source}")
    }
}

/// Reads `mounts` of the document.
pub(super) fn read(document: &Cursor, bundle: &str) -> Vec<Mount> {
    document.list("mounts", |entry| {
        if !entry.is_object() {
            return None;
        }
        refuse_id_maps(entry);
        let options = Options::read(entry);
        let destination = destination::read(entry);
        let kind = kind(entry, &options, bundle);
        let (destination, kind) = (destination?, kind?);
        destination::check(entry, &destination, &kind);
        Some(Mount {
            destination,
            kind,
            set: options.own.set,
            clear: options.own.clear,
            recursive_set: options.tree.set,
            recursive_clear: options.tree.clear,
            propagation: options.propagation,
            at: entry.at(),
        })
    })
}

fn refuse_id_maps(entry: &Cursor) {
    for key in ["uidMappings", "gidMappings"] {
        if let Some(map) = entry.member(key)
            && !map.is_empty_list()
        {
            map.unsupported("id-mapped mounts are");
        }
    }
}

fn kind(entry: &Cursor, options: &Options, bundle: &str) -> Option<MountKind> {
    let fstype = entry.text_at("type").unwrap_or_default();
    let source = entry.member("source").and_then(|source| source.text());
    if options.remount || options.bind.is_some() || fstype != "tmpfs" {
        options.refuse_copy_up(entry);
    }
    match options.bind {
        _ if options.remount => Some(remount(entry, options, fstype)),
        Some(bind) => {
            options.refuse_file_system_options(entry, "a bind mount");
            Some(MountKind::Bind {
                source: from_bundle(bundle, bind_source(entry, source)?),
                recursive: bind == BindOption::Tree,
            })
        }
        None => file_system(entry, options, fstype, source),
    }
}

fn file_system(
    entry: &Cursor,
    options: &Options,
    fstype: &str,
    source: Option<&str>,
) -> Option<MountKind> {
    let refuse = |why: String, hint| {
        let fault = Fault::invalid(entry.at().key("type"), why);
        entry.report(fault.hint(hint));
        None
    };
    match fstype {
        "" => refuse(
            "required, but missing".to_owned(),
            "only a mount with `bind`, `rbind` or `remount` needs no type",
        ),
        "bind" | "none" => refuse(
            format!("`{fstype}` is not a file system"),
            "a bind mount is asked for by the option `bind` or `rbind`",
        ),
        "cgroup" => {
            options.refuse_file_system_options(entry, "the container's cgroup tree");
            Some(MountKind::Cgroup)
        }
        fstype => Some(MountKind::Filesystem {
            fstype: fstype.to_owned(),
            source: source
                .filter(|source| !source.is_empty())
                .unwrap_or(fstype)
                .to_owned(),
            flags: options.superblock_set(),
            data: options.data_for(fstype),
            copy_up: options.copy_up.is_some(),
        }),
    }
}

fn remount(entry: &Cursor, options: &Options, fstype: &str) -> MountKind {
    let bind = options.bind.is_some();
    if bind {
        options.refuse_file_system_options(entry, "a remount with `bind`");
        return MountKind::Remount {
            bind,
            flags: Vec::new(),
            data: Vec::new(),
        };
    }
    MountKind::Remount {
        bind,
        flags: options.superblock.clone(),
        data: options.data_for(fstype),
    }
}

fn bind_source<'d>(entry: &Cursor, source: Option<&'d str>) -> Option<&'d str> {
    entry.required("source")?;
    if source.is_some_and(str::is_empty) {
        entry.refuse_at("source", "a bind mount needs a source");
        return None;
    }
    source
}
