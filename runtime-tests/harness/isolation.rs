//! The private view of the machine in which one test runs.
//!
//! The test's thread gets its own mount, network, ipc and uts namespaces, fresh
//! tmpfs on `/run`, `/tmp` and `/dev/shm`, a private look at its message queues,
//! and a root file system that is read-only but for `/var/tmp`. A runtime started from the thread inherits all of it. So no other
//! work on the machine disturbs the leak oracle, and whatever a runtime leaves
//! behind disappears with the thread.
//!
//! cgroups are shared with the machine: they have no such view.

use crate::runtime::{Kind, Runtime};
use crate::{cgroup, sys};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directories covered by a fresh tmpfs.
pub const COVERED: [&str; 3] = ["/run", "/tmp", "/dev/shm"];

/// Where systemd and the system bus are spoken to: seen through the tmpfs.
pub const SYSTEMD: [&str; 2] = ["/run/systemd", "/run/dbus"];

/// The only directory of the disk that a test can write to.
pub const SCRATCH: &str = "/var/tmp";

/// Where the message queues of the thread's ipc namespace are seen.
pub const QUEUES: &str = "/run/queues";

/// The `--root` of every runtime command of a test.
pub const STATE_ROOT: &str = "/run/state";

/// Moves the calling thread into the view.
///
/// # Errors
/// The first kernel call that fails: the suite needs root.
pub fn enter(runtime: &Runtime) -> io::Result<()> {
    sys::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS)?;
    let root = Path::new("/");
    sys::set_propagation(root, libc::MS_REC | libc::MS_PRIVATE)?;
    choose_cgroup_view(runtime.kind)?;
    cover_directories(&runtime.path)?;
    protect_the_machine()?;
    fs::create_dir(QUEUES)?;
    sys::mount_fs("mqueue", Path::new(QUEUES), "")?;
    fs::create_dir(STATE_ROOT)?;
    // As a machine booted by systemd has it; engines and propagation tests
    // expect it.
    sys::set_propagation(root, libc::MS_REC | libc::MS_SHARED)
}

/// Makes the machine's root file system read-only but for [`SCRATCH`]: some of
/// the attacks tested here would otherwise write to it on a runtime that falls
/// for them.
fn protect_the_machine() -> io::Result<()> {
    let scratch = Path::new(SCRATCH);
    sys::bind(scratch, scratch)?;
    sys::remount_bind(Path::new("/"), libc::MS_RDONLY)
}

/// `SAYA_TEST_CGROUPS`: `host` (default), `v1` (without the unified part of a
/// hybrid machine) or `cgroup2` (a cgroup2 mount in place of everything).
fn choose_cgroup_view(kind: Kind) -> io::Result<()> {
    let wanted = std::env::var("SAYA_TEST_CGROUPS").unwrap_or_default();
    let hybrid = cgroup::mode() == "hybrid";
    match wanted.as_str() {
        "cgroup2" => sys::mount_fs("cgroup2", Path::new("/sys/fs/cgroup"), ""),
        // crun refuses a hybrid machine whose cgroup2 has controllers.
        _ if hybrid && (wanted == "v1" || kind == Kind::Crun) => {
            sys::detach(Path::new("/sys/fs/cgroup/unified"))
        }
        _ => Ok(()),
    }
}

fn cover_directories(runtime: &Path) -> io::Result<()> {
    // The binary may lie in a directory about to be covered.
    let held = fs::File::open(runtime)?;
    let kept = SYSTEMD.map(|dir| fs::File::open(dir).ok());
    for dir in COVERED
        .map(Path::new)
        .into_iter()
        .filter(|dir| dir.exists())
    {
        sys::mount_fs("tmpfs", dir, "mode=1777")?;
    }
    for (dir, held) in SYSTEMD.iter().zip(kept) {
        if let Some(held) = held {
            fs::create_dir(dir)?;
            bind_held(&held, Path::new(dir))?;
        }
    }
    if runtime.exists() {
        return Ok(());
    }
    if let Some(dir) = runtime.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(runtime, "")?;
    bind_held(&held, runtime)
}

/// Binds what an open file is, which may be out of sight by now.
fn bind_held(held: &fs::File, target: &Path) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(held));
    sys::bind(&PathBuf::from(source), target)
}
