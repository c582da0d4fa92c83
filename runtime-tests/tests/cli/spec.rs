//! `spec`, `features`, and the state root.

use runtime_tests::{Kind, Runner, conformance, json};
use std::fs;
use std::path::Path;

#[test]
fn rootless_and_systemd_flags_are_accepted() {
    conformance(|t| {
        for flag in ["--rootless=auto", "--rootless=false"] {
            let _ = t.runtime([flag, "list"]).run().expect_success();
        }
    });
}

#[test]
fn spec_writes_a_config_that_runs() {
    conformance(|t| {
        let mut bundle = t.bundle();
        let _ = t.runtime(["spec"]).cwd(bundle.dir()).run().expect_success();
        let text = fs::read_to_string(bundle.dir().join("config.json")).unwrap();
        bundle.config = serde_json::from_str(&text).unwrap();
        let process = &bundle.config["process"];
        assert_eq!(process["terminal"], true);
        assert_eq!(process["args"], json!(["sh"]));
        assert_eq!(process["cwd"], "/");
        assert_eq!(
            bundle.config["root"],
            json!({"path": "rootfs", "readonly": true})
        );
        let kinds: Vec<_> = bundle.config["linux"]["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|namespace| namespace["type"].as_str().unwrap().to_owned())
            .collect();
        for kind in ["pid", "network", "ipc", "uts", "mount"] {
            assert!(
                kinds.contains(&kind.to_owned()),
                "no {kind} namespace in {text}"
            );
        }
        let bundle = bundle.set("/process/terminal", json!(false)).set(
            "/linux/cgroupsPath",
            t.bundle().config["linux"]["cgroupsPath"].clone(),
        );
        let _ = t.run(&bundle.args(["/bin/true"])).expect_success();
    });
}

#[test]
fn spec_does_not_overwrite() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.save();
        let before = fs::read(bundle.dir().join("config.json")).unwrap();
        let dir = bundle.dir().to_str().unwrap();
        let _ = t
            .call(["spec", "--bundle", dir])
            .expect_failure()
            .expect_stderr("config.json");
        assert_eq!(fs::read(bundle.dir().join("config.json")).unwrap(), before);
    });
}

#[test]
fn spec_rootless_has_a_user_namespace_and_no_network() {
    conformance(|t| {
        let dir = t.dir().join("rootless");
        fs::create_dir(&dir).unwrap();
        if t.runtime.kind == Kind::Saya {
            // Until rootless containers come: an example that cannot be run helps nobody.
            let call = t.runtime(["spec", "--rootless"]).cwd(&dir).run();
            let _ = call.expect_failure().expect_stderr("not supported yet");
            assert!(!dir.join("config.json").exists());
            return;
        }
        let _ = t
            .runtime(["spec", "--rootless"])
            .cwd(&dir)
            .run()
            .expect_success();
        let text = fs::read_to_string(dir.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kinds = config["linux"]["namespaces"].to_string();
        assert!(
            kinds.contains("user") && !kinds.contains("network"),
            "{kinds}"
        );
        assert_eq!(config["linux"]["uidMappings"][0]["containerID"], 0);
        assert_eq!(config["linux"]["uidMappings"][0]["hostID"], 0);
    });
}

#[test]
fn features_tells_what_engines_ask() {
    conformance(|t| {
        let features = t.call(["features"]).expect_success().json();
        assert_eq!(features["ociVersionMin"], "1.0.0");
        assert!(
            features["ociVersionMax"]
                .as_str()
                .unwrap()
                .starts_with("1.")
        );
        let has = |pointer: &str, wanted: &[&str]| {
            let list = features
                .pointer(pointer)
                .unwrap_or_else(|| panic!("no {pointer}"));
            for item in wanted {
                assert!(
                    list.as_array().unwrap().contains(&json!(item)),
                    "{pointer}: no {item}"
                );
            }
        };
        has(
            "/hooks",
            &[
                "prestart",
                "createRuntime",
                "createContainer",
                "startContainer",
                "poststart",
                "poststop",
            ],
        );
        has(
            "/mountOptions",
            &["bind", "rbind", "ro", "rro", "tmpcopyup", "rprivate"],
        );
        has(
            "/linux/namespaces",
            &["cgroup", "ipc", "mount", "network", "pid", "user", "uts"],
        );
        has("/linux/capabilities", &["CAP_CHOWN", "CAP_SYS_ADMIN"]);
        assert_eq!(features["linux"]["cgroup"]["v1"], true);
    });
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    conformance(|t| {
        t.only(Kind::Saya, "the peers have these verbs");
        let container = t.idle();
        for verb in ["checkpoint", "restore"] {
            let call = container.call(verb).expect_failure();
            let _ = call.expect_stderr("not supported yet");
        }
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn the_root_directory_is_made_and_private() {
    use std::os::unix::fs::PermissionsExt;
    conformance(|t| {
        let root = Path::new("/run/own-root");
        let bundle = t.bundle();
        bundle.save();
        let run = |verb: &str, rest: &[&str]| {
            let root = ["--root", root.to_str().unwrap(), verb];
            Runner::new(&t.runtime.path)
                .args(root)
                .args(rest)
                .run()
                .expect_success()
        };
        let id = t.new_id();
        let _ = run("create", &["--bundle", bundle.dir().to_str().unwrap(), &id]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode(root) & 0o066,
            0,
            "others may read {}: {:o}",
            root.display(),
            mode(root)
        );
        assert_eq!(mode(&root.join(&id)) & 0o066, 0);
        let _ = run("delete", &["--force", &id]);
        fs::remove_dir_all(root).unwrap();
    });
}

#[test]
fn two_roots_do_not_see_each_other() {
    conformance(|t| {
        let container = t.idle();
        let state = Runner::new(&t.runtime.path)
            .args(["--root", "/run/other-root", "state", &container.id])
            .run();
        let _ = state.expect_failure();
        let _ = fs::remove_dir_all("/run/other-root");
    });
}
