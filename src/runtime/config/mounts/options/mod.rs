//! The option strings of a mount (runtime-spec, config.md#linux-mount-options).
//!
//! An option is about the mount itself, the tree of mounts, the file system (superblock), or
//! propagation; what none of them knows is data for the file system. Later options override
//! earlier ones.

mod table;

use super::Propagation;
use crate::config::Fault;
use crate::config::reader::Cursor;
use crate::config::suggestion;
use crate::error::Pointer;
use table::{Effect, effect};

pub(super) use table::supported_names;

/// `MOUNT_ATTR__ATIME` (mount_setattr(2)): a field of three bits, not three flags.
const ATIME: u64 = libc::MOUNT_ATTR__ATIME;

/// `bind` or `rbind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindOption {
    Mount,
    Tree,
}

/// Attributes to set and to clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttributeChange {
    pub(super) set: u64,
    pub(super) clear: u64,
}

impl AttributeChange {
    fn set(&mut self, bits: u64) {
        self.set |= bits;
        self.clear &= !bits;
    }

    fn clear(&mut self, bits: u64) {
        self.clear |= bits;
        self.set &= !bits;
    }

    /// `noatime`, `relatime`, `strictatime`: one replaces the other.
    fn access_time(&mut self, mode: u64) {
        self.set = (self.set & !ATIME) | mode;
        self.clear |= ATIME;
    }

    /// `atime`, `norelatime`, `nostrictatime`: back to the kernel's default, which is
    /// relatime, unless another mode was asked for.
    fn not_access_time(&mut self, mode: u64) {
        if self.clear & ATIME == 0 || self.set & ATIME == mode {
            self.access_time(libc::MOUNT_ATTR_RELATIME);
        }
    }
}

/// Data of a file system: key, value, where it stands.
pub(super) type Data = (String, Option<String>, Pointer);

/// All options of one mount.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) own: AttributeChange,
    pub(super) tree: AttributeChange,
    pub(super) propagation: Vec<Propagation>,
    /// Superblock flags, positive and negative, each kind at most once.
    pub(super) superblock: Vec<(String, Pointer)>,
    pub(super) data: Vec<Data>,
    pub(super) bind: Option<BindOption>,
    pub(super) remount: bool,
    pub(super) copy_up: Option<Pointer>,
    /// The last `iversion` that no `noiversion` took back.
    change_counter: Option<Pointer>,
}

impl Options {
    pub(super) fn read(entry: &Cursor) -> Self {
        let mut options = Self::default();
        entry.list("options", |option| {
            let text = option.text()?;
            match effect(text) {
                Some(effect) => options.apply(effect, option),
                // As in mount(8), where `ro,,nosuid` is no error.
                None if text.is_empty() => {}
                None => options.add_data(text, option),
            }
            Some(())
        });
        options
    }

    fn apply(&mut self, effect: Effect, option: &Cursor) {
        match effect {
            Effect::Nothing => {}
            Effect::ReadOnly => {
                self.own.set(libc::MOUNT_ATTR_RDONLY);
                self.flag("ro", "rw", option);
            }
            Effect::ReadWrite => {
                self.own.clear(libc::MOUNT_ATTR_RDONLY);
                self.flag("rw", "ro", option);
            }
            Effect::Set(bits) => self.own.set(bits),
            Effect::Clear(bits) => self.own.clear(bits),
            Effect::AccessTime(mode) => self.own.access_time(mode),
            Effect::NotAccessTime(mode) => self.own.not_access_time(mode),
            Effect::TreeSet(bits) => self.tree.set(bits),
            Effect::TreeClear(bits) => self.tree.clear(bits),
            Effect::TreeAccessTime(mode) => self.tree.access_time(mode),
            Effect::TreeNotAccessTime(mode) => self.tree.not_access_time(mode),
            Effect::Superblock(flag, opposite) => self.flag(flag, opposite, option),
            Effect::Propagate(change) => self.propagation.push(change),
            Effect::Bind(bind) => self.bind = Some(bind),
            Effect::Remount => self.remount = true,
            Effect::CopyUp => self.copy_up = Some(option.at()),
            Effect::ChangeCounter => self.change_counter = Some(option.at()),
            Effect::NoChangeCounter => self.change_counter = None,
            Effect::IdMap => option.unsupported("id-mapped mounts are"),
        }
    }

    fn flag(&mut self, flag: &str, opposite: &str, option: &Cursor) {
        self.superblock
            .retain(|(other, _)| other != flag && other != opposite);
        self.superblock.push((flag.to_owned(), option.at()));
    }

    fn add_data(&mut self, text: &str, option: &Cursor) {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        if key.is_empty() {
            option.refuse(format!("the option `{text}` has no name"));
        } else if matches!(key, "idmap" | "ridmap") {
            option.unsupported("id-mapped mounts are");
        } else {
            self.data.push((key.to_owned(), value, option.at()));
        }
    }

    /// The superblock flags of a new file system, which has none to clear.
    pub(super) fn superblock_set(&self) -> Vec<(String, Pointer)> {
        let set = self.superblock.iter();
        set.filter(|(flag, _)| !table::is_negative(flag))
            .cloned()
            .collect()
    }

    /// The data for a new file system. `iversion` has no key of its own in fsconfig(2): only
    /// ext4 has an option for it (needed before Linux 6.0), and all others that have a change
    /// counter keep it always.
    pub(super) fn data_for(&self, fstype: &str) -> Vec<Data> {
        let mut data = self.data.clone();
        if let ("ext4", Some(at)) = (fstype, &self.change_counter) {
            data.push(("i_version".to_owned(), None, at.clone()));
        }
        data
    }

    /// The kernel would ignore these, silently.
    pub(super) fn refuse_file_system_options(&self, entry: &Cursor, what: &str) {
        self.refuse_data(entry, what);
        let ignored = self.superblock.iter();
        let ignored = ignored
            .filter(|(flag, _)| !matches!(flag.as_str(), "ro" | "rw") && !table::is_negative(flag))
            .map(|(flag, at)| (flag.as_str(), at))
            .chain(self.change_counter.iter().map(|at| ("iversion", at)));
        for (flag, at) in ignored {
            entry.report(Fault::invalid(
                at.clone(),
                format!("`{flag}` is an option of the file system, which {what} cannot change"),
            ));
        }
    }

    /// No option of this name is known, and no file system is there to take it.
    fn refuse_data(&self, entry: &Cursor, what: &str) {
        for (key, _, at) in &self.data {
            let fault = Fault::invalid(at.clone(), format!("unknown option `{key}`"));
            let near = suggestion::nearest(key, table::names());
            entry.report(fault.hint(near.map_or_else(
                || format!("{what} takes no options of a file system"),
                |name| format!("did you mean `{name}`?"),
            )));
        }
    }

    /// Only a new tmpfs is empty and writable, to be filled.
    pub(super) fn refuse_copy_up(&self, entry: &Cursor) {
        if let Some(at) = &self.copy_up {
            entry.report(Fault::invalid(
                at.clone(),
                "`tmpcopyup` is only for a new tmpfs",
            ));
        }
    }
}
