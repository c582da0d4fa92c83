//! A seccomp agent: it is sent a listener and decides about system calls.

use crate::command::PATIENCE;
use crate::sys::{self, Response};
use serde_json::Value;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// What becomes of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It returns this number.
    Return(i64),
    /// It fails with this errno.
    Fail(i32),
    /// The kernel makes it.
    Continue,
}

/// A socket that waits for listeners.
#[derive(Debug)]
pub struct Agent {
    path: PathBuf,
    listener: UnixListener,
}

/// A listener that has come, and the state that came with it.
#[derive(Debug)]
pub struct Listener {
    /// The container process state.
    pub state: Value,
    fd: OwnedFd,
}

impl Agent {
    /// Waits at `path`.
    ///
    /// # Panics
    /// When the socket cannot be made.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("bind the agent's socket");
        Self {
            path: path.to_owned(),
            listener,
        }
    }

    /// Its path, for `listenerPath`.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.to_str().expect("a path of the test's own")
    }

    /// The next listener.
    ///
    /// # Panics
    /// When none comes in time, or one without a descriptor or a state.
    #[must_use]
    #[track_caller]
    pub fn accept(&self) -> Listener {
        self.accept_open().0
    }

    /// The next listener, and the connection it came over.
    ///
    /// # Panics
    /// As [`Agent::accept`].
    #[must_use]
    #[track_caller]
    pub fn accept_open(&self) -> (Listener, UnixStream) {
        let ready = sys::readable(self.listener.as_fd(), PATIENCE).expect("poll");
        assert!(ready, "nobody has come to the agent");
        let (connection, _) = self.listener.accept().expect("accept");
        let (state, fd) = sys::receive_fd(connection.as_fd()).expect("receive the listener");
        let listener = Listener {
            state: serde_json::from_slice(&state).expect("the state is JSON"),
            fd: fd.expect("a descriptor comes with the state"),
        };
        (listener, connection)
    }

    /// Decides about all system calls of the next container, on a thread of its own: by their
    /// number and arguments. Ends with the container; returns the state and the numbers.
    #[must_use]
    pub fn decide(
        self,
        decide: impl Fn(i64, [u64; 6]) -> Answer + Send + 'static,
    ) -> JoinHandle<(Value, Vec<i64>)> {
        std::thread::spawn(move || {
            let listener = self.accept();
            let seen = listener.decide(decide);
            (listener.state, seen)
        })
    }
}

impl Listener {
    /// Decides until all that have the filter are gone; the numbers that were asked about.
    ///
    /// # Panics
    /// When the kernel refuses an answer.
    pub fn decide(&self, decide: impl Fn(i64, [u64; 6]) -> Answer) -> Vec<i64> {
        let mut seen = Vec::new();
        // Receiving would block for ever when nobody is left, on older kernels.
        while sys::has_input(self.fd.as_fd(), PATIENCE).expect("poll") {
            let Ok(notification) = sys::receive_notification(self.fd.as_fd()) else {
                break;
            };
            let number = i64::from(notification.number);
            seen.push(number);
            let mut response = Response {
                id: notification.id,
                ..Response::default()
            };
            match decide(number, notification.arguments) {
                Answer::Return(value) => response.value = value,
                Answer::Fail(errno) => response.error = -errno,
                Answer::Continue => response.flags = 1,
            }
            match sys::answer_notification(self.fd.as_fd(), response) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => panic!("answer: {error}"),
            }
        }
        seen
    }
}
