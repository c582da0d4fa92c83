//! The leak oracle proves itself: each kind of leak is made on purpose and must
//! be seen, and a container's whole life must leave nothing it would see.

use runtime_tests::oracle::{Snapshot, Subject};
use runtime_tests::{
    Exit, Rendezvous, Runner, Test, cgroup, conformance, driver, process, reaper, sys, test,
};
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// Fails unless something of `subject` that holds `text` is there now and was
/// not `before`.
#[track_caller]
fn assert_seen(before: &Snapshot, subject: Subject, text: &str) {
    let leaks = Snapshot::take().beyond(before);
    let seen = leaks
        .iter()
        .any(|(s, item)| *s == subject && item.contains(text));
    assert!(
        seen,
        "the oracle does not see the {subject:?} {text:?}: {leaks:?}"
    );
}

fn sleeper(t: &Test) -> i32 {
    let probe = t.bundle().rootfs().join("bin/probe");
    Runner::new(&probe).args(["sleep"]).spawn().pid
}

fn end(pid: i32) {
    sys::kill(pid, libc::SIGKILL).expect("kill what the test started");
    reaper::wait(pid, Duration::from_secs(5)).expect("it ends");
}

#[test]
fn a_quiet_moment_has_no_leak() {
    conformance(|_| {
        let before = Snapshot::take();
        assert_eq!(Snapshot::take().beyond(&before), []);
    });
}

#[test]
fn a_running_container_is_seen_in_every_place() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "sleep"]);
        let before = Snapshot::take();
        let container = t.start(&bundle);
        assert_seen(&before, Subject::Process, &container.pid.to_string());
        assert_seen(&before, Subject::CgroupProcess, &container.pid.to_string());
        assert_seen(&before, Subject::Cgroup, &test::token());
        assert_seen(&before, Subject::Namespace, "pid:[");
        assert_seen(
            &before,
            Subject::File,
            &format!("/run/state/{}", container.id),
        );
    });
}

#[test]
fn a_process_is_seen() {
    conformance(|t| {
        let before = Snapshot::take();
        let pid = sleeper(t);
        assert_seen(&before, Subject::Process, &pid.to_string());
        end(pid);
    });
}

#[test]
fn an_orphan_is_seen_and_killed() {
    conformance(|t| {
        let probe = t.bundle().rootfs().join("bin/probe");
        let before = Snapshot::take();
        let _ = Runner::new(&probe).args(["orphan"]).run().expect_success();
        assert_seen(&before, Subject::Process, "probe");
        process::kill_strays(&BTreeSet::new());
        assert_eq!(process::descendants(), []);
    });
}

#[test]
fn a_failed_unit_is_seen() {
    conformance(|t| {
        t.use_systemd();
        let before = Snapshot::take();
        let unit = format!("{}-forgotten.service", test::token());
        let _ = Runner::new(Path::new("/usr/bin/systemd-run"))
            .args(["--quiet"])
            .args(["--service-type=oneshot", "--unit", &unit, "false"])
            .run()
            .expect_failure();
        assert_seen(&before, Subject::Unit, &unit);
        let _ = driver::systemctl(["reset-failed", &unit]);
        assert_eq!(Snapshot::take().beyond(&before), []);
    });
}

#[test]
fn a_cgroup_and_a_process_in_it_are_seen() {
    conformance(|t| {
        let pid = sleeper(t);
        let before = Snapshot::take();
        let dir = cgroup::hierarchies()[0].join(format!("{}/forgotten", test::token()));
        fs::create_dir_all(&dir).expect("mkdir a cgroup");
        assert_seen(&before, Subject::Cgroup, "forgotten");
        fs::write(dir.join("cgroup.procs"), pid.to_string()).expect("join the cgroup");
        assert_seen(&before, Subject::CgroupProcess, &pid.to_string());
        end(pid);
        cgroup::remove_all(&test::token());
        assert_eq!(cgroup::directories(&test::token()), BTreeSet::new());
    });
}

#[test]
fn a_mount_is_seen() {
    conformance(|_| {
        let before = Snapshot::take();
        sys::mount_fs("tmpfs", Path::new("/mnt"), "").expect("mount");
        assert_seen(&before, Subject::Mount, "/mnt");
        sys::detach(Path::new("/mnt")).expect("umount");
    });
}

#[test]
fn a_namespace_without_a_process_is_seen() {
    conformance(|t| {
        let before = Snapshot::take();
        let pin = t.dir().join("pin");
        fs::write(&pin, "").expect("make a file to bind on");
        sys::bind(Path::new("/proc/thread-self/ns/net"), &pin).expect("pin the namespace");
        assert_seen(&before, Subject::Namespace, "net:[");
        sys::detach(&pin).expect("umount");
        let held = fs::File::open("/proc/thread-self/ns/net").expect("open the namespace");
        assert_seen(&before, Subject::Namespace, "net:[");
        drop(held);
    });
}

#[test]
fn a_file_is_seen_in_every_directory_watched() {
    conformance(|t| {
        for dir in [
            "/run",
            "/run/state",
            "/tmp",
            "/dev/shm",
            &t.dir().display().to_string(),
        ] {
            let before = Snapshot::take();
            let file = Path::new(dir).join("forgotten");
            fs::write(&file, "").expect("make a file");
            assert_seen(&before, Subject::File, &file.display().to_string());
            fs::remove_file(file).expect("remove it");
        }
    });
}

#[test]
fn a_message_queue_is_seen() {
    conformance(|_| {
        let before = Snapshot::take();
        // A file made in an mqueue file system is a queue, mq_overview(7).
        fs::write("/run/queues/forgotten", "").expect("make a queue");
        assert_seen(&before, Subject::MessageQueue, "forgotten");
        fs::remove_file("/run/queues/forgotten").expect("remove it");
    });
}

#[test]
fn a_unix_socket_is_seen() {
    conformance(|t| {
        let before = Snapshot::take();
        let path = t.dir().join("socket");
        let listener = UnixListener::bind(&path).expect("bind");
        assert_seen(&before, Subject::Socket, "socket");
        drop(listener);
        fs::remove_file(path).expect("remove it");
    });
}

#[test]
fn a_network_device_is_seen() {
    conformance(|t| {
        let busybox = t.bundle().rootfs().join("bin/busybox");
        let before = Snapshot::take();
        let ip = |words: &str| {
            let words = words.split(' ');
            let _ = Runner::new(&busybox)
                .args(["ip"])
                .args(words)
                .run()
                .expect_success();
        };
        ip("link add forgotten type bridge");
        assert_seen(&before, Subject::NetworkDevice, "forgotten");
        ip("link del forgotten");
    });
}

#[test]
fn a_shared_memory_segment_is_seen() {
    conformance(|_| {
        let before = Snapshot::take();
        let segment = sys::make_shared_memory().expect("shmget");
        assert_seen(&before, Subject::SysvIpc, &segment.to_string());
        sys::remove_shared_memory(segment).expect("shmctl");
    });
}

#[test]
fn an_fd_for_the_child_keeps_its_object() {
    conformance(|t| {
        let file = fs::File::open(t.dir()).expect("open a directory");
        let probe = t.bundle().rootfs().join("bin/probe");
        let run = Runner::new(&probe)
            .inherit(file.as_fd(), 9)
            .args(["facts"])
            .run();
        assert_eq!(run.json()["fds"]["9"], t.dir().display().to_string());
        assert_eq!(run.json()["fds"]["10"], serde_json::Value::Null);
    });
}

/// The test may be gone from the rendezvous as soon as it has read a byte: what the probe writes
/// must not depend on it any more. A second write would come late and find nobody.
#[test]
fn the_probe_survives_the_end_of_a_rendezvous() {
    conformance(|t| {
        let strace = Path::new("/usr/bin/strace");
        if !strace.exists() {
            t.skip("strace is not installed");
        }
        let bundle = t.bundle();
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let notify = Runner::new(strace)
            .args(["-e", "inject=write:delay_enter=300ms:when=2+"])
            .args([bundle.rootfs().join("bin/probe")])
            .args(["notify".as_ref(), bundle.rootfs().join("ready").as_os_str()])
            .spawn();
        ready.wait();
        drop(ready);
        let notify = notify.finish();
        assert_eq!(notify.status, Exit::Code(0), "{}", notify.describe());
    });
}
