//! A device rule list as a program for cgroup v2 (`BPF_PROG_TYPE_CGROUP_DEVICE`). Pure.
//!
//! The kernel runs it at each open and mknod of a device and lets the call through on 1. One pass
//! over the rules from the last to the first: register 3 holds the accesses that no rule has
//! decided yet. A rule that allows takes its own out, and the last one out ends with 1; a rule
//! that denies one of them ends with 0, and so does the end of the list.

use super::{Access, is_total};
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::sys::bpf::Instruction;

/// Registers.
const VERDICT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const PENDING: u8 = 3;
const SCRATCH: u8 = 4;

/// Offsets in `struct bpf_cgroup_dev_ctx`. The first word has the type of the device in its low
/// half, the access in its high half.
const ACCESS_AND_TYPE: i16 = 0;
const MAJOR: i16 = 4;
const MINOR: i16 = 8;

/// Operations (the kernel's bpf/standardization/instruction-set): 32 bits wide, so that device
/// numbers compare as they are.
mod code {
    pub(super) const LOAD_WORD: u8 = 0x61;
    pub(super) const AND: u8 = 0x54;
    pub(super) const SHIFT_RIGHT: u8 = 0x74;
    pub(super) const SET: u8 = 0xb4;
    pub(super) const COPY: u8 = 0xbc;
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
    for rule in rules.iter().rev() {
        if rule.kind == Some(DeviceKind::Fifo) || Access::of(rule).is_empty() {
            continue;
        }
        program.extend(block(rule));
        if is_total(rule) {
            // The verifier refuses instructions that nothing leads to.
            return program;
        }
    }
    program.extend(end_with(DeviceAccess::Deny));
    program
}

/// One rule: jumps to its end unless the device matches, then decides.
fn block(rule: &DeviceRule) -> Vec<Instruction> {
    let mut block = decision(rule);
    // Built from its end, so that each jump knows how far that is. The numbers are loaded anew
    // for each rule: if the verifier knew of a register that it equals an earlier rule's number,
    // it would follow that knowledge through all the rest, in time quadratic in their count.
    for (value, offset) in [(rule.minor, MINOR), (rule.major, MAJOR)] {
        if let Some(value) = value {
            let test = jump(code::JUMP_UNLESS_EQUAL, SCRATCH, value, block.len());
            block.splice(..0, [load(SCRATCH, offset), test]);
        }
    }
    if let Some(kind) = rule.kind {
        let number = match kind {
            DeviceKind::Block => 1,
            DeviceKind::Char | DeviceKind::Fifo => 2,
        };
        let test = jump(code::JUMP_UNLESS_EQUAL, KIND, number, block.len());
        block.insert(0, test);
    }
    block
}

/// What a rule says of the accesses that are still pending.
fn decision(rule: &DeviceRule) -> Vec<Instruction> {
    let access = Access::of(rule);
    let end = end_with(rule.access);
    let test = match (rule.access, access) {
        (_, Access::ALL) => Vec::new(),
        (DeviceAccess::Allow, _) => vec![
            with_constant(code::AND, PENDING, Access::ALL.without(access).0.into()),
            jump(code::JUMP_UNLESS_EQUAL, PENDING, 0, end.len()),
        ],
        (DeviceAccess::Deny, _) => vec![
            copy(SCRATCH, PENDING),
            with_constant(code::AND, SCRATCH, access.0.into()),
            jump(code::JUMP_IF_EQUAL, SCRATCH, 0, end.len()),
        ],
    };
    [test, end.to_vec()].concat()
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

/// A jump over `distance` instructions, at most nine here.
fn jump(code: u8, register: u8, value: u32, distance: usize) -> Instruction {
    Instruction {
        offset: distance as i16,
        ..with_constant(code, register, value)
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
}
