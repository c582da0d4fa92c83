//! `linux.seccomp`, field by field.

use serde_json::{Value, json};

use super::linux::linux;
use crate::config::linux::seccomp::{
    Action, Architecture, Condition, Operator, Seccomp, action_names, flag,
};

fn seccomp(members: Value) -> Seccomp {
    let mut profile = json!({"defaultAction": "SCMP_ACT_ALLOW"});
    for (key, value) in members.as_object().unwrap() {
        profile[key] = value.clone();
    }
    linux(&json!({"seccomp": profile})).seccomp.unwrap()
}

fn action(members: Value) -> Action {
    let mut rule = json!({"names": ["read"]});
    for (key, value) in members.as_object().unwrap() {
        rule[key] = value.clone();
    }
    let profile = json!({"syscalls": [rule], "listenerPath": "/run/agent"});
    seccomp(profile).rules[0].action
}

#[test]
fn actions_with_their_numbers() {
    for (name, wanted) in [
        ("SCMP_ACT_KILL", Action::KillThread),
        ("SCMP_ACT_KILL_THREAD", Action::KillThread),
        ("SCMP_ACT_KILL_PROCESS", Action::KillProcess),
        ("SCMP_ACT_TRAP", Action::Trap),
        ("SCMP_ACT_ERRNO", Action::Errno(1)),
        ("SCMP_ACT_TRACE", Action::Trace(1)),
        ("SCMP_ACT_ALLOW", Action::Allow),
        ("SCMP_ACT_LOG", Action::Log),
        ("SCMP_ACT_NOTIFY", Action::Notify),
    ] {
        assert_eq!(action(json!({"action": name})), wanted, "{name}");
        assert!(action_names().any(|known| known == name));
    }
    let errno = json!({"action": "SCMP_ACT_ERRNO", "errnoRet": 0});
    assert_eq!(action(errno), Action::Errno(0));
    let trace = json!({"action": "SCMP_ACT_TRACE", "errnoRet": 65535});
    assert_eq!(action(trace), Action::Trace(65535));
    let null = json!({"action": "SCMP_ACT_KILL", "errnoRet": null});
    assert_eq!(action(null), Action::KillThread);
    let default = json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38});
    assert_eq!(seccomp(default).default_action, Action::Errno(38));
}

#[test]
fn absent_flags_are_not_the_same_as_none() {
    let flags = |flags: Value| seccomp(json!({"flags": flags})).flags;
    assert_eq!(seccomp(json!({})).flags, flag::SPEC_ALLOW);
    assert_eq!(flags(json!([])), 0);
    assert_eq!(flags(json!(["SECCOMP_FILTER_FLAG_TSYNC"])), 0);
    let two = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"];
    assert_eq!(flags(json!(two)), flag::LOG | flag::SPEC_ALLOW);
}

#[test]
fn a_flag_that_the_kernel_would_refuse_is_left_out_with_a_warning() {
    let flags = json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
    let alone = json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "flags": flags}});
    let config = linux(&alone);
    assert_eq!(config.seccomp.unwrap().flags, 0);
    assert!(config.warnings[0].starts_with("/linux/seccomp/flags/0: has no effect"));
    let notify = json!([{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]);
    let both = json!({"flags": flags, "syscalls": notify, "listenerPath": "/run/agent"});
    assert_eq!(seccomp(both).flags, flag::WAIT_KILLABLE_RECV);
}

#[test]
fn a_listener_counts_only_where_a_rule_notifies() {
    let ignored = json!({"listenerPath": "/run/agent", "listenerMetadata": "x"});
    assert_eq!(seccomp(ignored).listener, None);
    let notify = json!([{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]);
    let profile = json!({"listenerPath": "/run/agent", "syscalls": notify});
    let listener = seccomp(profile).listener.unwrap();
    assert_eq!(
        (listener.path.as_str(), listener.metadata),
        ("/run/agent", None)
    );
}

#[test]
fn conditions_hold_any_number_of_64_bits() {
    let args = json!([{"index": 5, "value": u64::MAX, "valueTwo": 7, "op": "SCMP_CMP_LE"}]);
    let rule = json!({"names": ["read"], "action": "SCMP_ACT_TRAP", "args": args});
    let profile =
        json!({"architectures": ["SCMP_ARCH_S390X", "SCMP_ARCH_ARM"], "syscalls": [rule]});
    let seccomp = seccomp(profile);
    let condition = Condition {
        index: 5,
        operator: Operator::LessOrEqual,
        value: u64::MAX,
        value_two: 7,
    };
    assert_eq!(seccomp.rules[0].conditions, [condition]);
    let architectures = [Architecture::Foreign, Architecture::Arm];
    assert_eq!(seccomp.architectures, architectures);
}
