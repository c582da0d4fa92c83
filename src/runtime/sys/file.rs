//! Files and directories by descriptor. Every function here is async-signal-safe.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::{Result, check};

/// `RESOLVE_NO_XDEV`: stay on the mount.
pub const NO_XDEV: u64 = 0x01;
/// `RESOLVE_NO_MAGICLINKS`: follow no /proc/PID/fd link.
pub const NO_MAGICLINKS: u64 = 0x02;
/// `RESOLVE_NO_SYMLINKS`: follow no symbolic link at all.
pub const NO_SYMLINKS: u64 = 0x04;
/// `RESOLVE_BENEATH`: refuse what leads out of the directory.
pub const BENEATH: u64 = 0x08;
/// `RESOLVE_IN_ROOT`: the directory is the root for `/`, `..` and absolute links.
pub const IN_ROOT: u64 = 0x10;

/// The current directory as an anchor.
pub const CURRENT: BorrowedFd<'static> =
    // SAFETY: AT_FDCWD is not a descriptor but a constant the kernel understands in its place.
    unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) };

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// How often openat2 is repeated when a rename races with a look-up through `..`.
const EAGAIN_LIMIT: u32 = 128;

/// openat2(2), since Linux 5.6; always close-on-exec. Repeats on `EAGAIN` (a racing rename), at
/// most 128 times.
///
/// # Errors
/// `ELOOP` or `EXDEV` when `resolve` forbids what the path asks for; else as open(2).
pub fn open_at(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_int,
    mode: u32,
    resolve: u64,
) -> Result<OwnedFd> {
    let how = OpenHow {
        flags: u64::from((flags | libc::O_CLOEXEC).cast_unsigned()),
        mode: u64::from(mode),
        resolve,
    };
    let mut tries = 0;
    loop {
        // SAFETY: path is NUL-terminated; how is an open_how of the size given.
        let returned = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                dir.as_raw_fd(),
                path.as_ptr(),
                &raw const how,
                size_of::<OpenHow>(),
            )
        };
        match check(returned) {
            Err(Errno::EAGAIN) if tries < EAGAIN_LIMIT => tries += 1,
            Err(errno) => return Err(errno),
            Ok(fd) => return Ok(owned(fd)),
        }
    }
}

/// Takes ownership of a descriptor number that a system call has just returned.
pub(super) fn owned(fd: libc::c_long) -> OwnedFd {
    // SAFETY: the callers pass a descriptor the kernel has just made for them.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

/// open(2) of a host path, close-on-exec. (The raw call: musl's open sets the flag once more.)
///
/// # Errors
/// As open(2).
pub fn open(path: &CStr, flags: libc::c_int) -> Result<OwnedFd> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: path is NUL-terminated; without O_CREAT no mode is read.
    check(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) })
        .map(owned)
}

/// Facts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Type and permission bits.
    pub mode: u32,
    /// Device number of a device node.
    pub rdev: u64,
    /// Size in bytes.
    pub size: u64,
    /// Device of the file system.
    pub dev: u64,
    /// Inode number.
    pub inode: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Status {
    /// The type bits (`S_IFDIR`, …).
    #[must_use]
    pub const fn file_type(&self) -> u32 {
        self.mode & libc::S_IFMT
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.file_type() == libc::S_IFDIR
    }
}

/// fstatat(2) of the descriptor itself, or of `name` in it without following a link.
///
/// # Errors
/// As stat(2).
pub fn status(dir: BorrowedFd<'_>, name: &CStr) -> Result<Status> {
    // SAFETY: an all-zero stat is a valid value of the plain struct.
    let mut buffer: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: name is NUL-terminated, buffer outlives the call.
    check(unsafe {
        libc::c_long::from(libc::fstatat(
            dir.as_raw_fd(),
            name.as_ptr(),
            &raw mut buffer,
            libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW,
        ))
    })?;
    Ok(Status {
        mode: buffer.st_mode,
        rdev: buffer.st_rdev,
        size: buffer.st_size.cast_unsigned(),
        dev: buffer.st_dev,
        inode: buffer.st_ino,
        uid: buffer.st_uid,
        gid: buffer.st_gid,
    })
}

/// fstatfs(2): the magic number of the file system.
///
/// # Errors
/// As fstatfs(2).
pub fn filesystem_magic(fd: BorrowedFd<'_>) -> Result<i64> {
    // SAFETY: an all-zero statfs is a valid value of the plain struct.
    let mut buffer: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: buffer outlives the call.
    check(unsafe { libc::c_long::from(libc::fstatfs(fd.as_raw_fd(), &raw mut buffer)) })?;
    Ok(buffer.f_type as i64)
}

/// mkdirat(2) of one name.
///
/// # Errors
/// As mkdir(2).
pub fn make_dir(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> Result<()> {
    // SAFETY: name is NUL-terminated.
    check(unsafe { libc::c_long::from(libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode)) })
        .map(drop)
}

/// mknodat(2) of one name.
///
/// # Errors
/// As mknod(2).
pub fn make_node(dir: BorrowedFd<'_>, name: &CStr, mode: u32, device: u64) -> Result<()> {
    // SAFETY: name is NUL-terminated.
    check(unsafe {
        libc::c_long::from(libc::mknodat(dir.as_raw_fd(), name.as_ptr(), mode, device))
    })
    .map(drop)
}

/// symlinkat(2) of one name.
///
/// # Errors
/// As symlink(2).
pub fn make_symlink(target: &CStr, dir: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    // SAFETY: both strings are NUL-terminated.
    check(unsafe {
        libc::c_long::from(libc::symlinkat(
            target.as_ptr(),
            dir.as_raw_fd(),
            name.as_ptr(),
        ))
    })
    .map(drop)
}

/// fchownat(2) of one name, never through a link; of the descriptor itself where name is empty.
///
/// # Errors
/// As chown(2).
pub fn change_owner(dir: BorrowedFd<'_>, name: &CStr, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: name is NUL-terminated.
    check(unsafe {
        libc::c_long::from(libc::fchownat(
            dir.as_raw_fd(),
            name.as_ptr(),
            uid,
            gid,
            libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH,
        ))
    })
    .map(drop)
}

/// fchmod(2).
///
/// # Errors
/// As chmod(2).
pub fn change_mode(fd: BorrowedFd<'_>, mode: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::fchmod(fd.as_raw_fd(), mode)) }).map(drop)
}

/// readlinkat(2) of one name into `buffer`; the filled part.
///
/// # Errors
/// As readlink(2).
pub fn read_link<'a>(dir: BorrowedFd<'_>, name: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    // SAFETY: buffer is writable for its length.
    let length = check(unsafe {
        libc::readlinkat(
            dir.as_raw_fd(),
            name.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        ) as libc::c_long
    })?;
    buffer.get(..length as usize).ok_or(Errno::EOVERFLOW)
}

/// read(2); repeats on `EINTR`.
///
/// # Errors
/// As read(2).
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    loop {
        // SAFETY: buffer is writable for its length.
        let returned =
            unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match check(returned as libc::c_long) {
            Err(Errno::EINTR) => {}
            other => return other.map(|length| length as usize),
        }
    }
}

/// Everything in a small file that does not tell its size, such as those of /proc.
///
/// # Errors
/// As open(2) and read(2).
pub fn read_small(path: &CStr) -> Result<Vec<u8>> {
    let file = open(path, libc::O_RDONLY)?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        let room = bytes.get_mut(length..).unwrap_or_default();
        match read(file.as_fd(), room)? {
            0 => break,
            more => length += more,
        }
        if length == bytes.len() {
            bytes.resize(2 * length, 0);
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// write(2), once, of all the bytes: a part written is `EIO`. Repeats on `EINTR`.
///
/// # Errors
/// As write(2).
pub fn write_once(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
    loop {
        // SAFETY: bytes is readable for its length.
        let returned = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        match check(returned as libc::c_long) {
            Err(Errno::EINTR) => {}
            Ok(length) if length as usize == bytes.len() => return Ok(()),
            Ok(_) => return Err(Errno::EIO),
            Err(errno) => return Err(errno),
        }
    }
}

/// getdents64(2) into `buffer`; the number of bytes, 0 at the end.
///
/// # Errors
/// As getdents(2).
pub fn read_dir(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: buffer is writable for its length.
    check(unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            fd.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    })
    .map(|length| length as usize)
}

/// sendfile(2) of up to `count` bytes from the current offsets.
///
/// # Errors
/// As sendfile(2).
pub fn send_file(to: BorrowedFd<'_>, from: BorrowedFd<'_>, count: usize) -> Result<usize> {
    // SAFETY: a null offset means the file's own offset.
    let returned = unsafe {
        libc::sendfile(
            to.as_raw_fd(),
            from.as_raw_fd(),
            std::ptr::null_mut(),
            count,
        )
    };
    check(returned as libc::c_long).map(|length| length as usize)
}

/// faccessat(2) with the effective ids, following links.
///
/// # Errors
/// As access(2).
pub fn access(path: &CStr, mode: libc::c_int) -> Result<()> {
    // SAFETY: path is NUL-terminated. The raw call is faccessat2, since Linux 5.8.
    check(unsafe {
        libc::syscall(
            libc::SYS_faccessat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            mode,
            libc::AT_EACCESS,
        )
    })
    .map(drop)
}

/// stat(2) of a path, following links: its mode.
///
/// # Errors
/// As stat(2).
pub fn mode_of(path: &CStr) -> Result<u32> {
    // SAFETY: an all-zero stat is a valid value of the plain struct.
    let mut buffer: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: path is NUL-terminated, buffer outlives the call.
    check(unsafe { libc::c_long::from(libc::stat(path.as_ptr(), &raw mut buffer)) })?;
    Ok(buffer.st_mode)
}

/// fchdir(2).
///
/// # Errors
/// As chdir(2).
pub fn change_dir(fd: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::fchdir(fd.as_raw_fd())) }).map(drop)
}

/// The raw getcwd(2): the bytes without the terminator. Outside the root the kernel prefixes
/// `(unreachable)`.
///
/// # Errors
/// `ENOENT` when the directory is gone.
pub fn current_dir(buffer: &mut [u8]) -> Result<&[u8]> {
    // SAFETY: buffer is writable for its length.
    let length =
        check(unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) })?;
    buffer
        .get(..(length as usize).saturating_sub(1))
        .ok_or(Errno::EOVERFLOW)
}

/// close_range(2), since Linux 5.9: closes `first..=last`.
///
/// # Errors
/// `EINVAL` when `last` is below `first`.
pub fn close_range(first: u32, last: u32) -> Result<()> {
    // SAFETY: the callers own no descriptor in the range any more, or are about to exec.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// close_range(2) with `CLOSE_RANGE_CLOEXEC`, since Linux 5.11: marks `first..` close-on-exec.
///
/// # Errors
/// `EINVAL` on older kernels.
pub fn close_on_exec_from(first: u32) -> Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    // SAFETY: no pointers; no descriptor is closed.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// Whether the descriptor number is open (fcntl(2), `F_GETFD`).
#[must_use]
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: no pointers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Clears close-on-exec (fcntl(2), `F_SETFD`).
///
/// # Errors
/// `EBADF`.
pub fn keep_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::fcntl(fd, libc::F_SETFD, 0)) }).map(drop)
}

/// The standard stream of this number, which may be closed: calls on it then give `EBADF`.
#[must_use]
pub fn standard_stream(stream: RawFd) -> BorrowedFd<'static> {
    // SAFETY: nothing here closes 0, 1 or 2, and the number is not -1.
    unsafe { BorrowedFd::borrow_raw(stream.clamp(0, 2)) }
}

/// dup2(2) onto a standard stream.
///
/// # Errors
/// As dup(2).
pub fn replace_stream(fd: BorrowedFd<'_>, stream: RawFd) -> Result<()> {
    // SAFETY: replacing 0, 1 or 2 is the purpose; no Rust object owns them.
    check(unsafe { libc::c_long::from(libc::dup2(fd.as_raw_fd(), stream)) }).map(drop)
}
