//! The words of `linux.seccomp`.

use super::rules::{Action, Operator};

/// `SECCOMP_FILTER_FLAG_*` (linux/seccomp.h).
pub mod flag {
    /// Actions but SCMP_ACT_ALLOW are logged.
    pub const LOG: u32 = 1 << 1;
    /// No speculative store bypass mitigation because of the filter.
    pub const SPEC_ALLOW: u32 = 1 << 2;
    /// A notified system call can be interrupted by fatal signals alone (since Linux 5.19).
    pub const WAIT_KILLABLE_RECV: u32 = 1 << 5;
}

/// Names of flags with what they are for the kernel. `TSYNC` needs nothing: a process that loads
/// a filter has one thread.
pub(super) const FLAGS: [(&str, u32); 4] = [
    ("SECCOMP_FILTER_FLAG_TSYNC", 0),
    ("SECCOMP_FILTER_FLAG_LOG", flag::LOG),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", flag::SPEC_ALLOW),
    (
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        flag::WAIT_KILLABLE_RECV,
    ),
];

/// EPERM, where `errnoRet` says nothing.
const EPERM: u16 = 1;

/// Actions, with the number they have where `errnoRet` says nothing. `KILL` is an old name.
pub(super) const ACTIONS: [(&str, Action); 9] = [
    ("SCMP_ACT_ALLOW", Action::Allow),
    ("SCMP_ACT_ERRNO", Action::Errno(EPERM)),
    ("SCMP_ACT_KILL", Action::KillThread),
    ("SCMP_ACT_KILL_PROCESS", Action::KillProcess),
    ("SCMP_ACT_KILL_THREAD", Action::KillThread),
    ("SCMP_ACT_LOG", Action::Log),
    ("SCMP_ACT_NOTIFY", Action::Notify),
    ("SCMP_ACT_TRACE", Action::Trace(EPERM)),
    ("SCMP_ACT_TRAP", Action::Trap),
];

pub(super) const OPERATORS: [(&str, Operator); 7] = [
    ("SCMP_CMP_EQ", Operator::Equal),
    ("SCMP_CMP_GE", Operator::GreaterOrEqual),
    ("SCMP_CMP_GT", Operator::Greater),
    ("SCMP_CMP_LE", Operator::LessOrEqual),
    ("SCMP_CMP_LT", Operator::Less),
    ("SCMP_CMP_MASKED_EQ", Operator::MaskedEqual),
    ("SCMP_CMP_NE", Operator::NotEqual),
];

/// An architecture of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64
    X86_64,
    /// x86-64 with pointers of 32 bits
    X32,
    /// i386
    X86,
    /// 64-bit ARM
    Aarch64,
    /// 32-bit ARM (EABI)
    Arm,
    /// One that only machines have for which there is no table of system calls yet.
    Foreign,
}

pub(super) const ARCHITECTURES: [(&str, Architecture); 23] = [
    ("SCMP_ARCH_AARCH64", Architecture::Aarch64),
    ("SCMP_ARCH_ARM", Architecture::Arm),
    ("SCMP_ARCH_LOONGARCH64", Architecture::Foreign),
    ("SCMP_ARCH_M68K", Architecture::Foreign),
    ("SCMP_ARCH_MIPS", Architecture::Foreign),
    ("SCMP_ARCH_MIPS64", Architecture::Foreign),
    ("SCMP_ARCH_MIPS64N32", Architecture::Foreign),
    ("SCMP_ARCH_MIPSEL", Architecture::Foreign),
    ("SCMP_ARCH_MIPSEL64", Architecture::Foreign),
    ("SCMP_ARCH_MIPSEL64N32", Architecture::Foreign),
    ("SCMP_ARCH_PARISC", Architecture::Foreign),
    ("SCMP_ARCH_PARISC64", Architecture::Foreign),
    ("SCMP_ARCH_PPC", Architecture::Foreign),
    ("SCMP_ARCH_PPC64", Architecture::Foreign),
    ("SCMP_ARCH_PPC64LE", Architecture::Foreign),
    ("SCMP_ARCH_RISCV64", Architecture::Foreign),
    ("SCMP_ARCH_S390", Architecture::Foreign),
    ("SCMP_ARCH_S390X", Architecture::Foreign),
    ("SCMP_ARCH_SH", Architecture::Foreign),
    ("SCMP_ARCH_SHEB", Architecture::Foreign),
    ("SCMP_ARCH_X32", Architecture::X32),
    ("SCMP_ARCH_X86", Architecture::X86),
    ("SCMP_ARCH_X86_64", Architecture::X86_64),
];

/// The names of all actions (features-linux.md, `linux.seccomp.actions`).
pub fn action_names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

/// The names of all operators (features-linux.md, `linux.seccomp.operators`).
pub fn operator_names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

/// The names of all architectures (features-linux.md, `linux.seccomp.archs`).
pub fn architecture_names() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().map(|(name, _)| *name)
}

/// The names of all flags, with their bits (features-linux.md, `linux.seccomp.knownFlags`).
pub fn flag_names() -> impl Iterator<Item = (&'static str, u32)> {
    FLAGS.iter().copied()
}
