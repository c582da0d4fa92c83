//! `pause` and `resume`.

use runtime_tests::command::PATIENCE;
use runtime_tests::oracle::Snapshot;
use runtime_tests::strace::{Fault, Strace, Whom};
use runtime_tests::{Container, Exit, Kind, Rendezvous, Test, conformance, json};
use std::time::Duration;

#[track_caller]
fn succeeds(container: &Container<'_>, verb: &str) {
    let _ = container.call(verb).expect_success();
}

#[track_caller]
fn is_refused(container: &Container<'_>, verb: &str, text: &str) {
    let _ = container.call(verb).expect_failure().expect_stderr(text);
}

/// A running container that answers on the fifo whenever it was asked on the other one.
fn answering(t: &Test) -> (Container<'_>, Rendezvous, Rendezvous) {
    let bundle = t
        .bundle()
        .shell("while read word; do echo $word > /answer; done < /question");
    let question = Rendezvous::in_rootfs(&bundle, "question");
    let answer = Rendezvous::in_rootfs(&bundle, "answer");
    let container = t.start(&bundle);
    question.say("one\n");
    assert_eq!(answer.wait(), "one\n");
    (container, question, answer)
}

#[test]
fn a_paused_container_stands_still_until_it_is_resumed() {
    conformance(|t| {
        let (container, question, answer) = answering(t);
        succeeds(&container, "pause");
        assert_eq!(container.status(), "paused");
        question.say("two\n");
        let early = answer.wait_for(Duration::from_millis(200));
        assert_eq!(early, None, "it went on although it was paused");
        succeeds(&container, "resume");
        assert_eq!(container.status(), "running");
        assert_eq!(answer.wait(), "two\n");
    });
}

#[test]
fn what_does_not_run_cannot_be_paused() {
    conformance(|t| {
        let container = t.idle();
        succeeds(&container, "pause");
        is_refused(&container, "pause", "not running");
        succeeds(&container, "resume");
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        container.wait();
        is_refused(&container, "pause", "not running");
        let _ = t.call(["pause", "missing"]).expect_failure();
    });
}

#[test]
fn what_is_not_paused_cannot_be_resumed() {
    conformance(|t| {
        let container = t.idle();
        is_refused(&container, "resume", "not paused");
        assert_eq!(container.status(), "running");
        let _ = t.call(["resume", "missing"]).expect_failure();
    });
}

#[test]
fn a_created_container_is_paused_and_started_after_resume() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "exit", "3"]);
        let container = t.create(&bundle);
        succeeds(&container, "pause");
        assert_eq!(container.status(), "paused");
        succeeds(&container, "resume");
        assert_eq!(container.status(), "created");
        succeeds(&container, "start");
        assert_eq!(container.wait(), Exit::Code(3));
    });
}

#[test]
fn start_of_a_paused_container_is_refused_and_does_not_wait() {
    conformance(|t| {
        t.only(Kind::Saya, "others wait for ever");
        let container = t.create(&t.bundle());
        succeeds(&container, "pause");
        is_refused(&container, "start", "cannot start a paused container");
        succeeds(&container, "resume");
        succeeds(&container, "start");
        assert_eq!(container.wait(), Exit::Code(0));
    });
}

#[test]
fn sigkill_ends_a_paused_container() {
    conformance(|t| {
        let container = t.idle();
        succeeds(&container, "pause");
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        let _ = t.call(["delete", &container.id]).expect_success();
    });
}

#[test]
fn another_signal_waits_for_resume() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "signal-wait", "/ready"]);
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.start(&bundle);
        ready.wait();
        succeeds(&container, "pause");
        let _ = t.call(["kill", &container.id, "TERM"]).expect_success();
        assert_eq!(container.status(), "paused");
        succeeds(&container, "resume");
        assert_eq!(container.wait(), Exit::Code(libc::SIGTERM));
    });
}

#[test]
fn a_paused_container_is_deleted_by_force_alone() {
    conformance(|t| {
        let container = t.idle();
        succeeds(&container, "pause");
        let _ = t.call(["delete", &container.id]).expect_failure();
        assert_eq!(container.status(), "paused");
        let delete = t.call(["delete", "--force", &container.id]);
        let _ = delete.expect_success();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
    });
}

#[test]
fn without_a_cgroup_nothing_can_be_paused() {
    conformance(|t| {
        t.only(Kind::Saya, "others have no such containers");
        t.only_cgroupfs("here the driver is none at all");
        let id = t.new_id();
        let bundle = t.bundle().args(["/bin/probe", "sleep"]);
        let flags = ["--cgroup-manager", "disabled", "--detach"];
        let _ = t.verb_with_bundle("run", &bundle, &flags, &id).run();
        let pause = t.call(["pause", &id]).expect_failure();
        let _ = pause.expect_stderr("no cgroup");
    });
}

#[test]
fn a_process_that_does_not_freeze_is_named_and_the_container_goes_on() {
    conformance(|t| {
        t.only(Kind::Saya, "others leave the container half frozen");
        // The kernel's own access to such a page is for the privileged.
        let mut bundle = t.bundle().args(["/bin/probe", "stuck", "/ready"]);
        for set in ["bounding", "effective", "permitted"] {
            bundle = bundle.push(
                &format!("/process/capabilities/{set}"),
                json!("CAP_SYS_PTRACE"),
            );
        }
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.start(&bundle);
        ready.wait();
        let pause = t
            .runtime(["pause", &container.id])
            .patience(PATIENCE * 2)
            .run()
            .expect_failure()
            .expect_stderr("do not freeze");
        let _ = pause.expect_stderr(&format!("pid {} (probe", container.pid));
        assert_eq!(container.status(), "running");
        is_refused(&container, "resume", "not paused");
    });
}

/// At each of its system calls `pause` is killed, the container is then resumed or deleted.
#[test]
fn pause_killed_at_each_of_its_system_calls_can_be_taken_back() {
    conformance(|t| {
        t.only(Kind::Saya, "others make other calls each time");
        let strace = Strace::new(t, Whom::Command);
        let bundle = t.bundle().args(["/bin/probe", "sleep"]);
        bundle.save();
        let before = Snapshot::take();
        let container = t.start(&bundle);
        let calls = strace.calls(&["pause", &container.id]).swap_remove(0);
        for call in calls.iter().step_by(5) {
            if container.status() == "paused" {
                succeeds(&container, "resume");
            }
            let pause = strace.with(Fault::Kill, call, &["pause", &container.id]);
            let _ = pause.run();
            let resume = container.call("resume");
            let is_known = resume.status == Exit::Code(0) || resume.stderr().contains("not paused");
            assert!(is_known, "killed before {call}: {}", resume.describe());
            assert_eq!(container.status(), "running", "killed before {call}");
        }
        let middle = calls.iter().rfind(|call| call.name == "write");
        let middle = middle.expect("pause writes to the freezer");
        let _ = strace
            .with(Fault::Kill, middle, &["pause", &container.id])
            .run();
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        let left = Snapshot::take_settled(&before, Duration::from_secs(2)).beyond(&before);
        assert!(left.is_empty(), "left behind: {left:#?}");
    });
}
