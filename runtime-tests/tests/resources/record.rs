//! What `state` and the record of the end say of a container's memory. No other runtime does.

use crate::controller;
use crate::inside::of_32_mib;
use runtime_tests::{Exit, Kind, Test, Value, conformance};

const ONLY: &str = "no other runtime keeps it";

/// The memory controller, without which nothing is told.
fn prepare(t: &Test) {
    t.only(Kind::Saya, ONLY);
    let _ = controller(t, "memory", "memory");
}

/// A peak is not told by v2 before Linux 5.19.
#[track_caller]
fn assert_peak(peak: &Value) {
    if !peak.is_null() {
        let peak = peak.as_u64().expect("the peak is a number");
        assert!((1 << 20..=64 << 20).contains(&peak), "{peak}");
    }
}

#[test]
fn wait_keeps_that_the_oom_killer_struck() {
    conformance(|t| {
        prepare(t);
        t.only_cgroupfs("systemd removes the cgroup with its last process");
        let container = t.create(&of_32_mib(t).args(["/bin/probe", "allocate", "128"]));
        let wait = t.runtime(["wait", &container.id]).spawn();
        let _ = container.call("start").expect_success();
        // Before Linux 6.15 it may not learn the status, but it sees the cgroup.
        let _ = wait.finish();
        let state = container.state();
        assert_eq!(state["exit"]["oomKilled"], true, "{state}");
        assert_peak(&state["exit"]["memoryPeak"]);
        assert_eq!(state["memory"]["oomKilled"], true, "{state}");
        let list = t.call(["list", "--format", "json"]).expect_success().json();
        assert_eq!(list[0]["exit"], state["exit"]);
    });
}

#[test]
fn run_keeps_that_it_did_not() {
    conformance(|t| {
        prepare(t);
        t.only_cgroupfs("systemd removes the cgroup with its last process");
        let id = t.new_id();
        let bundle = of_32_mib(t).args(["/bin/probe", "allocate", "8"]);
        let run = t.verb_with_bundle("run", &bundle, &["--keep"], &id).run();
        let _ = run.expect_success();
        let exit = t.call(["state", &id]).expect_success().json()["exit"].clone();
        assert_eq!(exit["oomKilled"], false, "{exit}");
        assert_peak(&exit["memoryPeak"]);
    });
}

#[test]
fn state_tells_it_of_a_container_that_goes_on() {
    conformance(|t| {
        prepare(t);
        let container = t.start(&of_32_mib(t).args(["/bin/probe", "sleep"]));
        let state = container.state();
        assert_eq!(state["memory"]["oomKilled"], false, "{state}");
        let exec = container.exec(["/bin/probe", "allocate", "128"]);
        assert_eq!(exec.status, Exit::Code(137), "{}", exec.describe());
        let state = container.state();
        assert_eq!(state["memory"]["oomKilled"], true, "{state}");
        assert_eq!(state["status"], "running");
    });
}

#[test]
fn without_a_cgroup_nothing_is_said() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let id = t.new_id();
        let bundle = t.bundle().args(["/bin/probe", "exit", "0"]);
        let flags = ["--cgroup-manager", "disabled", "--keep"];
        let _ = t.verb_with_bundle("run", &bundle, &flags, &id).run();
        let state = t.call(["state", &id]).expect_success().json();
        assert_eq!(state.get("memory"), None);
        assert_eq!(state["exit"].get("oomKilled"), None);
    });
}
