//! The leak oracle: what exists before and after a test, compared as sets.
//!
//! Looked at: processes below the test (which is a subreaper) and in the tests'
//! cgroups, cgroup directories of every hierarchy, mounts of the thread's mount
//! namespace, namespaces that something still refers to, files in the state
//! root, `/run`, `/tmp`, `/dev/shm`, message queues, the tests' own directory in
//! `/var/tmp`, path sockets, network devices, SysV objects, units of systemd's
//! where that makes the cgroups.
//! `tests/oracle.rs` proves for each kind that a leak of it is seen.

use crate::isolation::{COVERED, QUEUES, SYSTEMD};
use crate::{Driver, cgroup, driver, process, reaper, rootfs, test};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is looked at; the keys of a [`Snapshot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A process below the test process.
    Process,
    /// A process in a cgroup of the tests.
    CgroupProcess,
    /// A cgroup directory of the tests.
    Cgroup,
    /// A mount in the thread's mount namespace.
    Mount,
    /// A namespace some process, fd or bind mount refers to.
    Namespace,
    /// A file in a covered directory or the tests' scratch directory.
    File,
    /// A POSIX message queue.
    MessageQueue,
    /// A unix socket bound to a path.
    Socket,
    /// A network device of the thread's network namespace.
    NetworkDevice,
    /// A unit of systemd's, failed ones included.
    Unit,
    /// A SysV shared memory segment, semaphore set or message queue.
    SysvIpc,
}

/// Everything that existed at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Subject, BTreeSet<String>>);

impl Snapshot {
    /// Looks at everything now.
    #[must_use]
    pub fn take() -> Self {
        let mut all = Self::take_kernels();
        for unit in driver::units() {
            all.add(Subject::Unit, unit);
        }
        all
    }

    /// All but what systemd has to be asked for.
    fn take_kernels() -> Self {
        let mut all = Self::default();
        for process in process::descendants() {
            all.add(
                Subject::Process,
                format!("{} {}", process.pid, process.name),
            );
        }
        all.cgroups();
        all.mounts();
        all.namespaces();
        for dir in COVERED
            .iter()
            .map(Path::new)
            .chain([rootfs::scratch_root().as_path()])
        {
            all.files(dir);
        }
        all.lines(
            "/proc/thread-self/net/dev",
            Subject::NetworkDevice,
            |line| Some(line.split_once(':')?.0.trim().to_owned()),
        );
        all.lines("/proc/thread-self/net/unix", Subject::Socket, |line| {
            line.split_whitespace().nth(7).map(str::to_owned)
        });
        for table in ["shm", "sem", "msg"] {
            all.lines(
                &format!("/proc/sysvipc/{table}"),
                Subject::SysvIpc,
                |line| Some(format!("{table} {}", line.split_whitespace().nth(1)?)),
            );
        }
        all
    }

    /// As [`Snapshot::take`], after the processes of the test that are ending
    /// have ended: some verbs return when the kernel has still work to do.
    #[must_use]
    pub fn take_settled(before: &Self, patience: Duration) -> Self {
        let end = Instant::now() + patience;
        reaper::wait_until(patience, |_| {
            Self::take_kernels().beyond(before).is_empty().then_some(())
        });
        loop {
            let now = Self::take();
            let is_clean = now.beyond(before).is_empty();
            // systemd forgets a unit after its cgroup is gone; the question takes its time.
            if is_clean || Driver::current() == Driver::Cgroupfs || Instant::now() > end {
                return now;
            }
        }
    }

    fn add(&mut self, subject: Subject, item: String) {
        self.0.entry(subject).or_default().insert(item);
    }

    fn cgroups(&mut self) {
        for dir in cgroup::directories(&test::token()) {
            for pid in cgroup::processes(&dir) {
                self.add(
                    Subject::CgroupProcess,
                    format!("{pid} in {}", dir.display()),
                );
            }
            // The parent of all of them is nobody's: the harness removes it.
            if !dir.ends_with(test::token()) {
                self.add(Subject::Cgroup, dir.display().to_string());
            }
        }
    }

    /// A mount is described without its ids, which are reused.
    fn mounts(&mut self) {
        self.lines("/proc/thread-self/mountinfo", Subject::Mount, |line| {
            let (head, tail) = line.split_once(" - ")?;
            let fields: Vec<&str> = head.split(' ').collect();
            Some(format!(
                "{} root {} type {tail}",
                fields.get(4)?,
                fields.get(3)?
            ))
        });
    }

    fn namespaces(&mut self) {
        for process in process::descendants() {
            for name in process::namespaces(process.pid).into_values() {
                self.add(Subject::Namespace, name);
            }
        }
        // Bind mounts and our own fds can keep a namespace without a process.
        self.lines("/proc/thread-self/mountinfo", Subject::Namespace, |line| {
            let root = line.split(' ').nth(3)?;
            root.contains(":[").then(|| root.to_owned())
        });
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        for target in process::fds(own)
            .into_values()
            .filter(|t| t.contains(":[4026"))
        {
            self.add(Subject::Namespace, target);
        }
    }

    fn files(&mut self, dir: &Path) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let subject = if path.starts_with(QUEUES) && path != Path::new(QUEUES) {
                Subject::MessageQueue
            } else {
                Subject::File
            };
            // Others work in what is systemd's: of it, only what is ours.
            let is_systemds = SYSTEMD.iter().any(|dir| path.starts_with(dir));
            if !is_systemds || path.to_string_lossy().contains(&test::token()) {
                self.add(subject, path.display().to_string());
            }
            if entry.file_type().is_ok_and(|t| t.is_dir()) && !path.ends_with("store") {
                self.files(&path);
            }
        }
    }

    fn lines(&mut self, path: &str, subject: Subject, item: impl Fn(&str) -> Option<String>) {
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            // Tables begin with a line of column names.
            if line.starts_with("Num ") || line.trim_start().starts_with("key ") {
                continue;
            }
            if let Some(found) = item(line) {
                self.add(subject, found);
            }
        }
    }

    /// What is here and was not in `before`.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Vec<(Subject, String)> {
        let none = BTreeSet::new();
        self.0
            .iter()
            .flat_map(|(subject, items)| {
                let known = before.0.get(subject).unwrap_or(&none);
                items.difference(known).map(|item| (*subject, item.clone()))
            })
            .collect()
    }
}
