//! What a caller hands to the container: fds, sockets, `LISTEN_FDS`, and the
//! environment that must not get in.

use runtime_tests::{ConsoleSocket, Exit, Kind, Test, conformance, json, process};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

/// A file of the test with its name as content.
fn file(t: &Test, name: &str) -> File {
    let path = t.dir().join(name);
    File::create(&path)
        .unwrap()
        .write_all(name.as_bytes())
        .unwrap();
    File::open(path).unwrap()
}

#[test]
fn preserve_fds_passes_them_on() {
    conformance(|t| {
        let (first, second) = (file(t, "first"), file(t, "second"));
        let bundle = t.bundle().shell("cat <&3; echo; cat <&4");
        let run = t
            .verb_with_bundle("run", &bundle, &["--preserve-fds", "2"], &t.new_id())
            .inherit(first.as_fd(), 3)
            .inherit(second.as_fd(), 4)
            .run()
            .expect_success();
        assert_eq!(run.stdout(), "first\nsecond");
    });
}

#[test]
fn preserve_fds_passes_no_more_than_asked() {
    conformance(|t| {
        let open = file(t, "open");
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let run = t
            .verb_with_bundle("run", &bundle, &["--preserve-fds", "1"], &t.new_id())
            .inherit(open.as_fd(), 3)
            .inherit(open.as_fd(), 4)
            .inherit(open.as_fd(), 9)
            .run();
        let fds = run.expect_success().json()["fds"].clone();
        let numbers: Vec<_> = fds.as_object().unwrap().keys().cloned().collect();
        assert_eq!(numbers, ["0", "1", "2", "3"]);
    });
}

#[test]
fn preserve_fds_of_a_closed_fd_is_refused() {
    conformance(|t| {
        let flags = ["--preserve-fds", "1"];
        let _ = t
            .verb_with_bundle("run", &t.bundle(), &flags, &t.new_id())
            .run()
            .expect_failure();
    });
}

#[test]
fn create_and_exec_preserve_fds_too() {
    conformance(|t| {
        let first = file(t, "first");
        let bundle = t.bundle().shell("cat <&3; exec /bin/probe sleep");
        let id = t.new_id();
        let create = t.verb_with_bundle("create", &bundle, &["--preserve-fds", "1"], &id);
        let create = create.inherit(first.as_fd(), 3).run().expect_success();
        let _ = t.call(["start", &id]).expect_success();
        let second = file(t, "second");
        let exec = t
            .runtime([
                "exec",
                "--preserve-fds",
                "1",
                &id,
                "/bin/sh",
                "-c",
                "cat <&3",
            ])
            .inherit(second.as_fd(), 3)
            .run()
            .expect_success();
        assert_eq!(exec.stdout(), "second");
        assert_eq!(create.stdout(), "first");
    });
}

#[test]
fn listen_fds_come_first_and_are_announced() {
    conformance(|t| {
        let (socket, extra) = (file(t, "socket"), file(t, "extra"));
        let bundle = t
            .bundle()
            .shell("echo $LISTEN_FDS-$LISTEN_PID; cat <&3; cat <&4");
        // The variables are for the process whose pid is in LISTEN_PID.
        let script = format!(
            "LISTEN_PID=$$ exec {} --root /run/state run --preserve-fds 1 --bundle {} {}",
            t.runtime.path.display(),
            bundle.dir().display(),
            t.new_id()
        );
        bundle.save();
        let run = runtime_tests::Runner::new(&bundle.rootfs().join("bin/busybox"))
            .args(["sh", "-c", &script])
            .env("LISTEN_FDS", "1")
            .inherit(socket.as_fd(), 3)
            .inherit(extra.as_fd(), 4)
            .run()
            .expect_success();
        assert_eq!(run.stdout(), "1-1\nsocketextra");
    });
}

#[test]
fn listen_fds_for_another_process_are_not_passed() {
    conformance(|t| {
        let socket = file(t, "socket");
        let run = t
            .verb_with_bundle(
                "run",
                &t.bundle().args(["/bin/probe", "facts"]),
                &[],
                &t.new_id(),
            )
            .env("LISTEN_FDS", "1")
            .env("LISTEN_PID", "1")
            .inherit(socket.as_fd(), 3)
            .run()
            .expect_success();
        assert_eq!(run.json()["fds"]["3"], serde_json::Value::Null);
        assert!(
            !run.json()["env"].to_string().contains("LISTEN"),
            "{}",
            run.json()["env"]
        );
    });
}

#[test]
fn stdio_is_handed_over_and_nothing_else() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        let numbers: Vec<_> = facts["fds"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(numbers, ["0", "1", "2"], "{}", facts["fds"]);
    });
}

#[test]
fn create_hands_its_stdio_itself_to_the_container() {
    conformance(|t| {
        let container = t.start(&t.bundle().args(["/bin/probe", "facts"]));
        assert_eq!(container.wait(), Exit::Code(0));
        let facts: serde_json::Value = serde_json::from_str(&container.stdout()).unwrap();
        assert_eq!(facts["fds"]["0"], "/dev/null");
        assert_eq!(facts["fds"]["1"], "/memfd:stdout (deleted)");
        assert_eq!(facts["fds"]["2"], "/memfd:stderr (deleted)");
    });
}

#[test]
fn stdin_reaches_the_container() {
    conformance(|t| {
        let run = t.verb_with_bundle("run", &t.bundle().args(["/bin/cat"]), &[], &t.new_id());
        let run = run
            .stdin_text("line one\nline two\n")
            .run()
            .expect_success();
        assert_eq!(run.stdout(), "line one\nline two\n");
    });
}

#[test]
fn pidfd_socket_receives_a_pidfd_of_init() {
    conformance(|t| {
        if t.runtime.kind == Kind::Crun || t.runtime.version_number().starts_with("1.1.") {
            t.skip("this version of the runtime has no --pidfd-socket");
        }
        let socket = ConsoleSocket::at(&t.dir().join("pidfd"));
        let container = t.create_with(&t.bundle(), &["--pidfd-socket", socket.path()]);
        let (_, pidfd) = socket.receive();
        let own = i32::try_from(std::process::id()).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&pidfd);
        let info = std::fs::read_to_string(format!("/proc/{own}/fdinfo/{number}")).unwrap();
        let pid = info
            .lines()
            .find_map(|line| line.strip_prefix("Pid:"))
            .expect(&info);
        assert_eq!(pid.trim(), container.pid.to_string());
    });
}

#[test]
fn no_pivot_runs_the_container_too() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .args(["/bin/probe", "stat", "/bin/probe", "/etc/passwd"]);
        let run = t.run_with(&bundle, &["--no-pivot"]).expect_success().json();
        assert_eq!(run["/bin/probe"]["type"], "file");
    });
}

#[test]
fn a_new_session_keyring_unless_refused() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let keyring = |flags: &[&str]| {
            let facts = t.run_with(&bundle, flags).expect_success().json();
            facts["keyring"]["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let own = keyring(&[]);
        assert!(own.contains("saya-test-"), "{own}");
        let inherited = keyring(&["--no-new-keyring"]);
        assert!(!inherited.contains("saya-test-"), "{inherited}");
    });
}

#[test]
fn variables_of_the_runtime_stay_outside() {
    conformance(|t| {
        let socket = t.dir().join("notify");
        let listener = UnixListener::bind(&socket).unwrap();
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let run = t
            .verb_with_bundle("run", &bundle, &[], &t.new_id())
            .env("SECRET_OF_THE_CALLER", "value")
            .env("LISTEN_PID", "1")
            .env("_OCI_SYNCPIPE", "3")
            .run()
            .expect_success();
        drop(listener);
        let env = run.json()["env"].clone();
        assert_eq!(env, json!(["PATH=/bin", "HOME=/root"]), "{env}");
    });
}

#[test]
fn init_of_a_created_container_holds_no_surprising_fds() {
    conformance(|t| {
        let container = t.create(&t.bundle());
        for (number, target) in process::fds(container.pid) {
            let internal = target.starts_with("pipe:")
                || target.starts_with("socket:")
                || target.starts_with("anon_inode:")
                || target.contains("/run/state/")
                || target.contains("exec.fifo");
            let stdio = number < 3 && (target == "/dev/null" || target.starts_with("/memfd:std"));
            assert!(stdio || internal, "init holds fd {number}: {target}");
        }
    });
}

#[test]
fn closed_stdio_of_the_caller_does_no_harm() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "exit", "3"]);
        bundle.save();
        let id = t.new_id();
        let script = format!(
            "exec {} --root /run/state run --bundle {} {id} <&- >&- 2>&-",
            t.runtime.path.display(),
            bundle.dir().display()
        );
        let shell = bundle.rootfs().join("bin/busybox");
        let run = runtime_tests::Runner::new(&shell)
            .args(["sh", "-c", &script])
            .run();
        assert_eq!(run.status, Exit::Code(3), "{}", run.describe());
    });
}
