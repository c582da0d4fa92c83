//! The child's half of a start: walk the plan's steps, then execute the program.
//!
//! Between clone and exec nothing here allocates, formats, locks or reads the environment: the
//! parent has prepared everything, and a failure is reported by number (see `protocol`). No OCI
//! decision is made here: what a step means was decided in `plan`. The deny list in clippy.toml
//! and the trap allocator (feature `trap-allocator`) enforce the first rule, the layer test the
//! second.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod channel;
mod console;
mod copy_up;
mod devices;
mod identity;
mod masks;
mod mounts;
mod paths;
mod process;
mod program;
mod rootfs;
mod seccomp;
mod streams;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::plan::{Op, Program, Step};
use crate::protocol::{DETAIL_LEN, Failure, Stage};
use crate::sys;

/// What the child finds in its hands.
#[derive(Clone, Copy, Debug)]
pub struct Inherited<'a> {
    /// The socket to the parent.
    pub parent: BorrowedFd<'a>,
    /// The listening socket for `start`, where init waits for it.
    pub start: Option<BorrowedFd<'a>>,
    /// The namespaces to join, in the order of the plan's joins.
    pub joins: &'a [OwnedFd],
    /// The container's init, for `exec`.
    pub container: Option<BorrowedFd<'a>>,
    /// What becomes the standard streams, where they are not the parent's (hooks).
    pub streams: Option<[BorrowedFd<'a>; 3]>,
    /// Open `tasks` files of the v1 cgroups to enter.
    pub cgroup_tasks: &'a [OwnedFd],
    /// Descriptors after stdio that the program gets (`--preserve-fds`).
    pub preserved: u32,
    /// Signals that the caller ignores, to be set back (bit n−1 for signal n).
    pub ignored_signals: u64,
}

/// Why a step failed; [`Failure`] without the step's number.
#[derive(Clone, Copy, Debug)]
struct Fault {
    stage: Stage,
    item: u32,
    errno: Errno,
    detail: [u8; DETAIL_LEN],
}

impl Fault {
    const fn new(stage: Stage, errno: Errno) -> Self {
        Self {
            stage,
            item: 0,
            errno,
            detail: [0; DETAIL_LEN],
        }
    }

    const fn item(mut self, item: u32) -> Self {
        self.item = item;
        self
    }
}

/// A bare errno is a failure of the whole step.
impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::new(Stage::Whole, errno)
    }
}

type Outcome<T = ()> = Result<T, Fault>;

/// Gives an errno the part of the step it belongs to.
trait In<T> {
    fn stage(self, stage: Stage) -> Outcome<T>;
}

impl<T> In<T> for sys::Result<T> {
    fn stage(self, stage: Stage) -> Outcome<T> {
        self.map_err(|errno| Fault::new(stage, errno))
    }
}

/// The walk's memory: descriptors that one step opens for later ones.
struct Walk<'a> {
    inherited: Inherited<'a>,
    program: &'a mut Program,
    slots: &'a mut [Option<OwnedFd>],
    /// Where failures go: the parent, later `start`.
    peer: Option<OwnedFd>,
    root: Option<OwnedFd>,
    proc: Option<OwnedFd>,
    dev: Option<OwnedFd>,
    null: Option<OwnedFd>,
    empty_dir: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
    umask: u32,
    host_is_shared: bool,
    directory_refused: bool,
    chosen: usize,
}

/// Walks the steps and executes the program; never returns.
pub fn run(
    steps: &[Step],
    program: &mut Program,
    slots: &mut [Option<OwnedFd>],
    inherited: Inherited<'_>,
) -> ! {
    sys::allocator::arm();
    // The parent's death is ours until it has recorded the container (see `channel::ready`).
    let _ = sys::process::set_parent_death_signal(libc::SIGKILL);
    let _ = sys::process::set_undumpable();
    // What the caller's environment holds is not the container's to read.
    sys::process::wipe_environment();
    sys::process::default_signals(inherited.ignored_signals);
    sys::process::unblock_signals();
    let mut walk = Walk {
        inherited,
        program,
        slots,
        peer: None,
        root: None,
        proc: None,
        dev: None,
        null: None,
        empty_dir: None,
        terminal: None,
        umask: sys::process::set_umask(0),
        host_is_shared: false,
        directory_refused: false,
        chosen: 0,
    };
    if let Some(streams) = inherited.streams {
        for (number, stream) in streams.into_iter().enumerate() {
            if sys::file::replace_stream(stream, number as i32).is_err() {
                sys::process::exit_now(channel::NOT_EXECUTED);
            }
        }
    }
    for (number, step) in steps.iter().enumerate() {
        if let Err(fault) = walk.take(&step.op) {
            walk.fail(number, fault);
        }
    }
    sys::process::exit_now(0)
}

impl Walk<'_> {
    /// One step.
    fn take(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Join(number) => self.join(*number),
            Op::JoinContainer(kinds) => self.join_container(*kinds),
            Op::JoinCgroups => self.join_cgroups(),
            Op::NewCgroupNamespace => Ok(sys::namespace::unshare(libc::CLONE_NEWCGROUP as u64)?),
            Op::SessionKeyring(name) => process::session_keyring(name),
            Op::Request(request) => self.request(*request),
            Op::LoopbackUp => Ok(sys::namespace::loopback_up()?),
            Op::HostPropagation(flags) => Ok(sys::mount::change_propagation(c"/", *flags)?),
            Op::OpenProc => self.open_proc(),
            Op::OpenSource(source) => self.open_source(source),
            Op::OpenRoot(root) => self.open_root(root),
            Op::Mount(mount) => self.mount(mount),
            Op::Remount(remount) => self.remount(remount),
            Op::EnsureDirectory(path) => paths::ensure_dir(self.root()?, path).map(drop),
            Op::Device(node) => self.device(node),
            Op::Symlink(link) => self.symlink(link),
            Op::Console(console) => self.console(console),
            Op::ReadonlyPath(path) => self.readonly_path(path),
            Op::MaskPath(path) => self.mask_path(path),
            Op::ReadonlyRoot => self.readonly_root(),
            Op::OpenContainerRoot(path) => self.open_container_root(path),
            Op::EnterRoot(how) => self.enter_root(*how),
            Op::RootPropagation(flags) => Ok(sys::mount::change_propagation(c"/", *flags)?),
            Op::Hostname(name) => Ok(sys::namespace::set_host_name(name)?),
            Op::Domainname(name) => Ok(sys::namespace::set_domain_name(name)?),
            Op::Sysctl(sysctl) => self.sysctl(sysctl),
            Op::Process(attribute) => self.attribute(attribute),
            Op::Home => self.fill_home(),
            Op::CloseDescriptors => self.close_descriptors(),
            Op::Identity(identity) => identity::assume(identity),
            Op::WorkingDirectory(path, attempt) => self.working_directory(path, *attempt),
            Op::FindProgram => self.find_program(),
            Op::Seccomp(filter) => self.load_filter(filter),
            Op::Ready => self.ready(),
            Op::AwaitStart => self.await_start(),
            Op::Execute => self.execute(),
        }
    }

    fn join(&self, number: usize) -> Outcome {
        let fd = self.inherited.joins.get(number).ok_or(Errno::EBADF)?;
        Ok(sys::namespace::enter(fd.as_fd(), 0)?)
    }

    fn join_container(&self, kinds: u64) -> Outcome {
        let container = self.inherited.container.ok_or(Errno::EBADF)?;
        Ok(sys::namespace::enter(container, kinds)?)
    }

    fn join_cgroups(&self) -> Outcome {
        for (number, tasks) in self.inherited.cgroup_tasks.iter().enumerate() {
            sys::file::write_once(tasks.as_fd(), b"0")
                .map_err(|errno| Fault::from(errno).item(number as u32))?;
        }
        Ok(())
    }

    /// The root file system; `EBADF` where the plan has not opened it.
    fn root(&self) -> Outcome<BorrowedFd<'_>> {
        Ok(self.root.as_ref().ok_or(Errno::EBADF)?.as_fd())
    }

    /// Reports the failure and ends.
    fn fail(&self, step: usize, fault: Fault) -> ! {
        let failure = Failure {
            step: step as u32,
            stage: fault.stage,
            item: fault.item,
            errno: fault.errno as i32,
            detail: fault.detail,
        };
        channel::report(self.peer(), failure)
    }

    fn peer(&self) -> BorrowedFd<'_> {
        self.peer
            .as_ref()
            .map_or(self.inherited.parent, AsFd::as_fd)
    }
}
