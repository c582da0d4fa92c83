//! Terminals: console sockets, foreground terminals, window sizes.

use runtime_tests::terminal::{self, Master};
use runtime_tests::{Bundle, ConsoleSocket, Exit, Rendezvous, Test, Value, conformance, json};
use std::fs;
use std::os::fd::AsFd;

fn with_terminal(t: &Test) -> Bundle {
    t.bundle().set("/process/terminal", json!(true))
}

fn socket(t: &Test) -> ConsoleSocket {
    ConsoleSocket::at(&t.dir().join("console"))
}

/// Creates and starts the bundle with a console socket; all that it prints.
#[track_caller]
fn output_on_console(t: &Test, bundle: &Bundle) -> String {
    let console = socket(t);
    let container = t.create_with(bundle, &["--console-socket", console.path()]);
    let mut master = console.master();
    let _ = container.call("start").expect_success();
    master.read_to_end()
}

#[track_caller]
fn facts(text: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with('{')).expect(text);
    serde_json::from_str(line).expect(text)
}

#[test]
fn create_sends_the_master_over_the_console_socket() {
    conformance(|t| {
        let bundle = with_terminal(t).args(["/bin/probe", "facts"]);
        let inside = facts(&output_on_console(t, &bundle));
        for fd in ["0", "1", "2"] {
            let target = inside["fds"][fd].as_str().unwrap();
            assert!(
                target.starts_with("/dev/pts/") || target == "/dev/console",
                "{target}"
            );
        }
        assert_eq!(inside["terminal"]["controlling"], true);
    });
}

#[test]
fn the_message_on_the_console_socket_names_the_terminal() {
    conformance(|t| {
        let console = socket(t);
        let bundle = with_terminal(t);
        let _container = t.create_with(&bundle, &["--console-socket", console.path()]);
        let (name, fd) = console.receive();
        assert!(!name.is_empty(), "at least one byte of data is required");
        assert!(Master::new(fd).size().0 < 10_000);
    });
}

#[test]
fn a_terminal_in_the_foreground_does_not_translate_newlines() {
    conformance(|t| {
        // The caller's terminal would translate them itself: look at a file.
        let (_master, slave) = terminal::open();
        let stdout = fs::File::create(t.dir().join("stdout")).unwrap();
        let bundle = with_terminal(t).shell("echo one; echo two");
        let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
        let stderr = stdout.try_clone().unwrap();
        let run = run.on_terminal(slave.as_fd()).outputs(stdout, stderr).run();
        assert_eq!(run.status, Exit::Code(0), "{}", run.describe());
        assert_eq!(
            fs::read_to_string(t.dir().join("stdout")).unwrap(),
            "one\ntwo\n"
        );
    });
}

#[test]
fn console_size_is_applied() {
    conformance(|t| {
        let bundle = with_terminal(t)
            .set("/process/consoleSize", json!({"height": 33, "width": 121}))
            .args(["/bin/probe", "facts"]);
        let inside = facts(&output_on_console(t, &bundle));
        for fd in ["stdin", "stdout", "stderr"] {
            assert_eq!(
                inside["terminal"][fd],
                json!({"rows": 33, "columns": 121}),
                "{fd}"
            );
        }
    });
}

#[test]
fn dev_console_is_the_terminal() {
    conformance(|t| {
        let bundle = with_terminal(t).shell("echo from-dev-console > /dev/console");
        assert_eq!(output_on_console(t, &bundle).trim_end(), "from-dev-console");
    });
}

#[test]
fn the_terminal_belongs_to_the_user() {
    conformance(|t| {
        let bundle = with_terminal(t)
            .set("/process/user", json!({"uid": 1000, "gid": 1000}))
            .shell("stat -L -c '%u %F' /proc/self/fd/0; echo can-write > /dev/tty");
        let text = output_on_console(t, &bundle);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, ["1000 character special file", "can-write"]);
    });
}

#[test]
fn the_terminal_gives_input_and_signals() {
    conformance(|t| {
        let console = socket(t);
        let bundle = with_terminal(t).args(["/bin/probe", "signal-wait", "/ready"]);
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container = t.create_with(&bundle, &["--console-socket", console.path()]);
        let mut master = console.master();
        let _ = container.call("start").expect_success();
        ready.wait();
        master.write("\x03");
        assert_eq!(container.wait(), Exit::Code(libc::SIGINT));
    });
}

#[test]
fn create_with_a_terminal_needs_a_console_socket() {
    conformance(|t| {
        for (verb, flags) in [("create", [].as_slice()), ("run", &["--detach"])] {
            let create = t
                .verb_with_bundle(verb, &with_terminal(t), flags, &t.new_id())
                .run();
            let _ = create.expect_failure().expect_stderr("console socket");
        }
    });
}

#[test]
fn a_console_socket_without_a_terminal_is_refused() {
    conformance(|t| {
        let console = socket(t);
        let flags = ["--console-socket", console.path()];
        let _ = t
            .verb_with_bundle("create", &t.bundle(), &flags, &t.new_id())
            .run()
            .expect_failure();
    });
}

#[test]
fn a_console_socket_that_does_not_exist_is_named() {
    conformance(|t| {
        let path = t.dir().join("nobody-listens");
        let flags = ["--console-socket", path.to_str().unwrap()];
        let create = t
            .verb_with_bundle("create", &with_terminal(t), &flags, &t.new_id())
            .run();
        let _ = create.expect_failure().expect_stderr("nobody-listens");
    });
}

#[test]
fn run_in_the_foreground_uses_the_callers_terminal() {
    conformance(|t| {
        let (mut master, slave) = terminal::open();
        let bundle = with_terminal(t).shell("tty -s && echo on-a-terminal; exit 9");
        let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
        let run = run.on_terminal(slave.as_fd()).spawn();
        drop(slave);
        let text = master.read_until("on-a-terminal");
        assert!(text.contains("on-a-terminal"), "{text:?}");
        assert_eq!(run.finish().status, Exit::Code(9));
    });
}

#[test]
fn run_in_the_foreground_passes_input_on() {
    conformance(|t| {
        let (mut master, slave) = terminal::open();
        let bundle = with_terminal(t).shell("stty -echo; echo ask; read word; echo got-$word");
        let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
        let run = run.on_terminal(slave.as_fd()).spawn();
        drop(slave);
        master.read_until("ask");
        master.write("this\r");
        let text = master.read_until("got-this");
        assert!(text.contains("got-this"), "{text:?}");
        assert_eq!(run.finish().status, Exit::Code(0));
    });
}

#[test]
fn run_in_the_foreground_follows_the_window_size() {
    conformance(|t| {
        let (mut master, slave) = terminal::open();
        master.resize(20, 70);
        let script = "trap 'stty size; exit 0' WINCH; stty size; while :; do read x || :; done";
        let bundle = with_terminal(t).shell(script);
        let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
        let run = run.on_terminal(slave.as_fd()).spawn();
        master.read_until("20 70");
        master.resize(41, 99);
        let text = master.read_until("41 99");
        assert!(text.contains("41 99"), "{text:?}");
        assert_eq!(run.finish().status, Exit::Code(0));
    });
}

#[test]
fn run_in_the_foreground_puts_the_terminal_back() {
    conformance(|t| {
        let (mut master, slave) = terminal::open();
        let settings = || {
            let stty = runtime_tests::Runner::new(&t.bundle().rootfs().join("bin/busybox"));
            let tty = fs::File::from(slave.as_fd().try_clone_to_owned().unwrap());
            stty.args(["stty", "-g"])
                .stdin_file(tty)
                .run()
                .expect_success()
                .stdout()
        };
        let before = settings();
        let run = t.verb_with_bundle(
            "run",
            &with_terminal(t).shell("echo done"),
            &[],
            &t.new_id(),
        );
        let run = run.on_terminal(slave.as_fd()).spawn();
        master.read_until("done");
        assert_eq!(run.finish().status, Exit::Code(0));
        assert_eq!(settings(), before);
    });
}

#[test]
fn run_with_a_terminal_but_none_to_use_is_refused() {
    conformance(|t| {
        // No controlling terminal, and stdio is files.
        let run = t.verb_with_bundle("run", &with_terminal(t), &[], &t.new_id());
        let _ = run.without_controlling_terminal().run().expect_failure();
    });
}

#[test]
fn exec_tty_in_the_foreground() {
    conformance(|t| {
        let container = t.idle();
        for flag in ["-t", "--tty"] {
            let (mut master, slave) = terminal::open();
            let args = ["exec", flag, &container.id, "/bin/sh", "-c", "tty; exit 4"];
            let exec = t.runtime(args).on_terminal(slave.as_fd()).spawn();
            drop(slave);
            let text = master.read_until("/dev/pts/");
            assert!(text.contains("/dev/pts/"), "{text:?}");
            assert_eq!(exec.finish().status, Exit::Code(4));
        }
    });
}

#[test]
fn exec_tty_detached_sends_the_master_over_the_console_socket() {
    conformance(|t| {
        let container = t.idle();
        let console = socket(t);
        let flags = ["--tty", "--detach", "--console-socket", console.path()];
        let _ = container
            .exec_with(&flags, ["/bin/probe", "facts"])
            .expect_success();
        let inside = facts(&console.master().read_to_end());
        assert_eq!(inside["terminal"]["controlling"], true);
        assert_eq!(inside["terminal"]["stdin"], inside["terminal"]["stdout"]);
    });
}

#[test]
fn exec_tty_detached_without_a_console_socket_is_refused() {
    conformance(|t| {
        let container = t.idle();
        let exec = container
            .exec_with(&["-t", "-d"], ["/bin/true"])
            .expect_failure();
        let _ = exec.expect_stderr("console socket");
    });
}
