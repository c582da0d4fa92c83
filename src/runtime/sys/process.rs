//! Attributes of the calling process, and its end. Every function here is async-signal-safe.

use std::ffi::CStr;
use std::ptr;

use nix::errno::Errno;

use super::{Result, check};

/// `struct sched_attr` of sched_setattr(2), first version (48 bytes).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SchedAttr {
    /// Its own size.
    pub size: u32,
    /// `SCHED_*`
    pub policy: u32,
    /// `SCHED_FLAG_*`
    pub flags: u64,
    /// For the non-real-time policies.
    pub nice: i32,
    /// For the real-time policies.
    pub priority: u32,
    /// Nanoseconds.
    pub runtime: u64,
    /// Nanoseconds.
    pub deadline: u64,
    /// Nanoseconds.
    pub period: u64,
}

/// sched_setattr(2) of the calling thread.
///
/// # Errors
/// As sched_setattr(2).
pub fn set_scheduler(mut attr: SchedAttr) -> Result<()> {
    attr.size = size_of::<SchedAttr>() as u32;
    // SAFETY: attr is a sched_attr that states its size.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) }).map(drop)
}

/// ioprio_set(2) of the calling thread.
///
/// # Errors
/// As ioprio_set(2).
pub fn set_io_priority(priority: u16) -> Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_long = 1;
    // SAFETY: no pointers.
    check(unsafe {
        libc::syscall(
            libc::SYS_ioprio_set,
            IOPRIO_WHO_PROCESS,
            0,
            libc::c_long::from(priority),
        )
    })
    .map(drop)
}

/// sched_setaffinity(2) of the calling thread; 64 CPUs a word, lowest first.
///
/// # Errors
/// `EINVAL` when none of the CPUs may be used.
pub fn set_affinity(mask: &[u64]) -> Result<()> {
    // SAFETY: the mask is readable for its length.
    check(unsafe {
        libc::syscall(
            libc::SYS_sched_setaffinity,
            0,
            size_of_val(mask),
            mask.as_ptr(),
        )
    })
    .map(drop)
}

/// prlimit(2) of the calling process.
///
/// # Errors
/// `EPERM` for raising a hard limit without CAP_SYS_RESOURCE.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = libc::rlimit64 {
        rlim_cur: soft,
        rlim_max: hard,
    };
    let none = ptr::null_mut::<libc::rlimit64>();
    // SAFETY: limit outlives the call; a null pointer asks for no old value.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, none) })
        .map(drop)
}

/// umask(2): the mask that was in force.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: no pointers; cannot fail.
    unsafe { libc::umask(mask) }
}

/// personality(2).
///
/// # Errors
/// As personality(2).
pub fn set_personality(domain: u64) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::syscall(libc::SYS_personality, domain) }).map(drop)
}

/// set_mempolicy(2); 64 nodes a word, lowest first.
///
/// # Errors
/// As set_mempolicy(2).
pub fn set_memory_policy(mode: u32, nodes: &[u64]) -> Result<()> {
    // The kernel takes one bit less than it is told (get_nodes in mm/mempolicy.c).
    let bits = if nodes.is_empty() {
        0
    } else {
        nodes.len() * 64 + 1
    };
    let mask = if nodes.is_empty() {
        ptr::null()
    } else {
        nodes.as_ptr()
    };
    // SAFETY: the mask is readable for its length.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) }).map(drop)
}

/// setsid(2). A session leader already is no failure.
///
/// # Errors
/// As setsid(2).
pub fn new_session() -> Result<()> {
    // SAFETY: no pointers.
    match check(unsafe { libc::c_long::from(libc::setsid()) }) {
        Ok(_) | Err(Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// prctl(2) `PR_SET_PDEATHSIG`: the signal that the parent's death sends; 0 for none.
///
/// # Errors
/// As prctl(2).
pub fn set_parent_death_signal(signal: libc::c_int) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0)) })
        .map(drop)
}

/// prctl(2) `PR_SET_DUMPABLE` 0: nobody in the container may trace us or open our /proc files.
///
/// # Errors
/// As prctl(2).
pub fn set_undumpable() -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::c_long::from(libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0)) }).map(drop)
}

/// Overwrites the environment that this process was started with: what /proc/PID/environ shows.
/// Only in a child, on its copy of the memory: nothing may read the environment after it.
pub fn wipe_environment() {
    unsafe extern "C" {
        static environ: *mut *mut libc::c_char;
    }
    // SAFETY: environ points to a NULL-terminated array of NUL-terminated, writable strings, and
    // the child has one thread.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            ptr::write_bytes(*entry, 0, libc::strlen(*entry));
            entry = entry.add(1);
        }
    }
}

/// keyctl(2) `KEYCTL_JOIN_SESSION_KEYRING`: a new session keyring.
///
/// # Errors
/// `EDQUOT` when the user has too many keys, `ENOSYS` where the kernel has none.
pub fn join_session_keyring(name: &CStr) -> Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: name is NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) })
        .map(drop)
}

/// Sets the disposition of every signal in `mask` (bit n−1 for signal n) to the default
/// (rt_sigaction(2)); the kernel does so itself for handlers, but not for ignored signals.
pub fn default_signals(mask: u64) {
    for signal in 1..=64 {
        if mask & (1 << (signal - 1)) != 0 {
            // SAFETY: SIG_DFL installs no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

/// rt_sigprocmask(2): blocks no signal any more.
pub fn unblock_signals() {
    let none: u64 = 0;
    // SAFETY: the kernel's signal set is 8 bytes; none outlives the call.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null_mut::<u64>(),
            size_of::<u64>(),
        )
    };
}

/// _exit(2): no handlers, no buffers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(code) }
}
