//! Users, groups, capabilities. Every function here is async-signal-safe and acts on the calling
//! thread alone: libc's wrappers would signal all threads, so these are the raw calls.

use super::{Result, check};

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// setgroups(2): replaces the supplementary groups.
///
/// # Errors
/// `EPERM` without CAP_SETGID or where the user namespace denies it.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: the pointer is readable for the number of entries.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

/// setresgid(2): all three ids.
///
/// # Errors
/// As setresgid(2).
pub fn set_gid(gid: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }).map(drop)
}

/// setresuid(2): all three ids.
///
/// # Errors
/// As setresuid(2).
pub fn set_uid(uid: u32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }).map(drop)
}

/// prctl(2) `PR_SET_KEEPCAPS`: keep the permitted set over the change to a non-root user.
///
/// # Errors
/// As prctl(2).
pub fn keep_capabilities(keep: bool) -> Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, u64::from(keep), 0)
}

/// prctl(2) `PR_CAPBSET_DROP`.
///
/// # Errors
/// `EINVAL` when the kernel does not know the capability, `EPERM` without CAP_SETPCAP.
pub fn drop_from_bounding(capability: u32) -> Result<()> {
    prctl(libc::PR_CAPBSET_DROP, u64::from(capability), 0)
}

/// The three sets that capset(2) changes, as masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// Effective.
    pub effective: u64,
    /// Permitted.
    pub permitted: u64,
    /// Inheritable.
    pub inheritable: u64,
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// capset(2) of the calling thread.
///
/// # Errors
/// `EPERM` for a capability that is not permitted.
pub fn set_capabilities(sets: Sets) -> Result<()> {
    let header = Header {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let half = |shift: u32| Data {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 means two data structs.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) }).map(drop)
}

/// prctl(2) `PR_CAP_AMBIENT_RAISE`.
///
/// # Errors
/// `EPERM` when it is not both permitted and inheritable.
pub fn raise_ambient(capability: u32) -> Result<()> {
    const RAISE: u64 = libc::PR_CAP_AMBIENT_RAISE as u64;
    prctl(libc::PR_CAP_AMBIENT, RAISE, u64::from(capability))
}

/// prctl(2) `PR_CAP_AMBIENT_CLEAR_ALL`.
///
/// # Errors
/// As prctl(2).
pub fn clear_ambient() -> Result<()> {
    prctl(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL as u64,
        0,
    )
}

/// prctl(2) `PR_SET_NO_NEW_PRIVS`.
///
/// # Errors
/// As prctl(2).
pub fn set_no_new_privileges() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0)
}

fn prctl(option: libc::c_int, first: u64, second: u64) -> Result<()> {
    // SAFETY: the options used here take integers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, option, first, second, 0, 0) }).map(drop)
}
