//! The filter of system calls: what is loaded, and when.

use super::SeccompStep;
use super::step::{Op, Step};
use crate::config::linux::seccomp::{Action, Architecture, Seccomp};
use crate::config::{Config, Fault, Process};
use crate::seccomp::{LONGEST, NATIVE, compile, syscalls};
use crate::sys::seccomp::NEW_LISTENER;

/// When a filter is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// While init still may: without no_new_privs it takes CAP_SYS_ADMIN. All that init does
    /// afterwards, the filter must let it do.
    Privileged,
    /// While the parent, who speaks to the agent, is still there.
    Attended,
    /// As late as possible, so that only execve(2) comes after it.
    Last,
}

/// The step that loads the configuration's filter for a process, and its moment.
///
/// # Errors
/// A filter that the kernel would not take, or that cannot be compiled on this machine.
pub(super) fn step(config: &Config, process: &Process) -> Result<Option<(Moment, Step)>, Fault> {
    let Some(profile) = &config.seccomp else {
        return Ok(None);
    };
    let Some(native) = NATIVE else {
        let why = "seccomp is not supported on this architecture yet";
        return Err(Fault::unsupported(profile.at.clone(), why));
    };
    let filter = compile(profile, native);
    let length = filter.program.len();
    if length > LONGEST {
        let why =
            format!("the filter is {length} instructions long, the kernel takes {LONGEST} at most");
        let fault = Fault::invalid(profile.at.clone(), why);
        return Err(fault.hint("rules with conditions take most of them"));
    }
    let listener = profile.listener.is_some();
    let moment = match (process.no_new_privileges, listener) {
        (false, _) => Moment::Privileged,
        (true, true) => Moment::Attended,
        (true, false) => Moment::Last,
    };
    let new_listener = if listener { NEW_LISTENER } else { 0 };
    let step = SeccompStep {
        summary: summary(profile, &filter.architectures, length),
        program: filter.program,
        flags: profile.flags | new_listener,
    };
    let op = Op::Seccomp(Box::new(step));
    Ok(Some((moment, Step::new(op, profile.at.clone()))))
}

/// Names of system calls that nobody knows: left out, as in runc, because profiles are written for
/// kernels and machines of all kinds, but perhaps mistyped.
pub(super) fn warnings(profile: &Seccomp) -> Vec<String> {
    let mut warnings = Vec::new();
    for rule in &profile.rules {
        for (number, name) in rule.names.iter().enumerate() {
            if !syscalls::is_known(name) {
                let at = rule.at.key("names").index(number);
                let name = name.escape_debug();
                warnings.push(format!("{at}: unknown system call `{name}` is left out"));
            }
        }
    }
    warnings
}

fn summary(profile: &Seccomp, architectures: &[Architecture], length: usize) -> String {
    let names: Vec<&str> = architectures.iter().map(|one| name(*one)).collect();
    format!(
        "{length} instructions for {}; else {}",
        names.join(", "),
        action(profile.default_action)
    )
}

const fn name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::X32 => "x32",
        Architecture::X86 => "x86",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
        Architecture::Foreign => "another",
    }
}

fn action(action: Action) -> String {
    match action {
        Action::KillThread => "kill the thread".to_owned(),
        Action::KillProcess => "kill the process".to_owned(),
        Action::Trap => "SIGSYS".to_owned(),
        Action::Errno(errno) => {
            let errno = nix::errno::Errno::from_raw(i32::from(errno));
            format!("{errno:?}")
        }
        Action::Trace(number) => format!("trace {number}"),
        Action::Allow => "allow".to_owned(),
        Action::Log => "log".to_owned(),
        Action::Notify => "notify".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(no_new_privileges: bool, action: &str) -> Config {
        let document: Value = json!({
            "ociVersion": "1.3.0",
            "root": {"path": "rootfs"},
            "process": {
                "args": ["true"],
                "cwd": "/",
                "noNewPrivileges": no_new_privileges,
            },
            "linux": {"seccomp": {
                "defaultAction": "SCMP_ACT_ERRNO",
                "listenerPath": "/run/agent",
                "syscalls": [{"names": ["read", "raed", "rtas"], "action": action}],
            }},
        });
        Config::from_spec(&document, "/bundle").unwrap()
    }

    fn loaded(no_new_privileges: bool, action: &str) -> (Moment, SeccompStep) {
        let config = config(no_new_privileges, action);
        let step = step(&config, config.process.as_ref().unwrap());
        match step.unwrap().unwrap() {
            (
                moment,
                Step {
                    op: Op::Seccomp(filter),
                    ..
                },
            ) => (moment, *filter),
            (_, other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_moment_depends_on_privileges_and_agents() {
        for (no_new_privileges, action, moment, flags) in [
            (true, "SCMP_ACT_ALLOW", Moment::Last, 4),
            (true, "SCMP_ACT_NOTIFY", Moment::Attended, 4 | 8),
            (false, "SCMP_ACT_ALLOW", Moment::Privileged, 4),
            (false, "SCMP_ACT_NOTIFY", Moment::Privileged, 4 | 8),
        ] {
            let (found, filter) = loaded(no_new_privileges, action);
            assert_eq!(found, moment, "{no_new_privileges} {action}");
            assert_eq!(filter.flags, flags, "{no_new_privileges} {action}");
            assert!(
                filter.summary.ends_with("; else EPERM"),
                "{}",
                filter.summary
            );
        }
    }

    #[test]
    fn only_names_that_nobody_knows_are_worth_a_warning() {
        let profile = config(true, "SCMP_ACT_ALLOW").seccomp.unwrap();
        assert_eq!(
            warnings(&profile),
            ["/linux/seccomp/syscalls/0/names/1: unknown system call `raed` is left out"]
        );
    }

    #[test]
    fn a_filter_that_the_kernel_would_not_take_is_refused() {
        let mut config = config(true, "SCMP_ACT_ALLOW");
        let profile = config.seccomp.as_mut().unwrap();
        let mut rule = profile.rules[0].clone();
        rule.action = Action::Trap;
        rule.names = vec!["write".to_owned()];
        for value in 0..1000 {
            let condition = crate::config::linux::seccomp::Condition {
                index: 0,
                operator: crate::config::linux::seccomp::Operator::Greater,
                value: value << 30,
                value_two: 0,
            };
            rule.conditions = vec![condition];
            profile.rules.push(rule.clone());
        }
        let fault = step(&config, config.process.as_ref().unwrap()).unwrap_err();
        assert!(
            fault.why.contains("the kernel takes 4096 at most"),
            "{}",
            fault.why
        );
    }
}
