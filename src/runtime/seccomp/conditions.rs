//! The rules of one system call that look at its arguments.
//!
//! A 64-bit argument is compared by halves, the upper first. On the 32-bit architectures (x32 among
//! them, as in libseccomp) only the lower halves count.

use super::assembler::{Assembler, Label, Load};
use super::decisions::Conditional;
use crate::config::linux::seccomp::{Condition, Operator};

/// How wide arguments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Word,
    Double,
}

/// Tries the rules in their order; where none holds, `otherwise`.
pub(super) fn write(
    assembler: &mut Assembler,
    rules: &[Conditional<'_>],
    width: Width,
    otherwise: u32,
) -> Label {
    let mut next = assembler.ret(otherwise);
    let mut rest = rules;
    while let Some((last, before)) = rest.split_last() {
        let values = equal_run(rest, width);
        if values > 1 {
            let (before, run) = rest.split_at(rest.len() - values);
            next = one_of(assembler, run, width, next);
            rest = before;
        } else {
            next = rule(assembler, last, width, next);
            rest = before;
        }
    }
    next
}

/// The rule's action if all its conditions hold, else `no`.
fn rule(assembler: &mut Assembler, rule: &Conditional<'_>, width: Width, no: Label) -> Label {
    let mut yes = assembler.ret(rule.action);
    for condition in rule.conditions.iter().rev() {
        yes = compare(assembler, condition, width, yes, no);
    }
    yes
}

/// The argument and the upper half that a lone comparison with == is about.
fn equality(rule: &Conditional<'_>, width: Width) -> Option<(u8, u32, u32)> {
    match rule.conditions.as_ref() {
        [one] if one.operator == Operator::Equal => {
            let (high, low) = halves(one.value);
            let high = if width == Width::Double { high } else { 0 };
            Some((one.index, high, low))
        }
        _ => None,
    }
}

/// How many rules at the end ask for one value each of the same half of the same argument.
fn equal_run(rules: &[Conditional<'_>], width: Width) -> usize {
    let key = |rule| equality(rule, width).map(|(index, high, _)| (index, high));
    let last = rules.last().and_then(key);
    if last.is_none() {
        return 0;
    }
    rules
        .iter()
        .rev()
        .take_while(|rule| key(rule) == last)
        .count()
}

/// Loads the argument once for several rules.
fn one_of(assembler: &mut Assembler, rules: &[Conditional<'_>], width: Width, no: Label) -> Label {
    let mut next = no;
    let mut place = (0, 0);
    for rule in rules.iter().rev() {
        if let Some((index, high, low)) = equality(rule, width) {
            let yes = assembler.ret(rule.action);
            next = assembler.if_equal(low, yes, next);
            place = (index, high);
        }
    }
    let (index, high) = place;
    let low = assembler.load(Load::Low(index), next);
    match width {
        Width::Word => low,
        Width::Double => {
            let branch = assembler.if_equal(high, low, no);
            assembler.load(Load::High(index), branch)
        }
    }
}

fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

fn compare(
    assembler: &mut Assembler,
    condition: &Condition,
    width: Width,
    yes: Label,
    no: Label,
) -> Label {
    let comparison = Comparison {
        index: condition.index,
        value: condition.value,
        width,
    };
    match condition.operator {
        Operator::Equal => comparison.masked(assembler, u64::MAX, yes, no),
        Operator::NotEqual => comparison.masked(assembler, u64::MAX, no, yes),
        Operator::Greater => comparison.ordered(assembler, Assembler::if_greater, yes, no),
        Operator::LessOrEqual => comparison.ordered(assembler, Assembler::if_greater, no, yes),
        Operator::GreaterOrEqual => comparison.ordered(assembler, Assembler::if_at_least, yes, no),
        Operator::Less => comparison.ordered(assembler, Assembler::if_at_least, no, yes),
        Operator::MaskedEqual => {
            let value = condition.value_two;
            let comparison = Comparison {
                value,
                ..comparison
            };
            comparison.masked(assembler, condition.value, yes, no)
        }
    }
}

struct Comparison {
    index: u8,
    value: u64,
    width: Width,
}

impl Comparison {
    /// Whether the bits of `mask` are those of the value.
    fn masked(&self, assembler: &mut Assembler, mask: u64, yes: Label, no: Label) -> Label {
        let (high, low) = halves(self.value);
        let (high_mask, low_mask) = halves(mask);
        let lower = half(assembler, Load::Low(self.index), (low_mask, low), yes, no);
        match self.width {
            Width::Word => lower,
            Width::Double => {
                let load = Load::High(self.index);
                half(assembler, load, (high_mask, high), lower, no)
            }
        }
    }

    /// Whether the argument is greater: `last` compares the lower halves where the upper are equal.
    fn ordered(
        &self,
        assembler: &mut Assembler,
        last: fn(&mut Assembler, u32, Label, Label) -> Label,
        yes: Label,
        no: Label,
    ) -> Label {
        let (high, low) = halves(self.value);
        let branch = last(assembler, low, yes, no);
        let lower = assembler.load(Load::Low(self.index), branch);
        match self.width {
            Width::Word => lower,
            Width::Double => {
                let equal = assembler.if_equal(high, lower, no);
                let greater = assembler.if_greater(high, yes, equal);
                assembler.load(Load::High(self.index), greater)
            }
        }
    }
}

/// Whether the masked half is `value`; without a look at it where the mask leaves nothing (and the
/// value then is 0, see `decisions`).
fn half(
    assembler: &mut Assembler,
    what: Load,
    (mask, value): (u32, u32),
    yes: Label,
    no: Label,
) -> Label {
    if mask == 0 {
        return yes;
    }
    let branch = assembler.if_equal(value, yes, no);
    let masked = assembler.mask(mask, branch);
    assembler.load(what, masked)
}
