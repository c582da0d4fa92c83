//! The files of an entry as types: `state.json`, `anchor`, `exit.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cgroup::{self, Placement};
use crate::resctrl::Groups;
use crate::sys::known_process::KnownProcess;
use crate::sys::pidfd::End;

/// Version of the formats. A reader takes any version and ignores unknown fields.
pub const FORMAT: u32 = 1;

/// `state.json`: a container that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// `ociVersion` of the configuration.
    pub oci_version: String,
    /// Container id.
    pub id: String,
    /// Absolute path of the bundle.
    pub bundle: String,
    /// Absolute host path of the root file system.
    pub rootfs: String,
    /// The container's first process.
    pub init: KnownProcess,
    /// When it was created: RFC 3339 with nanoseconds, UTC.
    pub created: String,
    /// When its program was executed, if it was by `run`; `start` leaves another mark
    /// (see [`super::Entry::mark_started`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The user who created it.
    pub owner_uid: u32,
    /// `annotations` of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its cgroups.
    pub cgroup: Placement,
    /// Its groups below resctrl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resctrl: Option<Groups>,
    /// The namespaces that are not the runtime's own.
    pub namespaces: Vec<Namespace>,
    /// Whether the container was made with `--no-pivot`.
    #[serde(default)]
    pub no_pivot: bool,
    /// Whether the container was made with `--no-new-keyring`.
    #[serde(default)]
    pub no_new_keyring: bool,
}

/// What is needed to end a container whose files are damaged. Kept as the target of a symbolic
/// link, which exists whole or not at all and cannot be truncated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The container's first process.
    pub init: KnownProcess,
    /// Its cgroups.
    pub cgroup: Placement,
}

/// A namespace of the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// The spec's word: `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup`, `time`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it was joined from; a new one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Record {
    /// Whether the container made a pid namespace: its first process then takes all others
    /// with it when it ends.
    #[must_use]
    pub fn has_private_pids(&self) -> bool {
        self.namespaces
            .iter()
            .any(|namespace| namespace.kind == "pid" && namespace.path.is_none())
    }
}

/// The status of a container; derived from what is, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A runtime process is making it.
    Creating,
    /// It waits for `start`.
    Created,
    /// Its program runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its first process has ended, or was never made.
    Stopped,
}

impl Status {
    /// The spec's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// `exit.json`: how the container's first process ended, as far as anybody could know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// When its program was executed: RFC 3339, UTC. Absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When its end was seen: RFC 3339, UTC. Absent if nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Whether the OOM killer struck. Absent where nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_killed: Option<bool>,
    /// Most bytes of memory that the container ever had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak: Option<u64>,
}

impl Exit {
    /// An end, before anything is known of its memory.
    #[must_use]
    pub fn new(outcome: Outcome, started: Option<String>, finished: Option<String>) -> Self {
        Self {
            outcome,
            started,
            finished,
            oom_killed: None,
            memory_peak: None,
        }
    }

    /// Adds what the container's cgroup still says; nothing where there is no memory controller.
    #[must_use]
    pub fn with_memory(mut self, cgroup: &Placement) -> Self {
        if let Some(memory) = cgroup::memory_use(cgroup) {
            self.oom_killed = Some(memory.oom_killed);
            self.memory_peak = memory.peak;
        }
        self
    }
}

/// How a process ended: `"code": 3`, `"signal": 9` or `"unknown": "why"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Its exit code.
    Code(u8),
    /// The signal that killed it.
    Signal(i32),
    /// Nobody can know any more, for this reason.
    Unknown(String),
}

impl From<End> for Outcome {
    fn from(end: End) -> Self {
        match end {
            End::Code(code) => Self::Code(code),
            End::Signal(signal) => Self::Signal(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_have_one_word_each() {
        let exit = |outcome| Exit::new(outcome, None, Some("2026-01-01T00:00:00Z".into()));
        for (outcome, text) in [
            (Outcome::Code(3), r#"{"code":3,"#),
            (Outcome::Signal(9), r#"{"signal":9,"#),
            (Outcome::Unknown("x".into()), r#"{"unknown":"x","#),
        ] {
            let written = serde_json::to_string(&exit(outcome)).unwrap();
            assert_eq!(
                written,
                format!(r#"{text}"finished":"2026-01-01T00:00:00Z"}}"#)
            );
            let read: Exit = serde_json::from_str(&written).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }
}
