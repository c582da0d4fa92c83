//! A device rule list as a program for cgroup v2 (`BPF_PROG_TYPE_CGROUP_DEVICE`). Pure.
//!
//! The kernel runs it at each open and mknod of a device and lets the call through on 1. One pass
//! over the rules from the last to the first: register 3 holds the accesses that no rule has
//! decided yet. A rule that allows takes its own out, and the last one out ends with 1; a rule
//! that denies one of them ends with 0, and so does the end of the list.
//!
//! Loading takes some 3 µs for each instruction (the verifier and the JIT), on the path of every
//! start. So rules that stand together and decide alike, whose order cannot matter, share their
//! tests: the default rules are 31 instructions instead of 77.

use std::collections::{BTreeMap, BTreeSet};

use super::{Access, is_total};
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::sys::bpf::Instruction;

/// Registers.
const VERDICT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const PENDING: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// Types of a device.
const BLOCK: u32 = 1;
const CHAR: u32 = 2;

/// Offsets in `struct bpf_cgroup_dev_ctx`. The first word has the type of the device in its low
/// half, the access in its high half.
const ACCESS_AND_TYPE: i16 = 0;
const MAJOR_OFFSET: i16 = 4;
const MINOR_OFFSET: i16 = 8;

/// Operations (the kernel's bpf/standardization/instruction-set): 32 bits wide, so that device
/// numbers compare as they are.
mod code {
    pub(super) const LOAD_WORD: u8 = 0x61;
    pub(super) const AND: u8 = 0x54;
    pub(super) const SHIFT_RIGHT: u8 = 0x74;
    pub(super) const SET: u8 = 0xb4;
    pub(super) const COPY: u8 = 0xbc;
    pub(super) const JUMP: u8 = 0x05;
    pub(super) const JUMP_IF_EQUAL: u8 = 0x16;
    pub(super) const JUMP_UNLESS_EQUAL: u8 = 0x56;
    pub(super) const EXIT: u8 = 0x95;
}

/// The program that enforces `rules`.
#[must_use]
pub fn compile(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut program = vec![
        load(PENDING, ACCESS_AND_TYPE),
        copy(KIND, PENDING),
        with_constant(code::AND, KIND, 0xffff),
        with_constant(code::SHIFT_RIGHT, PENDING, 16),
    ];
    // Nothing before the last total rule counts; before the first rule everything is denied.
    let total = rules.iter().rposition(is_total);
    let (end, counting) = match total.and_then(|at| rules.split_at_checked(at)) {
        Some((_, [total, counting @ ..])) => (total.access, counting),
        _ => (DeviceAccess::Deny, rules),
    };
    for run in counting.chunk_by(|one, two| one.access == two.access).rev() {
        for part in run.chunks(GROUP_MAX) {
            let verdict = part.first().map_or(end, |rule| rule.access);
            program.extend(compile_run(verdict, part));
        }
    }
    program.extend(end_with(end));
    program
}

/// Most rules that share tests: a jump reaches 32,767 instructions, a rule takes up to three.
const GROUP_MAX: usize = 1000;

/// Minors by major; `None` stands for all.
type Numbers = BTreeMap<Option<u32>, BTreeSet<Option<u32>>>;

/// Rules that decide alike.
fn compile_run(verdict: DeviceAccess, run: &[DeviceRule]) -> Vec<Instruction> {
    let mut groups: BTreeMap<(Access, Option<u32>), Numbers> = BTreeMap::new();
    for rule in run {
        let kind = match rule.kind {
            None => None,
            Some(DeviceKind::Block) => Some(BLOCK),
            Some(DeviceKind::Char) => Some(CHAR),
            Some(DeviceKind::Fifo) => continue,
        };
        let access = Access::of(rule);
        if !access.is_empty() {
            let numbers = groups.entry((access, kind)).or_default();
            numbers.entry(rule.major).or_default().insert(rule.minor);
        }
    }
    merge_kinds(&mut groups);
    let compiled = groups.into_iter().rev().map(|((access, kind), numbers)| {
        let decision = decision(verdict, access);
        compile_group(kind, &numbers, &decision)
    });
    compiled.flatten().collect()
}

/// A rule for all character and one for all block devices are one for all devices. Not for all
/// accesses: nothing would lead to what follows, which the verifier refuses.
fn merge_kinds(groups: &mut BTreeMap<(Access, Option<u32>), Numbers>) {
    let is_whole = |group: (&(Access, Option<u32>), &Numbers)| is_all(group.1).then_some(*group.0);
    let whole: BTreeSet<_> = groups.iter().filter_map(is_whole).collect();
    for &(access, kind) in &whole {
        let is_pair = kind == Some(CHAR) && whole.contains(&(access, Some(BLOCK)));
        if is_pair && access != Access::ALL {
            groups.remove(&(access, Some(CHAR)));
            groups.remove(&(access, Some(BLOCK)));
            let all = Numbers::from([(None, BTreeSet::from([None]))]);
            groups.insert((access, None), all);
        }
    }
}

fn is_all(numbers: &Numbers) -> bool {
    numbers
        .get(&None)
        .is_some_and(|minors| minors.contains(&None))
}

/// Where a jump of a group's tests leads.
enum Label {
    Decision,
    End,
}

/// Rules for the same kind and accesses: tests, then the decision if one of them is met.
fn compile_group(
    kind: Option<u32>,
    numbers: &Numbers,
    decision: &[Instruction],
) -> Vec<Instruction> {
    // The numbers are loaded anew for each group: if the verifier knew of a register that it
    // equals an earlier rule's number, it would follow that knowledge through all the rest, in
    // time quadratic in their count.
    let mut tests = Tests::default();
    if let Some(kind) = kind {
        tests.jump(code::JUMP_UNLESS_EQUAL, KIND, kind, Label::End);
    }
    if !is_all(numbers) {
        tests.numbers(numbers);
    }
    let length = tests.0.len();
    let resolved = tests
        .0
        .into_iter()
        .enumerate()
        .map(|(place, (mut instruction, label))| {
            let target = match label {
                None => return instruction,
                Some(Label::Decision) => length,
                Some(Label::End) => length + decision.len(),
            };
            instruction.offset = distance(place, target);
            instruction
        });
    resolved.chain(decision.iter().copied()).collect()
}

/// Instructions whose jumps are not resolved yet.
#[derive(Default)]
struct Tests(Vec<(Instruction, Option<Label>)>);

impl Tests {
    fn jump(&mut self, code: u8, register: u8, value: u32, to: Label) {
        self.0
            .push((with_constant(code, register, value), Some(to)));
    }

    /// Leads to the decision for the devices in `numbers`, to the end for all others.
    fn numbers(&mut self, numbers: &Numbers) {
        self.0.push((load(MAJOR, MAJOR_OFFSET), None));
        self.0.push((load(MINOR, MINOR_OFFSET), None));
        for minor in numbers.get(&None).into_iter().flatten().flatten() {
            self.jump(code::JUMP_IF_EQUAL, MINOR, *minor, Label::Decision);
        }
        for (major, minors) in numbers {
            let Some(major) = *major else {
                continue;
            };
            if minors.contains(&None) {
                self.jump(code::JUMP_IF_EQUAL, MAJOR, major, Label::Decision);
                continue;
            }
            let mut skip = with_constant(code::JUMP_UNLESS_EQUAL, MAJOR, major);
            skip.offset = distance(0, minors.len() + 2);
            self.0.push((skip, None));
            for minor in minors.iter().flatten() {
                self.jump(code::JUMP_IF_EQUAL, MINOR, *minor, Label::Decision);
            }
            self.0.push((plain(code::JUMP), Some(Label::End)));
        }
        self.0.push((plain(code::JUMP), Some(Label::End)));
    }
}

/// What the jump at `place` adds to reach `target`.
fn distance(place: usize, target: usize) -> i16 {
    (target - place - 1) as i16
}

/// What rules about `access` say of the accesses that are still pending.
fn decision(verdict: DeviceAccess, access: Access) -> Vec<Instruction> {
    let end = end_with(verdict);
    let (mut test, jump) = match (verdict, access) {
        (_, Access::ALL) => return end.to_vec(),
        (DeviceAccess::Allow, _) => (
            vec![with_constant(
                code::AND,
                PENDING,
                Access::ALL.without(access).0.into(),
            )],
            with_constant(code::JUMP_UNLESS_EQUAL, PENDING, 0),
        ),
        (DeviceAccess::Deny, _) => (
            vec![
                copy(SCRATCH, PENDING),
                with_constant(code::AND, SCRATCH, access.0.into()),
            ],
            with_constant(code::JUMP_IF_EQUAL, SCRATCH, 0),
        ),
    };
    test.push(Instruction {
        offset: distance(0, end.len() + 1),
        ..jump
    });
    test.extend(end);
    test
}

fn end_with(verdict: DeviceAccess) -> [Instruction; 2] {
    let value = match verdict {
        DeviceAccess::Allow => 1,
        DeviceAccess::Deny => 0,
    };
    [with_constant(code::SET, VERDICT, value), plain(code::EXIT)]
}

fn plain(code: u8) -> Instruction {
    Instruction {
        code,
        registers: 0,
        offset: 0,
        immediate: 0,
    }
}

fn load(to: u8, offset: i16) -> Instruction {
    Instruction {
        registers: to | CONTEXT << 4,
        offset,
        ..plain(code::LOAD_WORD)
    }
}

fn copy(to: u8, from: u8) -> Instruction {
    Instruction {
        registers: to | from << 4,
        ..plain(code::COPY)
    }
}

fn with_constant(code: u8, register: u8, value: u32) -> Instruction {
    Instruction {
        registers: register,
        immediate: value.cast_signed(),
        ..plain(code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning::{Request, is_allowed, random_lists, requests, rules};
    use super::super::with_defaults;
    use super::*;

    /// Executes a program; panics on what the kernel's verifier would refuse.
    fn run(program: &[Instruction], request: Request) -> bool {
        let kind = match request.kind {
            DeviceKind::Block => 1,
            DeviceKind::Char => 2,
            DeviceKind::Fifo => panic!("a FIFO is no device"),
        };
        let context = [
            u32::from(request.access.0) << 16 | kind,
            request.major,
            request.minor,
        ];
        let mut registers = [None; 11];
        let mut next = 0;
        loop {
            let instruction = program[next];
            next += 1;
            let to = usize::from(instruction.registers & 0xf);
            let from = usize::from(instruction.registers >> 4);
            let value = instruction.immediate.cast_unsigned();
            let read = |register: usize| registers[register].expect("read before it is written");
            match instruction.code {
                0x61 => {
                    assert_eq!(from, 1, "only the context can be loaded from");
                    registers[to] = Some(context[usize::try_from(instruction.offset).unwrap() / 4]);
                }
                0x54 => registers[to] = Some(read(to) & value),
                0x74 => registers[to] = Some(read(to) >> value),
                0xb4 => registers[to] = Some(value),
                0xbc => registers[to] = Some(read(from)),
                0x05 => next += usize::try_from(instruction.offset).expect("no loops"),
                0x16 | 0x56 => {
                    let is_equal = read(to) == value;
                    if is_equal == (instruction.code == 0x16) {
                        next += usize::try_from(instruction.offset).expect("no loops");
                    }
                }
                0x95 => return read(0) == 1,
                code => panic!("unknown operation {code:#x}"),
            }
        }
    }

    fn assert_equal_meaning(rules: &[DeviceRule]) {
        let program = compile(rules);
        for request in requests(rules) {
            let expected = is_allowed(rules, request);
            assert_eq!(
                run(&program, request),
                expected,
                "{request:?} of {rules:#?}"
            );
        }
    }

    #[test]
    fn the_program_decides_as_the_rules_for_every_class_of_request() {
        for texts in [
            &[][..],
            &["+a *:* rwm"],
            &["-a *:* rwm"],
            &["-a *:* rwm", "+c 1:3 rwm", "-c 1:3 w"],
            &["+a *:* rwm", "-b 8:* w", "+b 8:1 w"],
            &["+c *:* m", "+c 1:3 r", "+c 1:* w"],
            &["+b 4294967295:0 rwm", "-a 7:* m", "+a *:7 r"],
            &["+p *:* rwm", "+c *:* "],
        ] {
            let rules = rules(texts);
            assert_equal_meaning(&rules);
            assert_equal_meaning(&with_defaults(&rules));
        }
    }

    #[test]
    fn the_program_decides_as_the_rules_for_random_lists() {
        for rules in random_lists(3000) {
            assert_equal_meaning(&rules);
        }
    }

    #[test]
    fn nothing_before_a_total_rule_is_compiled() {
        let all = compile(&rules(&["+c 1:3 rwm", "-b 1:2 r", "+a *:* rwm"]));
        assert_eq!(all, compile(&rules(&["+a *:* rwm"])));
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn the_default_rules_stay_short() {
        let once = compile(&with_defaults(&rules(&["-a *:* rwm"])));
        assert_eq!(once.len(), 31);
        // What engines send is what follows anyway.
        let twice = with_defaults(&rules(&[
            "-a *:* rwm",
            "+c *:* m",
            "+b *:* m",
            "+c 1:3 rwm",
        ]));
        assert_eq!(compile(&twice), once);
    }
}
