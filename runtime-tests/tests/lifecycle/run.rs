//! `run`.

use crate::waits_for_signal;
use runtime_tests::{Exit, conformance};

#[test]
fn run_passes_the_exit_code_on() {
    conformance(|t| {
        let output = t.run(&t.bundle().args(["/bin/probe", "exit", "42"]));
        assert_eq!(output.status, Exit::Code(42), "{}", output.describe());
    });
}

#[test]
fn run_of_a_process_killed_by_a_signal_exits_with_128_and_the_signal() {
    conformance(|t| {
        // Pid 1 of a pid namespace cannot kill itself, hence the host's.
        let bundle = t.bundle().without_namespace("pid").shell("kill -TERM $$");
        assert_eq!(t.run(&bundle).status, Exit::Code(128 + libc::SIGTERM));
        let bundle = t.bundle().without_namespace("pid").shell("kill -KILL $$");
        assert_eq!(t.run(&bundle).status, Exit::Code(128 + libc::SIGKILL));
    });
}

#[test]
fn run_forwards_signals_to_the_container() {
    conformance(|t| {
        for signal in [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGUSR2,
        ] {
            let (bundle, ready) = waits_for_signal(t);
            let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id()).spawn();
            ready.wait();
            run.signal(signal);
            let output = run.finish();
            assert_eq!(output.status, Exit::Code(signal), "{}", output.describe());
        }
    });
}

#[test]
fn run_leaves_no_container() {
    conformance(|t| {
        let id = t.new_id();
        let bundle = t.bundle();
        let _ = t
            .verb_with_bundle("run", &bundle, &[], &id)
            .run()
            .expect_success();
        let _ = t
            .call(["state", &id])
            .expect_failure()
            .expect_stderr("does not exist");
    });
}

#[test]
fn run_keep_leaves_the_stopped_container() {
    conformance(|t| {
        let id = t.new_id();
        let _ = t
            .verb_with_bundle("run", &t.bundle(), &["--keep"], &id)
            .run()
            .expect_success();
        let state = t.call(["state", &id]).expect_success().json();
        assert_eq!(state["status"], "stopped");
        let _ = t.call(["delete", &id]).expect_success();
    });
}

#[test]
fn run_detached_returns_while_the_container_runs() {
    conformance(|t| {
        let (bundle, ready) = waits_for_signal(t);
        let id = t.new_id();
        let _ = t
            .verb_with_bundle("run", &bundle, &["--detach"], &id)
            .run()
            .expect_success();
        ready.wait();
        assert_eq!(t.call(["state", &id]).json()["status"], "running");
    });
}
