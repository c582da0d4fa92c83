//! `linux.seccomp`: the filter of system calls (config-linux.md, "Seccomp").
//!
//! Actions, operators, architectures and flags must be known; names of system calls need not be
//! (the filter's compiler leaves unknown ones out, as libseccomp does). Deliberately absent:
//! numbers of system calls and what several rules for one of them mean (see `crate::seccomp`).

mod rules;
mod words;

pub use rules::{Action, Condition, Operator, Rule};
pub use words::{Architecture, action_names, architecture_names, flag, flag_names, operator_names};

use crate::config::reader::Cursor;
use crate::error::Pointer;

/// `linux.seccomp`
#[derive(Clone, Debug)]
pub struct Seccomp {
    /// What happens to a system call that no rule names.
    pub default_action: Action,
    /// `architectures`, without this machine's own where it is not named.
    pub architectures: Vec<Architecture>,
    /// `SECCOMP_FILTER_FLAG_*` for seccomp(2).
    pub flags: u32,
    /// Who is told of system calls with [`Action::Notify`]; set if there is such a rule.
    pub listener: Option<Listener>,
    /// `syscalls`, in their order.
    pub rules: Vec<Rule>,
    /// Where it stands.
    pub at: Pointer,
}

/// The agent that decides about system calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `listenerPath`: a stream socket.
    pub path: String,
    /// `listenerMetadata`
    pub metadata: Option<String>,
    /// Where the path stands.
    pub at: Pointer,
}

pub(in crate::config) fn read(linux: &Cursor) -> Option<Seccomp> {
    let seccomp = linux.object("seccomp")?;
    let default_action = seccomp
        .required("defaultAction")
        .and_then(|action| rules::action(&action, &seccomp, "defaultErrnoRet"));
    if default_action == Some(Action::Notify) {
        let why = "SCMP_ACT_NOTIFY cannot be used as default action";
        seccomp.refuse_at("defaultAction", why);
    }
    let rules = seccomp.list("syscalls", rules::read);
    let notifies = rules.iter().any(|rule| rule.action == Action::Notify);
    Some(Seccomp {
        default_action: default_action?,
        architectures: seccomp.list("architectures", |architecture| {
            architecture.word("unknown architecture", &words::ARCHITECTURES)
        }),
        flags: flags(&seccomp, notifies),
        listener: listener(&seccomp, notifies),
        rules,
        at: seccomp.at(),
    })
}

/// The flags for the kernel. Without any list it is `SPEC_ALLOW`, as in runc and crun: what it
/// would mitigate costs more than it protects from (and kernels since 5.16 leave it out, too).
fn flags(seccomp: &Cursor, notifies: bool) -> u32 {
    if seccomp.member("flags").is_none() {
        return flag::SPEC_ALLOW;
    }
    let flags = seccomp.list("flags", |entry| {
        let flag = entry.word("unknown flag", &words::FLAGS)?;
        if flag == flag::WAIT_KILLABLE_RECV && !notifies {
            entry.warn("has no effect without a rule with SCMP_ACT_NOTIFY");
            return None;
        }
        Some(flag)
    });
    flags.into_iter().fold(0, |all, flag| all | flag)
}

/// The listener, which counts only where a rule needs it.
fn listener(seccomp: &Cursor, notifies: bool) -> Option<Listener> {
    let metadata = seccomp.text_at("listenerMetadata");
    let Some(written) = seccomp.text_at("listenerPath") else {
        if metadata.is_some() {
            seccomp.refuse_at("listenerMetadata", "needs a `listenerPath`");
        }
        if notifies {
            seccomp.refuse_at("listenerPath", "required for SCMP_ACT_NOTIFY, but missing");
        }
        return None;
    };
    let member = seccomp.member("listenerPath")?;
    if !written.starts_with('/') {
        member.refuse("must be an absolute path");
        return None;
    }
    notifies.then(|| Listener {
        path: written.to_owned(),
        metadata: metadata.map(str::to_owned),
        at: member.at(),
    })
}
