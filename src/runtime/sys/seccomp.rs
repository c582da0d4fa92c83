//! System call filters (seccomp(2)), and taking a descriptor from another process.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::file::owned;
use super::{Result, check};

const SET_MODE_FILTER: libc::c_int = 1;
const GET_ACTION_AVAIL: libc::c_int = 2;

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`, since Linux 5.0.
pub const NEW_LISTENER: u32 = 1 << 3;

/// One instruction of a filter (`struct sock_filter`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip if a comparison holds.
    pub if_true: u8,
    /// Instructions to skip if it does not.
    pub if_false: u8,
    /// Operand.
    pub operand: u32,
}

/// `struct sock_fprog`
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Loads a filter for the calling thread and all it will execute (`SECCOMP_SET_MODE_FILTER`,
/// `SECCOMP_FILTER_FLAG_*`). With `NEW_LISTENER` there is a descriptor for its notifications,
/// close-on-exec. Async-signal-safe.
///
/// # Errors
/// `EACCES` without CAP_SYS_ADMIN or no_new_privs; `EINVAL` for a wrong program or an unknown
/// flag; `ENOMEM` where all filters of the thread are too long together; `EBUSY` for a second
/// listener.
pub fn load(program: &[Instruction], flags: u32) -> Result<Option<OwnedFd>> {
    let program = Program {
        length: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        instructions: program.as_ptr(),
    };
    // SAFETY: program points to so many instructions.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    let returned = check(returned)?;
    Ok((flags & NEW_LISTENER != 0).then(|| owned(returned)))
}

/// Whether the kernel takes these `SECCOMP_FILTER_FLAG_*`.
#[must_use]
pub fn knows_flags(flags: u32) -> bool {
    // SAFETY: the kernel looks at the flags first and refuses the null pointer with EFAULT.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            flags,
            std::ptr::null::<Program>(),
        )
    };
    check(returned) == Err(Errno::EFAULT)
}

/// Whether the kernel knows an action (`SECCOMP_GET_ACTION_AVAIL`, since Linux 4.14).
#[must_use]
pub fn knows_action(action: u32) -> bool {
    // SAFETY: action is readable.
    let returned =
        unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0, &raw const action) };
    check(returned).is_ok()
}

/// A copy of the descriptor `number` of another process (pidfd_getfd(2), since Linux 5.6),
/// close-on-exec.
///
/// # Errors
/// `EPERM` where the caller may not trace the process; `EBADF` where it has no such descriptor.
pub fn take_descriptor(process: BorrowedFd<'_>, number: i32) -> Result<OwnedFd> {
    // SAFETY: three integers.
    check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
        .map(owned)
}
