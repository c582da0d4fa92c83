//! What the tests of the systemd driver share, and where units are.

use super::*;
use crate::cgroup::layout::Hierarchy;
use crate::cgroup::settings::{Home, Moment, Need, Write};
use crate::error::Pointer;

pub(super) fn setting(file: &'static str, value: &str) -> Setting {
    Setting {
        home: Home::V2,
        controller: "memory".into(),
        writes: vec![Write {
            file: file.into(),
            value: value.to_owned(),
        }],
        need: Need::Required,
        moment: Moment::BeforeBirth,
        at: Pointer::root(),
    }
}

fn hierarchy(subsystems: &[&str], mount: &str) -> Hierarchy {
    Hierarchy {
        subsystems: subsystems.iter().map(|&name| name.to_owned()).collect(),
        mount: format!("/sys/fs/cgroup{mount}"),
        own: None,
    }
}

fn unified() -> Layout {
    Layout {
        v1: Vec::new(),
        v2: Some(hierarchy(&[], "")),
    }
}

pub(super) fn placement(cgroups_path: &str) -> Placement {
    place(&unified(), Some(cgroups_path), "web", Instance::System, "").unwrap()
}

fn host_paths(layout: &Layout, instance: Instance, root: &str) -> Vec<String> {
    let path = Some("a-b.slice:p:web");
    let placement = place(layout, path, "web", instance, root).unwrap();
    placement
        .directories
        .iter()
        .map(Directory::host_path)
        .collect()
}

#[test]
fn a_unit_has_one_path_in_every_hierarchy() {
    let hybrid = Layout {
        v1: vec![
            hierarchy(&["cpu", "cpuacct"], "/cpu,cpuacct"),
            hierarchy(&["name=systemd"], "/systemd"),
        ],
        v2: Some(hierarchy(&[], "/unified")),
    };
    let below = "a.slice/a-b.slice/p-web.scope";
    assert_eq!(
        host_paths(&hybrid, Instance::System, ""),
        [
            format!("/sys/fs/cgroup/cpu,cpuacct/{below}"),
            format!("/sys/fs/cgroup/systemd/{below}"),
            format!("/sys/fs/cgroup/unified/{below}"),
        ]
    );
    let own = "/user.slice/user-7.slice/user@7.service";
    assert_eq!(
        host_paths(&hybrid, Instance::User, own),
        [
            format!("/sys/fs/cgroup/systemd{own}/{below}"),
            format!("/sys/fs/cgroup/unified{own}/{below}"),
        ]
    );
    assert_eq!(
        host_paths(&unified(), Instance::System, ""),
        [format!("/sys/fs/cgroup/{below}")]
    );
}

#[test]
fn the_unit_is_recorded() {
    let placement = placement(":p:web");
    assert_eq!(placement.driver, Driver::Systemd);
    let json = serde_json::to_value(&placement).unwrap();
    assert_eq!(
        json["unit"],
        serde_json::json!({"name": "p-web.scope", "slice": "system.slice", "instance": "system"})
    );
    assert_eq!(
        serde_json::from_value::<Placement>(json).unwrap(),
        placement
    );
}

#[test]
fn without_cgroups_there_is_no_place() {
    let error = place(&Layout::default(), None, "web", Instance::System, "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "place the systemd unit `saya-web.scope`: no cgroup hierarchy is mounted"
    );
}
