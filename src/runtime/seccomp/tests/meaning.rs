//! What a profile means, read plainly: no tree, no program, one rule after the other.

use std::collections::BTreeMap;

use super::interpreter::Call;
use crate::config::linux::seccomp::{Action, Architecture, Condition, Operator, Rule, Seccomp};
use crate::seccomp::{decisions_audit, return_value, syscalls};

/// Which architecture a call is of, if the kernel of `native` has it and it is declared. The number
/// −1 has the bit of x32, but is x86-64's where x32 is not declared.
fn architecture(
    call: &Call,
    native: Architecture,
    declared: impl Fn(Architecture) -> bool,
) -> Option<Architecture> {
    let all: &[Architecture] = match native {
        Architecture::X86_64 => &[Architecture::X86_64, Architecture::X32, Architecture::X86],
        _ => &[Architecture::Aarch64, Architecture::Arm],
    };
    let mut x32 = call.number >= syscalls::X32_BIT;
    if call.number == u32::MAX && !declared(Architecture::X32) {
        x32 = false;
    }
    let own = all.iter().copied().find(|one| {
        decisions_audit(*one) == call.audit
            && match one {
                Architecture::X86_64 => !x32,
                Architecture::X32 => x32,
                _ => true,
            }
    });
    own.filter(|own| declared(*own))
}

fn holds(condition: &Condition, call: &Call, wide: bool) -> bool {
    let cut = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let argument = cut(call.arguments[usize::from(condition.index)]);
    let value = cut(condition.value);
    match condition.operator {
        Operator::Equal => argument == value,
        Operator::NotEqual => argument != value,
        Operator::Greater => argument > value,
        Operator::GreaterOrEqual => argument >= value,
        Operator::Less => argument < value,
        Operator::LessOrEqual => argument <= value,
        Operator::MaskedEqual => argument & value == cut(condition.value_two),
    }
}

fn conditions_hold(conditions: &[Condition], call: &Call, wide: bool) -> bool {
    let twice = (0..6).any(|index| conditions.iter().filter(|one| one.index == index).count() > 1);
    let mut each = conditions.iter().map(|one| holds(one, call, wide));
    if twice {
        each.any(|held| held)
    } else {
        each.all(|held| held)
    }
}

/// A profile whose names are looked up, for a machine.
pub(super) struct Meaning<'a> {
    profile: &'a Seccomp,
    native: Architecture,
    /// The rules that name a number, in their order.
    rules: BTreeMap<(usize, u32), Vec<&'a Rule>>,
}

const ALL: [Architecture; 5] = [
    Architecture::X86_64,
    Architecture::X32,
    Architecture::X86,
    Architecture::Aarch64,
    Architecture::Arm,
];

fn place(architecture: Architecture) -> usize {
    ALL.iter().position(|one| *one == architecture).unwrap()
}

impl<'a> Meaning<'a> {
    pub(super) fn of(profile: &'a Seccomp, native: Architecture) -> Self {
        let mut rules: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
        for rule in &profile.rules {
            let calls = rule.names.iter().filter_map(|name| syscalls::find(name));
            let numbers = calls.flat_map(|call| {
                ALL.into_iter().filter_map(move |architecture| {
                    Some((place(architecture), call.number(architecture)?))
                })
            });
            for key in numbers {
                rules.entry(key).or_default().push(rule);
            }
        }
        Self {
            profile,
            native,
            rules,
        }
    }

    /// What the filter must return.
    pub(super) fn decide(&self, call: &Call) -> u32 {
        let default = return_value(self.profile.default_action);
        let declared = |one| one == self.native || self.profile.architectures.contains(&one);
        let Some(own) = architecture(call, self.native, declared) else {
            return return_value(Action::KillThread);
        };
        if self.is_newer(own, call.number) {
            return return_value(Action::Errno(libc::ENOSYS as u16));
        }
        let wide = matches!(own, Architecture::X86_64 | Architecture::Aarch64);
        let rules = self.rules.get(&(place(own), call.number));
        let rules = rules.into_iter().flatten().copied();
        let rules = rules.filter(|rule| return_value(rule.action) != default);
        let rules: Vec<&Rule> = rules.collect();
        let plain = rules.iter().find(|rule| rule.conditions.is_empty());
        let held = || {
            rules
                .iter()
                .find(|rule| conditions_hold(&rule.conditions, call, wide))
        };
        let rule = plain.or_else(held);
        rule.map_or(default, |rule| return_value(rule.action))
    }

    /// Whether the number is beyond all that the profile names.
    fn is_newer(&self, own: Architecture, number: u32) -> bool {
        let permits = matches!(
            self.profile.default_action,
            Action::Allow | Action::Log | Action::Trace(_)
        );
        // −1 is never new on x86-64: it has the bit of x32.
        let is_minus_one = own == Architecture::X86_64 && number == u32::MAX;
        let all = self.rules.range((place(own), 0)..=(place(own), u32::MAX));
        let newest = all.last().map(|((_, newest), _)| *newest);
        !permits && !is_minus_one && newest.is_some_and(|newest| number > newest)
    }
}

/// Whether the plain reading covers it: not the old socket and IPC calls of x86.
pub(super) fn covers(call: &Call) -> bool {
    let old = [syscalls::SOCKETCALL, syscalls::IPC].contains(&call.number);
    !(old && call.audit == decisions_audit(Architecture::X86))
}
