//! The limits in force that an update counts with. Only those of v2: there one file stands for
//! two fields of the specification, while v1's kernel does the counting itself.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use super::create::Cgroup;
use super::files::read;

/// Limits of a v2 cgroup; absent where v2 does not have the controller. −1 is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// `memory.max`
    pub memory: Option<i64>,
    /// `memory.swap.max`
    pub swap: Option<i64>,
    /// `memory.current`
    pub memory_usage: Option<i64>,
    /// The quota of `cpu.max`.
    pub cpu_quota: Option<i64>,
}

impl Cgroup {
    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Current {
        let Some(directory) = self.directories.iter().find(|opened| opened.place.is_v2()) else {
            return Current::default();
        };
        let number = |file| first_number(directory.fd.as_fd(), file);
        Current {
            memory: number(c"memory.max"),
            swap: number(c"memory.swap.max"),
            memory_usage: number(c"memory.current"),
            cpu_quota: number(c"cpu.max"),
        }
    }
}

/// The first number of a file; −1 for `max`.
fn first_number(directory: BorrowedFd<'_>, file: &CStr) -> Option<i64> {
    let text = read(directory, file).ok()?;
    match text.split_whitespace().next()? {
        "max" => Some(-1),
        number => number.parse().ok(),
    }
}
