//! The unit of a container: `linux.cgroupsPath` in systemd's form, by runc's rules. Pure.
//!
//! `slice:prefix:name` asks for the scope `prefix-name.scope` (`name.scope` without a prefix) in
//! the slice; a name that ends in `.slice` is a slice itself. Names are systemd.unit(5)'s and are
//! not escaped: what systemd would not take is refused here, before anything is made.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};

/// Longest name of a unit, in bytes.
const NAME_MAX: usize = 255;
/// What the name of every unit of a kind ends in.
const SLICE: &str = ".slice";
const SCOPE: &str = ".scope";
/// The slice that every other one is in.
const ROOT: &str = "-.slice";
/// First part of a scope's name where the configuration gives no path.
const PREFIX: &str = "saya";

/// Cgroup controllers and systemd's own pseudo-controllers: a unit named after one has another
/// directory, as `cpu.scope` would look like one of its control files.
const CONTROLLERS: [&str; 14] = [
    "cpu",
    "cpuacct",
    "cpuset",
    "io",
    "blkio",
    "memory",
    "devices",
    "pids",
    "bpf-firewall",
    "bpf-devices",
    "bpf-foreign",
    "bpf-socket-bind",
    "bpf-restrict-network-interfaces",
    "bpf-bind-network-interface",
];

/// Which systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instance {
    /// The machine's (or that of the container we are in).
    System,
    /// The user's own.
    User,
}

impl Instance {
    /// The slice of containers that name none.
    fn default_slice(self) -> &'static str {
        match self {
            Self::System => "system.slice",
            Self::User => "user.slice",
        }
    }
}

/// A container's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its full name: `saya-web.scope`.
    pub name: String,
    /// The slice that it is in: `system.slice`.
    pub slice: String,
    /// Whether it is a slice itself: it has no processes of its own in systemd's eyes, and cannot
    /// be delegated.
    pub is_slice: bool,
}

impl Unit {
    /// The unit that `cgroups_path` asks for, for the container `id`. The caller names the field.
    ///
    /// # Errors
    /// A path that is not `slice:prefix:name`; a name that systemd does not take.
    pub fn of(cgroups_path: Option<&str>, id: &str, instance: Instance) -> Result<Self> {
        let text = cgroups_path.unwrap_or_default();
        let (slice, prefix, name) = if text.is_empty() {
            ("", PREFIX, id)
        } else {
            let parts: Vec<&str> = text.split(':').collect();
            let &[slice, prefix, name] = parts.as_slice() else {
                let why = "the systemd driver expects `slice:prefix:name`";
                return Err(refusal(text, why)
                    .hint("the cgroupfs driver takes a path; it needs no `--systemd-cgroup`"));
            };
            (slice, prefix, name)
        };
        let slice = match slice {
            "" => instance.default_slice(),
            "-" => ROOT,
            named => named,
        };
        slice_path(slice)?;
        if name.ends_with(SLICE) {
            return of_slice(name, slice, text.starts_with(':'));
        }
        if name.is_empty() {
            return Err(refusal(text, "the name is empty"));
        }
        let name = match prefix {
            "" => format!("{name}{SCOPE}"),
            prefix => format!("{prefix}-{name}{SCOPE}"),
        };
        check_name(&name)?;
        Ok(Self {
            name,
            slice: slice.to_owned(),
            is_slice: false,
        })
    }

    /// Its cgroup below that of the systemd which has it, without a leading slash.
    ///
    /// # Errors
    /// A slice whose name is none.
    pub fn path(&self) -> Result<String> {
        if self.is_slice {
            return slice_path(&self.name);
        }
        let slice = slice_path(&self.slice)?;
        let own = directory(&self.name);
        Ok(if slice.is_empty() {
            own
        } else {
            format!("{slice}/{own}")
        })
    }
}

/// A slice as a container's own unit. Its name says which slice it is in, so the slice that is
/// given has to be that one.
fn of_slice(name: &str, slice: &str, is_slice_defaulted: bool) -> Result<Unit> {
    slice_path(name)?;
    let stem = name.trim_end_matches(SLICE);
    if stem == "-" {
        return Err(refusal(name, "the root slice cannot be a container's"));
    }
    let parent = match stem.rsplit_once('-') {
        Some((parent, _)) => format!("{parent}{SLICE}"),
        None => ROOT.to_owned(),
    };
    if parent != slice && !is_slice_defaulted {
        let why = format!("the slice is in `{parent}` by its name, not in `{slice}`");
        return Err(refusal(name, &why));
    }
    Ok(Unit {
        name: name.to_owned(),
        slice: parent,
        is_slice: true,
    })
}

/// The cgroup of a slice below the root slice, without a leading slash: `a-b.slice` is
/// `a.slice/a-b.slice`; the root slice is empty.
///
/// # Errors
/// A name that no slice has.
pub fn slice_path(slice: &str) -> Result<String> {
    let Some(stem) = slice.strip_suffix(SLICE) else {
        return Err(refusal(slice, "the name of a slice ends in `.slice`"));
    };
    check_name(slice)?;
    if stem == "-" {
        return Ok(String::new());
    }
    if stem.contains('@') {
        return Err(refusal(slice, "a slice has no instances"));
    }
    if stem.split('-').any(str::is_empty) {
        let why = "a slice's name has `-` only between the names of the slices it is in";
        return Err(refusal(slice, why));
    }
    let ends = stem.match_indices('-').map(|(end, _)| end);
    let ancestors = ends.chain([stem.len()]).filter_map(|end| stem.get(..end));
    let directories: Vec<String> = ancestors
        .map(|name| directory(&format!("{name}{SLICE}")))
        .collect();
    Ok(directories.join("/"))
}

/// Whether systemd takes the name: systemd.unit(5).
fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(refusal(name, "a unit's name has at most 255 bytes"));
    }
    let wrong = name
        .chars()
        .find(|&letter| !(letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter)));
    if let Some(wrong) = wrong {
        let why = format!("a unit's name has no `{}`", wrong.escape_debug());
        let hint = "it is made of ASCII letters, digits and `:-_.\\@`";
        return Err(refusal(name, &why).hint(hint));
    }
    let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    if stem.is_empty() {
        return Err(refusal(name, "the name is empty"));
    }
    if stem.starts_with('@') || stem.ends_with('@') {
        return Err(refusal(name, "it names a template, not a unit"));
    }
    Ok(())
}

fn refusal(name: &str, why: &str) -> Error {
    let what = format!("name the systemd unit `{}`", name.escape_debug());
    Error::new(Kind::Config, what, why)
}

/// The name of a unit's cgroup directory: its own, behind `_` where that could be a file of the
/// kernel's there.
fn directory(name: &str) -> String {
    const FILES: [&str; 3] = ["notify_on_release", "release_agent", "tasks"];
    let controller = name.rsplit_once('.').map(|(stem, _)| stem);
    let is_taken = name.starts_with(['_', '.'])
        || name.starts_with("cgroup.")
        || FILES.contains(&name)
        || controller.is_some_and(|stem| CONTROLLERS.contains(&stem));
    if is_taken {
        format!("_{name}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(cgroups_path: Option<&str>) -> Unit {
        Unit::of(cgroups_path, "web", Instance::System).unwrap()
    }

    fn refused(cgroups_path: &str) -> String {
        let error = Unit::of(Some(cgroups_path), "web", Instance::System).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        error.why().to_owned()
    }

    #[test]
    fn three_parts_name_a_scope_in_a_slice() {
        for (text, name, slice) in [
            (
                "system.slice:docker:web",
                "docker-web.scope",
                "system.slice",
            ),
            ("a-b.slice::web", "web.scope", "a-b.slice"),
            (":crio:web", "crio-web.scope", "system.slice"),
            ("-:p:web", "p-web.scope", "-.slice"),
            ("-.slice:p:web", "p-web.scope", "-.slice"),
            ("::a\\x2db@c", "a\\x2db@c.scope", "system.slice"),
        ] {
            let unit = unit(Some(text));
            assert_eq!((unit.name.as_str(), unit.slice.as_str()), (name, slice));
            assert!(!unit.is_slice);
        }
    }

    #[test]
    fn without_a_path_the_id_names_the_scope() {
        for text in [None, Some("")] {
            assert_eq!(unit(text).name, "saya-web.scope");
            assert_eq!(unit(text).slice, "system.slice");
        }
        let of_user = Unit::of(None, "web", Instance::User).unwrap();
        assert_eq!(of_user.slice, "user.slice");
    }

    #[test]
    fn a_slice_is_where_its_name_says() {
        for (text, slice, path) in [
            ("a.slice:x:a-b.slice", "a.slice", "a.slice/a-b.slice"),
            ("::a-b.slice", "a.slice", "a.slice/a-b.slice"),
            ("-:x:a.slice", "-.slice", "a.slice"),
        ] {
            let unit = unit(Some(text));
            assert!(unit.is_slice);
            assert_eq!(unit.slice, slice);
            assert_eq!(unit.path().unwrap(), path);
        }
        assert_eq!(
            refused("system.slice:x:a-b.slice"),
            "the slice is in `a.slice` by its name, not in `system.slice`"
        );
        assert_eq!(
            refused("-:x:-.slice"),
            "the root slice cannot be a container's"
        );
    }

    #[test]
    fn a_slice_is_below_those_it_is_named_after() {
        for (slice, path) in [
            ("system.slice", "system.slice"),
            ("-.slice", ""),
            ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"),
            ("cpu-x.slice", "_cpu.slice/cpu-x.slice"),
            ("_a.slice", "__a.slice"),
        ] {
            assert_eq!(slice_path(slice).unwrap(), path, "{slice}");
        }
        assert_eq!(
            unit(Some("a-b.slice:p:x")).path().unwrap(),
            "a.slice/a-b.slice/p-x.scope"
        );
        assert_eq!(unit(Some("-:p:x")).path().unwrap(), "p-x.scope");
        assert_eq!(unit(Some("-::memory")).path().unwrap(), "_memory.scope");
        assert_eq!(unit(Some("-::cgroup")).path().unwrap(), "_cgroup.scope");
    }

    #[test]
    fn what_systemd_would_not_take_is_refused() {
        let dashes = "a slice's name has `-` only between the names of the slices it is in";
        let slice = "the name of a slice ends in `.slice`";
        for (text, why) in [
            ("/a/b", "the systemd driver expects `slice:prefix:name`"),
            (
                "a.slice:b",
                "the systemd driver expects `slice:prefix:name`",
            ),
            (
                "a.slice:b:c:d",
                "the systemd driver expects `slice:prefix:name`",
            ),
            ("-a.slice:x:y", dashes),
            ("a-.slice:x:y", dashes),
            ("a--b.slice:x:y", dashes),
            ("--.slice:x:y", dashes),
            ("::a--b.slice", dashes),
            ("a:x:y", slice),
            ("a.scope:x:y", slice),
            (".slice:x:y", "the name is empty"),
            ("::.slice", "the name is empty"),
            ("a@b.slice:x:y", "a slice has no instances"),
            ("../x.slice:x:y", "a unit's name has no `/`"),
            ("::x/../y", "a unit's name has no `/`"),
            ("::a+b", "a unit's name has no `+`"),
            ("::a b", "a unit's name has no ` `"),
            ("::a\nb", "a unit's name has no `\\n`"),
            (":x:", "the name is empty"),
            ("::@x", "it names a template, not a unit"),
            ("::x@", "it names a template, not a unit"),
            (
                &format!("::{}", "n".repeat(250)),
                "a unit's name has at most 255 bytes",
            ),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
    }
}
