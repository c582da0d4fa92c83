//! `linux.resources.devices`: which devices may be opened and made, under the
//! v1 controller and, in a private view, under cgroup2.

use runtime_tests::{Bundle, HostMount, Kind, Test, Value, conformance, json};

/// A character device that everybody may open where the kernel has it: fuse.
const MAJOR: u32 = 10;
const MINOR: u32 = 229;

fn deny_all() -> Value {
    json!({"allow": false, "access": "rwm"})
}

fn rule(allow: bool, access: &str) -> Value {
    json!({"allow": allow, "type": "c", "major": MAJOR, "minor": MINOR, "access": access})
}

/// The device at `/dev/fuse`, and the rules after "deny all".
fn with_rules(t: &Test, rules: &[Value]) -> Bundle {
    let device = json!({"path": "/dev/fuse", "type": "c", "major": MAJOR, "minor": MINOR, "fileMode": 0o666});
    let all: Vec<Value> = std::iter::once(deny_all())
        .chain(rules.iter().cloned())
        .collect();
    t.bundle()
        .push("/linux/devices", device)
        .set("/linux/resources/devices", json!(all))
}

/// errno of opening the device; null when it could be opened.
fn open(t: &Test, bundle: Bundle, mode: &str) -> Value {
    let run = t.run(&bundle.args(["/bin/probe", "open", "/dev/fuse", mode]));
    run.expect_success().json()["errno"].clone()
}

const EPERM: i32 = 1;

fn only_where_the_device_exists(t: &Test) {
    let misc = std::fs::read_to_string("/proc/misc").unwrap_or_default();
    if !misc.contains("fuse") {
        t.skip("the kernel has no fuse, the device these tests open");
    }
}

fn in_the_machines_view(t: &Test, body: impl Fn(&Test)) {
    only_where_the_device_exists(t);
    body(t);
}

fn in_cgroup2(t: &Test, body: impl Fn(&Test)) {
    only_where_the_device_exists(t);
    if t.runtime.kind == Kind::Crun {
        t.skip("crun 1.8 raises RLIMIT_MEMLOCK there, which may not be allowed");
    }
    let _view = HostMount::cgroup2_view();
    body(t);
}

fn a_denied_device_cannot_be_opened(t: &Test) {
    assert_eq!(open(t, with_rules(t, &[]), "rw"), EPERM);
    assert_eq!(open(t, with_rules(t, &[rule(false, "rwm")]), "r"), EPERM);
}

fn an_allowed_device_can_be_opened(t: &Test) {
    assert_eq!(
        open(t, with_rules(t, &[rule(true, "rw")]), "rw"),
        Value::Null
    );
    let all = json!({"allow": true, "access": "rwm"});
    assert_eq!(open(t, with_rules(t, &[all]), "rw"), Value::Null);
    let major = json!({"allow": true, "type": "c", "major": MAJOR, "access": "rwm"});
    assert_eq!(open(t, with_rules(t, &[major]), "rw"), Value::Null);
}

fn access_is_allowed_letter_by_letter(t: &Test) {
    let bundle = with_rules(t, &[rule(true, "r")]);
    assert_eq!(open(t, bundle.clone(), "r"), Value::Null);
    assert_eq!(open(t, bundle.clone(), "w"), EPERM);
    assert_eq!(open(t, bundle, "rw"), EPERM);
}

fn a_later_rule_wins(t: &Test) {
    let rules = [rule(true, "rwm"), rule(false, "w")];
    let bundle = with_rules(t, &rules);
    assert_eq!(open(t, bundle.clone(), "r"), Value::Null);
    assert_eq!(open(t, bundle, "w"), EPERM);
    let rules = [rule(false, "rwm"), rule(true, "rw")];
    assert_eq!(open(t, with_rules(t, &rules), "rw"), Value::Null);
}

fn the_default_devices_stay_usable(t: &Test) {
    let script = "for d in null zero full random urandom; do (: </dev/$d) && echo $d; done; \
                  (: <>/dev/ptmx) && echo ptmx";
    let run = t.run(&with_rules(t, &[]).shell(script)).expect_success();
    assert_eq!(run.stdout(), "null\nzero\nfull\nrandom\nurandom\nptmx\n");
}

fn a_node_made_inside_gives_no_access(t: &Test) {
    let caps = json!(["CAP_MKNOD"]);
    let sets = ["bounding", "permitted", "effective"];
    let bundle = sets.iter().fold(with_rules(t, &[]), |bundle, set| {
        bundle.set(&format!("/process/capabilities/{set}"), caps.clone())
    });
    // Making nodes is allowed unless a capability is missing; opening is not.
    let script = "mknod /tmp/c c 10 229; echo $?; (: </tmp/c) 2>/dev/null; echo $?; \
                  mknod /tmp/b b 7 7; echo $?; mknod /tmp/p p; echo $?";
    let run = t.run(&bundle.shell(script)).expect_success();
    assert_eq!(run.stdout(), "0\n1\n0\n0\n");
}

#[test]
fn denied() {
    conformance(|t| in_the_machines_view(t, a_denied_device_cannot_be_opened));
}

#[test]
fn denied_under_cgroup2() {
    conformance(|t| in_cgroup2(t, a_denied_device_cannot_be_opened));
}

#[test]
fn allowed() {
    conformance(|t| in_the_machines_view(t, an_allowed_device_can_be_opened));
}

#[test]
fn allowed_under_cgroup2() {
    conformance(|t| in_cgroup2(t, an_allowed_device_can_be_opened));
}

#[test]
fn letter_by_letter() {
    conformance(|t| in_the_machines_view(t, access_is_allowed_letter_by_letter));
}

#[test]
fn letter_by_letter_under_cgroup2() {
    conformance(|t| in_cgroup2(t, access_is_allowed_letter_by_letter));
}

#[test]
fn the_last_rule_that_fits() {
    conformance(|t| in_the_machines_view(t, a_later_rule_wins));
}

#[test]
fn the_last_rule_that_fits_under_cgroup2() {
    conformance(|t| in_cgroup2(t, a_later_rule_wins));
}

#[test]
fn default_devices() {
    conformance(|t| in_the_machines_view(t, the_default_devices_stay_usable));
}

#[test]
fn default_devices_under_cgroup2() {
    conformance(|t| in_cgroup2(t, the_default_devices_stay_usable));
}

#[test]
fn making_nodes() {
    conformance(|t| in_the_machines_view(t, a_node_made_inside_gives_no_access));
}

#[test]
fn making_nodes_under_cgroup2() {
    conformance(|t| in_cgroup2(t, a_node_made_inside_gives_no_access));
}

#[test]
fn rules_are_also_those_of_exec() {
    conformance(|t| {
        only_where_the_device_exists(t);
        let container = t.start(&with_rules(t, &[]).args(["/bin/probe", "sleep"]));
        let open = ["/bin/probe", "open", "/dev/fuse", "rw"];
        assert_eq!(container.exec(open).expect_success().json()["errno"], EPERM);
    });
}

#[test]
fn a_rule_of_an_unknown_type_is_refused() {
    conformance(|t| {
        let rule = json!({"allow": true, "type": "x", "access": "rwm"});
        let _ = t.run(&with_rules(t, &[rule])).expect_failure();
    });
}

#[test]
fn a_rule_of_an_unknown_access_is_refused() {
    conformance(|t| {
        let rule = json!({"allow": true, "type": "c", "access": "q"});
        let _ = t.run(&with_rules(t, &[rule])).expect_failure();
    });
}
