//! A mount on the host's side of a test, detached when it goes out of scope.

use crate::{sys, test};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a machine has its cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Whether a runtime started from this thread finds cgroup2 and nothing else.
/// Hierarchies that are covered, and so out of reach, do not count.
#[must_use]
pub fn sees_only_cgroup2() -> bool {
    Path::new(CGROUPS).join("cgroup.controllers").exists()
}

/// A mount in the mount namespace of the test's thread.
#[derive(Debug)]
pub struct HostMount(PathBuf);

impl HostMount {
    /// Mounts a new file system of type `fs` with `data` at `dir`, which is
    /// made when it is missing.
    ///
    /// # Panics
    /// When the kernel refuses it.
    #[must_use]
    pub fn new(fs: &str, dir: &Path, data: &str) -> Self {
        fs::create_dir_all(dir).unwrap_or_else(|e| panic!("mkdir {}: {e}", dir.display()));
        sys::mount_fs(fs, dir, data)
            .unwrap_or_else(|e| panic!("mount {fs} on {}: {e}", dir.display()));
        Self(dir.to_owned())
    }

    /// Binds `source` on `target`, which must exist.
    ///
    /// # Panics
    /// When the kernel refuses it.
    #[must_use]
    pub fn bind(source: &Path, target: &Path) -> Self {
        sys::bind(source, target)
            .unwrap_or_else(|e| panic!("bind {} on {}: {e}", source.display(), target.display()));
        Self(target.to_owned())
    }

    /// The same with these `MS_*` flags of a bind remount, mount(2).
    ///
    /// # Panics
    /// When the kernel refuses it.
    #[must_use]
    pub fn with_flags(self, flags: u64) -> Self {
        sys::remount_bind(&self.0, flags)
            .unwrap_or_else(|e| panic!("remount {}: {e}", self.0.display()));
        self
    }

    /// Has this thread see cgroup2 and nothing else, as on a machine booted with
    /// the unified hierarchy only; `None` when it does already.
    ///
    /// # Panics
    /// When the kernel refuses it.
    #[must_use]
    pub fn cgroup2_view() -> Option<Self> {
        (!sees_only_cgroup2()).then(|| Self::new("cgroup2", Path::new(CGROUPS), ""))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for HostMount {
    fn drop(&mut self) {
        if self.0 == Path::new(CGROUPS) {
            // The parent of the bundles' cgroups may be out of sight afterwards.
            let _ = fs::remove_dir(self.0.join(test::token()));
        }
        let _ = sys::detach(&self.0);
    }
}
