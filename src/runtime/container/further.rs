//! A further process in a container: that of `exec`, or a startContainer hook.
//!
//! The process is born in the container's cgroup, enters its namespaces and goes through the same
//! last steps as init. All look-ups happen in a live, hostile container: descriptors are opened
//! before, nothing of the host's is held after.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::cgroup::{self, Below, Cgroup};
use crate::config::{Config, Field, HookKind, NamespaceKind, Process};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::hooks;
use crate::host::Host;
use crate::init::{self, Inherited};
use crate::launch::failure::{self, Work};
use crate::launch::{agent, executed, next, own_namespaces, proceed, set_oom_score};
use crate::plan::NamespacePlan;
use crate::plan::exec::{ExecPlan, Target, exec as plan_exec};
use crate::protocol::Tag;
use crate::state::{Record, Status};
use crate::sys::namespace::Birthplace;
use crate::sys::{channel, clone, namespace, pidfd};

/// What a further process is made of.
pub(super) struct Further<'a> {
    pub record: &'a Record,
    pub config: &'a Config,
    /// The container's init, proven.
    pub init: BorrowedFd<'a>,
    pub process: &'a Process,
    pub preserved: u32,
    pub listen_fds: u32,
    pub streams: Option<[BorrowedFd<'a>; 3]>,
    /// The file to execute where it is not the first argument.
    pub program: Option<&'a str>,
    /// Cgroups below the container's own, where they are named.
    pub below: &'a Below,
}

/// A process that is in place and waits to execute its program. Dropped before, it is killed.
pub(super) struct Waiting {
    pub child: clone::Child,
    pub terminal: Option<OwnedFd>,
    pub warnings: Vec<String>,
    plan: ExecPlan,
    namespaces: NamespacePlan,
    channel: Option<OwnedFd>,
    executed: bool,
}

impl Further<'_> {
    /// Makes the process up to its program.
    pub(super) fn spawn(&self) -> Result<Waiting> {
        let host = Host::read()?;
        let placement = &self.record.cgroup;
        let cgroup = if *self.below == Below::default() {
            Cgroup::open_beside(placement, self.record.init.pid)?
        } else {
            Cgroup::open_below(placement, self.below)?
        };
        let tasks = cgroup.open_tasks()?;
        let target = Target {
            pid: self.record.init.pid,
            namespaces: own_namespaces(self.config) & !NamespaceKind::Pid.clone_flag(),
            joins_cgroups: !tasks.is_empty(),
            listen_fds: self.listen_fds,
            program: self.program,
        };
        let mut plan = plan_exec(self.config, self.process, &host, target).map_err(Error::from)?;
        let (ours, theirs) = channel::pair().doing("create the channel to the process")?;
        let inherited = Inherited {
            parent: theirs.as_fd(),
            start: None,
            joins: &[],
            container: Some(self.init),
            streams: self.streams,
            cgroup_tasks: &tasks,
            preserved: self.preserved,
            ignored_signals: host.ignored_signals,
        };
        let in_pid_namespace = self.enter_pid_namespace()?;
        let ExecPlan { steps, program, .. } = &mut plan;
        let child = clone::spawn(0, cgroup.birthplace(), || {
            init::run(steps, program, &mut [], inherited)
        });
        drop(in_pid_namespace);
        let child = child.map_err(|errno| {
            cgroup::birth_refused(cgroup.placement(), errno)
                .unwrap_or_else(|| Error::from_errno(errno, "create the process"))
        })?;
        drop(theirs);
        let mut waiting = Waiting {
            child,
            terminal: None,
            warnings: std::mem::take(&mut plan.warnings),
            plan,
            namespaces: NamespacePlan::default(),
            channel: Some(ours),
            executed: false,
        };
        if let Some(groups) = &self.record.resctrl {
            groups.enter(waiting.child.pid)?;
        }
        // Without a score of its own it has the container's, not the caller's.
        let own = self.process.oom_score_adj.as_ref();
        let first = self.config.process.as_ref();
        if let Some(score) = own.or(first.and_then(|first| first.oom_score_adj.as_ref())) {
            set_oom_score(waiting.child.pid, score.value).at(&score.at)?;
        }
        waiting.serve(self)?;
        Ok(waiting)
    }

    /// The next child is born in the container's pid namespace.
    fn enter_pid_namespace(&self) -> Result<Option<Birthplace>> {
        if !self.config.namespaces.has(NamespaceKind::Pid) {
            return Ok(None);
        }
        let kind = NamespaceKind::Pid.clone_flag();
        let own = Birthplace::remember(kind).doing("open the runtime's own pid namespace")?;
        namespace::enter(self.init, kind).doing("join the container's pid namespace")?;
        Ok(Some(own))
    }
}

impl Waiting {
    fn serve(&mut self, further: &Further<'_>) -> Result<()> {
        loop {
            let Some(channel) = &self.channel else {
                return Err(super::stored::vanished());
            };
            match next(channel.as_fd())? {
                None => return Err(failure::vanished(&self.child.pidfd)),
                Some((message, fd)) => match message.tag {
                    Tag::Ready => return Ok(()),
                    Tag::Console => self.terminal = fd,
                    Tag::Failed => return Err(failure::explain(&message.body, self.work())),
                    Tag::Listener => {
                        let status = Status::Running;
                        let state = super::stored::hook_state(further.record, status)?;
                        let number = message.body.item;
                        agent::hand_over(further.config, &self.child, number, &state)?;
                        proceed(channel.as_fd())?;
                    }
                    _ => {
                        let why = "message out of order";
                        return Err(Error::new(Kind::System, "receive from the process", why));
                    }
                },
            }
        }
    }

    fn work(&self) -> Work<'_> {
        Work {
            steps: &self.plan.steps,
            namespaces: &self.namespaces,
            program: &self.plan.program,
            pid: self.child.pid,
        }
    }

    /// Has the program executed.
    ///
    /// # Errors
    /// Why it could not be.
    pub(super) fn execute(&mut self) -> Result<()> {
        let Some(channel) = self.channel.take() else {
            return Err(super::stored::vanished());
        };
        proceed(channel.as_fd())?;
        executed(channel.as_fd(), self.work())?;
        self.executed = true;
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.executed {
            // It may have ended already.
            let _ = pidfd::send_signal(self.child.pidfd.as_fd(), libc::SIGKILL);
            drop(self.channel.take());
            let _ = pidfd::reap(self.child.pidfd.as_fd());
        }
    }
}

/// Runs the startContainer hooks: programs of the container's, as its user, with its rights.
///
/// # Errors
/// The failed hook.
pub(super) fn start_container_hooks(
    record: &Record,
    config: &Config,
    init: BorrowedFd<'_>,
) -> Result<()> {
    let kind = HookKind::StartContainer;
    let hooks = config.hooks.of(kind);
    let Some(process) = config.process.as_ref().filter(|_| !hooks.is_empty()) else {
        return Ok(());
    };
    let state = super::stored::hook_state(record, Status::Created)?;
    for (index, hook) in hooks.iter().enumerate() {
        let process = hook_process(process, hook);
        let (stdin, input) = pipe()?;
        let (output, stdout) = pipe()?;
        let (errors, stderr) = pipe()?;
        let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let further = Further {
            record,
            config,
            init,
            process: &process,
            preserved: 0,
            listen_fds: 0,
            streams: Some(streams),
            program: Some(&hook.path),
            below: &Below::default(),
        };
        let mut waiting = further.spawn().map_err(|error| {
            error
                .during(format!("error running {} hook #{index}", kind.name()))
                .of(Kind::Hook)
        })?;
        waiting.execute().map_err(|error| {
            error
                .during(format!("error running {} hook #{index}", kind.name()))
                .of(Kind::Hook)
        })?;
        drop((stdin, stdout, stderr));
        let ours = hooks::Streams {
            stdin: input,
            stdout: output,
            stderr: errors,
        };
        let outcome = hooks::supervise(&waiting.child, ours, &state, hook.timeout)?;
        hooks::verdict(kind, index, hook, &outcome)?;
    }
    Ok(())
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).doing("create a pipe")
}

/// The container's process with a hook's program. Without `env` it is the process's, as in runc.
fn hook_process(process: &Process, hook: &crate::config::Hook) -> Process {
    let args = hook.args.clone().unwrap_or_else(|| vec![hook.path.clone()]);
    Process {
        args: Field {
            value: args,
            at: hook.at.clone(),
        },
        env: hook.env.clone().unwrap_or_else(|| process.env.clone()),
        terminal: false,
        console_size: None,
        ..process.clone()
    }
}
