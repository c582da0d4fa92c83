//! Faults at chosen system calls: the runtime under strace(1), which kills it
//! there or makes the call fail.
//!
//! strace counts each call by its name and process, so a call is described by
//! its name and its number among those of that name.

use crate::isolation::STATE_ROOT;
use crate::{Driver, Runner, Test};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

const STRACE: &str = "/usr/bin/strace";

/// Calls that cannot fail sensibly: memory and signals, where any program can
/// only abort, and those which do not return.
const WITHOUT_ERROR: [&str; 23] = [
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "poll",
    "futex",
    "gettid",
    "arch_prctl",
    "umask",
    // Unlocking never fails, and strace cannot tell it from locking.
    "flock",
    "getpid",
    "getppid",
    "geteuid",
    "set_tid_address",
    "execve",
    "exit",
    "exit_group",
];

/// Which processes the fault happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The command itself.
    Command,
    /// The command and everything it starts, each at its own call.
    All,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL before the call.
    Kill,
    /// The call is not made and gives this errno.
    Errno(&'static str),
}

/// One system call of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its number among the calls of this name, from 1.
    pub number: usize,
}

impl Call {
    /// True where an error makes sense.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        !WITHOUT_ERROR.contains(&self.name.as_str())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}", self.name, self.number)
    }
}

/// The runtime under strace.
pub struct Strace<'t> {
    test: &'t Test,
    whom: Whom,
}

impl<'t> Strace<'t> {
    /// Skips the test where strace is not installed.
    #[must_use]
    pub fn new(test: &'t Test, whom: Whom) -> Self {
        if !Path::new(STRACE).exists() {
            test.skip("strace is not installed");
        }
        Self { test, whom }
    }

    fn command(&self, options: &[&str], words: &[&str]) -> Runner {
        let follow = (self.whom == Whom::All).then_some("-f");
        Runner::new(Path::new(STRACE))
            .args(follow)
            .args(options)
            .args([&self.test.runtime.path])
            .args(["--root", STATE_ROOT])
            .args(Driver::current().flags(words.first().copied()))
            .args(words)
    }

    /// Runs `words` without a fault; the calls of each process until it
    /// executed another program, in the order of the processes.
    ///
    /// # Panics
    /// When the command fails.
    #[must_use]
    #[track_caller]
    pub fn calls(&self, words: &[&str]) -> Vec<Vec<Call>> {
        let trace = self.test.dir().join("trace");
        let file = trace.to_str().expect("the path is UTF-8");
        let _ = self.command(&["-o", file], words).run().expect_success();
        let text = fs::read_to_string(&trace).expect("read the trace");
        fs::remove_file(&trace).expect("remove the trace");
        calls_per_process(&text, self.whom)
    }

    /// `words` with the fault at `call`, not started yet.
    #[must_use]
    pub fn with(&self, fault: Fault, call: &Call, words: &[&str]) -> Runner {
        let what = match fault {
            Fault::Kill => "signal=KILL".to_owned(),
            Fault::Errno(errno) => format!("error={errno}"),
        };
        let inject = format!("inject={}:{what}:when={}", call.name, call.number);
        self.command(&["-e", &inject, "-o", "/dev/null"], words)
    }
}

fn calls_per_process(trace: &str, whom: Whom) -> Vec<Vec<Call>> {
    let mut order: Vec<&str> = Vec::new();
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in trace.lines() {
        let (pid, call) = match whom {
            Whom::Command => ("", line),
            Whom::All => line.split_once(' ').unwrap_or(("", line)),
        };
        // Lines without a name tell of ends, signals and resumed calls.
        let name = call.trim_start().split('(').next().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let calls = names.entry(pid).or_insert_with(|| {
            order.push(pid);
            Vec::new()
        });
        calls.push(name);
    }
    order
        .iter()
        .map(|pid| numbered(names.get(pid).map_or(&[], Vec::as_slice)))
        .collect()
}

/// Numbers the calls of a process up to its second execve.
fn numbered(names: &[&str]) -> Vec<Call> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for &name in names {
        if name == "execve" && !calls.is_empty() {
            break;
        }
        let number = seen.entry(name).or_default();
        *number += 1;
        calls.push(Call {
            name: name.to_owned(),
            number: *number,
        });
    }
    calls
}
