//! The entries of `mounts` as steps. Sources are opened before anything is mounted, so that no
//! mount of the container's can stand in the way of a later source.

use super::{
    Attributes, FsOption, Inherit, MountStep, Op, RemountStep, Source, Step, Target, Tree,
    c_string, relative,
};
use crate::cgroup::{Directory, Placement};
use crate::config::{Config, Mount, MountKind, NamespaceKind};
use crate::error::Pointer;
use crate::sys::mount::attr;

/// Memory-backed file systems: read-only is a matter of the mount, not of the superblock, which
/// may be shared or still has to be filled.
const VIRTUAL: [&str; 9] = [
    "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "ramfs", "devtmpfs",
];

/// Mount attributes of the tmpfs and the hierarchies below a v1 cgroup mount.
const CGROUP_ATTRIBUTES: u64 = attr::NOSUID | attr::NODEV | attr::NOEXEC;

/// Steps of all mounts: first the sources, then the mounts in their order.
#[derive(Default)]
pub(super) struct Mounts {
    pub sources: Vec<Step>,
    pub steps: Vec<Step>,
    pub slots: usize,
}

pub(super) fn mounts(config: &Config, cgroup: &Placement) -> Mounts {
    let mut mounts = Mounts::default();
    for mount in &config.mounts {
        mounts.add(mount, config, cgroup);
    }
    mounts
}

impl Mounts {
    fn add(&mut self, mount: &Mount, config: &Config, cgroup: &Placement) {
        match &mount.kind {
            MountKind::Bind { source, recursive } => {
                let tree = self.source(source, *recursive, &mount.at);
                self.mount(mount, tree, Inherit::Nothing);
            }
            MountKind::Filesystem {
                fstype,
                source,
                flags,
                data,
                copy_up,
            } => {
                let virtual_one = VIRTUAL.contains(&fstype.as_str());
                let flags = flags
                    .iter()
                    .filter(|(flag, _)| !(virtual_one && flag == "ro"));
                let tree = Tree::New {
                    fstype: c_string(fstype),
                    source: c_string(source),
                    options: options(flags, data),
                };
                let has_mode = data.iter().any(|(key, _, _)| key == "mode");
                let inherit = match (fstype.as_str(), copy_up, has_mode) {
                    ("tmpfs", true, _) => Inherit::Contents,
                    ("tmpfs", false, false) => Inherit::Mode,
                    _ => Inherit::Nothing,
                };
                self.mount(mount, tree, inherit);
            }
            MountKind::Cgroup => self.cgroup(mount, config, cgroup),
            MountKind::Remount { bind, flags, data } => {
                let remount = RemountStep {
                    target: c_string(relative(&mount.destination)),
                    attributes: attributes(mount),
                    options: (!bind).then(|| options(flags.iter(), data)),
                    propagation: propagation(mount),
                };
                self.steps
                    .push(Step::new(Op::Remount(Box::new(remount)), mount.at.clone()));
            }
        }
    }

    /// A source of its own slot.
    fn source(&mut self, path: &str, recursive: bool, at: &Pointer) -> Tree {
        let slot = self.slots;
        self.slots += 1;
        let source = Source {
            slot,
            path: c_string(path),
            recursive,
        };
        self.sources
            .push(Step::new(Op::OpenSource(source), at.clone()));
        Tree::Bind {
            slot,
            source: c_string(path),
        }
    }

    fn mount(&mut self, mount: &Mount, tree: Tree, inherit: Inherit) {
        let step = MountStep {
            target: c_string(relative(&mount.destination)),
            policy: policy(mount),
            tree,
            attributes: attributes(mount),
            propagation: propagation(mount),
            inherit,
        };
        self.steps
            .push(Step::new(Op::Mount(Box::new(step)), mount.at.clone()));
    }

    /// The container's own cgroups: under v2 one file system, under v1 a tmpfs with a directory
    /// for each hierarchy and a link for each controller of a joint one.
    fn cgroup(&mut self, mount: &Mount, config: &Config, cgroup: &Placement) {
        let v1: Vec<&Directory> = cgroup
            .directories
            .iter()
            .filter(|dir| !dir.is_v2())
            .collect();
        if v1.is_empty() {
            self.cgroup_v2(mount, config, cgroup);
            return;
        }
        let mode = (c_string("mode"), Some(c_string("755")));
        let tree = Tree::New {
            fstype: c_string("tmpfs"),
            source: c_string("cgroup"),
            options: vec![FsOption {
                key: mode.0,
                value: mode.1,
                at: mount.at.clone(),
            }],
        };
        // Read-only only after its directories are made.
        let step = MountStep {
            target: c_string(relative(&mount.destination)),
            policy: Target::Ordinary,
            tree,
            attributes: Attributes {
                set: CGROUP_ATTRIBUTES,
                ..Attributes::default()
            },
            propagation: Vec::new(),
            inherit: Inherit::Nothing,
        };
        self.steps
            .push(Step::new(Op::Mount(Box::new(step)), mount.at.clone()));
        for directory in &cgroup.directories {
            self.hierarchy(mount, directory);
        }
        let remount = RemountStep {
            target: c_string(relative(&mount.destination)),
            attributes: attributes(mount),
            options: None,
            propagation: propagation(mount),
        };
        self.steps
            .push(Step::new(Op::Remount(Box::new(remount)), mount.at.clone()));
    }

    fn hierarchy(&mut self, mount: &Mount, directory: &Directory) {
        let subsystems = directory.subsystems.join(",");
        let name = match subsystems.strip_prefix("name=").unwrap_or(&subsystems) {
            "" => "unified",
            name => name,
        };
        let target = format!("{}/{name}", relative(&mount.destination));
        let tree = self.source(&directory.host_path(), false, &mount.at);
        let step = MountStep {
            target: c_string(&target),
            policy: Target::Ordinary,
            tree,
            attributes: Attributes {
                set: CGROUP_ATTRIBUTES | mount.set,
                ..attributes(mount)
            },
            propagation: Vec::new(),
            inherit: Inherit::Nothing,
        };
        self.steps
            .push(Step::new(Op::Mount(Box::new(step)), mount.at.clone()));
        if directory.subsystems.len() > 1 {
            for controller in &directory.subsystems {
                let path = c_string(&format!("{}/{controller}", relative(&mount.destination)));
                let link = super::Link {
                    path,
                    target: c_string(name),
                };
                self.steps
                    .push(Step::new(Op::Symlink(link), mount.at.clone()));
            }
        }
    }

    fn cgroup_v2(&mut self, mount: &Mount, config: &Config, cgroup: &Placement) {
        let own = cgroup.directories.iter().find(|dir| dir.is_v2());
        let tree = match own {
            // In a cgroup namespace of its own the file system's root is the container's cgroup.
            Some(own) if !config.namespaces.has(NamespaceKind::Cgroup) => {
                self.source(&own.host_path(), false, &mount.at)
            }
            _ => Tree::New {
                fstype: c_string("cgroup2"),
                source: c_string("cgroup"),
                options: Vec::new(),
            },
        };
        self.mount(mount, tree, Inherit::Nothing);
    }
}

fn policy(mount: &Mount) -> Target {
    match mount.destination.as_str() {
        "/proc" => Target::Proc,
        "/sys" => Target::NoSymlinks,
        destination if destination.starts_with("/proc/") => Target::InsideProc,
        _ => Target::Ordinary,
    }
}

fn attributes(mount: &Mount) -> Attributes {
    Attributes {
        set: mount.set,
        clear: mount.clear,
        recursive_set: mount.recursive_set,
        recursive_clear: mount.recursive_clear,
    }
}

fn propagation(mount: &Mount) -> Vec<(u64, bool)> {
    mount
        .propagation
        .iter()
        .map(|change| (change.kind, change.recursive))
        .collect()
}

fn options<'a>(
    flags: impl Iterator<Item = &'a (String, Pointer)>,
    data: &[(String, Option<String>, Pointer)],
) -> Vec<FsOption> {
    let flags = flags.map(|(key, at)| FsOption {
        key: c_string(key),
        value: None,
        at: at.clone(),
    });
    let data = data.iter().map(|(key, value, at)| FsOption {
        key: c_string(key),
        value: value.as_deref().map(c_string),
        at: at.clone(),
    });
    flags.chain(data).collect()
}
