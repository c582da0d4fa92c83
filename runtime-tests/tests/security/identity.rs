//! Users, groups, capabilities and signals are exactly those asked for.

use runtime_tests::{Exit, conformance, json, process, sys};
use std::fs::{self, File};
use std::os::unix::fs::symlink;

#[test]
fn cve_2022_29162_exec_cap_adds_nothing_inheritable() {
    conformance(|t| {
        let capabilities = json!({
            "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]
        });
        let bundle = t
            .bundle()
            .set("/process/capabilities", capabilities)
            .args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        let inside = container
            .exec_with(&["--cap", "CAP_NET_RAW"], ["/bin/probe", "facts"])
            .expect_success()
            .json();
        let kill_and_net_raw = format!("{:016x}", (1u64 << 5) | (1 << 13));
        for (set, expected) in [
            ("CapInh", "0000000000000000"),
            ("CapPrm", &kill_and_net_raw),
            ("CapEff", &kill_and_net_raw),
            ("CapBnd", &kill_and_net_raw),
            ("CapAmb", "0000000000000000"),
        ] {
            assert_eq!(inside["status"][set], expected, "{set}");
        }
    });
}

#[test]
fn cve_2026_30892_exec_user_is_taken_exactly_or_refused() {
    conformance(|t| {
        let container = t.idle();
        let uid_gid = |user: &str| {
            let exec = container.exec_with(&["--user", user], ["/bin/probe", "facts"]);
            (exec.status == Exit::Code(0)).then(|| {
                let inside = exec.json();
                let id = |kind: &str| inside["identity"][kind][0].as_u64().unwrap();
                (id("uid"), id("gid"))
            })
        };
        assert_eq!(uid_gid("1"), Some((1, 0)));
        assert_eq!(uid_gid("1:2"), Some((1, 2)));
        assert_eq!(uid_gid("0:5"), Some((0, 5)));
        // A number may be written in other ways, but never mean another one.
        for (user, expected) in [
            ("01", (1, 0)),
            ("+1", (1, 0)),
            ("1:", (1, 0)),
            (":1", (0, 1)),
        ] {
            let got = uid_gid(user);
            assert!(
                got.is_none() || got == Some(expected),
                "--user {user:?} became {got:?}"
            );
        }
        for user in [
            "-1",
            " 1",
            "4294967295",
            "4294967296",
            "1.0",
            "0x1",
            "guest",
            "1:4294967296",
        ] {
            assert_eq!(uid_gid(user), None, "--user {user:?} must be refused");
        }
    });
}

#[test]
fn cve_2024_40635_ids_that_mean_no_change_are_refused() {
    conformance(|t| {
        for id in ["uid", "gid"] {
            let bundle = t
                .bundle()
                .set(&format!("/process/user/{id}"), json!(4_294_967_295_u32));
            let _ = t.run(&bundle).expect_failure();
        }
        let groups = json!([5, 4_294_967_295_u32]);
        let _ = t
            .run(&t.bundle().set("/process/user/additionalGids", groups))
            .expect_failure();
        let container = t.idle();
        let exec = container.exec_with(&["--user", "0:4294967295"], ["/bin/true"]);
        let _ = exec.expect_failure();
    });
}

#[test]
fn large_ids_are_taken_as_they_are() {
    conformance(|t| {
        let user = json!({"uid": 4_294_967_294_u32, "gid": 2_147_483_648_u32});
        let facts = t.facts(t.bundle().set("/process/user", user));
        assert_eq!(facts["identity"]["uid"][0], 4_294_967_294_u32);
        assert_eq!(facts["identity"]["gid"][0], 2_147_483_648_u32);
    });
}

#[test]
fn cve_2016_3697_a_numeric_user_is_no_name() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/user", json!({"uid": 1000, "gid": 1000}));
        fs::write(
            bundle.rootfs().join("etc/passwd"),
            "1000:x:0:0::/:/bin/sh\n",
        )
        .unwrap();
        let container = t.start(&bundle.args(["/bin/probe", "sleep"]));
        assert_eq!(
            process::status_field(container.pid, "Uid").unwrap(),
            "1000 1000 1000 1000"
        );
        let exec = container.exec_with(&["--user", "1000"], ["/bin/probe", "facts"]);
        let inside = exec.expect_success().json();
        assert_eq!(inside["identity"]["uid"], json!([1000, 1000, 1000]));
    });
}

#[test]
fn cve_2022_2989_the_callers_groups_never_get_in() {
    conformance(|t| {
        for (additional, expected) in [
            (None, json!([])),
            (Some(json!([])), json!([])),
            (Some(json!([5])), json!([5])),
        ] {
            let mut bundle = t.bundle().args(["/bin/probe", "facts"]);
            if let Some(groups) = additional {
                bundle = bundle.set("/process/user/additionalGids", groups);
            }
            let run = t
                .verb_with_bundle("run", &bundle, &[], &t.new_id())
                .groups(&[4, 27, 65534])
                .run()
                .expect_success();
            assert_eq!(run.json()["identity"]["groups"], expected);
        }
        let container = t.idle();
        let exec = t
            .runtime(["exec", &container.id, "/bin/probe", "facts"])
            .groups(&[4, 27])
            .run()
            .expect_success();
        assert_eq!(exec.json()["identity"]["groups"], json!([]));
    });
}

#[test]
fn the_callers_signal_settings_never_get_in() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let run = t
            .verb_with_bundle("run", &bundle, &[], &t.new_id())
            .ignoring(libc::SIGPIPE)
            .ignoring(libc::SIGHUP)
            .blocking(libc::SIGCHLD)
            .blocking(libc::SIGTERM)
            .run()
            .expect_success();
        assert_eq!(run.json()["status"]["SigBlk"], "0000000000000000");
        // The probe's own language runtime ignores SIGPIPE: ask a C program.
        let shell = t
            .bundle()
            .args(["/bin/grep", "SigIgn", "/proc/self/status"]);
        let run = t
            .verb_with_bundle("run", &shell, &[], &t.new_id())
            .ignoring(libc::SIGPIPE)
            .ignoring(libc::SIGHUP)
            .run()
            .expect_success();
        let ignored = run
            .stdout()
            .trim_end()
            .rsplit('\t')
            .next()
            .unwrap()
            .to_owned();
        let ignored = u64::from_str_radix(&ignored, 16).unwrap();
        // Signals 32 and 33 belong to the C library and cannot be set by it.
        assert_eq!(ignored & !(0b11 << 31), 0, "{}", run.describe());
    });
}

#[test]
fn a_rootfs_passwd_that_blocks_or_never_ends_does_no_harm() {
    conformance(|t| {
        let fifo = t.bundle();
        fs::remove_file(fifo.rootfs().join("etc/passwd")).unwrap();
        sys::make_fifo(&fifo.rootfs().join("etc/passwd"), 0o644).unwrap();
        let endless = t.bundle();
        fs::remove_file(endless.rootfs().join("etc/passwd")).unwrap();
        symlink("/dev/zero", endless.rootfs().join("etc/passwd")).unwrap();
        let sparse = t.bundle();
        let file = File::create(sparse.rootfs().join("etc/passwd")).unwrap();
        file.set_len(10 << 30).unwrap();
        for bundle in [fifo, endless, sparse] {
            let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
            let run = run.patience(std::time::Duration::from_secs(4)).run();
            assert_ne!(run.status, Exit::TimedOut, "{}", run.describe());
        }
    });
}
