//! Which cgroup directories a container gets: `linux.cgroupsPath` by the rules of runc's
//! cgroupfs driver. Pure.
//!
//! An absolute path is taken below the root of every hierarchy. A relative one, or the
//! container's id where there is none, is taken below the runtime's own cgroup; under cgroup v2
//! alone below its parent, because a cgroup that has processes (the runtime's) may not have
//! controllers for its children. In the hybrid layout the container is placed in the v2
//! hierarchy too: cgroup.kill and CLONE_INTO_CGROUP work there. The result is recorded before
//! anything is made and is all that later verbs look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::layout::{Hierarchy, Layout, Mode};
use super::unit::UnitPlace;
use crate::error::{Error, Kind, Result};

/// Longest name of one cgroup (NAME_MAX).
const NAME_MAX: usize = 255;
/// Longest path with its terminator (PATH_MAX).
const PATH_MAX: usize = 4096;

/// Who makes the cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// The runtime, in the file system.
    Cgroupfs,
    /// systemd, as those of a unit (see [`super::unit`]).
    Systemd,
    /// Nobody: the container stays in the cgroups of the runtime.
    #[default]
    Disabled,
}

/// Where a container's cgroups are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Who makes them.
    pub driver: Driver,
    /// One directory in each hierarchy; none where the driver is disabled.
    pub directories: Vec<Directory>,
    /// The unit that they are those of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitPlace>,
}

/// The container's cgroup in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// v1: the hierarchy's controllers, or its `name=…`; empty for v2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsystems: Vec<String>,
    /// Absolute host path of the hierarchy's mount point.
    pub mount: String,
    /// Path below the mount point, without a leading slash; never empty.
    pub path: String,
    /// The kernel's id of the cgroup (its inode number), unique until reboot, once it is made.
    /// Another cgroup that has taken its path since is not the container's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl Directory {
    /// Whether it is in the v2 hierarchy.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.subsystems.is_empty()
    }

    /// Whether it is in the v1 hierarchy of `controller`.
    #[must_use]
    pub fn controls(&self, controller: &str) -> bool {
        self.subsystems.iter().any(|name| name == controller)
    }

    /// Absolute host path.
    #[must_use]
    pub fn host_path(&self) -> String {
        format!("{}/{}", self.mount.trim_end_matches('/'), self.path)
    }
}

impl Placement {
    /// The directory in the v2 hierarchy.
    #[must_use]
    pub fn v2(&self) -> Option<&Directory> {
        self.directories.iter().find(|place| place.is_v2())
    }

    /// The directory in the v1 hierarchy of `controller`.
    #[must_use]
    pub fn v1(&self, controller: &str) -> Option<&Directory> {
        self.directories
            .iter()
            .find(|place| place.controls(controller))
    }

    /// Host paths by subsystem, v2 under the empty name: the form of runc's `cgroup_paths`.
    #[must_use]
    pub fn paths(&self) -> BTreeMap<String, String> {
        let mut paths = BTreeMap::new();
        for place in &self.directories {
            if place.is_v2() {
                paths.insert(String::new(), place.host_path());
            }
            for name in &place.subsystems {
                paths.insert(name.clone(), place.host_path());
            }
        }
        paths
    }
}

/// Decides where the cgroups of the container `id` are.
///
/// `cgroups_path` is `linux.cgroupsPath`; the caller names the field in the error.
///
/// # Errors
/// A path that leaves its hierarchy, names its root, or cannot be a cgroup's; one in the form of
/// the systemd driver (for which see [`super::unit::place`]); a machine without cgroups; a relative path where the runtime cannot see
/// its own cgroup.
pub fn place(
    layout: &Layout,
    cgroups_path: Option<&str>,
    id: &str,
    driver: Driver,
) -> Result<Placement> {
    if driver == Driver::Disabled {
        return Ok(Placement::default());
    }
    let text = cgroups_path.unwrap_or(id);
    let refuse = |kind, why: &str| Error::new(kind, format!("place the cgroup `{text}`"), why);
    let Some(mode) = layout.mode() else {
        return Err(refuse(Kind::System, "no cgroup hierarchy is mounted")
            .hint("mount cgroup2 on /sys/fs/cgroup, or run with `--cgroup-manager disabled`"));
    };
    let wanted = cleaned(text).map_err(|(kind, why)| {
        let error = refuse(kind, why);
        if names_unit(text) {
            error.hint("give `--systemd-cgroup`, or set the engine's cgroup driver to cgroupfs")
        } else {
            error
        }
    })?;
    let is_absolute = text.starts_with('/');
    let directories = layout.v1.iter().chain(&layout.v2).map(|hierarchy| {
        let path = match (is_absolute, base(hierarchy, mode)) {
            (true, _) => wanted.clone(),
            (false, Some(base)) => format!("{base}/{wanted}"),
            (false, None) => return Err(out_of_sight(refuse, hierarchy)),
        };
        let place = Directory {
            subsystems: hierarchy.subsystems.clone(),
            mount: hierarchy.mount.clone(),
            path: path.trim_start_matches('/').to_owned(),
            id: None,
        };
        if place.host_path().len() >= PATH_MAX {
            return Err(refuse(Kind::Config, "the path is longer than 4095 bytes"));
        }
        Ok(place)
    });
    Ok(Placement {
        driver,
        directories: directories.collect::<Result<_>>()?,
        unit: None,
    })
}

fn out_of_sight(refuse: impl Fn(Kind, &str) -> Error, hierarchy: &Hierarchy) -> Error {
    let why = format!(
        "the runtime's own cgroup is not visible at {}",
        hierarchy.mount
    );
    refuse(Kind::System, &why).hint("give an absolute linux.cgroupsPath")
}

/// The cgroup that relative paths start from, without a trailing slash.
fn base(hierarchy: &Hierarchy, mode: Mode) -> Option<&str> {
    let own = hierarchy.own.as_deref()?;
    match mode {
        Mode::Unified => own.rsplit_once('/').map(|(parent, _)| parent),
        Mode::Hybrid | Mode::Legacy => Some(own.trim_end_matches('/')),
    }
}

/// Whether a `linux.cgroupsPath` is in the systemd driver's form, `slice:prefix:name`.
#[must_use]
pub fn names_unit(path: &str) -> bool {
    !path.contains('/') && path.matches(':').count() == 2
}

/// The path with single slashes, without `.` and without leading or trailing slashes.
fn cleaned(text: &str) -> Result<String, (Kind, &'static str)> {
    if names_unit(text) {
        return Err((
            Kind::Config,
            "`slice:prefix:name` is for the systemd driver",
        ));
    }
    if text.contains(['\0', '\n']) {
        return Err((Kind::Config, "a cgroup's name has no NUL and no line feed"));
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err((Kind::Config, "`..` may leave the cgroup hierarchy"));
    }
    if parts.iter().any(|part| part.len() > NAME_MAX) {
        return Err((Kind::Config, "a component is longer than 255 bytes"));
    }
    if parts.is_empty() {
        return Err((Kind::Config, "the root cgroup cannot be a container's"));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(subsystems: &[&str], mount: &str, own: &str) -> Hierarchy {
        Hierarchy {
            subsystems: subsystems.iter().map(|&name| name.to_owned()).collect(),
            mount: format!("/sys/fs/cgroup{mount}"),
            own: Some(own.to_owned()),
        }
    }

    fn hybrid() -> Layout {
        Layout {
            v1: vec![
                hierarchy(&["cpu", "cpuacct"], "/cpu,cpuacct", "/"),
                hierarchy(&["name=systemd"], "/systemd", "/user.slice"),
            ],
            v2: Some(hierarchy(&[], "/unified", "/user.slice")),
        }
    }

    fn unified(own: &str) -> Layout {
        Layout {
            v1: Vec::new(),
            v2: Some(hierarchy(&[], "", own)),
        }
    }

    fn host_paths(layout: &Layout, cgroups_path: Option<&str>) -> Vec<String> {
        let placement = place(layout, cgroups_path, "web", Driver::Cgroupfs).unwrap();
        placement
            .directories
            .iter()
            .map(Directory::host_path)
            .collect()
    }

    fn refusal(cgroups_path: &str) -> (Kind, String) {
        let error = place(&hybrid(), Some(cgroups_path), "web", Driver::Cgroupfs).unwrap_err();
        (error.kind(), error.why().to_owned())
    }

    #[test]
    fn an_absolute_path_is_below_every_root() {
        assert_eq!(
            host_paths(&hybrid(), Some("//pods/./a/")),
            [
                "/sys/fs/cgroup/cpu,cpuacct/pods/a",
                "/sys/fs/cgroup/systemd/pods/a",
                "/sys/fs/cgroup/unified/pods/a",
            ]
        );
        assert_eq!(
            host_paths(&unified("/x/y"), Some("/a:b:c")),
            ["/sys/fs/cgroup/a:b:c"]
        );
    }

    #[test]
    fn a_relative_path_is_below_the_own_cgroup_of_each_v1_hierarchy() {
        let expected = [
            "/sys/fs/cgroup/cpu,cpuacct/a/b",
            "/sys/fs/cgroup/systemd/user.slice/a/b",
            "/sys/fs/cgroup/unified/user.slice/a/b",
        ];
        assert_eq!(host_paths(&hybrid(), Some("a/b")), expected);
    }

    #[test]
    fn under_v2_alone_a_relative_path_is_beside_the_own_cgroup() {
        for (own, expected) in [
            (
                "/user.slice/session-1.scope",
                "/sys/fs/cgroup/user.slice/web",
            ),
            ("/init.scope", "/sys/fs/cgroup/web"),
            ("/", "/sys/fs/cgroup/web"),
        ] {
            assert_eq!(host_paths(&unified(own), None), [expected], "{own}");
        }
    }

    #[test]
    fn paths_that_are_no_cgroup_are_refused() {
        for (path, why) in [
            ("../../x", "`..` may leave the cgroup hierarchy"),
            ("/../x", "`..` may leave the cgroup hierarchy"),
            ("/a/../b", "`..` may leave the cgroup hierarchy"),
            ("/a\0b", "a cgroup's name has no NUL and no line feed"),
            ("a\nb", "a cgroup's name has no NUL and no line feed"),
            ("/", "the root cgroup cannot be a container's"),
            ("./.", "the root cgroup cannot be a container's"),
            ("", "the root cgroup cannot be a container's"),
            (&"n".repeat(256), "a component is longer than 255 bytes"),
            (&"/abc".repeat(1025), "the path is longer than 4095 bytes"),
        ] {
            assert_eq!(refusal(path), (Kind::Config, why.to_owned()), "{path:?}");
        }
    }

    #[test]
    fn the_form_of_the_systemd_driver_is_refused_by_name() {
        let (kind, why) = refusal("system.slice:docker:web");
        assert_eq!(kind, Kind::Config);
        assert_eq!(why, "`slice:prefix:name` is for the systemd driver");
    }

    #[test]
    fn a_relative_path_needs_a_visible_own_cgroup() {
        let mut layout = unified("/");
        layout.v2.as_mut().unwrap().own = None;
        let error = place(&layout, Some("a"), "web", Driver::Cgroupfs).unwrap_err();
        assert_eq!(
            error.to_string(),
            "place the cgroup `a`: the runtime's own cgroup is not visible at /sys/fs/cgroup"
        );
        assert_eq!(host_paths(&layout, Some("/a")), ["/sys/fs/cgroup/a"]);
    }

    #[test]
    fn disabled_means_no_directory_even_without_hierarchies() {
        let placement = place(&Layout::default(), Some("../x"), "web", Driver::Disabled).unwrap();
        assert_eq!(placement, Placement::default());
        let error = place(&Layout::default(), None, "web", Driver::Cgroupfs).unwrap_err();
        assert_eq!(error.why(), "no cgroup hierarchy is mounted");
    }

    #[test]
    fn paths_have_a_key_for_each_subsystem() {
        let placement = place(&hybrid(), Some("/a"), "web", Driver::Cgroupfs).unwrap();
        let paths = placement.paths();
        let keys: Vec<&str> = paths.keys().map(String::as_str).collect();
        assert_eq!(keys, ["", "cpu", "cpuacct", "name=systemd"]);
        assert_eq!(paths["cpuacct"], "/sys/fs/cgroup/cpu,cpuacct/a");
        assert_eq!(paths[""], "/sys/fs/cgroup/unified/a");
    }

    #[test]
    fn a_placement_survives_its_record() {
        let mut placement = place(&hybrid(), Some("/a"), "web", Driver::Cgroupfs).unwrap();
        placement.directories[0].id = Some(42);
        let text = serde_json::to_string(&placement).unwrap();
        assert_eq!(serde_json::from_str::<Placement>(&text).unwrap(), placement);
    }
}
