//! Classic BPF as the kernel runs it for seccomp (net/core/filter.c, kernel/seccomp.c), for the
//! instructions that filters of ours and of libseccomp consist of.

use crate::sys::seccomp::Instruction;

/// `struct seccomp_data`, but for the instruction pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) audit: u32,
    pub(super) arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.audit,
            16..64 if offset.is_multiple_of(4) => {
                let argument = self.arguments[(offset as usize - 16) / 8];
                let shift = if offset.is_multiple_of(8) { 0 } else { 32 };
                (argument >> shift) as u32
            }
            _ => panic!("load of offset {offset}"),
        }
    }
}

/// What the program returns, and after how many instructions.
pub(super) fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let (mut accumulator, mut at, mut steps) = (0_u32, 0, 0);
    loop {
        let instruction = program[at];
        let operand = instruction.operand;
        at += 1;
        steps += 1;
        let holds = match instruction.code {
            0x20 => {
                accumulator = call.word(operand);
                continue;
            }
            0x54 => {
                accumulator &= operand;
                continue;
            }
            0x05 => {
                at += operand as usize;
                continue;
            }
            0x06 => return (operand, steps),
            0x15 => accumulator == operand,
            0x25 => accumulator > operand,
            0x35 => accumulator >= operand,
            0x45 => accumulator & operand != 0,
            code => panic!("instruction {code:#x}"),
        };
        at += usize::from(if holds {
            instruction.if_true
        } else {
            instruction.if_false
        });
    }
}

/// What the kernel checks before it takes a program (`bpf_check_classic`, `seccomp_check_filter`),
/// and that no instruction is without a way to it.
pub(super) fn check(program: &[Instruction]) {
    assert!(!program.is_empty() && program.len() <= super::super::LONGEST);
    let mut reached = vec![false; program.len()];
    reached[0] = true;
    for (at, instruction) in program.iter().enumerate() {
        assert!(reached[at], "nothing leads to instruction {at}");
        let targets: &[usize] = match instruction.code {
            0x06 => &[],
            0x05 => &[at + 1 + instruction.operand as usize],
            0x15 | 0x25 | 0x35 => &[
                at + 1 + usize::from(instruction.if_true),
                at + 1 + usize::from(instruction.if_false),
            ],
            _ => &[at + 1],
        };
        for target in targets {
            reached[*target] = true;
        }
    }
}
