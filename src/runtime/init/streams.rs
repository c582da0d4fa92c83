//! Standard streams as the program gets them: nothing of the host's to change, and the user's own
//! to open again.

use std::os::fd::{AsFd, BorrowedFd, RawFd};

use nix::errno::Errno;

use super::{In, Outcome};
use crate::protocol::Stage;
use crate::sys::file::{self, CURRENT, NO_MAGICLINKS, NO_SYMLINKS, Status, open_at};

/// For fchown(2): leave the group, which a terminal's file system chooses.
const SAME_GROUP: u32 = u32::MAX;

/// Looks after streams 0 to 2; a closed one stays closed. The root must be the container's.
pub(super) fn hand_over(uid: u32) -> Outcome {
    for number in 0..3 {
        let stream = file::standard_stream(number);
        match file::status(stream, c"") {
            Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno.into()),
            Ok(status) if is_null(&status) => replace_null(number).stage(Stage::NullDevice)?,
            // A terminal stays its user's, who goes on working in it.
            Ok(status) if status.file_type() == libc::S_IFCHR => {}
            Ok(status) if status.uid != uid => give(stream, uid).stage(Stage::Owner)?,
            Ok(_) => {}
        }
    }
    Ok(())
}

fn is_null(status: &Status) -> bool {
    status.file_type() == libc::S_IFCHR && status.rdev == libc::makedev(1, 3)
}

/// The host's null device would be root's inside: fchmod(2) on it closes it for the whole host.
/// The container's takes its place, once it is proved to be one (CVE-2026-88265).
fn replace_null(number: RawFd) -> Result<(), Errno> {
    let resolve = NO_SYMLINKS | NO_MAGICLINKS;
    let path = c"/dev/null";
    // Opening what is no null device may block or have effects: look first.
    let found = open_at(CURRENT, path, libc::O_PATH, 0, resolve)?;
    if !is_null(&file::status(found.as_fd(), c"")?) {
        return Err(Errno::ENODEV);
    }
    let null = open_at(CURRENT, path, libc::O_RDWR, 0, resolve)?;
    if !is_null(&file::status(null.as_fd(), c"")?) {
        return Err(Errno::ENODEV);
    }
    file::replace_stream(null.as_fd(), number)
}

/// Images whose logs are links to /dev/stdout open a pipe of root's as another user.
fn give(stream: BorrowedFd<'_>, uid: u32) -> Result<(), Errno> {
    match file::change_owner(stream, c"", uid, SAME_GROUP) {
        // Not ours to give away; as without it, the stream itself can be used.
        Err(Errno::EINVAL | Errno::EPERM | Errno::EROFS) => Ok(()),
        other => other,
    }
}
