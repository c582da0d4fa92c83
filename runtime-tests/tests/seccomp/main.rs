//! `linux.seccomp`: what a filter does to a process, when it is loaded, and who is asked.

mod actions;
mod agent;
mod architectures;
mod arguments;
mod loading;
mod profile;
mod refusals;

use runtime_tests::{Bundle, Exit, Test, Value, json};

/// An errno that none of the calls here has by itself.
pub(crate) const MARK: i64 = 77;

/// A bundle with these rules, all else allowed.
pub(crate) fn with_rules(t: &Test, rules: Value) -> Bundle {
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules});
    t.bundle().set("/linux/seccomp", profile)
}

/// A rule for one name that gives it [`MARK`].
pub(crate) fn mark(name: &str, args: Value) -> Value {
    json!({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": MARK, "args": args})
}

/// The errno of a system call in the bundle's container, null for success.
#[track_caller]
pub(crate) fn errno_of(t: &Test, bundle: &Bundle, number: i64, arguments: [u64; 3]) -> Value {
    let number = number.to_string();
    let [a, b, c] = arguments.map(|argument| argument.to_string());
    let words = ["/bin/probe", "syscall", &number, &a, &b, &c];
    let run = t.run(&bundle.clone().args(words)).expect_success();
    run.json()["errno"].clone()
}

/// How the runtime ends after SIGSYS in the container.
pub(crate) const BAD_SYSTEM_CALL: Exit = Exit::Code(128 + libc::SIGSYS);
