//! One architecture's decisions as a balanced search over its numbers: O(log n) comparisons.

use super::assembler::{Assembler, Label};
use super::conditions;
use super::decisions::{Decision, Run, Section};

/// Writes the tree; the accumulator holds the system call's number at its entry.
pub(super) fn write(assembler: &mut Assembler, section: &Section<'_>) -> Label {
    subtree(assembler, section, &section.runs)
}

fn subtree(assembler: &mut Assembler, section: &Section<'_>, runs: &[Run<'_>]) -> Label {
    match runs {
        [] => assembler.ret(section.default),
        [only] => leaf(assembler, section, only),
        // One number among others that fare alike.
        [before, one, after]
            if before.decision == after.decision && after.start == one.start + 1 =>
        {
            let no = leaf(assembler, section, before);
            let yes = leaf(assembler, section, one);
            assembler.if_equal(one.start, yes, no)
        }
        _ => {
            let (left, right) = runs.split_at(runs.len() / 2);
            let start = right.first().map_or(0, |run| run.start);
            let high = subtree(assembler, section, right);
            let low = subtree(assembler, section, left);
            assembler.if_at_least(start, high, low)
        }
    }
}

fn leaf(assembler: &mut Assembler, section: &Section<'_>, run: &Run<'_>) -> Label {
    match &run.decision {
        Decision::Return(value) => assembler.ret(*value),
        Decision::Rules(rules) => conditions::write(assembler, rules, run.width, section.default),
    }
}
