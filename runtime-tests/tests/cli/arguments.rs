//! Arguments, help and exit codes.

use crate::bare;
use runtime_tests::{Exit, Runner, conformance};

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
