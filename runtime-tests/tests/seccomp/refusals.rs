//! Profiles that no container is started with.

use crate::with_rules;
use runtime_tests::{Bundle, Test, Value, conformance, json};

#[track_caller]
fn refused(t: &Test, bundle: &Bundle) {
    let _ = t.run(&bundle.clone().args(["/bin/true"])).expect_failure();
}

fn rule(changes: Value) -> Value {
    let mut rule = json!({"names": ["getppid"], "action": "SCMP_ACT_ERRNO"});
    for (key, value) in changes.as_object().unwrap() {
        rule[key] = value.clone();
    }
    json!([rule])
}

#[test]
fn unknown_words() {
    conformance(|t| {
        refused(t, &with_rules(t, rule(json!({"action": "SCMP_ACT_DENY"}))));
        let args = json!([{"index": 0, "value": 1, "op": "SCMP_CMP_IN"}]);
        refused(t, &with_rules(t, rule(json!({"args": args}))));
        let plain = || with_rules(t, rule(json!({})));
        let architecture = json!(["SCMP_ARCH_PDP11"]);
        refused(
            t,
            &plain().set("/linux/seccomp/architectures", architecture),
        );
        refused(
            t,
            &plain().set("/linux/seccomp/defaultAction", json!("ALLOW")),
        );
        let flags = json!(["SECCOMP_FILTER_FLAG_FAST"]);
        refused(t, &plain().set("/linux/seccomp/flags", flags));
    });
}

#[test]
fn an_errno_of_an_action_that_returns_none() {
    conformance(|t| {
        let wrong = json!({"action": "SCMP_ACT_KILL", "errnoRet": 1});
        refused(t, &with_rules(t, rule(wrong)));
        let default =
            with_rules(t, rule(json!({}))).set("/linux/seccomp/defaultErrnoRet", json!(1));
        refused(t, &default);
    });
}

#[test]
fn an_empty_profile() {
    conformance(|t| {
        refused(t, &t.bundle().set("/linux/seccomp", json!({})));
        refused(
            t,
            &t.bundle()
                .set("/linux/seccomp", json!({"defaultAction": ""})),
        );
    });
}

#[test]
fn notifications_that_could_not_work() {
    conformance(|t| {
        let notify = |name: &str| rule(json!({"names": [name], "action": "SCMP_ACT_NOTIFY"}));
        refused(t, &with_rules(t, notify("getppid")));
        let path = json!("/run/agent.sock");
        let write = with_rules(t, notify("write")).set("/linux/seccomp/listenerPath", path.clone());
        let run = t.run(&write.args(["/bin/true"])).expect_failure();
        let _ = run.expect_stderr("SCMP_ACT_NOTIFY cannot be used for the write syscall");
        let default = json!({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": path});
        refused(t, &t.bundle().set("/linux/seccomp", default));
        let nobody = with_rules(t, notify("getppid")).set("/linux/seccomp/listenerPath", path);
        let run = t.run(&nobody.args(["/bin/true"])).expect_failure();
        let _ = run.expect_stderr("failed to connect with seccomp agent");
        let abstract_name =
            with_rules(t, notify("getppid")).set("/linux/seccomp/listenerPath", json!("@agent"));
        refused(t, &abstract_name);
    });
}
