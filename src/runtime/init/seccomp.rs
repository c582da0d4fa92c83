//! The filter of system calls, loaded by the process it is for.

use std::os::fd::{AsRawFd, OwnedFd};

use super::{In, Outcome, Walk, channel};
use crate::plan::SeccompStep;
use crate::protocol::{Message, Stage, Tag};
use crate::sys;

impl Walk<'_> {
    /// From here on every system call of the walk is the filter's to decide about.
    pub(super) fn load_filter(&self, filter: &SeccompStep) -> Outcome {
        match sys::seccomp::load(&filter.program, filter.flags)? {
            Some(listener) => self.announce(listener),
            None => Ok(()),
        }
    }

    /// Tells the parent the number of the listener and waits until the agent has it. By write(2)
    /// alone, which no profile may have notified: sending the descriptor itself takes sendmsg(2),
    /// which nobody would answer yet. Our copy is closed then: as long as there is one, nothing
    /// tells that the agent is gone.
    fn announce(&self, listener: OwnedFd) -> Outcome {
        let mut message = Message::new(Tag::Listener);
        message.body.item = listener.as_raw_fd().cast_unsigned();
        let parent = self.inherited.parent;
        sys::file::write_once(parent, &message.encode()).stage(Stage::Listener)?;
        channel::expect(parent, Tag::Continue)
    }
}
