//! `--log`, `--log-format` and `--debug`.

use runtime_tests::{conformance, json};
use std::fs;

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
