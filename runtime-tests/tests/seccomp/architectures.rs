//! System calls made as i386 makes them, on x86-64.

use crate::{BAD_SYSTEM_CALL, MARK, mark, with_rules};
use runtime_tests::{Bundle, Output, Test, conformance, json};

/// getppid(2) on i386.
fn old_getppid(t: &Test, bundle: Bundle) -> Output {
    t.run(&bundle.args(["/bin/probe", "syscall32", "64"]))
}

fn needs_i386(t: &Test) {
    if cfg!(not(target_arch = "x86_64")) {
        t.skip("only x86-64 makes system calls of i386");
    }
    let plain = old_getppid(t, t.bundle());
    if plain.json()["errno"] != json!(null) {
        t.skip("this kernel makes no system calls of i386 (CONFIG_IA32_EMULATION)");
    }
}

#[test]
fn a_declared_architecture_has_the_rules_under_its_own_numbers() {
    conformance(|t| {
        needs_i386(t);
        let bundle = with_rules(t, json!([mark("getppid", json!([]))])).set(
            "/linux/seccomp/architectures",
            json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]),
        );
        let run = old_getppid(t, bundle.clone()).expect_success();
        assert_eq!(run.json()["errno"], MARK);
        // 20 is getpid there.
        let other = t.run(&bundle.args(["/bin/probe", "syscall32", "20"]));
        assert_eq!(other.expect_success().json()["returned"], 1);
    });
}

#[test]
fn an_architecture_that_is_not_declared_is_killed() {
    conformance(|t| {
        needs_i386(t);
        let bundle = with_rules(t, json!([mark("getppid", json!([]))]));
        let run = old_getppid(t, bundle);
        assert_eq!(run.status, BAD_SYSTEM_CALL, "{}", run.describe());
    });
}
