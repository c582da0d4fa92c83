//! The parent's half of a start: everything on the host's side of clone.
//!
//! [`launch`] makes the cgroups and the process and serves the child until everything is in place
//! (the sequence is `crate::protocol`'s table). What it returns is not yet a container: whoever
//! called records it and then lets it go ([`Nascent::release`]). Dropped before that, it is undone.
//! Deliberately absent: the decision what to do (see `plan`), the files (see `state`).

pub mod agent;
mod diagnosis;
pub mod failure;
pub mod namespaces;
pub mod net_devices;

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cgroup::settings::Moment;
use crate::cgroup::unit::Units;
use crate::cgroup::{self, Cgroup, Placement};
use crate::config::{Config, HookKind};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::hooks::{self, State};
use crate::host::Host;
use crate::init::{self, Inherited};
use crate::plan::{Plan, Request};
use crate::protocol::{MESSAGE_LEN, Message, Tag};
use crate::resctrl::{Assignment, Groups};
use crate::sys::{channel, clone, pidfd};
use failure::Work;

/// How long the undoing of a failed start waits for the kernel.
const UNDO_LIMIT: Duration = Duration::from_secs(10);

/// What a start is made of.
pub struct Ingredients<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Its bundle.
    pub bundle: &'a Path,
    /// Its configuration.
    pub config: &'a Config,
    /// This machine.
    pub host: &'a Host,
    /// Namespaces to join, opened in the order of the plan's joins.
    pub joins: &'a [OwnedFd],
    /// The listening socket on which init waits for `start`.
    pub start: Option<BorrowedFd<'a>>,
    /// Descriptors after stdio that the program gets.
    pub preserved: u32,
    /// What the parent has to do beside, done while init works.
    pub meanwhile: &'a dyn Fn() -> Result<()>,
}

/// A container whose init is in place and waits to be recorded.
#[derive(Debug)]
pub struct Nascent {
    /// Init.
    pub child: clone::Child,
    /// The pty's master, where the configuration asks for a terminal.
    pub terminal: Option<OwnedFd>,
    cgroup: Cgroup,
    /// The systemd that makes the cgroups.
    units: Option<Units>,
    resctrl: Option<Assignment>,
    channel: Option<OwnedFd>,
    /// Network devices moved in, and the namespace they went to.
    moved: Option<(Vec<net_devices::Moved>, fs::File)>,
    /// Hooks to run if the start fails from here on: with them the engine undoes its part.
    poststop: bool,
}

/// Makes the container described by `plan`, up to the point where its program would run; by
/// `units` the cgroups, where systemd is to make them.
///
/// # Errors
/// Whatever failed, on either side, named by the plan's step. Nothing is left then.
pub fn launch(
    plan: &mut Plan,
    units: Option<Units>,
    ingredients: &Ingredients<'_>,
) -> Result<Nascent> {
    // systemd makes a unit around a process: init asks for it as soon as it is there.
    let cgroup = match &units {
        Some(_) => Cgroup::unmade(),
        None => Cgroup::create(&plan.cgroup, &plan.settings)?,
    };
    let furnished = match &units {
        Some(_) => Ok(()),
        None => furnish(&cgroup, plan),
    };
    let born = furnished.and_then(|()| birth(plan, ingredients, &cgroup));
    let (child, channel) = match born {
        Ok(born) => born,
        Err(error) => {
            cgroup.undo();
            return Err(error);
        }
    };
    let mut nascent = Nascent {
        child,
        terminal: None,
        cgroup,
        units,
        resctrl: None,
        channel: Some(channel),
        moved: None,
        poststop: false,
    };
    let entered = nascent.enter_resctrl(plan.resctrl.as_ref());
    let beside = entered.and_then(|()| (ingredients.meanwhile)());
    match beside.and_then(|()| nascent.serve(plan, ingredients)) {
        Ok(()) => Ok(nascent),
        Err(error) => {
            nascent.undo(ingredients);
            Err(error)
        }
    }
}

/// Gives the cgroups their rules, limits and owner.
fn furnish(cgroup: &Cgroup, plan: &Plan) -> Result<()> {
    cgroup.enforce_device_rules(&plan.device_rules)?;
    cgroup.apply(&plan.settings, Moment::BeforeBirth)?;
    match &plan.cgroup_owner {
        Some((uid, at)) => cgroup.delegate(*uid).at(at),
        None => Ok(()),
    }
}

/// Clones init into its namespaces and cgroup.
fn birth(
    plan: &mut Plan,
    ingredients: &Ingredients<'_>,
    cgroup: &Cgroup,
) -> Result<(clone::Child, OwnedFd)> {
    let tasks = cgroup.open_tasks()?;
    let (ours, theirs) = channel::pair().doing("create the channel to init")?;
    let mut slots: Vec<Option<OwnedFd>> = Vec::new();
    slots.resize_with(plan.slots, || None);
    let inherited = Inherited {
        parent: theirs.as_fd(),
        start: ingredients.start,
        joins: ingredients.joins,
        container: None,
        streams: None,
        cgroup_tasks: &tasks,
        preserved: ingredients.preserved,
        ignored_signals: ingredients.host.ignored_signals,
    };
    let for_children = namespaces::ForChildren::enter(&plan.namespaces, ingredients.joins)?;
    let Plan {
        steps,
        program,
        namespaces,
        ..
    } = plan;
    let child = clone::spawn(namespaces.clone_flags, cgroup.birthplace(), || {
        init::run(steps, program, &mut slots, inherited)
    });
    drop(for_children);
    let child = child.map_err(|errno| {
        cgroup::birth_refused(cgroup.placement(), errno).unwrap_or_else(|| birth_error(errno))
    })?;
    if let Some((score, at)) = &plan.oom_score_adj
        && let Err(error) = set_oom_score(child.pid, *score)
    {
        end(&child);
        return Err(error.at(at));
    }
    // A cgroup that is still to be made gets them with the others.
    if plan.cgroup.unit.is_none()
        && let Err(error) = cgroup.apply(&plan.settings, Moment::AfterBirth)
    {
        end(&child);
        return Err(error);
    }
    Ok((child, ours))
}

fn birth_error(errno: nix::errno::Errno) -> Error {
    let error = Error::from_errno(errno, "create the container's process")
        .at(crate::error::Pointer::new("/linux/namespaces"));
    match errno {
        nix::errno::Errno::ENOSPC => {
            error.hint("a limit of user.max_*_namespaces is reached (see sysctl user)")
        }
        nix::errno::Errno::EAGAIN => {
            error.hint("a limit of processes is reached (ulimit -u, pids.max)")
        }
        nix::errno::Errno::EPERM => error.hint("creating namespaces needs CAP_SYS_ADMIN"),
        _ => error,
    }
}

/// Sets what the OOM killer adds to the score of a process (proc_pid_oom_score_adj(5)).
///
/// # Errors
/// `EACCES` for lowering it without CAP_SYS_RESOURCE.
pub(crate) fn set_oom_score(pid: libc::pid_t, score: i32) -> Result<()> {
    fs::write(format!("/proc/{pid}/oom_score_adj"), score.to_string())
        .doing(format!("set oom_score_adj to {score}"))
        .hint("lowering the score needs CAP_SYS_RESOURCE")
}

/// Kills a child of ours and reaps it.
fn end(child: &clone::Child) {
    // A child that has ended already is all that can be in the way.
    let _ = pidfd::send_signal(child.pidfd.as_fd(), libc::SIGKILL);
    let _ = pidfd::reap(child.pidfd.as_fd());
}

/// The next message of init's.
pub(crate) fn next(channel: BorrowedFd<'_>) -> Result<Option<(Message, Option<OwnedFd>)>> {
    let mut bytes = [0; MESSAGE_LEN];
    let (length, fd) = channel::receive(channel, &mut bytes).doing("receive from init")?;
    if length == 0 {
        return Ok(None);
    }
    match Message::decode(&bytes) {
        Some(message) if length == MESSAGE_LEN => Ok(Some((message, fd))),
        _ => Err(Error::new(
            Kind::System,
            "receive from init",
            "unknown message",
        )),
    }
}

/// Tells init to go on.
pub(crate) fn proceed(channel: BorrowedFd<'_>) -> Result<()> {
    channel::send(channel, &Message::new(Tag::Continue).encode(), None).doing("answer init")
}

impl Nascent {
    /// Its cgroups, with the kernel's ids.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        self.cgroup.placement()
    }

    /// Its groups below resctrl.
    #[must_use]
    pub fn resctrl(&self) -> Option<&Groups> {
        self.resctrl.as_ref().map(|assignment| &assignment.groups)
    }

    fn enter_resctrl(&mut self, planned: Option<&Assignment>) -> Result<()> {
        self.resctrl = planned.cloned();
        match &mut self.resctrl {
            Some(assignment) => assignment.enter(self.child.pid),
            None => Ok(()),
        }
    }

    /// Serves init until it is ready.
    fn serve(&mut self, plan: &Plan, ingredients: &Ingredients<'_>) -> Result<()> {
        loop {
            let (message, fd) = {
                let channel = self.channel()?;
                match next(channel)? {
                    Some(received) => received,
                    None => return Err(self.vanished(plan)),
                }
            };
            match message.tag {
                Tag::Ready => return Ok(()),
                Tag::Console => self.terminal = fd,
                Tag::Failed => {
                    let work = self.work(plan);
                    return Err(failure::explain(&message.body, work));
                }
                Tag::Request => {
                    self.fulfil(message.body.item, plan, ingredients)?;
                    proceed(self.channel()?)?;
                }
                Tag::Listener => {
                    let state = self.hook_state("creating", ingredients)?;
                    agent::hand_over(ingredients.config, &self.child, message.body.item, &state)?;
                    proceed(self.channel()?)?;
                }
                Tag::Continue | Tag::Start => {
                    return Err(Error::new(
                        Kind::System,
                        "receive from init",
                        "message out of order",
                    ));
                }
            }
        }
    }

    /// The error of an init that ended without a word: its memory may have been too little.
    fn vanished(&self, plan: &Plan) -> Error {
        let error = failure::vanished(&self.child.pidfd);
        let has_run_out = cgroup::memory_use(self.placement()).is_some_and(|all| all.oom_killed);
        if !has_run_out {
            return error;
        }
        let limit = plan
            .settings
            .iter()
            .find(|setting| setting.controller == "memory");
        failure::out_of_memory(limit.map(|setting| &setting.at))
    }

    fn work<'a>(&self, plan: &'a Plan) -> Work<'a> {
        Work {
            steps: &plan.steps,
            namespaces: &plan.namespaces,
            program: &plan.program,
            pid: self.child.pid,
        }
    }

    fn channel(&self) -> Result<BorrowedFd<'_>> {
        let gone = || Error::new(Kind::System, "answer init", "the channel is closed");
        self.channel.as_ref().map(AsFd::as_fd).ok_or_else(gone)
    }

    fn fulfil(&mut self, request: u32, plan: &Plan, ingredients: &Ingredients<'_>) -> Result<()> {
        let is = |wanted: Request| request == wanted as u32;
        if is(Request::Unit) {
            return self.start_unit(plan);
        }
        if is(Request::NetDevices) {
            let netns = fs::File::open(format!("/proc/{}/ns/net", self.child.pid))
                .doing("open the container's network namespace")?;
            let moved = net_devices::move_in(&ingredients.config.net_devices, netns.as_fd())?;
            self.moved = Some((moved, netns));
            return Ok(());
        }
        let hooks = &ingredients.config.hooks;
        let state = self.hook_state("creating", ingredients)?;
        self.poststop = true;
        if is(Request::RuntimeHooks) {
            let entry = hooks::Entry::Runtime {
                bundle: ingredients.bundle,
            };
            for kind in [HookKind::Prestart, HookKind::CreateRuntime] {
                hooks::run(kind, hooks.of(kind), &state, entry)?;
            }
            return Ok(());
        }
        let entry = hooks::Entry::Container {
            init: self.child.pidfd.as_fd(),
            namespaces: own_namespaces(ingredients.config),
            root: Path::new(&ingredients.config.root.path),
        };
        let kind = HookKind::CreateContainer;
        hooks::run(kind, hooks.of(kind), &state, entry)
    }

    /// Has systemd make the unit, and furnishes its cgroups; init is in them then.
    fn start_unit(&mut self, plan: &Plan) -> Result<()> {
        let Some(units) = &mut self.units else {
            let why = "there is no connection to systemd";
            return Err(Error::new(Kind::System, "start the systemd unit", why));
        };
        units.start(
            &mut self.cgroup,
            &plan.cgroup,
            &plan.unit,
            &plan.settings,
            self.child.pid,
        )?;
        furnish(&self.cgroup, plan)?;
        self.cgroup.apply(&plan.settings, Moment::AfterBirth)
    }

    fn hook_state(&self, status: &str, ingredients: &Ingredients<'_>) -> Result<Vec<u8>> {
        State {
            oci_version: &ingredients.config.version,
            id: ingredients.id,
            status,
            pid: (status != "stopped").then_some(self.child.pid),
            bundle: &ingredients.bundle.to_string_lossy(),
            annotations: &ingredients.config.annotations,
        }
        .to_json()
    }

    /// Lets init go on: the container is recorded. What remains is the channel, on which a
    /// program that cannot be executed at once is reported; it closes when it was.
    ///
    /// # Errors
    /// When init is gone.
    pub fn release(&mut self) -> Result<OwnedFd> {
        proceed(self.channel()?)?;
        let gone = || Error::new(Kind::System, "answer init", "the channel is closed");
        self.channel.take().ok_or_else(gone)
    }

    /// The failure that init may still report after it was released: none when the program was
    /// executed.
    ///
    /// # Errors
    /// Why the program was not executed.
    pub fn executed(&self, channel: &OwnedFd, plan: &Plan) -> Result<()> {
        executed(channel.as_fd(), self.work(plan))
    }

    /// Undoes the start: kills init, waits until its cgroups are empty, removes them, takes the
    /// network devices back and has the poststop hooks run if others were.
    pub fn undo(&mut self, ingredients: &Ingredients<'_>) {
        // Whatever cannot be undone now is in the intent record, for `delete --force`.
        if let Some((moved, netns)) = &self.moved {
            let _ = net_devices::undo(moved, netns.as_fd());
        }
        let placement = self.cgroup.placement();
        let _ = pidfd::send_signal(self.child.pidfd.as_fd(), libc::SIGKILL);
        let _ = cgroup::kill_all(placement, libc::SIGKILL);
        drop(self.channel.take());
        let _ = pidfd::reap(self.child.pidfd.as_fd());
        let deadline = Instant::now() + UNDO_LIMIT;
        let _ = cgroup::wait_empty(placement, deadline);
        if let Some(units) = &mut self.units {
            units.withdraw();
        }
        self.cgroup.undo();
        if let Some(groups) = self.resctrl() {
            let _ = groups.remove();
        }
        if self.poststop
            && let Ok(state) = self.hook_state("stopped", ingredients)
        {
            let entry = hooks::Entry::Runtime {
                bundle: ingredients.bundle,
            };
            let hooks = ingredients.config.hooks.of(HookKind::Poststop);
            let _ = hooks::run_all(HookKind::Poststop, hooks, &state, entry);
        }
    }
}

/// Waits until the program is executed (the channel closes) or reported as impossible.
///
/// # Errors
/// Why the program was not executed.
pub fn executed(channel: BorrowedFd<'_>, work: Work<'_>) -> Result<()> {
    match next(channel)? {
        Some((message, _)) if message.tag == Tag::Failed => {
            Err(failure::explain(&message.body, work))
        }
        Some(_) => Err(Error::new(
            Kind::System,
            "receive from init",
            "message out of order",
        )),
        None => Ok(()),
    }
}

/// `CLONE_NEW*` bits of the namespaces that are the container's own.
#[must_use]
pub fn own_namespaces(config: &Config) -> u64 {
    config
        .namespaces
        .iter()
        .map(|(kind, _, _)| kind.clone_flag())
        .sum()
}
