//! Config + Host → the ordered steps that make the container. Pure.
//!
//! A [`Plan`] is everything the kernel will be asked for, in kernel terms (C strings, flag
//! words, masks), each [`Step`] with the JSON pointer of the field it comes from. The child
//! walks `steps` and reports a failure as the number of the step; the parent, holding the same
//! plan, says what it was. Deliberately absent: any look at the host (see `host`).

pub mod devices;
pub mod exec;
pub mod identity;
pub mod mounts;
pub mod namespaces;
pub mod process;
pub mod rootfs;
pub mod seccomp;
pub mod show;
mod step;

use std::ffi::CString;

use crate::cgroup::Placement;
use crate::cgroup::devices::with_defaults;
use crate::cgroup::settings::{Setting, settings};
use crate::cgroup::unit::Properties;
use crate::config::{
    Config, DeviceRule, Fault, Mount, MountKind, NamespaceKind, NetDevice, Process, TimeOffsets,
};
use crate::error::Pointer;
use crate::host::Host;
use crate::resctrl::Assignment;
use crate::sys::exec::StringArray;
use crate::sys::mount::attr;

pub use step::{
    Attempt, Attributes, ConsoleStep, EnterRoot, FsOption, Inherit, Link, MountStep, Node, Op,
    RemountStep, Request, RootStep, SeccompStep, Source, Step, SysctlStep, Target, Tree,
};

/// What is to be done to make a container, in order.
#[derive(Debug)]
pub struct Plan {
    /// Namespaces made by clone or joined.
    pub namespaces: NamespacePlan,
    /// The container's cgroups.
    pub cgroup: Placement,
    /// What systemd is told of the container's unit, where the driver is systemd.
    pub unit: Properties,
    /// Limits, written to the cgroups' control files.
    pub settings: Vec<Setting>,
    /// The host user who becomes the owner of the v2 cgroup.
    pub cgroup_owner: Option<(u32, Pointer)>,
    /// Device rules of the cgroup, the defaults behind the configuration's.
    pub device_rules: Vec<DeviceRule>,
    /// Network devices moved in by the parent when the child asks for it.
    pub net_devices: Vec<NetDevice>,
    /// Groups below resctrl, entered by the parent.
    pub resctrl: Option<Assignment>,
    /// `oom_score_adj`, written by the parent.
    pub oom_score_adj: Option<(i32, Pointer)>,
    /// What the child does, in order; the last step executes the program.
    pub steps: Vec<Step>,
    /// Number of mount sources that the child keeps open between steps.
    pub slots: usize,
    /// What is executed at the end.
    pub program: Program,
}

/// The program and its environment.
#[derive(Debug)]
pub struct Program {
    /// Paths to try, in order: one for a name with a slash, one for each directory of PATH else.
    pub candidates: Vec<CString>,
    /// Which of the two it is.
    pub lookup: Lookup,
    /// Arguments.
    pub argv: StringArray,
    /// Environment.
    pub envp: StringArray,
    /// Place of `HOME=` in the environment, where it is to be filled in.
    pub home: Option<usize>,
    /// The user whose home it is.
    pub uid: u32,
}

/// How the program is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By its path.
    Path,
    /// By a name to be found in the directories of PATH.
    Search,
}

/// Longest home directory that is filled in.
pub const HOME_ROOM: usize = 1024;

/// Namespaces of a plan.
#[derive(Debug, Default)]
pub struct NamespacePlan {
    /// `CLONE_NEW*` bits for clone3(2). Never the cgroup bit, which the child unshares after it
    /// is in its cgroup, nor the time bit, because offsets are written before the child is born.
    pub clone_flags: u64,
    /// Existing namespaces to join, in joining order.
    pub joins: Vec<Join>,
    /// Clock offsets of a new time namespace.
    pub new_time: Option<(TimeOffsets, Pointer)>,
}

/// An existing namespace.
#[derive(Debug)]
pub struct Join {
    /// Its kind, checked when it is opened.
    pub kind: NamespaceKind,
    /// Host path.
    pub path: CString,
    /// Where it was asked for.
    pub at: Pointer,
}

/// What the command line adds to the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The container's id.
    pub id: &'a str,
    /// How the root is entered.
    pub enter: EnterRoot,
    /// Whether the program runs at once or waits for `start`.
    pub begin: Begin,
    /// Whether the container gets a session keyring of its own.
    pub keyring: Keyring,
    /// Descriptors announced by LISTEN_FDS.
    pub listen_fds: u32,
}

/// When the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At once (`run`).
    AtOnce,
    /// When `start` says so (`create`).
    OnStart,
}

/// The session keyring of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// A new one.
    New,
    /// The caller's (`--no-new-keyring`).
    Callers,
}

/// The plan of a new container in the cgroups of `placement`, and things worth a warning.
///
/// # Errors
/// What this version cannot do although the configuration is valid.
pub fn plan(
    config: &Config,
    host: &Host,
    placement: Placement,
    options: Options<'_>,
) -> Result<(Plan, Vec<String>), Vec<Fault>> {
    let Some(process) = &config.process else {
        let at = Pointer::new("/process");
        return Err(vec![Fault::invalid(
            at,
            "a container cannot be created without a process",
        )]);
    };
    let mut faults = long_values(config);
    let settings = settings(&config.resources, &placement).unwrap_or_else(|refused| {
        faults.extend(refused);
        Vec::new()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let namespaces = namespaces::namespaces(config);
    let session = namespaces::Session {
        entrance: namespaces::Entrance::of(&placement),
        keyring: (options.keyring == Keyring::New).then_some(options.id),
    };
    let mut steps = namespaces::steps(config, &namespaces, &session);
    let (view, slots) = rootfs::steps(config, process, &placement, options.enter);
    steps.extend(view);
    steps.extend(process::shared_steps(config));
    let end = exec::end(config, process, host, options.listen_fds, options.begin)
        .map_err(|fault| vec![fault])?;
    steps.extend(end.steps);
    let oom_score_adj = process
        .oom_score_adj
        .as_ref()
        .map(|adj| (adj.value, adj.at.clone()));
    let resctrl = config.intel_rdt.as_ref();
    let plan = Plan {
        namespaces,
        cgroup_owner: cgroup_owner(config, process, &placement),
        cgroup: placement,
        unit: Properties::new(),
        settings,
        device_rules: with_defaults(&config.resources.devices),
        net_devices: config.net_devices.clone(),
        resctrl: resctrl.map(|rdt| Assignment::of(rdt, options.id)),
        oom_score_adj,
        steps,
        slots,
        program: end.program,
    };
    let mut warnings = end.warnings;
    if let Some(profile) = &config.seccomp {
        warnings.extend(seccomp::warnings(profile));
    }
    Ok((plan, warnings))
}

/// The container's user, if the cgroup is to be its own: under cgroup v2 alone, in a new cgroup
/// namespace, with a writable mount of the hierarchy (config-linux.md, "Cgroup ownership").
fn cgroup_owner(
    config: &Config,
    process: &Process,
    placement: &Placement,
) -> Option<(u32, Pointer)> {
    let is_unified = placement.v2().is_some() && placement.directories.len() == 1;
    let has_namespace = config.namespaces.is_new(NamespaceKind::Cgroup);
    let mount = config
        .mounts
        .iter()
        .find(|mount| is_writable_cgroup(mount))?;
    // A runtime that is root has made the cgroup root's own.
    let uid = Some(process.user.uid).filter(|uid| *uid != 0)?;
    (is_unified && has_namespace).then(|| (uid, mount.at.clone()))
}

fn is_writable_cgroup(mount: &Mount) -> bool {
    let is_cgroup = match &mount.kind {
        MountKind::Cgroup => true,
        MountKind::Filesystem { fstype, .. } => fstype == "cgroup2",
        _ => false,
    };
    is_cgroup && mount.set & attr::RDONLY == 0
}

/// Longest value that fsconfig(2) takes.
const FS_VALUE_MAX: usize = 255;

fn long_values(config: &Config) -> Vec<Fault> {
    let data = config.mounts.iter().flat_map(|mount| match &mount.kind {
        MountKind::Filesystem { data, .. } | MountKind::Remount { data, .. } => data.as_slice(),
        _ => &[],
    });
    data.filter(|(_, value, _)| value.as_ref().is_some_and(|v| v.len() > FS_VALUE_MAX))
        .map(|(key, _, at)| {
            let why =
                format!("the value of `{key}` is longer than the kernel's limit of 255 bytes");
            Fault::unsupported(at.clone(), why).hint("use shorter paths, such as symbolic links")
        })
        .collect()
}

/// A C string; the configuration has refused NUL bytes long before.
fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// A path below the root, without the leading slash.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

impl Plan {
    /// Whether init waits for `start` before it executes the program.
    #[must_use]
    pub fn waits_for_start(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.op, Op::AwaitStart))
    }
}
