//! The cgroup directories of the tests, in every hierarchy of the machine.
//!
//! All of them carry the token of the test process (`saya-test-<pid>`) in their
//! path: in the `cgroupsPath` of each bundle, and in the container id for
//! runtimes which choose a path by themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Mount points of every cgroup hierarchy this thread sees.
#[must_use]
pub fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    mounts.lines().filter_map(cgroup_mount_point).collect()
}

fn cgroup_mount_point(line: &str) -> Option<PathBuf> {
    let (head, tail) = line.split_once(" - ")?;
    let fs_type = tail.split(' ').next()?;
    let point = head.split(' ').nth(4)?;
    matches!(fs_type, "cgroup" | "cgroup2").then(|| PathBuf::from(point))
}

/// Every cgroup directory with `token` in its path, parents first.
#[must_use]
pub fn directories(token: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for root in hierarchies() {
        collect(&root, token, &mut found);
    }
    found
}

fn collect(dir: &Path, token: &str, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            let path = entry.path();
            if path.to_string_lossy().contains(token) {
                found.insert(path.clone());
            }
            collect(&path, token, found);
        }
    }
}

/// Pids in a cgroup directory.
#[must_use]
pub fn processes(dir: &Path) -> Vec<i32> {
    let list = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    list.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Thaws and removes every directory with `token`, children first. Processes
/// must have been killed before.
pub fn remove_all(token: &str) {
    for dir in directories(token).iter().rev() {
        let _ = fs::write(dir.join("freezer.state"), "THAWED");
        let _ = fs::write(dir.join("cgroup.freeze"), "0");
        let _ = fs::remove_dir(dir);
    }
}

/// How cgroups are mounted here: for the report of a failure.
#[must_use]
pub fn mode() -> &'static str {
    let all = hierarchies();
    let v2 = |p: &PathBuf| p.join("cgroup.controllers").exists();
    match (all.iter().any(v2), all.iter().all(v2)) {
        (true, true) => "cgroup2",
        (true, false) => "hybrid",
        _ => "v1",
    }
}
