//! Limits changed in the kernel's files, and put back.

use super::apply::{read, setting};
use super::sandbox::Sandbox;
use crate::cgroup::Cgroup;
use crate::cgroup::settings::{Home, Setting};
use crate::error::{Error, Kind};

fn set(controller: &'static str, file: &'static str, value: &str) -> Setting {
    setting(Home::V1, controller, &[(file, value)])
}

/// The cgroups of a container, if the v1 hierarchies of these controllers are here.
fn cgroup(sandbox: &Sandbox, controllers: &[&str]) -> Option<Cgroup> {
    let cgroup = Cgroup::create(&sandbox.place("web"), &[]).unwrap();
    let has = |name: &&str| cgroup.placement().v1(name).is_some();
    if controllers.iter().all(has) {
        return Some(cgroup);
    }
    eprintln!("skipped: no v1 hierarchies of {controllers:?} in this view");
    None
}

const BYTES: &str = "memory.limit_in_bytes";
const BOTH: &str = "memory.memsw.limit_in_bytes";

#[test]
fn limits_that_bound_each_other_are_raised_and_lowered_in_any_order() {
    let sandbox = Sandbox::new();
    let Some(cgroup) = cgroup(&sandbox, &["memory", "cpu"]) else {
        return;
    };
    for megabytes in [64, 128, 32, 256] {
        let bytes = (megabytes << 20).to_string();
        let (quota, burst) = (megabytes * 1000, megabytes * 500);
        let settings = [
            set("memory", BYTES, &bytes),
            set("memory", BOTH, &bytes),
            set("cpu", "cpu.cfs_burst_us", &burst.to_string()),
            set("cpu", "cpu.cfs_quota_us", &quota.to_string()),
        ];
        let _ = cgroup.update(&settings).unwrap();
        for setting in &settings {
            let write = &setting.writes[0];
            let now = read(cgroup.placement(), &setting.controller, &write.file);
            assert_eq!(now, write.value, "{}", write.file);
        }
    }
}

#[test]
fn a_refused_value_leaves_all_as_it_was() {
    let sandbox = Sandbox::new();
    let Some(cgroup) = cgroup(&sandbox, &["memory", "pids", "cpu"]) else {
        return;
    };
    let old = [
        set("memory", BYTES, "67108864"),
        set("memory", BOTH, "67108864"),
        set("pids", "pids.max", "7"),
        set("cpu", "cpu.cfs_quota_us", "50000"),
    ];
    let _ = cgroup.update(&old).unwrap();
    let error = cgroup
        .update(&[
            set("memory", BYTES, "134217728"),
            set("memory", BOTH, "134217728"),
            set("pids", "pids.max", "8"),
            set("cpu", "cpu.cfs_burst_us", "50001"),
            set("cpu", "cpu.shares", "512"),
        ])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "set cpu.cfs_burst_us to `50001` (config.json: /linux/resources/x): EINVAL: invalid argument"
    );
    for setting in &old {
        let write = &setting.writes[0];
        let now = read(cgroup.placement(), &setting.controller, &write.file);
        assert_eq!(now, write.value, "{}", write.file);
    }
    assert_eq!(read(cgroup.placement(), "cpu", "cpu.shares"), "1024");
}

#[test]
fn what_was_changed_can_be_put_back_later() {
    let sandbox = Sandbox::new();
    let Some(cgroup) = cgroup(&sandbox, &["pids", "memory"]) else {
        return;
    };
    let unlimited = read(cgroup.placement(), "memory", BYTES);
    let settings = [
        set("pids", "pids.max", "7"),
        set("memory", BYTES, "67108864"),
    ];
    let changed = cgroup.update(&settings).unwrap();
    let error = changed.put_back(Error::new(Kind::System, "x", "y"));
    assert_eq!(error.to_string(), "x: y");
    assert_eq!(read(cgroup.placement(), "pids", "pids.max"), "max");
    assert_eq!(read(cgroup.placement(), "memory", BYTES), unlimited);
}
