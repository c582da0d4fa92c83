//! Hooks run on the host: what they see, and that they end.

use runtime_tests::{Test, conformance, json, process};
use std::fs;

#[test]
fn hooks_see_neither_the_environment_of_the_image_nor_our_fds() {
    conformance(|t| {
        let kinds = [
            "prestart",
            "createRuntime",
            "createContainer",
            "poststart",
            "poststop",
        ];
        let mut bundle = t
            .bundle()
            .push("/process/env", json!("IMGVAR=from-the-image"))
            .push("/process/env", json!("LD_PRELOAD=/evil.so"));
        // A program of the host that tells what it sees, without a shell.
        let record = |kind: &str| t.dir().join(format!("facts-{kind}"));
        let probe = bundle.rootfs().join("bin/probe");
        for kind in kinds {
            let args = json!(["probe", "facts-to", record(kind)]);
            bundle = bundle.hook(kind, json!({"path": probe, "args": args}));
        }
        let _ = t.run(&bundle).expect_success();
        for kind in kinds {
            let text =
                fs::read_to_string(record(kind)).unwrap_or_else(|_| panic!("no {kind} hook"));
            let facts: serde_json::Value = serde_json::from_str(&text).unwrap();
            let env = facts["env"].to_string();
            assert!(
                !env.contains("IMGVAR") && !env.contains("LD_PRELOAD"),
                "{kind}: {env}"
            );
            let fds: Vec<_> = facts["fds"].as_object().unwrap().keys().cloned().collect();
            assert_eq!(fds, ["0", "1", "2"], "{kind}: {}", facts["fds"]);
        }
    });
}

/// A create with this hook fails within its time and leaves nothing.
#[track_caller]
fn assert_hook_is_killed(t: &Test, script: &str) {
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1});
    let id = t.new_id();
    let bundle = t.bundle().hook("createRuntime", hook);
    let _ = t
        .verb_with_bundle("create", &bundle, &[], &id)
        .run()
        .expect_failure();
    let _ = t.call(["state", &id]).expect_failure();
    let left = process::settle(&[].into(), std::time::Duration::from_secs(2));
    assert_eq!(left, [], "the hook or its child still runs");
}

#[test]
fn a_hook_that_hangs_is_killed_and_fails_the_create() {
    conformance(|t| assert_hook_is_killed(t, "exec sleep 1000"));
}

#[test]
fn a_hook_that_hangs_is_killed_with_its_children() {
    conformance(|t| assert_hook_is_killed(t, "sleep 1000 & sleep 1000"));
}
