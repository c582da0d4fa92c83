//! The caller's terminal attached to the container's.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::poll::PollFd;

use super::HostConsole;
use super::console::RawConsole;
use super::relay::{Flow, Port, Turn, Unwanted};
use crate::error::Result;

/// The caller's terminal and the container's.
#[derive(Debug)]
pub struct Terminal {
    /// Found before the container is made, so that there is one.
    pub console: HostConsole,
    /// Master of the container's pseudoterminal.
    pub master: OwnedFd,
}

/// An attached terminal.
pub(super) struct Session {
    console: RawConsole,
    master: Port,
    stdin: Port,
    stdout: Port,
    input: Flow,
    output: Flow,
}

impl Session {
    /// Sets the caller's terminal to raw mode and gives its size to the container's.
    pub(super) fn new(
        terminal: Terminal,
        stdin: BorrowedFd<'_>,
        stdout: BorrowedFd<'_>,
    ) -> Result<Self> {
        let session = Self {
            stdin: Port::stream(stdin, OFlag::O_RDONLY)?,
            stdout: Port::stream(stdout, OFlag::O_WRONLY)?,
            master: Port::own(terminal.master)?,
            input: Flow::new(Unwanted::End),
            output: Flow::new(Unwanted::Discard),
            console: terminal.console.raw()?,
        };
        session.resize();
        Ok(session)
    }

    /// Copies the caller's window size.
    pub(super) fn resize(&self) {
        self.console.give_size(self.master.as_fd());
    }

    /// What the input and the output wait for.
    pub(super) fn interests(&self) -> (Option<PollFd<'_>>, Option<PollFd<'_>>) {
        let poll_fd = |(fd, events)| PollFd::new(fd, events);
        (
            self.input.interest(&self.stdin, &self.master).map(poll_fd),
            self.output
                .interest(&self.master, &self.stdout)
                .map(poll_fd),
        )
    }

    /// Whether everything read from the container has been written.
    pub(super) fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// One read or write towards the container.
    pub(super) fn turn_input(&mut self) -> Turn {
        self.input.turn(&self.stdin, &self.master)
    }

    /// One read or write towards the caller.
    pub(super) fn turn_output(&mut self) -> Turn {
        self.output.turn(&self.master, &self.stdout)
    }
}
