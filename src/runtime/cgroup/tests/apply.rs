//! Settings written to the kernel's files, controllers handed down, cgroups handed over.

use std::os::unix::fs::MetadataExt;

use super::sandbox::Sandbox;
use crate::cgroup::settings::{Home, Moment, Need, Setting, Write};
use crate::cgroup::{Cgroup, Placement, controllers};
use crate::error::{Kind, Pointer};

pub(super) fn setting(
    home: Home,
    controller: &'static str,
    writes: &[(&'static str, &str)],
) -> Setting {
    let write = |&(file, value): &(&'static str, &str)| Write {
        file: file.into(),
        value: value.to_owned(),
    };
    Setting {
        home,
        controller: controller.into(),
        writes: writes.iter().map(write).collect(),
        need: Need::Required,
        moment: Moment::BeforeBirth,
        at: Pointer::new("/linux/resources/x"),
    }
}

pub(super) fn read(placement: &Placement, controller: &str, file: &str) -> String {
    let place = placement.v1(controller).or(placement.v2()).unwrap();
    let text = std::fs::read_to_string(format!("{}/{file}", place.host_path())).unwrap();
    text.trim().to_owned()
}

/// A controller of the v2 hierarchy, if it has one here.
fn v2_controller(sandbox: &Sandbox) -> Option<String> {
    let v2 = sandbox.layout.v2.as_ref()?;
    let list = std::fs::read_to_string(format!("{}/cgroup.controllers", v2.mount)).unwrap();
    list.split_whitespace().next().map(str::to_owned)
}

#[test]
fn settings_that_bound_each_other_may_come_in_any_order() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("web"), &[]).unwrap();
    if cgroup.placement().v1("cpu").is_none() {
        eprintln!("skipped: no v1 cpu hierarchy in this view");
        return;
    }
    let set = |file, value| setting(Home::V1, "cpu", &[(file, value)]);
    // The burst is refused until there is a quota.
    let settings = [
        set("cpu.cfs_burst_us", "20000"),
        set("cpu.cfs_quota_us", "50000"),
    ];
    cgroup.apply(&settings, Moment::BeforeBirth).unwrap();
    assert_eq!(read(cgroup.placement(), "cpu", "cpu.cfs_burst_us"), "20000");
    assert_eq!(read(cgroup.placement(), "cpu", "cpu.cfs_quota_us"), "50000");
    let error = cgroup
        .apply(&[set("cpu.cfs_burst_us", "60000")], Moment::BeforeBirth)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "set cpu.cfs_burst_us to `60000` (config.json: /linux/resources/x): EINVAL: invalid argument"
    );
    assert!(error.advice().unwrap().contains("burst"));
}

#[test]
fn the_first_file_that_exists_is_written() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("web"), &[]).unwrap();
    if cgroup.placement().v1("pids").is_none() {
        eprintln!("skipped: no v1 pids hierarchy in this view");
        return;
    }
    let writes = [("pids.none", "1"), ("pids.max", "7"), ("pids.max", "8")];
    let mut settings = [setting(Home::V1, "pids", &writes)];
    cgroup.apply(&settings, Moment::AfterBirth).unwrap();
    assert_eq!(
        read(cgroup.placement(), "pids", "pids.max"),
        "max",
        "not due yet"
    );
    cgroup.apply(&settings, Moment::BeforeBirth).unwrap();
    assert_eq!(read(cgroup.placement(), "pids", "pids.max"), "7");
    settings[0].writes.truncate(1);
    let error = cgroup.apply(&settings, Moment::BeforeBirth).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("controller `pids`"), "{error}");
    settings[0].need = Need::IfThere;
    cgroup.apply(&settings, Moment::BeforeBirth).unwrap();
}

#[test]
fn a_v2_cgroup_gets_the_controllers_that_there_are() {
    let sandbox = Sandbox::new();
    let Some(name) = v2_controller(&sandbox) else {
        eprintln!("skipped: no v2 controller in this view");
        return;
    };
    let name: &'static str = name.leak();
    let needed = [setting(Home::V2, name, &[("x", "1")])];
    let cgroup = Cgroup::create(&sandbox.place("a/b/web"), &needed).unwrap();
    let v2 = cgroup.placement().v2().unwrap().host_path();
    let own = std::fs::read_to_string(format!("{v2}/cgroup.controllers")).unwrap();
    assert!(own.split_whitespace().any(|own| own == name), "{own}");
}

#[test]
fn a_controller_that_v2_does_not_have_is_named_before_anything_is_made() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("web");
    if placement.v2().is_none() {
        eprintln!("skipped: no v2 hierarchy in this view");
        return;
    }
    let needed = [setting(Home::V2, "nosuch", &[("nosuch.max", "1")])];
    let error = controllers::check(&placement, &needed).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(error.why(), "controller \"nosuch\" not available");
    assert!(
        error
            .to_string()
            .contains("config.json: /linux/resources/x"),
        "{error}"
    );
    let core = [setting(Home::V2, "cgroup", &[("cgroup.max.depth", "1")])];
    controllers::check(&placement, &core).unwrap();
}

#[test]
fn a_controller_withheld_above_is_named_with_the_cgroup() {
    let mut sandbox = Sandbox::new();
    let Some(name) = v2_controller(&sandbox) else {
        eprintln!("skipped: no v2 controller in this view");
        return;
    };
    let above = sandbox.make_plain("above");
    // A cgroup with processes gives no controllers away.
    sandbox.sleeper(&above, "");
    let needed = [setting(Home::V2, name.leak(), &[("x", "1")])];
    let placement = sandbox.place("above/web");
    let error = Cgroup::create(&placement, &needed).unwrap_err();
    let path = above.v2().unwrap().host_path();
    let text = error.to_string();
    assert!(
        text.contains(&format!("below {path}")) && text.contains("EBUSY"),
        "{text}"
    );
    assert!(error.advice().unwrap().contains("processes of its own"));
    assert!(!Sandbox::exists(&placement), "it was undone");
}

#[test]
fn a_cgroup_handed_over_belongs_to_its_user_but_its_limits_do_not() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("web"), &[]).unwrap();
    let Some(v2) = cgroup.placement().v2() else {
        eprintln!("skipped: no v2 hierarchy in this view");
        return;
    };
    cgroup.delegate(4711).unwrap();
    let owner = |file: &str| {
        let path = format!("{}/{file}", v2.host_path());
        std::fs::metadata(path).unwrap().uid()
    };
    for file in [
        "",
        "cgroup.procs",
        "cgroup.threads",
        "cgroup.subtree_control",
    ] {
        assert_eq!(owner(file), 4711, "{file}");
    }
    for file in ["cgroup.freeze", "cgroup.max.depth", "cgroup.kill"] {
        assert_eq!(owner(file), 0, "{file}");
    }
}
