//! `process.cwd`, `process.oomScoreAdj` and what a process finds open.

use runtime_tests::{Bundle, Exit, HostMount, Test, conformance, json, sys, terminal};
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn with_uid(t: &Test, uid: u32) -> Bundle {
    t.bundle().set("/process/user/uid", json!(uid))
}

fn cwd(t: &Test, cwd: &str) -> String {
    let facts = t.facts(t.bundle().set("/process/cwd", json!(cwd)));
    facts["process"]["cwd"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_working_directory_is_that_of_the_config() {
    conformance(|t| {
        for dir in ["/", "/tmp", "/proc/self", "/dev/shm"] {
            let found = cwd(t, dir);
            let wanted = if dir == "/proc/self" { "/proc/1" } else { dir };
            assert_eq!(found, wanted);
        }
    });
}

#[test]
fn a_missing_working_directory_is_made() {
    conformance(|t| {
        let bundle = t.bundle().set("/process/cwd", json!("/made/for/this"));
        let bundle = bundle.shell("pwd; stat -c '%a %u' .");
        assert_eq!(
            t.run(&bundle).expect_success().stdout(),
            "/made/for/this\n755 0\n"
        );
        assert!(bundle.rootfs().join("made/for/this").is_dir());
    });
}

#[test]
fn a_working_directory_behind_a_symlink_stays_inside() {
    conformance(|t| {
        let host = t.witness();
        let bundle = t.bundle().set("/process/cwd", json!("/link/made"));
        symlink(host.path(), bundle.rootfs().join("link")).unwrap();
        let facts = t.run(&bundle.args(["/bin/probe", "facts"]));
        if facts.status == Exit::Code(0) {
            let inside = format!("{}/made", host.path().display());
            assert_eq!(facts.json()["process"]["cwd"], inside.as_str());
        }
        host.assert_unchanged();
    });
}

#[test]
fn a_working_directory_must_be_absolute() {
    conformance(|t| {
        for cwd in ["", "tmp", "./tmp"] {
            let bundle = t.bundle().set("/process/cwd", json!(cwd));
            let _ = t.run(&bundle).expect_failure();
        }
        let _ = t.run(&t.bundle().remove("/process/cwd")).expect_failure();
    });
}

#[test]
fn a_working_directory_that_is_a_file_is_refused() {
    conformance(|t| {
        let bundle = t.bundle().set("/process/cwd", json!("/etc/passwd"));
        let _ = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("not a directory");
    });
}

#[test]
fn a_working_directory_only_the_user_may_enter() {
    conformance(|t| {
        let bundle = with_uid(t, 1000)
            .set("/process/cwd", json!("/private"))
            .set("/process/user/gid", json!(1000))
            .remove("/process/capabilities");
        let dir = bundle.rootfs().join("private");
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::chown(&dir, Some(1000), Some(1000)).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(t.facts(bundle)["process"]["cwd"], "/private");
    });
}

#[test]
fn a_working_directory_only_root_may_enter() {
    conformance(|t| {
        // Entered before the user changes, as with other runtimes.
        let bundle = with_uid(t, 1000).set("/process/cwd", json!("/private"));
        let dir = bundle.rootfs().join("private");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().uid(), 0);
        assert_eq!(t.run(&bundle).status, Exit::Code(0));
    });
}

#[test]
fn oom_score_adj_is_set() {
    conformance(|t| {
        let score = |bundle| t.facts(bundle)["process"]["oom_score_adj"].clone();
        let bundle = t.bundle().set("/process/oomScoreAdj", json!(567));
        assert_eq!(score(bundle), "567");
        let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        assert_eq!(score(t.bundle()), own.trim(), "unset: that of the caller");
    });
}

#[test]
fn oom_score_adj_below_the_callers_needs_a_capability() {
    conformance(|t| {
        let bundle = t.bundle().set("/process/oomScoreAdj", json!(-500));
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let mask = u64::from_str_radix(effective.unwrap().trim(), 16).unwrap();
        // CAP_SYS_RESOURCE, capabilities(7).
        if mask & (1 << 24) == 0 {
            t.skip("root has no CAP_SYS_RESOURCE here and may not lower the score");
        }
        assert_eq!(t.facts(bundle)["process"]["oom_score_adj"], "-500");
    });
}

#[test]
fn an_oom_score_adj_out_of_range_is_refused() {
    conformance(|t| {
        for score in [1001, -1001] {
            let bundle = t.bundle().set("/process/oomScoreAdj", json!(score));
            let _ = t.run(&bundle).expect_failure();
        }
    });
}

#[test]
fn stdio_and_nothing_else_is_open() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        let fds: Vec<_> = facts["fds"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fds, ["0", "1", "2"], "{:#}", facts["fds"]);
    });
}

#[test]
fn a_null_device_as_stdio_is_the_containers_own() {
    conformance(|t| {
        // In the test's own view another null device stands for the host's; it
        // is what the runtime gets as stdin.
        let null = t.dir().join("null");
        sys::make_node(&null, 0o020_666, 1, 3).expect("mknod");
        fs::set_permissions(&null, fs::Permissions::from_mode(0o666)).expect("chmod");
        let _host = HostMount::bind(&null, "/dev/null".as_ref());
        let script = "chmod 0 /proc/self/fd/0; chmod 0 /dev/stdin; :";
        let bundle = t.bundle().shell(script);
        // As engines do it, and in the foreground.
        assert_eq!(t.start(&bundle).wait(), Exit::Code(0));
        let _ = t.run(&bundle).expect_success();
        let container = t.start(&t.bundle().args(["/bin/probe", "sleep"]));
        let _ = container.exec(["/bin/sh", "-c", script]).expect_success();
        let mode = fs::metadata(&null).expect("stat").permissions().mode();
        assert_eq!(mode & 0o777, 0o666, "chmod reached the host");
    });
}

/// A pipe for a command to write to: its end, and ours.
fn pipe() -> (fs::File, io::PipeReader) {
    let (reader, writer) = io::pipe().expect("pipe");
    (fs::File::from(OwnedFd::from(writer)), reader)
}

#[test]
fn a_user_may_open_its_stdio_again() {
    conformance(|t| {
        // What images do whose logs are links to /dev/stdout.
        let bundle = with_uid(t, 1000)
            .set("/process/user/gid", json!(1000))
            .shell("echo to-stdout > /dev/stdout; echo to-stderr > /dev/stderr");
        let ((out, mut from_out), (err, mut from_err)) = (pipe(), pipe());
        let id = t.new_id();
        let create = t.verb_with_bundle("create", &bundle, &[], &id);
        let _ = create.outputs(out, err).run().expect_success();
        let _ = t.call(["start", &id]).expect_success();
        let (mut out, mut err) = (String::new(), String::new());
        from_out.read_to_string(&mut out).expect("read a pipe");
        from_err.read_to_string(&mut err).expect("read a pipe");
        assert_eq!((out.as_str(), err.as_str()), ("to-stdout\n", "to-stderr\n"));
    });
}

#[test]
fn a_terminal_as_stdio_stays_its_users() {
    conformance(|t| {
        let (_master, slave) = terminal::open();
        let tty = fs::File::from(slave);
        let owner = || tty.metadata().expect("stat").uid();
        let before = owner();
        let bundle = with_uid(t, 1000);
        let create = t.verb_with_bundle("create", &bundle, &[], &t.new_id());
        let stdin = tty.try_clone().expect("dup");
        let _ = create.stdin_file(stdin).run().expect_success();
        assert_eq!(owner(), before);
    });
}
