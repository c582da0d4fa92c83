//! What cgroups need of the kernel beyond plain files: events on several descriptors, and removal.

use std::os::fd::{AsRawFd, BorrowedFd};
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
}

/// poll(2) on several descriptors, at most `timeout`: whether any has had the event. A signal
/// ends the wait early, which counts as no event.
///
/// # Errors
/// As poll(2).
pub fn wait_any(fds: &[BorrowedFd<'_>], event: Event, timeout: Duration) -> Result<bool> {
    let events = match event {
        Event::Changed => libc::POLLPRI,
        Event::Ended => libc::POLLIN,
    };
    let mut entries: Vec<libc::pollfd> = fds
        .iter()
        .map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events,
            revents: 0,
        })
        .collect();
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
        Err(nix::errno::Errno::EINTR) => Ok(false),
        other => other.map(|count| count > 0),
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
