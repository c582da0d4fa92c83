//! Copies between two descriptors, one buffer each way, never blocking.
//!
//! A flow wants exactly one thing at a time: input when its buffer is empty, room for output when
//! it is not. So a reader that stalls holds back the writer, memory is bounded, and a descriptor
//! that hung up is only polled while something is wanted from it: nothing spins.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::PollFlags;
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{read, write};

use crate::error::{Doing, Result};
use crate::sys::tty;

/// Buffer of one direction.
const BUFFER: usize = 16 * 1024;
/// What may be written without blocking once poll(2) allows it, to a descriptor whose description
/// is shared with other programs and must therefore stay in blocking mode.
const SHARED_WRITE: usize = 4096;

/// One end of a flow.
#[derive(Debug)]
pub(super) struct Port {
    fd: OwnedFd,
    write_limit: usize,
}

impl Port {
    /// A descriptor whose description is ours alone; it is made non-blocking.
    pub(super) fn own(fd: OwnedFd) -> Result<Self> {
        fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("set the terminal non-blocking")?;
        Ok(Self {
            fd,
            write_limit: BUFFER,
        })
    }

    /// A standard stream. Its description is shared with the caller's other programs, which would
    /// not survive `O_NONBLOCK`, so pipes and terminals are opened anew; what cannot be (sockets,
    /// files with their offset) stays blocking and is written in small pieces.
    pub(super) fn stream(fd: BorrowedFd<'_>, access: OFlag) -> Result<Self> {
        if let Some(fd) = reopened(fd, access) {
            return Ok(Self {
                fd,
                write_limit: BUFFER,
            });
        }
        let fd = fd.try_clone_to_owned().doing("duplicate a stream")?;
        Ok(Self {
            fd,
            write_limit: SHARED_WRITE,
        })
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn reopened(fd: BorrowedFd<'_>, access: OFlag) -> Option<OwnedFd> {
    let kind = SFlag::from_bits_truncate(fstat(fd).ok()?.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFIFO && !tty::is_terminal(fd) {
        return None;
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = access | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    open(path.as_str(), flags, Mode::empty()).ok()
}

/// What happens to bytes that nobody takes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwanted {
    /// The flow ends.
    End,
    /// They are dropped, so that the writer is not stopped.
    Discard,
}

/// What one turn of a flow achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Bytes were read or written.
    Moved,
    /// Nothing to read, or no room to write, at present.
    Waiting,
    /// There will be no more input.
    Ended,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    ended: bool,
    broken: bool,
    unwanted: Unwanted,
}

impl Flow {
    pub(super) fn new(unwanted: Unwanted) -> Self {
        Self {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            ended: false,
            broken: false,
            unwanted,
        }
    }

    /// Whether everything that was read has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The descriptor to poll, and for what; none when the flow has ended.
    pub(super) fn interest<'a>(
        &self,
        source: &'a Port,
        sink: &'a Port,
    ) -> Option<(BorrowedFd<'a>, PollFlags)> {
        if !self.is_empty() {
            Some((sink.fd.as_fd(), PollFlags::POLLOUT))
        } else if self.ended {
            None
        } else {
            Some((source.fd.as_fd(), PollFlags::POLLIN))
        }
    }

    /// One read or one write. To be called when poll(2) reports what [`Self::interest`] wants.
    pub(super) fn turn(&mut self, source: &Port, sink: &Port) -> Turn {
        if !self.is_empty() {
            self.write(sink)
        } else if self.ended {
            Turn::Ended
        } else {
            self.read(source)
        }
    }

    fn read(&mut self, source: &Port) -> Turn {
        match read(&source.fd, &mut self.buffer) {
            Ok(0) => self.finish(),
            Ok(length) => {
                // Nobody takes it: read on, so that the writer is not stopped.
                self.end = if self.broken { 0 } else { length };
                self.start = 0;
                Turn::Moved
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Turn::Waiting,
            // EIO: nobody has the other end of the pty open, or this terminal hung up.
            Err(_) => self.finish(),
        }
    }

    fn finish(&mut self) -> Turn {
        self.ended = true;
        Turn::Ended
    }

    fn write(&mut self, sink: &Port) -> Turn {
        let pending = self.pending();
        let piece = pending.get(..sink.write_limit).unwrap_or(pending);
        match write(&sink.fd, piece) {
            Ok(written) => {
                self.start += written;
                Turn::Moved
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Turn::Waiting,
            Err(_) => {
                self.start = self.end;
                self.broken = true;
                match self.unwanted {
                    Unwanted::Discard => Turn::Moved,
                    Unwanted::End => self.finish(),
                }
            }
        }
    }
}
