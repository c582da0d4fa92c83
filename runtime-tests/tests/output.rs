//! What the verbs print: `state`, `list`, `ps`, and the pid file.

use runtime_tests::{Kind, Test, conformance, json, process};
use std::fs;

/// Keys of a JSON object in the order of the text.
fn keys_in_order(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn state_prints_its_keys_in_the_known_order() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/annotations", json!({"org.example.key": "value"}));
        let container = t.create(&bundle);
        let text = container.call("state").expect_success().stdout();
        let expected = [
            "ociVersion",
            "id",
            "pid",
            "status",
            "bundle",
            "rootfs",
            "created",
            "annotations",
            "owner",
        ];
        let mut keys = keys_in_order(&text);
        // Saya's own: there where the cgroup has a memory controller.
        keys.pop_if(|last| t.runtime.kind == Kind::Saya && last == "memory");
        assert_eq!(keys, expected, "{text}");
    });
}

#[test]
fn state_says_what_the_container_is() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/annotations", json!({"org.example.key": "value"}));
        let container = t.create(&bundle);
        let state = container.state();
        assert_eq!(state["id"], container.id);
        assert_eq!(state["status"], "created");
        assert_eq!(state["bundle"], bundle.dir().to_str().unwrap());
        assert_eq!(state["rootfs"], bundle.rootfs().to_str().unwrap());
        assert_eq!(state["annotations"]["org.example.key"], "value");
        assert!(state["ociVersion"].as_str().unwrap().starts_with("1."));
        let created = state["created"].as_str().unwrap();
        assert!(created.contains('T') && created.ends_with('Z'), "{created}");
        let pid = i32::try_from(state["pid"].as_i64().unwrap()).unwrap();
        assert!(process::find(pid).is_some(), "pid {pid} does not exist");
    });
}

#[test]
fn state_follows_the_life_of_the_container() {
    conformance(|t| {
        let container = t.create(&t.bundle().args(["/bin/probe", "sleep"]));
        assert_eq!(container.status(), "created");
        let _ = container.call("start").expect_success();
        assert_eq!(container.status(), "running");
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        container.wait();
        let state = container.state();
        assert_eq!(state["status"], "stopped");
        assert_eq!(state["pid"], 0);
    });
}

#[test]
fn state_of_a_relative_bundle_is_absolute() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.save();
        let id = t.new_id();
        let create = t
            .runtime(["create", "--bundle", ".", &id])
            .cwd(bundle.dir())
            .run();
        let _ = create.expect_success();
        let state = t.call(["state", &id]).expect_success().json();
        assert_eq!(state["bundle"], bundle.dir().to_str().unwrap());
    });
}

#[test]
fn list_of_nothing_is_null_in_json_and_a_header_in_a_table() {
    conformance(|t| {
        let list = t.call(["list", "--format", "json"]).expect_success();
        assert_eq!(list.stdout().trim_end(), "null");
        let table = t.call(["list"]).expect_success().stdout();
        let words: Vec<_> = table.split_whitespace().collect();
        assert_eq!(words, ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
        assert_eq!(t.call(["list", "-q"]).expect_success().stdout(), "");
    });
}

#[test]
fn list_json_is_one_line_of_states_with_their_owner() {
    conformance(|t| {
        let first = t.idle();
        let second = t.create(&t.bundle());
        for flag in [["-f", "json"], ["--format", "json"]] {
            let output = t.runtime(["list"]).args(flag).run().expect_success();
            let text = output.stdout();
            assert_eq!(text.trim_end().lines().count(), 1, "{text}");
            let list = output.json();
            let ids: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["id"].clone())
                .collect();
            assert_eq!(
                ids,
                [json!(first.id), json!(second.id)],
                "in the order of the names"
            );
            assert_eq!(list[0]["status"], "running");
            assert_eq!(list[1]["status"], "created");
            assert_eq!(list[0]["pid"], first.pid);
            assert_eq!(list[0]["owner"], "root");
        }
    });
}

#[test]
fn list_json_keeps_the_order_of_the_keys() {
    conformance(|t| {
        let container = t.create(&t.bundle());
        let text = t.call(["list", "-f", "json"]).expect_success().stdout();
        let start = format!(
            "[{{\"ociVersion\":\"{}\",\"id\":\"{}\",\"pid\":{},\"status\":\"created\",\"bundle\":\"",
            container.state()["ociVersion"].as_str().unwrap(),
            container.id,
            container.pid
        );
        assert!(
            text.starts_with(&start),
            "{text}\ndoes not start with\n{start}"
        );
    });
}

#[test]
fn list_table_has_a_row_per_container() {
    conformance(|t| {
        let container = t.idle();
        let text = t.call(["list"]).expect_success().stdout();
        let row: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(
            row[..3],
            [container.id.as_str(), &container.pid.to_string(), "running"]
        );
        assert_eq!(row[3], container.state()["bundle"].as_str().unwrap());
        assert_eq!(row[5], "root");
    });
}

#[test]
fn list_quiet_prints_ids_only() {
    conformance(|t| {
        let (first, second) = (t.idle(), t.idle());
        for flag in ["-q", "--quiet"] {
            let text = t.call(["list", flag]).expect_success().stdout();
            assert_eq!(text, format!("{}\n{}\n", first.id, second.id));
        }
    });
}

#[test]
fn list_refuses_an_unknown_format() {
    conformance(|t| {
        let _ = t.call(["list", "-f", "xml"]).expect_failure();
    });
}

#[test]
fn list_shows_a_stopped_container_and_survives_a_broken_one() {
    conformance(|t| {
        let stopped = t.start(&t.bundle());
        stopped.wait();
        let broken = t.create(&t.bundle());
        damage(&broken.id);
        let list = t.call(["list", "-f", "json"]).expect_success().json();
        let found = list
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["id"] == stopped.id);
        assert_eq!(
            found.map(|c| c["status"].clone()),
            Some(json!("stopped")),
            "{list}"
        );
    });
}

/// Truncates every file of the container's state.
fn damage(id: &str) {
    for entry in fs::read_dir(format!("/run/state/{id}")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            fs::write(entry.path(), "{").unwrap();
        }
    }
}

fn two_processes(t: &Test) -> (runtime_tests::Container<'_>, runtime_tests::Rendezvous) {
    let bundle = t
        .bundle()
        .shell("/bin/probe sleep & echo up > /ready; exec /bin/probe sleep");
    let ready = runtime_tests::Rendezvous::in_rootfs(&bundle, "ready");
    (t.start(&bundle), ready)
}

#[test]
fn ps_json_is_an_array_of_host_pids() {
    conformance(|t| {
        let (container, ready) = two_processes(t);
        ready.wait();
        for flag in [["-f", "json"], ["--format", "json"]] {
            let list = t
                .runtime(["ps"])
                .args(flag)
                .args([&container.id])
                .run()
                .expect_success();
            let pids: Vec<i64> = list
                .json()
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p.as_i64().unwrap())
                .collect();
            assert_eq!(pids.len(), 2, "{pids:?}");
            assert!(pids.contains(&i64::from(container.pid)), "{pids:?}");
        }
    });
}

#[test]
fn ps_table_is_that_of_ps_with_the_rows_of_the_container() {
    conformance(|t| {
        let (container, ready) = two_processes(t);
        ready.wait();
        let text = container.call("ps").expect_success().stdout();
        let header: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header[..2], ["UID", "PID"], "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.contains("probe sleep")),
            "{text}"
        );
    });
}

#[test]
fn ps_takes_options_of_ps_after_the_id() {
    conformance(|t| {
        let container = t.idle();
        let text = t
            .call(["ps", &container.id, "-o", "pid,comm", "-A"])
            .expect_success()
            .stdout();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0], ["PID", "COMMAND"], "{text}");
        assert_eq!(rows[1][0], container.pid.to_string(), "{text}");
        assert_eq!(rows.len(), 2, "{text}");
    });
}

#[test]
fn pid_file_holds_the_pid_without_a_newline() {
    conformance(|t| {
        let file = t.dir().join("pid");
        for verb in ["create", "run"] {
            let id = t.new_id();
            let bundle = t.bundle().args(["/bin/probe", "sleep"]);
            let mut flags = vec!["--pid-file", file.to_str().unwrap()];
            flags.extend((verb == "run").then_some("--detach"));
            let _ = t
                .verb_with_bundle(verb, &bundle, &flags, &id)
                .run()
                .expect_success();
            let pid = t.call(["state", &id]).json()["pid"].to_string();
            assert_eq!(fs::read_to_string(&file).unwrap(), pid);
        }
    });
}

#[test]
fn a_relative_pid_file_belongs_to_the_callers_directory() {
    conformance(|t| {
        let bundle = t.bundle();
        let dir = t.dir().join("elsewhere");
        fs::create_dir(&dir).unwrap();
        let id = t.new_id();
        let create = t
            .verb_with_bundle("create", &bundle, &["--pid-file", "pid"], &id)
            .cwd(&dir);
        let _ = create.run().expect_success();
        let pid = t.call(["state", &id]).json()["pid"].to_string();
        assert_eq!(fs::read_to_string(dir.join("pid")).unwrap(), pid);
        assert!(!bundle.dir().join("pid").exists());
    });
}

#[test]
fn a_pid_file_that_cannot_be_written_fails_the_create() {
    conformance(|t| {
        let id = t.new_id();
        let flags = ["--pid-file", "/no/such/dir/pid"];
        let create = t.verb_with_bundle("create", &t.bundle(), &flags, &id).run();
        let _ = create.expect_failure().expect_stderr("/no/such/dir");
        let _ = t.call(["state", &id]).expect_failure();
    });
}
