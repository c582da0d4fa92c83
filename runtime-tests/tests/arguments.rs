//! `process.args`, `process.env` and what becomes of HOME.

use runtime_tests::facts::words;
use runtime_tests::{Bundle, Test, conformance, json};
use std::fs;
use std::os::unix::fs::symlink;

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

#[test]
fn a_long_environment_arrives_and_a_too_long_one_says_so() {
    conformance(|t| {
        let long = |length: usize| format!("LONG={}", "x".repeat(length));
        let with = |value: String| {
            t.bundle()
                .set("/process/env", json!(["PATH=/bin", "HOME=/", value]))
        };
        let facts = t.facts(with(long(100_000)));
        assert_eq!(words(&facts["env"])[2].len(), 100_005);
        // One string may have 32 pages, execve(2).
        let run = t.run(&with(long(200_000))).expect_failure();
        let _ = run.expect_stderr("argument list too long");
    });
}
