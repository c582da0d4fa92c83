//! Watches one running hook: feeds its input, keeps its output, enforces its time limit.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, read, write};

use super::Tail;
use crate::error::{Doing, Result};
use crate::sys::clone::Child;
use crate::sys::pidfd::Life;
use crate::sys::{pidfd, wait};

/// How long a killed hook may take to die (uninterruptible sleep) before it is left behind.
const GRACE: Duration = Duration::from_secs(10);
/// Reads per stream after the hook's end: what it left in the pipe is at most 1 MiB
/// (pipe-max-size); a daemon of its that goes on writing is not waited for.
const LAST_READS: usize = 64;

/// Our ends of a hook's standard streams.
#[derive(Debug)]
pub struct Streams {
    /// Where its input is written.
    pub stdin: OwnedFd,
    /// Where its output is read.
    pub stdout: OwnedFd,
    /// Where its errors are read.
    pub stderr: OwnedFd,
}

/// How a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited, or a signal ended it.
    Ended(pidfd::End),
    /// Its time limit, which is given, was over.
    TimedOut(Duration),
}

/// The end of a hook and of its output.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The end of its standard output.
    pub stdout: Tail,
    /// The end of its standard error.
    pub stderr: Tail,
}

impl Outcome {
    /// The stream that best explains a failure, with its last lines: stderr, else stdout.
    #[must_use]
    pub fn explanation(&self) -> Option<(&'static str, String)> {
        let stderr = self.stderr.last_lines().map(|text| ("stderr", text));
        stderr.or_else(|| self.stdout.last_lines().map(|text| ("stdout", text)))
    }
}

/// Waits for `child`, a child of ours that leads its process group, while writing `input` to it
/// and draining its output. It need not read, nor close its output. At `limit`, counted from this
/// call, the group is killed, as it is when the child ends other than with status 0.
///
/// # Errors
/// A failed poll(2) or waitpid(2); the group is killed then, too.
pub fn supervise(
    child: &Child,
    streams: Streams,
    input: &[u8],
    limit: Option<Duration>,
) -> Result<Outcome> {
    let watched = Watch::new(streams, input).and_then(|mut watch| {
        let ending = watch.until_end(child, limit)?;
        Ok((watch, ending))
    });
    let failed = !matches!(watched, Ok((_, Ending::Child))) || !succeeded(child);
    if failed {
        // Best effort: who cannot be killed is reported by the wait that follows.
        let _ = wait::kill_group(child.pid);
    }
    let (mut watch, ending) = match watched {
        Ok(watched) => watched,
        Err(error) => {
            reap_killed(child);
            return Err(error);
        }
    };
    let end = match ending {
        Ending::Child => {
            let end = pidfd::reap(child.pidfd.as_fd()).doing("wait for the hook")?;
            End::Ended(end)
        }
        Ending::Limit(limit) => {
            reap_killed(child);
            End::TimedOut(limit)
        }
    };
    watch.drain();
    Ok(watch.into_outcome(end))
}

/// Whether the ended child exited with status 0, seen without reaping it: until it is reaped, its
/// number and that of its group cannot be reused. (nix has no word for a real-time signal and
/// says EINVAL, which is no success either.)
fn succeeded(child: &Child) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(
        waitid(Id::Pid(Pid::from_raw(child.pid)), flags),
        Ok(WaitStatus::Exited(_, 0))
    )
}

/// Reaps a killed child, unless it is stuck in the kernel for longer than [`GRACE`].
fn reap_killed(child: &Child) {
    let deadline = Instant::now() + GRACE;
    if let Ok(Life::Ended) = pidfd::poll_end(child.pidfd.as_fd(), Some(deadline)) {
        // ECHILD: whoever reaped it has done what is to be done.
        let _ = pidfd::reap(child.pidfd.as_fd());
    }
}

fn time_left(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else {
        return PollTimeout::NONE;
    };
    // Rounded up, so that the limit is over when poll says so.
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// What ended the watch.
enum Ending {
    Child,
    Limit(Duration),
}

struct Watch<'a> {
    stdin: Option<OwnedFd>,
    input: &'a [u8],
    stdout: Output,
    stderr: Output,
}

struct Output {
    fd: Option<OwnedFd>,
    tail: Tail,
}

impl<'a> Watch<'a> {
    fn new(streams: Streams, input: &'a [u8]) -> Result<Self> {
        for fd in [&streams.stdin, &streams.stdout, &streams.stderr] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing("set a pipe non-blocking")?;
        }
        Ok(Self {
            stdin: Some(streams.stdin),
            input,
            stdout: Output::new(streams.stdout),
            stderr: Output::new(streams.stderr),
        })
    }

    fn until_end(&mut self, child: &Child, limit: Option<Duration>) -> Result<Ending> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            self.feed();
            if self.wait(child, deadline).doing("poll")? {
                return Ok(Ending::Child);
            }
            if let (Some(limit), Some(deadline)) = (limit, deadline)
                && Instant::now() >= deadline
            {
                return Ok(Ending::Limit(limit));
            }
            self.stdout.read_some(1);
            self.stderr.read_some(1);
        }
    }

    /// One poll(2); whether the child has ended.
    fn wait(&self, child: &Child, deadline: Option<Instant>) -> Result<bool, Errno> {
        let mut fds = vec![PollFd::new(child.pidfd.as_fd(), PollFlags::POLLIN)];
        if let Some(stdin) = &self.stdin {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        for output in [&self.stdout, &self.stderr] {
            if let Some(fd) = &output.fd {
                fds.push(PollFd::new(fd.as_fd(), PollFlags::POLLIN));
            }
        }
        match poll(&mut fds, time_left(deadline)) {
            Ok(_) => Ok(fds.first().and_then(PollFd::any) == Some(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Writes what the pipe takes; closes it at the end, or when nobody reads (EPIPE).
    fn feed(&mut self) {
        while let Some(stdin) = &self.stdin {
            match write(stdin, self.input) {
                Ok(written) => {
                    self.input = self.input.get(written..).unwrap_or_default();
                    if self.input.is_empty() {
                        self.stdin = None;
                    }
                }
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Err(_) => self.stdin = None,
            }
        }
    }

    fn drain(&mut self) {
        self.stdout.read_some(LAST_READS);
        self.stderr.read_some(LAST_READS);
    }

    fn into_outcome(self, end: End) -> Outcome {
        Outcome {
            end,
            stdout: self.stdout.tail,
            stderr: self.stderr.tail,
        }
    }
}

impl Output {
    fn new(fd: OwnedFd) -> Self {
        Self {
            fd: Some(fd),
            tail: Tail::default(),
        }
    }

    /// Reads at most `times` times what is there.
    fn read_some(&mut self, times: usize) {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..times {
            let Some(fd) = &self.fd else { return };
            match read(fd, &mut buffer) {
                Ok(0) => self.fd = None,
                Ok(length) => self.tail.push(buffer.get(..length).unwrap_or_default()),
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Err(_) => self.fd = None,
            }
        }
    }
}
