//! The processes below the test process, read from `/proc`.

use crate::{reaper, sys};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// One process, as `/proc/<pid>/stat` shows it, proc_pid_stat(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid in our pid namespace.
    pub pid: i32,
    /// Its parent's pid.
    pub parent: i32,
    /// State letter: R, S, D, Z, …
    pub state: char,
    /// Start time in clock ticks since boot; with the pid it names a process.
    pub start: u64,
    /// Command name, at most 15 bytes.
    pub name: String,
}

/// The process `pid`, if it exists.
#[must_use]
pub fn find(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses: it ends at the last one.
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split(' ').collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        state: fields.first()?.chars().next()?,
        start: fields.get(19)?.parse().ok()?,
        name,
    })
}

/// Every process of the machine that can be seen, by pid.
#[must_use]
pub fn all() -> BTreeMap<i32, Process> {
    let Ok(dir) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    dir.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, find(pid)?)))
        .collect()
}

/// Children of this process, their children, and so on.
#[must_use]
pub fn descendants() -> Vec<Process> {
    let all = all();
    let mut below = BTreeSet::from([i32::try_from(std::process::id()).unwrap_or(0)]);
    loop {
        let found: Vec<i32> = all
            .values()
            .filter(|p| below.contains(&p.parent) && !below.contains(&p.pid))
            .map(|p| p.pid)
            .collect();
        if found.is_empty() {
            break;
        }
        below.extend(found);
    }
    all.into_values()
        .filter(|p| below.contains(&p.pid) && below.contains(&p.parent))
        .collect()
}

/// Waits until nothing but `known` lives below us; what does when patience ends.
#[must_use]
pub fn settle(known: &BTreeSet<i32>, patience: Duration) -> Vec<Process> {
    let strangers = || {
        descendants()
            .into_iter()
            .filter(|p| !known.contains(&p.pid))
            .collect::<Vec<_>>()
    };
    reaper::wait_until(patience, |_| strangers().is_empty().then_some(()));
    strangers()
}

/// Kills every descendant that is not `known` and waits for its end.
pub fn kill_strays(known: &BTreeSet<i32>) {
    // Killing one may orphan others to us, hence the rounds.
    for _ in 0..8 {
        let strays = settle(known, Duration::ZERO);
        if strays.is_empty() {
            return;
        }
        for stray in &strays {
            let _ = sys::kill(stray.pid, libc::SIGKILL);
        }
        let _ = settle(known, Duration::from_secs(1));
    }
}

/// The namespaces of a process: kind → `kind:[inode]`, namespaces(7).
#[must_use]
pub fn namespaces(pid: i32) -> BTreeMap<String, String> {
    let Ok(dir) = fs::read_dir(format!("/proc/{pid}/ns")) else {
        return BTreeMap::new();
    };
    dir.flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            Some((
                entry.file_name().to_string_lossy().into_owned(),
                target.to_string_lossy().into_owned(),
            ))
        })
        .collect()
}

/// The value of a `Name:` line of `/proc/<pid>/status`, proc_pid_status(5).
#[must_use]
pub fn status_field(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The open fds of a process and what they refer to.
#[must_use]
pub fn fds(pid: i32) -> BTreeMap<i32, String> {
    let Ok(dir) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeMap::new();
    };
    dir.flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((
                number,
                fs::read_link(entry.path())
                    .ok()?
                    .to_string_lossy()
                    .into_owned(),
            ))
        })
        .collect()
}
