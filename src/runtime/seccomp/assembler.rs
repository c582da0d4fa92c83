//! An assembler for filters that writes backwards.
//!
//! Classic BPF can only jump forwards. Written from the end, every target is there before the jump
//! to it, so each function returns the [`Label`] of what it has written and takes those of what
//! comes after. A conditional jump reaches 255 instructions; beyond, an unconditional one is put
//! in between.

use crate::sys::seccomp::Instruction;

/// `BPF_LD | BPF_W | BPF_ABS`
const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`
const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`
const IF_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`
const IF_GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`
const IF_AT_LEAST: u16 = 0x35;
/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;

/// Farthest target of a conditional jump, one less than the field holds: the other target may
/// need an instruction in between.
const REACH: usize = 254;

/// A place in the program, counted from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What is loaded (`struct seccomp_data`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    Number,
    Architecture,
    /// The upper half of an argument.
    High(u8),
    /// The lower half.
    Low(u8),
}

impl Load {
    /// Where it is, on a little-endian machine.
    fn offset(self) -> u32 {
        match self {
            Self::Number => 0,
            Self::Architecture => 4,
            Self::Low(argument) => 16 + 8 * u32::from(argument),
            Self::High(argument) => 20 + 8 * u32::from(argument),
        }
    }
}

/// The program so far, its end first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    backwards: Vec<Instruction>,
    /// The last return of each value.
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    fn write(&mut self, code: u16, if_true: u8, if_false: u8, operand: u32) -> Label {
        self.backwards.push(Instruction {
            code,
            if_true,
            if_false,
            operand,
        });
        Label(self.backwards.len() - 1)
    }

    /// Instructions between the next one written and `label`.
    fn distance(&self, label: Label) -> usize {
        self.backwards.len() - label.0 - 1
    }

    /// `label`, or a jump to it within reach.
    fn near(&mut self, label: Label) -> Label {
        match self.distance(label) {
            0..=REACH => label,
            far => self.write(JUMP, 0, 0, far as u32),
        }
    }

    /// The end of the filter with this value: one that is within reach, or a new one.
    pub(super) fn ret(&mut self, value: u32) -> Label {
        let known = self.returns.iter().position(|(of, _)| *of == value);
        if let Some((_, label)) = known.and_then(|place| self.returns.get(place)).copied()
            && self.distance(label) <= REACH
        {
            return label;
        }
        let label = self.write(RETURN, 0, 0, value);
        match known.and_then(|place| self.returns.get_mut(place)) {
            Some(entry) => entry.1 = label,
            None => self.returns.push((value, label)),
        }
        label
    }

    /// Goes on at `next`: where the last instruction is not it, jumps there.
    fn falls_to(&mut self, next: Label) {
        match self.distance(next) {
            0 => {}
            far => {
                self.write(JUMP, 0, 0, far as u32);
            }
        }
    }

    /// Loads `what`, then `next`.
    pub(super) fn load(&mut self, what: Load, next: Label) -> Label {
        self.falls_to(next);
        self.write(LOAD, 0, 0, what.offset())
    }

    /// Keeps the bits of `mask`, then `next`.
    pub(super) fn mask(&mut self, mask: u32, next: Label) -> Label {
        if mask == u32::MAX {
            return next;
        }
        self.falls_to(next);
        self.write(AND, 0, 0, mask)
    }

    pub(super) fn if_equal(&mut self, value: u32, yes: Label, no: Label) -> Label {
        self.branch(IF_EQUAL, value, yes, no)
    }

    pub(super) fn if_greater(&mut self, value: u32, yes: Label, no: Label) -> Label {
        self.branch(IF_GREATER, value, yes, no)
    }

    pub(super) fn if_at_least(&mut self, value: u32, yes: Label, no: Label) -> Label {
        self.branch(IF_AT_LEAST, value, yes, no)
    }

    fn branch(&mut self, code: u16, value: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let yes = self.near(yes);
        let no = self.near(no);
        // Both are at most one further away than REACH now, which the fields still hold.
        let (to_yes, to_no) = (self.distance(yes), self.distance(no));
        self.write(code, to_yes as u8, to_no as u8, value)
    }

    /// The program, its beginning first.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.backwards.reverse();
        self.backwards
    }
}
