//! `maskedPaths`, `readonlyPaths`, `cgroupsPath`, `rootfsPropagation`, `personality`.

use crate::config::Field;
use crate::config::document::MOUNT_NAMESPACE_HINT;
use crate::config::mounts::Propagation;
use crate::config::namespaces::{NamespaceKind, Namespaces};
use crate::config::path;
use crate::config::reader::Cursor;

/// `PER_*` (personality(2)).
const PERSONALITIES: [(&str, u64); 2] = [("LINUX", 0), ("LINUX32", 8)];

/// The list `maskedPaths` or `readonlyPaths`.
pub(in crate::config) fn covered_paths(
    linux: &Cursor,
    key: &str,
    namespaces: &Namespaces,
) -> Vec<Field<String>> {
    let paths = linux.list(key, |entry| {
        let written = entry.text()?;
        if !written.starts_with('/') {
            entry.refuse(format!("`{written}` is not an absolute path"));
            return None;
        }
        let cleaned = path::clean(written);
        if cleaned == "/" {
            entry.refuse_with_hint("the root cannot be covered", "see `root.readonly`");
            return None;
        }
        Some(entry.field(cleaned))
    });
    if !paths.is_empty()
        && !namespaces.has(NamespaceKind::Mount)
        && let Some(member) = linux.member(key)
    {
        member.refuse_with_hint("needs a mount namespace", MOUNT_NAMESPACE_HINT);
    }
    paths
}

/// Whether it names a path or a systemd unit (`slice:prefix:name`) depends on the cgroup
/// driver, so both forms pass.
pub(in crate::config) fn cgroups_path(linux: &Cursor) -> Option<Field<String>> {
    let path = linux.text_at("cgroupsPath")?;
    let member = linux.member("cgroupsPath")?;
    if path.split('/').any(|part| part == "..") {
        member.refuse(format!("`{path}` has a `..` component"));
        return None;
    }
    Some(member.field(path.to_owned()))
}

pub(in crate::config) fn rootfs_propagation(
    linux: &Cursor,
    namespaces: &Namespaces,
) -> Option<Field<Propagation>> {
    linux.text_at("rootfsPropagation")?;
    let member = linux.member("rootfsPropagation")?;
    let change = |kind, recursive| Propagation { kind, recursive };
    let names = [
        ("shared", change(libc::MS_SHARED, false)),
        ("rshared", change(libc::MS_SHARED, true)),
        ("slave", change(libc::MS_SLAVE, false)),
        ("rslave", change(libc::MS_SLAVE, true)),
        ("private", change(libc::MS_PRIVATE, false)),
        ("rprivate", change(libc::MS_PRIVATE, true)),
        ("unbindable", change(libc::MS_UNBINDABLE, false)),
        ("runbindable", change(libc::MS_UNBINDABLE, true)),
    ];
    let propagation = member.word("unknown propagation", &names)?;
    if !namespaces.has(NamespaceKind::Mount) {
        member.refuse_with_hint("needs a mount namespace", MOUNT_NAMESPACE_HINT);
    }
    Some(member.field(propagation))
}

pub(in crate::config) fn personality(linux: &Cursor) -> Option<Field<u64>> {
    let personality = linux.object("personality")?;
    if let Some(flags) = personality.member("flags")
        && !flags.is_empty_list()
    {
        flags.refuse("the specification defines no flags of a personality");
    }
    let domain = personality.required("domain")?;
    let value = domain.word("unknown personality", &PERSONALITIES)?;
    Some(personality.field(value))
}
