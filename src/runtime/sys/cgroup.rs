//! What cgroups need of the kernel beyond plain files: events on several descriptors, counters, and
//! removal.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::{Result, check};

/// statfs(2) magic of a cgroup v1 hierarchy; libc's own constant differs in type by target.
pub const V1_MAGIC: i64 = 0x0027_e0eb;
/// statfs(2) magic of the cgroup v2 hierarchy.
pub const V2_MAGIC: i64 = 0x6367_7270;

/// What poll(2) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `POLLPRI`: a control file such as `cgroup.events` has changed since it was read.
    Changed,
    /// `POLLIN`: the process of a pidfd has ended.
    Ended,
    /// `POLLIN`: a [`counter`] is no longer 0.
    Counted,
}

/// poll(2) on several descriptors, at most `timeout`: whether any has had the event. A signal
/// ends the wait early, which counts as no event.
///
/// # Errors
/// As poll(2).
pub fn wait_any(fds: &[BorrowedFd<'_>], event: Event, timeout: Duration) -> Result<bool> {
    let waits: Vec<_> = fds.iter().map(|fd| (*fd, event)).collect();
    let happened = wait_each(&waits, timeout)?;
    Ok(happened.contains(&true))
}

/// As [`wait_any`], for an event of its own on each descriptor: which of them have had it.
///
/// # Errors
/// As poll(2).
pub fn wait_each(fds: &[(BorrowedFd<'_>, Event)], timeout: Duration) -> Result<Vec<bool>> {
    let entry = |(fd, event): &(BorrowedFd<'_>, Event)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: match event {
            Event::Changed => libc::POLLPRI,
            Event::Ended | Event::Counted => libc::POLLIN,
        },
        revents: 0,
    };
    let mut entries: Vec<libc::pollfd> = fds.iter().map(entry).collect();
    // Rounded up, so that the last fraction of a millisecond is not spent spinning.
    let milliseconds = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    // SAFETY: entries is valid for its length.
    let returned = unsafe {
        libc::poll(
            entries.as_mut_ptr(),
            entries.len() as libc::nfds_t,
            milliseconds,
        )
    };
    match check(returned.into()) {
        Err(nix::errno::Errno::EINTR) => Ok(vec![false; fds.len()]),
        other => other.map(|_| entries.iter().map(|entry| entry.revents != 0).collect()),
    }
}

/// eventfd(2), close-on-exec and non-blocking: a number to which the kernel adds.
///
/// # Errors
/// As eventfd(2).
pub fn counter() -> Result<OwnedFd> {
    // SAFETY: integers only.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }.into())?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Takes what a [`counter`] holds, which is 0 then.
///
/// # Errors
/// As read(2).
pub fn take_count(counter: BorrowedFd<'_>) -> Result<u64> {
    let mut bytes = [0; 8];
    match super::file::read(counter, &mut bytes) {
        Err(nix::errno::Errno::EAGAIN) => Ok(0),
        other => other.map(|_| u64::from_ne_bytes(bytes)),
    }
}

/// rmdir(2) of one name in a directory.
///
/// # Errors
/// `EBUSY` for a cgroup with processes or children; else as rmdir(2).
pub fn remove_dir(dir: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<()> {
    // SAFETY: name is NUL-terminated.
    check(unsafe {
        libc::c_long::from(libc::unlinkat(
            dir.as_raw_fd(),
            name.as_ptr(),
            libc::AT_REMOVEDIR,
        ))
    })
    .map(drop)
}
