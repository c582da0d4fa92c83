//! What happens to every number of every architecture.
//!
//! As in libseccomp: a rule without conditions beats those with, the first of several counts; of
//! those with, the first that holds. Where libseccomp takes two conditions on one argument for an
//! error, runc makes each a rule of its own, so that one of them is enough, and so do we. A rule
//! with the default action is left out, also where another would have followed it.

use std::borrow::Cow;

use super::conditions::Width;
use super::return_value;
use super::syscalls::{self, Syscall, X32_BIT};
use crate::config::linux::seccomp::{Action, Architecture, Condition, Operator, Rule, Seccomp};

/// The decisions of one `AUDIT_ARCH_*`.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The kernel's number of the architecture (linux/audit.h).
    pub(super) audit: u32,
    /// What happens where no rule holds.
    pub(super) default: u32,
    /// All numbers from 0 upwards, without a gap.
    pub(super) runs: Vec<Run<'a>>,
}

/// Numbers that fare alike, up to the next run.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) start: u32,
    pub(super) width: Width,
    pub(super) decision: Decision<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision<'a> {
    Return(u32),
    Rules(Vec<Conditional<'a>>),
}

/// A rule with conditions, which all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditional<'a> {
    pub(super) conditions: Cow<'a, [Condition]>,
    pub(super) action: u32,
}

/// A rule for one number.
struct Entry<'a> {
    number: u32,
    rule: Conditional<'a>,
}

/// x86-64 and x32 are one architecture to the kernel; the bit in the number tells them apart.
pub(super) const fn audit(architecture: Architecture) -> u32 {
    match architecture {
        Architecture::X86_64 | Architecture::X32 => 0xc000_003e,
        Architecture::X86 => 0x4000_0003,
        Architecture::Aarch64 => 0xc000_00b7,
        Architecture::Arm => 0x4000_0028,
        Architecture::Foreign => 0,
    }
}

const fn width(architecture: Architecture) -> Width {
    match architecture {
        Architecture::X86_64 | Architecture::Aarch64 => Width::Double,
        _ => Width::Word,
    }
}

/// The sections of a filter, and the places of unknown names (rule, name).
pub(super) fn decide<'a>(
    profile: &'a Seccomp,
    architectures: &[Architecture],
) -> (Vec<Section<'a>>, Vec<(usize, usize)>) {
    let (calls, unknown) = resolve(&profile.rules);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for architecture in architectures {
        let runs = runs(profile, &calls, *architecture);
        let audit = audit(*architecture);
        match sections.last_mut().filter(|last| last.audit == audit) {
            // x32 follows x86-64 and begins where that ends.
            Some(last) => {
                last.runs.retain(|run| run.start < X32_BIT);
                last.runs.extend(runs);
            }
            None => sections.push(Section {
                audit,
                default: return_value(profile.default_action),
                runs,
            }),
        }
    }
    (sections, unknown)
}

/// A system call of a rule.
struct Call<'a> {
    name: &'a str,
    call: Option<Syscall>,
    rule: &'a Rule,
}

fn resolve(rules: &[Rule]) -> (Vec<Call<'_>>, Vec<(usize, usize)>) {
    let mut unknown = Vec::new();
    let mut calls = Vec::with_capacity(rules.iter().map(|rule| rule.names.len()).sum());
    for (place, rule) in rules.iter().enumerate() {
        for (number, name) in rule.names.iter().enumerate() {
            let call = syscalls::find(name);
            if call.is_none() && !syscalls::is_known(name) {
                unknown.push((place, number));
            }
            calls.push(Call { name, call, rule });
        }
    }
    (calls, unknown)
}

/// All numbers of one architecture, from its first one.
fn runs<'a>(profile: &Seccomp, calls: &[Call<'a>], architecture: Architecture) -> Vec<Run<'a>> {
    let default = return_value(profile.default_action);
    let mut entries = Vec::with_capacity(calls.len());
    let mut newest = None;
    for call in calls {
        let number = call.call.and_then(|call| call.number(architecture));
        newest = newest.max(number);
        if return_value(call.rule.action) != default {
            add(&mut entries, call, number, architecture);
        }
    }
    // Stable: rules of one number stay in their order.
    entries.sort_by_key(|entry| entry.number);
    let base = if architecture == Architecture::X32 {
        X32_BIT
    } else {
        0
    };
    let mut runs = Runs {
        width: width(architecture),
        runs: vec![Run {
            start: base,
            width: width(architecture),
            decision: Decision::Return(default),
        }],
    };
    let mut rest = entries.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|entry| entry.number == first.number);
        let (group, after) = rest.split_at(same.count());
        runs.begin(first.number, decision(group));
        runs.begin(first.number + 1, Decision::Return(default));
        rest = after;
    }
    if let Some(newest) = newest.filter(|_| !permits(profile.default_action)) {
        runs.begin(newest + 1, Decision::Return(return_value(ENOSYS)));
    }
    if architecture == Architecture::X86_64 {
        // Numbers of x32, unless they follow; −1 is a call that a tracer has taken back.
        runs.begin(X32_BIT, Decision::Return(return_value(Action::KillThread)));
        runs.begin(u32::MAX, Decision::Return(default));
    }
    runs.runs
}

/// What happens to system calls that the profile's author cannot have known.
const ENOSYS: Action = Action::Errno(38);

/// Whether what no rule names is made anyway: then newer system calls are, too. A tracer is
/// expected to know them.
const fn permits(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log | Action::Trace(_))
}

/// Adds the call's rule for its number, and on x86 for the old way of making it.
fn add<'a>(
    entries: &mut Vec<Entry<'a>>,
    call: &Call<'a>,
    number: Option<u32>,
    architecture: Architecture,
) {
    let action = return_value(call.rule.action);
    let old = if architecture == Architecture::X86 {
        syscalls::multiplexed(call.name)
    } else {
        None
    };
    if number.is_none() && old.is_none() {
        return;
    }
    for conditions in alternatives(&call.rule.conditions) {
        let Some(conditions) = settle(conditions, width(architecture)) else {
            continue;
        };
        if let Some((number, value)) = old {
            let rule = Conditional {
                conditions: through(value, &conditions),
                action,
            };
            entries.push(Entry { number, rule });
        }
        if let Some(number) = number {
            let rule = Conditional { conditions, action };
            entries.push(Entry { number, rule });
        }
    }
}

/// The conditions, or each as a rule of its own where two are about one argument.
fn alternatives(conditions: &[Condition]) -> Vec<Cow<'_, [Condition]>> {
    let repeated = conditions.iter().enumerate().any(|(place, one)| {
        let before = conditions.iter().take(place);
        before.into_iter().any(|other| other.index == one.index)
    });
    if repeated {
        return conditions.chunks(1).map(Cow::Borrowed).collect();
    }
    vec![Cow::Borrowed(conditions)]
}

/// The conditions without those that always hold; `None` if one never does. Only masks can be so.
fn settle(conditions: Cow<'_, [Condition]>, width: Width) -> Option<Cow<'_, [Condition]>> {
    let cut = |value| match width {
        Width::Word => value & u64::from(u32::MAX),
        Width::Double => value,
    };
    let is_masked = |one: &&Condition| one.operator == Operator::MaskedEqual;
    let mut masked = conditions.iter().filter(is_masked);
    if masked.any(|one| cut(one.value_two) & !one.value != 0) {
        return None;
    }
    let always = |one: &Condition| one.operator == Operator::MaskedEqual && cut(one.value) == 0;
    if conditions.iter().any(always) {
        let others = conditions.iter().filter(|one| !always(one)).copied();
        return Some(Cow::Owned(others.collect()));
    }
    Some(conditions)
}

/// Conditions on a call made the old way: the first argument says which one it is, so what was
/// asked of it cannot be. As in libseccomp, what was asked of the others stays, although they are
/// something else there.
fn through<'a>(value: u64, conditions: &[Condition]) -> Cow<'a, [Condition]> {
    let which = Condition {
        index: 0,
        operator: Operator::Equal,
        value,
        value_two: 0,
    };
    let others = conditions.iter().filter(|one| one.index != 0).copied();
    Cow::Owned(std::iter::once(which).chain(others).collect())
}

fn decision<'a>(group: &[Entry<'a>]) -> Decision<'a> {
    let unconditional = group.iter().find(|entry| entry.rule.conditions.is_empty());
    if let Some(entry) = unconditional {
        return Decision::Return(entry.rule.action);
    }
    let mut rules: Vec<Conditional<'a>> = Vec::with_capacity(group.len());
    for entry in group {
        if !rules.contains(&entry.rule) {
            rules.push(entry.rule.clone());
        }
    }
    Decision::Rules(rules)
}

struct Runs<'a> {
    width: Width,
    runs: Vec<Run<'a>>,
}

impl<'a> Runs<'a> {
    /// From `start` on it is `decision`; what began there before is replaced.
    fn begin(&mut self, start: u32, decision: Decision<'a>) {
        if self.runs.last().is_some_and(|last| last.start == start) {
            self.runs.pop();
        }
        if self
            .runs
            .last()
            .is_some_and(|last| last.decision == decision)
        {
            return;
        }
        self.runs.push(Run {
            start,
            width: self.width,
            decision,
        });
    }
}
