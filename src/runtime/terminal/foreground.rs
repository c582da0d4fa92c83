//! `run` and `exec` in the foreground: one poll loop over signals, the child and its terminal.

use std::io::{stdin, stdout};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::relay::Turn;
use super::session::{Session, Terminal};
use crate::error::{Doing, Result};
use crate::sys::clone::Child;
use crate::sys::pidfd::{self, End};
use crate::sys::wait;

/// Reads of the terminal after the child's end: what it wrote before is in the kernel (at most
/// 64 KiB); processes that go on writing to it are not waited for.
const LAST_TURNS: usize = 64;

/// Signals that stay as they are: those that a fault of our own raises, those that cannot be
/// blocked, and those that mean nothing here.
const NOT_FORWARDED: [Signal; 10] = [
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
    Signal::SIGKILL,
    Signal::SIGSTOP,
    Signal::SIGPIPE,
    Signal::SIGURG,
];

/// What becomes of processes whose parent in the container's session died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// They are somebody else's (`--no-subreaper`).
    Leave,
    /// We become their parent and reap them (prctl(2), `PR_SET_CHILD_SUBREAPER`).
    Adopt,
}

/// The state of a process that stands in for a container: its signals wait in a descriptor.
///
/// To be made before the container, so that no signal is lost; what is born while it lives must
/// unblock its signals ([`crate::sys::process::unblock_signals`]). Dropping it restores the
/// signal mask; signals that came after the child's end are delivered then.
#[derive(Debug)]
pub struct Foreground {
    signals: SignalFd,
    before: SigSet,
    orphans: Orphans,
}

impl Foreground {
    /// Blocks every signal that is forwarded.
    ///
    /// # Errors
    /// As signalfd(2).
    pub fn new(orphans: Orphans) -> Result<Self> {
        let mut mask = SigSet::all();
        for signal in NOT_FORWARDED {
            mask.remove(signal);
        }
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&mask, flags).doing("make a descriptor for signals")?;
        let before = mask
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .doing("block signals")?;
        let foreground = Self {
            signals,
            before,
            orphans,
        };
        if orphans == Orphans::Adopt {
            set_child_subreaper(true).doing("become the reaper of orphans")?;
        }
        Ok(foreground)
    }

    /// Stands in for `child` until it ends: forwards signals to it and relays its terminal.
    ///
    /// # Errors
    /// The terminal's mode cannot be set; poll(2) or waitpid(2) failed. The child lives on then.
    pub fn supervise(&mut self, child: &Child, terminal: Option<Terminal>) -> Result<End> {
        let session = terminal
            .map(|terminal| Session::new(terminal, stdin().as_fd(), stdout().as_fd()))
            .transpose()?;
        self.attend(child, session)
    }

    fn attend(&mut self, child: &Child, mut session: Option<Session>) -> Result<End> {
        let ended = loop {
            let ready = self.wait(child, session.as_ref()).doing("poll")?;
            if ready.signals
                && let Some(ended) = self.handle_signals(child, session.as_ref())?
            {
                break ended;
            }
            if ready.child {
                break pidfd::reap(child.pidfd.as_fd()).doing("wait for the process")?;
            }
            if let Some(session) = &mut session {
                if ready.input {
                    session.turn_input();
                }
                if ready.output {
                    session.turn_output();
                }
            }
        };
        if let Some(session) = &mut session {
            self.finish(session)?;
        }
        Ok(ended)
    }

    fn wait(&self, child: &Child, session: Option<&Session>) -> Result<Ready, Errno> {
        let (input, output) = session.map_or((None, None), Session::interests);
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(child.pidfd.as_fd(), PollFlags::POLLIN),
        ];
        let (has_input, has_output) = (input.is_some(), output.is_some());
        fds.extend([input, output].into_iter().flatten());
        if let Err(errno) = poll(&mut fds, PollTimeout::NONE)
            && errno != Errno::EINTR
        {
            return Err(errno);
        }
        let mut seen = fds.iter().map(|fd| fd.any() == Some(true));
        let mut next = |wanted: bool| wanted && seen.next() == Some(true);
        Ok(Ready {
            signals: next(true),
            child: next(true),
            input: next(has_input),
            output: next(has_output),
        })
    }

    /// Handles all signals that wait; the child's end, if reaping orphans met it.
    fn handle_signals(&self, child: &Child, session: Option<&Session>) -> Result<Option<End>> {
        while let Some(number) = self.next_signal()? {
            match number {
                libc::SIGCHLD => {
                    if let Some(ended) = self.reap_orphans(child) {
                        return Ok(Some(ended));
                    }
                }
                libc::SIGWINCH if session.is_some() => {
                    session.into_iter().for_each(Session::resize)
                }
                // ESRCH: it has ended, which the next poll will say.
                other => drop(pidfd::send_signal(child.pidfd.as_fd(), other)),
            }
        }
        Ok(None)
    }

    fn next_signal(&self) -> Result<Option<libc::c_int>> {
        let signal = self.signals.read_signal().doing("read a signal")?;
        Ok(signal.map(|signal| signal.ssi_signo.cast_signed()))
    }

    fn reap_orphans(&self, child: &Child) -> Option<End> {
        if self.orphans == Orphans::Leave {
            return None;
        }
        while let Ok(Some((pid, ended))) = wait::reap_any() {
            if pid == child.pid {
                return Some(ended);
            }
        }
        None
    }

    /// Writes out what the terminal still holds; a reader that stalls is waited for until a signal
    /// comes.
    fn finish(&self, session: &mut Session) -> Result<()> {
        for _ in 0..LAST_TURNS {
            if self.flush(session)? == Flushed::Interrupted {
                return Ok(());
            }
            // Nothing is pending, so this reads.
            if session.turn_output() != Turn::Moved {
                return Ok(());
            }
        }
        self.flush(session).map(drop)
    }

    fn flush(&self, session: &mut Session) -> Result<Flushed> {
        while !session.is_flushed() {
            let (_, output) = session.interests();
            let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            fds.extend(output);
            if let Err(errno) = poll(&mut fds, PollTimeout::NONE)
                && errno != Errno::EINTR
            {
                return Err(errno).doing("poll");
            }
            let writable = fds.get(1).and_then(PollFd::any) == Some(true);
            while let Some(number) = self.next_signal()? {
                if number != libc::SIGCHLD && number != libc::SIGWINCH {
                    return Ok(Flushed::Interrupted);
                }
            }
            if writable {
                session.turn_output();
            }
        }
        Ok(Flushed::Everything)
    }
}

/// How far the last output got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Everything,
    Interrupted,
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if self.orphans == Orphans::Adopt {
            // Cannot fail where setting it did not.
            let _ = set_child_subreaper(false);
        }
        let _ = self.before.thread_set_mask();
    }
}

/// What poll(2) found.
#[derive(Clone, Copy)]
struct Ready {
    signals: bool,
    child: bool,
    input: bool,
    output: bool,
}

#[cfg(test)]
#[path = "foreground_tests.rs"]
mod tests;
