//! The files of an entry: read with a bound, replaced whole.

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Entry;
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::directory;

impl Entry {
    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec(value).map_err(|error| {
            Error::new(
                Kind::System,
                "write the container's state",
                error.to_string(),
            )
            .at(&*self.path().join(name))
        })?;
        self.replace(name, &bytes)
    }

    pub(super) fn read_json<T: DeserializeOwned>(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<T>> {
        let path = self.path().join(name);
        let bytes = match directory::read(self.dir(), name, limit) {
            Ok(bytes) => bytes,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => {
                return Err(Error::from_errno(errno, "read the container's state").at(&*path));
            }
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Error::new(
                Kind::System,
                "read the container's state",
                format!("the file is damaged: {error}"),
            )
            .at(&*path)
            .hint(format!("`saya delete --force {}` removes it", self.id()))
        })
    }

    /// Replaces a file as a whole: a new file under a random name, then rename.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let new = random_name(".new.");
        let written = directory::write_new(self.dir(), &new, bytes)
            .and_then(|()| directory::rename(self.dir(), &new, name));
        if written.is_err() {
            // Best effort: a full disk must not leave the half-written file behind.
            let _ = directory::remove_file(self.dir(), &new);
        }
        written
            .doing("write the container's state")
            .at(&*self.path().join(name))
    }
}

/// A name that nobody else uses: the hasher's keys come from the kernel's random numbers.
pub(super) fn random_name(prefix: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    format!("{prefix}{random:016x}")
}
