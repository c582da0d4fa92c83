//! A namespace joined by path may be the runtime's own. What the configuration would set there,
//! it would set for the host.

use std::os::fd::{AsFd, OwnedFd};

use crate::config::{Config, NamespaceKind};
use crate::error::{Doing, Error, Kind, Pointer, Result};
use crate::plan::NamespacePlan;
use crate::sys::file;

/// Refuses sysctls and names that would change the host.
///
/// # Errors
/// The field, where its namespace is the runtime's own.
pub(super) fn check(config: &Config, plan: &NamespacePlan, joins: &[OwnedFd]) -> Result<()> {
    for (join, fd) in plan.joins.iter().zip(joins) {
        let Some((field, name)) = settings(config, join.kind).into_iter().next() else {
            continue;
        };
        let path = format!("/proc/self/ns/{}", join.kind.proc_name());
        let own = std::fs::File::open(&path).doing(format!("open `{path}`"))?;
        let status = |fd| file::status(fd, c"").doing("look at a namespace");
        let (own, joined) = (status(own.as_fd())?, status(fd.as_fd())?);
        if (own.dev, own.inode) == (joined.dev, joined.inode) {
            let kind = join.kind.name();
            let why = format!(
                "`{}` is the host's own {kind} namespace",
                join.path.to_string_lossy()
            );
            let error = Error::new(Kind::Config, format!("set {name}"), why).at(field);
            return Err(error.hint(format!("give the container a {kind} namespace of its own")));
        }
    }
    Ok(())
}

/// What the configuration sets in a namespace of this kind.
fn settings(config: &Config, kind: NamespaceKind) -> Vec<(Pointer, String)> {
    let sysctls = config
        .sysctl
        .iter()
        .filter(|sysctl| owner(&sysctl.path) == kind);
    let mut settings: Vec<_> = sysctls
        .map(|sysctl| (sysctl.at.clone(), format!("sysctl `{}`", sysctl.path)))
        .collect();
    if kind == NamespaceKind::Uts {
        let names = [
            ("hostname", &config.hostname),
            ("domainname", &config.domainname),
        ];
        for (name, field) in names {
            settings.extend(
                field
                    .iter()
                    .map(|field| (field.at.clone(), name.to_owned())),
            );
        }
    }
    settings
}

/// The kind of namespace a sysctl belongs to; `config` has refused those of none.
fn owner(sysctl: &str) -> NamespaceKind {
    match sysctl {
        "kernel/domainname" | "kernel/hostname" => NamespaceKind::Uts,
        path if path.starts_with("net/") => NamespaceKind::Network,
        _ => NamespaceKind::Ipc,
    }
}
