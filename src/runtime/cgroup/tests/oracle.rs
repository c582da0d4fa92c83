//! cgroups-rs reads back what our own code has written.

use cgroups_rs::cpu::CpuController;
use cgroups_rs::memory::MemController;
use cgroups_rs::pid::PidController;
use cgroups_rs::{Cgroup as TheirCgroup, MaxValue, hierarchies};
use serde_json::json;

use super::sandbox::Sandbox;
use crate::cgroup::Cgroup;
use crate::cgroup::settings::{Moment, settings};
use crate::config::Resources;
use crate::config::resources::ZeroPids;

#[test]
fn limits_are_read_as_they_were_asked_for() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("web");
    let document = json!({
        "memory": {"limit": 64 << 20, "reservation": 32 << 20},
        "cpu": {"quota": 50_000, "period": 200_000},
        "pids": {"limit": 77},
    });
    let resources = Resources::from_update(&document, ZeroPids::Limit).unwrap();
    let settings = settings(&resources, &placement).unwrap();
    if crate::cgroup::controllers::check(&placement, &settings).is_err() {
        eprintln!("skipped: the cgroups of this view have no such controllers");
        return;
    }
    let cgroup = Cgroup::create(&placement, &settings).unwrap();
    cgroup.apply(&settings, Moment::BeforeBirth).unwrap();

    let path = format!("{}/web", sandbox.parent);
    let theirs = TheirCgroup::load(hierarchies::auto(), path.trim_start_matches('/'));
    let memory: &MemController = theirs.controller_of().unwrap();
    assert_eq!(memory.memory_stat().limit_in_bytes, 64 << 20);
    assert_eq!(memory.memory_stat().soft_limit_in_bytes, 32 << 20);
    let cpu: &CpuController = theirs.controller_of().unwrap();
    assert_eq!(cpu.cfs_quota().unwrap(), 50_000);
    assert_eq!(cpu.cfs_period().unwrap(), 200_000);
    let pids: &PidController = theirs.controller_of().unwrap();
    assert_eq!(pids.get_pid_max().unwrap(), MaxValue::Value(77));
}
