//! Directories by descriptor: the names of files below one, and locks on it.
//!
//! Not async-signal-safe: the functions allocate. No symbolic link is followed in the last part
//! of a name.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open as nix_open, openat, renameat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::Result;

/// A lock on a directory, held until it is dropped (flock(2)).
#[derive(Debug)]
pub struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that still has the description. It
        // cannot fail; and if it did, closing is what is left.
        // SAFETY: no pointers.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Opens a directory by path, close-on-exec.
///
/// # Errors
/// As open(2).
pub fn open(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix_open(path, flags, Mode::empty())
}

/// Opens the directory `name` in `dir`, close-on-exec.
///
/// # Errors
/// As openat(2).
pub fn open_in(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}

/// Makes the directory `name` in `dir`, mode 0700 (mkdirat(2)).
///
/// # Errors
/// `EEXIST` if the name is taken by anything.
pub fn make(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    mkdirat(dir, name, Mode::S_IRWXU)
}

/// Renames within `dir`, replacing a file of the new name at once (renameat(2)).
///
/// # Errors
/// As renameat(2).
pub fn rename(dir: BorrowedFd<'_>, from: &str, to: &str) -> Result<()> {
    renameat(dir, from, dir, to)
}

/// Removes the file `name` in `dir`.
///
/// # Errors
/// As unlinkat(2).
pub fn remove_file(dir: BorrowedFd<'_>, name: &str) -> Result<()> {
    unlinkat(dir, name, UnlinkatFlags::NoRemoveDir)
}

/// The names in `dir` without `.` and `..`, in no order. Names that are not UTF-8 are left out.
///
/// # Errors
/// As open(2) and getdents(2).
pub fn names(dir: BorrowedFd<'_>) -> Result<Vec<String>> {
    let again = open_in(dir, ".")?;
    let path = format!("/proc/self/fd/{}", again.as_raw_fd());
    let entries = std::fs::read_dir(path).map_err(|error| errno_of(&error))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| errno_of(&error))?.file_name();
        names.extend(name.into_string());
    }
    Ok(names)
}

/// The bytes of the file `name` in `dir`.
///
/// # Errors
/// `EFBIG` if there are more than `limit`; else as open(2) and read(2). A FIFO does not block.
pub fn read(dir: BorrowedFd<'_>, name: &str, limit: u64) -> Result<Vec<u8>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(dir, name, flags, Mode::empty())?);
    // State files are small; the default would begin with 32 bytes.
    let mut bytes = Vec::with_capacity(8192);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| errno_of(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Errno::EFBIG);
    }
    Ok(bytes)
}

/// Writes the new file `name` in `dir`, mode 0600.
///
/// # Errors
/// `EEXIST` if the name is taken; else as open(2) and write(2).
pub fn write_new(dir: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> Result<()> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = openat(dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    File::from(fd)
        .write_all(bytes)
        .map_err(|error| errno_of(&error))
}

/// Makes the symbolic link `name` in `dir`, whose target is `text` (symlinkat(2)).
///
/// # Errors
/// `EEXIST` if the name is taken; `ENAMETOOLONG` for a text of 4096 bytes and more.
pub fn make_link(dir: BorrowedFd<'_>, name: &str, text: &str) -> Result<()> {
    nix::unistd::symlinkat(text, dir, name)
}

/// The target of the symbolic link `name` in `dir` (readlinkat(2)).
///
/// # Errors
/// `ENOENT`; `EINVAL` if it is no link.
pub fn read_link(dir: BorrowedFd<'_>, name: &str) -> Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    nix::fcntl::readlinkat(dir, name).map(OsStringExt::into_vec)
}

/// When the inode of `name` in `dir` last changed: for a file that is only ever renamed, when.
///
/// # Errors
/// `ENOENT` if there is no such file.
pub fn changed(dir: BorrowedFd<'_>, name: &str) -> Result<std::time::SystemTime> {
    use nix::fcntl::AtFlags;
    let status = nix::sys::stat::fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let seconds = std::time::Duration::from_secs(status.st_ctime.try_into().unwrap_or(0));
    let nanoseconds = status.st_ctime_nsec.try_into().unwrap_or(0);
    let since_epoch = seconds + std::time::Duration::from_nanos(nanoseconds);
    Ok(std::time::UNIX_EPOCH + since_epoch)
}

/// The user whom a directory belongs to.
///
/// # Errors
/// As fstat(2).
pub fn owner(dir: BorrowedFd<'_>) -> Result<u32> {
    Ok(fstat(dir)?.st_uid)
}

/// Whether two descriptors are the same directory.
///
/// # Errors
/// As fstat(2).
pub fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<bool> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Locks a directory for ourselves alone, without waiting; `None` if another has the lock.
///
/// The lock belongs to a description of its own, so that several in one process exclude each
/// other as well.
///
/// # Errors
/// As openat(2) and flock(2); `ENOENT` for a directory that was removed.
pub fn try_lock(dir: BorrowedFd<'_>) -> Result<Option<Lock>> {
    let own = open_in(dir.as_fd(), ".")?;
    // SAFETY: no pointers.
    let locked = unsafe { libc::flock(own.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    match super::check(locked.into()) {
        Ok(_) => Ok(Some(Lock(own))),
        Err(Errno::EWOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno),
    }
}
