//! The caller's own terminal.

use std::io::{stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::termios::{OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::error::{Doing, Error, Kind, Result, errno_in_words};
use crate::sys::file;
use crate::sys::tty::{self, Size};

/// The terminal that a foreground container is attached to.
#[derive(Debug)]
pub struct HostConsole {
    fd: OwnedFd,
}

impl HostConsole {
    /// The first of stdin, stdout and stderr that is a terminal, else /dev/tty: the input may
    /// come from a pipe.
    ///
    /// # Errors
    /// There is none.
    pub fn find() -> Result<Self> {
        let (input, output, errors) = (stdin(), stdout(), stderr());
        let streams = [input.as_fd(), output.as_fd(), errors.as_fd()];
        if let Some(stream) = streams.into_iter().find(|fd| tty::is_terminal(*fd)) {
            return Self::new(stream);
        }
        let flags = libc::O_RDWR | libc::O_NOCTTY;
        let fd = file::open(c"/dev/tty", flags).map_err(|errno| {
            let why = format!(
                "none of stdin, stdout and stderr is a terminal, and /dev/tty cannot be opened: {}",
                errno_in_words(errno)
            );
            Error::new(Kind::Usage, "find a terminal to attach", why).hint(
                "the configuration asks for a terminal (process.terminal): run it from one, or \
                 detach with --detach and --console-socket",
            )
        })?;
        Ok(Self { fd })
    }

    /// The terminal behind a descriptor, which is duplicated.
    ///
    /// # Errors
    /// As dup(2).
    pub(super) fn new(fd: BorrowedFd<'_>) -> Result<Self> {
        let fd = fd.try_clone_to_owned().doing("duplicate the terminal")?;
        Ok(Self { fd })
    }

    /// Gives its size to the container's terminal, to be done before the program is executed: one
    /// that asks at once must not see a terminal without a size.
    pub fn give_size(&self, master: BorrowedFd<'_>) {
        if let Some(size) = self.size() {
            // A terminal without a size stays usable.
            let _ = tty::set_size(master, size);
        }
    }

    /// Its size, if it has one: serial lines have none.
    fn size(&self) -> Option<Size> {
        let size = tty::size(self.fd.as_fd()).ok()?;
        (size.rows != 0 && size.columns != 0).then_some(size)
    }

    /// Passes every key on uninterpreted until the guard is dropped.
    ///
    /// Output processing stays on: the container's own terminal sends bare `\n`, and this one adds
    /// the `\r` (as runc's console does).
    pub(super) fn raw(self) -> Result<RawConsole> {
        let saved = tcgetattr(&self.fd).doing("read the terminal's mode")?;
        let mut raw = saved.clone();
        cfmakeraw(&mut raw);
        raw.output_flags |= OutputFlags::OPOST;
        tcsetattr(&self.fd, SetArg::TCSANOW, &raw).doing("set the terminal to raw mode")?;
        Ok(RawConsole {
            console: self,
            saved,
        })
    }
}

/// A terminal in raw mode; dropping it restores the old one.
pub(super) struct RawConsole {
    console: HostConsole,
    saved: Termios,
}

impl RawConsole {
    /// See [`HostConsole::give_size`].
    pub(super) fn give_size(&self, master: BorrowedFd<'_>) {
        self.console.give_size(master);
    }
}

impl Drop for RawConsole {
    fn drop(&mut self) {
        // A terminal that hung up has no mode to restore.
        let _ = tcsetattr(&self.console.fd, SetArg::TCSANOW, &self.saved);
    }
}
