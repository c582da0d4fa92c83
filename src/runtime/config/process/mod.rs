//! `process`: of config.json, and the process.json of `exec --process`.

mod affinity;
mod arguments;
mod capabilities;
mod rlimits;
mod scheduling;
mod user;

use serde_json::Value;

use super::reader::{Cursor, Findings};
use crate::config::{Fault, Field};
use crate::error::Pointer;

pub use affinity::ExecAffinity;
pub use capabilities::{Capabilities, capability_name};
pub use rlimits::Rlimit;
pub use scheduling::Scheduler;
pub use user::User;

pub(super) use user::id;

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
    /// `consoleSize`: height, width in characters. Only with a terminal.
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
    /// Empty in a [`crate::config::Config`], which holds them with its own.
    pub warnings: Vec<String>,
}

impl Process {
    /// Reads the process.json of `exec --process`; pointers are relative to that document.
    ///
    /// # Errors
    /// All faults of the document.
    pub fn from_document(document: &Value) -> Result<Self, Vec<Fault>> {
        let findings = Findings::default();
        let cursor = Cursor::new(document, &findings);
        let process = cursor.is_object().then(|| read(&cursor)).flatten();
        let (faults, warnings) = findings.into_parts();
        match process {
            Some(process) if faults.is_empty() => Ok(Self {
                warnings,
                ..process
            }),
            _ => Err(faults),
        }
    }
}

/// The names of all capabilities that this version knows, in the kernel's order (features.md,
/// `linux.capabilities`).
#[must_use]
pub fn capability_names() -> Vec<String> {
    capabilities::names()
}

/// Reads the process object under the cursor. `None` only after a report.
pub(super) fn read(cursor: &Cursor) -> Option<Process> {
    refuse_labels(cursor);
    let args = arguments::args(cursor);
    let cwd = arguments::cwd(cursor);
    let terminal = cursor.flag_at("terminal");
    let console_size = console_size(cursor).filter(|_| terminal);
    let process = Process {
        env: arguments::env(cursor),
        terminal,
        console_size,
        user: user::read(cursor),
        capabilities: capabilities::read(cursor),
        capabilities_at: cursor.at().key("capabilities"),
        no_new_privileges: cursor.flag_at("noNewPrivileges"),
        rlimits: rlimits::read(cursor),
        oom_score_adj: oom_score_adj(cursor),
        scheduler: scheduling::scheduler(cursor),
        io_priority: scheduling::io_priority(cursor),
        exec_affinity: affinity::read(cursor),
        at: cursor.at(),
        warnings: Vec::new(),
        args: args?,
        cwd: cwd?,
    };
    Some(process)
}

/// Labels of security modules: never ignored, because a container would run unconfined.
fn refuse_labels(cursor: &Cursor) {
    for (key, what) in [
        ("apparmorProfile", "AppArmor profiles are"),
        ("selinuxLabel", "SELinux labels are"),
    ] {
        if cursor.text_at(key).is_some()
            && let Some(label) = cursor.member(key)
        {
            label.unsupported(what);
        }
    }
}

/// Read and checked even where no terminal uses it.
fn console_size(cursor: &Cursor) -> Option<(u16, u16)> {
    let size = cursor.object("consoleSize")?;
    let characters = 0..=i128::from(u16::MAX);
    let height = size.required("height")?.integer(characters.clone());
    let width = size.required("width")?.integer(characters);
    height.zip(width)
}

fn oom_score_adj(cursor: &Cursor) -> Option<Field<i32>> {
    let member = cursor.member("oomScoreAdj")?;
    // proc_pid_oom_score_adj(5): OOM_SCORE_ADJ_MIN to OOM_SCORE_ADJ_MAX.
    let score = member.integer(-1000..=1000)?;
    Some(member.field(score))
}
