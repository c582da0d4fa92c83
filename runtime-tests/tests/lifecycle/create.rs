//! `create` and `start`, ids and bundles.

use runtime_tests::{Exit, Rendezvous, conformance, json, process};
use std::fs;

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
