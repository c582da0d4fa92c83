//! Writing settings to the container's open cgroups.
//!
//! Some settings bound each other (the limit of memory and that of memory with swap; quota, period
//! and burst), and which must be written first depends on what is there. So what is refused as
//! invalid is tried again after the others, as long as that helps.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use super::create::Cgroup;
use super::files::open_file;
use super::settings::{Home, Moment, Need, Setting, Write};
use crate::error::{Error, Result};
use crate::sys;
use crate::sys::file;

impl Cgroup {
    /// Writes those of `settings` that are due at `moment`, in their order.
    ///
    /// # Errors
    /// The first setting that the kernel refused, at its field.
    pub fn apply(&self, settings: &[Setting], moment: Moment) -> Result<()> {
        let due = settings.iter().filter(|setting| setting.moment == moment);
        in_some_order(due, |setting| self.set(setting))
    }

    /// The cgroup that has the setting's controller.
    pub(super) fn home(&self, setting: &Setting) -> Option<BorrowedFd<'_>> {
        let opened = self.directories.iter().find(|opened| match setting.home {
            Home::V1 => opened.place.controls(&setting.controller),
            Home::V2 => opened.place.is_v2(),
        });
        opened.map(|opened| opened.fd.as_fd())
    }

    pub(super) fn set(&self, setting: &Setting) -> Result<()> {
        let outcome = match self.home(setting) {
            Some(directory) => write_first(directory, &setting.writes),
            None => Err((Errno::ENOENT, setting.writes.first())),
        };
        outcome.or_else(|(errno, write)| match (errno, setting.need, write) {
            (Errno::ENOENT, Need::IfThere, _) | (_, _, None) => Ok(()),
            (_, _, Some(write)) => Err(refused(errno, setting, write)),
        })
    }
}

/// Sets each, those that are refused as invalid again and again after the others, until none of
/// them is taken any more.
pub(super) fn in_some_order<'s>(
    settings: impl Iterator<Item = &'s Setting>,
    mut set: impl FnMut(&'s Setting) -> Result<()>,
) -> Result<()> {
    let mut waiting: Vec<&Setting> = settings.collect();
    loop {
        let before = waiting.len();
        let mut refused = Vec::new();
        let mut first = None;
        for setting in waiting {
            match set(setting) {
                Err(error) if is_order(&error) => {
                    refused.push(setting);
                    first.get_or_insert(error);
                }
                other => other?,
            }
        }
        match first {
            None => return Ok(()),
            Some(error) if refused.len() == before => return Err(error),
            Some(_) => waiting = refused,
        }
    }
}

/// Whether the order of the settings may be the reason.
fn is_order(error: &Error) -> bool {
    matches!(error.errno(), Some(Errno::EINVAL | Errno::EBUSY))
}

/// Takes the first file that is there.
fn write_first<'w>(
    dir: BorrowedFd<'_>,
    writes: &'w [Write],
) -> std::result::Result<(), (Errno, Option<&'w Write>)> {
    let mut missing = None;
    for write in writes {
        match write_file(dir, write) {
            Err(Errno::ENOENT) => missing = missing.or(Some(write)),
            other => return other.map_err(|errno| (errno, Some(write))),
        }
    }
    Err((Errno::ENOENT, missing))
}

fn write_file(dir: BorrowedFd<'_>, write: &Write) -> sys::Result<()> {
    let name = CString::new(&*write.file).map_err(|_| Errno::EINVAL)?;
    let fd = open_file(dir, &name, libc::O_WRONLY)?;
    match file::write_once(fd.as_fd(), write.value.as_bytes()) {
        // Of the write, not of the file: no such device.
        Err(Errno::ENOENT) => Err(Errno::ENODEV),
        other => other,
    }
}

fn refused(errno: Errno, setting: &Setting, write: &Write) -> Error {
    let Write { file, value } = write;
    let what = format!("set {file} to `{value}`");
    let error = if errno == Errno::ENOENT {
        let why = format!(
            "ENOENT: the cgroup has no such file (controller `{}`)",
            setting.controller
        );
        Error::new(crate::error::Kind::Unsupported, what, why)
    } else {
        Error::from_errno(errno, what)
    };
    let error = error.at(&setting.at);
    match advice(errno, file) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What is usually behind a refusal.
fn advice(errno: Errno, file: &str) -> Option<&'static str> {
    let is = |part: &str| file.contains(part);
    Some(match errno {
        Errno::ENOENT if is("swap.max") || is("memsw") => {
            "swap is not accounted: boot with the kernel parameter `swapaccount=1`"
        }
        Errno::ENOENT if is("hugetlb") => {
            "the kernel has no huge pages of this size: see /sys/kernel/mm/hugepages"
        }
        Errno::ENOENT if is("cpu.rt_") => "the kernel is built without CONFIG_RT_GROUP_SCHED",
        Errno::ENOENT if is("leaf_weight") => {
            "only the I/O scheduler CFQ had weights of leaves, until Linux 5.0"
        }
        Errno::ENOENT if is("weight") => {
            "no I/O scheduler or controller with weights is in use: load BFQ (`modprobe bfq`), \
             or have the kernel's CONFIG_BLK_CGROUP_IOCOST"
        }
        Errno::ENOENT => "the running kernel does not have it",
        Errno::ENODEV | Errno::ENXIO if file.starts_with("io.") || is("blkio.") => {
            "there is no such block device"
        }
        Errno::ENODEV if is("net_prio") => {
            "there is no such network device in the first network namespace, that of the host"
        }
        Errno::ENODEV if is("rdma") => "there is no such RDMA device: see /sys/class/infiniband",
        Errno::EINVAL | Errno::EACCES | Errno::ENOSPC | Errno::ERANGE if is("cpuset") => {
            "the CPUs and memory nodes must be online and among those of the cgroup above"
        }
        Errno::EINVAL if is("cpu.weight") || is("cpu.shares") => {
            "a cgroup with `cpu.idle` has no other weight: set `idle` to 0 as well"
        }
        Errno::EINVAL if is("memory") => {
            "the limit of memory and swap together may not be below that of memory"
        }
        Errno::EINVAL if is("cpu.rt_") => {
            "the cgroup above must have that much realtime bandwidth to give: see its \
             cpu.rt_runtime_us"
        }
        Errno::EINVAL if is("cpu.") => {
            "quota, period and burst must fit each other and the limits of the cgroups above"
        }
        Errno::EBUSY if is("memory") => "the container uses more than that already",
        _ => return None,
    })
}
