//! `check`: all faults of a bundle on this host at once; `plan`: what would be done. Neither
//! changes anything.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use super::prepare::place;
use crate::bundle::Bundle;
use crate::cgroup::{self, Driver};
use crate::config::{Config, Fault, MountKind, NamespaceSource};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::launch::namespaces::open_joins;
use crate::plan::{self, Begin, EnterRoot, Keyring, Plan};
use crate::resctrl::Assignment;
use crate::sys::file;

/// The id in a plan that is only shown.
const EXAMPLE_ID: &str = "ID";

/// What a bundle would come to.
#[derive(Debug)]
pub struct Verdict {
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
    /// Things worth a warning.
    pub warnings: Vec<String>,
    /// What would be done, where nothing is wrong with the configuration.
    pub plan: Option<Plan>,
}

/// Looks at a bundle.
///
/// # Errors
/// A bundle that cannot be read, or a host that cannot be looked at.
pub fn check(bundle: &Path) -> Result<Verdict> {
    let bundle = Bundle::open(bundle)?;
    let (config, mut faults) = Config::inspect(&bundle.document, &bundle.path);
    let Some(config) = config else {
        return Ok(Verdict {
            faults,
            warnings: Vec::new(),
            plan: None,
        });
    };
    let sound = faults.is_empty();
    faults.extend(host_faults(&config));
    let host = Host::read()?;
    let mut warnings = config.warnings.clone();
    let plan = if sound {
        planned(&config, &host, &mut faults, &mut warnings)
    } else {
        None
    };
    Ok(Verdict {
        faults,
        warnings,
        plan,
    })
}

/// The plan of a sound configuration, and what only planning shows.
fn planned(
    config: &Config,
    host: &Host,
    faults: &mut Vec<Fault>,
    warnings: &mut Vec<String>,
) -> Option<Plan> {
    let placement = place(config, host, EXAMPLE_ID, driver(config), None)
        .map_err(|error| faults.push(fault(error)))
        .ok()?;
    let options = plan::Options {
        id: EXAMPLE_ID,
        enter: EnterRoot::Pivot,
        begin: Begin::OnStart,
        keyring: Keyring::New,
        listen_fds: 0,
    };
    let (plan, more) = plan::plan(config, host, placement, options)
        .map_err(|more| faults.extend(more))
        .ok()?;
    warnings.extend(more);
    if let Err(error) = open_joins(&plan.namespaces) {
        faults.push(fault(error));
    }
    Some(plan)
}

/// The driver that `linux.cgroupsPath` is written for.
fn driver(config: &Config) -> Driver {
    let path = config.cgroups_path.as_ref().map(|path| path.value.as_str());
    if path.is_some_and(cgroup::placement::names_unit) {
        Driver::Systemd
    } else {
        Driver::Cgroupfs
    }
}

/// An error as a fault of the field it names.
fn fault(error: Error) -> Fault {
    let at = match error.location() {
        Some(crate::error::At::Field(pointer)) => pointer.clone(),
        _ => crate::error::Pointer::root(),
    };
    Fault {
        kind: error.kind(),
        at,
        why: match error.operation() {
            "" => error.why().to_owned(),
            operation => format!("{operation}: {}", error.why()),
        },
        hint: error.advice().map(str::to_owned),
    }
}

/// What this host lacks.
fn host_faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    match mode(&config.root.path) {
        Some(mode) if mode & libc::S_IFMT == libc::S_IFDIR => {}
        Some(_) => faults.push(missing(
            config.root.at.key("path"),
            format!("`{}` is not a directory", config.root.path),
        )),
        None => faults.push(
            missing(
                config.root.at.key("path"),
                format!("`{}` does not exist", config.root.path),
            )
            .hint("root.path must be an existing directory"),
        ),
    }
    faults.extend(config.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Bind { source, .. } if mode(source).is_none() => {
            let why = format!("the mount source `{source}` does not exist on this host");
            Some(missing(mount.at.key("source"), why).hint("create it before"))
        }
        MountKind::Filesystem { fstype, .. } if !is_known(fstype) => {
            let why = format!("this kernel does not know the file system `{fstype}`");
            let hint = "load its module or correct the type";
            Some(missing(mount.at.key("type"), why).hint(hint))
        }
        _ => None,
    }));
    for (kind, source, at) in config.namespaces.iter() {
        if *source == NamespaceSource::New
            && !Path::new(&format!("/proc/self/ns/{}", kind.proc_name())).exists()
        {
            let why = format!("this kernel has no {} namespaces", kind.name());
            faults.push(missing(at.clone(), why));
        }
    }
    for device in &config.net_devices {
        if !Path::new(&format!("/sys/class/net/{}", device.host_name)).exists() {
            let why = format!(
                "there is no network device `{}` on this host",
                device.host_name
            );
            faults.push(missing(device.at.clone(), why));
        }
    }
    for sysctl in &config.sysctl {
        if !Path::new(&format!("/proc/sys/{}", sysctl.path)).exists() {
            let why = format!("this kernel has no sysctl `{}`", sysctl.path);
            faults.push(missing(sysctl.at.clone(), why));
        }
    }
    if let Some(rdt) = &config.intel_rdt
        && let Err(error) = Assignment::of(rdt, EXAMPLE_ID).check()
    {
        faults.push(fault(error));
    }
    faults
}

fn missing(at: crate::error::Pointer, why: String) -> Fault {
    Fault {
        kind: Kind::System,
        at,
        why,
        hint: None,
    }
}

fn mode(path: &str) -> Option<u32> {
    file::mode_of(&CString::new(path).ok()?).ok()
}

/// Whether the kernel lists the file system; a module that can be loaded is not listed, but then
/// there is a directory of modules to look into.
fn is_known(fstype: &str) -> bool {
    let listed = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    listed
        .lines()
        .any(|line| line.split_whitespace().last() == Some(fstype))
        || Path::new(&format!("/sys/module/{fstype}")).exists()
}
