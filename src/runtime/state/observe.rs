//! The status of a container, derived from its files, its process and its cgroup.

use std::os::fd::{AsFd, OwnedFd};

use super::{Anchor, Entry, Exit, Outcome, Record, Status};
use crate::cgroup::{self, Placement};
use crate::error::{Doing, Error, Result};
use crate::journal::Intent;
use crate::sys::known_process::{KnownProcess, Proof};
use crate::sys::pidfd::{self, Life};
use crate::sys::procstat;

/// What can be said about a container now. Damage does not hide the rest.
#[derive(Debug)]
pub struct Observation {
    /// Its status.
    pub status: Status,
    /// Its record; a half-made or damaged one has none.
    pub record: Option<Record>,
    /// What is left to know where the record is damaged.
    pub anchor: Option<Anchor>,
    /// What its creator intended, where there is no record.
    pub intent: Option<Intent>,
    /// How it ended, once it is stopped and if somebody learned it.
    pub exit: Option<Exit>,
    /// What is wrong with its files, if anything.
    pub damage: Option<Error>,
}

impl Observation {
    /// Pid of the first process; 0 when there is none.
    #[must_use]
    pub fn pid(&self) -> i32 {
        match (&self.record, self.status) {
            (_, Status::Stopped) | (None, _) => 0,
            (Some(record), _) => record.init.pid,
        }
    }

    /// The container's cgroups, by the best that there is.
    #[must_use]
    pub fn cgroup(&self) -> Option<&Placement> {
        let recorded = self.record.as_ref().map(|record| &record.cgroup);
        let anchored = || self.anchor.as_ref().map(|anchor| &anchor.cgroup);
        let intended = || self.intent.as_ref().map(|intent| &intent.cgroup);
        recorded.or_else(anchored).or_else(intended)
    }
}

impl Entry {
    /// Looks at the container. Never fails and never blocks: what cannot be read is reported as
    /// damage, and the status is what can still be proved.
    #[must_use]
    pub fn observe(&self) -> Observation {
        let mut damage = None;
        let mut sound = |error| damage = Some(error);
        let record = self.record().unwrap_or_else(|error| {
            sound(error);
            None
        });
        let is_damaged = damage.is_some();
        let intent = match &record {
            Some(_) => None,
            None => self.intent().unwrap_or_else(|error| {
                damage.get_or_insert(error);
                None
            }),
        };
        let anchor = if is_damaged { self.anchor() } else { None };
        let status = match (&record, &anchor, &intent) {
            (Some(record), ..) => self.status_of(record).unwrap_or_else(|error| {
                damage.get_or_insert(error);
                Status::Running
            }),
            (None, Some(anchor), _) => status_by_cgroup(&anchor.cgroup),
            (None, None, Some(intent)) if is_damaged => status_by_cgroup(&intent.cgroup),
            (None, None, intent) => self.status_half_made(intent.as_ref()),
        };
        let exit = match status {
            Status::Stopped => self.exit_of(record.as_ref(), &mut damage),
            _ => None,
        };
        Observation {
            status,
            record,
            anchor,
            intent,
            exit,
            damage,
        }
    }

    /// A pidfd of the container's first process, proved to be its; `None` when it has ended.
    ///
    /// # Errors
    /// Those that leave the question open.
    pub fn init_pidfd(&self, record: &Record) -> Result<Option<OwnedFd>> {
        proved(&record.init)
    }

    fn status_of(&self, record: &Record) -> Result<Status> {
        let Some(pidfd) = self.init_pidfd(record)? else {
            return Ok(Status::Stopped);
        };
        if cgroup::is_frozen(&record.cgroup)? {
            return Ok(Status::Paused);
        }
        if self.awaits_start().doing("ask whether init was started")? {
            return Ok(Status::Created);
        }
        // Nobody listens: it was started, or it has died since.
        if pidfd::life(pidfd.as_fd()).doing("look at the container's process")? == Life::Ended {
            return Ok(Status::Stopped);
        }
        // A `start` that was killed half way could not say so itself.
        self.mark_started()?;
        Ok(Status::Running)
    }

    /// Without a record: somebody is making it, or was killed while making it.
    fn status_half_made(&self, intent: Option<&Intent>) -> Status {
        let owned = match intent.map(|intent| intent.owner.prove()) {
            Some(Ok(proof)) => matches!(proof, Proof::Alive(_)),
            // The lock tells where the intent does not.
            Some(Err(_)) | None => !self.is_idle(),
        };
        if owned {
            Status::Creating
        } else {
            Status::Stopped
        }
    }

    fn exit_of(&self, record: Option<&Record>, damage: &mut Option<Error>) -> Option<Exit> {
        match self.exit() {
            Ok(Some(exit)) => Some(exit),
            Ok(None) => record.and_then(|record| self.exit_of_zombie(record)),
            Err(error) => {
                damage.get_or_insert(error);
                None
            }
        }
    }

    /// The end of a process that its parent has not reaped yet can still be read.
    fn exit_of_zombie(&self, record: &Record) -> Option<Exit> {
        let Ok(Proof::Zombie(pidfd)) = record.init.prove() else {
            return None;
        };
        let stat = procstat::read(record.init.pid).ok()?;
        // Reaped meanwhile, the pid may be someone else's: the signal 0 finds out.
        pidfd::send_signal(pidfd.as_fd(), 0).ok()?;
        Some(Exit::new(
            Outcome::from(stat.end()?),
            self.started(record),
            None,
        ))
    }
}

/// A pidfd of the very process; `None` when it has ended.
///
/// # Errors
/// Those that leave the question open.
pub fn proved(process: &KnownProcess) -> Result<Option<OwnedFd>> {
    let pid = process.pid;
    match process
        .prove()
        .doing(format!("identify the container's process {pid}"))?
    {
        Proof::Alive(pidfd) => Ok(Some(pidfd)),
        Proof::Zombie(_) | Proof::Gone => Ok(None),
    }
}

/// Damaged, but it is known which cgroups are its.
fn status_by_cgroup(cgroup: &Placement) -> Status {
    match cgroup::pids(cgroup) {
        Ok(pids) if pids.is_empty() => Status::Stopped,
        _ => Status::Running,
    }
}
