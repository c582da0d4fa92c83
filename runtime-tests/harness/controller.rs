//! Where this machine has a cgroup controller, and the control files of a
//! container's cgroup.
//!
//! A controller is in a v1 hierarchy, in the v2 hierarchy or in neither, and
//! some files exist only in some kernels. Tests of limits ask here, and so hold
//! on every layout: v1, hybrid, v2.

use crate::{cgroup, host_mount, test};
use std::fs;
use std::path::{Path, PathBuf};

/// The language a controller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A v1 hierarchy has it.
    V1,
    /// The v2 hierarchy has it.
    V2,
}

/// A controller that this machine has.
#[derive(Debug, Clone)]
pub struct Controller {
    /// Its language.
    pub version: Version,
    /// Its name in that language.
    name: &'static str,
    /// Where its hierarchy is mounted.
    mount: PathBuf,
}

impl Controller {
    /// The controller that v1 and v2 know by these names; `None` where the
    /// machine has it nowhere.
    #[must_use]
    pub fn find(v1: &'static str, v2: &'static str) -> Option<Self> {
        let unified = host_mount::sees_only_cgroup2();
        let v1_mount = || {
            let mut mounts = v1_mounts().into_iter();
            let mount = mounts.find(|(_, names)| names.iter().any(|name| name == v1));
            mount.map(|(mount, _)| Self::new(Version::V1, v1, mount))
        };
        let v2_mount = || {
            let mut all = cgroup::hierarchies().into_iter();
            let mount = all.rfind(|dir| has_word(&dir.join("cgroup.controllers"), v2));
            mount.map(|mount| Self::new(Version::V2, v2, mount))
        };
        if unified {
            v2_mount()
        } else {
            v1_mount().or_else(v2_mount)
        }
    }

    /// What every cgroup of v2 has; `None` where there is none in sight.
    #[must_use]
    pub fn core() -> Option<Self> {
        let mut all = cgroup::hierarchies().into_iter();
        let mount = all.rfind(|dir| dir.join("cgroup.controllers").exists())?;
        Some(Self::new(Version::V2, "cgroup", mount))
    }

    fn new(version: Version, name: &'static str, mount: PathBuf) -> Self {
        Self {
            version,
            name,
            mount,
        }
    }

    /// The cgroup of a process.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    #[track_caller]
    pub fn cgroup_of(&self, pid: i32) -> PathBuf {
        let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read its cgroups");
        let path = table.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (names, path) = (fields.next()?, fields.next()?);
            let here = match self.version {
                Version::V1 => names.split(',').any(|name| name == self.name),
                Version::V2 => names.is_empty(),
            };
            here.then_some(path)
        });
        let path = path.unwrap_or_else(|| panic!("{pid} has no cgroup of {}", self.name));
        self.mount.join(path.trim_start_matches('/'))
    }

    /// Whether a new cgroup has this file: some are the kernel's to have.
    #[must_use]
    pub fn has_file(&self, file: &str) -> bool {
        let parent = self.mount.join(test::token());
        let dir = parent.join("look");
        let _ = fs::create_dir(&parent);
        if self.version == Version::V2 {
            let owner = file.split('.').next().unwrap_or_default();
            for above in [&self.mount, &parent] {
                let control = above.join("cgroup.subtree_control");
                let _ = fs::write(control, format!("+{owner}"));
            }
        }
        fs::create_dir(&dir).expect("make a cgroup to look at");
        let found = dir.join(file).exists();
        fs::remove_dir(&dir).expect("remove the cgroup looked at");
        let _ = fs::remove_dir(&parent);
        found
    }
}

/// Where v1 hierarchies are mounted, and their controllers.
fn v1_mounts() -> Vec<(PathBuf, Vec<String>)> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let parse = |line: &str| {
        let (head, tail) = line.split_once(" - cgroup ")?;
        let options = tail.split_whitespace().last()?;
        let names = options.split(',').map(str::to_owned).collect();
        Some((PathBuf::from(head.split(' ').nth(4)?), names))
    };
    mounts.lines().filter_map(parse).collect()
}

fn has_word(file: &Path, word: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().any(|found| found == word)
}
