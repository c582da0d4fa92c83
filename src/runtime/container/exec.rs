//! `exec`: a further process in a running container.

use std::os::fd::AsFd;
use std::path::Path;

use super::create::{Couriers, write_pid_file};
use super::further::Further;
use super::prepare::{check_preserved, first_fault, listen_fds};
use super::run::{Ran, Stay};
use super::stored;
use crate::cgroup::{self, Below};
use crate::config::{Config, Field, Process};
use crate::error::{At, Doing, Error, Kind, Pointer, Result};
use crate::state::{Status, Store};
use crate::terminal::{Foreground, HostConsole, Terminal};

/// What the command line says about a further process.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The state root.
    pub root: &'a Path,
    /// The container's id.
    pub id: &'a str,
    /// What is executed.
    pub what: What<'a>,
    /// `--console-socket`
    pub console_socket: Option<&'a Path>,
    /// `--pidfd-socket`
    pub pidfd_socket: Option<&'a Path>,
    /// `--pid-file`
    pub pid_file: Option<&'a Path>,
    /// `--preserve-fds`
    pub preserve_fds: u32,
    /// Whether a paused container is refused.
    pub paused: Paused,
    /// Cgroups below the container's own (`--cgroup`).
    pub below: Below,
}

/// What to do with a paused container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// Refuse it: the process would hang.
    Refuse,
    /// Go on (`--ignore-paused`).
    Ignore,
}

/// Where the process comes from.
#[derive(Clone, Debug)]
pub enum What<'a> {
    /// A process.json (`--process`), and whether the command line asks for a terminal, too.
    Document {
        /// The file.
        path: &'a Path,
        /// Whether the command line asks for a terminal.
        terminal: bool,
    },
    /// The container's own process with these changes.
    Changes(Changes),
}

/// Changes to the container's process.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Program and arguments.
    pub args: Vec<String>,
    /// `--cwd`
    pub cwd: Option<String>,
    /// `--env`: further entries; a later one wins.
    pub env: Vec<String>,
    /// `--tty`
    pub terminal: bool,
    /// `--user`: user and, where given, group.
    pub user: Option<(u32, Option<u32>)>,
    /// `--additional-gids`: further groups.
    pub additional_gids: Vec<u32>,
    /// `--cap`: added to the bounding, effective and permitted sets, never to the inheritable
    /// one (CVE-2022-29162); a mask.
    pub capabilities: u64,
    /// `--no-new-privs`
    pub no_new_privileges: bool,
}

/// Runs a further process in a container.
///
/// # Errors
/// What failed, or why the program could not be executed.
pub fn exec(request: &Request<'_>, stay: Stay) -> Result<Ran> {
    let entry = Store::find_in(request.root, request.id)?;
    let observation = entry.observe();
    let record = match (observation.status, observation.record) {
        (Status::Running | Status::Created | Status::Paused, Some(record)) => record,
        (Status::Stopped, _) => {
            let why = "cannot exec in a stopped container";
            return Err(Error::new(Kind::Status, "", why));
        }
        _ => {
            return Err(Error::new(
                Kind::Status,
                "",
                "cannot exec in a container being created",
            ));
        }
    };
    if request.paused == Paused::Refuse && cgroup::is_frozen(&record.cgroup)? {
        let error = Error::new(Kind::Status, "", "cannot exec in a paused container");
        return Err(error.hint("resume it first, or use --ignore-paused"));
    }
    let Some(init) = entry.init_pidfd(&record)? else {
        return Err(Error::new(
            Kind::Status,
            "",
            "cannot exec in a stopped container",
        ));
    };
    let config = stored::config(&entry, &record)?;
    let process = process(&request.what, &config)?;
    let listen_fds = listen_fds()?;
    let preserved = listen_fds + request.preserve_fds;
    check_preserved(preserved)?;
    let further = Further {
        record: &record,
        config: &config,
        init: init.as_fd(),
        process: &process,
        preserved,
        listen_fds,
        streams: None,
        program: None,
        below: &request.below,
    };
    enter(request, &further, stay).map_err(|error| located(error, &request.what))
}

/// Steps of a process that was read from process.json point into that file; those that all of the
/// container's processes share (`/linux/…`) point into its configuration.
fn located(error: Error, what: &What<'_>) -> Error {
    match (what, error.location()) {
        (What::Document { path, .. }, Some(At::Field(field)))
            if !field.as_str().starts_with("/linux/") =>
        {
            error.in_document(&path.to_string_lossy())
        }
        _ => error,
    }
}

fn enter(request: &Request<'_>, further: &Further<'_>, stay: Stay) -> Result<Ran> {
    check_terminal(further.process, request.console_socket, stay)?;
    let couriers = Couriers::connect(request.console_socket, request.pidfd_socket)?;
    let relayed = further.process.terminal && request.console_socket.is_none();
    let console = if relayed {
        Some(HostConsole::find()?)
    } else {
        None
    };
    let mut foreground = match stay {
        Stay::Foreground(orphans) => Some(Foreground::new(orphans)?),
        Stay::Detached => None,
    };
    let mut waiting = further.spawn()?;
    if let (Some(console), Some(master)) = (&console, &waiting.terminal) {
        console.give_size(master.as_fd());
    }
    couriers.send(waiting.terminal.as_ref(), &waiting.child)?;
    if let Some(path) = request.pid_file {
        write_pid_file(path, waiting.child.pid)?;
    }
    waiting.execute()?;
    let warnings = std::mem::take(&mut waiting.warnings);
    let Some(foreground) = &mut foreground else {
        return Ok(Ran { code: 0, warnings });
    };
    let terminal = match (console, waiting.terminal.take()) {
        (Some(console), Some(master)) => Some(Terminal { console, master }),
        _ => None,
    };
    let end = foreground.supervise(&waiting.child, terminal)?;
    Ok(Ran {
        code: i32::from(end.exit_code()),
        warnings,
    })
}

fn check_terminal(process: &Process, console_socket: Option<&Path>, stay: Stay) -> Result<()> {
    let usage = |why| Err(Error::new(Kind::Usage, "", why));
    match (process.terminal, console_socket, stay) {
        (true, None, Stay::Detached) => {
            usage("cannot allocate tty if saya will detach without setting console socket")
        }
        (false, Some(_), _) => {
            usage("cannot use console socket if saya will not detach or allocate tty")
        }
        _ => Ok(()),
    }
}

fn process(what: &What<'_>, config: &Config) -> Result<Process> {
    match what {
        What::Document { path, terminal } => {
            let mut process = read_process(path)?;
            process.terminal |= terminal;
            Ok(process)
        }
        What::Changes(changes) => {
            let none = || {
                let why = "the container's configuration has no process to start from";
                Error::new(Kind::Config, "", why).at(Pointer::new("/process"))
            };
            changed(config.process.as_ref().ok_or_else(none)?, changes)
        }
    }
}

/// Reads process.json.
fn read_process(path: &Path) -> Result<Process> {
    let what = || format!("process `{}`", path.display());
    let text = std::fs::read(path).doing(what())?;
    let document = serde_json::from_slice(&text)
        .map_err(|error| Error::new(Kind::Config, what(), format!("invalid JSON: {error}")))?;
    Process::from_document(&document)
        .map_err(|faults| first_fault(faults).in_document(&path.to_string_lossy()))
}

fn changed(base: &Process, changes: &Changes) -> Result<Process> {
    let mut process = base.clone();
    if changes.args.is_empty() {
        return Err(Error::new(Kind::Usage, "", "process args cannot be empty"));
    }
    process.args = Field {
        value: changes.args.clone(),
        at: Pointer::new(""),
    };
    for entry in &changes.env {
        let Some((key, _)) = entry.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            let why = format!("`{}` is not of the form KEY=VALUE", entry.escape_default());
            return Err(Error::new(Kind::Usage, "read --env", why));
        };
        process.env.retain(|old| old.split('=').next() != Some(key));
        process.env.push(entry.clone());
    }
    if let Some(cwd) = &changes.cwd {
        if !cwd.starts_with('/') {
            return Err(Error::new(
                Kind::Usage,
                "read --cwd",
                "the path must be absolute",
            ));
        }
        process.cwd = Field {
            value: cwd.clone(),
            at: Pointer::new(""),
        };
    }
    if let Some((uid, gid)) = changes.user {
        process.user.uid = uid;
        process.user.gid = gid.unwrap_or(process.user.gid);
    }
    process
        .user
        .additional_gids
        .extend(&changes.additional_gids);
    process.capabilities.bounding |= changes.capabilities;
    process.capabilities.effective |= changes.capabilities;
    process.capabilities.permitted |= changes.capabilities;
    process.no_new_privileges |= changes.no_new_privileges;
    process.terminal = changes.terminal;
    if !changes.terminal {
        process.console_size = None;
    }
    Ok(process)
}
