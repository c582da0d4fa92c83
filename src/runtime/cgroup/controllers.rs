//! The controllers of cgroup v2: each cgroup has those that the one above gives to its children
//! (`cgroup.subtree_control`; cgroups(7)).
//!
//! A container's cgroup gets all that there are, so that statistics and later updates work;
//! only those that a setting needs must be had.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;

use super::files::{at, c_string, open_below, open_mount, read, write};
use super::placement::{Directory, Placement};
use super::settings::{Home, Need, Setting};
use crate::error::{Error, Kind, Pointer, Result};

/// Controllers that settings need in the v2 hierarchy, with one of the fields that need each.
type Required<'s> = BTreeMap<&'s str, &'s Pointer>;

fn required(settings: &[Setting]) -> Required<'_> {
    settings
        .iter()
        .filter(|setting| setting.home == Home::V2 && setting.need == Need::Required)
        .map(|setting| (&*setting.controller, &setting.at))
        // `cgroup.*` is in every cgroup.
        .filter(|(name, _)| *name != "cgroup")
        .collect()
}

/// Checks, before anything is made, that the v2 hierarchy has the controllers that `settings`
/// need.
///
/// # Errors
/// `controller "memory" not available` at the field.
pub fn check(placement: &Placement, settings: &[Setting]) -> Result<()> {
    let required = required(settings);
    let Some(place) = placement.v2().filter(|_| !required.is_empty()) else {
        return Ok(());
    };
    let mount = open_mount(place)?;
    let available = controllers(mount.as_fd(), place)?;
    match required.iter().find(|(name, _)| !has(&available, name)) {
        Some((name, field)) => Err(unavailable(name, field, &place.mount)),
        None => Ok(()),
    }
}

fn unavailable(name: &str, field: &Pointer, cgroup: &str) -> Error {
    let what = format!("use the cgroup controller `{name}` in {cgroup}");
    let why = format!("controller \"{name}\" not available");
    Error::new(Kind::Unsupported, what, why).at(field).hint(
        "it may be in use by a cgroup v1 hierarchy, switched off by the kernel parameter \
         cgroup_disable, or unknown to this kernel: see cgroup.controllers there",
    )
}

fn controllers(dir: BorrowedFd<'_>, place: &Directory) -> Result<String> {
    at(
        read(dir, c"cgroup.controllers"),
        "list the controllers of the cgroup",
        place,
    )
}

fn has(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|listed| listed == name)
}

/// Has the cgroups on the way from the root to `leaf`, which is at `place`, give their controllers to those below them.
///
/// # Errors
/// A controller that `settings` need and that cannot be had, with the cgroup which withholds it.
pub(super) fn enable(leaf: BorrowedFd<'_>, place: &Directory, settings: &[Setting]) -> Result<()> {
    let required = required(settings);
    let mount = &open_mount(place)?;
    let own = controllers(leaf, place)?;
    let available = controllers(mount.as_fd(), place)?;
    let mut missing: Vec<&str> = available
        .split_whitespace()
        .filter(|name| !has(&own, name))
        .collect();
    let mut above = String::new();
    let mut here: Option<OwnedFd> = None;
    for name in place.path.split('/') {
        if missing.is_empty() {
            break;
        }
        let dir = here.as_ref().unwrap_or(mount).as_fd();
        let host_path = format!("{}{above}", place.mount.trim_end_matches('/'));
        missing = hand_down(dir, &missing, &required, &host_path)?;
        let below = c_string(name).and_then(|name| open_below(dir, &name));
        here = Some(at(below, "open the cgroup", place)?);
        above = format!("{above}/{name}");
    }
    Ok(())
}

/// Gives the controllers of one cgroup to those below it; returns those that it gives.
fn hand_down<'n>(
    dir: BorrowedFd<'_>,
    wanted: &[&'n str],
    required: &Required<'_>,
    host_path: &str,
) -> Result<Vec<&'n str>> {
    let given = read(dir, c"cgroup.subtree_control").unwrap_or_default();
    let (mut given, missing): (Vec<&str>, Vec<&str>) =
        wanted.iter().partition(|name| has(&given, name));
    if missing.is_empty() {
        return Ok(given);
    }
    let line: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    if write(dir, c"cgroup.subtree_control", &line.join(" ")).is_ok() {
        given.extend(missing);
        return Ok(given);
    }
    // One that cannot be had must not keep back the others.
    for name in missing {
        match (
            write(dir, c"cgroup.subtree_control", &format!("+{name}")),
            required.get(name),
        ) {
            (Ok(()), _) => given.push(name),
            (Err(errno), Some(field)) => return Err(withheld(name, field, errno, host_path)),
            (Err(_), None) => {}
        }
    }
    Ok(given)
}

/// The error of a controller that a cgroup does not give to those below it.
fn withheld(name: &str, field: &Pointer, errno: Errno, host_path: &str) -> Error {
    let what = format!(
        "enable the cgroup controller `{name}` below {}",
        Path::new(host_path).display()
    );
    let error = Error::from_errno(errno, what).at(field);
    match errno {
        Errno::EBUSY => error.hint(
            "that cgroup has processes of its own, and may have these or controllers for its \
             children: name another linux.cgroupsPath",
        ),
        Errno::EACCES | Errno::EPERM | Errno::EROFS => error.hint(delegation(name)),
        Errno::ENOENT => error.hint(delegation(name)),
        Errno::EOPNOTSUPP => error.hint("that cgroup is threaded (cgroup.type)"),
        _ => error,
    }
}

/// How an administrator hands a controller to a user.
fn delegation(name: &str) -> String {
    format!(
        "the controller is not delegated: for a user of systemd, `systemctl edit user@.service`, \
         add `[Service]` and `Delegate=cpu cpuset io memory pids` ({name} among them), and log \
         in anew"
    )
}
