//! What is kept of containers between two invocations: one directory per container.
//!
//! ```text
//! ROOT/ID/              mkdir is the lock on the id
//!   intent.json         before the first side effect (crate::journal)
//!   config.json         the bundle's bytes: the bundle may change later
//!   anchor              a link whose target names init and cgroups, should files be damaged
//!   state.json          the container exists; written once init is ready
//!   start               init listens here until it is started …
//!   started             … and then it is called so: its ctime says when
//!   devices.json        the device rules, where an update has changed them
//!   exit.json           how the first process ended
//! ROOT/.gone.RANDOM/    being removed
//! ```
//!
//! Every file appears whole or not at all. The status is derived from processes and files each
//! time ([`Entry::observe`]), never stored. Nothing is ever signalled that is not proved ours.
//! Deliberately absent: the verbs (see `container`).

mod devices;
mod entry;
mod files;
pub mod id;
mod observe;
mod record;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::directory;

pub use entry::{Entry, LOCK_WAIT};
pub use observe::{Observation, proved};
pub use record::{Anchor, Exit, FORMAT, Namespace, Outcome, Record, Status};

/// What engines look for when a container is missing.
pub const DOES_NOT_EXIST: &str = "container does not exist";

/// What a taken id is answered with.
pub const ID_TAKEN: &str = "container with given ID already exists";

/// Prefix of entries that are being removed; no id begins with a dot.
const GONE: &str = ".gone.";

/// The directory of all containers.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    dir: OwnedFd,
}

impl Store {
    /// The state root where none is given: `/run/saya`, or `$XDG_RUNTIME_DIR/saya` for users.
    #[must_use]
    pub fn default_root() -> PathBuf {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
        match runtime_dir {
            Some(dir) if !nix::unistd::geteuid().is_root() && !dir.is_empty() => {
                Path::new(&dir).join("saya")
            }
            _ => PathBuf::from("/run/saya"),
        }
    }

    /// Opens the state root, making it (mode 0700) where it is missing.
    ///
    /// # Errors
    /// Kind system, naming the path.
    pub fn open(root: &Path) -> Result<Self> {
        match Self::open_existing(root)? {
            Some(store) => Ok(store),
            None => {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(root)
                    .doing("create the state root")
                    .at(root)?;
                Self::open_existing(root)?.ok_or_else(|| {
                    Error::new(Kind::System, "open the state root", "it vanished").at(root)
                })
            }
        }
    }

    /// Opens the state root if it is there: asking must not make directories.
    ///
    /// # Errors
    /// Kind system, naming the path.
    pub fn open_existing(root: &Path) -> Result<Option<Self>> {
        let path = std::path::absolute(root)
            .doing("find the state root")
            .at(root)?;
        match directory::open(&path) {
            Ok(dir) => Ok(Some(Self { path, dir })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Error::from_errno(errno, "open the state root")
                .at(root)
                .hint("give a directory with --root")),
        }
    }

    /// Takes the id for a new container. The entry is locked until [`Entry::commit`] or drop.
    ///
    /// # Errors
    /// Kind exists if the id is taken, usage if it is no id, else system.
    pub fn reserve(&self, id: &str) -> Result<Entry> {
        id::validate(id)?;
        match directory::make(self.dir.as_fd(), id) {
            Ok(()) => Entry::new_locked(self, id),
            Err(Errno::EEXIST) => Err(Error::new(Kind::Exists, "", ID_TAKEN).hint(format!(
                "see `saya state {id}`; `saya delete --force {id}` frees it"
            ))),
            Err(errno) => {
                Err(Error::from_errno(errno, "reserve the container id").at(&*self.path.join(id)))
            }
        }
    }

    /// The entry of a container.
    ///
    /// # Errors
    /// Kind not-found, with [`DOES_NOT_EXIST`]; usage if it is no id, else system.
    pub fn find(&self, id: &str) -> Result<Entry> {
        id::validate(id)?;
        match directory::open_in(self.dir.as_fd(), id) {
            Ok(dir) => Entry::new(self, id, dir),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Err(not_found()),
            Err(errno) => {
                Err(Error::from_errno(errno, "open the container's state").at(&*self.path.join(id)))
            }
        }
    }

    /// Opens the root if needed and finds a container in it: [`Store::find`] for verbs that must
    /// not make the root.
    ///
    /// # Errors
    /// As [`Store::find`]; a missing root holds no container.
    pub fn find_in(root: &Path, id: &str) -> Result<Entry> {
        id::validate(id)?;
        match Self::open_existing(root)? {
            Some(store) => store.find(id),
            None => Err(not_found()),
        }
    }

    /// The ids of all entries, sorted.
    ///
    /// # Errors
    /// Kind system if the root cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| id::validate(name).is_ok());
        names.sort_unstable();
        Ok(names)
    }

    /// Finishes removals that were interrupted. What cannot be removed now is left for later.
    ///
    /// # Errors
    /// Kind system if the root cannot be read.
    pub fn sweep(&self) -> Result<()> {
        for name in self.names()? {
            if name.starts_with(GONE) {
                // Another process may be removing the very same: whoever comes first.
                let _ = std::fs::remove_dir_all(self.path.join(name));
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        directory::names(self.dir.as_fd())
            .doing("list the state root")
            .at(&*self.path)
    }
}

fn not_found() -> Error {
    Error::new(Kind::NotFound, "", DOES_NOT_EXIST)
}

#[cfg(test)]
mod tests;
