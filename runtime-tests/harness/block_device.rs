//! A block device of the test's own, for limits of I/O.
//!
//! It is a loop device over a file of the test, whose I/O scheduler may be
//! chosen. The kernel detaches it when the last fd is closed, whatever becomes
//! of the test.

use crate::{Test, sys};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// A loop device with 16 MiB.
#[derive(Debug)]
pub struct BlockDevice {
    /// Its number.
    pub major: u32,
    /// Its number.
    pub minor: u32,
    queue: PathBuf,
    /// The scheduler it had, to be put back.
    scheduler: Option<String>,
    _open: File,
}

impl BlockDevice {
    /// A new device; the test is skipped where the kernel has no loop devices.
    #[must_use]
    pub fn new(t: &Test) -> Self {
        Self::attach(t).unwrap_or_else(|e| t.skip(&format!("no loop device can be had: {e}")))
    }

    fn attach(t: &Test) -> io::Result<Self> {
        let backing = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(t.dir().join("disk"))?;
        backing.set_len(16 << 20)?;
        let control = File::open("/dev/loop-control")?;
        // Somebody else may take the free one at the same time.
        let (number, open) = loop {
            let number = sys::free_loop_device(control.as_fd())?;
            let open = File::options()
                .read(true)
                .write(true)
                .open(format!("/dev/loop{number}"))?;
            match sys::attach_loop_device(open.as_fd(), backing.as_fd()) {
                Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {}
                other => break other.map(|()| (number, open))?,
            }
        };
        let block = PathBuf::from(format!("/sys/block/loop{number}"));
        let numbers = fs::read_to_string(block.join("dev"))?;
        let (major, minor) = numbers.trim().split_once(':').unwrap_or_default();
        Ok(Self {
            major: major.parse().map_err(io::Error::other)?,
            minor: minor.parse().map_err(io::Error::other)?,
            queue: block.join("queue"),
            scheduler: None,
            _open: open,
        })
    }

    /// The device under the I/O scheduler BFQ, which has weights; skipped where
    /// the kernel has none.
    #[must_use]
    pub fn with_bfq(mut self, t: &Test) -> Self {
        let file = self.queue.join("scheduler");
        let listed = fs::read_to_string(&file).unwrap_or_default();
        let current = listed
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        let current = current.map_or("none", |(name, _)| name);
        if let Err(e) = fs::write(&file, "bfq") {
            t.skip(&format!("the kernel has no I/O scheduler BFQ: {e}"));
        }
        self.scheduler = Some(current.to_owned());
        self
    }

    /// `major:minor`.
    #[must_use]
    pub fn number(&self) -> String {
        format!("{}:{}", self.major, self.minor)
    }
}

impl Drop for BlockDevice {
    fn drop(&mut self) {
        if let Some(scheduler) = &self.scheduler {
            let _ = fs::write(self.queue.join("scheduler"), scheduler);
        }
    }
}
