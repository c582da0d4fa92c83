//! One container's directory: its files, its lock, its end.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::files::random_name;
use super::{Anchor, Exit, GONE, Record, Store, not_found};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::journal::Intent;
use crate::sys::directory::{self, Lock};
use crate::sys::{channel, clock};

/// How long an operation waits for another one on the same container.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The longest pause between two looks at a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Bytes of config.json and state.json that are read at most: annotations may be large.
const LARGE: u64 = 16 << 20;
/// Bytes of the other files that are read at most.
const SMALL: u64 = 1 << 20;

const INTENT: &str = "intent.json";
const CONFIG: &str = "config.json";
const ANCHOR: &str = "anchor";
const STATE: &str = "state.json";
const EXIT: &str = "exit.json";
const START: &str = "start";
const STARTED: &str = "started";

/// The state of one container on disk.
#[derive(Debug)]
pub struct Entry {
    id: String,
    path: PathBuf,
    root: OwnedFd,
    dir: OwnedFd,
    /// Held while the container is being made.
    creation: Option<Lock>,
}

impl Entry {
    pub(super) fn new(store: &Store, id: &str, dir: OwnedFd) -> Result<Self> {
        let root = store.dir.try_clone().doing("open the state root")?;
        Ok(Self {
            id: id.to_owned(),
            path: store.path.join(id),
            root,
            dir,
            creation: None,
        })
    }

    /// The entry of a directory just made, locked before anybody relies on it.
    pub(super) fn new_locked(store: &Store, id: &str) -> Result<Self> {
        let path = store.path.join(id);
        let dir = directory::open_in(store.dir.as_fd(), id)
            .doing("open the container's state")
            .at(&*path)?;
        let mut entry = Self::new(store, id, dir)?;
        // Between mkdir and here a `delete --force` may have taken it away again.
        entry.creation = Some(entry.lock(LOCK_WAIT)?);
        Ok(entry)
    }

    /// Container id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Absolute path of the directory, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Writes the intent: the first thing after [`Store::reserve`].
    ///
    /// # Errors
    /// Kind system.
    pub fn write_intent(&self, intent: &Intent) -> Result<()> {
        self.write_json(INTENT, intent)
    }

    /// The intent; `None` if there is none yet.
    ///
    /// # Errors
    /// Kind system; also if the file is damaged.
    pub fn intent(&self) -> Result<Option<Intent>> {
        self.read_json(INTENT, SMALL)
    }

    /// Keeps the bytes of the bundle's config.json.
    ///
    /// # Errors
    /// Kind system.
    pub fn write_config(&self, bytes: &[u8]) -> Result<()> {
        self.replace(CONFIG, bytes)
    }

    /// The bytes of config.json as they were at create.
    ///
    /// # Errors
    /// Kind system.
    pub fn config(&self) -> Result<Vec<u8>> {
        directory::read(self.dir(), CONFIG, LARGE)
            .doing("read the container's configuration")
            .at(&*self.path.join(CONFIG))
    }

    /// Writes the record: from now on the container exists, and the entry is unlocked.
    ///
    /// # Errors
    /// Kind system.
    pub fn commit(&mut self, record: &Record) -> Result<()> {
        self.write_anchor(record);
        self.write_json(STATE, record)?;
        self.creation = None;
        Ok(())
    }

    /// Best effort: a host with so many hierarchies that the text is longer than a path goes
    /// without, and so does a file system without links.
    fn write_anchor(&self, record: &Record) {
        let anchor = Anchor {
            init: record.init.clone(),
            cgroup: record.cgroup.clone(),
        };
        if let Ok(text) = serde_json::to_string(&anchor) {
            let _ = directory::make_link(self.dir(), ANCHOR, &text);
        }
    }

    /// What is known of a container whose record is damaged.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        let text = directory::read_link(self.dir(), ANCHOR).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The record; `None` for a container that is half made.
    ///
    /// # Errors
    /// Kind system; also if the file is damaged.
    pub fn record(&self) -> Result<Option<Record>> {
        self.read_json(STATE, LARGE)
    }

    /// Keeps how the container ended. What is known already is not overwritten by less.
    ///
    /// # Errors
    /// Kind system.
    pub fn write_exit(&self, exit: &Exit) -> Result<()> {
        if matches!(exit.outcome, super::Outcome::Unknown(_)) && self.exit()?.is_some() {
            return Ok(());
        }
        self.write_json(EXIT, exit)
    }

    /// How the container ended, if anybody learned it.
    ///
    /// # Errors
    /// Kind system; also if the file is damaged.
    pub fn exit(&self) -> Result<Option<Exit>> {
        self.read_json(EXIT, SMALL)
    }

    /// Makes the socket on which init waits for `start` (SOCK_SEQPACKET, close-on-exec).
    ///
    /// While it listens, the container is *created*. A connection that closes without a message
    /// was only a look: init must accept the next one.
    ///
    /// # Errors
    /// Kind system.
    pub fn bind_start(&self) -> Result<OwnedFd> {
        channel::listen(&self.start_address())
            .doing("listen for the start")
            .at(&*self.path.join(START))
    }

    /// Connects to init; `None` if it was started already, or never waited.
    ///
    /// # Errors
    /// Kind system.
    pub fn connect_start(&self) -> Result<Option<OwnedFd>> {
        match channel::dial(&self.start_address()) {
            Ok(connection) => Ok(Some(connection)),
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => Ok(None),
            Err(errno) => {
                Err(Error::from_errno(errno, "connect to init").at(&*self.path.join(START)))
            }
        }
    }

    /// Whether init waits for its start. Never blocks, also when init is frozen.
    pub(super) fn awaits_start(&self) -> crate::sys::Result<bool> {
        match channel::probe(&self.start_address()) {
            Ok(()) | Err(Errno::EAGAIN) => Ok(true),
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// The socket's address: through the descriptor, as a path may be longer than the 107 bytes
    /// of unix(7).
    fn start_address(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{START}", self.dir.as_raw_fd()))
    }

    /// Notes that the program was executed now. Renames the socket, whose ctime then says when.
    /// Doing it twice, or for a container that `run` has started, changes nothing.
    ///
    /// # Errors
    /// Kind system.
    pub fn mark_started(&self) -> Result<()> {
        match directory::rename(self.dir(), START, STARTED) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => {
                Err(Error::from_errno(errno, "mark as started").at(&*self.path.join(STARTED)))
            }
        }
    }

    /// When the program was executed (RFC 3339), `None` if it never was.
    #[must_use]
    pub fn started(&self, record: &Record) -> Option<String> {
        record.started.clone().or_else(|| {
            let changed = directory::changed(self.dir(), STARTED).ok()?;
            Some(clock::rfc3339(changed))
        })
    }

    /// When the directory last changed: for a half-made container, about when it was begun.
    #[must_use]
    pub fn changed(&self) -> std::time::SystemTime {
        directory::changed(self.dir(), ".").unwrap_or(std::time::UNIX_EPOCH)
    }

    /// The user who made the directory.
    #[must_use]
    pub fn owner_uid(&self) -> u32 {
        directory::owner(self.dir()).unwrap_or(0)
    }

    /// Locks the entry against other operations that must not run at the same time.
    ///
    /// # Errors
    /// Kind timeout if another operation holds it for longer than `wait`; not-found if the
    /// container was deleted meanwhile.
    pub fn lock(&self, wait: Duration) -> Result<Lock> {
        let deadline = Instant::now() + wait;
        let mut pause = Duration::from_millis(1);
        loop {
            match directory::try_lock(self.dir()) {
                // flock(2) knows no time limit; a lock is rarely held, and then for milliseconds.
                Ok(None) if Instant::now() < deadline => std::thread::sleep(pause),
                Ok(None) => return Err(self.busy(wait)),
                Ok(Some(lock)) if self.is_current() => return Ok(lock),
                Ok(Some(_)) | Err(Errno::ENOENT) => return Err(not_found()),
                Err(errno) => {
                    return Err(Error::from_errno(errno, "lock the container").at(&*self.path));
                }
            }
            pause = (pause * 2).min(LOCK_PAUSE);
        }
    }

    fn busy(&self, wait: Duration) -> Error {
        let why = match self.intent() {
            Ok(Some(intent)) if matches!(self.record(), Ok(None)) => {
                let pid = intent.owner.pid;
                format!("process {pid} has been creating it for over {wait:?}")
            }
            _ => format!("another operation on it lasts for over {wait:?}"),
        };
        Error::new(Kind::Timeout, "lock the container", why).at(&*self.path)
    }

    /// Whether the lock is free: nobody is making or deleting the container.
    pub(super) fn is_idle(&self) -> bool {
        matches!(directory::try_lock(self.dir()), Ok(Some(_)))
    }

    /// Whether the id still means this directory.
    fn is_current(&self) -> bool {
        directory::open_in(self.root.as_fd(), &self.id)
            .and_then(|now| directory::is_same(now.as_fd(), self.dir()))
            .unwrap_or(false)
    }

    /// Frees the id at once and removes the files. Call it with the lock held, after everything
    /// the container had is gone. An entry that is gone already is success.
    ///
    /// # Errors
    /// Kind system.
    pub fn remove(&self) -> Result<()> {
        if !self.is_current() {
            return Ok(());
        }
        let gone = random_name(GONE);
        match directory::rename(self.root.as_fd(), &self.id, &gone) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => {
                return Err(
                    Error::from_errno(errno, "remove the container's state").at(&*self.path)
                );
            }
        }
        let path = self.path.with_file_name(gone);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).doing("remove the container's state").at(&*path)
            }
            _ => Ok(()),
        }
    }
}
