//! Making the cgroups, and refusing those of others.

use std::path::Path;
use std::time::{Duration, Instant};

use super::sandbox::{Sandbox, soon};
use crate::cgroup::{Cgroup, pids, remove};
use crate::error::{Error, Kind};

fn refusal(sandbox: &Sandbox, name: &str) -> Error {
    let before = Instant::now();
    let error = Cgroup::create(&sandbox.place(name), &[]).unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(1), "refused late");
    error
}

#[test]
fn a_cgroup_is_made_in_every_hierarchy_with_its_parents_and_removed_without_them() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("a/b");
    let cgroup = Cgroup::create(&placement, &[]).unwrap();
    for path in placement.paths().values() {
        assert!(Path::new(path).is_dir(), "{path}");
    }
    assert!(
        cgroup
            .placement()
            .directories
            .iter()
            .all(|place| place.id.is_some())
    );
    remove(cgroup.placement(), soon()).unwrap();
    assert!(!Sandbox::exists(&placement));
    assert!(
        Sandbox::exists(&sandbox.place("a")),
        "parents are not the container's"
    );
}

#[test]
fn undo_removes_what_was_made_and_nothing_else() {
    let sandbox = Sandbox::new();
    let before = Cgroup::create(&sandbox.place("before"), &[]).unwrap();
    let cgroup = Cgroup::create(&sandbox.place("made/leaf"), &[]).unwrap();
    cgroup.undo();
    assert!(!Sandbox::exists(&sandbox.place("made")));
    assert!(Sandbox::exists(before.placement()));
    let again = Cgroup::create(before.placement(), &[]).unwrap();
    again.undo();
    assert!(Sandbox::exists(before.placement()), "it was there before");
}

#[test]
fn a_cpuset_has_cpus_and_memory_nodes() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("deep/er");
    Cgroup::create(&placement, &[]).unwrap();
    let Some(place) = placement.v1("cpuset") else {
        eprintln!("skipped: no v1 cpuset hierarchy on this machine");
        return;
    };
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let own = std::fs::read_to_string(format!("{}/{name}", place.host_path())).unwrap();
        let root = std::fs::read_to_string(format!("{}/{name}", place.mount)).unwrap();
        assert_eq!(own, root, "{name}");
    }
}

#[test]
fn a_cgroup_with_processes_is_refused_and_left_alone() {
    let mut sandbox = Sandbox::new();
    let placement = sandbox.place("taken");
    Cgroup::create(&placement, &[]).unwrap();
    // A process below it counts too.
    for directory in &placement.directories {
        std::fs::create_dir(format!("{}/sub", directory.host_path())).unwrap();
        if directory.controls("cpuset") {
            for name in ["cpuset.cpus", "cpuset.mems"] {
                let own = format!("{}/{name}", directory.host_path());
                let sub = format!("{}/sub/{name}", directory.host_path());
                std::fs::write(sub, std::fs::read(own).unwrap()).unwrap();
            }
        }
    }
    let pid = sandbox.sleeper(&placement, "sub");
    let error = refusal(&sandbox, "taken");
    assert_eq!(error.kind(), Kind::System);
    assert_eq!(
        error.why(),
        "container's cgroup is not empty: 1 process(es) found"
    );
    assert!(
        error
            .to_string()
            .starts_with("unable to apply cgroup configuration: ")
    );
    assert_eq!(pids(&placement).unwrap(), [pid]);
}

#[test]
fn a_frozen_cgroup_is_refused() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("cold");
    Cgroup::create(&placement, &[]).unwrap();
    let (place, file, text) = match (placement.v1("freezer"), placement.v2()) {
        (Some(freezer), _) => (freezer, "freezer.state", "FROZEN"),
        (None, Some(v2)) => (v2, "cgroup.freeze", "1"),
        (None, None) => panic!("no hierarchy here can freeze"),
    };
    std::fs::write(format!("{}/{file}", place.host_path()), text).unwrap();
    let frozen = "container's cgroup unexpectedly frozen";
    assert_eq!(refusal(&sandbox, "cold").why(), frozen);
    // A new one below it would be born frozen.
    assert_eq!(refusal(&sandbox, "cold/new").why(), frozen);
    assert!(
        !Sandbox::exists(&sandbox.place("cold/new")),
        "nothing is left of it"
    );
}

#[test]
fn a_frozen_cgroup_of_the_v2_hierarchy_is_refused() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("cold");
    Cgroup::create(&placement, &[]).unwrap();
    let Some(v2) = placement.v2() else {
        eprintln!("skipped: no v2 hierarchy on this machine");
        return;
    };
    std::fs::write(format!("{}/cgroup.freeze", v2.host_path()), "1").unwrap();
    let frozen = "container's cgroup unexpectedly frozen";
    assert_eq!(refusal(&sandbox, "cold").why(), frozen);
    assert_eq!(refusal(&sandbox, "cold/new").why(), frozen);
}

#[test]
fn a_mount_that_is_no_cgroup_hierarchy_is_refused() {
    let sandbox = Sandbox::new();
    let mut placement = sandbox.place("x");
    let directory = std::env::temp_dir().join(format!("saya-unit-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    placement.directories[0].mount = directory.to_str().unwrap().to_owned();
    let error = Cgroup::create(&placement, &[]).unwrap_err();
    let made = directory.join("saya-unit").exists();
    std::fs::remove_dir(&directory).unwrap();
    assert_eq!(error.why(), "another file system is mounted there");
    assert!(!made);
}

#[test]
fn opening_a_cgroup_that_is_gone_names_it() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("never");
    let error = Cgroup::open(&placement).unwrap_err();
    let path = placement.directories[0].host_path();
    assert_eq!(
        error.to_string(),
        format!("enter the container's cgroup ({path}): ENOENT: no such file or directory")
    );
}
