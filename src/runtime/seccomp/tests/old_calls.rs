//! socketcall(2) and ipc(2) of x86: what a rule for one of their calls means for them.

use serde_json::{Value, json};

use super::calls::read;
use super::interpreter::{self, Call};
use crate::config::linux::seccomp::Architecture;
use crate::seccomp::{compile, decisions_audit};

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const SOCKETCALL: u32 = 102;
const IPC: u32 = 117;

fn decide(rules: &Value, number: u32, arguments: [u64; 6]) -> u32 {
    let profile = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86"],
        "syscalls": rules,
    });
    let program = compile(&read(&profile), Architecture::X86_64).program;
    let audit = decisions_audit(Architecture::X86);
    let call = Call {
        number,
        audit,
        arguments,
    };
    interpreter::run(&program, &call).0
}

#[test]
fn a_rule_counts_for_the_old_and_the_new_way() {
    let rules = json!([{"names": ["socket", "recv", "semop"], "action": "SCMP_ACT_ALLOW"}]);
    // socket(2) has a number of its own, recv(2) and semop(2) never got one.
    assert_eq!(decide(&rules, 359, [0; 6]), ALLOW);
    for (number, call, decision) in [
        (SOCKETCALL, 1, ALLOW),
        (SOCKETCALL, 10, ALLOW),
        (SOCKETCALL, 2, EPERM),
        (IPC, 1, ALLOW),
        (IPC, 2, EPERM),
    ] {
        let found = decide(&rules, number, [call, 7, 7, 7, 7, 7]);
        assert_eq!(found, decision, "{number} {call}");
    }
}

#[test]
fn what_was_asked_of_the_first_argument_cannot_be_asked_the_old_way() {
    let rules = json!([{
        "names": ["socket"],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}],
    }]);
    assert_eq!(decide(&rules, 359, [40, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(decide(&rules, SOCKETCALL, [1, 40, 0, 0, 0, 0]), ALLOW);
    assert_eq!(decide(&rules, SOCKETCALL, [2, 40, 0, 0, 0, 0]), EPERM);
}
