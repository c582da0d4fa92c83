//! Which cgroup hierarchies this machine has, where they are mounted, and where the runtime
//! itself is in them.
//!
//! [`Layout::read`] looks, everything else here is a function of text. It is on the start path:
//! under cgroup v2 it costs one statfs and one small file; only the older layouts need the mount
//! table. Deliberately absent: where a container goes (see [`super::placement`]).

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Context, Doing, Result};
use crate::sys::cgroup::V2_MAGIC;
use crate::sys::file;

/// Where systemd and every distribution mount the hierarchies.
const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Which versions of cgroups are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// cgroup v2 alone.
    Unified,
    /// v1 hierarchies, and a v2 hierarchy beside them.
    Hybrid,
    /// v1 hierarchies alone.
    Legacy,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// v1: its controllers, or `name=…` where it has a name; empty for v2.
    pub subsystems: Vec<String>,
    /// Absolute path of its mount point.
    pub mount: String,
    /// The runtime's own cgroup, absolute below the mount point. `None` where the mount does not
    /// show it (a cgroup namespace or a bind mount of another subtree), or it was removed.
    pub own: Option<String>,
}

/// The hierarchies of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// cgroup v1 hierarchies, in the order of /proc/self/cgroup.
    pub v1: Vec<Hierarchy>,
    /// The cgroup v2 hierarchy.
    pub v2: Option<Hierarchy>,
}

impl Layout {
    /// Looks at this machine.
    ///
    /// # Errors
    /// When /proc cannot be read. No hierarchy at all is not an error here.
    pub fn read() -> Result<Self> {
        let own = text(c"/proc/self/cgroup")?;
        if is_v2_mounted() {
            return Ok(Self::unified(&own));
        }
        Ok(Self::parse(&text(c"/proc/self/mountinfo")?, &own))
    }

    /// The layout of a machine with cgroup v2 on /sys/fs/cgroup, from /proc/self/cgroup.
    #[must_use]
    pub fn unified(own: &str) -> Self {
        Self {
            v1: Vec::new(),
            v2: Some(Hierarchy {
                subsystems: Vec::new(),
                mount: MOUNT_POINT.to_owned(),
                own: own
                    .lines()
                    .find_map(|line| line.strip_prefix("0::"))
                    .and_then(|path| below("/", path)),
            }),
        }
    }

    /// The layout from /proc/self/mountinfo and /proc/self/cgroup (cgroups(7)).
    #[must_use]
    pub fn parse(mountinfo: &str, own: &str) -> Self {
        let mounts: Vec<Mount> = mountinfo.lines().filter_map(Mount::parse).collect();
        let mut layout = Self::default();
        for (subsystems, path) in own.lines().filter_map(own_cgroup) {
            // Of several mounts of one hierarchy that below /sys/fs/cgroup is the one meant.
            let Some(mount) = mounts
                .iter()
                .filter(|mount| mount.shows(&subsystems))
                .min_by_key(|mount| !mount.point.starts_with(MOUNT_POINT))
            else {
                continue;
            };
            let hierarchy = Hierarchy {
                own: below(&mount.root, path),
                mount: mount.point.clone(),
                subsystems,
            };
            if hierarchy.subsystems.is_empty() {
                layout.v2 = Some(hierarchy);
            } else {
                layout.v1.push(hierarchy);
            }
        }
        layout
    }

    /// Which versions are in use; `None` when nothing is mounted.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        match (self.v1.is_empty(), self.v2.is_some()) {
            (true, true) => Some(Mode::Unified),
            (false, true) => Some(Mode::Hybrid),
            (false, false) => Some(Mode::Legacy),
            (true, false) => None,
        }
    }
}

fn is_v2_mounted() -> bool {
    file::open(c"/sys/fs/cgroup", libc::O_PATH)
        .and_then(|fd| file::filesystem_magic(fd.as_fd()))
        .is_ok_and(|magic| magic == V2_MAGIC)
}

fn text(path: &CStr) -> Result<String> {
    file::read_small(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .doing("find the cgroup hierarchies")
        .at(Path::new(&*path.to_string_lossy()))
}

/// A line of /proc/self/cgroup: `4:cpu,cpuacct:/a/b`, `1:name=systemd:/`, `0::/a/b`. Controllers
/// without a hierarchy have none of their own here.
fn own_cgroup(line: &str) -> Option<(Vec<String>, &str)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let subsystems = fields.next()?;
    let path = fields.next()?;
    let subsystems = subsystems.split(',').filter(|name| !name.is_empty());
    Some((subsystems.map(str::to_owned).collect(), path))
}

/// The part of `path` below `root`, itself starting with `/`.
fn below(root: &str, path: &str) -> Option<String> {
    // A cgroup outside the namespace's root is shown as `/..`, one that is gone with a suffix.
    if path.split('/').any(|part| part == "..") || path.ends_with(" (deleted)") {
        return None;
    }
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    match rest {
        "" => Some("/".to_owned()),
        _ => rest.starts_with('/').then(|| rest.to_owned()),
    }
}

/// A cgroup mount of /proc/self/mountinfo (proc_pid_mountinfo(5)).
struct Mount {
    version: Version,
    root: String,
    point: String,
}

enum Version {
    V1 { options: HashSet<String> },
    V2,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup" => Version::V1 {
                options: filesystem.nth(1)?.split(',').map(str::to_owned).collect(),
            },
            "cgroup2" => Version::V2,
            _ => return None,
        };
        let mut fields = mount.split(' ').skip(3);
        Some(Self {
            version,
            root: unescape(fields.next()?),
            point: unescape(fields.next()?),
        })
    }

    /// Whether it is a mount of the hierarchy with exactly these controllers or this name.
    fn shows(&self, subsystems: &[String]) -> bool {
        match &self.version {
            Version::V2 => subsystems.is_empty(),
            Version::V1 { options } => {
                !subsystems.is_empty() && subsystems.iter().all(|name| options.contains(name))
            }
        }
    }
}

/// Undoes the octal escapes of mountinfo: `\040` is a space.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, octal(tail)) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..3)?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
22 1 8:1 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
35 31 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
";
    const HYBRID_OWN: &str = "\
9:name=systemd:/init.scope
4:memory:/batch/1
3:pids:/
2:cpu,cpuacct:/
0::/init.scope
";

    fn hierarchy(subsystems: &[&str], mount: &str, own: Option<&str>) -> Hierarchy {
        Hierarchy {
            subsystems: subsystems.iter().map(|&name| name.to_owned()).collect(),
            mount: mount.to_owned(),
            own: own.map(str::to_owned),
        }
    }

    #[test]
    fn hybrid_lists_each_mounted_hierarchy_with_the_own_cgroup() {
        let layout = Layout::parse(HYBRID_MOUNTS, HYBRID_OWN);
        assert_eq!(layout.mode(), Some(Mode::Hybrid));
        assert_eq!(
            layout.v1,
            [
                hierarchy(
                    &["name=systemd"],
                    "/sys/fs/cgroup/systemd",
                    Some("/init.scope")
                ),
                hierarchy(&["memory"], "/sys/fs/cgroup/memory", Some("/batch/1")),
                hierarchy(&["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct", Some("/")),
            ]
        );
        assert_eq!(
            layout.v2,
            Some(hierarchy(
                &[],
                "/sys/fs/cgroup/unified",
                Some("/init.scope")
            ))
        );
    }

    #[test]
    fn without_a_v2_mount_the_layout_is_legacy() {
        let mounts: Vec<&str> = HYBRID_MOUNTS
            .lines()
            .filter(|l| !l.contains("cgroup2"))
            .collect();
        let layout = Layout::parse(&mounts.join("\n"), HYBRID_OWN);
        assert_eq!(layout.mode(), Some(Mode::Legacy));
        assert_eq!(layout.v1.len(), 3);
    }

    #[test]
    fn a_v2_mount_alone_is_unified_wherever_it_is() {
        let layout = Layout::parse(
            "40 1 0:30 / /mnt/my\\040cgroup rw - cgroup2 none rw",
            "0::/a",
        );
        assert_eq!(layout.mode(), Some(Mode::Unified));
        assert_eq!(
            layout.v2,
            Some(hierarchy(&[], "/mnt/my cgroup", Some("/a")))
        );
    }

    #[test]
    fn nothing_mounted_is_no_mode() {
        assert_eq!(Layout::parse("", HYBRID_OWN).mode(), None);
        assert_eq!(Layout::parse("garbage\n1 2 - cgroup", "x\n1:").mode(), None);
    }

    #[test]
    fn inside_a_container_the_own_cgroup_is_relative_to_what_is_mounted() {
        let mounts = "9 1 0:30 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        let own = |path: &str| {
            let layout = Layout::parse(mounts, &format!("4:memory:{path}"));
            layout
                .v1
                .first()
                .and_then(|hierarchy| hierarchy.own.clone())
        };
        assert_eq!(own("/docker/x/sub").as_deref(), Some("/sub"));
        assert_eq!(own("/docker/x").as_deref(), Some("/"));
        assert_eq!(own("/docker/xy"), None);
        assert_eq!(own("/other"), None);
    }

    #[test]
    fn an_own_cgroup_out_of_sight_or_gone_is_none() {
        for path in ["/../..", "/..", "/a (deleted)"] {
            let layout = Layout::unified(&format!("0::{path}\n"));
            assert_eq!(layout.v2.and_then(|v2| v2.own), None, "{path}");
        }
        let layout = Layout::unified("1:cpu:/x\n0::/user.slice/a:b\n");
        assert_eq!(
            layout.v2.and_then(|v2| v2.own).as_deref(),
            Some("/user.slice/a:b")
        );
    }

    #[test]
    fn the_mount_below_sys_is_preferred() {
        let mounts = "\
8 1 0:30 / /elsewhere rw - cgroup cgroup rw,pids
9 1 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids";
        let layout = Layout::parse(mounts, "3:pids:/");
        assert_eq!(
            layout.v1,
            [hierarchy(&["pids"], "/sys/fs/cgroup/pids", Some("/"))]
        );
    }

    #[test]
    fn this_machine_has_hierarchies_that_are_what_they_say() {
        let layout = Layout::read().unwrap();
        assert!(
            layout.mode().is_some(),
            "no cgroup hierarchy on this machine"
        );
        for (hierarchy, magic) in layout
            .v1
            .iter()
            .map(|v1| (v1, crate::sys::cgroup::V1_MAGIC))
            .chain(layout.v2.iter().map(|v2| (v2, V2_MAGIC)))
        {
            let path = std::ffi::CString::new(hierarchy.mount.as_str()).unwrap();
            let fd = file::open(&path, libc::O_PATH).unwrap();
            assert_eq!(
                file::filesystem_magic(fd.as_fd()),
                Ok(magic),
                "{hierarchy:?}"
            );
        }
    }
}
