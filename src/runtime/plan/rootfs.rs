//! The container's view of the file system, from the host's propagation to the entered root.

use super::{
    Attempt, ConsoleStep, EnterRoot, Op, Request, RootStep, Step, SysctlStep, c_string, devices,
    mounts, relative,
};
use crate::cgroup::Placement;
use crate::config::{Config, HookKind, NamespaceKind, Process};
use crate::error::Pointer;

/// The steps, and the number of slots they use.
pub(super) fn steps(
    config: &Config,
    process: &Process,
    cgroup: &Placement,
    enter: EnterRoot,
) -> (Vec<Step>, usize) {
    let mounts = mounts::mounts(config, cgroup);
    let has_mount_namespace = config.namespaces.has(NamespaceKind::Mount);
    let mut steps = Vec::new();
    if has_mount_namespace {
        let at = config
            .rootfs_propagation
            .as_ref()
            .map(|field| field.at.clone());
        let flags = host_propagation(config);
        steps.push(Step::new(
            Op::HostPropagation(flags),
            at.unwrap_or_default(),
        ));
    }
    if !config.sysctl.is_empty() {
        steps.push(Step::new(Op::OpenProc, Pointer::new("/linux/sysctl")));
    }
    steps.extend(mounts.sources);
    steps.push(open_root(config, has_mount_namespace));
    steps.extend(mounts.steps);
    steps.extend(devices::steps(config));
    let cwd = relative(&process.cwd.value);
    if !cwd.is_empty() {
        steps.push(Step::new(
            Op::EnsureDirectory(c_string(cwd)),
            process.cwd.at.clone(),
        ));
    }
    if process.terminal {
        steps.push(Step::new(
            Op::Console(console(process, true)),
            process.at.key("terminal"),
        ));
    }
    steps.extend(names(config));
    steps.extend(config.sysctl.iter().map(|sysctl| {
        let path = c_string(&format!("sys/{}", sysctl.path));
        let value = c_string(&sysctl.value);
        Step::new(Op::Sysctl(SysctlStep { path, value }), sysctl.at.clone())
    }));
    steps.extend(hooks(config));
    steps.extend(restrictions(config));
    let enter = if has_mount_namespace {
        enter
    } else {
        EnterRoot::Chroot
    };
    steps.push(Step::new(Op::EnterRoot(enter), config.root.at.clone()));
    if let Some(field) = &config.rootfs_propagation {
        let flags = propagation_flags(field.value.kind, field.value.recursive);
        steps.push(Step::new(Op::RootPropagation(flags), field.at.clone()));
    }
    (steps, mounts.slots)
}

fn propagation_flags(kind: u64, recursive: bool) -> u64 {
    kind | if recursive { libc::MS_REC } else { 0 }
}

/// By default the container's mounts follow the host's and never the other way. What is
/// unbindable could not be bound any more: until the root is entered it is only private.
fn host_propagation(config: &Config) -> u64 {
    let Some(field) = &config.rootfs_propagation else {
        return libc::MS_SLAVE | libc::MS_REC;
    };
    match field.value.kind {
        libc::MS_UNBINDABLE => propagation_flags(libc::MS_PRIVATE, field.value.recursive),
        kind => propagation_flags(kind, field.value.recursive),
    }
}

fn open_root(config: &Config, has_mount_namespace: bool) -> Step {
    let path = c_string(&config.root.path);
    let op = if has_mount_namespace {
        // A slave or private `/` already keeps the root's parent from the host.
        let shared = host_propagation(config) != libc::MS_SLAVE | libc::MS_REC
            && host_propagation(config) != libc::MS_PRIVATE | libc::MS_REC;
        Op::OpenRoot(RootStep {
            path,
            isolate_parent: shared,
        })
    } else {
        Op::OpenContainerRoot(path)
    };
    Step::new(op, config.root.at.key("path"))
}

/// The terminal of a process.
pub(super) fn console(process: &Process, bind: bool) -> ConsoleStep {
    ConsoleStep {
        size: process.console_size,
        uid: process.user.uid,
        bind,
    }
}

fn names(config: &Config) -> Vec<Step> {
    let host = config
        .hostname
        .as_ref()
        .map(|name| Step::new(Op::Hostname(c_string(&name.value)), name.at.clone()));
    let domain = config
        .domainname
        .as_ref()
        .map(|name| Step::new(Op::Domainname(c_string(&name.value)), name.at.clone()));
    host.into_iter().chain(domain).collect()
}

/// The hooks that run while everything is mounted and the root not yet entered.
fn hooks(config: &Config) -> Vec<Step> {
    let mut steps = Vec::new();
    let any = |kind| !config.hooks.of(kind).is_empty();
    if any(HookKind::Prestart) || any(HookKind::CreateRuntime) {
        let at = Pointer::new("/hooks");
        steps.push(Step::new(Op::Request(Request::RuntimeHooks), at));
    }
    if any(HookKind::CreateContainer) {
        let at = Pointer::new("/hooks/createContainer");
        steps.push(Step::new(Op::Request(Request::ContainerHooks), at));
    }
    steps
}

/// What is taken away again, after the hooks, which may still have to write.
fn restrictions(config: &Config) -> Vec<Step> {
    let mut steps = Vec::new();
    for path in &config.readonly_paths {
        let op = Op::ReadonlyPath(c_string(relative(&path.value)));
        steps.push(Step::new(op, path.at.clone()));
    }
    for path in &config.masked_paths {
        let op = Op::MaskPath(c_string(relative(&path.value)));
        steps.push(Step::new(op, path.at.clone()));
    }
    if config.root.readonly {
        steps.push(Step::new(Op::ReadonlyRoot, config.root.at.key("readonly")));
    }
    steps
}

/// The two attempts to enter the working directory.
pub(super) fn working_directory(process: &Process, attempt: Attempt) -> Step {
    let path = c_string(&process.cwd.value);
    Step::new(Op::WorkingDirectory(path, attempt), process.cwd.at.clone())
}
