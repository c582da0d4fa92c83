//! Walks over a cgroup and everything below it.
//!
//! A container with a writable cgroup mount may build a tree of any depth, so a walk holds one
//! directory open at a time: it climbs back by `..` and keeps only names. Cgroups that vanish
//! under the walk are skipped.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::files::{children, is_gone, open_below, open_parent, read_list};
use super::v1;
use crate::sys;
use crate::sys::cgroup::remove_dir;

/// Most cgroups that one walk visits.
const CGROUPS_MAX: usize = 100_000;

/// A directory on the way down.
struct Level {
    /// Its name; none for the root of the walk.
    name: Option<CString>,
    /// Those below it that are still to be visited.
    rest: Vec<CString>,
}

/// Visits `root` and every cgroup below it. `enter` sees each on the way down, `leave` is called
/// on the way up with the parent and the name.
fn walk(
    root: BorrowedFd<'_>,
    mut enter: impl FnMut(BorrowedFd<'_>) -> sys::Result<()>,
    mut leave: impl FnMut(BorrowedFd<'_>, &CStr) -> sys::Result<()>,
) -> sys::Result<()> {
    let mut here = open_below(root, c".")?;
    let mut levels = vec![look(here.as_fd(), None, &mut enter)?];
    let mut visited = 0;
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.rest.pop() {
            visited += 1;
            if visited > CGROUPS_MAX {
                return Err(Errno::E2BIG);
            }
            if let Some((below, level)) = descend(here.as_fd(), name, &mut enter)? {
                here = below;
                levels.push(level);
            }
        } else if let Some(name) = levels.pop().and_then(|level| level.name) {
            here = open_parent(here.as_fd())?;
            leave(here.as_fd(), &name)?;
        }
    }
    Ok(())
}

fn descend(
    here: BorrowedFd<'_>,
    name: CString,
    enter: impl FnMut(BorrowedFd<'_>) -> sys::Result<()>,
) -> sys::Result<Option<(OwnedFd, Level)>> {
    let entered = open_below(here, &name).and_then(|below| {
        let level = look(below.as_fd(), Some(name), enter)?;
        Ok((below, level))
    });
    match entered {
        Err(errno) if is_gone(errno) => Ok(None),
        other => other.map(Some),
    }
}

fn look(
    here: BorrowedFd<'_>,
    name: Option<CString>,
    mut enter: impl FnMut(BorrowedFd<'_>) -> sys::Result<()>,
) -> sys::Result<Level> {
    enter(here)?;
    let rest = children(here)?;
    Ok(Level { name, rest })
}

/// Processes of `root` and below, as the caller's pid namespace numbers them; 0 stands for those
/// it cannot see.
pub(super) fn pids(root: BorrowedFd<'_>) -> sys::Result<BTreeSet<libc::pid_t>> {
    let mut pids = BTreeSet::new();
    walk(
        root,
        |here| {
            // EOPNOTSUPP: a threaded cgroup, whose processes its domain lists.
            match read_list(here, c"cgroup.procs") {
                Err(Errno::EOPNOTSUPP) => Ok(()),
                Err(errno) => Err(errno),
                Ok(text) => {
                    pids.extend(
                        text.lines()
                            .filter_map(|line| line.parse::<libc::pid_t>().ok()),
                    );
                    Ok(())
                }
            }
        },
        |_, _| Ok(()),
    )?;
    Ok(pids)
}

/// Thaws `root` and every cgroup of the v1 freezer below it: a container with a writable freezer may
/// have frozen some. A cgroup that was removed meanwhile has nobody to thaw.
pub(super) fn thaw_v1(root: BorrowedFd<'_>) -> sys::Result<()> {
    match walk(root, v1::thaw, |_, _| Ok(())) {
        Err(errno) if is_gone(errno) => Ok(()),
        other => other,
    }
}

/// Removes every cgroup below `root` that has no process, leaves first.
pub(super) fn remove_below(root: BorrowedFd<'_>) -> sys::Result<()> {
    walk(
        root,
        |_| Ok(()),
        |parent, name| match remove_dir(parent, name) {
            // Busy: the caller waits and comes back.
            Err(errno) if errno != Errno::EBUSY && !is_gone(errno) => Err(errno),
            _ => Ok(()),
        },
    )
}
