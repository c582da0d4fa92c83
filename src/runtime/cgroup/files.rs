//! Cgroup directories and control files by descriptor.
//!
//! Everything starts at the mount point of a hierarchy, whose file system is checked, and stays
//! below it: no symbolic link, no other mount, no `..` is followed (openat2(2)).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::placement::Directory;
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys;
use crate::sys::cgroup::{V1_MAGIC, V2_MAGIC};
use crate::sys::file::{self, BENEATH, NO_MAGICLINKS, NO_SYMLINKS, NO_XDEV};

/// Longest control file that is read, in bytes: a cgroup.procs of two million processes.
const FILE_MAX: usize = 16 << 20;

/// Whether the errno means that the cgroup does not exist any more: a look-up says ENOENT, a
/// control file that is still open ENODEV.
pub(super) fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENODEV)
}

/// A path or name for the kernel.
pub(super) fn c_string(text: &str) -> sys::Result<CString> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

/// Opens the mount point of the hierarchy.
pub(super) fn open_mount(place: &Directory) -> Result<OwnedFd> {
    let expected = if place.is_v2() { V2_MAGIC } else { V1_MAGIC };
    let fd = c_string(&place.mount)
        .and_then(|path| file::open(&path, libc::O_PATH | libc::O_DIRECTORY))
        .doing("open the cgroup hierarchy")
        .at(std::path::Path::new(&place.mount))?;
    match file::filesystem_magic(fd.as_fd()) {
        Ok(magic) if magic == expected => Ok(fd),
        _ => {
            let why = "another file system is mounted there";
            let error = Error::new(Kind::System, "open the cgroup hierarchy", why);
            Err(error.at(std::path::Path::new(&place.mount)))
        }
    }
}

/// Opens a directory below `dir`.
pub(super) fn open_below(dir: BorrowedFd<'_>, path: &CStr) -> sys::Result<OwnedFd> {
    file::open_at(
        dir,
        path,
        libc::O_RDONLY | libc::O_DIRECTORY,
        0,
        BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV,
    )
}

/// Opens the directory above `dir`. Cgroups are never moved, so that this is where we came from.
pub(super) fn open_parent(dir: BorrowedFd<'_>) -> sys::Result<OwnedFd> {
    file::open_at(
        dir,
        c"..",
        libc::O_RDONLY | libc::O_DIRECTORY,
        0,
        NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV,
    )
}

/// Opens the container's cgroup in one hierarchy. `None` where it, or its hierarchy, is gone, or
/// another cgroup has taken its path.
pub(super) fn open_recorded(place: &Directory) -> Result<Option<OwnedFd>> {
    let mount = match open_mount(place) {
        Err(error) if error.errno().is_some_and(is_gone) => return Ok(None),
        other => other?,
    };
    let opened = c_string(&place.path).and_then(|path| open_below(mount.as_fd(), &path));
    let fd = match opened {
        Err(errno) if is_gone(errno) => return Ok(None),
        other => at(other, "open the cgroup", place)?,
    };
    let id = at(id(fd.as_fd()), "identify the cgroup", place)?;
    Ok((place.id.is_none_or(|recorded| recorded == id)).then_some(fd))
}

/// The kernel's id of a cgroup.
pub(super) fn id(dir: BorrowedFd<'_>) -> sys::Result<u64> {
    file::status(dir, c"").map(|status| status.inode)
}

/// Names the operation and the directory of a failure.
pub(super) fn at<T>(result: sys::Result<T>, what: &str, place: &Directory) -> Result<T> {
    result
        .doing(what)
        .at(std::path::Path::new(&place.host_path()))
}

/// Opens a control file.
pub(super) fn open_file(
    dir: BorrowedFd<'_>,
    name: &CStr,
    flags: libc::c_int,
) -> sys::Result<OwnedFd> {
    file::open_at(dir, name, flags, 0, BENEATH | NO_SYMLINKS | NO_XDEV)
}

/// Reads a control file that the kernel makes in one piece, with one read(2) where it fits.
pub(super) fn read(dir: BorrowedFd<'_>, name: &CStr) -> sys::Result<String> {
    read_open(open_file(dir, name, libc::O_RDONLY)?.as_fd())
}

/// Reads such a file that is open, from its offset.
pub(super) fn read_open(fd: BorrowedFd<'_>) -> sys::Result<String> {
    read_until(fd, |length, room| length < room)
}

/// Reads a control file that is a list, such as cgroup.procs: a read ends between two entries,
/// not only at the end.
pub(super) fn read_list(dir: BorrowedFd<'_>, name: &CStr) -> sys::Result<String> {
    let fd = open_file(dir, name, libc::O_RDONLY)?;
    read_until(fd.as_fd(), |length, _| length == 0)
}

fn read_until(fd: BorrowedFd<'_>, is_end: impl Fn(usize, usize) -> bool) -> sys::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = file::read(fd, &mut buffer)?;
        bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
        if is_end(length, buffer.len()) {
            return String::from_utf8(bytes).map_err(|_| Errno::EILSEQ);
        }
        if bytes.len() > FILE_MAX {
            return Err(Errno::EFBIG);
        }
    }
}

/// Writes a control file in one write(2).
pub(super) fn write(dir: BorrowedFd<'_>, name: &CStr, text: &str) -> sys::Result<()> {
    let fd = open_file(dir, name, libc::O_WRONLY)?;
    file::write_once(fd.as_fd(), text.as_bytes())
}

/// Whether a control file says so in a line of its own.
pub(super) fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|candidate| candidate == line)
}

/// Names of the cgroups directly below.
pub(super) fn children(dir: BorrowedFd<'_>) -> sys::Result<Vec<CString>> {
    // A descriptor of its own: the offset of `dir` may be anywhere.
    let dir = open_below(dir, c".")?;
    let mut names = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let length = file::read_dir(dir.as_fd(), &mut buffer)?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        if rest.is_empty() {
            return Ok(names);
        }
        while let Some((entry, tail)) = split_entry(rest) {
            rest = tail;
            names.extend(child_name(entry));
        }
    }
}

/// Splits off the first linux_dirent64 (getdents(2)): inode 8, offset 8, length 2, type 1, name.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?);
    bytes.split_at_checked(usize::from(length).max(19))
}

fn child_name(entry: &[u8]) -> Option<CString> {
    let is_directory = entry.get(18) == Some(&libc::DT_DIR);
    let name = CStr::from_bytes_until_nul(entry.get(19..)?).ok()?;
    (is_directory && name != c"." && name != c"..").then(|| name.to_owned())
}
