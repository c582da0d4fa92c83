//! The end of our own children, and signals to whole groups of them.
//!
//! nix's `WaitStatus` cannot say that a real-time signal ended a process; this can.

use nix::errno::Errno;

use super::{Result, check};

/// How a process ended (wait(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status, 0–255.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl Ended {
    /// The exit status that a shell would show: 128 + n for signal n.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => 128 + signal,
        }
    }

    fn from_raw(status: libc::c_int) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signalled(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }
}

/// Whether to wait for the event or only to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until it happens.
    Block,
    /// Not at all.
    Poll,
}

/// waitpid(2) of one child; `None` if it has not ended. Repeats on `EINTR`.
///
/// # Errors
/// `ECHILD` when it is no child of ours, or has been reaped already.
pub fn reap(child: libc::pid_t, wait: Wait) -> Result<Option<Ended>> {
    Ok(wait_for(child, wait)?.map(|(_, ended)| ended))
}

/// waitpid(2) of any child, without waiting: the next one that has ended.
///
/// # Errors
/// `ECHILD` when there is no child at all.
pub fn reap_any() -> Result<Option<(libc::pid_t, Ended)>> {
    wait_for(-1, Wait::Poll)
}

fn wait_for(which: libc::pid_t, wait: Wait) -> Result<Option<(libc::pid_t, Ended)>> {
    let flags = match wait {
        Wait::Block => 0,
        Wait::Poll => libc::WNOHANG,
    };
    let mut status = 0;
    loop {
        // SAFETY: status outlives the call.
        let returned = unsafe { libc::waitpid(which, &raw mut status, flags) };
        match check(returned.into()) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(None),
            Ok(pid) => return Ok(Some((pid as libc::pid_t, Ended::from_raw(status)))),
        }
    }
}

/// kill(2) with SIGKILL of the process group of `leader`, an unreaped child of ours, or of the
/// child alone when it does not lead a group yet.
///
/// # Errors
/// As kill(2).
pub fn kill_group(leader: libc::pid_t) -> Result<()> {
    if leader <= 1 {
        return Err(Errno::EINVAL);
    }
    match kill(-leader, libc::SIGKILL) {
        Err(Errno::ESRCH) => kill(leader, libc::SIGKILL),
        other => other,
    }
}

/// kill(2) of one unreaped child, with any signal number (nix knows no real-time signals).
///
/// # Errors
/// As kill(2).
pub fn signal(child: libc::pid_t, signal: libc::c_int) -> Result<()> {
    if child <= 1 {
        return Err(Errno::EINVAL);
    }
    kill(child, signal)
}

fn kill(target: libc::pid_t, signal: libc::c_int) -> Result<()> {
    // SAFETY: no pointers; an unreaped child keeps its number from being reused.
    check(unsafe { libc::c_long::from(libc::kill(target, signal)) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clone::spawn;
    use crate::sys::process::exit_now;

    #[test]
    fn exit_statuses_and_all_signals_are_told_apart() {
        let child = spawn(0, None, || exit_now(42)).unwrap();
        assert_eq!(
            reap(child.pid, Wait::Block).unwrap(),
            Some(Ended::Exited(42))
        );
        for signal in [libc::SIGKILL, libc::SIGRTMIN() + 3] {
            let child = spawn(0, None, move || {
                crate::sys::process::default_signals(u64::MAX);
                crate::sys::process::unblock_signals();
                // SAFETY: no pointers.
                unsafe { libc::kill(libc::getpid(), signal) };
                exit_now(1)
            })
            .unwrap();
            let ended = reap(child.pid, Wait::Block).unwrap().unwrap();
            assert_eq!(ended, Ended::Signalled(signal));
            assert_eq!(ended.code(), 128 + signal);
        }
    }

    #[test]
    fn a_group_is_never_everybody() {
        assert_eq!(kill_group(0), Err(Errno::EINVAL));
        assert_eq!(kill_group(1), Err(Errno::EINVAL));
    }
}
