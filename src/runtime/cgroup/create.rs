//! The container's cgroups as `launch` makes and enters them.
//!
//! A cgroup that is there already is taken only if nobody is in it and it is not frozen: two
//! containers in one cgroup would kill each other, and a frozen one would never start. What was
//! made is taken back when anything fails ([`Cgroup::undo`]), never what was there before.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::files::{at, c_string, id, is_gone, open_below, open_file, open_mount};
use super::life::frozen;
use super::placement::{Directory, Driver, Placement};
use super::settings::{Home, Setting};
use super::{controllers, tree, v1};
use crate::error::{Error, Kind, Result};
use crate::sys;
use crate::sys::cgroup::remove_dir;
use crate::sys::file::make_dir;

/// How often a path is made anew when another container's end removes one of its parents.
const RACE_LIMIT: u32 = 16;

/// The open cgroups of a container.
#[derive(Debug)]
pub struct Cgroup {
    pub(super) placement: Placement,
    pub(super) directories: Vec<OpenDirectory>,
}

#[derive(Debug)]
pub(super) struct OpenDirectory {
    pub(super) place: Directory,
    pub(super) fd: OwnedFd,
    /// What was made of its path; nothing where the cgroup was there.
    pub(super) made: Made,
}

impl Cgroup {
    /// Makes the cgroups of `placement` with their parents, and the controllers of `settings` in
    /// them; the settings themselves are for [`Cgroup::apply`].
    ///
    /// # Errors
    /// `container's cgroup is not empty: N process(es) found`, `container's cgroup unexpectedly
    /// frozen`, a controller that cannot be had, or what the kernel refused. Nothing that was made
    /// is left then.
    pub fn create(placement: &Placement, settings: &[Setting]) -> Result<Self> {
        // Beside v1, the v2 hierarchy has nothing that a container gains from by itself.
        let enables = placement.directories.iter().all(Directory::is_v2)
            || settings.iter().any(|setting| setting.home == Home::V2);
        let mut cgroup = Self {
            placement: placement.clone(),
            directories: Vec::with_capacity(placement.directories.len()),
        };
        for place in &mut cgroup.placement.directories {
            // Recorded before it is checked, so that undo knows it.
            let made = make(place).and_then(|opened| {
                cgroup.directories.push(opened);
                let Some(opened) = cgroup.directories.last() else {
                    return Ok(());
                };
                check_vacant(opened)?;
                if enables && opened.place.is_v2() {
                    controllers::enable(opened.fd.as_fd(), &opened.place, settings)?;
                }
                Ok(())
            });
            if let Err(error) = made {
                cgroup.undo();
                return Err(error.during("unable to apply cgroup configuration"));
            }
            place.id = cgroup.directories.last().and_then(|opened| opened.place.id);
        }
        Ok(cgroup)
    }

    /// A container's cgroups before systemd has made its unit: none.
    #[must_use]
    pub fn unmade() -> Self {
        Self {
            placement: Placement {
                driver: Driver::Systemd,
                ..Placement::default()
            },
            directories: Vec::new(),
        }
    }

    /// Adds a cgroup.
    pub(super) fn adopt(&mut self, opened: OpenDirectory) {
        self.placement.directories.push(opened.place.clone());
        self.directories.push(opened);
    }

    /// The placement with the kernel's ids of the cgroups, for the container's record.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The v2 directory that a process can be born into (`CLONE_INTO_CGROUP`).
    #[must_use]
    pub fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.directories
            .iter()
            .find(|opened| opened.place.is_v2())
            .map(|opened| opened.fd.as_fd())
    }

    /// `tasks` of each v1 cgroup, open for writing: a process of one thread enters by writing `0`.
    /// (Writing to `cgroup.procs` would wait for an RCU grace period, some 10 ms.)
    ///
    /// # Errors
    /// As open(2).
    pub fn open_tasks(&self) -> Result<Vec<OwnedFd>> {
        let v1 = self
            .directories
            .iter()
            .filter(|opened| !opened.place.is_v2());
        v1.map(|opened| {
            let file = open_file(opened.fd.as_fd(), c"tasks", libc::O_WRONLY);
            at(file, "open tasks", &opened.place)
        })
        .collect()
    }

    /// Removes what [`Cgroup::create`] made, parents included, where nobody is in it. For a
    /// create that failed; a container that has run is removed with [`super::remove`].
    pub fn undo(&self) {
        for opened in self.directories.iter().rev() {
            // What cannot be removed is in use by others, or the container's record still has it.
            let _ = take_back(opened);
        }
    }
}

/// Makes one cgroup with its parents, or opens it.
pub(super) fn make(place: &Directory) -> Result<OpenDirectory> {
    let mount = open_mount(place)?;
    let mut tries = 0;
    loop {
        match make_path(&mount, place) {
            Err(Errno::ENOENT) if tries < RACE_LIMIT => tries += 1,
            other => return at(other, "create the cgroup", place).map_err(hinted),
        }
    }
}

/// What to do about the usual refusals.
fn hinted(error: Error) -> Error {
    match error.errno() {
        Some(Errno::EROFS) => error.hint(
            "the hierarchy is mounted read-only: remount it, or use `--cgroup-manager disabled`",
        ),
        Some(Errno::EACCES | Errno::EPERM) => error.hint(
            "only root, or the user to whom the cgroup is delegated, may make cgroups there: \
                 use `--systemd-cgroup`, or start the runtime with \
                 `systemd-run --user --scope --property=Delegate=yes` and a relative \
                 linux.cgroupsPath",
        ),
        Some(Errno::EAGAIN) => {
            error.hint("a limit of cgroup.max.depth or cgroup.max.descendants is reached")
        }
        _ => error,
    }
}

/// Makes the cgroup and its parents; what was made before a failure is removed again.
fn make_path(mount: &OwnedFd, place: &Directory) -> sys::Result<OpenDirectory> {
    let mut made = Made::default();
    let opened = make_components(mount, place, &mut made);
    if opened.is_err() {
        // The failure itself is the one to tell.
        let _ = made.take_back(mount, &place.path);
    }
    let fd = opened?;
    let mut place = place.clone();
    place.id = Some(id(fd.as_fd()).inspect_err(|_| {
        let _ = made.take_back(mount, &place.path);
    })?);
    Ok(OpenDirectory { place, fd, made })
}

/// The components of a path that were made: the last ones up to an end.
#[derive(Debug, Default)]
pub(super) struct Made {
    count: usize,
    /// Bytes of the path up to the last of them.
    end: usize,
}

impl Made {
    /// Whether all was there.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Removes them again, where nobody is in them.
    fn take_back(&self, mount: &OwnedFd, path: &str) -> sys::Result<()> {
        let mut path = path.get(..self.end).unwrap_or_default();
        for _ in 0..self.count {
            let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
            match remove_path(mount, parent, name) {
                Err(errno) if is_gone(errno) => {}
                other => other?,
            }
            path = parent;
        }
        Ok(())
    }
}

fn make_components(mount: &OwnedFd, place: &Directory, made: &mut Made) -> sys::Result<OwnedFd> {
    let is_cpuset = place.controls("cpuset");
    // A cpuset's parents may be there and still lack CPUs: look at each.
    let (mut here, missing) = if is_cpuset {
        (None, place.path.as_str())
    } else {
        deepest_existing(mount, &place.path)?
    };
    let mut end = place.path.len() - missing.len();
    for name in missing.split('/') {
        end += name.len();
        let parent = here.as_ref().unwrap_or(mount).as_fd();
        let name = c_string(name)?;
        match make_dir(parent, &name, 0o755) {
            Err(Errno::EEXIST) => *made = Made { count: 0, end },
            Err(errno) => return Err(errno),
            Ok(()) => {
                *made = Made {
                    count: made.count + 1,
                    end,
                }
            }
        }
        end += 1;
        let child = open_below(parent, &name)?;
        if is_cpuset {
            v1::inherit_cpuset(parent, child.as_fd())?;
        }
        here = Some(child);
    }
    here.ok_or(Errno::ENOENT)
}

/// Opens the deepest parent that exists, if it is not the mount point itself; with it, the rest
/// of the path.
fn deepest_existing<'a>(mount: &OwnedFd, path: &'a str) -> sys::Result<(Option<OwnedFd>, &'a str)> {
    let mut end = path.len();
    while let Some((parent, _)) = path.get(..end).and_then(|head| head.rsplit_once('/')) {
        match open_below(mount.as_fd(), &c_string(parent)?) {
            Err(Errno::ENOENT) => end = parent.len(),
            other => {
                let rest = path.get(parent.len() + 1..).unwrap_or_default();
                return other.map(|fd| (Some(fd), rest));
            }
        }
    }
    Ok((None, path))
}

/// Refuses a cgroup that is frozen, or one that was there and has processes.
fn check_vacant(opened: &OpenDirectory) -> Result<()> {
    let fd = opened.fd.as_fd();
    if opened.made.is_empty() {
        let pids = at(
            tree::pids(fd),
            "list the processes of the cgroup",
            &opened.place,
        )?;
        if !pids.is_empty() {
            let count = pids.len();
            let why = format!("container's cgroup is not empty: {count} process(es) found");
            let hint = "another container uses the same linux.cgroupsPath, or left processes in it";
            return Err(refused(&opened.place, why).hint(hint));
        }
    }
    check_thawed(opened)
}

/// Refuses a cgroup that is frozen; a new one is too where one above it is.
pub(super) fn check_thawed(opened: &OpenDirectory) -> Result<()> {
    if at(
        frozen(&opened.place, opened.fd.as_fd()),
        "look at the cgroup's state",
        &opened.place,
    )? {
        let why = "container's cgroup unexpectedly frozen".to_owned();
        return Err(refused(&opened.place, why).hint("thaw it, or the cgroup above it"));
    }
    Ok(())
}

fn refused(place: &Directory, why: String) -> Error {
    Error::new(Kind::System, "check the cgroup", why).at(std::path::Path::new(&place.host_path()))
}

fn take_back(opened: &OpenDirectory) -> Result<()> {
    let mount = open_mount(&opened.place)?;
    let removed = opened.made.take_back(&mount, &opened.place.path);
    at(removed, "remove the cgroup", &opened.place)
}

fn remove_path(mount: &OwnedFd, parent: &str, name: &str) -> sys::Result<()> {
    let parent = open_below(mount.as_fd(), &c_string(parent)?)?;
    remove_dir(parent.as_fd(), &c_string(name)?)
}
