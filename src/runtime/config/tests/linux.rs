//! `linux`, `hooks` and the rest, field by field.

use std::time::Duration;

use serde_json::{Value, json};

use super::valid::{accept, minimal};
use crate::config::{
    Config, DeviceAccess, DeviceKind, DeviceRule, HookKind, NamespaceKind, NamespaceSource,
    Propagation, TimeOffsets,
};
use crate::error::Pointer;

/// A minimal document with these members of `linux`; all namespaces are new unless given.
pub(super) fn linux(members: &Value) -> Config {
    let mut document = minimal(&json!({"linux": members}));
    if members.get("namespaces").is_none() {
        let all = ["mount", "pid", "network", "ipc", "uts", "cgroup", "time"];
        document["linux"]["namespaces"] = all.map(|name| json!({"type": name})).into();
    }
    accept(&document)
}

#[test]
fn versions_of_major_one_pass() {
    for version in ["1.0.0", "1.0.2-dev", "1.3.0+build.7", "1.99.0-rc.1+x"] {
        assert_eq!(
            accept(&minimal(&json!({"ociVersion": version}))).version,
            version
        );
    }
}

#[test]
fn a_document_of_the_required_members_is_enough() {
    let config = accept(&json!({"ociVersion": "1.0.0", "root": {"path": "/srv//root/"}}));
    assert_eq!(config.root.path, "/srv/root");
    assert!(config.process.is_none() && config.mounts.is_empty());
    assert_eq!(config.namespaces.iter().count(), 0);
}

#[test]
fn unknown_members_and_other_platforms_are_ignored() {
    accept(&minimal(&json!({
        "windows": {"layerFolders": []}, "vm": 7, "solaris": {}, "zos": {}, "future": [1],
        "linux": {"future": {"x": 1}}, "process": {"commandLine": "x", "future": null},
    })));
}

#[test]
fn namespaces_are_kept_in_joining_order_with_their_places() {
    let config = linux(&json!({"namespaces": [
        {"type": "mount"}, {"type": "network", "path": "/run/netns/a"}, {"type": "pid", "path": ""},
    ]}));
    let found: Vec<_> = config
        .namespaces
        .iter()
        .map(|(kind, source, at)| (*kind, source.clone(), at.as_str()))
        .collect();
    let joined = NamespaceSource::Path("/run/netns/a".to_owned());
    assert_eq!(
        found,
        [
            (NamespaceKind::Network, joined, "/linux/namespaces/1"),
            (
                NamespaceKind::Pid,
                NamespaceSource::New,
                "/linux/namespaces/2"
            ),
            (
                NamespaceKind::Mount,
                NamespaceSource::New,
                "/linux/namespaces/0"
            ),
        ]
    );
}

#[test]
fn clock_offsets_have_seconds_and_nanoseconds() {
    let config = linux(&json!({"timeOffsets": {
        "monotonic": {"secs": -5, "nanosecs": 999_999_999}, "boottime": {"secs": 7},
    }}));
    let wanted = TimeOffsets {
        monotonic: Some((-5, 999_999_999)),
        boottime: Some((7, 0)),
    };
    assert_eq!(config.time_offsets.unwrap().value, wanted);
    assert!(linux(&json!({"timeOffsets": {}})).time_offsets.is_none());
}

#[test]
fn devices_have_defaults_and_one_entry_a_path() {
    let config = linux(&json!({"devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o20600, "uid": 1, "gid": 2},
        {"path": "/dev/disk//x", "type": "b", "major": 4095, "minor": 1_048_575},
        {"path": "/run/pipe", "type": "p", "major": 1, "minor": 1},
        {"path": "/dev/u", "type": "u", "major": 1, "minor": 2},
        {"path": "/dev/u", "type": "c", "major": 1, "minor": 2},
    ]}));
    let found: Vec<_> = config
        .devices
        .iter()
        .map(|d| {
            (
                d.path.as_str(),
                d.kind,
                (d.major, d.minor),
                d.mode,
                (d.uid, d.gid),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("/dev/fuse", DeviceKind::Char, (10, 229), 0o600, (1, 2)),
            (
                "/dev/disk/x",
                DeviceKind::Block,
                (4095, 1_048_575),
                0o666,
                (0, 0)
            ),
            ("/run/pipe", DeviceKind::Fifo, (0, 0), 0o666, (0, 0)),
            ("/dev/u", DeviceKind::Char, (1, 2), 0o666, (0, 0)),
        ]
    );
    assert_eq!(config.devices[3].at.as_str(), "/linux/devices/3");
}

#[test]
fn device_rules_stand_for_all_where_they_say_nothing() {
    let config = linux(&json!({"resources": {"devices": [
        {"allow": false},
        {"allow": true, "type": "c", "major": 1, "minor": -1, "access": "mr"},
        {"allow": false, "type": "a", "major": -1, "minor": 3, "access": "w"},
    ]}}));
    let rule = |index: usize, access| DeviceRule {
        access,
        kind: None,
        major: None,
        minor: None,
        read: true,
        write: true,
        mknod: true,
        at: Pointer::new(format!("/linux/resources/devices/{index}")),
    };
    assert_eq!(
        config.resources.devices,
        [
            rule(0, DeviceAccess::Deny),
            DeviceRule {
                kind: Some(DeviceKind::Char),
                major: Some(1),
                write: false,
                ..rule(1, DeviceAccess::Allow)
            },
            DeviceRule {
                minor: Some(3),
                read: false,
                mknod: false,
                ..rule(2, DeviceAccess::Deny)
            },
        ]
    );
}

#[test]
fn network_devices_keep_their_name_unless_given_another() {
    let config = linux(&json!({"netDevices": {
        "eth0": {}, "eth1": {"name": "net%d"}, "eth2": {"name": "net%d"}, "eth3": {"name": ""},
    }}));
    let found: Vec<_> = config
        .net_devices
        .iter()
        .map(|d| (d.host_name.as_str(), d.name.as_str(), d.at.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("eth0", "eth0", "/linux/netDevices/eth0"),
            ("eth1", "net%d", "/linux/netDevices/eth1"),
            ("eth2", "net%d", "/linux/netDevices/eth2"),
            ("eth3", "eth3", "/linux/netDevices/eth3"),
        ]
    );
}

#[test]
fn sysctl_keys_are_read_in_both_notations() {
    for (key, path) in [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        (
            "net/ipv4/conf/eth0.100/forwarding",
            "net/ipv4/conf/eth0.100/forwarding",
        ),
        (
            "net.ipv4.conf.eth0/100.forwarding",
            "net/ipv4/conf/eth0.100/forwarding",
        ),
        ("kernel.shm_rmid_forced", "kernel/shm_rmid_forced"),
        ("kernel/sem", "kernel/sem"),
        ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
        ("kernel.domainname", "kernel/domainname"),
    ] {
        let config = linux(&json!({"sysctl": {key: "0 1"}}));
        let found = &config.sysctl[0];
        assert_eq!((found.path.as_str(), found.value.as_str()), (path, "0 1"));
        assert_eq!(
            found.at,
            Pointer::root().key("linux").key("sysctl").key(key)
        );
    }
}

#[test]
fn the_names_of_memory_policies_are_those_of_the_specification() {
    for mode in crate::config::linux::memory_policy_modes() {
        let nodes = if matches!(mode, "MPOL_DEFAULT" | "MPOL_LOCAL") {
            ""
        } else {
            "0"
        };
        linux(&json!({"memoryPolicy": {"mode": mode, "nodes": nodes}}));
    }
    let flags: Vec<&str> = crate::config::linux::memory_policy_flags().collect();
    let names = [
        "MPOL_F_NUMA_BALANCING",
        "MPOL_F_RELATIVE_NODES",
        "MPOL_F_STATIC_NODES",
    ];
    assert_eq!(flags, names);
    assert_eq!(crate::config::linux::memory_policy_modes().count(), 7);
}

#[test]
fn memory_policies_are_modes_with_flags_and_a_mask() {
    for (policy, mode, nodes) in [
        (json!({"mode": "MPOL_DEFAULT"}), 0, vec![]),
        (json!({"mode": "MPOL_DEFAULT", "nodes": ""}), 0, vec![]),
        (json!({"mode": "MPOL_PREFERRED", "nodes": ""}), 1, vec![]),
        (
            json!({"mode": "MPOL_BIND", "nodes": "0-3,7"}),
            2,
            vec![0x8f],
        ),
        (
            json!({"mode": "MPOL_INTERLEAVE", "nodes": "64", "flags": ["MPOL_F_STATIC_NODES"]}),
            0x8003,
            vec![0, 1],
        ),
        (json!({"mode": "MPOL_LOCAL", "flags": []}), 4, vec![]),
        (
            json!({"mode": "MPOL_PREFERRED_MANY", "nodes": "1", "flags": ["MPOL_F_RELATIVE_NODES"]}),
            0x4005,
            vec![2],
        ),
        (
            json!({"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"]}),
            0x2006,
            vec![1],
        ),
    ] {
        let found = linux(&json!({"memoryPolicy": policy}))
            .memory_policy
            .unwrap();
        assert_eq!((found.mode, found.nodes), (mode, nodes), "{policy}");
    }
}

#[test]
fn resctrl_lines_come_in_the_order_in_which_they_are_written() {
    let rdt = linux(&json!({"intelRdt": {
        "closID": "gold", "l3CacheSchema": "L3:0=f;1=f0\nMB:0=10\n", "memBwSchema": "MB:0=20",
        "schemata": ["L2:0=3"], "enableMonitoring": true,
    }}))
    .intel_rdt
    .unwrap();
    assert_eq!(rdt.clos_id.as_deref(), Some("gold"));
    assert_eq!(rdt.schemas, ["L3:0=f;1=f0", "MB:0=20"]);
    assert_eq!(rdt.schemata, ["L2:0=3"]);
    assert!(rdt.monitoring);
    let alone = linux(&json!({"intelRdt": {"closID": "/", "l3CacheSchema": "L3:0=f\nMB:0=10"}}));
    let alone = alone.intel_rdt.unwrap();
    assert_eq!(alone.clos_id.as_deref(), Some("/"));
    assert_eq!(alone.schemas, ["L3:0=f", "MB:0=10"]);
}

#[test]
fn the_remaining_members_are_resolved() {
    let config = linux(&json!({
        "cgroupsPath": "system.slice:saya:web", "rootfsPropagation": "rshared",
        "maskedPaths": ["/proc//keys"], "readonlyPaths": ["/proc/sys/"],
        "personality": {"domain": "LINUX32", "flags": []},
    }));
    assert_eq!(config.cgroups_path.unwrap().value, "system.slice:saya:web");
    let shared = Propagation {
        kind: libc::MS_SHARED,
        recursive: true,
    };
    assert_eq!(config.rootfs_propagation.unwrap().value, shared);
    assert_eq!(config.masked_paths[0].value, "/proc/keys");
    assert_eq!(config.readonly_paths[0].value, "/proc/sys");
    assert_eq!(config.personality.unwrap().value, 8);
    let empty = linux(&json!({"cgroupsPath": "", "rootfsPropagation": ""}));
    assert!(empty.cgroups_path.is_none() && empty.rootfs_propagation.is_none());
}

#[test]
fn hooks_keep_kind_order_and_place() {
    let hook = json!({"path": "/bin/a", "args": ["a", ""], "env": [], "timeout": 3});
    let config = accept(&minimal(&json!({"hooks": {
        "prestart": [{"path": "/bin/p"}], "createRuntime": [hook], "createContainer": [hook],
        "startContainer": [hook], "poststart": [hook, {"path": "/bin/b"}], "poststop": [hook],
    }})));
    for kind in HookKind::ALL {
        let first = &config.hooks.of(kind)[0];
        assert_eq!(first.at.as_str(), format!("/hooks/{}/0", kind.name()));
    }
    let prestart = &config.hooks.of(HookKind::Prestart)[0];
    assert_eq!(
        (&prestart.args, &prestart.env, prestart.timeout),
        (&None, &None, None)
    );
    let full = &config.hooks.of(HookKind::Poststart)[0];
    assert_eq!(
        full.args.as_deref(),
        Some(&["a".to_owned(), String::new()][..])
    );
    assert_eq!(full.env.as_deref(), Some(&[][..]));
    assert_eq!(full.timeout, Some(Duration::from_secs(3)));
    assert_eq!(config.hooks.of(HookKind::Poststart)[1].path, "/bin/b");
}

#[test]
fn annotations_and_names_are_kept() {
    let config = accept(&minimal(&json!({
        "hostname": "h".repeat(64), "domainname": "org", "annotations": {"a/b": "", "c": "d\n"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "uts", "path": "/run/ns/uts"}]},
    })));
    assert_eq!(config.hostname.unwrap().value.len(), 64);
    assert_eq!(config.domainname.unwrap().at.as_str(), "/domainname");
    assert_eq!(config.annotations["c"], "d\n");
}
