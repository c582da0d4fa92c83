//! The settings of the process: flags, process.json and what it takes from the config.

use crate::{facts, sleeping};
use runtime_tests::{Exit, Kind, Rendezvous, Test, Value, conformance, json, process};
use std::fs;
use std::path::PathBuf;

#[test]
fn exec_takes_the_process_settings_of_the_config() {
    conformance(|t| {
        let bundle = sleeping(t.bundle())
            .push("/process/env", json!("FROM_CONFIG=1"))
            .set("/process/cwd", json!("/tmp"))
            .set(
                "/process/user",
                json!({"uid": 1000, "gid": 1000, "additionalGids": [5, 50]}),
            )
            .set(
                "/process/rlimits",
                json!([{"type": "RLIMIT_CORE", "soft": 300, "hard": 400}]),
            );
        let inside = facts(&t.start(&bundle), &[]);
        assert!(
            inside["env"]
                .as_array()
                .unwrap()
                .contains(&json!("FROM_CONFIG=1"))
        );
        assert_eq!(inside["process"]["cwd"], "/tmp");
        assert_eq!(inside["identity"]["uid"], json!([1000, 1000, 1000]));
        assert_eq!(inside["identity"]["groups"], json!([5, 50]));
        assert_eq!(inside["rlimits"]["RLIMIT_CORE"], json!([300, 400]));
        assert_eq!(inside["status"]["NoNewPrivs"], "1");
    });
}

#[test]
fn exec_cwd() {
    conformance(|t| {
        let container = t.idle();
        assert_eq!(
            facts(&container, &["--cwd", "/etc"])["process"]["cwd"],
            "/etc"
        );
        let exec = container.exec_with(&["--cwd", "/no/such"], ["/bin/true"]);
        assert_eq!(exec.status, Exit::Code(255), "{}", exec.describe());
        let _ = exec.expect_stderr("/no/such");
    });
}

#[test]
fn exec_env_adds_to_the_environment_and_wins() {
    conformance(|t| {
        let bundle = sleeping(t.bundle()).push("/process/env", json!("A=config"));
        let container = t.start(&bundle);
        for flag in ["-e", "--env"] {
            let flags = [flag, "A=flag", flag, "B=two words", flag, "C="];
            let env = facts(&container, &flags)["env"].clone();
            let env = env.as_array().unwrap();
            let values = env.iter().rev().map(|v| v.as_str().unwrap());
            let last = |name: &str| values.clone().find_map(|v| v.strip_prefix(name));
            assert_eq!(last("A="), Some("flag"), "{env:?}");
            assert_eq!(last("B="), Some("two words"), "{env:?}");
            assert_eq!(last("C="), Some(""), "{env:?}");
            assert_eq!(last("PATH="), Some("/bin"), "{env:?}");
        }
    });
}

#[test]
fn exec_user_sets_uid_and_gid() {
    conformance(|t| {
        let container = t.idle();
        for (flag, uid, gid) in [("1000:50", 1000, 50), ("2", 2, 0), ("0:7", 0, 7)] {
            let inside = facts(&container, &["--user", flag]);
            assert_eq!(
                inside["identity"]["uid"],
                json!([uid, uid, uid]),
                "--user {flag}"
            );
            assert_eq!(
                inside["identity"]["gid"],
                json!([gid, gid, gid]),
                "--user {flag}"
            );
        }
    });
}

#[test]
fn exec_additional_gids() {
    conformance(|t| {
        let container = t.idle();
        for flag in ["-g", "--additional-gids"] {
            let inside = facts(&container, &[flag, "50", flag, "5"]);
            assert_eq!(inside["identity"]["groups"], json!([5, 50]), "{flag}");
        }
    });
}

#[test]
fn exec_home_follows_the_user() {
    conformance(|t| {
        let container = t.idle();
        for (user, home) in [
            ("0", "HOME=/root"),
            ("1000", "HOME=/home"),
            ("4242", "HOME=/"),
        ] {
            let env = facts(&container, &["--user", user])["env"].clone();
            assert!(
                env.as_array().unwrap().contains(&json!(home)),
                "--user {user}: {env}"
            );
        }
    });
}

#[test]
fn exec_without_new_privileges() {
    conformance(|t| {
        let bundle = sleeping(t.bundle()).set("/process/noNewPrivileges", json!(false));
        let container = t.start(&bundle);
        assert_eq!(facts(&container, &[])["status"]["NoNewPrivs"], "0");
        assert_eq!(
            facts(&container, &["--no-new-privs"])["status"]["NoNewPrivs"],
            "1"
        );
    });
}

#[test]
fn exec_process_replaces_all_settings() {
    conformance(|t| {
        let container = t.idle();
        let file = process_file(
            t,
            &json!({
                "user": {"uid": 1000, "gid": 50, "additionalGids": [5]},
                "args": ["/bin/probe", "facts"],
                "env": ["PATH=/bin", "ONLY=this"],
                "cwd": "/tmp",
                "noNewPrivileges": true,
                "rlimits": [{"type": "RLIMIT_CORE", "soft": 77, "hard": 88}]
            }),
        );
        for flag in ["--process", "-p"] {
            let exec = t.call(["exec", flag, file.to_str().unwrap(), &container.id]);
            let inside = exec.expect_success().json();
            assert_eq!(inside["identity"]["uid"], json!([1000, 1000, 1000]));
            assert_eq!(inside["identity"]["gid"], json!([50, 50, 50]));
            assert_eq!(inside["identity"]["groups"], json!([5]));
            assert_eq!(inside["process"]["cwd"], "/tmp");
            assert_eq!(inside["rlimits"]["RLIMIT_CORE"], json!([77, 88]));
            assert!(
                inside["env"]
                    .as_array()
                    .unwrap()
                    .contains(&json!("ONLY=this"))
            );
            assert_eq!(inside["status"]["CapEff"], "0000000000000000");
        }
    });
}

#[test]
fn exec_process_sets_the_umask() {
    conformance(|t| {
        let container = t.idle();
        let file = process_file(
            t,
            &json!({
                "user": {"uid": 0, "gid": 0, "umask": 0o27},
                "args": ["/bin/probe", "facts"],
                "env": [],
                "cwd": "/"
            }),
        );
        let exec = t.call(["exec", "--process", file.to_str().unwrap(), &container.id]);
        assert_eq!(exec.expect_success().json()["identity"]["umask"], "0027");
    });
}

#[test]
fn exec_is_scored_for_the_oom_killer_as_the_container_is() {
    conformance(|t| {
        let bundle = sleeping(t.bundle()).set("/process/oomScoreAdj", json!(567));
        let container = t.start(&bundle);
        let exec = t.call(["exec", &container.id, "/bin/probe", "facts"]);
        let facts = exec.expect_success().json();
        assert_eq!(facts["process"]["oom_score_adj"], "567");
    });
}

#[test]
fn exec_process_sets_the_oom_score() {
    conformance(|t| {
        t.only(
            Kind::Saya,
            "runc and crun do not look at the document's score",
        );
        let container = t.idle();
        let file = process_file(
            t,
            &json!({"args": ["/bin/probe", "facts"], "env": [], "cwd": "/", "oomScoreAdj": 678}),
        );
        let exec = t.call(["exec", "--process", file.to_str().unwrap(), &container.id]);
        let facts = exec.expect_success().json();
        assert_eq!(facts["process"]["oom_score_adj"], "678");
    });
}

#[test]
fn exec_names_the_process_file_in_errors() {
    conformance(|t| {
        t.only(Kind::Saya, "other runtimes name no field");
        let container = t.idle();
        let process = json!({"args": ["nosuch"], "env": ["PATH=/bin"], "cwd": "/"});
        let file = process_file(t, &process);
        let exec = t.call(["exec", "--process", file.to_str().unwrap(), &container.id]);
        let _ = exec.expect_stderr("process.json: /args)");
    });
}

fn process_file(t: &Test, process: &Value) -> PathBuf {
    let file = t.dir().join("process.json");
    fs::write(&file, process.to_string()).unwrap();
    file
}

#[test]
fn exec_of_a_broken_process_file_is_refused() {
    conformance(|t| {
        let container = t.idle();
        let missing = t.call(["exec", "--process", "/no/such/file", &container.id]);
        assert_eq!(missing.status, Exit::Code(255), "{}", missing.describe());
        let _ = missing.expect_stderr("/no/such/file");
        for process in [
            json!({"cwd": "/", "args": []}),
            json!({"args": ["/bin/true"]}),
        ] {
            let file = process_file(t, &process);
            let exec = t.call(["exec", "--process", file.to_str().unwrap(), &container.id]);
            assert_eq!(
                exec.status,
                Exit::Code(255),
                "{process}: {}",
                exec.describe()
            );
        }
    });
}

#[test]
fn exec_processes_die_with_the_container() {
    conformance(|t| {
        let bundle = sleeping(t.bundle());
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.start(&bundle);
        let exec = container.exec_with(&["-d"], ["/bin/probe", "signals-ignored-sleep", "/ready"]);
        let _ = exec.expect_success();
        ready.wait();
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        let left = process::settle(&[].into(), std::time::Duration::from_secs(5));
        assert_eq!(left, []);
    });
}
