//! The same decision as libseccomp's program and as the plain reading, for every number on every
//! architecture.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::calls::{Random, calls, numbers_of, read};
use super::interpreter;
use super::meaning::{self, Meaning};
use super::oracle::Oracle;
use super::profiles::{For, containerd, docker, podman};
use crate::config::linux::seccomp::{Action, Architecture, Condition, Operator, Seccomp};
use crate::seccomp::{compile, return_value, syscalls};

const MACHINES: [(&str, &str, Architecture); 2] = [
    ("amd64", "SCMP_ARCH_X86_64", Architecture::X86_64),
    ("arm64", "SCMP_ARCH_AARCH64", Architecture::Aarch64),
];

/// Compares our program with the plain reading and, where there is one, with libseccomp's. What
/// libseccomp lacks is the ENOSYS for newer system calls, which the plain reading has.
fn compare(profile: &Value, machine: (&str, Architecture), oracle: Option<&mut Oracle>, seed: u64) {
    let (name, native) = machine;
    let mut profile = profile.clone();
    let theirs = oracle.map(|oracle| {
        oracle.cut(&mut profile);
        oracle.compile(&profile, name)
    });
    let read = read(&profile);
    let ours = compile(&read, native).program;
    interpreter::check(&ours);
    let meaning = Meaning::of(&read, native);
    let intricate = intricate(&read);
    for call in calls(&read, &mut Random(seed), 60) {
        let (decision, steps) = interpreter::run(&ours, &call);
        let meant = meaning.decide(&call);
        if meaning::covers(&call) {
            assert_eq!(decision, meant, "{call:x?} of seed {seed}: {profile}");
        }
        assert!(steps < 200, "{steps} instructions for {call:x?}");
        let enosys = return_value(Action::Errno(libc::ENOSYS as u16));
        if let Some(theirs) = &theirs
            && !(decision == enosys && meant == enosys)
            && !intricate.contains(&call.number)
        {
            let (wanted, _) = interpreter::run(theirs, &call);
            assert_eq!(
                decision, wanted,
                "libseccomp: {call:x?} of seed {seed}: {profile}"
            );
        }
    }
}

/// Numbers of system calls with several rules, of which not all ask for one value of one argument:
/// libseccomp (2.5.4) merges such rules into one tree and then gets some calls wrong (where
/// `arg1 >= 0x74c28…` or `arg1 < 6` is asked, 0xc76bfea7 passes). The plain reading stands alone.
fn intricate(profile: &Seccomp) -> BTreeSet<u32> {
    let mut rules: BTreeMap<&str, Vec<&[Condition]>> = BTreeMap::new();
    for rule in profile
        .rules
        .iter()
        .filter(|rule| !rule.conditions.is_empty())
    {
        for name in &rule.names {
            rules.entry(name).or_default().push(&rule.conditions);
        }
    }
    let is_plain = |rules: &[&[Condition]]| match rules {
        [conditions] => {
            let of = |index| conditions.iter().filter(|one| one.index == index).count();
            (0..6).all(|index| of(index) <= 1)
        }
        _ => rules
            .iter()
            .all(|rule| matches!(rule, [one] if one.operator == Operator::Equal)),
    };
    let mut numbers = BTreeSet::new();
    for (name, _) in rules.iter().filter(|(_, rules)| !is_plain(rules)) {
        numbers.extend(numbers_of(name));
        numbers.extend(syscalls::multiplexed(name).map(|(number, _)| number));
    }
    numbers
}

#[test]
fn the_default_profiles() {
    let mut oracle = Oracle::new();
    const ALL: &[&str] = &["CAP_SYS_ADMIN", "CAP_SYS_NICE", "CAP_BPF", "CAP_PERFMON"];
    for (machine, name, native) in MACHINES {
        for capabilities in [&["CAP_SYS_CHROOT"] as &[&str], ALL] {
            let whom = For {
                machine,
                capabilities,
            };
            for profile in [docker(whom), podman(whom), containerd(whom)] {
                compare(&profile, (name, native), oracle.as_mut(), 1);
                // Without a cut: names that libseccomp does not know.
                compare(&profile, (name, native), None, 2);
            }
        }
    }
}

/// A profile in which the rules of one system call that could hold together have one action: what
/// else would happen is not defined.
fn random_profile(random: &mut Random, architectures: &[&str]) -> Value {
    const NAMES: [&str; 22] = [
        "read",
        "write",
        "openat",
        "clone",
        "personality",
        "ioctl",
        "mmap",
        "mmap2",
        "futex",
        "kill",
        "getpid",
        "socket",
        "bind",
        "accept4",
        "recv",
        "shmget",
        "msgrcv",
        "semop",
        "close_range",
        "openat2",
        "uname",
        "prctl",
    ];
    let mut names = NAMES.to_vec();
    let mut rules = Vec::new();
    while !names.is_empty() && rules.len() < 30 {
        let name = names.swap_remove(random.below(names.len()));
        let action = action(random);
        let several = random.below(3) * random.below(2);
        for _ in 0..=several {
            let mut rule = action.clone();
            rule["names"] = json!([name]);
            // With conditions on the old calls of x86, libseccomp's program for x86 can lack the load
            // of the number; see `tests::old_calls` for them.
            if syscalls::multiplexed(name).is_none() {
                rule["args"] = arguments(random);
            }
            rules.push(rule);
        }
    }
    let chosen = architectures.iter().filter(|_| random.below(2) == 0);
    let mut profile = json!({
        "architectures": chosen.collect::<Vec<_>>(),
        "syscalls": rules,
    });
    let default = action(random);
    profile["defaultAction"] = default["action"].clone();
    if let Some(errno) = default.get("errnoRet") {
        profile["defaultErrnoRet"] = errno.clone();
    }
    profile
}

fn action(random: &mut Random) -> Value {
    match random.below(9) {
        0 => json!({"action": "SCMP_ACT_KILL"}),
        1 => json!({"action": "SCMP_ACT_KILL_PROCESS"}),
        2 => json!({"action": "SCMP_ACT_TRAP"}),
        3 => json!({"action": "SCMP_ACT_TRACE", "errnoRet": random.below(65536)}),
        4 => json!({"action": "SCMP_ACT_LOG"}),
        5 => json!({"action": "SCMP_ACT_ERRNO"}),
        6 => json!({"action": "SCMP_ACT_ERRNO", "errnoRet": random.below(4096)}),
        _ => json!({"action": "SCMP_ACT_ALLOW"}),
    }
}

fn arguments(random: &mut Random) -> Value {
    const OPERATORS: [&str; 7] = [
        "SCMP_CMP_NE",
        "SCMP_CMP_LT",
        "SCMP_CMP_LE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_MASKED_EQ",
    ];
    let conditions = (0..random.below(4)).map(|_| {
        let value = match random.below(4) {
            0 => random.next(),
            1 => random.next() & 0xffff_ffff,
            2 => random.next() << 32,
            _ => random.below(20) as u64,
        };
        let second = random.next() & value;
        let index = random.below(6);
        json!({"index": index, "value": value, "valueTwo": second, "op": random.one(&OPERATORS)})
    });
    Value::Array(conditions.collect())
}

#[test]
fn random_profiles() {
    let seed = std::env::var("SAYA_TEST_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_121);
    let rounds = std::env::var("SAYA_TEST_ROUNDS").ok();
    let rounds: u64 = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(40);
    let mut oracle = Oracle::new();
    for round in 0..rounds {
        let seed = seed + round;
        let mut random = Random(seed);
        let (_, name, native) = *random.one(&MACHINES);
        let architectures: &[&str] = match native {
            Architecture::X86_64 => &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            _ => &["SCMP_ARCH_ARM", "SCMP_ARCH_RISCV64"],
        };
        let profile = random_profile(&mut random, architectures);
        compare(&profile, (name, native), oracle.as_mut(), seed);
    }
}
