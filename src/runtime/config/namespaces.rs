//! `linux.namespaces` and `linux.timeOffsets`.

use super::reader::Cursor;
use crate::config::Field;
use crate::error::Pointer;

/// The eight kinds of namespaces, in the order in which they are joined: the user namespace
/// first, because it decides the rights over the others; mount last, because paths change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceKind {
    /// `user`
    User,
    /// `ipc`
    Ipc,
    /// `uts`
    Uts,
    /// `network`
    Network,
    /// `pid`
    Pid,
    /// `time`
    Time,
    /// `cgroup`
    Cgroup,
    /// `mount`
    Mount,
}

impl NamespaceKind {
    /// All kinds in joining order.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Ipc,
        Self::Uts,
        Self::Network,
        Self::Pid,
        Self::Time,
        Self::Cgroup,
        Self::Mount,
    ];

    /// The value of `type` in the spec.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Network => "network",
            Self::Pid => "pid",
            Self::Time => "time",
            Self::Cgroup => "cgroup",
            Self::Mount => "mount",
        }
    }

    /// The name below `/proc/PID/ns`.
    #[must_use]
    pub const fn proc_name(self) -> &'static str {
        match self {
            Self::Network => "net",
            Self::Mount => "mnt",
            other => other.name(),
        }
    }

    /// The `CLONE_NEW*` bit (namespaces(7)).
    #[must_use]
    pub const fn clone_flag(self) -> u64 {
        (match self {
            Self::User => libc::CLONE_NEWUSER,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::Uts => libc::CLONE_NEWUTS,
            Self::Network => libc::CLONE_NEWNET,
            Self::Pid => libc::CLONE_NEWPID,
            Self::Time => 0x80,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
            Self::Mount => libc::CLONE_NEWNS,
        }) as u64
    }
}

/// Where a listed namespace comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceSource {
    /// A new one.
    New,
    /// An existing one, by absolute path.
    Path(String),
}

/// The listed namespaces; a kind that is not listed is the runtime's own.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    entries: Vec<(NamespaceKind, NamespaceSource, Pointer)>,
}

impl Namespaces {
    /// Adds an entry and keeps the joining order. `false` if the kind is already there.
    pub fn insert(&mut self, kind: NamespaceKind, source: NamespaceSource, at: Pointer) -> bool {
        match self.entries.binary_search_by_key(&kind, |entry| entry.0) {
            Ok(_) => false,
            Err(place) => {
                self.entries.insert(place, (kind, source, at));
                true
            }
        }
    }

    /// The entry of a kind.
    #[must_use]
    pub fn source(&self, kind: NamespaceKind) -> Option<&NamespaceSource> {
        self.iter()
            .find(|entry| entry.0 == kind)
            .map(|entry| &entry.1)
    }

    /// Where the entry of a kind stands.
    #[must_use]
    pub fn pointer(&self, kind: NamespaceKind) -> Option<&Pointer> {
        self.iter()
            .find(|entry| entry.0 == kind)
            .map(|entry| &entry.2)
    }

    /// Whether the container has its own namespace of this kind, new or joined.
    #[must_use]
    pub fn has(&self, kind: NamespaceKind) -> bool {
        self.source(kind).is_some()
    }

    /// Whether a new namespace of this kind is made.
    #[must_use]
    pub fn is_new(&self, kind: NamespaceKind) -> bool {
        self.source(kind) == Some(&NamespaceSource::New)
    }

    /// All entries in joining order.
    pub fn iter(&self) -> impl Iterator<Item = &(NamespaceKind, NamespaceSource, Pointer)> {
        self.entries.iter()
    }
}

/// Offsets of the clocks in a new time namespace (time_namespaces(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeOffsets {
    /// `CLOCK_MONOTONIC`: seconds, nanoseconds.
    pub monotonic: Option<(i64, u32)>,
    /// `CLOCK_BOOTTIME`: seconds, nanoseconds.
    pub boottime: Option<(i64, u32)>,
}

/// Reads `linux.namespaces`.
pub(super) fn read(linux: &Cursor) -> Namespaces {
    let mut namespaces = Namespaces::default();
    linux.list("namespaces", |entry| {
        let (kind, source) = namespace(entry)?;
        if kind == NamespaceKind::User {
            entry.unsupported("user namespaces are");
        }
        if !namespaces.insert(kind, source, entry.at()) {
            entry.refuse(format!("a second `{}` namespace", kind.name()));
        }
        Some(())
    });
    namespaces
}

fn namespace(entry: &Cursor) -> Option<(NamespaceKind, NamespaceSource)> {
    if !entry.is_object() {
        return None;
    }
    let names = NamespaceKind::ALL.map(|kind| (kind.name(), kind));
    let kind = entry
        .required("type")
        .and_then(|kind| kind.word("unknown namespace type", &names));
    let Some(path) = entry.text_at("path") else {
        return Some((kind?, NamespaceSource::New));
    };
    if !path.starts_with('/') {
        entry.refuse_at("path", format!("`{path}` is not an absolute path"));
        return None;
    }
    Some((kind?, NamespaceSource::Path(path.to_owned())))
}

/// Refuses id maps, which only a user namespace has.
pub(super) fn refuse_id_maps(linux: &Cursor) {
    for key in ["uidMappings", "gidMappings"] {
        if let Some(map) = linux.member(key)
            && !map.is_empty_list()
        {
            map.unsupported("user namespaces are");
        }
    }
}

/// Reads `linux.timeOffsets`, which only a new time namespace can have.
pub(super) fn time_offsets(linux: &Cursor, namespaces: &Namespaces) -> Option<Field<TimeOffsets>> {
    let member = linux.object("timeOffsets")?;
    let mut offsets = TimeOffsets::default();
    linux.map("timeOffsets", |clock, entry| {
        match clock {
            "monotonic" => offsets.monotonic = offset(entry),
            "boottime" => offsets.boottime = offset(entry),
            _ => entry.refuse_with_hint(
                format!("unknown clock `{clock}`"),
                "known are monotonic, boottime",
            ),
        }
        Some(())
    });
    if offsets == TimeOffsets::default() {
        return None;
    }
    if !namespaces.is_new(NamespaceKind::Time) {
        member.refuse_with_hint(
            "clock offsets need a new time namespace",
            "add {\"type\": \"time\"} to /linux/namespaces",
        );
    }
    Some(member.field(offsets))
}

fn offset(entry: &Cursor) -> Option<(i64, u32)> {
    if !entry.is_object() {
        return None;
    }
    let seconds = i128::from(i64::MIN)..=i128::from(i64::MAX);
    let seconds = entry.integer_at("secs", seconds).unwrap_or_default();
    let nanoseconds = entry.integer_at("nanosecs", 0..=999_999_999);
    Some((seconds, nanoseconds.unwrap_or_default()))
}
