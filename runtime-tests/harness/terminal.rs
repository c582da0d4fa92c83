//! Terminals: a pty of our own for foreground commands, and the receiver of a
//! console socket.

use crate::command::PATIENCE;
use crate::sys;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The master side of a terminal, with everything read from it so far.
#[derive(Debug)]
pub struct Master {
    fd: std::fs::File,
    seen: Vec<u8>,
}

impl Master {
    /// Takes over a master fd.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            fd: fd.into(),
            seen: Vec::new(),
        }
    }

    /// Reads until `text` has appeared or the other side is closed; all that
    /// has been seen until then.
    ///
    /// # Panics
    /// When neither happens in time.
    #[track_caller]
    pub fn read_until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = String::from_utf8_lossy(&self.seen).into_owned();
            if !text.is_empty() && seen.contains(text) {
                return seen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO, "terminal: no {text:?} in {seen:?}");
            if !sys::readable(self.fd.as_fd(), left).unwrap_or(false) {
                continue;
            }
            let mut buffer = [0u8; 4096];
            match self.fd.read(&mut buffer) {
                // EIO: the last slave has been closed.
                Ok(0) | Err(_) => return seen,
                Ok(n) => self.seen.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Reads until the other side is closed.
    #[track_caller]
    pub fn read_to_end(&mut self) -> String {
        self.read_until("")
    }

    /// Types `text`.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn write(&mut self, text: &str) {
        std::io::Write::write_all(&mut self.fd, text.as_bytes()).expect("type into the terminal");
    }

    /// Gives the terminal another size, which sends SIGWINCH.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn resize(&self, rows: u16, columns: u16) {
        sys::set_window_size(self.fd.as_fd(), rows, columns).expect("TIOCSWINSZ");
    }

    /// Its size: (rows, columns).
    ///
    /// # Panics
    /// When the terminal is gone.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        sys::window_size(self.fd.as_fd()).expect("TIOCGWINSZ")
    }
}

impl AsFd for Master {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A new terminal: master and slave.
///
/// # Panics
/// When the kernel has none left.
#[must_use]
pub fn open() -> (Master, OwnedFd) {
    let (master, slave) = sys::open_pty().expect("openpty");
    (Master::new(master), slave)
}

/// The listening end of `--console-socket` (or `--pidfd-socket`).
#[derive(Debug)]
pub struct ConsoleSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ConsoleSocket {
    /// Listens at `path`.
    ///
    /// # Panics
    /// When the path exists or is too long for a socket.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("bind the console socket");
        Self {
            listener,
            path: path.to_owned(),
        }
    }

    /// Its path, to be given to the runtime.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.to_str().expect("the path is UTF-8")
    }

    /// The one message: its data and the fd that came with it.
    ///
    /// # Panics
    /// When no connection, no message or no fd comes in time.
    #[track_caller]
    pub fn receive(&self) -> (Vec<u8>, OwnedFd) {
        let waiting = sys::readable(self.listener.as_fd(), PATIENCE).unwrap_or(false);
        assert!(waiting, "nobody connected to the socket");
        let (stream, _) = self.listener.accept().expect("accept");
        assert!(
            sys::readable(stream.as_fd(), PATIENCE).unwrap_or(false),
            "no message came"
        );
        let (data, fd) = sys::receive_fd(stream.as_fd()).expect("recvmsg");
        (data, fd.expect("the message carries no fd"))
    }

    /// As [`ConsoleSocket::receive`], the fd taken as the master of a terminal.
    #[track_caller]
    pub fn master(&self) -> Master {
        Master::new(self.receive().1)
    }
}

impl Drop for ConsoleSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
