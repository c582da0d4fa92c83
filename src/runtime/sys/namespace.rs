//! Namespaces: enter, leave, name. Every function here is async-signal-safe.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Result, check};

/// setns(2) into the namespace of a /proc/PID/ns descriptor (`kind` its `CLONE_NEW*` bit), or,
/// since Linux 5.8, into several of the process of a pidfd.
///
/// # Errors
/// As setns(2).
pub fn enter(fd: BorrowedFd<'_>, kinds: u64) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::setns(fd.as_raw_fd(), kinds as libc::c_int)) })
        .map(drop)
}

/// unshare(2).
///
/// # Errors
/// As unshare(2).
pub fn unshare(kinds: u64) -> Result<()> {
    // SAFETY: no pointers; the flags used never unshare the address space.
    check(unsafe { libc::c_long::from(libc::unshare(kinds as libc::c_int)) }).map(drop)
}

/// The namespace of a kind that holds for children only (pid, time) which the calling thread has
/// now. The thread may choose another for its next child; dropping this takes it back, so that
/// later children are not born there too.
#[derive(Debug)]
pub struct Birthplace {
    own: OwnedFd,
    kind: u64,
}

impl Birthplace {
    /// Remembers the namespace of `kind`, `CLONE_NEWPID` or `CLONE_NEWTIME`.
    ///
    /// # Errors
    /// As open(2), where /proc is missing.
    pub fn remember(kind: u64) -> Result<Self> {
        let path = if kind == libc::CLONE_NEWPID as u64 {
            c"/proc/thread-self/ns/pid"
        } else {
            c"/proc/thread-self/ns/time"
        };
        let own = super::file::open(path, libc::O_RDONLY)?;
        Ok(Self { own, kind })
    }
}

impl Drop for Birthplace {
    fn drop(&mut self) {
        // Its own namespace cannot refuse the thread.
        let _ = enter(self.own.as_fd(), self.kind);
    }
}

/// ioctl_ns(2), `NS_GET_NSTYPE`: the `CLONE_NEW*` bit of a namespace descriptor.
///
/// # Errors
/// `ENOTTY` when it is no namespace.
pub fn kind_of(fd: BorrowedFd<'_>) -> Result<u64> {
    const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
    // SAFETY: the request takes no argument.
    check(unsafe { libc::c_long::from(libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE as _)) })
        .map(|kind| kind as u64)
}

/// sethostname(2).
///
/// # Errors
/// As sethostname(2).
pub fn set_host_name(name: &CStr) -> Result<()> {
    // SAFETY: the pointer is readable for the length.
    check(unsafe { libc::c_long::from(libc::sethostname(name.as_ptr(), name.to_bytes().len())) })
        .map(drop)
}

/// setdomainname(2).
///
/// # Errors
/// As setdomainname(2).
pub fn set_domain_name(name: &CStr) -> Result<()> {
    // SAFETY: the pointer is readable for the length.
    check(unsafe { libc::c_long::from(libc::setdomainname(name.as_ptr(), name.to_bytes().len())) })
        .map(drop)
}

/// Sets `IFF_UP` of the interface `lo` of the current network namespace (netdevice(7)).
///
/// # Errors
/// As ioctl(2).
pub fn loopback_up() -> Result<()> {
    // SAFETY: no pointers.
    let socket = check(unsafe {
        libc::c_long::from(libc::socket(
            libc::AF_INET,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            0,
        ))
    })
    .map(super::file::owned)?;
    // SAFETY: all-zero is a valid value of the plain struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = (*byte).cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: request is an ifreq that outlives the call.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        ))
    })
    .map(drop)
}
