//! `linux.seccomp.syscalls`: what happens to which system calls.

use super::words::{ACTIONS, OPERATORS};
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// What happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The thread is killed, as by SIGSYS.
    KillThread,
    /// The process is killed, as by SIGSYS.
    KillProcess,
    /// The thread gets SIGSYS.
    Trap,
    /// It fails with this errno.
    Errno(u16),
    /// A tracer is told this number; without one it fails with ENOSYS.
    Trace(u16),
    /// It is made.
    Allow,
    /// It is made, and logged.
    Log,
    /// The agent at `listenerPath` decides.
    Notify,
}

/// A rule for some system calls.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `names`
    pub names: Vec<String>,
    /// What happens.
    pub action: Action,
    /// `args`
    pub conditions: Vec<Condition>,
    /// Where it stands.
    pub at: Pointer,
}

/// A comparison with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Number of the argument, from 0.
    pub index: u8,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with; the mask of [`Operator::MaskedEqual`].
    pub value: u64,
    /// What the masked argument must be.
    pub value_two: u64,
}

/// How an argument is compared, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// ==
    Equal,
    /// !=
    NotEqual,
    /// >
    Greater,
    /// >=
    GreaterOrEqual,
    /// <
    Less,
    /// <=
    LessOrEqual,
    /// (argument & value) == valueTwo
    MaskedEqual,
}

/// The kernel's limit of an errno (`MAX_ERRNO`); it would cut a greater one.
const ERRNO_MAX: i128 = 4095;

pub(super) fn read(rule: &Cursor) -> Option<Rule> {
    if !rule.is_object() {
        return None;
    }
    let action = rule
        .required("action")
        .and_then(|word| action(&word, rule, "errnoRet"));
    let names = names(rule, action == Some(Action::Notify));
    let conditions = rule.list("args", condition);
    Some(Rule {
        names,
        action: action?,
        conditions,
        at: rule.at(),
    })
}

/// With write(2) the parent is told of the listener; if that had to wait for the agent, the agent
/// could never be told.
const NOTIFIED_WRITE: &str = "SCMP_ACT_NOTIFY cannot be used for the write syscall";

fn names(rule: &Cursor, notified: bool) -> Vec<String> {
    if let Some(names) = rule.required("names")
        && names.is_empty_list()
    {
        names.refuse("names no system call");
    }
    rule.list("names", |entry| {
        let name = entry.text()?;
        if name.is_empty() {
            entry.refuse("the name is empty");
        }
        if notified && name == "write" {
            entry.refuse(NOTIFIED_WRITE);
        }
        Some(name.to_owned())
    })
}

/// The action under `word`, with the errno that `holder` has as `errno_key`.
pub(super) fn action(word: &Cursor, holder: &Cursor, errno_key: &str) -> Option<Action> {
    let action = word.word("unknown action", &ACTIONS)?;
    let Some(errno) = holder.member(errno_key) else {
        return Some(action);
    };
    match action {
        Action::Errno(_) => errno.integer(0..=ERRNO_MAX).map(Action::Errno),
        Action::Trace(_) => errno.integer(0..=i128::from(u16::MAX)).map(Action::Trace),
        _ => {
            errno.refuse_with_hint(
                "this action returns no errno",
                "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do",
            );
            Some(action)
        }
    }
}

fn condition(entry: &Cursor) -> Option<Condition> {
    if !entry.is_object() {
        return None;
    }
    let all = 0..=i128::from(u64::MAX);
    let index = entry
        .required("index")
        .and_then(|index| index.integer(0..=5));
    let value = entry
        .required("value")
        .and_then(|value| value.integer(all.clone()));
    let value_two = match entry.member("valueTwo") {
        Some(value) => value.integer(all),
        None => Some(0),
    };
    let operator = entry
        .required("op")
        .and_then(|op| op.word("unknown operator", &OPERATORS));
    Some(Condition {
        index: index?,
        operator: operator?,
        value: value?,
        value_two: value_two?,
    })
}
