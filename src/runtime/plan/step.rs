//! The steps of a plan: all that init can do, with everything it needs to do it.

use std::ffi::CString;

use super::{identity, process};
use crate::error::Pointer;
use crate::sys::seccomp::Instruction;

/// One step and the field that asked for it.
#[derive(Debug)]
pub struct Step {
    /// What to do.
    pub op: Op,
    /// The field; the root pointer for what every container gets.
    pub at: Pointer,
}

/// What the child can do; the closed list of its powers.
#[derive(Debug)]
pub enum Op {
    /// Enter the namespace `joins[_]`.
    Join(usize),
    /// Move into the v1 cgroups whose `tasks` the parent has opened.
    JoinCgroups,
    /// Unshare the cgroup namespace.
    NewCgroupNamespace,
    /// New session keyring of this name (keyctl(2)).
    SessionKeyring(CString),
    /// Ask the parent for something and wait until it is done.
    Request(Request),
    /// Set the loopback device up.
    LoopbackUp,
    /// Change the propagation of `/` (mount(2) flags).
    HostPropagation(u64),
    /// Mount a procfs of our own, attached nowhere, for writes below /proc.
    OpenProc,
    /// Clone the mount tree of a host path into a slot, before anything is mounted.
    OpenSource(Source),
    /// Open the root file system, bind it onto itself.
    OpenRoot(RootStep),
    /// Mount one file system or bind.
    Mount(Box<MountStep>),
    /// Change the attributes of an existing mount.
    Remount(Box<RemountStep>),
    /// Create a directory and its parents, if missing.
    EnsureDirectory(CString),
    /// Create a device node.
    Device(Node),
    /// Create a symbolic link.
    Symlink(Link),
    /// Allocate the terminal, bind it to /dev/console and send it to the parent.
    Console(ConsoleStep),
    /// Make a path read-only, if it exists.
    ReadonlyPath(CString),
    /// Hide a path, if it exists.
    MaskPath(CString),
    /// Make the root mount read-only.
    ReadonlyRoot,
    /// Open the root of a container that has no mount namespace (`exec`), by its /proc link.
    OpenContainerRoot(CString),
    /// Enter the root file system.
    EnterRoot(EnterRoot),
    /// Final propagation of `/` (mount(2) flags).
    RootPropagation(u64),
    /// sethostname(2)
    Hostname(CString),
    /// setdomainname(2)
    Domainname(CString),
    /// Write a sysctl through our own procfs.
    Sysctl(SysctlStep),
    /// Attributes of the process that need privileges or precede the change of identity.
    Process(process::Attribute),
    /// Fill the reserved `HOME=` entry of the environment from the container's /etc/passwd.
    Home,
    /// Enter the namespaces of these kinds (`CLONE_NEW*`) of the container's init (`exec`).
    JoinContainer(u64),
    /// Close every descriptor but stdio, the preserved and the channel's; let stdio be the
    /// user's, and its null device the container's.
    CloseDescriptors,
    /// User, groups, capabilities, no_new_privs.
    Identity(identity::Identity),
    /// Enter the working directory and check that it is inside. A refusal (EACCES) counts only
    /// in [`Attempt::Last`]: the user may be allowed what root is not (NFS).
    WorkingDirectory(CString, Attempt),
    /// Find the program that will be executed.
    FindProgram,
    /// Load the filter of system calls.
    Seccomp(Box<SeccompStep>),
    /// Tell the parent that everything is in place; wait until it has recorded so.
    Ready,
    /// Wait for `start` on the listening socket.
    AwaitStart,
    /// Execute the program; reserved for the last step.
    Execute,
}

/// What the child asks of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Request {
    /// Move the network devices in.
    NetDevices = 1,
    /// Run the prestart and createRuntime hooks.
    RuntimeHooks = 2,
    /// Run the createContainer hooks.
    ContainerHooks = 3,
    /// Have systemd make the unit of the container, with the child in it.
    Unit = 4,
}

/// A host path whose mount is cloned.
#[derive(Debug)]
pub struct Source {
    /// Where the clone is kept.
    pub slot: usize,
    /// Host path.
    pub path: CString,
    /// With the mounts below it.
    pub recursive: bool,
}

/// The root file system on the host.
#[derive(Debug)]
pub struct RootStep {
    /// Host path.
    pub path: CString,
    /// Make the mount above it private first: needed when `/` was not made a slave.
    pub isolate_parent: bool,
}

/// Where a mount's tree comes from.
#[derive(Debug)]
pub enum Tree {
    /// A bind: the clone of a source, kept in a slot.
    Bind {
        /// The slot.
        slot: usize,
        /// Host path of the source.
        source: CString,
    },
    /// A new file system.
    New {
        /// Kernel name.
        fstype: CString,
        /// `source` parameter.
        source: CString,
        /// Parameters for fsconfig(2).
        options: Vec<FsOption>,
    },
}

/// One parameter of a new file system.
#[derive(Debug)]
pub struct FsOption {
    /// Parameter name.
    pub key: CString,
    /// Its value; a flag has none.
    pub value: Option<CString>,
    /// The option it comes from.
    pub at: Pointer,
}

/// What a mount target may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Anything in the root, but nothing inside a procfs.
    Ordinary,
    /// `/sys`: a directory reached without any symbolic link.
    NoSymlinks,
    /// `/proc`: as `/sys`, and only a procfs may be mounted there.
    Proc,
    /// One of the few files inside procfs that lxcfs and its like may cover.
    InsideProc,
}

/// Attribute bits for mount_setattr(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bits to set on the mount.
    pub set: u64,
    /// Bits to clear on the mount.
    pub clear: u64,
    /// Bits to set on the tree.
    pub recursive_set: u64,
    /// Bits to clear on the tree.
    pub recursive_clear: u64,
}

/// A mount.
#[derive(Debug)]
pub struct MountStep {
    /// Path below the root, without a leading slash.
    pub target: CString,
    /// What the target may be.
    pub policy: Target,
    /// What is mounted.
    pub tree: Tree,
    /// Its attributes, set before it is attached.
    pub attributes: Attributes,
    /// Propagation changes after it is attached: mount(2) kind and whether recursive.
    pub propagation: Vec<(u64, bool)>,
    /// What it takes over from the directory it covers.
    pub inherit: Inherit,
}

/// What a new tmpfs takes over from the directory it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// Nothing.
    Nothing,
    /// The permission bits, as runc does where no `mode=` is given.
    Mode,
    /// The permission bits and the contents (`tmpcopyup`).
    Contents,
}

/// Which try to enter the working directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Before the change of identity.
    First,
    /// After it, if the first was refused.
    Last,
}

/// A change to an existing mount.
#[derive(Debug)]
pub struct RemountStep {
    /// Path below the root, without a leading slash; empty for the root.
    pub target: CString,
    /// New attributes.
    pub attributes: Attributes,
    /// Parameters of the file system to change; `None` leaves the superblock alone.
    pub options: Option<Vec<FsOption>>,
    /// Propagation changes.
    pub propagation: Vec<(u64, bool)>,
}

/// A device node.
#[derive(Debug)]
pub struct Node {
    /// Path below the root, without a leading slash.
    pub path: CString,
    /// File type bits and permissions (mknod(2)).
    pub mode: u32,
    /// Device number; 0 for a FIFO.
    pub device: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A symbolic link.
#[derive(Debug)]
pub struct Link {
    /// Path below the root, without a leading slash.
    pub path: CString,
    /// What it holds.
    pub target: CString,
}

/// The container's terminal.
#[derive(Clone, Copy, Debug)]
pub struct ConsoleStep {
    /// Rows and columns.
    pub size: Option<(u16, u16)>,
    /// Owner of the terminal.
    pub uid: u32,
    /// Whether /dev/console is made: not for `exec`.
    pub bind: bool,
}

/// A filter of system calls.
#[derive(Debug)]
pub struct SeccompStep {
    /// Its program.
    pub program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`; with `NEW_LISTENER` the parent is told of the descriptor on which
    /// an agent decides.
    pub flags: u32,
    /// What it is for, in words.
    pub summary: String,
}

/// How the root is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnterRoot {
    /// pivot_root(2)
    Pivot,
    /// `--no-pivot`: MS_MOVE and chroot(2), for a root on initramfs.
    Move,
    /// chroot(2) alone: the container has no mount namespace.
    Chroot,
}

/// A sysctl.
#[derive(Debug)]
pub struct SysctlStep {
    /// Path below the procfs root, such as `sys/net/ipv4/ip_forward`.
    pub path: CString,
    /// Bytes written at once.
    pub value: CString,
}

impl Step {
    /// A step that comes from the field `at`.
    #[must_use]
    pub fn new(op: Op, at: Pointer) -> Self {
        Self { op, at }
    }
}
