//! Attributes of the process itself.

use std::ffi::CString;

use crate::config::process::Scheduler;

/// One attribute of the calling process.
#[derive(Debug)]
pub enum Attribute {
    /// umask(2)
    Umask(u32),
    /// prlimit(2): resource, soft, hard.
    Rlimit(u32, u64, u64),
    /// sched_setattr(2)
    Scheduler(Scheduler),
    /// ioprio_set(2)
    IoPriority(u16),
    /// personality(2)
    Personality(u64),
    /// set_mempolicy(2): mode with flags, node mask.
    MemoryPolicy(u32, Vec<u64>),
    /// sched_setaffinity(2)
    Affinity(Vec<u64>),
    /// setsid(2) and, with a terminal, TIOCSCTTY.
    Session,
    /// A name, for `ps`, while the start is under way (PR_SET_NAME).
    Name(CString),
}
