//! `process`: of config.json, and the process.json of `exec --process`.

use crate::config::Field;
use crate::error::Pointer;

/// A program and everything it is given.
#[derive(Clone, Debug)]
pub struct Process {
    /// `args`; at least one entry.
    pub args: Field<Vec<String>>,
    /// `env`: entries without `=` are refused; later values win, no duplicates.
    pub env: Vec<String>,
    /// `cwd`: absolute.
    pub cwd: Field<String>,
    /// `terminal`
    pub terminal: bool,
    /// `consoleSize`: height, width in characters.
    pub console_size: Option<(u16, u16)>,
    /// `user`
    pub user: User,
    /// `capabilities`; absent means none at all.
    pub capabilities: Capabilities,
    /// Where `capabilities` stands, for warnings and errors.
    pub capabilities_at: Pointer,
    /// `noNewPrivileges`
    pub no_new_privileges: bool,
    /// `rlimits`: resource number, soft, hard.
    pub rlimits: Vec<Rlimit>,
    /// `oomScoreAdj`, −1000…1000.
    pub oom_score_adj: Option<Field<i32>>,
    /// `scheduler`
    pub scheduler: Option<Field<Scheduler>>,
    /// `ioPriority` as the value of ioprio_set(2).
    pub io_priority: Option<Field<u16>>,
    /// `execCPUAffinity`: only `exec` heeds it.
    pub exec_affinity: Option<ExecAffinity>,
    /// Where the process object stands (`/process`, or the root of process.json).
    pub at: Pointer,
    /// Things worth a warning, such as an unknown capability name (the spec: warn, do not fail).
    pub warnings: Vec<String>,
}

/// `process.user`.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// User id inside the container.
    pub uid: u32,
    /// Group id inside the container.
    pub gid: u32,
    /// Supplementary groups; exactly these are set, never the caller's.
    pub additional_gids: Vec<u32>,
    /// `umask`; absent leaves the caller's.
    pub umask: Option<u32>,
    /// Where it stands.
    pub at: Pointer,
}

/// The five capability sets (capabilities(7)) as bit masks, bit n for capability n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Limit for later execve.
    pub bounding: u64,
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept over execve of files with inheritable capabilities.
    pub inheritable: u64,
    /// Kept over execve of ordinary files.
    pub ambient: u64,
}

/// One entry of `rlimits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// The spec's name, such as `RLIMIT_NOFILE`.
    pub name: &'static str,
    /// The kernel's number of it.
    pub resource: u32,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
    /// Where it stands.
    pub at: Pointer,
}

/// `scheduler` in the fields of `struct sched_attr` (sched_setattr(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// `SCHED_*`
    pub policy: u32,
    /// `SCHED_FLAG_*`
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub runtime: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub deadline: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub period: u64,
}

/// `execCPUAffinity` as CPU masks, 64 CPUs a word, lowest first.
#[derive(Clone, Debug, Default)]
pub struct ExecAffinity {
    /// Before the process moves into the container's cgroup.
    pub initial: Option<Field<Vec<u64>>>,
    /// After it.
    pub last: Option<Field<Vec<u64>>>,
}
