//! Create, start, run, kill, delete: the states of a container, runtime.md.

use runtime_tests::{Bundle, Container, Exit, Rendezvous, Test, conformance, json, process, sys};
use std::fs;

/// A bundle whose process tells the rendezvous when it runs, and ends by any
/// signal with the signal's number as exit code.
fn waits_for_signal(t: &Test) -> (Bundle, Rendezvous) {
    let bundle = t.bundle().args(["/bin/probe", "signal-wait", "/ready"]);
    let ready = Rendezvous::in_rootfs(&bundle, "ready");
    (bundle, ready)
}

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

#[test]
fn create_start_wait_delete() {
    conformance(|t| {
        let container = t.create(&t.bundle().args(["/bin/probe", "exit", "7"]));
        assert_eq!(container.status(), "created");
        let _ = container.call("start").expect_success();
        assert_eq!(container.wait(), Exit::Code(7));
        assert_eq!(container.status(), "stopped");
        let _ = container.call("delete").expect_success();
        let _ = container
            .call("state")
            .expect_failure()
            .expect_stderr("does not exist");
    });
}

#[test]
fn create_does_not_run_the_program_yet() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "write", "/ran", "yes"]);
        let ran = bundle.rootfs().join("ran");
        let container = t.create(&bundle);
        assert!(!ran.exists(), "the program ran before start");
        assert_ne!(container.pid, 0);
        let _ = container.call("start").expect_success();
        assert_eq!(container.wait(), Exit::Code(0));
        assert_eq!(fs::read_to_string(ran).unwrap(), "yes");
    });
}

#[test]
fn create_and_start_write_nothing_themselves() {
    conformance(|t| {
        let container = t.create(&t.bundle().shell("echo out; echo err >&2"));
        let start = container.call("start").expect_success();
        container.wait();
        assert_eq!(
            (start.stdout(), start.stderr()),
            (String::new(), String::new())
        );
        assert_eq!(
            (container.stdout(), container.stderr()),
            ("out\n".into(), "err\n".into())
        );
    });
}

#[test]
fn create_of_a_used_id_is_refused_and_harms_nothing() {
    conformance(|t| {
        let container = t.idle();
        let _ = t
            .verb_with_bundle("create", &t.bundle(), &[], &container.id)
            .run()
            .expect_failure()
            .expect_stderr("exist");
        assert_eq!(container.status(), "running");
        assert!(process::find(container.pid).is_some());
    });
}

#[test]
fn a_failed_create_leaves_nothing_and_frees_the_id() {
    conformance(|t| {
        let id = t.new_id();
        let broken = t
            .bundle()
            .mount("/data", "no-such-file-system", "none", &[]);
        let _ = t
            .verb_with_bundle("create", &broken, &[], &id)
            .run()
            .expect_failure();
        assert_eq!(
            fs::read_dir("/run/state").unwrap().count(),
            0,
            "the state root is not empty"
        );
        assert_eq!(
            process::settle(&[].into(), std::time::Duration::from_secs(2)),
            []
        );
        let _ = t
            .verb_with_bundle("create", &t.bundle(), &[], &id)
            .run()
            .expect_success();
    });
}

#[test]
fn a_stopped_container_keeps_its_id() {
    conformance(|t| {
        let container = t.start(&t.bundle());
        container.wait();
        let _ = t
            .verb_with_bundle("create", &t.bundle(), &[], &container.id)
            .run()
            .expect_failure();
        assert_eq!(container.status(), "stopped");
    });
}

#[test]
fn start_is_only_for_a_created_container() {
    conformance(|t| {
        let container = t.idle();
        let _ = container.call("start").expect_failure();
        assert_eq!(container.status(), "running");
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        container.wait();
        let _ = container.call("start").expect_failure();
    });
}

#[test]
fn verbs_on_a_missing_container_say_so() {
    conformance(|t| {
        for verb in ["start", "state", "kill", "delete", "ps"] {
            let call = t.call([verb, "no-such-container"]).expect_failure();
            let _ = call.expect_stderr("does not exist");
        }
    });
}

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

#[test]
fn config_changes_after_create_have_no_effect() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .shell("echo $WHO; exec /bin/probe signal-wait /ready");
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.create(&bundle.clone().push("/process/env", json!("WHO=original")));
        bundle
            .clone()
            .shell("echo changed")
            .push("/process/env", json!("WHO=changed"))
            .save();
        let _ = container.call("start").expect_success();
        ready.wait();
        assert_eq!(container.stdout(), "original\n");
        let exec = container
            .exec(["/bin/sh", "-c", "echo $WHO"])
            .expect_success();
        assert_eq!(exec.stdout(), "original\n");
    });
}

#[test]
fn a_container_lives_without_its_bundle() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        fs::remove_file(bundle.dir().join("config.json")).expect("remove the config");
        assert_eq!(container.status(), "running");
        let _ = container.exec(["/bin/true"]).expect_success();
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
    });
}

#[test]
fn ids_outside_of_the_alphabet_are_refused() {
    conformance(|t| {
        let bundle = t.bundle();
        let long = "x".repeat(1025);
        for id in [
            "", "..", ".", "a/b", "../x", "a b", "x\ny", "ä", "a:b", &long,
        ] {
            let create = t
                .verb_with_bundle("create", &bundle, &[], id)
                .run()
                .expect_failure();
            assert!(!create.stderr().is_empty(), "{}", create.describe());
        }
        assert_eq!(
            fs::read_dir("/run/state").unwrap().count(),
            0,
            "the state root is not empty"
        );
    });
}

#[test]
fn ids_of_the_whole_alphabet_work() {
    conformance(|t| {
        let id = format!("{}-aZ0_+-.", t.new_id());
        let _ = t
            .verb_with_bundle("run", &t.bundle(), &[], &id)
            .run()
            .expect_success();
    });
}

#[test]
fn the_bundle_defaults_to_the_current_directory() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "exit", "5"]);
        bundle.save();
        let run = t.runtime(["run", &t.new_id()]).cwd(bundle.dir()).run();
        assert_eq!(run.status, Exit::Code(5), "{}", run.describe());
    });
}

#[test]
fn a_bundle_without_config_is_refused_by_name() {
    conformance(|t| {
        let bundle = t.bundle();
        let dir = bundle.dir().to_str().unwrap();
        let _ = t
            .call(["create", "--bundle", dir, &t.new_id()])
            .expect_failure()
            .expect_stderr("config.json");
        fs::write(bundle.dir().join("config.json"), "{ not json").unwrap();
        let _ = t
            .call(["create", "--bundle", dir, &t.new_id()])
            .expect_failure();
    });
}
