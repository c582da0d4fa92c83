//! How a container ended: `wait`, and the record that `state` and `list` show.
//!
//! No peer keeps it, so these tests are for Saya alone.

use runtime_tests::command::Running;
use runtime_tests::{Container, Exit, Kind, Output, Test, Value, conformance, json, reaper};
use std::fs;
use std::time::Duration;

const ONLY: &str = "no other runtime keeps how a container ended";

/// Starts `wait` and makes sure that it waits.
#[track_caller]
fn waiting(t: &Test, container: &Container<'_>) -> Running {
    let wait = t.runtime(["wait", &container.id]).spawn();
    if reaper::wait(wait.pid, Duration::from_millis(150)).is_some() {
        let told = wait.finish();
        panic!(
            "wait came back while the container ran: {}",
            told.describe()
        );
    }
    wait
}

/// Since Linux 6.15 the kernel keeps the status for whoever holds a pidfd. Before,
/// only the parent gets it: our reaper, which may be faster than `wait`.
fn kernel_keeps_the_status() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("read osrelease");
    let mut numbers = release.split('.').map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(15))
}

/// `wait` has learned this end. Where the kernel did not let it, it has said so:
/// false.
#[track_caller]
fn has_learned(wait: Output, expected: i32) -> bool {
    if wait.status == Exit::Code(expected) {
        return true;
    }
    assert!(!kernel_keeps_the_status(), "{}", wait.describe());
    assert_eq!(wait.status, Exit::Code(1), "{}", wait.describe());
    let _ = wait.expect_stderr("unknown: this kernel tells it to the parent alone");
    false
}

fn kill(t: &Test, container: &Container<'_>, signal: &str) {
    let _ = t.call(["kill", &container.id, signal]).expect_success();
}

/// A container that ends with the number of the signal it gets.
fn ends_by_signal(t: &Test) -> Container<'_> {
    let bundle = t.bundle().args(["/bin/probe", "signal-wait", "/ready"]);
    let ready = runtime_tests::Rendezvous::in_rootfs(&bundle, "ready");
    let container = t.start(&bundle);
    ready.wait();
    container
}

#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    assert!(
        text.len() >= 20 && text.contains('T') && text.ends_with('Z'),
        "{text}"
    );
}

#[test]
fn wait_blocks_until_the_end_and_exits_with_the_code() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = ends_by_signal(t);
        let wait = waiting(t, &container);
        kill(t, &container, "USR1");
        has_learned(wait.finish(), libc::SIGUSR1);
    });
}

#[test]
fn wait_for_a_container_killed_by_a_signal_exits_with_128_and_the_signal() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.idle();
        let wait = waiting(t, &container);
        kill(t, &container, "KILL");
        if has_learned(wait.finish(), 128 + libc::SIGKILL) {
            assert_eq!(container.state()["exit"]["signal"], libc::SIGKILL);
        }
    });
}

#[test]
fn several_waits_all_learn_the_end() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = ends_by_signal(t);
        let waits = [
            waiting(t, &container),
            waiting(t, &container),
            waiting(t, &container),
        ];
        kill(t, &container, "USR2");
        for wait in waits {
            has_learned(wait.finish(), libc::SIGUSR2);
        }
    });
}

#[test]
fn wait_begins_before_start() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.create(&t.bundle().args(["/bin/probe", "exit", "9"]));
        let wait = waiting(t, &container);
        let _ = container.call("start").expect_success();
        has_learned(wait.finish(), 9);
    });
}

#[test]
fn what_wait_learned_stays_in_state_and_list() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = ends_by_signal(t);
        let wait = waiting(t, &container);
        kill(t, &container, "TERM");
        let learned = has_learned(wait.finish(), libc::SIGTERM);
        let state = container.state();
        assert_eq!(state["status"], "stopped");
        if learned {
            assert_eq!(state["exit"]["code"], libc::SIGTERM);
        } else {
            assert!(state["exit"]["unknown"].is_string(), "{state}");
        }
        assert_time(&state["exit"]["started"]);
        assert_time(&state["exit"]["finished"]);
        assert!(state["exit"]["started"].as_str() <= state["exit"]["finished"].as_str());
        let list = t.call(["list", "--format", "json"]).expect_success().json();
        assert_eq!(list[0]["exit"], state["exit"]);
        // Also for a wait that begins when all is over.
        assert_eq!(has_learned(container.call("wait"), libc::SIGTERM), learned);
    });
}

#[test]
fn what_run_learned_stays_with_keep() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let id = t.new_id();
        let bundle = t.bundle().args(["/bin/probe", "exit", "7"]);
        let run = t.verb_with_bundle("run", &bundle, &["--keep"], &id).run();
        assert_eq!(run.status, Exit::Code(7), "{}", run.describe());
        let state = t.call(["state", &id]).expect_success().json();
        assert_eq!(state["exit"]["code"], 7);
        assert_time(&state["exit"]["started"]);
        assert_time(&state["exit"]["finished"]);
        assert_eq!(t.call(["wait", &id]).status, Exit::Code(7));
    });
}

#[test]
fn an_end_nobody_watched_is_unknown_and_never_guessed() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.idle();
        kill(t, &container, "KILL");
        // We reaped it, and nobody held a pidfd: the status is gone.
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        let wait = container.call("wait").expect_failure();
        assert_eq!(wait.status, Exit::Code(1), "{}", wait.describe());
        let _ = wait.expect_stderr("unknown");
        let exit = container.state()["exit"].clone();
        assert_eq!(
            (&exit["code"], &exit["signal"]),
            (&Value::Null, &Value::Null),
            "{exit}"
        );
        assert!(exit["unknown"].is_string(), "{exit}");
    });
}

#[test]
fn a_created_container_that_never_ran_has_no_start_time() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.create(&t.bundle());
        let wait = waiting(t, &container);
        kill(t, &container, "KILL");
        let learned = has_learned(wait.finish(), 128 + libc::SIGKILL);
        let exit = container.state()["exit"].clone();
        assert_eq!(exit["signal"] == libc::SIGKILL, learned, "{exit}");
        assert_eq!(exit["started"], Value::Null);
    });
}

#[test]
fn a_running_container_has_no_record_of_an_end() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        assert_eq!(t.idle().state().get("exit"), None);
    });
}

#[test]
fn wait_for_a_missing_container_says_so() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let _ = t
            .call(["wait", "missing"])
            .expect_failure()
            .expect_stderr("does not exist");
    });
}

#[test]
fn wait_ends_when_the_container_is_deleted() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.idle();
        let wait = waiting(t, &container);
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        has_learned(wait.finish(), 128 + libc::SIGKILL);
        assert_eq!(t.call(["list", "-q"]).stdout(), "");
    });
}

#[test]
fn no_monitor_process_is_left_behind() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let container = t.idle();
        let pids: Vec<_> = runtime_tests::process::descendants()
            .into_iter()
            .map(|p| json!(p.pid))
            .collect();
        assert_eq!(pids, [json!(container.pid)]);
    });
}
