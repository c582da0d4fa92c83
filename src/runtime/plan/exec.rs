//! The program, and the plan of `exec`: a further process in a container that exists.

use super::process::Attribute;
use super::seccomp::Moment;
use super::{
    Attempt, Begin, EnterRoot, HOME_ROOM, Lookup, Op, Program, Step, c_string, identity, process,
    rootfs, seccomp,
};
use crate::config::{Config, Fault, Process};
use crate::error::Pointer;
use crate::host::Host;
use crate::sys::exec::StringArray;

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What `exec` executes, where.
#[derive(Debug)]
pub struct ExecPlan {
    /// What the child does, in order.
    pub steps: Vec<Step>,
    /// What it executes at the end.
    pub program: Program,
    /// Things worth a warning.
    pub warnings: Vec<String>,
}

/// The container that `exec` enters.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its init, in the runtime's pid namespace.
    pub pid: libc::pid_t,
    /// `CLONE_NEW*` bits of the namespaces that are the container's own, but for pid, which the
    /// parent enters.
    pub namespaces: u64,
    /// Whether the child writes itself into the container's cgroups (v1).
    pub joins_cgroups: bool,
    /// Descriptors announced by LISTEN_FDS.
    pub listen_fds: u32,
    /// The file to execute where it is not the first argument (hooks).
    pub program: Option<&'a str>,
}

/// The plan of a further process.
///
/// # Errors
/// What cannot be done although the configuration is valid.
pub fn exec(
    config: &Config,
    process: &Process,
    host: &Host,
    target: Target<'_>,
) -> Result<ExecPlan, Fault> {
    let mut steps = Vec::new();
    let affinity = process.exec_affinity.as_ref();
    if let Some(mask) = affinity.and_then(|affinity| affinity.initial.as_ref()) {
        let op = Op::Process(Attribute::Affinity(mask.value.clone()));
        steps.push(Step::new(op, mask.at.clone()));
    }
    if target.joins_cgroups {
        steps.push(Step::new(Op::JoinCgroups, Pointer::root()));
    }
    if let Some(mask) = affinity.and_then(|affinity| affinity.last.as_ref()) {
        let op = Op::Process(Attribute::Affinity(mask.value.clone()));
        steps.push(Step::new(op, mask.at.clone()));
    }
    let has_mount_namespace = target.namespaces & libc::CLONE_NEWNS as u64 != 0;
    if !has_mount_namespace {
        let path = c_string(&format!("/proc/{}/root", target.pid));
        steps.push(Step::new(Op::OpenContainerRoot(path), Pointer::root()));
    }
    steps.push(Step::new(
        Op::JoinContainer(target.namespaces),
        Pointer::root(),
    ));
    if !has_mount_namespace {
        steps.push(Step::new(Op::EnterRoot(EnterRoot::Chroot), Pointer::root()));
    }
    let session = Op::Process(Attribute::Session);
    steps.push(Step::new(session, Pointer::root()));
    if process.terminal {
        let op = Op::Console(rootfs::console(process, false));
        steps.push(Step::new(op, process.at.key("terminal")));
    }
    steps.extend(process::shared_steps(config));
    let mut end = end(config, process, host, target.listen_fds, Begin::AtOnce)?;
    if let Some(path) = target.program {
        end.program.candidates = vec![c_string(path)];
        end.program.lookup = Lookup::Path;
    }
    steps.extend(end.steps);
    Ok(ExecPlan {
        steps,
        program: end.program,
        warnings: end.warnings,
    })
}

/// What every process of a container goes through at the end.
pub(super) struct End {
    pub(super) steps: Vec<Step>,
    pub(super) program: Program,
    pub(super) warnings: Vec<String>,
}

/// From the attributes of the process to its program executed.
///
/// # Errors
/// A seccomp filter that cannot be had.
pub(super) fn end(
    config: &Config,
    process: &Process,
    host: &Host,
    listen_fds: u32,
    begin: Begin,
) -> Result<End, Fault> {
    let (load_at, mut filter) = match seccomp::step(config, process)? {
        Some((moment, step)) => (Some(moment), Some(step)),
        None => (None, None),
    };
    let mut load = |moment| filter.take_if(|_| load_at == Some(moment));
    let program = program(process, listen_fds);
    let mut steps = process::steps(process);
    if program.home.is_some() {
        steps.push(Step::new(Op::Home, process.user.at.clone()));
    }
    steps.push(Step::new(Op::CloseDescriptors, Pointer::root()));
    steps.push(rootfs::working_directory(process, Attempt::First));
    steps.extend(load(Moment::Privileged));
    let (identity, warnings) = identity::identity(process, host);
    steps.push(Step::new(Op::Identity(identity), process.at.clone()));
    steps.push(rootfs::working_directory(process, Attempt::Last));
    steps.push(Step::new(Op::FindProgram, process.args.at.clone()));
    steps.extend(load(Moment::Attended));
    steps.push(Step::new(Op::Ready, Pointer::root()));
    if begin == Begin::OnStart {
        steps.push(Step::new(Op::AwaitStart, Pointer::root()));
    }
    steps.extend(load(Moment::Last));
    steps.push(Step::new(Op::Execute, process.args.at.clone()));
    Ok(End {
        steps,
        program,
        warnings,
    })
}

fn program(process: &Process, listen_fds: u32) -> Program {
    let mut envp = StringArray::new(process.env.iter().filter(|entry| *entry != "HOME="));
    if listen_fds > 0 {
        envp.add(format!("LISTEN_FDS={listen_fds}").as_bytes(), 0);
        envp.add(b"LISTEN_PID=1", 0);
    }
    let has_home = process
        .env
        .iter()
        .any(|entry| entry.starts_with("HOME=") && entry != "HOME=");
    let home = (!has_home).then(|| envp.add(b"HOME=", HOME_ROOM));
    Program {
        lookup: lookup(process),
        candidates: candidates(process)
            .iter()
            .map(|path| c_string(path))
            .collect(),
        argv: StringArray::new(&process.args.value),
        envp,
        home,
        uid: process.user.uid,
    }
}

fn lookup(process: &Process) -> Lookup {
    match process.args.value.first() {
        Some(name) if name.contains('/') => Lookup::Path,
        _ => Lookup::Search,
    }
}

/// The paths at which the program may be: itself if it has a slash, else in each directory of
/// the process's PATH. An empty entry of PATH is no directory here: the working directory is the
/// container's to fill.
fn candidates(process: &Process) -> Vec<String> {
    let name = process.args.value.first().map_or("", String::as_str);
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    let path = process
        .env
        .iter()
        .find_map(|entry| entry.strip_prefix("PATH="));
    path.unwrap_or(DEFAULT_PATH)
        .split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| format!("{dir}/{name}"))
        .collect()
}
