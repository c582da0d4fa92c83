//! `linux.namespaces` and `linux.timeOffsets`.

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
