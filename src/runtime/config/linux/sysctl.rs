//! `linux.sysctl`: only what a namespace of the container's own confines.

use std::collections::HashMap;

use crate::config::namespaces::{NamespaceKind, Namespaces};
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// One entry of `linux.sysctl`.
#[derive(Clone, Debug)]
pub struct Sysctl {
    /// Path below /proc/sys, such as `net/ipv4/ip_forward`.
    pub path: String,
    /// The value, written in one write(2).
    pub value: String,
    /// Where it stands.
    pub at: Pointer,
}

/// More than any kernel's longest key; a path component may not be longer.
const LONGEST_KEY: usize = 255;

pub(in crate::config) fn read(
    linux: &Cursor,
    document: &Cursor,
    namespaces: &Namespaces,
) -> Vec<Sysctl> {
    let mut places: HashMap<String, Pointer> = HashMap::new();
    linux.map("sysctl", |key, entry| {
        let value = entry.text();
        let path = normalise(key, entry)?;
        check_namespace(&path, entry, namespaces);
        check_conflict(&path, entry, document);
        if let Some(other) = places.insert(path.clone(), entry.at()) {
            entry.refuse(format!("the same key as {other}"));
        }
        Some(Sysctl {
            path,
            value: value?.to_owned(),
            at: entry.at(),
        })
    })
}

/// As sysctl.d(5): the first separator decides. After a dot, dots separate and a slash stands
/// for a dot in a name (`net.ipv4.conf.eth0/100.forwarding`); after a slash it is a path.
fn normalise(key: &str, entry: &Cursor) -> Option<String> {
    if key.len() > LONGEST_KEY {
        entry.refuse(format!("the key is longer than {LONGEST_KEY} bytes"));
        return None;
    }
    let separator = key.chars().find(|c| matches!(c, '.' | '/'));
    let path = match separator {
        Some('.') => key.chars().map(swap).collect(),
        _ => key.to_owned(),
    };
    // A `+` joined several settings into one in an engine's list (CVE-2022-0811).
    let foreign = path.chars().find(|c| !c.is_ascii_graphic() || *c == '+');
    if let Some(character) = foreign {
        entry.refuse(format!("the key holds {character:?}"));
        return None;
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        entry.refuse("the key is no path below /proc/sys");
        return None;
    }
    Some(path)
}

fn swap(character: char) -> char {
    match character {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

/// The namespace that confines a sysctl (namespaces(7) and the manual pages it names).
fn owner(path: &str) -> Option<NamespaceKind> {
    match path {
        "kernel/msgmax"
        | "kernel/msgmnb"
        | "kernel/msgmni"
        | "kernel/sem"
        | "kernel/shmall"
        | "kernel/shmmax"
        | "kernel/shmmni"
        | "kernel/shm_rmid_forced" => Some(NamespaceKind::Ipc),
        "kernel/hostname" | "kernel/domainname" => Some(NamespaceKind::Uts),
        _ if path.starts_with("fs/mqueue/") => Some(NamespaceKind::Ipc),
        _ if path.starts_with("net/") => Some(NamespaceKind::Network),
        _ => None,
    }
}

fn check_namespace(path: &str, entry: &Cursor, namespaces: &Namespaces) {
    match owner(path) {
        None => entry.refuse("no namespace confines this sysctl: it would change the host"),
        Some(kind) if !namespaces.has(kind) => entry.refuse_with_hint(
            format!(
                "needs a namespace of its own (`{}`): it would change the host",
                kind.name()
            ),
            format!("add {{\"type\": \"{}\"}} to /linux/namespaces", kind.name()),
        ),
        Some(_) => {}
    }
}

fn check_conflict(path: &str, entry: &Cursor, document: &Cursor) {
    for (sysctl, field) in [
        ("kernel/hostname", "hostname"),
        ("kernel/domainname", "domainname"),
    ] {
        if path == sysctl && document.has_text(field) {
            entry.refuse_with_hint(format!("conflicts with `{field}`"), "keep one of the two");
        }
    }
}
