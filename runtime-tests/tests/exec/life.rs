//! What it joins, how it ends, and what is refused.

use crate::{facts, sleeping};
use runtime_tests::{Exit, Rendezvous, conformance, json, process};
use std::fs;

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
