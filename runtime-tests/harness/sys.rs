//! The kernel calls the harness needs, one function each: all of its `unsafe`.
//!
//! Every function returns the errno as `io::Error`; the caller adds what it
//! was doing. Fds are made close-on-exec.
#![allow(unsafe_code)] // The one module of the harness that may call the kernel.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Error};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn check(ret: libc::c_int) -> io::Result<libc::c_int> {
    if ret < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(ret)
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::from_raw_os_error(libc::EINVAL))
}

/// How a process ended, as wait(2) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitStatus {
    /// It called exit with this code.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
}

/// Makes this process the reaper of its orphaned descendants, prctl(2).
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes one integer and touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// The pid of some child which has ended, left as a zombie. Blocks, waitid(2).
pub fn wait_for_any_end() -> io::Result<i32> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is a siginfo_t for the kernel to fill.
    check(unsafe {
        libc::waitid(
            libc::P_ALL,
            0,
            info.as_mut_ptr(),
            libc::WEXITED | libc::WNOWAIT,
        )
    })?;
    // SAFETY: waitid succeeded, so si_pid of a child event is filled in.
    Ok(unsafe { info.assume_init().si_pid() })
}

/// Takes the status of the zombie child `pid`, waitpid(2).
pub fn reap(pid: i32) -> io::Result<Option<WaitStatus>> {
    let mut raw = 0;
    // SAFETY: `raw` is an int for the kernel to fill.
    if check(unsafe { libc::waitpid(pid, &mut raw, libc::WNOHANG) })? == 0 {
        return Ok(None);
    }
    Ok(Some(if libc::WIFSIGNALED(raw) {
        WaitStatus::Signaled(libc::WTERMSIG(raw))
    } else {
        WaitStatus::Exited(libc::WEXITSTATUS(raw))
    }))
}

/// Sends `signal` to `pid` (a process group when negative), kill(2).
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two integers.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Moves the calling thread into new namespaces, unshare(2).
pub fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: unshare takes flags; only this thread changes.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Moves the calling thread into the namespace `ns` refers to, setns(2).
pub fn join_namespace(ns: BorrowedFd<'_>, kind: i32) -> io::Result<()> {
    // SAFETY: the fd is borrowed for the time of the call.
    check(unsafe { libc::setns(ns.as_raw_fd(), kind) }).map(drop)
}

fn mount(source: &Path, target: &Path, fs: &str, flags: u64, data: &str) -> io::Result<()> {
    let (source, target) = (c_path(source)?, c_path(target)?);
    let (fs, data) = (CString::new(fs)?, CString::new(data)?);
    // SAFETY: all four strings are NUL-terminated and live during the call.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            fs.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    })
    .map(drop)
}

/// Mounts a new instance of the file system `fs`, mount(2).
pub fn mount_fs(fs: &str, target: &Path, data: &str) -> io::Result<()> {
    mount(Path::new(fs), target, fs, 0, data)
}

/// Binds `source` on `target`, mount(2).
pub fn bind(source: &Path, target: &Path) -> io::Result<()> {
    mount(source, target, "", libc::MS_BIND, "")
}

/// Sets the propagation (`MS_PRIVATE`, `MS_SHARED`, …) of a mount, mount(2).
pub fn set_propagation(target: &Path, flags: u64) -> io::Result<()> {
    mount(Path::new("none"), target, "", flags, "")
}

/// Remounts a bind with other flags, mount(2).
pub fn remount_bind(target: &Path, flags: u64) -> io::Result<()> {
    mount(
        Path::new("none"),
        target,
        "",
        libc::MS_REMOUNT | libc::MS_BIND | flags,
        "",
    )
}

/// Detaches the mount at `target`, umount2(2).
pub fn detach(target: &Path) -> io::Result<()> {
    let target = c_path(target)?;
    // SAFETY: the path is NUL-terminated and lives during the call.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Makes a fifo, mkfifo(3).
pub fn make_fifo(path: &Path, mode: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: the path is NUL-terminated and lives during the call.
    check(unsafe { libc::mkfifo(path.as_ptr(), mode) }).map(drop)
}

/// Makes a device node, mknod(2).
pub fn make_node(path: &Path, mode: u32, major: u32, minor: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: the path is NUL-terminated and lives during the call.
    check(unsafe { libc::mknod(path.as_ptr(), mode, libc::makedev(major, minor)) }).map(drop)
}

/// An anonymous file in memory, memfd_create(2).
pub fn memory_file(name: &str) -> io::Result<File> {
    let name = CString::new(name)?;
    // SAFETY: the name is NUL-terminated and lives during the call.
    let fd = check(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the kernel has just given us this fd.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// A new pseudo-terminal: (master, slave), openpty(3).
pub fn open_pty() -> io::Result<(OwnedFd, OwnedFd)> {
    let (mut master, mut slave) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: two ints to fill; the three null pointers mean "defaults".
    check(unsafe { libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()) })?;
    for fd in [master, slave] {
        // SAFETY: F_SETFD on an fd which openpty has just opened.
        check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    }
    // SAFETY: both fds are new and owned by nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) })
}

/// Sets the size of a terminal, TIOCSWINSZ of ioctl_tty(2).
pub fn set_window_size(tty: BorrowedFd<'_>, rows: u16, columns: u16) -> io::Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads one winsize.
    check(unsafe { libc::ioctl(tty.as_raw_fd(), libc::TIOCSWINSZ, &size) }).map(drop)
}

/// Size of a terminal: (rows, columns), TIOCGWINSZ of ioctl_tty(2).
pub fn window_size(tty: BorrowedFd<'_>) -> io::Result<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ fills one winsize.
    check(unsafe { libc::ioctl(tty.as_raw_fd(), libc::TIOCGWINSZ, &mut size) })?;
    Ok((size.ws_row, size.ws_col))
}

/// True when `fd` becomes readable (or its peer is gone) in time, poll(2).
pub fn readable(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    Ok(input(fd, patience)? != 0)
}

/// True when `fd` has something to be read in time; false when its peer is gone, poll(2).
pub fn has_input(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    Ok(input(fd, patience)? & libc::POLLIN != 0)
}

/// The events of poll(2); none when the time is over.
fn input(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<libc::c_short> {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one pollfd, count one.
    check(unsafe { libc::poll(&mut poll, 1, ms) })?;
    Ok(poll.revents)
}

/// Receives one message with at most one fd, recvmsg(2) and SCM_RIGHTS of unix(7).
pub fn receive_fd(socket: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut data = [0u8; 4096];
    let mut control = [0u64; 8];
    let mut part = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    };
    // SAFETY: msghdr is plain data; all zero is its empty value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // glibc and musl differ in the type of the length.
    message.msg_controllen = std::mem::size_of_val(&control) as _;
    // SAFETY: the header points to live buffers with their true lengths.
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) };
    let n = usize::try_from(n).map_err(|_| Error::last_os_error())?;
    // SAFETY: the kernel has filled in the control buffer of `message`.
    let first = unsafe { libc::CMSG_FIRSTHDR(&message) };
    if first.is_null() {
        return Ok((data[..n].to_vec(), None));
    }
    // SAFETY: a non-null header lies within `control`; SCM_RIGHTS carries an int.
    let fd = unsafe { libc::CMSG_DATA(first).cast::<RawFd>().read_unaligned() };
    // SAFETY: the kernel has just installed this fd for us.
    Ok((
        data[..n].to_vec(),
        Some(unsafe { OwnedFd::from_raw_fd(fd) }),
    ))
}

/// The session of a child, setsid(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Session {
    /// That of the test process.
    #[default]
    Inherited,
    /// A new one without a controlling terminal.
    New,
    /// A new one whose controlling terminal is the child's stdin.
    OnTerminal,
}

/// What a child does between fork and exec, beyond its stdio.
#[derive(Debug, Clone, Default)]
pub struct ChildSetup {
    /// (fd of ours, its number in the child); without close-on-exec there.
    pub fds: Vec<(RawFd, RawFd)>,
    /// The session it belongs to.
    pub session: Session,
    /// Signals to ignore in the child.
    pub ignore: Vec<i32>,
    /// Signals to block in the child.
    pub block: Vec<i32>,
    /// Supplementary groups of the child.
    pub groups: Option<Vec<u32>>,
    /// A soft and hard limit to set: (resource, soft, hard).
    pub limit: Option<(u32, u64, u64)>,
}

/// Installs `setup` to be done in the child of `command`.
pub fn prepare_child(command: &mut Command, setup: ChildSetup) {
    // SAFETY: the closure makes only async-signal-safe calls on plain data.
    unsafe { command.pre_exec(move || apply_in_child(&setup)) };
}

fn apply_in_child(setup: &ChildSetup) -> io::Result<()> {
    if setup.session != Session::Inherited {
        // SAFETY: no arguments; we are no group leader after fork.
        check(unsafe { libc::setsid() })?;
    }
    if setup.session == Session::OnTerminal {
        // SAFETY: TIOCSCTTY takes an integer.
        check(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
    }
    // Whatever the caller of the tests holds open is no business of the child.
    // CLOSE_RANGE_CLOEXEC; musl has no wrapper of close_range(2).
    const ON_EXEC: u32 = 4;
    // SAFETY: close_range takes three integers.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, ON_EXEC) } < 0 {
        return Err(Error::last_os_error());
    }
    for &(from, to) in &setup.fds {
        // SAFETY: dup2 takes two integers; it clears close-on-exec on `to`.
        check(unsafe { libc::dup2(from, to) })?;
        if from == to {
            // SAFETY: F_SETFD takes an integer.
            check(unsafe { libc::fcntl(to, libc::F_SETFD, 0) })?;
        }
    }
    for &signal in &setup.ignore {
        // SAFETY: SIG_IGN runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    block_signals(&setup.block)?;
    if let Some(groups) = &setup.groups {
        // SAFETY: pointer and length of one live slice.
        check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
    }
    if let Some((resource, soft, hard)) = setup.limit {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        };
        // SAFETY: setrlimit reads one rlimit.
        check(unsafe { libc::setrlimit(resource as _, &limit) })?;
    }
    Ok(())
}

fn block_signals(signals: &[i32]) -> io::Result<()> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset fills the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for &signal in signals {
        // SAFETY: the set was initialised above.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set is initialised; the old mask is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) })
        .map(drop)
}

/// A copy of `fd` with a number of at least `lowest`, F_DUPFD_CLOEXEC of fcntl(2).
pub fn duplicate_from(fd: BorrowedFd<'_>, lowest: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes an integer and the fd is borrowed.
    let copy = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) })?;
    // SAFETY: the kernel has just given us this fd.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// The effective user id, geteuid(2).
#[must_use]
pub fn uid() -> u32 {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

/// Has `function` called when the process exits normally, atexit(3).
pub fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function lives as long as the program.
    unsafe { libc::atexit(function) };
}

/// Makes a private SysV shared memory segment of one page; its id, shmget(2).
pub fn make_shared_memory() -> io::Result<i32> {
    // SAFETY: three integers.
    check(unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT) })
}

/// Removes a SysV shared memory segment, shmctl(2).
pub fn remove_shared_memory(id: i32) -> io::Result<()> {
    // SAFETY: IPC_RMID uses no buffer.
    check(unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
}

/// The kernel's `struct loop_config` with its `struct loop_info64`, loop(4).
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    /// Device, inode, the device behind it, offset, limit on the size.
    numbers: [u64; 5],
    /// Number, encryption type, length of its key, flags.
    settings: [u32; 4],
    names: [u8; 64 + 64 + 32],
    init: [u64; 2],
    reserved: [u64; 8],
}

/// The number of a loop device that nobody uses, LOOP_CTL_GET_FREE of loop(4).
pub fn free_loop_device(control: BorrowedFd<'_>) -> io::Result<i32> {
    const LOOP_CTL_GET_FREE: u64 = 0x4c82;
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) })
}

/// Backs a loop device with `file` until its last fd is closed, LOOP_CONFIGURE
/// of loop(4).
pub fn attach_loop_device(device: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<()> {
    const LOOP_CONFIGURE: u64 = 0x4c0a;
    const LO_FLAGS_AUTOCLEAR: u32 = 4;
    let config = LoopConfig {
        fd: u32::try_from(file.as_raw_fd()).unwrap_or(u32::MAX),
        block_size: 0,
        numbers: [0; 5],
        settings: [0, 0, 0, LO_FLAGS_AUTOCLEAR],
        names: [0; 160],
        init: [0; 2],
        reserved: [0; 8],
    };
    // SAFETY: LOOP_CONFIGURE reads one loop_config, whose layout this is.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &config) }).map(drop)
}

/// `struct seccomp_notif` (seccomp_unotify(2)).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Notification {
    /// Which notification it is.
    pub id: u64,
    /// The thread, in our pid namespace.
    pub pid: u32,
    /// None are defined.
    pub flags: u32,
    /// Number of the system call.
    pub number: i32,
    /// `AUDIT_ARCH_*`
    pub architecture: u32,
    /// Where it was made.
    pub instruction: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// `struct seccomp_notif_resp`
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Response {
    /// Which notification it answers.
    pub id: u64,
    /// What the system call returns.
    pub value: i64,
    /// Negated errno, or 0.
    pub error: i32,
    /// 1: the kernel makes the call (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`).
    pub flags: u32,
}

// The type of a request differs between glibc and musl, hence `as _` below.
/// `SECCOMP_IOCTL_NOTIF_RECV`
const NOTIFICATION_RECEIVE: u32 = 0xc050_2100;
/// `SECCOMP_IOCTL_NOTIF_SEND`
const NOTIFICATION_SEND: u32 = 0xc018_2101;

/// Waits for a notification (`SECCOMP_IOCTL_NOTIF_RECV`); `ENOENT` when the thread has gone.
pub fn receive_notification(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    let mut notification = Notification::default();
    // SAFETY: the structure is the kernel's, of the size in the request's number.
    check(unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            NOTIFICATION_RECEIVE as _,
            &mut notification,
        )
    })?;
    Ok(notification)
}

/// Answers a notification (`SECCOMP_IOCTL_NOTIF_SEND`).
pub fn answer_notification(listener: BorrowedFd<'_>, response: Response) -> io::Result<()> {
    // SAFETY: as above.
    check(unsafe { libc::ioctl(listener.as_raw_fd(), NOTIFICATION_SEND as _, &response) }).map(drop)
}
