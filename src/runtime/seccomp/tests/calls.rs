//! The system calls that a filter is asked about.

use serde_json::Value;

use super::super::decisions_audit;
use super::interpreter::Call;
use crate::config::linux::seccomp::{Architecture, Seccomp};
use crate::seccomp::syscalls::{self, X32_BIT};

/// A small generator (SplitMix64), so that a run can be repeated by its seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Every number that could matter, on every architecture.
pub(super) fn numbers() -> Vec<(u32, u32)> {
    const FOREIGN: u32 = 0x8000_0016;
    let audits = [
        Architecture::X86_64,
        Architecture::X86,
        Architecture::Aarch64,
        Architecture::Arm,
    ]
    .map(decisions_audit);
    let mut numbers: Vec<u32> = (0..520).collect();
    numbers.extend(0xf_0000..0xf_0008);
    numbers.extend((0..560).map(|number| number | X32_BIT));
    numbers.extend([
        1023,
        0x7fff,
        0xffff,
        X32_BIT - 1,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fffe,
        u32::MAX,
    ]);
    let audits = audits.into_iter().chain([FOREIGN]);
    audits
        .flat_map(|audit| numbers.iter().map(move |number| (audit, *number)))
        .collect()
}

/// Values around those that the profile compares with.
pub(super) fn boundaries(profile: &Seccomp) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX, u64::from(u32::MAX), 1 << 32, 1 << 63];
    for rule in &profile.rules {
        for condition in &rule.conditions {
            for value in [condition.value, condition.value_two] {
                values.extend([value.wrapping_sub(1), value, value.wrapping_add(1)]);
                values.extend([value ^ (1 << 32), value | (1 << 63), !value]);
                values.extend([value & 0xffff_ffff, value.rotate_right(32)]);
            }
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

/// Calls with arguments around the boundaries: every number with some, those with conditions with
/// many.
pub(super) fn calls(profile: &Seccomp, random: &mut Random, many: usize) -> Vec<Call> {
    let values = boundaries(profile);
    let looked_at = looked_at(profile);
    let mut calls = Vec::new();
    for (audit, number) in numbers() {
        let rounds = if looked_at.contains(&number) { many } else { 1 };
        for _ in 0..rounds {
            let arguments = std::array::from_fn(|_| match random.below(8) {
                0 => random.next(),
                1 => random.below(30) as u64,
                _ => *random.one(&values),
            });
            calls.push(Call {
                number,
                audit,
                arguments,
            });
        }
    }
    calls
}

/// Numbers of system calls with conditions, of any architecture.
fn looked_at(profile: &Seccomp) -> Vec<u32> {
    let conditional = profile
        .rules
        .iter()
        .filter(|rule| !rule.conditions.is_empty());
    let names = conditional.flat_map(|rule| &rule.names);
    let old = [syscalls::SOCKETCALL, syscalls::IPC];
    old.into_iter()
        .chain(names.flat_map(|name| numbers_of(name)))
        .collect()
}

/// The numbers of a system call, of any architecture.
pub(super) fn numbers_of(name: &str) -> Vec<u32> {
    const ALL: [Architecture; 5] = [
        Architecture::X86_64,
        Architecture::X32,
        Architecture::X86,
        Architecture::Aarch64,
        Architecture::Arm,
    ];
    let call = syscalls::find(name);
    let number = |architecture| call.and_then(|call| call.number(architecture));
    ALL.into_iter().filter_map(number).collect()
}

/// The profile as the reader sees it.
pub(super) fn read(profile: &Value) -> Seccomp {
    let document = serde_json::json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "linux": {"seccomp": profile},
    });
    let config = crate::config::Config::from_spec(&document, "/").unwrap();
    config.seccomp.unwrap()
}
