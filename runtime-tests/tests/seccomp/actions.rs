//! What becomes of a system call.

use crate::{BAD_SYSTEM_CALL, MARK, errno_of, mark, with_rules};
use libc::{ENOSYS, EPERM, SYS_getppid, SYS_umask};
use runtime_tests::{Value, conformance, json};

fn rule(action: &str) -> Value {
    json!([{"names": ["getppid"], "action": action}])
}

#[test]
fn actions_that_kill_end_with_sigsys() {
    conformance(|t| {
        for action in [
            "SCMP_ACT_KILL",
            "SCMP_ACT_KILL_THREAD",
            "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_TRAP",
        ] {
            let number = SYS_getppid.to_string();
            let bundle = with_rules(t, rule(action)).args(["/bin/probe", "syscall", &number]);
            let run = t.run(&bundle);
            assert_eq!(run.status, BAD_SYSTEM_CALL, "{action}: {}", run.describe());
        }
    });
}

#[test]
fn actions_that_let_pass_let_pass() {
    conformance(|t| {
        for action in ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"] {
            let bundle = with_rules(t, rule(action));
            let errno = errno_of(t, &bundle, SYS_getppid, [0; 3]);
            assert!(errno.is_null(), "{action}: {errno}");
        }
    });
}

#[test]
fn an_errno_is_eperm_unless_it_is_named() {
    conformance(|t| {
        let bundle = with_rules(t, rule("SCMP_ACT_ERRNO"));
        assert_eq!(errno_of(t, &bundle, SYS_getppid, [0; 3]), EPERM);
        let bundle = with_rules(t, json!([mark("getppid", json!([]))]));
        assert_eq!(errno_of(t, &bundle, SYS_getppid, [0; 3]), MARK);
        assert!(errno_of(t, &bundle, SYS_umask, [0; 3]).is_null());
    });
}

#[test]
fn without_a_tracer_a_traced_call_is_missing() {
    conformance(|t| {
        let bundle = with_rules(t, rule("SCMP_ACT_TRACE"));
        assert_eq!(errno_of(t, &bundle, SYS_getppid, [0; 3]), ENOSYS);
    });
}

#[test]
fn several_rules_for_a_call_without_conditions_are_one() {
    conformance(|t| {
        let again = json!([mark("getppid", json!([])), mark("getppid", json!([]))]);
        assert_eq!(
            errno_of(t, &with_rules(t, again), SYS_getppid, [0; 3]),
            MARK
        );
    });
}
