//! Everything that can be decided and refused before a container's first trace: the bundle read,
//! its configuration checked, the plan made, the namespaces to join opened.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::bundle::Bundle;
use crate::cgroup::unit::{self, Properties, Units, Wanted};
use crate::cgroup::{self, Driver};
use crate::config::{Config, fault};
use crate::error::{Context, Doing, Error, Kind, Pointer, Result};
use crate::host::Host;
use crate::launch::namespaces::open_joins;
use crate::plan::{self, Begin, EnterRoot, Keyring, Plan};
use crate::state::id;
use crate::sys::file;

use super::host_state;

/// What the command line says about a new container.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The state root.
    pub root: &'a Path,
    /// The container's id.
    pub id: &'a str,
    /// The bundle's directory.
    pub bundle: &'a Path,
    /// Where the terminal's master is sent (`--console-socket`).
    pub console_socket: Option<&'a Path>,
    /// Where init's pidfd is sent (`--pidfd-socket`).
    pub pidfd_socket: Option<&'a Path>,
    /// Where init's pid is written (`--pid-file`).
    pub pid_file: Option<&'a Path>,
    /// How the root is entered (`--no-pivot`).
    pub enter: EnterRoot,
    /// Whether it gets a session keyring (`--no-new-keyring`).
    pub keyring: Keyring,
    /// `--preserve-fds`: further descriptors for the program.
    pub preserve_fds: u32,
    /// `--cgroup-manager`
    pub cgroups: Driver,
}

/// A container that can be made.
#[derive(Debug)]
pub struct Prepared {
    /// The bundle.
    pub bundle: Bundle,
    /// Its configuration.
    pub config: Config,
    /// This machine.
    pub host: Host,
    /// What is to be done.
    pub plan: Plan,
    /// The systemd that is to make its cgroups.
    pub units: Option<Units>,
    /// Namespaces to join.
    pub joins: Vec<OwnedFd>,
    /// Descriptors after stdio for the program, those of LISTEN_FDS first.
    pub preserved: u32,
    /// Things worth a warning.
    pub warnings: Vec<String>,
}

/// Reads, checks and plans; makes nothing.
///
/// # Errors
/// The first thing that is wrong.
pub fn prepare(request: &Request<'_>, begin: Begin) -> Result<Prepared> {
    id::validate(request.id)?;
    let bundle = Bundle::open(request.bundle)?;
    let config = read_config(&bundle)?;
    check_root(&config)?;
    let host = Host::read()?;
    let units = match request.cgroups {
        Driver::Systemd => Some(Units::connect()?),
        Driver::Cgroupfs | Driver::Disabled => None,
    };
    let placement = place(&config, &host, request.id, request.cgroups, units.as_ref())?;
    let listen_fds = listen_fds()?;
    let options = plan::Options {
        id: request.id,
        enter: request.enter,
        begin,
        keyring: request.keyring,
        listen_fds,
    };
    let (mut plan, mut warnings) =
        plan::plan(&config, &host, placement, options).map_err(first_fault)?;
    warnings.extend(config.warnings.iter().cloned());
    cgroup::controllers::check(&plan.cgroup, &plan.settings)?;
    if let Some(units) = &units {
        plan.unit = describe_unit(units, &plan, &config, request.id)?;
    }
    let preserved = listen_fds + request.preserve_fds;
    check_preserved(preserved)?;
    let joins = open_joins(&plan.namespaces)?;
    host_state::check(&config, &plan.namespaces, &joins)?;
    if let Some(assignment) = &mut plan.resctrl {
        assignment.check()?;
    }
    Ok(Prepared {
        bundle,
        config,
        host,
        plan,
        units,
        joins,
        preserved,
        warnings,
    })
}

/// What systemd is to be told of the container's unit.
fn describe_unit(units: &Units, plan: &Plan, config: &Config, id: &str) -> Result<Properties> {
    let devices = file::read_small(c"/proc/devices").doing("read `/proc/devices`")?;
    unit::properties(&Wanted {
        id,
        placement: &plan.cgroup,
        settings: &plan.settings,
        device_rules: &plan.device_rules,
        annotations: &config.annotations,
        proc_devices: &String::from_utf8_lossy(&devices),
        version: units.version(),
    })
}

fn read_config(bundle: &Bundle) -> Result<Config> {
    Config::from_spec(&bundle.document, &bundle.path).map_err(first_fault)
}

pub(super) fn first_fault(faults: Vec<fault::Fault>) -> Error {
    let none = || Error::new(Kind::Config, "check the configuration", "unknown fault");
    fault::first_error(faults).unwrap_or_else(none)
}

/// The cgroups of a container; the fault is `linux.cgroupsPath`'s. Without a connection to systemd
/// those of a unit are where they would be under the machine's.
///
/// # Errors
/// As [`cgroup::place`] and [`unit::place`].
pub fn place(
    config: &Config,
    host: &Host,
    id: &str,
    driver: Driver,
    units: Option<&Units>,
) -> Result<cgroup::Placement> {
    let path = config.cgroups_path.as_ref();
    let text = path.map(|path| path.value.as_str());
    let placed = match (units, driver) {
        (Some(units), _) => units.place(&host.cgroups, text, id),
        (None, Driver::Systemd) => unit::place(&host.cgroups, text, id, unit::Instance::System, ""),
        (None, _) => cgroup::place(&host.cgroups, text, id, driver),
    };
    match path {
        Some(path) => placed.at(&path.at),
        None => placed,
    }
}

/// The root must be a directory before anything is made for it.
fn check_root(config: &Config) -> Result<()> {
    let what = format!("open root `{}`", config.root.path);
    let at = config.root.at.key("path");
    let path = std::ffi::CString::new(config.root.path.as_str())
        .map_err(|_| Error::new(Kind::Config, &*what, "the path holds a NUL byte").at(&at))?;
    match file::mode_of(&path) {
        Ok(mode) if mode & libc::S_IFMT == libc::S_IFDIR => Ok(()),
        Ok(_) => Err(Error::new(Kind::Config, what, "ENOTDIR: not a directory").at(at)),
        Err(errno) => Err(Error::from_errno(errno, what).at(at))
            .hint("root.path must be an existing directory"),
    }
}

/// Descriptors that a supervisor passes to this very process (sd_listen_fds(3)).
pub(super) fn listen_fds() -> Result<u32> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(count) = variable("LISTEN_FDS") else {
        return Ok(0);
    };
    if variable("LISTEN_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
        return Ok(0);
    }
    count.parse().map_err(|_| {
        let why = format!("`{}` is not a number", count.escape_default());
        Error::new(Kind::Usage, "read the variable LISTEN_FDS", why)
    })
}

pub(super) fn check_preserved(count: u32) -> Result<()> {
    for fd in 3..3 + count.min(1 << 20) {
        if !file::is_open(fd.cast_signed()) {
            let why = format!("file descriptor {fd} is not open");
            return Err(
                Error::new(Kind::Usage, format!("preserve {count} descriptors"), why)
                    .hint("--preserve-fds counts from 3, after those of LISTEN_FDS"),
            );
        }
    }
    Ok(())
}

/// A terminal and where its master goes must be given together when nobody stays to relay.
///
/// # Errors
/// Kind usage.
pub fn check_detached_terminal(config: &Config, console_socket: Option<&Path>) -> Result<()> {
    let terminal = config
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    let usage = |why| Error::new(Kind::Usage, "", why).at(Pointer::new("/process/terminal"));
    match (terminal, console_socket) {
        (true, None) => Err(usage(
            "cannot allocate tty if saya will detach without setting console socket",
        )),
        (false, Some(_)) => Err(usage(
            "cannot use console socket if saya will not detach or allocate tty",
        )),
        _ => Ok(()),
    }
}
