//! A place of its own for each test, which leaves no cgroup and no process behind, also when the
//! test fails.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::cgroup::{Cgroup, Driver, Layout, Placement, files, kill_all, place, remove, v1};
use crate::sys;

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(super) struct Sandbox {
    pub(super) layout: Layout,
    /// `/saya-unit-PID-N`: the parent of all cgroups of the test.
    pub(super) parent: String,
    children: Vec<Child>,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        Self::of(Layout::read().unwrap())
    }

    pub(super) fn of(layout: Layout) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            layout,
            parent: format!("/saya-unit-{}-{number}", std::process::id()),
            children: Vec::new(),
        }
    }

    pub(super) fn place(&self, name: &str) -> Placement {
        let path = format!("{}/{name}", self.parent);
        place(&self.layout, Some(&path), name, Driver::Cgroupfs).unwrap()
    }

    /// Makes cgroups as a container makes them below its own: no cgroup gives its controllers to
    /// them.
    pub(super) fn make_plain(&self, name: &str) -> Placement {
        let placement = self.place(name);
        for directory in &placement.directories {
            let mut path = directory.mount.clone();
            for part in directory.path.split('/') {
                let above = path.clone();
                path = format!("{path}/{part}");
                if std::fs::create_dir(&path).is_ok() && directory.controls("cpuset") {
                    let [above, below] = [&above, &path].map(|path| File::open(path).unwrap());
                    v1::inherit_cpuset(above.as_fd(), below.as_fd()).unwrap();
                }
            }
        }
        placement
    }

    /// Starts a process that never ends by itself and moves it into the cgroups, or those below
    /// them.
    pub(super) fn sleeper(&mut self, placement: &Placement, below: &str) -> libc::pid_t {
        let child = Command::new("sleep")
            .arg("1000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        self.children.push(child);
        for directory in &placement.directories {
            let path = format!("{}/{below}/cgroup.procs", directory.host_path());
            std::fs::write(path, pid.to_string()).unwrap();
        }
        pid
    }

    /// Starts a process in the cgroups that forks and ends, whose child does so too, for ever.
    /// Some are gone between being read and being signalled.
    pub(super) fn start_runner(cgroup: &Cgroup) {
        let tasks = cgroup.open_tasks().unwrap();
        let child = sys::clone::spawn(0, cgroup.birthplace(), || {
            for file in &tasks {
                if sys::file::write_once(file.as_fd(), b"0").is_err() {
                    sys::process::exit_now(1);
                }
            }
            run_on()
        });
        sys::pidfd::reap(child.unwrap().pidfd.as_fd()).unwrap();
    }

    /// The signal that ended the sleeper, after waiting for its end.
    pub(super) fn end_of(&mut self, pid: libc::pid_t) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let child = self
            .children
            .iter_mut()
            .find(|child| child.id() as i32 == pid);
        child.unwrap().wait().unwrap().signal()
    }

    pub(super) fn exists(placement: &Placement) -> bool {
        let is_there = |path: &String| std::path::Path::new(path).exists();
        placement.paths().values().any(is_there)
    }
}

/// Has a child that does the same, and ends. Each goes deeper into its copy of the stack, which
/// lasts for seconds.
fn run_on() -> ! {
    let _ = sys::clone::spawn(0, None, || run_on());
    sys::process::exit_now(0)
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let all = place(&self.layout, Some(&self.parent), "", Driver::Cgroupfs).unwrap();
        for child in &mut self.children {
            let _ = child.kill();
        }
        // Those which are frozen can end only now.
        let ended = kill_all(&all, libc::SIGKILL);
        for directory in &all.directories {
            if let Ok(Some(fd)) = files::open_recorded(directory) {
                let _ = files::write(fd.as_fd(), c"cgroup.freeze", "0");
            }
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
        let ended = ended.and(remove(&all, soon()));
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}
