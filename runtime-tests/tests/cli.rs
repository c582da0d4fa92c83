//! The command line: arguments, global flags, logs, exit codes, and the verbs
//! that need no container.

use runtime_tests::{Exit, Kind, Output, Runner, Test, conformance, json};
use std::fs;
use std::path::Path;

/// The runtime without any of the harness' own flags.
fn bare<const N: usize>(t: &Test, args: [&str; N]) -> Output {
    Runner::new(&t.runtime.path).args(args).run()
}

#[test]
fn version_has_three_lines_that_engines_parse() {
    conformance(|t| {
        for flag in ["--version", "-v"] {
            let output = bare(t, [flag]).expect_success();
            let text = output.stdout();
            let lines: Vec<&str> = text.lines().collect();
            let words: Vec<&str> = lines[0].split(' ').collect();
            assert_eq!(words[1], "version", "{text}");
            let numbers: Vec<_> = words[2].split(['.', '+', '-']).take(3).collect();
            assert!(numbers.iter().all(|n| n.parse::<u32>().is_ok()), "{text}");
            assert!(lines.iter().any(|l| l.starts_with("commit: ")), "{text}");
            assert!(lines.iter().any(|l| l.starts_with("spec: 1.")), "{text}");
        }
    });
}

#[test]
fn help_names_the_program_and_succeeds() {
    conformance(|t| {
        for flag in ["--help", "-h"] {
            let text = bare(t, [flag]).expect_success().stdout();
            let name = t.runtime.path.file_name().unwrap().to_str().unwrap();
            assert_eq!(text.lines().next(), Some("NAME:"), "{text}");
            let expected = format!("   {name} - Open Container Initiative runtime");
            assert_eq!(text.lines().nth(1), Some(expected.as_str()), "{text}");
        }
    });
}

#[test]
fn every_verb_has_help() {
    conformance(|t| {
        let name = t.runtime.path.file_name().unwrap().to_str().unwrap();
        for verb in [
            "create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "spec",
            "features",
        ] {
            for flag in ["--help", "-h"] {
                let text = bare(t, [verb, flag]).expect_success().stdout();
                let head = format!("NAME:\n   {name} {verb} - ");
                assert!(text.starts_with(&head), "{verb} {flag}: {text}");
            }
        }
    });
}

#[test]
fn an_unknown_command_exits_with_3() {
    conformance(|t| {
        let output = bare(t, ["no-such-verb"]);
        assert_eq!(output.status, Exit::Code(3), "{}", output.describe());
        let _ = output.expect_stderr("No help topic for 'no-such-verb'");
    });
}

#[test]
fn an_unknown_flag_exits_with_1_and_names_the_flag() {
    conformance(|t| {
        for args in [["create", "--no-such-flag"], ["--no-such-flag", "list"]] {
            let output = bare(t, args);
            assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
            let _ = output.expect_stderr("flag provided but not defined: -no-such-flag");
        }
    });
}

#[test]
fn a_wrong_number_of_arguments_exits_with_1_and_counts_them() {
    conformance(|t| {
        for (verb, count) in [("create", 1), ("state", 1), ("start", 1), ("delete", 1)] {
            let output = t.call([verb]);
            assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
            let text = format!("requires exactly {count} argument(s)");
            let _ = output.expect_stderr(verb).expect_stderr(&text);
        }
        let output = t.call(["exec"]).expect_failure();
        let _ = output.expect_stderr("requires a minimum of 1 argument(s)");
    });
}

#[test]
fn a_flag_without_its_value_is_refused() {
    conformance(|t| {
        let output = bare(t, ["create", "--bundle"]);
        assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
        let text = output.stderr() + &output.stdout();
        assert!(text.contains("flag needs an argument"), "{text}");
    });
}

#[test]
fn flags_may_follow_operands() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.save();
        let dir = bundle.dir().to_str().unwrap();
        let id = t.new_id();
        let _ = t.call(["create", &id, "--bundle", dir]).expect_success();
        let _ = t.call(["kill", &id, "KILL", "--all"]).expect_success();
        let _ = t.call(["delete", &id, "--force"]).expect_success();
    });
}

#[test]
fn flags_take_their_value_with_an_equals_sign() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "exit", "6"]);
        bundle.save();
        let flag = format!("--bundle={}", bundle.dir().display());
        let output = Runner::new(&t.runtime.path)
            .args(["--root=/run/state", "run", &flag, &t.new_id()])
            .run();
        assert_eq!(output.status, Exit::Code(6), "{}", output.describe());
    });
}

#[test]
fn everything_after_the_id_of_exec_belongs_to_the_command() {
    conformance(|t| {
        let container = t.idle();
        let output = container
            .exec(["/bin/echo", "--cwd", "-t", "--help"])
            .expect_success();
        assert_eq!(output.stdout(), "--cwd -t --help\n");
    });
}

#[test]
fn global_flags_come_before_the_verb_in_any_order() {
    conformance(|t| {
        let log = t.dir().join("log");
        let log = log.to_str().unwrap();
        let orders = [
            [
                "--root",
                "/run/state",
                "--log",
                log,
                "--log-format",
                "json",
                "--debug",
            ],
            [
                "--debug",
                "--log-format",
                "json",
                "--root",
                "/run/state",
                "--log",
                log,
            ],
        ];
        for order in orders {
            let _ = Runner::new(&t.runtime.path)
                .args(order)
                .args(["list"])
                .run()
                .expect_success();
        }
    });
}

#[test]
fn rootless_and_systemd_flags_are_accepted() {
    conformance(|t| {
        for flag in ["--rootless=auto", "--rootless=false"] {
            let _ = t.runtime([flag, "list"]).run().expect_success();
        }
    });
}

#[test]
fn json_log_has_level_msg_and_time() {
    conformance(|t| {
        let log = t.dir().join("log");
        let path = log.to_str().unwrap();
        let call = t
            .runtime(["--log", path, "--log-format", "json", "state", "missing"])
            .run();
        let call = call.expect_failure();
        let text = fs::read_to_string(&log).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["level"], "error", "{text}");
        let message = last["msg"].as_str().unwrap();
        assert!(message.contains("does not exist"), "{text}");
        assert_rfc3339(last["time"].as_str().unwrap());
        // The last error is also said in plain words where a person looks.
        assert!(
            call.stderr().contains("does not exist"),
            "{}",
            call.describe()
        );
        assert!(!call.stderr().starts_with('{'), "{}", call.describe());
    });
}

/// `2026-01-02T03:04:05Z`, with any fraction and zone.
#[track_caller]
fn assert_rfc3339(time: &str) {
    let shape: String = time
        .chars()
        .take(19)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00", "{time}");
    assert!(
        time.ends_with('Z') || time.contains('+') || time[19..].contains('-'),
        "{time}"
    );
}

#[test]
fn log_is_appended_to() {
    conformance(|t| {
        let log = t.dir().join("log");
        fs::write(&log, "kept\n").unwrap();
        let path = log.to_str().unwrap();
        for _ in 0..2 {
            let _ = t
                .runtime(["--log", path, "state", "missing"])
                .run()
                .expect_failure();
        }
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.starts_with("kept\n"), "{text}");
        assert_eq!(text.matches("level=error").count(), 2, "{text}");
    });
}

#[test]
fn text_log_has_time_level_and_msg() {
    conformance(|t| {
        let log = t.dir().join("log");
        let path = log.to_str().unwrap();
        let _ = t
            .runtime(["--log", path, "state", "missing"])
            .run()
            .expect_failure();
        let text = fs::read_to_string(&log).unwrap();
        let line = text.lines().last().unwrap();
        let time = line
            .strip_prefix("time=\"")
            .and_then(|rest| rest.split('"').next());
        assert_rfc3339(time.unwrap_or_else(|| panic!("{line}")));
        assert!(line.contains("level=error msg=\""), "{line}");
    });
}

#[test]
fn debug_logs_lines_of_level_debug() {
    conformance(|t| {
        let log = t.dir().join("log");
        let path = log.to_str().unwrap();
        let bundle = t.bundle();
        bundle.save();
        let dir = bundle.dir().to_str().unwrap();
        let flags = ["--debug", "--log", path, "--log-format", "json"];
        let run = t
            .runtime(flags)
            .args(["run", "--bundle", dir, &t.new_id()])
            .run();
        let _ = run.expect_success();
        let text = fs::read_to_string(&log).unwrap();
        let levels: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].clone())
            .collect();
        assert!(levels.contains(&json!("debug")), "{text}");
    });
}

#[test]
fn an_unknown_log_format_is_refused() {
    conformance(|t| {
        let call = t
            .runtime(["--log-format", "bad", "list"])
            .run()
            .expect_failure();
        let _ = call.expect_stderr("invalid log-format: bad");
    });
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    conformance(|t| {
        let call = t
            .runtime(["--log", "/no/such/dir/log", "list"])
            .run()
            .expect_failure();
        let _ = call.expect_stderr("/no/such/dir/log");
    });
}

#[test]
fn spec_writes_a_config_that_runs() {
    conformance(|t| {
        let mut bundle = t.bundle();
        let _ = t.runtime(["spec"]).cwd(bundle.dir()).run().expect_success();
        let text = fs::read_to_string(bundle.dir().join("config.json")).unwrap();
        bundle.config = serde_json::from_str(&text).unwrap();
        let process = &bundle.config["process"];
        assert_eq!(process["terminal"], true);
        assert_eq!(process["args"], json!(["sh"]));
        assert_eq!(process["cwd"], "/");
        assert_eq!(
            bundle.config["root"],
            json!({"path": "rootfs", "readonly": true})
        );
        let kinds: Vec<_> = bundle.config["linux"]["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|namespace| namespace["type"].as_str().unwrap().to_owned())
            .collect();
        for kind in ["pid", "network", "ipc", "uts", "mount"] {
            assert!(
                kinds.contains(&kind.to_owned()),
                "no {kind} namespace in {text}"
            );
        }
        let bundle = bundle.set("/process/terminal", json!(false)).set(
            "/linux/cgroupsPath",
            t.bundle().config["linux"]["cgroupsPath"].clone(),
        );
        let _ = t.run(&bundle.args(["/bin/true"])).expect_success();
    });
}

#[test]
fn spec_does_not_overwrite() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.save();
        let before = fs::read(bundle.dir().join("config.json")).unwrap();
        let dir = bundle.dir().to_str().unwrap();
        let _ = t
            .call(["spec", "--bundle", dir])
            .expect_failure()
            .expect_stderr("config.json");
        assert_eq!(fs::read(bundle.dir().join("config.json")).unwrap(), before);
    });
}

#[test]
fn spec_rootless_has_a_user_namespace_and_no_network() {
    conformance(|t| {
        let dir = t.dir().join("rootless");
        fs::create_dir(&dir).unwrap();
        if t.runtime.kind == Kind::Saya {
            // Until rootless containers come: an example that cannot be run helps nobody.
            let call = t.runtime(["spec", "--rootless"]).cwd(&dir).run();
            let _ = call.expect_failure().expect_stderr("not supported yet");
            assert!(!dir.join("config.json").exists());
            return;
        }
        let _ = t
            .runtime(["spec", "--rootless"])
            .cwd(&dir)
            .run()
            .expect_success();
        let text = fs::read_to_string(dir.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kinds = config["linux"]["namespaces"].to_string();
        assert!(
            kinds.contains("user") && !kinds.contains("network"),
            "{kinds}"
        );
        assert_eq!(config["linux"]["uidMappings"][0]["containerID"], 0);
        assert_eq!(config["linux"]["uidMappings"][0]["hostID"], 0);
    });
}

#[test]
fn features_tells_what_engines_ask() {
    conformance(|t| {
        let features = t.call(["features"]).expect_success().json();
        assert_eq!(features["ociVersionMin"], "1.0.0");
        assert!(
            features["ociVersionMax"]
                .as_str()
                .unwrap()
                .starts_with("1.")
        );
        let has = |pointer: &str, wanted: &[&str]| {
            let list = features
                .pointer(pointer)
                .unwrap_or_else(|| panic!("no {pointer}"));
            for item in wanted {
                assert!(
                    list.as_array().unwrap().contains(&json!(item)),
                    "{pointer}: no {item}"
                );
            }
        };
        has(
            "/hooks",
            &[
                "prestart",
                "createRuntime",
                "createContainer",
                "startContainer",
                "poststart",
                "poststop",
            ],
        );
        has(
            "/mountOptions",
            &["bind", "rbind", "ro", "rro", "tmpcopyup", "rprivate"],
        );
        has(
            "/linux/namespaces",
            &["cgroup", "ipc", "mount", "network", "pid", "user", "uts"],
        );
        has("/linux/capabilities", &["CAP_CHOWN", "CAP_SYS_ADMIN"]);
        assert_eq!(features["linux"]["cgroup"]["v1"], true);
    });
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    conformance(|t| {
        t.only(Kind::Saya, "the peers have these verbs");
        let container = t.idle();
        for verb in ["checkpoint", "restore"] {
            let call = container.call(verb).expect_failure();
            let _ = call.expect_stderr("not supported yet");
        }
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn the_root_directory_is_made_and_private() {
    use std::os::unix::fs::PermissionsExt;
    conformance(|t| {
        let root = Path::new("/run/own-root");
        let bundle = t.bundle();
        bundle.save();
        let run = |verb: &str, rest: &[&str]| {
            let root = ["--root", root.to_str().unwrap(), verb];
            Runner::new(&t.runtime.path)
                .args(root)
                .args(rest)
                .run()
                .expect_success()
        };
        let id = t.new_id();
        let _ = run("create", &["--bundle", bundle.dir().to_str().unwrap(), &id]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode(root) & 0o066,
            0,
            "others may read {}: {:o}",
            root.display(),
            mode(root)
        );
        assert_eq!(mode(&root.join(&id)) & 0o066, 0);
        let _ = run("delete", &["--force", &id]);
        fs::remove_dir_all(root).unwrap();
    });
}

#[test]
fn two_roots_do_not_see_each_other() {
    conformance(|t| {
        let container = t.idle();
        let state = Runner::new(&t.runtime.path)
            .args(["--root", "/run/other-root", "state", &container.id])
            .run();
        let _ = state.expect_failure();
        let _ = fs::remove_dir_all("/run/other-root");
    });
}
