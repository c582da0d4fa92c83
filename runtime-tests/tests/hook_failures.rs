//! Hooks that fail: what is said, and what is left.

use runtime_tests::{Bundle, Output, Test, Value, conformance, json, process};
use std::fs;
use std::time::Duration;

/// A hook that runs `script`; of the host, or with busybox inside.
fn hook(bundle: &Bundle, kind: &str, script: &str) -> Value {
    let busybox = match kind {
        "startContainer" => "/bin/busybox".into(),
        _ => bundle.rootfs().join("bin/busybox"),
    };
    json!({"path": busybox, "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]})
}

fn with(bundle: Bundle, kind: &str, script: &str) -> Bundle {
    let hook = hook(&bundle, kind, script);
    bundle.hook(kind, hook)
}

/// A failing hook after one that succeeds.
fn failing(t: &Test, kind: &str) -> Bundle {
    let bundle = with(t.bundle(), kind, "true");
    with(bundle, kind, "echo what went wrong >&2; exit 37")
}

#[track_caller]
fn assert_told(output: Output) {
    let _ = output
        .expect_failure()
        .expect_stderr("hook #1:")
        .expect_stderr("exit status 37")
        .expect_stderr("what went wrong");
}

/// Neither state nor processes.
#[track_caller]
fn assert_nothing_left() {
    let left = fs::read_dir("/run/state").into_iter().flatten().count();
    assert_eq!(left, 0, "the state root is not empty");
    assert_eq!(process::settle(&[].into(), Duration::from_secs(3)), []);
}

#[test]
fn a_failed_hook_of_create_fails_it_and_leaves_nothing() {
    conformance(|t| {
        for kind in ["prestart", "createRuntime", "createContainer"] {
            let id = t.new_id();
            let create = t
                .verb_with_bundle("create", &failing(t, kind), &[], &id)
                .run();
            assert_told(create);
            assert_nothing_left();
            let _ = t.call(["state", &id]).expect_failure();
        }
    });
}

#[test]
fn the_kind_of_a_failed_hook_is_named() {
    conformance(|t| {
        for kind in ["prestart", "createRuntime", "createContainer", "poststart"] {
            let run = t.run(&failing(t, kind)).expect_failure();
            let _ = run.expect_stderr(&format!("error running {kind} hook #1:"));
        }
    });
}

#[test]
fn later_hooks_do_not_run_after_a_failed_one() {
    conformance(|t| {
        for kind in ["prestart", "createRuntime", "createContainer"] {
            let ran = t.dir().join(format!("ran-{kind}"));
            let bundle = with(failing(t, kind), kind, &format!("touch {}", ran.display()));
            let bundle = with(bundle, "poststart", &format!("touch {}", ran.display()));
            let _ = t.run(&bundle).expect_failure();
            assert!(!ran.exists(), "{kind}");
        }
    });
}

#[test]
fn poststop_hooks_run_after_a_failed_create() {
    conformance(|t| {
        for kind in ["prestart", "createRuntime", "createContainer"] {
            let ran = t.dir().join(format!("stopped-{kind}"));
            let script = format!("echo x >> {}", ran.display());
            let bundle = with(failing(t, kind), "poststop", &script);
            let create = t
                .verb_with_bundle("create", &bundle, &[], &t.new_id())
                .run();
            let _ = create.expect_failure();
            assert_eq!(
                fs::read_to_string(&ran).unwrap_or_default(),
                "x\n",
                "{kind}"
            );
        }
    });
}

#[test]
fn a_failed_start_container_hook_fails_start_and_the_program_never_runs() {
    conformance(|t| {
        let bundle = failing(t, "startContainer").args(["/bin/probe", "write", "/tmp/ran", ""]);
        let container = t.create(&bundle);
        let start = container.call("start");
        let _ = container.wait();
        assert!(!bundle.rootfs().join("tmp/ran").exists());
        assert_eq!(container.status(), "stopped");
        // The caller of start is told, or whoever reads what init writes.
        let told = format!("{}{}", start.stderr(), container.stderr());
        assert!(told.contains("hook #1:"), "{told}");
        assert!(told.contains("exit status 37"), "{told}");
    });
}

#[test]
fn a_failed_start_container_hook_is_told_by_start() {
    conformance(|t| {
        let container = t.create(&failing(t, "startContainer"));
        assert_told(container.call("start"));
    });
}

#[test]
fn a_failed_poststart_hook_fails_start() {
    conformance(|t| {
        let bundle = failing(t, "poststart").args(["/bin/probe", "sleep"]);
        let container = t.create(&bundle);
        assert_told(container.call("start"));
        let _ = container.wait();
        assert_eq!(container.status(), "stopped");
    });
}

#[test]
fn a_failed_poststop_hook_is_a_warning_and_the_others_run() {
    conformance(|t| {
        let ran = t.dir().join("ran");
        let bundle = with(
            failing(t, "poststop"),
            "poststop",
            &format!("touch {}", ran.display()),
        );
        let container = t.create(&bundle);
        let delete = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        let _ = delete.expect_stderr("hook #1:").expect_stderr("37");
        assert!(ran.exists(), "the hook after it");
        assert_nothing_left();
    });
}

#[test]
fn a_hook_killed_by_a_signal_says_which() {
    conformance(|t| {
        let bundle = with(t.bundle(), "createRuntime", "kill -TERM $$");
        let run = t.run(&bundle).expect_failure();
        let run = run.expect_stderr("hook #0:");
        let text = run.stderr().to_lowercase();
        assert!(
            text.contains("sigterm") || text.contains("terminated"),
            "{text}"
        );
    });
}

#[test]
fn the_end_of_a_long_stderr_is_told() {
    conformance(|t| {
        let script = "i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1";
        let run = t
            .run(&with(t.bundle(), "createRuntime", script))
            .expect_failure();
        let _ = run.expect_stderr("line 4999");
    });
}

#[test]
fn a_hook_that_does_not_exist_is_named() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .hook("createRuntime", json!({"path": "/no/such/hook"}));
        let run = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("/no/such/hook");
        let _ = run.expect_stderr("no such file or directory");
        assert_nothing_left();
    });
}

#[test]
fn a_hook_that_is_not_executable_is_named() {
    conformance(|t| {
        let file = t.dir().join("not-executable");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        let bundle = t.bundle().hook("prestart", json!({"path": file}));
        let run = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("not-executable");
        let _ = run.expect_stderr("permission denied");
    });
}

#[test]
fn a_hook_without_an_absolute_path_is_refused() {
    conformance(|t| {
        for hook in [json!({"path": "true"}), json!({"args": ["true"]})] {
            let _ = t
                .run(&t.bundle().hook("createRuntime", hook))
                .expect_failure();
        }
    });
}

#[test]
fn a_timeout_that_is_none_is_refused() {
    conformance(|t| {
        for timeout in [0, -1] {
            let bundle = t.bundle();
            let mut hook = hook(&bundle, "createRuntime", "true");
            hook["timeout"] = json!(timeout);
            let _ = t.run(&bundle.hook("createRuntime", hook)).expect_failure();
        }
    });
}
