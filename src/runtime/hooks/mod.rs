//! Hooks: programs of the engine's that run at fixed moments of a container's life.
//!
//! Runtime-spec, config.md#posix-platform-hooks. A hook gets the container's state on its
//! standard input, descriptors 0–2 and nothing else, a session of its own, and the environment
//! that [`Entry`] tells. Its output is kept (the last 64 KiB of each stream) to explain a failure.
//! A time limit kills its whole process group; so does a failure. What a *successful* hook leaves
//! running stays: that is how networking daemons are started.
//!
//! Deliberately absent: `startContainer` hooks, which init executes itself inside the container.
//! [`supervise()`] and [`verdict`] serve them too.

mod spawn;
mod supervise;
mod tail;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::Path;

use serde::Serialize;

use crate::config::{Hook, HookKind};
use crate::error::{Error, Kind, Result, errno_in_words};
use crate::sys::pidfd;

pub use supervise::{End, Outcome, Streams, supervise};
pub use tail::Tail;

/// In which namespaces a hook runs.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// In the runtime's: prestart, createRuntime, poststart, poststop. Without `env` the hook
    /// inherits the caller's environment, as with runc and crun.
    Runtime {
        /// Working directory; `/` where it is gone.
        bundle: &'a Path,
    },
    /// In the container's, before it pivots, so that paths are still the host's:
    /// createContainer. Without `env` the environment is empty (CVE-2025-23266).
    Container {
        /// Pidfd of the container's init.
        init: BorrowedFd<'a>,
        /// `CLONE_NEW*` bits of the namespaces to enter.
        namespaces: u64,
        /// Working directory: the root file system's path on the host; `/` where it is none.
        root: &'a Path,
    },
}

/// The state that a hook reads from its standard input (runtime-spec, runtime.md#state).
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State<'a> {
    /// `ociVersion` of the configuration.
    pub oci_version: &'a str,
    /// Container id.
    pub id: &'a str,
    /// `creating`, `created`, `running` or `stopped`.
    pub status: &'a str,
    /// Init's process id in the runtime's pid namespace; left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Absolute path of the bundle.
    pub bundle: &'a str,
    /// Annotations; left out when there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: &'a BTreeMap<String, String>,
}

impl State<'_> {
    /// One line of JSON.
    ///
    /// # Errors
    /// None in practice: every field is a string or a number.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::new(Kind::Hook, "write the state for hooks", error.to_string()))
    }
}

/// Runs the hooks of a kind in their order; the first failure ends it.
///
/// That is the spec's rule for every kind but poststop (runtime.md#lifecycle: "generate an error,
/// stop the container"). Older texts of the spec made a failed poststart hook a warning; now it is
/// an error, as it has always been with runc.
///
/// # Errors
/// The failed hook: kind, index, path, exit status or signal, the end of its output.
pub fn run(kind: HookKind, hooks: &[Hook], state: &[u8], entry: Entry<'_>) -> Result<()> {
    for (index, hook) in hooks.iter().enumerate() {
        run_one(kind, index, hook, state, entry)?;
    }
    Ok(())
}

/// Runs all hooks of a kind, also after failures, and returns the failures: the rule for poststop
/// hooks (runtime.md#lifecycle: "log a warning, but the remaining hooks and lifecycle continue").
#[must_use]
pub fn run_all(kind: HookKind, hooks: &[Hook], state: &[u8], entry: Entry<'_>) -> Vec<Error> {
    hooks
        .iter()
        .enumerate()
        .filter_map(|(index, hook)| run_one(kind, index, hook, state, entry).err())
        .collect()
}

fn run_one(
    kind: HookKind,
    index: usize,
    hook: &Hook,
    state: &[u8],
    entry: Entry<'_>,
) -> Result<()> {
    let failed = |why: String| failure(kind, index, hook, &why);
    let (child, streams, report) =
        spawn::spawn(hook, entry).map_err(|error| failed(error.to_string()))?;
    let outcome = supervise(&child, streams, state, hook.timeout)
        .map_err(|error| failed(error.to_string()))?;
    match spawn::read_report(report) {
        Some((stage, errno)) => Err(not_started(failed, hook, stage, errno)),
        None => verdict(kind, index, hook, &outcome),
    }
}

/// The error of a hook that could not be started.
fn not_started(
    failed: impl Fn(String) -> Error,
    hook: &Hook,
    stage: spawn::Stage,
    errno: nix::errno::Errno,
) -> Error {
    let error = failed(format!("{}: {}", stage.name(), errno_in_words(errno)));
    match spawn::advice(stage, errno, Path::new(&hook.path)) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

/// What the end of a hook means: only exit status 0 is success.
///
/// # Errors
/// See [`run`]; [`Kind::Timeout`] when the time limit ended it.
pub fn verdict(kind: HookKind, index: usize, hook: &Hook, outcome: &Outcome) -> Result<()> {
    let ending = match outcome.end {
        End::Ended(pidfd::End::Code(0)) => return Ok(()),
        End::Ended(pidfd::End::Code(code)) => format!("exit status {code}"),
        End::Ended(pidfd::End::Signal(signal)) => format!("killed by {}", signal_name(signal)),
        End::TimedOut(limit) => format!("killed after its timeout of {} s", limit.as_secs_f64()),
    };
    let why = match outcome.explanation() {
        Some((stream, text)) => format!("{ending}; {stream}: {text}"),
        None => ending,
    };
    let error = failure(kind, index, hook, &why);
    Err(match outcome.end {
        End::TimedOut(_) => error.of(Kind::Timeout),
        _ => error,
    })
}

/// Engines and suites look for `error running KIND hook #N:`, so it is one piece of text.
fn failure(kind: HookKind, index: usize, hook: &Hook, why: &str) -> Error {
    let why = format!(
        "error running {} hook #{index}: `{}`: {why}",
        kind.name(),
        hook.path
    );
    Error::new(Kind::Hook, "", why).at(&hook.at)
}

fn signal_name(signal: i32) -> String {
    // What a seccomp filter does; suites look for the words.
    if signal == libc::SIGSYS {
        return "SIGSYS: bad system call".to_owned();
    }
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |known| known.to_string())
}

#[cfg(test)]
mod tests;
