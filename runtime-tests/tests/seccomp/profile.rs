//! A default profile as a whole.

use crate::errno_of;
use libc::{ENOSYS, EPERM, SYS_acct, SYS_swapon};
use runtime_tests::{Test, Value, conformance, json};

/// Docker's default profile for an ordinary container on x86-64.
fn docker() -> Value {
    let text = include_str!("../../../src/runtime/seccomp/tests/profiles/docker.json");
    let mut profile: Value = serde_json::from_str(text).unwrap();
    let rules = profile["syscalls"].as_array_mut().unwrap();
    rules.retain(|rule| {
        let wanted = &rule["includes"];
        let here = wanted["arches"]
            .as_array()
            .is_none_or(|list| list.contains(&json!("amd64")));
        here && wanted["caps"].is_null()
    });
    for rule in rules {
        let rule = rule.as_object_mut().unwrap();
        rule.retain(|key, _| !key.ends_with("cludes"));
    }
    profile.as_object_mut().unwrap().remove("archMap");
    profile["architectures"] = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    profile
}

fn needs_x86_64(t: &Test) {
    if cfg!(not(target_arch = "x86_64")) {
        t.skip("the profile here is that for x86-64");
    }
}

#[test]
fn an_ordinary_container_lives_under_dockers_default_profile() {
    conformance(|t| {
        needs_x86_64(t);
        for no_new_privileges in [true, false] {
            let bundle = t
                .bundle()
                .set("/linux/seccomp", docker())
                .set("/process/noNewPrivileges", json!(no_new_privileges))
                .set("/process/user", json!({"uid": 1000, "gid": 1000}))
                .args(["/bin/probe", "sleep"]);
            let container = t.start(&bundle);
            let exec = container.exec(["/bin/sh", "-c", "cat /proc/self/comm | cat"]);
            assert_eq!(exec.expect_success().stdout(), "cat\n");
        }
    });
}

#[test]
fn what_it_does_not_allow_is_eperm() {
    conformance(|t| {
        needs_x86_64(t);
        let bundle = t.bundle().set("/linux/seccomp", docker());
        for number in [SYS_swapon, SYS_acct] {
            assert_eq!(errno_of(t, &bundle, number, [0; 3]), EPERM);
        }
    });
}

#[test]
fn what_is_newer_than_it_is_enosys() {
    conformance(|t| {
        needs_x86_64(t);
        let bundle = t.bundle().set("/linux/seccomp", docker());
        assert_eq!(errno_of(t, &bundle, 500, [0; 3]), ENOSYS);
    });
}

#[test]
fn names_that_nobody_knows_are_left_out() {
    conformance(|t| {
        let rules = json!([{"names": ["no_such_call", "getppid"], "action": "SCMP_ACT_ERRNO"}]);
        let bundle = crate::with_rules(t, rules);
        assert_eq!(errno_of(t, &bundle, libc::SYS_getppid, [0; 3]), EPERM);
    });
}
