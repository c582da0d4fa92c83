//! The device rules as a process in the cgroup feels them.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::sandbox::Sandbox;
use crate::cgroup::devices::meaning::{random_lists, rule, rules};
use crate::cgroup::devices::{program, with_defaults};
use crate::cgroup::{Cgroup, Placement};
use crate::config::DeviceRule;
use crate::sys::bpf;

/// A directory that goes with the test.
struct Nodes(PathBuf);

impl Nodes {
    fn new(sandbox: &Sandbox) -> Self {
        // Not the temporary directory: that may be mounted nodev.
        let path = PathBuf::from("/dev/shm").join(sandbox.parent.trim_start_matches('/'));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Makes and opens a node for each `TYPE MAJOR MINOR MODE` (mode of the shell: `<`, `>`, `<>`)
/// inside the cgroup; `mknod` or `open` where the kernel forbids that, else `ok`.
fn try_inside(sandbox: &Sandbox, placement: &Placement, devices: &[&str]) -> Vec<String> {
    let nodes = Nodes::new(sandbox);
    let script = r#"
        read -r go; cd "$0"
        for device in "$@"; do
            set -- $device
            rm -f node
            mknod node $1 $2 $3 2>error || { echo mknod; continue; }
            case $4 in
                '<') (: <node) 2>error;; '>') (: >node) 2>error;; *) (: <>node) 2>error;;
            esac
            if grep -q 'not permitted' error; then echo open; else echo ok; fi
        done"#;
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(&nodes.0)
        .args(devices)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for directory in &placement.directories {
        let path = format!("{}/cgroup.procs", directory.host_path());
        std::fs::write(path, child.id().to_string()).unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn enforce(sandbox: &Sandbox, name: &str, rules: &[DeviceRule]) -> Cgroup {
    let cgroup = Cgroup::create(&sandbox.place(name), &[]).unwrap();
    cgroup.enforce_device_rules(rules).unwrap();
    cgroup
}

const ALLOWED: [&str; 10] = [
    "c 1 3 <>",
    "c 1 5 <>",
    "c 1 7 <>",
    "c 1 8 <",
    "c 1 9 <",
    "c 5 0 <>",
    "c 5 2 <>",
    "c 10 200 <>",
    "c 136 0 <",
    "c 136 99999 <",
];
const DENIED: [&str; 20] = [
    "c 1 1 <",
    "c 1 2 <",
    "c 1 4 <",
    "c 1 11 <",
    "c 4 0 <",
    "c 4 64 <",
    "c 5 1 <",
    "c 7 0 <",
    "c 10 229 <",
    "c 10 232 <",
    "c 10 237 <",
    "c 13 63 <",
    "c 29 0 <",
    "c 135 0 <",
    "c 137 0 <",
    "b 1 3 <",
    "b 7 0 <",
    "b 8 0 <",
    "b 253 0 <",
    "b 259 0 <",
];

#[test]
fn the_default_devices_are_usable_and_no_others_though_any_can_be_made() {
    let sandbox = Sandbox::new();
    let cgroup = enforce(
        &sandbox,
        "defaults",
        &with_defaults(&rules(&["-a *:* rwm"])),
    );
    let inside = |devices: &[&str]| try_inside(&sandbox, cgroup.placement(), devices);
    assert_eq!(inside(&ALLOWED), vec!["ok"; ALLOWED.len()]);
    assert_eq!(inside(&DENIED), vec!["open"; DENIED.len()]);
    // The machine itself may keep some of them from everybody; most must be the rules' doing.
    let free = enforce(&sandbox, "free", &rules(&["+a *:* rwm"]));
    let outcome = try_inside(&sandbox, free.placement(), &DENIED);
    let openable = outcome.iter().filter(|word| *word == "ok").count();
    assert!(openable >= DENIED.len() / 2, "{outcome:?}");
}

#[test]
fn a_container_that_may_use_everything_is_not_restricted() {
    let sandbox = Sandbox::new();
    let cgroup = enforce(
        &sandbox,
        "privileged",
        &with_defaults(&rules(&["+a *:* rwm"])),
    );
    let outcome = try_inside(
        &sandbox,
        cgroup.placement(),
        &["c 1 11 <", "b 1 3 <", "c 1 3 <"],
    );
    assert_eq!(outcome, ["ok", "ok", "ok"]);
}

#[test]
fn reading_writing_and_making_are_told_apart() {
    let sandbox = Sandbox::new();
    let rules = rules(&["+c *:* m", "+c 1:5 r", "+c 1:3 rwm", "-c 1:3 w"]);
    let cgroup = enforce(&sandbox, "modes", &rules);
    let devices = [
        "c 1 5 <", "c 1 5 >", "c 1 5 <>", "c 1 3 <", "c 1 3 >", "b 1 3 <",
    ];
    let outcome = try_inside(&sandbox, cgroup.placement(), &devices);
    assert_eq!(outcome, ["ok", "open", "open", "ok", "open", "mknod"]);
}

#[test]
fn a_cgroup_that_was_there_gets_the_new_rules_alone() {
    let sandbox = Sandbox::new();
    enforce(&sandbox, "again", &rules(&["+c *:* m", "+c 1:5 rwm"]));
    let cgroup = enforce(&sandbox, "again", &rules(&["+c *:* m", "+c 1:3 rwm"]));
    let outcome = try_inside(&sandbox, cgroup.placement(), &["c 1 5 <", "c 1 3 <"]);
    assert_eq!(outcome, ["open", "ok"]);
}

#[test]
fn a_cgroup_below_a_restricted_one_cannot_allow_more() {
    let sandbox = Sandbox::new();
    let outer = enforce(&sandbox, "outer", &rules(&["+c *:* m", "+c 1:3 rwm"]));
    let inner = Cgroup::create(&sandbox.place("outer/inner"), &[]).unwrap();
    let wider = inner.enforce_device_rules(&rules(&["+c *:* m", "+c 1:5 rwm"]));
    if outer.placement().v1("devices").is_some() {
        let error = wider.unwrap_err();
        assert_eq!(
            error.to_string(),
            "write the device rule `c 1:5 rwm` (config.json: /linux/resources/devices/0): \
             EPERM: operation not permitted"
        );
        assert!(
            error.advice().unwrap().contains("the one above"),
            "{error:?}"
        );
    } else {
        // The programs of both are asked.
        wider.unwrap();
        let outcome = try_inside(&sandbox, inner.placement(), &["c 1 5 <", "c 1 3 <"]);
        assert_eq!(outcome, ["open", "open"]);
    }
}

#[test]
fn programs_of_v2_replace_each_other() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("replaced"), &[]).unwrap();
    if cgroup.placement().v1("devices").is_some() {
        eprintln!("skipped: here the v1 controller enforces the rules");
        return;
    }
    let attached = || bpf::attached_device_programs(cgroup.birthplace().unwrap()).unwrap();
    assert_eq!(attached(), Vec::<u32>::new());
    cgroup.enforce_device_rules(&with_defaults(&[])).unwrap();
    let first = attached();
    cgroup.enforce_device_rules(&with_defaults(&[])).unwrap();
    assert_eq!((first.len(), attached().len()), (1, 1));
    assert_ne!(first, attached());
}

#[test]
fn the_verifier_takes_every_program() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("verified"), &[]).unwrap();
    let Some(directory) = cgroup.birthplace() else {
        eprintln!("skipped: no v2 hierarchy on this machine");
        return;
    };
    let mut lists: Vec<_> = random_lists(100).collect();
    lists.push(rules(&["-c 1:3 r", "+c *:* rwm", "+b *:* rwm"]));
    lists.push(rules(&["-c *:* w", "-b *:* w", "+a *:* rm"]));
    // Long lists: one in which no rule shares its tests, and one in which all do.
    for mix in [2, 2000] {
        let long = (0..2000).map(|n| {
            let sign = ["+", "-"][usize::from(n % mix == 1)];
            rule(&format!("{sign}c {n}:{n} {}", ["r", "w"][n / mix % 2]))
        });
        lists.push(long.collect());
    }
    for rules in lists {
        let program = bpf::load_device_program(&program::compile(&rules)).unwrap();
        bpf::attach_device_program(directory, program.as_fd()).unwrap();
        bpf::detach_device_program(directory, program.as_fd()).unwrap();
    }
}

#[test]
fn a_container_without_cgroups_has_no_rules_of_its_own() {
    let cgroup = Cgroup::create(&Placement::default(), &[]).unwrap();
    cgroup.enforce_device_rules(&with_defaults(&[])).unwrap();
}

/// Devices in both views of the machine: one that only `one` allows, one that none does.
fn opened(sandbox: &Sandbox, cgroup: &Cgroup) -> Vec<String> {
    try_inside(sandbox, cgroup.placement(), &["c 10 229 <>", "b 7 7 <"])
}

#[test]
fn rules_are_replaced_and_come_back() {
    let sandbox = Sandbox::new();
    let one = rules(&["-a *:* rwm", "+c 10:229 rwm"]);
    let other = rules(&["-a *:* rwm", "+b 7:* rwm"]);
    let cgroup = enforce(&sandbox, "web", &with_defaults(&one));
    assert_eq!(opened(&sandbox, &cgroup), ["ok", "open"]);
    cgroup.replace_device_rules(Some(&one), &other).unwrap();
    assert_eq!(opened(&sandbox, &cgroup), ["open", "ok"]);
    cgroup.replace_device_rules(None, &one).unwrap();
    assert_eq!(opened(&sandbox, &cgroup), ["ok", "open"]);
}

#[test]
fn rules_are_replaced_where_all_is_allowed_by_default() {
    let sandbox = Sandbox::new();
    let one = rules(&["+a *:* rwm", "-c 10:229 rwm"]);
    let other = rules(&["+a *:* rwm", "-b 7:* rwm"]);
    let cgroup = enforce(&sandbox, "web", &with_defaults(&one));
    assert_eq!(opened(&sandbox, &cgroup), ["open", "ok"]);
    cgroup.replace_device_rules(Some(&one), &other).unwrap();
    assert_eq!(opened(&sandbox, &cgroup), ["ok", "open"]);
    let none = rules(&["-a *:* rwm"]);
    cgroup.replace_device_rules(Some(&other), &none).unwrap();
    assert_eq!(opened(&sandbox, &cgroup), ["open", "open"]);
    // v1 would have to allow all before it denies some.
    let back = cgroup.replace_device_rules(Some(&none), &one);
    let is_v1 = cgroup.placement().v1("devices").is_some();
    assert_eq!(back.is_err(), is_v1, "{back:?}");
    let all = rules(&["+a *:* rwm"]);
    cgroup.replace_device_rules(None, &all).unwrap();
    assert_eq!(opened(&sandbox, &cgroup), ["ok", "ok"]);
}
