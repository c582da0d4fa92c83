//! The cgroups that a further process of a container enters (`exec`).
//!
//! Always the container's own or one below: what a live container says of itself (its init's
//! cgroup) is followed only downwards, from the open directory, without `..` or links.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;

use super::create::{Cgroup, Made, OpenDirectory};
use super::files::{at, c_string, open_below, open_recorded, read};
use super::placement::{Directory, Placement};
use crate::error::{Context, Doing, Error, Kind, Result};

/// Cgroups below the container's own, as `exec --cgroup` names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Path below the container's cgroup by subsystem; the empty name stands for all.
    paths: BTreeMap<String, String>,
}

impl Below {
    /// Reads the values of `--cgroup`: one `PATH`, or any number of `CONTROLLER[,…]:PATH`.
    ///
    /// # Errors
    /// `invalid --cgroup argument`, `bad sub cgroup path`.
    pub fn parse<T: AsRef<str>>(arguments: &[T]) -> Result<Self> {
        let mut paths = BTreeMap::new();
        for argument in arguments.iter().map(AsRef::as_ref) {
            let (controllers, path) = match argument.split_once(':') {
                None if arguments.len() == 1 => ("", argument),
                Some((controllers, path)) if !controllers.is_empty() && !path.contains(':') => {
                    (controllers, path)
                }
                _ => return Err(invalid(argument)),
            };
            if path.split('/').any(|part| part == "..") || path.contains('\0') {
                let why = format!("bad sub cgroup path: {path}");
                return Err(Error::new(Kind::Usage, "", why));
            }
            let names = controllers.split(',');
            paths.extend(names.map(|name| (name.to_owned(), path.to_owned())));
        }
        Ok(Self { paths })
    }

    /// The path below `place`.
    fn of(&self, place: &Directory) -> Option<&str> {
        let named = place
            .subsystems
            .iter()
            .find_map(|name| self.paths.get(name));
        named.or_else(|| self.paths.get("")).map(String::as_str)
    }

    fn check_controllers(&self, placement: &Placement) -> Result<()> {
        let is_unknown = |name: &&String| !name.is_empty() && placement.v1(name).is_none();
        match self.paths.keys().find(is_unknown) {
            Some(name) => {
                let why = format!("unknown controller {name} in --cgroup");
                Err(Error::new(Kind::Usage, "", why)
                    .hint("only cgroup v1 has a hierarchy for each controller"))
            }
            None => Ok(()),
        }
    }
}

fn invalid(argument: &str) -> Error {
    let why = format!("invalid --cgroup argument: {argument}");
    Error::new(Kind::Usage, "", why).hint("one PATH, or CONTROLLER[,CONTROLLER…]:PATH each")
}

impl Cgroup {
    /// Opens the cgroups of a container that exists, to put another process into them.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn open(placement: &Placement) -> Result<Self> {
        let open = |place: &Directory| {
            let fd = open_recorded(place)?
                .ok_or(Errno::ENOENT)
                .doing("enter the container's cgroup")
                .at(Path::new(&place.host_path()))?;
            Ok(OpenDirectory {
                place: place.clone(),
                fd,
                made: Made::default(),
            })
        };
        let directories = placement.directories.iter().map(open);
        Ok(Self {
            placement: placement.clone(),
            directories: directories.collect::<Result<_>>()?,
        })
    }

    /// The same, but cgroups below the container's where `below` names one.
    ///
    /// # Errors
    /// `unknown controller`; `error adding pid to cgroups` when there is no such cgroup.
    pub fn open_below(placement: &Placement, below: &Below) -> Result<Self> {
        below.check_controllers(placement)?;
        let mut cgroup = Self::open(placement)?;
        for opened in &mut cgroup.directories {
            let relative = below.of(&opened.place).map(|path| path.trim_matches('/'));
            let Some(path) = relative.filter(|path| !path.is_empty()) else {
                continue;
            };
            let lower = c_string(path).and_then(|path| open_below(opened.fd.as_fd(), &path));
            opened.place.path = format!("{}/{path}", opened.place.path);
            opened.fd = at(lower, "error adding pid to cgroups", &opened.place)?;
        }
        Ok(cgroup)
    }

    /// The same, but for a container that has made cgroups below its own and given them
    /// controllers, such as one that runs systemd: its v2 cgroup takes no process then (cgroups(7),
    /// no internal processes), and that of its `init` is entered, if it is below.
    ///
    /// # Errors
    /// As [`Cgroup::open`].
    pub fn open_beside(placement: &Placement, init: libc::pid_t) -> Result<Self> {
        let mut cgroup = Self::open(placement)?;
        if let Some(opened) = cgroup
            .directories
            .iter_mut()
            .find(|opened| opened.place.is_v2())
        {
            let fd = opened.fd.as_fd();
            let controllers = read(fd, c"cgroup.subtree_control");
            let controllers = at(
                controllers,
                "look at the cgroup's controllers",
                &opened.place,
            )?;
            if !controllers.trim().is_empty()
                && let Some(path) = init_below(&opened.place, init)
            {
                opened.fd = open_init(fd, &path)?;
            }
        }
        Ok(cgroup)
    }
}

/// Why clone3(2) did not make a process in the cgroups, where the v2 one was in the way.
#[must_use]
pub fn birth_refused(placement: &Placement, errno: Errno) -> Option<Error> {
    let path = placement.v2()?.host_path();
    let hint = match errno {
        Errno::EBUSY => {
            "it has controllers for the cgroups below it (cgroup.subtree_control), so that only \
             those take processes: clear it, or name one of them"
        }
        Errno::EOPNOTSUPP => {
            "it is below a threaded cgroup (cgroup.type), which takes no processes of its own"
        }
        Errno::ENODEV | Errno::ENOENT => "it was removed meanwhile",
        _ => return None,
    };
    let error = Error::from_errno(errno, "create a process in the cgroup");
    Some(error.at(Path::new(&path)).hint(hint))
}

fn open_init(fd: BorrowedFd<'_>, path: &CString) -> Result<std::os::fd::OwnedFd> {
    open_below(fd, path)
        .doing("enter the cgroup of the container's init")
        .at(Path::new(path.to_string_lossy().as_ref()))
}

/// Where init is below the container's v2 cgroup; `None` in the cgroup itself or outside.
fn init_below(place: &Directory, init: libc::pid_t) -> Option<CString> {
    let text = std::fs::read_to_string(format!("/proc/{init}/cgroup")).ok()?;
    c_string(below_own(&text, &place.path)?).ok()
}

/// The part of the v2 path in /proc/PID/cgroup below `own`, which has no leading slash.
fn below_own<'a>(text: &'a str, own: &str) -> Option<&'a str> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    path.strip_prefix(own)?
        .strip_prefix('/')
        .filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(arguments: &[&str]) -> String {
        Below::parse(arguments).unwrap_err().why().to_owned()
    }

    #[test]
    fn arguments_are_one_path_or_paths_of_controllers() {
        let below = Below::parse(&["cpu,memory:/a/b", "pids:c"]).unwrap();
        let pairs: Vec<_> = below
            .paths
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(pairs, [("cpu", "/a/b"), ("memory", "/a/b"), ("pids", "c")]);
        let below = Below::parse(&["/a"]).unwrap();
        assert_eq!(below.paths[""], "/a");
        assert_eq!(Below::parse::<&str>(&[]).unwrap(), Below::default());
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert_eq!(why(&["a:b:c"]), "invalid --cgroup argument: a:b:c");
        assert_eq!(why(&["a", "pids:b"]), "invalid --cgroup argument: a");
        assert_eq!(why(&[":b"]), "invalid --cgroup argument: :b");
        assert_eq!(why(&["../x"]), "bad sub cgroup path: ../x");
        assert_eq!(why(&["pids:/a/../../b"]), "bad sub cgroup path: /a/../../b");
    }

    #[test]
    fn init_is_followed_below_the_own_cgroup_only() {
        let below = |line: &str| below_own(line, "pod/web").map(str::to_owned);
        assert_eq!(below("0::/pod/web/init.scope\n"), Some("init.scope".into()));
        assert_eq!(
            below("1:cpu:/pod/web/x\n0::/pod/web/a/b"),
            Some("a/b".into())
        );
        for outside in [
            "0::/pod/web",
            "0::/pod/webx/a",
            "0::/other",
            "0::/../pod/web/a",
        ] {
            assert_eq!(below(outside), None, "{outside}");
        }
    }
}
