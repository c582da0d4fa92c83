//! Faults at each system call: the runtime is killed there, or the call fails.
//!
//! For Saya alone: a runtime with many threads makes other calls each time.

use crate::{assert_deletes_to_nothing, sleeping};
use runtime_tests::chance::rounds;
use runtime_tests::oracle::Snapshot;
use runtime_tests::strace::{Call, Fault, Strace, Whom};
use runtime_tests::{Bundle, Exit, Kind, Value, cgroup, conformance, json, process, test};

const ONLY: &str = "a runtime with many threads makes other calls each time";

/// Errors the kernel gives for many reasons, in turn.
const ERRORS: [Fault; 8] = [
    Fault::Errno("ENOMEM"),
    Fault::Errno("ENOSPC"),
    Fault::Errno("EIO"),
    Fault::Errno("EMFILE"),
    Fault::Errno("EPERM"),
    Fault::Errno("EACCES"),
    Fault::Errno("ENOENT"),
    Fault::Errno("EBUSY"),
];

/// At most `SAYA_TEST_ROUNDS` of the calls, evenly spread.
fn chosen(calls: &[Call]) -> impl Iterator<Item = &Call> {
    let rounds = usize::try_from(rounds()).unwrap_or(1).max(1);
    calls.iter().step_by(calls.len().div_ceil(rounds).max(1))
}

/// The calls of the first process that the command starts: init.
#[track_caller]
fn of_init(mut calls: Vec<Vec<Call>>) -> Vec<Call> {
    assert!(calls.len() > 1, "run starts a process");
    calls.swap_remove(1)
}

fn that_can_fail(mut calls: Vec<Call>) -> Vec<Call> {
    calls.retain(Call::can_fail);
    calls
}

fn dir(bundle: &Bundle) -> &str {
    bundle.dir().to_str().expect("UTF-8")
}

#[test]
fn create_killed_at_each_of_its_system_calls_is_deleted_to_nothing() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::Command);
        let bundle = sleeping(t);
        let id = t.new_id();
        let words = ["create", "--bundle", dir(&bundle), &id];
        let calls = strace.calls(&words).swap_remove(0);
        let _ = t.call(["delete", "--force", &id]).expect_success();
        let before = Snapshot::take();
        for call in chosen(&calls) {
            let _ = strace.with(Fault::Kill, call, &words).run();
            let when = format!("create killed before {call}");
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn start_killed_at_each_of_its_system_calls_is_deleted_to_nothing() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::Command);
        let bundle = sleeping(t);
        let before = Snapshot::take();
        let id = t.new_id();
        let create = |bundle| t.verb_with_bundle("create", bundle, &[], &id).run();
        let _ = create(&bundle).expect_success();
        let calls = strace.calls(&["start", &id]).swap_remove(0);
        assert_deletes_to_nothing(t, &id, &before, "start as it should be");
        for call in chosen(&calls) {
            let _ = create(&bundle).expect_success();
            let _ = strace.with(Fault::Kill, call, &["start", &id]).run();
            let when = format!("start killed before {call}");
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn delete_killed_at_each_of_its_system_calls_can_be_repeated() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::Command);
        let bundle = sleeping(t);
        let before = Snapshot::take();
        let id = t.new_id();
        let start = |bundle: &Bundle| {
            let _ = t
                .verb_with_bundle("run", bundle, &["--detach"], &id)
                .run()
                .expect_success();
        };
        start(&bundle);
        let words = ["delete", "--force", &id];
        let calls = strace.calls(&words).swap_remove(0);
        for call in chosen(&calls) {
            start(&bundle);
            let _ = strace.with(Fault::Kill, call, &words).run();
            let when = format!("delete killed before {call}");
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn run_and_init_killed_each_at_their_system_calls_are_deleted_to_nothing() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::All);
        let bundle = t.bundle();
        bundle.save();
        let id = t.new_id();
        let words = ["run", "--bundle", dir(&bundle), &id];
        let calls = of_init(strace.calls(&words));
        let before = Snapshot::take();
        for call in chosen(&calls) {
            let _ = strace.with(Fault::Kill, call, &words).run();
            let when = format!("killed before {call}");
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn create_with_an_error_at_each_system_call_works_or_fails_cleanly() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::Command);
        let bundle = sleeping(t);
        let id = t.new_id();
        let words = ["create", "--bundle", dir(&bundle), &id];
        let calls = that_can_fail(strace.calls(&words).swap_remove(0));
        let _ = t.call(["delete", "--force", &id]).expect_success();
        let before = Snapshot::take();
        for (call, fault) in chosen(&calls).zip(ERRORS.into_iter().cycle()) {
            let create = strace.with(fault, call, &words).run();
            let when = format!("{fault:?} at {call}: {}", create.describe());
            match create.status {
                Exit::Code(0) => {}
                Exit::Code(_) => {
                    assert!(!create.stderr().is_empty(), "no reason given: {when}");
                    assert!(!create.stderr().contains("panicked"), "{when}");
                    let left = process::settle(&[].into(), std::time::Duration::from_secs(2));
                    assert_eq!(left, [], "a failed create leaves processes: {when}");
                }
                _ => panic!("neither success nor an error: {when}"),
            }
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

/// The facts that make up the isolation of a container, without what differs
/// from one container to the next.
fn isolation(facts: &Value) -> Value {
    let mounts: Vec<Value> = facts["mounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .map(|m| json!([m["point"], m["type"], m["options"], m["propagation"]]))
        .collect();
    let names = [
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "SigBlk",
        "SigIgn",
    ];
    let status: Vec<&Value> = names.iter().map(|name| &facts["status"][name]).collect();
    json!({
        "identity": facts["identity"],
        "status": status,
        "rlimits": facts["rlimits"],
        "names": facts["names"],
        "env": facts["env"],
        "cwd": facts["process"]["cwd"],
        "personality": facts["process"]["personality"],
        "fds": facts["fds"].as_object().expect("fds").keys().collect::<Vec<_>>(),
        "network": facts["network"],
        "cgroup": facts["cgroup"],
        "mounts": mounts,
    })
}

/// A path said to be absent needs no mask: the specification wants it left alone.
fn leaves_nothing_to_mask(call: &Call, fault: Fault) -> bool {
    call.name == "openat2" && fault == Fault::Errno("ENOENT")
}

/// Kinds of namespaces in which the container is not on its own.
fn shared_namespaces(facts: &Value) -> Vec<String> {
    let own = process::namespaces(i32::try_from(std::process::id()).unwrap_or(0));
    ["pid", "net", "ipc", "uts", "mnt", "cgroup"]
        .into_iter()
        .filter(|kind| facts["namespaces"][kind] == json!(own[*kind]))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_system_call_that_fails_never_weakens_the_isolation() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let strace = Strace::new(t, Whom::All);
        let bundle = t
            .bundle()
            .set(
                "/process/user",
                json!({"uid": 1000, "gid": 1000, "additionalGids": [5]}),
            )
            .set(
                "/process/rlimits",
                json!([{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}]),
            )
            .set("/root/readonly", json!(true))
            .args(["/bin/probe", "facts"]);
        bundle.save();
        let id = t.new_id();
        let words = ["run", "--bundle", dir(&bundle), &id];
        let expected = isolation(&t.facts(bundle.clone()));
        let calls = that_can_fail(of_init(strace.calls(&words)));
        let faults = chosen(&calls).zip(ERRORS.into_iter().cycle());
        for (call, fault) in faults.filter(|(call, fault)| !leaves_nothing_to_mask(call, *fault)) {
            let run = strace.with(fault, call, &words).run();
            let when = format!("{fault:?} at {call}: {}", run.describe());
            if run.status == Exit::Code(0) {
                let facts = run.json();
                assert_eq!(shared_namespaces(&facts), [""; 0], "{when}");
                assert_eq!(isolation(&facts), expected, "{when}");
            }
            // What is left behind is the subject of the test above.
            let _ = t.call(["delete", "--force", &id]);
            cgroup::remove_all(&test::token());
        }
    });
}
