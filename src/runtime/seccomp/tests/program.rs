//! The program itself: its length, the way through it, and rules that meet.

use serde_json::{Value, json};

use super::calls::read;
use super::interpreter::{self, Call};
use super::profiles::{For, docker};
use crate::config::linux::seccomp::Architecture;
use crate::seccomp::{compile, decisions_audit};

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0;

fn run(profile: &Value, number: u32, arguments: [u64; 6]) -> (u32, usize) {
    let program = compile(&read(profile), Architecture::X86_64).program;
    interpreter::check(&program);
    let audit = decisions_audit(Architecture::X86_64);
    let call = Call {
        number,
        audit,
        arguments,
    };
    interpreter::run(&program, &call)
}

#[test]
fn the_filter_of_a_default_profile_is_short_to_run() {
    let profile = docker(For {
        machine: "amd64",
        capabilities: &["CAP_SYS_CHROOT"],
    });
    let program = compile(&read(&profile), Architecture::X86_64).program;
    // 653 were measured to load in a quarter of the time of libseccomp's 1,001.
    assert!(program.len() < 700, "{} instructions", program.len());
    for number in 0..470 {
        let (decision, steps) = run(&profile, number, [0; 6]);
        // 2^8 runs and their leaves; conditions come on top.
        assert!(
            steps <= 16,
            "{steps} instructions for {number}: {decision:#x}"
        );
    }
}

#[test]
fn far_targets_are_reached() {
    // So many conditions lie between the two ends of the tree.
    let conditional = |value: u64| {
        let args = json!([
            {"index": 0, "value": value << 32 | value, "op": "SCMP_CMP_GT"},
            {"index": 1, "value": value, "op": "SCMP_CMP_NE"},
        ]);
        json!({"names": ["ioctl"], "action": "SCMP_ACT_TRAP", "args": args})
    };
    let mut rules: Vec<Value> = (1..200).map(conditional).collect();
    rules.push(json!({"names": ["read", "openat2"], "action": "SCMP_ACT_ALLOW"}));
    let profile = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules});
    assert_eq!(run(&profile, 0, [0; 6]).0, ALLOW);
    assert_eq!(run(&profile, 437, [0; 6]).0, ALLOW);
    assert_eq!(run(&profile, 438, [0; 6]).0, ENOSYS);
    assert_eq!(run(&profile, 16, [0; 6]).0, EPERM);
    assert_eq!(run(&profile, 16, [u64::MAX, 0, 0, 0, 0, 0]).0, 0x0003_0000);
    assert_eq!(run(&profile, 16, [200 << 32, 1, 0, 0, 0, 0]).0, 0x0003_0000);
}

#[test]
fn of_rules_that_meet_the_first_counts_and_one_without_conditions_before_all() {
    let equal = |value: u64| json!([{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}]);
    let trap = json!({"names": ["ioctl"], "action": "SCMP_ACT_TRAP", "args": equal(1)});
    let allow = json!({
        "names": ["ioctl"],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}],
    });
    let kill = json!({"names": ["ioctl"], "action": "SCMP_ACT_KILL"});
    let log = json!({"names": ["ioctl"], "action": "SCMP_ACT_LOG"});
    for (rules, decision) in [
        (json!([trap, allow]), 0x0003_0000),
        (json!([allow, trap]), ALLOW),
        (json!([trap, kill, log]), KILL),
        (json!([allow, log, kill]), 0x7ffc_0000),
    ] {
        let profile = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules});
        assert_eq!(run(&profile, 16, [1, 2, 0, 0, 0, 0]).0, decision, "{rules}");
    }
}

#[test]
fn newer_system_calls_are_missing_unless_the_default_permits() {
    for (action, decision) in [
        ("SCMP_ACT_ERRNO", ENOSYS),
        ("SCMP_ACT_KILL", ENOSYS),
        ("SCMP_ACT_KILL_PROCESS", ENOSYS),
        ("SCMP_ACT_TRAP", ENOSYS),
        ("SCMP_ACT_ALLOW", ALLOW),
        ("SCMP_ACT_LOG", 0x7ffc_0000),
        ("SCMP_ACT_TRACE", 0x7ff0_0001),
    ] {
        let rules = json!([{"names": ["openat2"], "action": "SCMP_ACT_ALLOW"}]);
        let profile = json!({"defaultAction": action, "syscalls": rules});
        assert_eq!(run(&profile, 437, [0; 6]).0, ALLOW);
        assert_eq!(run(&profile, 438, [0; 6]).0, decision, "{action}");
        // Of an architecture of which nothing is named, nothing is newer.
        let empty = json!({"defaultAction": action});
        assert_ne!(run(&empty, 438, [0; 6]).0, ENOSYS, "{action}");
    }
}
