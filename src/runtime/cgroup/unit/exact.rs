//! Files in which systemd is coarser than we.
//!
//! Told of one property, systemd writes all files of its controller: a CPU time in hundredths of
//! a CPU, the usual period where there is no quota. What stood in them is put back after it.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::cgroup::create::Cgroup;
use crate::cgroup::files::{read, write};
use crate::error::{Doing, Result};

/// The files, in the order in which they are written. The quota of v1 and its period bound each
/// other: the period is tried before and after.
const FILES: [&CStr; 7] = [
    c"cpu.max",
    c"cpu.cfs_period_us",
    c"cpu.cfs_quota_us",
    c"cpu.cfs_period_us",
    c"pids.max",
    c"io.bfq.weight",
    c"blkio.bfq.weight",
];

/// What stands in the files of a container's cgroups.
#[derive(Debug)]
pub(super) struct Exact<'c> {
    files: Vec<(BorrowedFd<'c>, &'static CStr, String)>,
}

impl<'c> Exact<'c> {
    /// Reads them; what is not there is not systemd's either.
    pub(super) fn of(cgroup: &'c Cgroup) -> Self {
        let directories = || cgroup.directories.iter().map(|opened| opened.fd.as_fd());
        let found = FILES.iter().flat_map(|file| {
            directories().filter_map(|dir| Some((dir, *file, read(dir, file).ok()?)))
        });
        Self {
            files: found.collect(),
        }
    }

    /// Writes them as they were, where they are not.
    ///
    /// # Errors
    /// A file that cannot be put back.
    pub(super) fn put_back(self) -> Result<()> {
        let mut refused = None;
        for (dir, file, text) in &self.files {
            if read(*dir, file).as_ref() == Ok(text) {
                continue;
            }
            for line in text.lines() {
                // The word is printed, not taken.
                let value = line.strip_prefix("default ").unwrap_or(line);
                if let Err(errno) = write(*dir, file, value) {
                    refused = refused.or(Some((file, errno)));
                }
            }
        }
        // A period that was refused before the quota may have been taken after it.
        let is_back = |(dir, file, text): &(BorrowedFd<'_>, &CStr, String)| {
            read(*dir, file).as_ref() == Ok(text)
        };
        match refused {
            Some((file, errno)) if !self.files.iter().all(is_back) => {
                Err(errno).doing(format!("put back {}", file.to_string_lossy()))
            }
            _ => Ok(()),
        }
    }
}
