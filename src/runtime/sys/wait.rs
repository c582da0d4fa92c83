//! Children without a handle of their own: process groups, and orphans that became ours. For a
//! process with a pidfd see [`super::pidfd`].

use nix::errno::Errno;

use super::pidfd::End;
use super::{Result, check};

/// waitpid(2) of any child, without waiting: the next one that has ended.
///
/// # Errors
/// `ECHILD` when there is no child at all.
pub fn reap_any() -> Result<Option<(libc::pid_t, End)>> {
    let mut status = 0;
    loop {
        // SAFETY: status outlives the call.
        let returned = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        match check(returned.into()) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(None),
            Ok(pid) => {
                // Without WUNTRACED and WCONTINUED, a status always is an end.
                let end = End::from_wait_status(status).ok_or(Errno::EINVAL)?;
                return Ok(Some((pid as libc::pid_t, end)));
            }
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
    match kill(-leader) {
        Err(Errno::ESRCH) => kill(leader),
        other => other,
    }
}

fn kill(target: libc::pid_t) -> Result<()> {
    // SAFETY: no pointers; an unreaped child keeps its number from being reused.
    check(unsafe { libc::c_long::from(libc::kill(target, libc::SIGKILL)) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::clone::spawn;
    use crate::sys::{pidfd, process};

    #[test]
    fn a_child_that_leads_no_group_is_killed_alone() {
        let child = spawn(0, None, || {
            process::default_signals(u64::MAX);
            process::unblock_signals();
            loop {
                nix::unistd::pause();
            }
        })
        .unwrap();
        kill_group(child.pid).unwrap();
        let end = pidfd::reap(child.pidfd.as_fd()).unwrap();
        assert_eq!(end, End::Signal(libc::SIGKILL));
    }

    #[test]
    fn a_group_is_never_everybody() {
        assert_eq!(kill_group(0), Err(Errno::EINVAL));
        assert_eq!(kill_group(1), Err(Errno::EINVAL));
        assert_eq!(kill_group(-5), Err(Errno::EINVAL));
    }
}
