//! `create`: a container that waits for its start.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::prepare::{Prepared, Request, check_detached_terminal, prepare};
use crate::config::NamespaceSource;
use crate::error::{Context, Doing, Result};
use crate::journal::Intent;
use crate::launch::{Ingredients, Nascent, launch};
use crate::plan::{Begin, EnterRoot, Keyring};
use crate::state::{self, Entry, Namespace, Record, Store};
use crate::sys::clock;
use crate::sys::clone::Child;
use crate::sys::known_process::KnownProcess;
use crate::sys::tty;
use crate::terminal::Courier;

/// Makes the container; its program runs when `start` says so. Returns warnings.
///
/// # Errors
/// What failed; nothing is left then.
pub fn create(request: &Request<'_>) -> Result<Vec<String>> {
    let mut prepared = prepare(request, Begin::OnStart)?;
    check_detached_terminal(&prepared.config, request.console_socket)?;
    let mut making = Making::begin(request, &mut prepared)?;
    making.record(None)?;
    making.execute()?;
    drop(making);
    Ok(prepared.warnings)
}

/// A container in the making. Dropped before [`Making::keep`], it leaves nothing.
pub(super) struct Making<'a> {
    request: &'a Request<'a>,
    pub(super) prepared: &'a mut Prepared,
    pub(super) entry: Entry,
    nascent: Option<Nascent>,
    pid_file: Option<PathBuf>,
    kept: bool,
}

impl<'a> Making<'a> {
    /// Reserves the id, writes the intent and makes the container up to its program.
    pub(super) fn begin(request: &'a Request<'a>, prepared: &'a mut Prepared) -> Result<Self> {
        let couriers = Couriers::connect(request.console_socket, request.pidfd_socket)?;
        let store = Store::open(request.root)?;
        let entry = store.reserve(request.id)?;
        let mut making = Self {
            request,
            prepared,
            entry,
            nascent: None,
            pid_file: None,
            kept: false,
        };
        making.write_intent()?;
        making.launch()?;
        let nascent = making.nascent()?;
        couriers.send(nascent.terminal.as_ref(), &nascent.child)?;
        Ok(making)
    }

    fn write_intent(&self) -> Result<()> {
        let placement = self.prepared.plan.cgroup.clone();
        let mut intent = Intent::own(self.request.id, &self.prepared.bundle.path, placement)
            .doing("identify the runtime's own process")?;
        let devices = self.prepared.config.net_devices.iter();
        intent.net_devices = devices.map(|device| device.host_name.clone()).collect();
        let resctrl = self.prepared.plan.resctrl.as_ref();
        intent.resctrl = resctrl.map(|assignment| assignment.groups.clone());
        self.entry.write_intent(&intent)
    }

    fn launch(&mut self) -> Result<()> {
        let waits = self.prepared.plan.waits_for_start();
        let start = if waits {
            Some(self.entry.bind_start()?)
        } else {
            None
        };
        let Prepared {
            bundle,
            config,
            host,
            plan,
            units,
            joins,
            preserved,
            ..
        } = &mut *self.prepared;
        let ingredients = Ingredients {
            id: self.request.id,
            bundle: Path::new(&bundle.path),
            config,
            host,
            joins,
            start: start.as_ref().map(AsFd::as_fd),
            preserved: *preserved,
            meanwhile: &|| self.entry.write_config(&bundle.text),
        };
        self.nascent = Some(launch(plan, units.take(), &ingredients)?);
        Ok(())
    }

    /// Init and what belongs to it, until the container is undone.
    pub(super) fn nascent(&mut self) -> Result<&mut Nascent> {
        let gone = || crate::error::Error::new(crate::error::Kind::System, "", "init is gone");
        self.nascent.as_mut().ok_or_else(gone)
    }

    /// Writes the pid file and the record: from here on the container exists.
    pub(super) fn record(&mut self, started: Option<String>) -> Result<Record> {
        let record = self.describe(started)?;
        if let Some(path) = self.request.pid_file {
            write_pid_file(path, record.init.pid)?;
            self.pid_file = Some(path.to_owned());
        }
        self.entry.commit(&record)?;
        Ok(record)
    }

    fn describe(&mut self, started: Option<String>) -> Result<Record> {
        let nascent = self.nascent()?;
        let init = KnownProcess::of(nascent.child.pid, nascent.child.pidfd.as_fd())
            .doing("identify init")?;
        let cgroup = nascent.placement().clone();
        let resctrl = nascent.resctrl().cloned();
        let config = &self.prepared.config;
        let namespaces = config.namespaces.iter().map(|(kind, source, _)| Namespace {
            kind: kind.name().to_owned(),
            path: match source {
                NamespaceSource::New => None,
                NamespaceSource::Path(path) => Some(path.clone()),
            },
        });
        Ok(Record {
            format: state::FORMAT,
            oci_version: config.version.clone(),
            id: self.request.id.to_owned(),
            bundle: self.prepared.bundle.path.clone(),
            rootfs: config.root.path.clone(),
            init,
            created: clock::now(),
            started,
            owner_uid: nix::unistd::geteuid().as_raw(),
            annotations: config.annotations.clone(),
            cgroup,
            resctrl,
            namespaces: namespaces.collect(),
            no_pivot: self.request.enter == EnterRoot::Move,
            no_new_keyring: self.request.keyring == Keyring::Callers,
        })
    }

    /// Lets init execute the program, or wait for its start; the container stays if it can. Returns
    /// when our end can no longer be init's (its parent-death signal).
    pub(super) fn execute(&mut self) -> Result<()> {
        let channel = self.nascent()?.release()?;
        if let Some(nascent) = &self.nascent {
            nascent.executed(&channel, &self.prepared.plan)?;
        }
        self.kept = true;
        Ok(())
    }

    /// Undoes the container after all: a hook that must not fail has.
    pub(super) fn discard(&mut self) {
        self.kept = false;
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Some(mut nascent) = self.nascent.take() {
            let Prepared {
                bundle,
                config,
                host,
                joins,
                preserved,
                ..
            } = &*self.prepared;
            nascent.undo(&Ingredients {
                id: self.request.id,
                bundle: Path::new(&bundle.path),
                config,
                host,
                joins,
                start: None,
                preserved: *preserved,
                meanwhile: &|| Ok(()),
            });
        }
        if let Some(path) = &self.pid_file {
            let _ = std::fs::remove_file(path);
        }
        // What cannot be removed is found by `list` and can still be deleted.
        let _ = self.entry.remove();
    }
}

/// The engine's sockets, connected before anything is made.
pub(super) struct Couriers {
    console: Option<Courier>,
    pidfd: Option<Courier>,
}

impl Couriers {
    pub(super) fn connect(console: Option<&Path>, pidfd: Option<&Path>) -> Result<Self> {
        let connect = |option, path: Option<&Path>| {
            path.map(|path| Courier::connect(option, path)).transpose()
        };
        Ok(Self {
            console: connect("--console-socket", console)?,
            pidfd: connect("--pidfd-socket", pidfd)?,
        })
    }

    /// Sends what was asked for.
    pub(super) fn send(self, terminal: Option<&OwnedFd>, child: &Child) -> Result<()> {
        if let (Some(courier), Some(master)) = (self.console, terminal) {
            let number = tty::number(master.as_fd()).doing("name the terminal")?;
            courier.send(master.as_fd(), &format!("/dev/pts/{number}"))?;
        }
        match self.pidfd {
            Some(courier) => courier.send(child.pidfd.as_fd(), "pidfd"),
            None => Ok(()),
        }
    }
}

/// Writes a pid as engines read it: decimal, no newline, at once.
///
/// # Errors
/// Kind system.
pub(super) fn write_pid_file(path: &Path, pid: libc::pid_t) -> Result<()> {
    let write = || {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
        std::fs::write(&temporary, pid.to_string())?;
        std::fs::rename(&temporary, path).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
    };
    write().doing("write the pid file").at(path)
}
