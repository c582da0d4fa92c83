//! The mounted file system: its directories and the few files that matter.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Groups;
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::directory::{self, Lock};
use crate::sys::{file, procstat};

/// Where resctrl is mounted, by the kernel's convention.
const MOUNT_POINT: &str = "/sys/fs/resctrl";

/// `RDTGROUP_SUPER_MAGIC` (linux/magic.h)
const MAGIC: i64 = 0x0765_5821;

/// How long another program may hold the lock on resctrl.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Pause between two looks at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A mounted resctrl.
#[derive(Debug)]
pub(super) struct Resctrl {
    pub(super) root: PathBuf,
}

impl Resctrl {
    /// This machine's.
    pub(super) fn mounted() -> Result<Self> {
        Self::at(Path::new(MOUNT_POINT))
    }

    /// The one mounted at `root`.
    pub(super) fn at(root: &Path) -> Result<Self> {
        let magic = directory::open(root).and_then(|dir| file::filesystem_magic(dir.as_fd()));
        if magic == Ok(MAGIC) {
            let root = root.to_owned();
            return Ok(Self { root });
        }
        let why = format!("no resctrl is mounted at `{}`", root.display());
        let hint = format!(
            "`mount -t resctrl resctrl {}`; it needs a CPU with RDT",
            root.display()
        );
        Err(Error::new(Kind::System, "find resctrl", why).hint(hint))
    }

    /// Whether there is such a directory.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).is_dir()
    }

    /// Keeps other programs that change groups out (resctrl.rst, "Reading and writing the same
    /// data").
    pub(super) fn lock(&self) -> Result<Lock> {
        let what = "lock resctrl";
        let dir = directory::open(&self.root).doing(what).at(&*self.root)?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match directory::try_lock(dir.as_fd())
                .doing(what)
                .at(&*self.root)?
            {
                Some(lock) => return Ok(lock),
                // flock(2) knows no time limit; the lock is rarely held, and then briefly.
                None if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
                None => {
                    let why = format!("another program holds the lock for over {LOCK_WAIT:?}");
                    return Err(Error::new(Kind::Timeout, what, why).at(&*self.root));
                }
            }
        }
    }

    pub(super) fn make(&self, path: &str) -> Result<()> {
        let made = fs::create_dir(self.root.join(path));
        let out_of_ids = matches!(&made, Err(error) if error.raw_os_error() == Some(libc::ENOSPC));
        let made = made.doing(format!("make resctrl group `{path}`"));
        if out_of_ids {
            return made.hint("the CPU has no identifier left; share a group by closID");
        }
        made
    }

    pub(super) fn read_schemata(&self, path: &str) -> Result<String> {
        let path = self.root.join(path).join("schemata");
        fs::read_to_string(&path)
            .doing("read the schemata")
            .at(&*path)
    }

    /// Writes the lines at once, each with its newline; none of them is no write.
    pub(super) fn write_schemata(&self, path: &str, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text = lines
            .iter()
            .fold(String::new(), |text, line| text + line + "\n");
        let what = format!("set `{}` in resctrl group `{path}`", lines.join("`, `"));
        fs::write(self.root.join(path).join("schemata"), text)
            .map_err(|error| self.why(what, &error))
    }

    /// Moves a process into the groups.
    pub(super) fn enter(&self, groups: &Groups, pid: libc::pid_t) -> Result<()> {
        // The control group first: its monitoring groups take only its own processes.
        let control = Some(groups.control_path().to_owned());
        for path in control.into_iter().chain(groups.monitor_path()) {
            let what = format!("move process {pid} into resctrl group `/{path}`");
            let tasks = self.root.join(path).join("tasks");
            fs::write(tasks, pid.to_string()).map_err(|error| self.why(what, &error))?;
        }
        Ok(())
    }

    /// Removes the groups' own directories, innermost first, but those in which processes are.
    pub(super) fn remove(&self, groups: &Groups) -> Result<()> {
        // Nobody may join between the look and the removal.
        let _lock = self.lock()?;
        for path in groups.made.iter().rev() {
            if self.is_inhabited(path) {
                continue;
            }
            match fs::remove_dir(self.root.join(path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).doing(format!("remove resctrl group `{path}`"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Zombies do not count: the container's own may not be reaped yet.
    fn is_inhabited(&self, path: &str) -> bool {
        let tasks = match fs::read_to_string(self.root.join(path).join("tasks")) {
            Ok(tasks) => tasks,
            Err(error) => return error.kind() != io::ErrorKind::NotFound,
        };
        let tasks = tasks.lines().filter_map(|line| line.trim().parse().ok());
        tasks
            .filter_map(|pid| procstat::read(pid).ok())
            .any(|stat| stat.end().is_none())
    }

    /// A refusal with the kernel's explanation (`info/last_cmd_status`).
    fn why(&self, what: String, error: &io::Error) -> Error {
        let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        let refused = Error::from_errno(errno, what);
        let status = fs::read_to_string(self.root.join("info/last_cmd_status")).unwrap_or_default();
        match status.trim() {
            "" | "ok" => refused,
            status => refused.hint(format!("the kernel says: {status}")),
        }
    }
}
