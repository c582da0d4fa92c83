//! Device rules in a document.

use crate::{read, update_with};
use runtime_tests::{
    Bundle, Container, HostMount, Kind, Rendezvous, Test, Value, conformance, json,
};
use std::fs;

const EPERM: i32 = 1;

fn deny_all() -> Value {
    json!({"allow": false, "access": "rwm"})
}

fn allow(major: u32, minor: u32) -> Value {
    json!({"allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm"})
}

/// A bundle with the nodes of fuse, which not every machine has, and of port, and these rules.
fn bundle(t: &Test, rules: &Value) -> Bundle {
    let misc = fs::read_to_string("/proc/misc").unwrap_or_default();
    if !misc.contains("fuse") {
        t.skip("the kernel has no fuse, the device these tests open");
    }
    let fuse =
        json!({"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666});
    t.bundle()
        .push("/linux/devices", fuse)
        .set("/linux/resources/devices", rules.clone())
}

#[track_caller]
fn set(t: &Test, container: &Container<'_>, rules: &Value) {
    let document = json!({"devices": rules});
    let _ = update_with(t, container, &document.to_string()).expect_success();
}

/// errno of opening fuse; null when it could be opened.
fn open(container: &Container<'_>) -> Value {
    let opened = container.exec(["/bin/probe", "open", "/dev/fuse", "rw"]);
    opened.expect_success().json()["errno"].clone()
}

fn other_rules_replace_those_in_force(t: &Test) {
    let denied = json!([deny_all()]);
    let allowed = json!([deny_all(), allow(10, 229)]);
    let container = t.start(&bundle(t, &denied).args(["/bin/probe", "sleep"]));
    assert_eq!(open(&container), EPERM);
    set(t, &container, &allowed);
    assert_eq!(open(&container), Value::Null);
    // The rules of the config: no longer those in force.
    set(t, &container, &denied);
    assert_eq!(open(&container), EPERM);
    delete(t, &container);
}

fn a_device_that_both_deny_is_never_opened(t: &Test) {
    let script = "echo > /ready; n=0; while ! [ -e /end ]; do \
                  (: < /dev/fuse) 2> /dev/null && echo opened; n=1; done; echo tried $n";
    let one = json!([deny_all(), allow(10, 1)]);
    let other = json!([deny_all(), allow(10, 2), {"allow": true, "type": "b", "access": "r"}]);
    let bundle = bundle(t, &one).shell(script);
    let ready = Rendezvous::in_rootfs(&bundle, "ready");
    let container = t.start(&bundle);
    ready.wait();
    for rules in [&other, &one].iter().cycle().take(60) {
        set(t, &container, rules);
    }
    fs::write(bundle.rootfs().join("end"), "").expect("write into the rootfs");
    container.wait();
    assert_eq!(container.stdout(), "tried 1\n");
    delete(t, &container);
}

/// While the view in which it was made is there.
fn delete(t: &Test, container: &Container<'_>) {
    let _ = t
        .call(["delete", "--force", &container.id])
        .expect_success();
}

fn in_cgroup2(t: &Test, body: impl Fn(&Test)) {
    if t.runtime.kind == Kind::Crun {
        t.skip("crun 1.8 raises RLIMIT_MEMLOCK there, which may not be allowed");
    }
    let _view = HostMount::cgroup2_view();
    body(t);
}

#[test]
fn replaced() {
    conformance(other_rules_replace_those_in_force);
}

#[test]
fn replaced_under_cgroup2() {
    conformance(|t| in_cgroup2(t, other_rules_replace_those_in_force));
}

#[test]
fn never_opened() {
    conformance(a_device_that_both_deny_is_never_opened);
}

#[test]
fn never_opened_under_cgroup2() {
    conformance(|t| in_cgroup2(t, a_device_that_both_deny_is_never_opened));
}

/// As NVIDIA's hook for GPUs, whose containers lost them with every update of their limits.
#[test]
fn the_rules_of_the_config_leave_what_others_have_allowed_since() {
    conformance(|t| {
        let rules = json!([deny_all()]);
        let container = t.start(&bundle(t, &rules).args(["/bin/probe", "sleep"]));
        if read(&container, "devices.list").is_none() {
            t.skip("only v1's controller shows its rules");
        }
        let all = runtime_tests::cgroup::directories(&runtime_tests::test::token());
        for dir in all {
            if dir.join("devices.allow").exists() {
                fs::write(dir.join("devices.allow"), "c 10:229 rwm").expect("allow the device");
            }
        }
        let document = json!({"devices": rules, "pids": {"limit": 50}});
        let _ = update_with(t, &container, &document.to_string()).expect_success();
        assert_eq!(read(&container, "pids.max").as_deref(), Some("50"));
        assert_eq!(open(&container), Value::Null);
    });
}
