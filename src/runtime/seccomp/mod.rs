//! `linux.seccomp` → a classic BPF program (`struct sock_filter`). Pure.
//!
//! [`compile`] resolves the names of system calls ([`syscalls`]), decides for every number of
//! every architecture what happens (`decisions`), and writes that down as a balanced search tree
//! (`tree`, with `conditions` at its leaves, all through the assembler `assembler`). The program
//! decides as libseccomp's does, which the tests prove by running both; beyond it, system calls
//! newer than the profile fail with ENOSYS, as in runc. Deliberately absent: loading the program
//! (see `sys::seccomp`), and reading the profile (see `config::linux`).

mod assembler;
mod conditions;
mod decisions;
pub mod syscalls;
mod table;
#[cfg(test)]
mod tests;
mod tree;

use crate::config::linux::seccomp::{Action, Architecture, Seccomp};
use crate::sys::seccomp::Instruction;
use assembler::{Assembler, Load};
#[cfg(test)]
use decisions::audit as decisions_audit;

/// The kernel's limit of a program's length (`BPF_MAXINSNS`).
pub const LONGEST: usize = 4096;

/// A filter.
#[derive(Debug)]
pub struct Filter {
    /// The program.
    pub program: Vec<Instruction>,
    /// Architectures whose system calls it decides about; those of others kill.
    pub architectures: Vec<Architecture>,
    /// Names that are no system call on any machine known here, with the number of their rule and
    /// their place in it.
    pub unknown: Vec<(usize, usize)>,
}

/// The architecture that this program runs on, if there is a table of its system calls.
pub const NATIVE: Option<Architecture> =
    if cfg!(all(target_arch = "x86_64", not(target_abi = "x32"))) {
        Some(Architecture::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Architecture::Aarch64)
    } else if cfg!(target_arch = "x86") {
        Some(Architecture::X86)
    } else if cfg!(target_arch = "arm") {
        Some(Architecture::Arm)
    } else {
        None
    };

/// `SECCOMP_RET_*` (linux/seccomp.h).
#[must_use]
pub fn return_value(action: Action) -> u32 {
    match action {
        Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno(errno) => 0x0005_0000 | u32::from(errno),
        Action::Notify => 0x7fc0_0000,
        Action::Trace(number) => 0x7ff0_0000 | u32::from(number),
        Action::Log => 0x7ffc_0000,
        Action::Allow => 0x7fff_0000,
    }
}

/// The filter of a profile on a machine of the architecture `native`, whose kernel can make system
/// calls of `native` and its like (x86 and x32 for x86-64, arm for aarch64). Rules for others are
/// left out: no process there could ever come upon them.
#[must_use]
pub fn compile(profile: &Seccomp, native: Architecture) -> Filter {
    let architectures: Vec<Architecture> = kin(native)
        .iter()
        .copied()
        .filter(|one| *one == native || profile.architectures.contains(one))
        .collect();
    let (sections, unknown) = decisions::decide(profile, &architectures);
    let mut assembler = Assembler::default();
    // Written backwards, see `assembler`: the last resort first, the look at the architecture last.
    let mut next = assembler.ret(return_value(Action::KillThread));
    for section in sections.iter().rev() {
        let tree = tree::write(&mut assembler, section);
        let entry = assembler.load(Load::Number, tree);
        next = assembler.if_equal(section.audit, entry, next);
    }
    assembler.load(Load::Architecture, next);
    Filter {
        program: assembler.finish(),
        architectures,
        unknown,
    }
}

/// What the kernel of a machine runs, the machine's own first.
const fn kin(native: Architecture) -> &'static [Architecture] {
    match native {
        Architecture::X86_64 | Architecture::X32 => {
            &[Architecture::X86_64, Architecture::X32, Architecture::X86]
        }
        Architecture::X86 => &[Architecture::X86],
        Architecture::Aarch64 => &[Architecture::Aarch64, Architecture::Arm],
        Architecture::Arm => &[Architecture::Arm],
        Architecture::Foreign => &[],
    }
}
