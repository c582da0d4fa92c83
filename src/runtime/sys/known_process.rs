//! A process that can be recognised later: pid, start time, pidfs inode and boot.
//!
//! A pid alone proves nothing: it is reused within hours, start times repeat after a reboot,
//! and state directories get copied. [`KnownProcess::prove`] opens a pidfd first and compares
//! afterwards, so what is proved is the process behind the descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::pidfd::{self, Life};
use super::{Result, clock, procstat};

/// What identifies a process across invocations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownProcess {
    /// Process id in the initial (the runtime's) pid namespace.
    pub pid: i32,
    /// Clock ticks between boot and its start (proc_pid_stat(5), field 22).
    pub start_time: u64,
    /// Inode in pidfs, where the kernel has it (6.9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pidfs_inode: Option<u64>,
    /// The boot in which this all holds.
    pub boot_id: String,
}

/// The outcome of [`KnownProcess::prove`].
#[derive(Debug)]
pub enum Proof {
    /// The very process, and it runs.
    Alive(OwnedFd),
    /// The very process, ended but not reaped yet.
    Zombie(OwnedFd),
    /// It is gone; the pid is free or someone else's.
    Gone,
}

impl KnownProcess {
    /// The process `pid` behind `pidfd`.
    ///
    /// # Errors
    /// `ESRCH` if it is gone, `ENOENT` without /proc.
    pub fn of(pid: i32, pidfd: BorrowedFd<'_>) -> Result<Self> {
        let start_time = procstat::read(pid)?.start_time;
        Ok(Self {
            pid,
            start_time,
            pidfs_inode: pidfd::inode(pidfd)?,
            boot_id: clock::boot_id()?,
        })
    }

    /// This process.
    ///
    /// # Errors
    /// As [`KnownProcess::of`].
    pub fn own() -> Result<Self> {
        let pid = nix::unistd::getpid().as_raw();
        Self::of(pid, pidfd::open(pid)?.as_fd())
    }

    /// Finds out whether the process still exists, and gives a pidfd that is proved to be its.
    ///
    /// # Errors
    /// Those that leave the question open, such as `EMFILE`, or `ENOENT` without /proc.
    pub fn prove(&self) -> Result<Proof> {
        if self.boot_id != clock::boot_id()? {
            return Ok(Proof::Gone);
        }
        let pidfd = match pidfd::open(self.pid) {
            Ok(pidfd) => pidfd,
            // ESRCH: free; EINVAL: not a pid at all, or by now a thread's id (before 6.9).
            Err(Errno::ESRCH | Errno::EINVAL | Errno::ENOENT) => return Ok(Proof::Gone),
            Err(errno) => return Err(errno),
        };
        if let (Some(then), Some(now)) = (self.pidfs_inode, pidfd::inode(pidfd.as_fd())?)
            && then != now
        {
            return Ok(Proof::Gone);
        }
        match procstat::read(self.pid) {
            Ok(stat) if stat.start_time == self.start_time => {}
            Ok(_) | Err(Errno::ENOENT | Errno::ESRCH) => return Ok(Proof::Gone),
            Err(errno) => return Err(errno),
        }
        Ok(match pidfd::life(pidfd.as_fd())? {
            Life::Alive => Proof::Alive(pidfd),
            Life::Ended => Proof::Zombie(pidfd),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn cat() -> (Child, KnownProcess) {
        let mut command = Command::new("cat");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let child = child.unwrap();
        let pid = child.id().cast_signed();
        let identity = KnownProcess::of(pid, pidfd::open(pid).unwrap().as_fd()).unwrap();
        (child, identity)
    }

    fn is_gone(identity: &KnownProcess) -> bool {
        matches!(identity.prove(), Ok(Proof::Gone))
    }

    #[test]
    fn alive_then_zombie_then_gone() {
        let (mut child, identity) = cat();
        assert!(matches!(identity.prove(), Ok(Proof::Alive(_))));
        drop(child.stdin.take());
        let pidfd = pidfd::open(identity.pid).unwrap();
        pidfd::poll_end(pidfd.as_fd(), None).unwrap();
        assert!(matches!(identity.prove(), Ok(Proof::Zombie(_))));
        child.wait().unwrap();
        assert!(is_gone(&identity));
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_it() {
        let (mut child, identity) = cat();
        let mut other_start = identity.clone();
        other_start.start_time += 1;
        let mut other_boot = identity.clone();
        other_boot.boot_id.push('x');
        let mut other_inode = identity.clone();
        other_inode.pidfs_inode = identity.pidfs_inode.map(|inode| inode + 1);
        let gone = [&other_start, &other_boot].map(is_gone);
        let inode_tells = identity.pidfs_inode.is_none() || is_gone(&other_inode);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(gone, [true, true]);
        assert!(inode_tells);
    }

    #[test]
    fn our_own_record_survives_the_file() {
        let own = KnownProcess::own().unwrap();
        let text = serde_json::to_string(&own).unwrap();
        let read: KnownProcess = serde_json::from_str(&text).unwrap();
        assert_eq!(read, own);
        assert!(matches!(read.prove(), Ok(Proof::Alive(_))));
    }
}
