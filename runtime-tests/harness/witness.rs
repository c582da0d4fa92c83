//! A host directory that must not change: listing, inodes, modes, owners,
//! times and contents.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What one file was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    inode: u64,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Option<Vec<u8>>,
}

/// A directory outside of every container, and how it looked at first.
#[derive(Debug)]
pub struct Witness {
    dir: PathBuf,
    before: BTreeMap<PathBuf, Trace>,
}

impl Witness {
    /// Remembers `dir` as it is now.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            before: traces(dir),
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Fails the test when anything in the directory is not as it was.
    ///
    /// # Panics
    /// With the paths that differ.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        let now = traces(&self.dir);
        let differing: Vec<_> = now
            .iter()
            .filter(|(path, trace)| self.before.get(*path) != Some(trace))
            .map(|(path, _)| path)
            .chain(self.before.keys().filter(|path| !now.contains_key(*path)))
            .collect();
        assert!(
            differing.is_empty(),
            "the container changed the host: {differing:?}"
        );
    }
}

fn traces(dir: &Path) -> BTreeMap<PathBuf, Trace> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        if meta.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|e| e.path()),
            );
        }
        let content = meta.is_file().then(|| fs::read(&path).unwrap_or_default());
        let trace = Trace {
            inode: meta.ino(),
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            modified: (meta.mtime(), meta.mtime_nsec()),
            content,
        };
        found.insert(path, trace);
    }
    found
}
