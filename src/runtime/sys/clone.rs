//! Birth of a process: clone3(2).

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{Result, check};

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// A new process.
#[derive(Debug)]
pub struct Child {
    /// Its id in the caller's pid namespace.
    pub pid: libc::pid_t,
    /// Its handle.
    pub pidfd: OwnedFd,
}

/// clone3(2) with `CLONE_PIDFD`, signal handlers cleared: makes a process in new namespaces
/// (`flags`), in the cgroup of the directory `cgroup` where given (`CLONE_INTO_CGROUP`, since
/// Linux 5.7), which runs `body` on a copy of the caller's memory and never returns.
///
/// The child has one thread and a copy of every lock of the parent's, so `body` may call only
/// async-signal-safe functions. Its type says that it ends by execve or _exit.
///
/// # Errors
/// As clone(2): `ENOSPC` for a namespace limit, `EAGAIN` for a process limit, `EBUSY` when the
/// cgroup has controllers for its children.
pub fn spawn(
    flags: u64,
    cgroup: Option<BorrowedFd<'_>>,
    body: impl FnOnce() -> std::convert::Infallible,
) -> Result<Child> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64 | CLONE_CLEAR_SIGHAND,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM and a stack this is fork(2): both sides go on from here on their
    // own memory; args and pidfd outlive the call.
    let pid =
        check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) })?;
    if pid == 0 {
        body();
    }
    Ok(Child {
        pid: pid as libc::pid_t,
        pidfd: super::file::owned(pidfd.into()),
    })
}
