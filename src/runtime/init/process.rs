//! Attributes of the process: limits, scheduling, session, directory, descriptors.

use std::ffi::CStr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::{In, Outcome, Walk, streams};
use crate::plan::Attempt;
use crate::plan::process::Attribute;
use crate::protocol::Stage;
use crate::sys::file::{self, CURRENT, NO_MAGICLINKS, open_at};
use crate::sys::process::{self as kernel, SchedAttr};

/// A kernel without key management is no failure: nothing could leak through a keyring then.
pub(super) fn session_keyring(name: &CStr) -> Outcome {
    match kernel::join_session_keyring(name) {
        Ok(()) | Err(Errno::ENOSYS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl Walk<'_> {
    pub(super) fn attribute(&mut self, attribute: &Attribute) -> Outcome {
        match attribute {
            // The walk itself runs with 0, so that modes are exact.
            Attribute::Umask(mask) => {
                self.umask = *mask;
                Ok(())
            }
            Attribute::Rlimit(limit) => {
                Ok(kernel::set_limit(limit.resource, limit.soft, limit.hard)?)
            }
            Attribute::Scheduler(scheduler) => Ok(kernel::set_scheduler(SchedAttr {
                size: 0,
                policy: scheduler.policy,
                flags: scheduler.flags,
                nice: scheduler.nice,
                priority: scheduler.priority,
                runtime: scheduler.runtime,
                deadline: scheduler.deadline,
                period: scheduler.period,
            })?),
            Attribute::IoPriority(priority) => Ok(kernel::set_io_priority(*priority)?),
            Attribute::Personality(domain) => Ok(kernel::set_personality(*domain)?),
            Attribute::MemoryPolicy(mode, nodes) => Ok(kernel::set_memory_policy(*mode, nodes)?),
            Attribute::Affinity(mask) => Ok(kernel::set_affinity(mask)?),
            Attribute::Session => Ok(kernel::new_session()?),
        }
    }

    /// Closes everything but stdio, the preserved descriptors and the two sockets. From here on
    /// no descriptor leads out of the container (CVE-2024-21626).
    pub(super) fn close_descriptors(&mut self) -> Outcome {
        streams::hand_over(self.program.uid)?;
        for slot in [&mut self.root, &mut self.proc, &mut self.dev] {
            drop(slot.take());
        }
        for slot in [&mut self.null, &mut self.empty_dir, &mut self.terminal] {
            drop(slot.take());
        }
        for slot in self.slots.iter_mut() {
            drop(slot.take());
        }
        let parent = self.inherited.parent.as_raw_fd().cast_unsigned();
        let start = self
            .inherited
            .start
            .map_or(parent, |fd| fd.as_raw_fd().cast_unsigned());
        let mut first = 3 + self.inherited.preserved;
        for preserved in 3..first {
            file::keep_on_exec(preserved.cast_signed())?;
        }
        for kept in [parent.min(start), parent.max(start)] {
            if kept > first {
                file::close_range(first, kept - 1)?;
            }
            first = first.max(kept + 1);
        }
        Ok(file::close_range(first, u32::MAX)?)
    }

    pub(super) fn working_directory(&mut self, path: &CStr, attempt: Attempt) -> Outcome {
        if attempt == Attempt::Last && !self.directory_refused {
            return Ok(());
        }
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let entered = open_at(CURRENT, path, flags, 0, NO_MAGICLINKS)
            .and_then(|dir| file::change_dir(std::os::fd::AsFd::as_fd(&dir)));
        match entered {
            Err(Errno::EACCES) if attempt == Attempt::First => {
                self.directory_refused = true;
                return Ok(());
            }
            other => other?,
        }
        // The kernel writes "(unreachable)" before a path outside the root.
        let mut buffer = [0; 4096];
        match file::current_dir(&mut buffer)
            .stage(Stage::Outside)?
            .first()
        {
            Some(b'/') => Ok(()),
            _ => Err(Errno::EXDEV).stage(Stage::Outside),
        }
    }
}
