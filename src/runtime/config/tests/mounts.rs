//! Mount options → attributes, flags and data.

use libc::{
    MOUNT_ATTR__ATIME as ATIME, MOUNT_ATTR_NOATIME as NOATIME, MOUNT_ATTR_NODEV as NODEV,
    MOUNT_ATTR_NODIRATIME as NODIRATIME, MOUNT_ATTR_NOEXEC as NOEXEC, MOUNT_ATTR_NOSUID as NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW as NOSYMFOLLOW, MOUNT_ATTR_RDONLY as RDONLY,
    MOUNT_ATTR_STRICTATIME as STRICTATIME, MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
};
use serde_json::{Value, json};

use super::valid::{accept, minimal};
use crate::config::{Config, Mount, MountKind, Propagation};

fn config(mount: &Value) -> Config {
    accept(&minimal(&json!({"mounts": [mount]})))
}

fn mount(mount: &Value) -> Mount {
    config(mount).mounts.remove(0)
}

fn with_options(fstype: &str, options: &[&str]) -> Mount {
    mount(&json!({"destination": "/d", "type": fstype, "source": "/s", "options": options}))
}

#[test]
fn each_attribute_option_sets_or_clears_its_bits() {
    let table: [(&[&str], u64, u64); 24] = [
        (&[], 0, 0),
        (&["defaults", "silent", "loud", ""], 0, 0),
        (&["ro"], RDONLY, 0),
        (&["rw"], 0, RDONLY),
        (&["ro", "rw"], 0, RDONLY),
        (&["rw", "ro"], RDONLY, 0),
        (&["nosuid", "nodev", "noexec"], NOSUID | NODEV | NOEXEC, 0),
        (&["suid", "dev", "exec"], 0, NOSUID | NODEV | NOEXEC),
        (&["nosuid", "suid"], 0, NOSUID),
        (&["nodiratime"], NODIRATIME, 0),
        (&["diratime"], 0, NODIRATIME),
        (&["nosymfollow"], NOSYMFOLLOW, 0),
        (&["symfollow"], 0, NOSYMFOLLOW),
        (&["noatime"], NOATIME, ATIME),
        (&["relatime"], 0, ATIME),
        (&["strictatime"], STRICTATIME, ATIME),
        (&["noatime", "strictatime"], STRICTATIME, ATIME),
        (&["strictatime", "relatime"], 0, ATIME),
        (&["atime"], 0, ATIME),
        (&["noatime", "atime"], 0, ATIME),
        (&["norelatime"], 0, ATIME),
        (&["strictatime", "nostrictatime"], 0, ATIME),
        // Taking back a mode that is not in force changes nothing.
        (&["noatime", "nostrictatime"], NOATIME, ATIME),
        (
            &["noatime", "nodiratime", "ro"],
            NOATIME | NODIRATIME | RDONLY,
            ATIME,
        ),
    ];
    for (options, set, clear) in table {
        let mount = with_options("tmpfs", options);
        assert_eq!((mount.set, mount.clear), (set, clear), "{options:?}");
        assert_eq!((mount.recursive_set, mount.recursive_clear), (0, 0));
    }
}

#[test]
fn the_recursive_options_concern_the_tree_only() {
    let table: [(&[&str], u64, u64); 12] = [
        (&["rro"], RDONLY, 0),
        (&["rrw"], 0, RDONLY),
        (
            &["rnosuid", "rnodev", "rnoexec"],
            NOSUID | NODEV | NOEXEC,
            0,
        ),
        (&["rsuid", "rdev", "rexec"], 0, NOSUID | NODEV | NOEXEC),
        (&["rnodiratime"], NODIRATIME, 0),
        (&["rdiratime"], 0, NODIRATIME),
        (&["rnosymfollow"], NOSYMFOLLOW, 0),
        (&["rsymfollow"], 0, NOSYMFOLLOW),
        (&["rnoatime"], NOATIME, ATIME),
        (&["rstrictatime"], STRICTATIME, ATIME),
        (&["rnoatime", "ratime"], 0, ATIME),
        (&["rrelatime", "rnorelatime", "rnostrictatime"], 0, ATIME),
    ];
    for (options, set, clear) in table {
        let mut all = vec!["rbind"];
        all.extend(options);
        let mount = with_options("none", &all);
        assert_eq!((mount.set, mount.clear), (0, 0), "{options:?}");
        let tree = (mount.recursive_set, mount.recursive_clear);
        assert_eq!(tree, (set, clear), "{options:?}");
    }
}

#[test]
fn propagation_changes_keep_their_order() {
    let names = [
        "rprivate",
        "private",
        "rslave",
        "slave",
        "rshared",
        "shared",
        "runbindable",
        "unbindable",
    ];
    let kinds = [MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE];
    let wanted: Vec<Propagation> = kinds
        .into_iter()
        .flat_map(|kind| [true, false].map(|recursive| Propagation { kind, recursive }))
        .collect();
    assert_eq!(with_options("tmpfs", &names).propagation, wanted);
}

/// What the specification says MUST or SHOULD be supported, and what runc has besides.
#[test]
fn the_options_of_the_specification_are_known() {
    let wanted = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand \
        noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime \
        nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime \
        rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate \
        rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared \
        silent slave strictatime suid symfollow sync tmpcopyup unbindable";
    let names: Vec<&str> = crate::config::mounts::option_names().collect();
    assert_eq!(names, wanted.split_whitespace().collect::<Vec<_>>());
}

type Parameters<'m> = (Vec<(&'m str, &'m str)>, Vec<(String, &'m str)>);

/// Keys of the flags and data of a file system or remount, with the options they come from.
fn parameters(mount: &Mount) -> Parameters<'_> {
    let (MountKind::Filesystem { flags, data, .. } | MountKind::Remount { flags, data, .. }) =
        &mount.kind
    else {
        panic!("{:?} has no parameters", mount.kind);
    };
    let flags = flags.iter().map(|(flag, at)| (flag.as_str(), at.as_str()));
    let data = data.iter().map(|(key, value, at)| {
        let value = value.as_ref().map(|value| format!("={value}"));
        (format!("{key}{}", value.unwrap_or_default()), at.as_str())
    });
    (flags.collect(), data.collect())
}

#[test]
fn superblock_flags_and_data_remember_their_options() {
    let options = [
        "sync", "size=64m", "dirsync", "async", "lazytime", "mand", "ro", "huge", "a=b=c",
    ];
    let mount = with_options("tmpfs", &options);
    let (flags, data) = parameters(&mount);
    assert_eq!(
        flags,
        [
            ("dirsync", "/mounts/0/options/2"),
            ("lazytime", "/mounts/0/options/4"),
            ("mand", "/mounts/0/options/5"),
            ("ro", "/mounts/0/options/6"),
        ]
    );
    assert_eq!(
        data,
        [
            ("size=64m".to_owned(), "/mounts/0/options/1"),
            ("huge".to_owned(), "/mounts/0/options/7"),
            ("a=b=c".to_owned(), "/mounts/0/options/8"),
        ]
    );
}

#[test]
fn negative_flags_are_for_a_remount_only() {
    let options = ["remount", "sync", "async", "nolazytime", "nomand", "rw"];
    let again = with_options("tmpfs", &options);
    let flags = ["async", "nolazytime", "nomand", "rw"];
    let (found, _) = parameters(&again);
    assert_eq!(
        found.iter().map(|(flag, _)| *flag).collect::<Vec<_>>(),
        flags
    );
    let first = with_options("tmpfs", &options[1..]);
    assert!(parameters(&first).0.is_empty());
}

#[test]
fn the_change_counter_is_an_option_of_ext4_alone() {
    let ext4 = with_options("ext4", &["noiversion", "iversion"]);
    let (_, data) = parameters(&ext4);
    assert_eq!(data, [("i_version".to_owned(), "/mounts/0/options/1")]);
    for (fstype, options) in [
        ("ext4", ["iversion", "noiversion"]),
        ("xfs", ["iversion", "ro"]),
    ] {
        let mount = with_options(fstype, &options);
        assert!(parameters(&mount).1.is_empty());
    }
}

#[test]
fn the_kind_follows_the_options_before_the_type() {
    let bind = |source: &str, recursive| MountKind::Bind {
        source: source.to_owned(),
        recursive,
    };
    let kind = |fstype, options: &[&str]| with_options(fstype, options).kind;
    assert_eq!(kind("tmpfs", &["bind"]), bind("/s", false));
    assert_eq!(kind("none", &["bind", "rbind"]), bind("/s", true));
    assert_eq!(kind("", &["rbind", "ro"]), bind("/s", true));
    assert_eq!(kind("cgroup", &["ro", "nosuid"]), MountKind::Cgroup);
    let remount = MountKind::Remount {
        bind: true,
        flags: vec![],
        data: vec![],
    };
    assert_eq!(kind("none", &["bind", "remount", "ro"]), remount);
    let relative = json!({"destination": "/d", "source": "data/../x", "options": ["bind"]});
    assert_eq!(mount(&relative).kind, bind("/bundle/data/../x", false));
}

#[test]
fn a_file_system_without_a_source_is_its_own() {
    let tmpfs = mount(&json!({"destination": "/d", "type": "tmpfs", "options": ["tmpcopyup"]}));
    let MountKind::Filesystem {
        source, copy_up, ..
    } = tmpfs.kind
    else {
        panic!("{:?}", tmpfs.kind);
    };
    assert_eq!(source, "tmpfs");
    assert!(copy_up);
}

#[test]
fn destinations_are_absolute_and_clean() {
    for (written, wanted) in [
        ("/a//b/../c/", "/a/c"),
        ("/../etc", "/etc"),
        ("/proc", "/proc"),
    ] {
        let mount = mount(&json!({"destination": written, "type": "proc"}));
        assert_eq!(mount.destination, wanted);
    }
    let relative = config(&json!({"destination": "data", "type": "tmpfs"}));
    assert_eq!(relative.mounts[0].destination, "/data");
    assert_eq!(
        relative.warnings,
        ["/mounts/0/destination: `data` is not an absolute path; taken as from `/`"]
    );
    let root = mount(&json!({"destination": "/", "options": ["remount", "bind", "ro"]}));
    assert_eq!(root.destination, "/");
}

#[test]
fn what_lxcfs_provides_may_cover_proc() {
    for path in [
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
    ] {
        let destination = format!("/proc/{path}");
        mount(&json!({"destination": destination, "source": "/s", "options": ["bind"]}));
    }
    mount(&json!({"destination": "/proc", "source": "/proc", "options": ["rbind"]}));
}
