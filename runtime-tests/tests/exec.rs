//! `exec`: a second process in a running container.

use runtime_tests::{Bundle, Container, Exit, Rendezvous, Test, Value, conformance, json, process};
use std::fs;
use std::path::PathBuf;

/// The facts of `probe facts` run by `exec` with these flags.
#[track_caller]
fn facts(container: &Container<'_>, flags: &[&str]) -> Value {
    container
        .exec_with(flags, ["/bin/probe", "facts"])
        .expect_success()
        .json()
}

fn sleeping(bundle: Bundle) -> Bundle {
    bundle.args(["/bin/probe", "sleep"])
}

#[test]
fn exec_passes_the_exit_code_on() {
    conformance(|t| {
        let container = t.idle();
        assert_eq!(container.exec(["/bin/true"]).status, Exit::Code(0));
        assert_eq!(
            container.exec(["/bin/probe", "exit", "42"]).status,
            Exit::Code(42)
        );
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn exec_killed_by_a_signal_exits_with_128_and_the_signal() {
    conformance(|t| {
        let exec = t.idle().exec(["/bin/sh", "-c", "kill -KILL $$"]);
        assert_eq!(
            exec.status,
            Exit::Code(128 + libc::SIGKILL),
            "{}",
            exec.describe()
        );
    });
}

#[test]
fn exec_joins_every_namespace_and_cgroup_of_the_container() {
    conformance(|t| {
        let container = t.idle();
        let inside = facts(&container, &[]);
        for (kind, name) in process::namespaces(container.pid) {
            if !kind.ends_with("_for_children") {
                assert_eq!(inside["namespaces"][&kind], json!(name), "namespace {kind}");
            }
        }
        assert_eq!(inside["names"]["hostname"], "box");
        // Seen from a cgroup namespace, the container's cgroup is the root.
        for line in inside["cgroup"].as_array().unwrap() {
            assert!(
                line.as_str().unwrap().ends_with(":/"),
                "{}",
                inside["cgroup"]
            );
        }
    });
}

#[test]
fn exec_connects_stdio() {
    conformance(|t| {
        let container = t.idle();
        let exec = t
            .runtime(["exec", &container.id, "/bin/sh", "-c", "cat; echo err >&2"])
            .stdin_text("typed\n")
            .run()
            .expect_success();
        assert_eq!(
            (exec.stdout(), exec.stderr()),
            ("typed\n".into(), "err\n".into())
        );
    });
}

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
fn exec_detached_returns_at_once_and_writes_the_pid() {
    conformance(|t| {
        let bundle = sleeping(t.bundle());
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.start(&bundle);
        let file = t.dir().join("pid");
        let flags = ["--detach", "--pid-file", file.to_str().unwrap()];
        let exec = container.exec_with(&flags, ["/bin/probe", "signal-wait", "/ready"]);
        let _ = exec.expect_success();
        ready.wait();
        let pid: i32 = fs::read_to_string(&file)
            .unwrap()
            .parse()
            .expect("no newline, just a pid");
        let ours = process::namespaces(container.pid);
        assert_eq!(process::namespaces(pid)["pid"], ours["pid"]);
        let list = t
            .call(["ps", "-f", "json", &container.id])
            .expect_success()
            .json();
        assert!(
            list.as_array().unwrap().contains(&json!(pid)),
            "{pid} is not in {list}"
        );
    });
}

#[test]
fn exec_in_the_foreground_writes_a_pid_file_too() {
    conformance(|t| {
        let container = t.idle();
        let file = t.dir().join("pid");
        let flags = ["--pid-file", file.to_str().unwrap()];
        let _ = container.exec_with(&flags, ["/bin/true"]).expect_success();
        let _: i32 = fs::read_to_string(&file)
            .unwrap()
            .parse()
            .expect("no newline, just a pid");
    });
}

#[test]
fn exec_forwards_signals() {
    conformance(|t| {
        let bundle = sleeping(t.bundle());
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.start(&bundle);
        let exec = t
            .runtime(["exec", &container.id, "/bin/probe", "signal-wait", "/ready"])
            .spawn();
        ready.wait();
        exec.signal(libc::SIGTERM);
        let output = exec.finish();
        assert_eq!(
            output.status,
            Exit::Code(libc::SIGTERM),
            "{}",
            output.describe()
        );
        assert_eq!(container.status(), "running");
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

#[test]
fn exec_in_a_missing_container_exits_with_255() {
    conformance(|t| {
        let exec = t.call(["exec", "no-such-container", "/bin/true"]);
        assert_eq!(exec.status, Exit::Code(255), "{}", exec.describe());
        let _ = exec.expect_stderr("does not exist");
    });
}

#[test]
fn exec_in_a_stopped_container_exits_with_255() {
    conformance(|t| {
        let container = t.start(&t.bundle());
        container.wait();
        let exec = container.exec(["/bin/true"]);
        assert_eq!(exec.status, Exit::Code(255), "{}", exec.describe());
    });
}

#[test]
fn exec_without_a_command_is_refused() {
    conformance(|t| {
        let container = t.idle();
        let _ = t.call(["exec", &container.id]).expect_failure();
    });
}

#[test]
fn exec_looks_programs_up_in_the_containers_path() {
    conformance(|t| {
        let bundle = sleeping(t.bundle()).set("/process/env", json!(["PATH=/opt:/bin"]));
        fs::create_dir(bundle.rootfs().join("opt")).unwrap();
        bundle.write_program("/opt/greet", b"#!/bin/sh\necho greetings\n");
        let container = t.start(&bundle);
        assert_eq!(
            container.exec(["greet"]).expect_success().stdout(),
            "greetings\n"
        );
        assert_eq!(container.exec(["probe", "exit", "3"]).status, Exit::Code(3));
    });
}

#[test]
fn many_execs_leave_nothing_in_the_container() {
    conformance(|t| {
        let container = t.idle();
        for _ in 0..5 {
            let _ = container.exec(["/bin/true"]).expect_success();
        }
        let list = t
            .call(["ps", "-f", "json", &container.id])
            .expect_success()
            .json();
        assert_eq!(list, json!([container.pid]));
    });
}

#[test]
fn execs_at_the_same_time_do_not_mix() {
    conformance(|t| {
        let container = t.idle();
        let word = |n: i32| format!("word-{n}");
        let running: Vec<_> = (0..8)
            .map(|n| {
                t.runtime(["exec", &container.id, "/bin/echo", &word(n)])
                    .spawn()
            })
            .collect();
        for (n, exec) in (0..).zip(running) {
            assert_eq!(
                exec.finish().expect_success().stdout(),
                format!("{}\n", word(n))
            );
        }
    });
}
