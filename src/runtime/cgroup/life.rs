//! The life of a container's cgroups after `launch`: who is in them, and their removal.
//!
//! Works on the recorded [`Placement`] alone, and never on a cgroup that has another id than the
//! recorded one. A cgroup that is gone (removed by systemd, or an earlier delete) is no error:
//! nobody is in it. Every wait has a deadline, and its error names who is in the way.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;

use super::files::{
    at, c_string, has_line, is_gone, open_below, open_mount, open_parent, open_recorded, read,
};
use super::placement::{Directory, Placement};
use super::wait::Wait;
use super::{tree, v1};
use crate::error::{Context, Result};
use crate::sys;
use crate::sys::cgroup::remove_dir;
use crate::sys::file;

/// Process ids.
pub(super) type Pids = BTreeSet<libc::pid_t>;

/// The container's processes, those of cgroups below its own included, in ascending order.
///
/// # Errors
/// As open(2) and read(2); a cgroup that is gone has none.
pub fn pids(placement: &Placement) -> Result<Vec<libc::pid_t>> {
    Ok(members(placement)?
        .into_iter()
        .filter(|pid| *pid > 0)
        .collect())
}

/// Whether the container is frozen: by the v1 freezer or in the v2 hierarchy.
///
/// # Errors
/// As open(2) and read(2); a cgroup that is gone is not frozen.
pub fn is_frozen(placement: &Placement) -> Result<bool> {
    for place in [placement.v2(), placement.v1("freezer")]
        .into_iter()
        .flatten()
    {
        let Some(fd) = open_recorded(place)? else {
            continue;
        };
        match frozen(place, fd.as_fd()) {
            Ok(false) => {}
            Err(errno) if is_gone(errno) => {}
            other => return at(other, "look at the cgroup's state", place),
        }
    }
    Ok(false)
}

/// Whether one cgroup is frozen; only the v2 hierarchy and the freezer know.
pub(super) fn frozen(place: &Directory, fd: BorrowedFd<'_>) -> sys::Result<bool> {
    if place.is_v2() {
        read(fd, c"cgroup.events").map(|events| has_line(&events, "frozen 1"))
    } else if place.controls("freezer") {
        v1::is_frozen(fd)
    } else {
        Ok(false)
    }
}

/// Removes the container's cgroups where they have neither a process nor a cgroup below them, as
/// after the end of most containers; whether all are gone.
///
/// # Errors
/// As rmdir(2), but for a busy one.
pub fn remove_idle(placement: &Placement) -> Result<bool> {
    for place in &placement.directories {
        if !at(remove_idle_one(place)?, "remove the cgroup", place)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remove_idle_one(place: &Directory) -> Result<sys::Result<bool>> {
    let mount = match open_mount(place) {
        Err(error) if error.errno().is_some_and(is_gone) => return Ok(Ok(true)),
        other => other?,
    };
    Ok(remove_idle_below(&mount, place))
}

fn remove_idle_below(mount: &OwnedFd, place: &Directory) -> sys::Result<bool> {
    let (above, name) = match place.path.rsplit_once('/') {
        Some((above, name)) => match open_below(mount.as_fd(), &c_string(above)?) {
            Err(errno) if is_gone(errno) => return Ok(true),
            opened => (Some(opened?), name),
        },
        None => (None, place.path.as_str()),
    };
    let parent = above.as_ref().unwrap_or(mount).as_fd();
    let name = c_string(name)?;
    match file::status(parent, &name) {
        Err(errno) if is_gone(errno) => Ok(true),
        // Another cgroup has taken the path since: not ours to remove.
        Ok(status) if place.id.is_some_and(|id| id != status.inode) => Ok(true),
        Ok(_) => is_removed(remove_dir(parent, &name)),
        Err(errno) => Err(errno),
    }
}

/// Removes the container's cgroups and those below them; parents stay, as runc leaves them.
///
/// # Errors
/// `Timeout` when a cgroup is busy until the deadline, naming who holds it; or what rmdir(2)
/// refused. The others are removed nevertheless.
pub fn remove(placement: &Placement, deadline: Instant) -> Result<()> {
    let mut outcome = Ok(());
    for place in &placement.directories {
        let removed = remove_one(place, deadline);
        outcome = outcome.and(removed);
    }
    outcome
}

fn remove_one(place: &Directory, deadline: Instant) -> Result<()> {
    const WHAT: &str = "remove the cgroup";
    let Some(fd) = open_recorded(place)? else {
        return Ok(());
    };
    let name = place.path.rsplit('/').next().unwrap_or_default();
    let name = at(c_string(name), WHAT, place)?;
    let parent = at(open_parent(fd.as_fd()), WHAT, place)?;
    let mut wait = Wait::until(deadline);
    while !at(try_remove(parent.as_fd(), &name, fd.as_fd()), WHAT, place)? {
        let pids = at(members_of(fd.as_fd()), WHAT, place)?;
        wait.for_change(Some(place), &pids)
            .at(std::path::Path::new(&place.host_path()))
            .during(WHAT)?;
    }
    Ok(())
}

/// Whether the cgroup `fd`, called `name` in `parent`, is gone with all below it; not while it
/// is busy.
fn try_remove(parent: BorrowedFd<'_>, name: &CStr, fd: BorrowedFd<'_>) -> sys::Result<bool> {
    // Most containers have made none below.
    if is_removed(remove_dir(parent, name))? {
        return Ok(true);
    }
    match tree::remove_below(fd) {
        // More than one walk takes: the next look goes on with the rest.
        Err(Errno::E2BIG) => return Ok(false),
        Err(errno) if is_gone(errno) => {}
        other => other?,
    }
    is_removed(remove_dir(parent, name))
}

fn is_removed(removed: sys::Result<()>) -> sys::Result<bool> {
    match removed {
        Err(Errno::EBUSY) => Ok(false),
        Err(errno) if !is_gone(errno) => Err(errno),
        _ => Ok(true),
    }
}

/// Processes of the container. Every process of it is in the v2 cgroup from birth, where there
/// is one; else those of all v1 cgroups together, for one may have entered only some yet.
pub(super) fn members(placement: &Placement) -> Result<Pids> {
    let mut pids = Pids::new();
    if let Some(place) = placement.v2()
        && let Some(fd) = open_recorded(place)?
    {
        return list(place, fd.as_fd());
    }
    for place in placement.directories.iter().filter(|place| !place.is_v2()) {
        if let Some(fd) = open_recorded(place)? {
            pids.extend(list(place, fd.as_fd())?);
        }
    }
    Ok(pids)
}

fn list(place: &Directory, fd: BorrowedFd<'_>) -> Result<Pids> {
    at(members_of(fd), "list the processes of the cgroup", place)
}

pub(super) fn members_of(fd: BorrowedFd<'_>) -> sys::Result<Pids> {
    match tree::pids(fd) {
        Err(errno) if is_gone(errno) => Ok(Pids::new()),
        other => other,
    }
}
