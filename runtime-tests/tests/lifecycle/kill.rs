//! `kill` and `delete`.

use crate::waits_for_signal;
use runtime_tests::{Container, Exit, Rendezvous, Test, conformance, process, sys};

#[test]
fn kill_takes_names_and_numbers() {
    conformance(|t| {
        let spellings = [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("term", 15),
            ("SigHup", 1),
            ("2", 2),
            ("USR1", 10),
        ];
        for (spelling, number) in spellings {
            let (bundle, ready) = waits_for_signal(t);
            let container = t.start(&bundle);
            ready.wait();
            let _ = t.call(["kill", &container.id, spelling]).expect_success();
            assert_eq!(container.wait(), Exit::Code(number), "kill … {spelling}");
        }
    });
}

#[test]
fn kill_sends_term_by_default() {
    conformance(|t| {
        let (bundle, ready) = waits_for_signal(t);
        let container = t.start(&bundle);
        ready.wait();
        let _ = container.call("kill").expect_success();
        assert_eq!(container.wait(), Exit::Code(libc::SIGTERM));
    });
}

#[test]
fn kill_of_an_unknown_signal_is_refused() {
    conformance(|t| {
        let container = t.idle();
        for signal in ["NOSUCH", "SIGNOSUCH", "-1", "1000"] {
            let _ = t.call(["kill", &container.id, signal]).expect_failure();
        }
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn kill_of_a_created_container_ends_it() {
    conformance(|t| {
        let container = t.create(&t.bundle());
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        assert_eq!(container.status(), "stopped");
    });
}

#[test]
fn kill_of_a_stopped_container_says_not_running() {
    conformance(|t| {
        let container = t.start(&t.bundle());
        container.wait();
        let _ = container
            .call("kill")
            .expect_failure()
            .expect_stderr("container not running");
    });
}

/// A container in the host's pid namespace whose init leaves an orphan.
fn with_orphan(t: &Test) -> (Container<'_>, i32) {
    let script = "/bin/probe sleep & echo $! > /ready; exec /bin/probe sleep";
    let bundle = t.bundle().without_namespace("pid").shell(script);
    let ready = Rendezvous::in_rootfs(&bundle, "ready");
    let container = t.start(&bundle);
    let orphan = ready.wait().trim().parse().expect("a pid");
    (container, orphan)
}

#[test]
fn kill_all_signals_every_process_of_the_cgroup() {
    conformance(|t| {
        let (container, child) = with_orphan(t);
        let _ = t
            .call(["kill", "--all", &container.id, "KILL"])
            .expect_success();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        let left = process::settle(&[].into(), std::time::Duration::from_secs(5));
        assert_eq!(left, [], "process {child} survived kill --all");
    });
}

#[test]
fn delete_force_kills_what_init_left_behind() {
    conformance(|t| {
        let (container, child) = with_orphan(t);
        sys::kill(container.pid, libc::SIGKILL).expect("kill init");
        container.wait();
        assert!(
            process::find(child).is_some(),
            "the orphan must live for this test"
        );
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        let left = process::settle(&[].into(), std::time::Duration::from_secs(5));
        assert_eq!(left, [], "process {child} survived delete --force");
    });
}

#[test]
fn delete_refuses_a_running_container() {
    conformance(|t| {
        let container = t.idle();
        let _ = container.call("delete").expect_failure();
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn delete_force_ends_a_running_container() {
    conformance(|t| {
        let container = t.idle();
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        let _ = container.call("state").expect_failure();
    });
}

#[test]
fn delete_of_a_created_container_works_without_force() {
    conformance(|t| {
        let container = t.create(&t.bundle());
        let _ = container.call("delete").expect_success();
        container.wait();
    });
}

#[test]
fn delete_force_of_a_missing_container_succeeds_in_silence() {
    conformance(|t| {
        let delete = t
            .call(["delete", "--force", "no-such-container"])
            .expect_success();
        assert_eq!(
            (delete.stdout(), delete.stderr()),
            (String::new(), String::new())
        );
    });
}

#[test]
fn delete_removes_only_what_create_made() {
    conformance(|t| {
        let bundle = t.bundle();
        let container = t.start(&bundle);
        container.wait();
        let _ = container.call("delete").expect_success();
        assert!(bundle.dir().join("config.json").exists());
        assert!(bundle.rootfs().join("bin/busybox").exists());
    });
}
