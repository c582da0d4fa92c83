//! `tmpcopyup`: fills a detached tmpfs from the directory it will cover. By descriptor, through
//! no link, with a bound on the depth.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::sys::file::{self, BENEATH, NO_SYMLINKS, NO_XDEV, open_at};

/// Deepest directory that is copied; each level takes a few KiB of the stack.
const MAX_DEPTH: u32 = 128;
const PERMISSIONS: u32 = 0o7777;
/// Offset of the name in `struct linux_dirent64` (getdents(2)); its length stands at 16.
const NAME_OFFSET: usize = 19;
const RECLEN_OFFSET: usize = 16;

/// Copies what is in `from` (an O_PATH directory) into the directory `to`.
pub(super) fn copy_dir(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
    copy_level(from, to, 0)
}

fn copy_level(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: u32) -> Result<(), Errno> {
    if depth == MAX_DEPTH {
        return Err(Errno::ELOOP);
    }
    let dir = open_at(from, c".", libc::O_RDONLY | libc::O_DIRECTORY, 0, BENEATH)?;
    let mut buffer = [0; 4096];
    loop {
        let length = file::read_dir(dir.as_fd(), &mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let mut entries = buffer.get(..length).unwrap_or_default();
        while let Some((name, rest)) = next_entry(entries) {
            entries = rest;
            if name != c"." && name != c".." {
                copy_entry(dir.as_fd(), to, name, depth)?;
            }
        }
    }
}

/// The name of the first entry of a getdents(2) buffer, and the entries after it.
fn next_entry(entries: &[u8]) -> Option<(&CStr, &[u8])> {
    let length = entries.get(RECLEN_OFFSET..RECLEN_OFFSET + 2)?;
    let length = usize::from(u16::from_ne_bytes([*length.first()?, *length.get(1)?]));
    let name = CStr::from_bytes_until_nul(entries.get(NAME_OFFSET..length)?).ok()?;
    Some((name, entries.get(length..)?))
}

fn copy_entry(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    depth: u32,
) -> Result<(), Errno> {
    let status = file::status(from, name)?;
    let permissions = status.mode & PERMISSIONS;
    match status.file_type() {
        libc::S_IFDIR => {
            file::make_dir(to, name, permissions | 0o700)?;
            let source = open_inside(from, name, libc::O_PATH | libc::O_DIRECTORY)?;
            let target = open_inside(to, name, libc::O_RDONLY | libc::O_DIRECTORY)?;
            copy_level(source.as_fd(), target.as_fd(), depth + 1)?;
            file::change_owner(to, name, status.uid, status.gid)?;
            file::change_mode(target.as_fd(), permissions)
        }
        libc::S_IFREG => copy_file(from, to, name, &status),
        libc::S_IFLNK => {
            let mut buffer = [0; 4096];
            let length = file::read_link(from, name, &mut buffer)?.len();
            *buffer.get_mut(length).ok_or(Errno::ENAMETOOLONG)? = 0;
            let target = CStr::from_bytes_until_nul(&buffer).map_err(|_| Errno::EINVAL)?;
            file::make_symlink(target, to, name)?;
            file::change_owner(to, name, status.uid, status.gid)
        }
        // Nodes and FIFOs as they are; a socket is of no use without its listener.
        libc::S_IFSOCK => Ok(()),
        _ => {
            file::make_node(to, name, status.mode, status.rdev)?;
            file::change_owner(to, name, status.uid, status.gid)
        }
    }
}

fn copy_file(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    status: &file::Status,
) -> Result<(), Errno> {
    // O_NONBLOCK: should the file have become a FIFO meanwhile, nobody waits.
    let source = open_inside(from, name, libc::O_RDONLY | libc::O_NONBLOCK)?;
    if file::status(source.as_fd(), c"")?.file_type() != libc::S_IFREG {
        return Err(Errno::ESTALE);
    }
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
    let target = open_at(to, name, flags, 0o600, BENEATH | NO_SYMLINKS)?;
    while file::send_file(target.as_fd(), source.as_fd(), 1 << 20)? > 0 {}
    file::change_owner(target.as_fd(), c"", status.uid, status.gid)?;
    file::change_mode(target.as_fd(), status.mode & PERMISSIONS)
}

fn open_inside(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<OwnedFd, Errno> {
    open_at(dir, name, flags, 0, BENEATH | NO_SYMLINKS | NO_XDEV)
}
