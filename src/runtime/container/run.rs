//! `run`: create and start in one, in the foreground or detached.

use std::os::fd::AsFd;

use super::create::Making;
use super::prepare::{Request, check_detached_terminal, prepare};
use super::{delete, further, start};
use crate::error::{Error, Kind, Result};
use crate::plan::Begin;
use crate::state::{Exit, Record};
use crate::sys::clock;
use crate::sys::pidfd::End;
use crate::terminal::{Foreground, HostConsole, Orphans, Terminal};

/// How `run` and `exec` stand to their process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until it ends.
    Foreground(Orphans),
    /// Not at all (`--detach`).
    Detached,
}

/// What becomes of a container that has run in the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It is deleted.
    Delete,
    /// It stays, stopped (`--keep`).
    Keep,
}

/// The end of `run`: the exit code to pass on, and warnings.
#[derive(Debug, Default)]
pub struct Ran {
    /// The program's exit code, 128 + n for signal n; 0 where it goes on detached.
    pub code: i32,
    /// Things worth a warning.
    pub warnings: Vec<String>,
}

/// Makes the container and runs its program.
///
/// # Errors
/// What failed; nothing is left then.
pub fn run(request: &Request<'_>, stay: Stay, afterwards: Afterwards) -> Result<Ran> {
    let mut prepared = prepare(request, Begin::AtOnce)?;
    let terminal = prepared
        .config
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    let (console, mut foreground) = match stay {
        Stay::Detached => {
            check_detached_terminal(&prepared.config, request.console_socket)?;
            (None, None)
        }
        Stay::Foreground(orphans) => {
            refuse_console_socket(request)?;
            let console = if terminal {
                Some(HostConsole::find()?)
            } else {
                None
            };
            (console, Some(Foreground::new(orphans)?))
        }
    };
    let mut making = Making::begin(request, &mut prepared)?;
    if let (Some(console), Some(master)) = (&console, &making.nascent()?.terminal) {
        console.give_size(master.as_fd());
    }
    let record = begin(&mut making)?;
    let warnings = std::mem::take(&mut making.prepared.warnings);
    let Some(foreground) = &mut foreground else {
        return Ok(Ran { code: 0, warnings });
    };
    let nascent = making.nascent()?;
    let terminal = match (console, nascent.terminal.take()) {
        (Some(console), Some(master)) => Some(Terminal { console, master }),
        _ => None,
    };
    let end = foreground.supervise(&nascent.child, terminal)?;
    let mut ran = Ran {
        code: i32::from(end.exit_code()),
        warnings,
    };
    if afterwards == Afterwards::Keep {
        making.entry.write_exit(&exit(end, &record))?;
        return Ok(ran);
    }
    let deleted = delete::ended(&making.entry, &record, &making.prepared.config.hooks);
    // What could not be deleted stays, and then with its end.
    let warnings = deleted.inspect_err(|_| {
        let _ = making.entry.write_exit(&exit(end, &record));
    })?;
    ran.warnings.extend(warnings);
    Ok(ran)
}

/// From a container in place to its program running; the hooks in between may stop it.
fn begin(making: &mut Making<'_>) -> Result<Record> {
    let record = making.record(Some(clock::now()))?;
    let init = making.nascent()?.child.pidfd.try_clone();
    let init = crate::error::Doing::doing(init, "keep init's pidfd")?;
    further::start_container_hooks(&record, &making.prepared.config, init.as_fd())?;
    making.execute()?;
    if let Err(error) = start::poststart(&record, &making.prepared.config) {
        making.discard();
        return Err(error);
    }
    Ok(record)
}

fn refuse_console_socket(request: &Request<'_>) -> Result<()> {
    if request.console_socket.is_some() {
        let why = "cannot use console socket if saya will not detach or allocate tty";
        return Err(Error::new(Kind::Usage, "", why));
    }
    Ok(())
}

/// The durable record of an end that we have seen ourselves; written while the cgroup is there.
fn exit(end: End, record: &Record) -> Exit {
    Exit::new(end.into(), record.started.clone(), Some(clock::now())).with_memory(&record.cgroup)
}
