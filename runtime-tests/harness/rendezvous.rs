//! A point where test and container meet: a fifo in the rootfs.
//!
//! `probe notify /fifo` (or a shell's `echo > /fifo`) inside, [`Rendezvous::wait`]
//! outside: the test continues when the container has come that far, without
//! any sleeping.

use crate::{Bundle, sys};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// The test's end of a fifo. Both ends are held open, so a writer never blocks
/// and no end of file is seen between two writers.
#[derive(Debug)]
pub struct Rendezvous {
    fifo: File,
}

impl Rendezvous {
    /// Makes a fifo called `/<name>` in the rootfs of `bundle`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn in_rootfs(bundle: &Bundle, name: &str) -> Self {
        Self::at(&bundle.rootfs().join(name))
    }

    /// Makes a fifo at the host path `path`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        sys::make_fifo(path, 0o666).unwrap_or_else(|e| panic!("mkfifo {}: {e}", path.display()));
        // mkfifo is subject to the umask; any user inside may write.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).expect("chmod");
        let fifo = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .expect("open the fifo");
        Self { fifo }
    }

    /// Writes `text` for the container to read with `probe await`.
    ///
    /// # Panics
    /// When the fifo is full.
    pub fn say(&self, text: &str) {
        (&self.fifo)
            .write_all(text.as_bytes())
            .expect("write to the fifo");
    }

    /// What has been written, once something was; `None` after `patience`.
    #[must_use]
    pub fn wait_for(&self, patience: Duration) -> Option<String> {
        sys::readable(self.fifo.as_fd(), patience).ok()?.then(|| {
            let mut buffer = [0u8; 4096];
            let n = (&self.fifo).read(&mut buffer).unwrap_or(0);
            String::from_utf8_lossy(&buffer[..n]).into_owned()
        })
    }

    /// As [`Rendezvous::wait_for`] with the harness' usual bound.
    ///
    /// # Panics
    /// When nothing was written in time.
    #[track_caller]
    pub fn wait(&self) -> String {
        self.wait_for(crate::command::PATIENCE)
            .expect("the container never came to the rendezvous")
    }
}
