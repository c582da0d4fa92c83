//! Processes by descriptor: a pidfd cannot be recycled, a pid can.
//!
//! pidfd_open(2), pidfd_send_signal(2), poll(2) on a pidfd, waitid(2) with `P_PIDFD`, and the
//! `PIDFD_GET_INFO` ioctl by which a process that is not the parent learns the exit status.
//! Allocation-free and async-signal-safe, all of them.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;

use super::Result;

/// `PIDFS_MAGIC` of linux/magic.h: pidfds have inodes of their own since 6.9.
const PIDFS_MAGIC: i64 = 0x5049_4446;

/// `PIDFD_INFO_EXIT` of linux/pidfd.h (6.15).
const INFO_EXIT: u64 = 1 << 3;

/// `struct pidfd_info`, version 0 of linux/pidfd.h: 64 bytes, the size that is in the ioctl's
/// number and that every kernel with the ioctl accepts.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup_id: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ruid: u32,
    rgid: u32,
    euid: u32,
    egid: u32,
    suid: u32,
    sgid: u32,
    fsuid: u32,
    fsgid: u32,
    exit_code: i32,
}

/// `PIDFD_GET_INFO` = `_IOWR(0xFF, 11, struct pidfd_info)`.
const GET_INFO: libc::Ioctl =
    (3 << 30 | (size_of::<PidfdInfo>() << 16) | 0xFF << 8 | 11) as libc::Ioctl;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It called exit with this code, 0 to 255.
    Code(u8),
    /// This signal killed it.
    Signal(i32),
}

impl End {
    /// The end in a wait status (wait(2)); `None` for a process that only stopped.
    #[must_use]
    pub fn from_wait_status(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            u8::try_from(libc::WEXITSTATUS(status)).ok().map(Self::Code)
        } else if libc::WIFSIGNALED(status) {
            Some(Self::Signal(libc::WTERMSIG(status)))
        } else {
            None
        }
    }

    /// What a shell reports: the code, or 128 + the signal.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// What poll(2) says about the process of a pidfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// All its threads have ended. It may still be a zombie.
    Ended,
}

/// A pidfd of the process `pid`, close-on-exec (pidfd_open(2), 5.3).
///
/// # Errors
/// `ESRCH` if there is no such process, `EINVAL` for a pid below 1, `EMFILE`, `ENOMEM`.
pub fn open(pid: i32) -> Result<OwnedFd> {
    // SAFETY: takes two integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends `signal` to the process; 0 only checks (pidfd_send_signal(2), 5.1).
///
/// # Errors
/// `ESRCH` if the process has ended and was reaped, `EPERM`, `EINVAL` for an unknown signal.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed, the other arguments are integers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            info,
            0,
        )
    };
    Errno::result(result).map(drop)
}

/// The inode number of the process in pidfs (6.9): unique until the next boot, never reused.
///
/// `None` on kernels where all pidfds share one anonymous inode.
///
/// # Errors
/// As fstat(2) and fstatfs(2): none that a valid descriptor could meet.
pub fn inode(pidfd: BorrowedFd<'_>) -> Result<Option<u64>> {
    let filesystem = nix::sys::statfs::fstatfs(pidfd)?;
    // The type of the magic differs between libcs.
    #[allow(clippy::unnecessary_cast)]
    if filesystem.filesystem_type().0 as i64 != PIDFS_MAGIC {
        return Ok(None);
    }
    Ok(Some(nix::sys::stat::fstat(pidfd)?.st_ino))
}

/// Waits until the process ends or the deadline has passed; without a deadline for ever.
///
/// A deadline in the past makes it a mere look. Interrupting signals do not end the wait.
///
/// # Errors
/// As ppoll(2): `ENOMEM`.
pub fn poll_end(pidfd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<Life> {
    loop {
        match poll_once(pidfd, deadline) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

fn poll_once(pidfd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<Life> {
    let mut request = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let left = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        libc::timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: one pollfd and the optional timespec live until the call returns; no signal mask.
    let ready = unsafe { libc::ppoll(&raw mut request, 1, timeout, std::ptr::null()) };
    Ok(match Errno::result(ready)? {
        0 => Life::Alive,
        _ => Life::Ended,
    })
}

/// Whether the process has ended, without waiting.
///
/// # Errors
/// See [`poll_end`].
pub fn life(pidfd: BorrowedFd<'_>) -> Result<Life> {
    poll_end(pidfd, Some(Instant::now()))
}

/// Reaps a child that has ended or will end (waitid(2) with `P_PIDFD`, 5.4).
///
/// # Errors
/// `ECHILD` if the process is not a child of ours or was reaped already.
pub fn reap(pidfd: BorrowedFd<'_>) -> Result<End> {
    loop {
        // SAFETY: siginfo_t is plain data for which all zeroes is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = pidfd.as_raw_fd().cast_unsigned();
        // SAFETY: `info` is ours and lives until the call returns.
        let result = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, libc::WEXITED) };
        match Errno::result(result) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => return Ok(end_of(&info)),
        }
    }
}

fn end_of(info: &libc::siginfo_t) -> End {
    // SAFETY: waitid has filled in a SIGCHLD siginfo, in which si_status is valid.
    let status = unsafe { info.si_status() };
    if info.si_code == libc::CLD_EXITED {
        End::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
    } else {
        End::Signal(status)
    }
}

/// How a process ended that need not be a child (`PIDFD_GET_INFO` with `PIDFD_INFO_EXIT`, 6.15).
///
/// The pidfd must have been opened before the process was reaped. `None` if the kernel cannot
/// tell: it is too old, or the process has not been reaped yet.
///
/// # Errors
/// None of those that mean "too old"; others as ioctl(2).
pub fn end_of_any(pidfd: BorrowedFd<'_>) -> Result<Option<End>> {
    let mut info = PidfdInfo {
        mask: INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the ioctl's number carries the size of `info`, which lives until it returns.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO, &raw mut info) };
    match Errno::result(result) {
        Ok(_) if info.mask & INFO_EXIT != 0 => Ok(End::from_wait_status(info.exit_code)),
        // Kernels before 6.13 have no such ioctl, older pidfds are no file that knows ioctls;
        // ESRCH: gone, and the kernel kept nothing.
        Ok(_) | Err(Errno::ENOTTY | Errno::ENOSYS | Errno::EINVAL | Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
#[allow(clippy::zombie_processes)] // reap() is what is tested
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::process::{Child, Command, Stdio};

    /// A process that ends when its stdin is closed.
    fn cat() -> Child {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn pidfd_of(child: &Child) -> OwnedFd {
        open(child.id().cast_signed()).unwrap()
    }

    #[test]
    fn a_child_is_reaped_with_its_code_or_signal() {
        let child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        assert_eq!(reap(pidfd_of(&child).as_fd()), Ok(End::Code(7)));
        let child = cat();
        let pidfd = pidfd_of(&child);
        assert_eq!(life(pidfd.as_fd()), Ok(Life::Alive));
        send_signal(pidfd.as_fd(), libc::SIGKILL).unwrap();
        assert_eq!(poll_end(pidfd.as_fd(), None), Ok(Life::Ended));
        assert_eq!(reap(pidfd.as_fd()), Ok(End::Signal(libc::SIGKILL)));
        assert_eq!(reap(pidfd.as_fd()), Err(Errno::ECHILD));
        assert_eq!(send_signal(pidfd.as_fd(), 0), Err(Errno::ESRCH));
    }

    #[test]
    fn the_wait_ends_at_its_deadline() {
        let mut child = cat();
        let pidfd = pidfd_of(&child);
        let deadline = Instant::now() + std::time::Duration::from_millis(20);
        assert_eq!(poll_end(pidfd.as_fd(), Some(deadline)), Ok(Life::Alive));
        assert!(Instant::now() >= deadline);
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(life(pidfd.as_fd()), Ok(Life::Ended));
    }

    #[test]
    fn the_end_of_a_process_that_is_not_a_child_is_known() {
        // The shell tells its child's pid and reaps it only after the test holds a pidfd.
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "exec 3<&0; sh -c 'read x; exit 9' <&3 & echo $!; wait $!; echo done",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = shell.stdout.take().unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        while output.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let pid: i32 = String::from_utf8(line).unwrap().parse().unwrap();
        let pidfd = open(pid).unwrap();
        assert_eq!(end_of_any(pidfd.as_fd()), Ok(None), "it still runs");
        drop(shell.stdin.take());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        shell.wait().unwrap();
        assert_eq!(reap(pidfd.as_fd()), Err(Errno::ECHILD));
        let end = end_of_any(pidfd.as_fd()).unwrap();
        if end.is_none() {
            println!("skipped: this kernel keeps no exit status (before 6.15)");
            return;
        }
        assert_eq!(end, Some(End::Code(9)));
    }

    #[test]
    fn inodes_tell_processes_apart() {
        let mut child = cat();
        let own = open(std::process::id().cast_signed()).unwrap();
        let other = pidfd_of(&child);
        let numbers = (inode(own.as_fd()), inode(other.as_fd()));
        drop(child.stdin.take());
        child.wait().unwrap();
        if let (Ok(Some(own)), Ok(Some(other))) = numbers {
            assert_ne!(own, other);
        } else {
            assert_eq!(numbers, (Ok(None), Ok(None)));
            println!("skipped: this kernel has no pidfs (before 6.9)");
        }
    }

    #[test]
    fn no_pidfd_of_nothing() {
        assert_eq!(open(0).unwrap_err(), Errno::EINVAL);
        assert_eq!(open(i32::MAX).unwrap_err(), Errno::ESRCH);
    }

    #[test]
    fn ends_in_words_of_a_shell() {
        assert_eq!(End::from_wait_status(0x2a00), Some(End::Code(42)));
        assert_eq!(End::from_wait_status(9), Some(End::Signal(9)));
        assert_eq!(End::from_wait_status(0x137f), None);
        assert_eq!(End::Signal(15).exit_code(), 143);
    }
}
