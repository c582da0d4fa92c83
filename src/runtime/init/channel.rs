//! init's side of the protocol (see `crate::protocol`).

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use super::{Outcome, Walk};
use crate::plan::Request;
use crate::protocol::{Failure, MESSAGE_LEN, Message, Tag};
use crate::sys;

/// Exit code where the program was not found, as shells have it.
const NOT_FOUND: i32 = 127;
/// Exit code for every other failure before the program ran.
pub(super) const NOT_EXECUTED: i32 = 126;

/// Sends the failure, waits until the peer has looked at it (it reads our root to explain an
/// exec failure) and ends.
pub(super) fn report(peer: BorrowedFd<'_>, failure: Failure) -> ! {
    let message = Message {
        tag: Tag::Failed,
        body: failure,
    };
    if sys::channel::send(peer, &message.encode(), None).is_ok() {
        let _ = sys::channel::receive(peer, &mut [0; MESSAGE_LEN]);
    }
    let code = if failure.errno == Errno::ENOENT as i32 {
        NOT_FOUND
    } else {
        NOT_EXECUTED
    };
    sys::process::exit_now(code)
}

/// Waits for the peer's `expected` message. A peer that is gone ends the process: nobody is left
/// to report to, and nobody has recorded the container.
pub(super) fn expect(peer: BorrowedFd<'_>, expected: Tag) -> Outcome {
    let mut bytes = [0; MESSAGE_LEN];
    match sys::channel::receive(peer, &mut bytes)? {
        (0, _) => sys::process::exit_now(NOT_EXECUTED),
        (MESSAGE_LEN, _) if Message::decode(&bytes).is_some_and(|m| m.tag == expected) => Ok(()),
        _ => Err(Errno::EPROTO.into()),
    }
}

impl Walk<'_> {
    pub(super) fn request(&self, request: Request) -> Outcome {
        let message = Message::request(request as u32);
        sys::channel::send(self.inherited.parent, &message.encode(), None)?;
        expect(self.inherited.parent, Tag::Continue)
    }

    /// Everything is in place; once the parent has recorded that, its death is no longer ours.
    pub(super) fn ready(&self) -> Outcome {
        sys::channel::send(
            self.inherited.parent,
            &Message::new(Tag::Ready).encode(),
            None,
        )?;
        expect(self.inherited.parent, Tag::Continue)?;
        Ok(sys::process::set_parent_death_signal(0)?)
    }

    /// Waits for `start`. A connection that says nothing (`state` looks whether we are still
    /// here) is no start.
    pub(super) fn await_start(&mut self) -> Outcome {
        let listener = self.inherited.start.ok_or(Errno::EBADF)?;
        // The parent waits for this before it ends: until a moment ago its death was ours. If it
        // is gone already, nobody waits.
        let _ = sys::channel::shut(self.inherited.parent);
        loop {
            let connection = sys::channel::accept(listener)?;
            let mut bytes = [0; MESSAGE_LEN];
            let (length, _) = sys::channel::receive(connection.as_fd(), &mut bytes)?;
            let start = Message::decode(&bytes).is_some_and(|m| m.tag == Tag::Start);
            if length != MESSAGE_LEN || !start {
                continue;
            }
            let answer = Message::new(Tag::Continue).encode();
            if sys::channel::send(connection.as_fd(), &answer, None).is_ok() {
                self.peer = Some(connection);
                return Ok(());
            }
        }
    }
}
