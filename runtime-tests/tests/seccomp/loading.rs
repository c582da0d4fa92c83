//! When a filter is loaded, and by whom it is inherited.

use crate::{MARK, mark, with_rules};
use libc::SYS_getsid;
use runtime_tests::{Kind, conformance, json};

#[test]
fn with_and_without_new_privileges_as_root_and_as_a_user() {
    conformance(|t| {
        for no_new_privileges in [true, false] {
            for uid in [0, 1000] {
                let bundle = with_rules(t, json!([mark("getsid", json!([]))]))
                    .set("/process/noNewPrivileges", json!(no_new_privileges))
                    .set("/process/user", json!({"uid": uid, "gid": uid}));
                let status = t.facts(bundle)["status"].clone();
                assert_eq!(status["Seccomp"], "2");
                assert_eq!(status["Seccomp_filters"], "1");
                let expected = if no_new_privileges { "1" } else { "0" };
                assert_eq!(status["NoNewPrivs"], expected);
                // CAP_SYS_ADMIN, which loading may have taken, is gone.
                let bounding = status["CapBnd"].as_str().unwrap();
                let bounding = u64::from_str_radix(bounding, 16).unwrap();
                assert_eq!(bounding & (1 << 21), 0);
            }
        }
    });
}

#[test]
fn without_a_profile_there_is_no_filter() {
    conformance(|t| {
        let status = t.facts(t.bundle())["status"].clone();
        assert_eq!(status["Seccomp"], "0");
    });
}

#[test]
fn exec_has_the_filter_too() {
    conformance(|t| {
        for no_new_privileges in [true, false] {
            let bundle = with_rules(t, json!([mark("getsid", json!([]))]))
                .set("/process/noNewPrivileges", json!(no_new_privileges))
                .args(["/bin/probe", "sleep"]);
            let container = t.start(&bundle);
            let number = SYS_getsid.to_string();
            let exec = container.exec(["/bin/probe", "syscall", &number]);
            assert_eq!(exec.expect_success().json()["errno"], MARK);
        }
    });
}

#[test]
fn with_no_new_privileges_execve_alone_comes_after_the_filter() {
    conformance(|t| {
        t.only(Kind::Saya, "the peers do more after the filter is loaded");
        // What a static busybox needs to say something and to end.
        let names = [
            "execve",
            "brk",
            "mmap",
            "mprotect",
            "munmap",
            "arch_prctl",
            "set_tid_address",
            "set_robust_list",
            "rseq",
            "prlimit64",
            "readlink",
            "readlinkat",
            "getrandom",
            "prctl",
            "getuid",
            "getgid",
            "setuid",
            "setgid",
            "ioctl",
            "newfstatat",
            "fstat",
            "write",
            "writev",
            "exit_group",
        ];
        let profile = json!({
            "defaultAction": "SCMP_ACT_KILL",
            "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
        });
        let bundle = t
            .bundle()
            .set("/linux/seccomp", profile)
            .set("/process/noNewPrivileges", json!(true))
            .args(["/bin/echo", "alive"]);
        assert_eq!(t.run(&bundle).expect_success().stdout(), "alive\n");
    });
}

#[test]
fn the_flags_of_the_specification_are_taken() {
    conformance(|t| {
        for flags in [
            json!([]),
            json!(["SECCOMP_FILTER_FLAG_TSYNC"]),
            json!(["SECCOMP_FILTER_FLAG_LOG"]),
            json!(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]),
        ] {
            let bundle = with_rules(t, json!([mark("getsid", json!([]))]))
                .set("/linux/seccomp/flags", flags.clone());
            let status = t.facts(bundle)["status"].clone();
            assert_eq!(status["Seccomp"], "2", "{flags}");
        }
    });
}
