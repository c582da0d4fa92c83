//! `process`: the program, its environment, its directory and its limits.

use runtime_tests::facts::words;
use runtime_tests::{Bundle, Exit, Test, conformance, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// The program `/opt/tool` prints a word; found by its bare name only if PATH
/// is taken from inside.
fn with_tool(t: &Test) -> Bundle {
    let bundle = t.bundle();
    fs::create_dir(bundle.rootfs().join("opt")).expect("mkdir");
    bundle.write_program("/opt/tool", b"#!/bin/sh\necho tool $0 $1\n");
    bundle
}

#[test]
fn a_bare_name_is_looked_up_in_the_containers_path() {
    conformance(|t| {
        let bundle = with_tool(t)
            .set("/process/env", json!(["PATH=/nowhere:/opt:/bin"]))
            .args(["tool", "argument"]);
        let run = t.run(&bundle).expect_success();
        assert_eq!(run.stdout(), "tool /opt/tool argument\n");
    });
}

#[test]
fn the_callers_path_plays_no_part() {
    conformance(|t| {
        let bundle = with_tool(t).set("/process/env", json!(["PATH=/nowhere"]));
        let bundle = bundle.args(["tool"]);
        let rootfs = bundle.rootfs();
        let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
        let run = run.env("PATH", rootfs.join("opt").to_str().unwrap());
        let _ = run
            .run()
            .expect_failure()
            .expect_stderr("executable file not found in $PATH");
    });
}

#[test]
fn the_first_executable_in_path_wins() {
    conformance(|t| {
        let bundle = with_tool(t);
        fs::create_dir(bundle.rootfs().join("first")).unwrap();
        // Not executable, so the search goes on.
        fs::write(bundle.rootfs().join("first/tool"), "no program").unwrap();
        fs::create_dir_all(bundle.rootfs().join("second/tool")).unwrap();
        let path = "PATH=/first:/second:/opt:/bin";
        let bundle = bundle
            .set("/process/env", json!([path]))
            .args(["tool", "it"]);
        assert_eq!(
            t.run(&bundle).expect_success().stdout(),
            "tool /opt/tool it\n"
        );
    });
}

#[test]
fn a_name_with_a_slash_is_relative_to_the_working_directory() {
    conformance(|t| {
        let bundle = with_tool(t)
            .set("/process/cwd", json!("/opt"))
            .args(["./tool", "here"]);
        assert_eq!(
            t.run(&bundle).expect_success().stdout(),
            "tool ./tool here\n"
        );
    });
}

#[test]
fn arguments_arrive_as_they_are() {
    conformance(|t| {
        let wanted = [
            "/bin/probe",
            "facts",
            "",
            " a b ",
            "$HOME",
            "*",
            "ä\t\"'\\",
            "--",
            "-x",
        ];
        let facts = t.run(&t.bundle().args(wanted)).expect_success().json();
        assert_eq!(words(&facts["args"]), wanted);
    });
}

#[test]
fn args_are_required() {
    conformance(|t| {
        let _ = t.run(&t.bundle().remove("/process/args")).expect_failure();
        let _ = t
            .run(&t.bundle().set("/process/args", json!([])))
            .expect_failure();
    });
}

#[test]
fn the_environment_is_exactly_that_of_the_config() {
    conformance(|t| {
        let env = [
            "PATH=/bin",
            "HOME=/custom",
            "EMPTY=",
            "EQUALS=a=b",
            "SPACES= x ",
        ];
        let facts = t.facts(t.bundle().set("/process/env", json!(env)));
        assert_eq!(words(&facts["env"]), env);
    });
}

#[test]
fn the_last_of_two_values_of_a_variable_wins() {
    conformance(|t| {
        let env = json!([
            "PATH=/bin",
            "HOME=/",
            "TWICE=first",
            "OTHER=x",
            "TWICE=second"
        ]);
        let facts = t.facts(t.bundle().set("/process/env", env));
        let twice = |words: &Vec<String>| {
            let values = words.iter().filter(|word| word.starts_with("TWICE="));
            values.cloned().collect::<Vec<_>>()
        };
        assert_eq!(twice(&words(&facts["env"])), ["TWICE=second"]);
    });
}

fn home(t: &Test, bundle: Bundle) -> String {
    let facts = t.facts(bundle);
    let env = words(&facts["env"]);
    let values: Vec<_> = env
        .iter()
        .filter_map(|word| word.strip_prefix("HOME="))
        .collect();
    assert_eq!(values.len(), 1, "HOME once: {env:?}");
    values[0].to_owned()
}

fn with_uid(t: &Test, uid: u32) -> Bundle {
    t.bundle().set("/process/user/uid", json!(uid))
}

#[test]
fn home_is_that_of_the_user_in_passwd() {
    conformance(|t| {
        for (uid, wanted) in [(0, "/root"), (1000, "/home"), (2, "/tmp")] {
            assert_eq!(home(t, with_uid(t, uid)), wanted, "uid {uid}");
        }
    });
}

#[test]
fn home_of_a_user_whom_passwd_does_not_know_is_the_root() {
    conformance(|t| {
        assert_eq!(home(t, with_uid(t, 4711)), "/");
        let bundle = t.bundle();
        fs::remove_file(bundle.rootfs().join("etc/passwd")).unwrap();
        assert_eq!(home(t, bundle), "/", "passwd is missing");
    });
}

#[test]
fn broken_lines_of_passwd_are_skipped() {
    conformance(|t| {
        let bundle = t.bundle();
        let broken = "not:enough\n:::::\n\nx:x:zero:0::/no:/\nroot:x:0:0:root:/found:/bin/sh\n";
        fs::write(bundle.rootfs().join("etc/passwd"), broken).unwrap();
        assert_eq!(home(t, bundle), "/found");
    });
}

#[test]
fn home_of_the_config_is_kept_and_an_empty_one_replaced() {
    conformance(|t| {
        let with = |value: &str| t.bundle().set("/process/env", json!(["PATH=/bin", value]));
        assert_eq!(home(t, with("HOME=/custom")), "/custom");
        assert_eq!(home(t, with("HOME=")), "/root");
    });
}

#[test]
fn passwd_behind_a_symlink_is_the_containers() {
    conformance(|t| {
        let bundle = t.bundle();
        let passwd = bundle.rootfs().join("etc/passwd");
        fs::rename(&passwd, bundle.rootfs().join("home/passwd")).unwrap();
        symlink("/home/passwd", &passwd).unwrap();
        assert_eq!(home(t, bundle), "/root");
    });
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
fn unknown_fields_are_ignored() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/futureField", json!({"a": 1}))
            .set("/process/futureField", json!([1]))
            .set("/linux/futureField", json!("x"))
            .set("/mounts/0/futureField", json!(true));
        assert_eq!(t.run(&bundle).status, Exit::Code(0));
    });
}
