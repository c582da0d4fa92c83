//! The birth of a hook: everything is prepared before clone, the child only makes system calls.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::{Entry, Streams};
use crate::config::Hook;
use crate::error::{Doing, Error, Kind, Result};
use crate::sys::clone::{self, Child};
use crate::sys::exec::{StringArray, execute};
use crate::sys::namespace::Birthplace;
use crate::sys::{file, identity, namespace, process};

/// How far a hook came before its program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// A session of its own, and death with the runtime.
    Session = 1,
    /// setns(2).
    Namespaces = 2,
    /// Root of the container's user namespace.
    Identity = 3,
    /// The working directory.
    Directory = 4,
    /// The standard streams.
    Streams = 5,
    /// execve(2).
    Execute = 6,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Session,
        Self::Namespaces,
        Self::Identity,
        Self::Directory,
        Self::Streams,
        Self::Execute,
    ];

    /// What failed.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Session => "new session",
            Self::Namespaces => "enter the container's namespaces",
            Self::Identity => "become root in the container's user namespace",
            Self::Directory => "enter the working directory",
            Self::Streams => "set up the standard streams",
            Self::Execute => "execute",
        }
    }
}

/// What can be said about a failed start.
pub(super) fn advice(stage: Stage, errno: Errno, path: &Path) -> Option<&'static str> {
    match (stage, errno) {
        (Stage::Execute, Errno::ENOENT) if path.exists() => {
            Some("the interpreter that its first line names does not exist")
        }
        (Stage::Execute, Errno::ENOENT) => {
            Some("hook paths are resolved on the host, not in the container")
        }
        (Stage::Execute, Errno::ENOEXEC) => Some("a script needs a first line such as #!/bin/sh"),
        (Stage::Execute, Errno::EACCES) => {
            Some("the file must be executable, on a file system without noexec")
        }
        _ => None,
    }
}

/// A hook in kernel terms.
struct Prepared<'a> {
    path: CString,
    argv: StringArray,
    envp: StringArray,
    directory: CString,
    join: Option<(BorrowedFd<'a>, u64)>,
}

/// The child's ends of its streams, and where it reports that it could not start.
struct ChildEnds {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
    report: OwnedFd,
}

/// Starts a hook. Returns the child, our ends of its streams, and where [`read_report`] finds out
/// whether its program was executed.
pub(super) fn spawn(hook: &Hook, entry: Entry<'_>) -> Result<(Child, Streams, OwnedFd)> {
    let prepared = prepare(hook, entry)?;
    let (stdin, input) = close_on_exec_pipe()?;
    let (output, stdout) = close_on_exec_pipe()?;
    let (errors, stderr) = close_on_exec_pipe()?;
    let (report, reporter) = close_on_exec_pipe()?;
    let ends = ChildEnds {
        stdin,
        stdout,
        stderr,
        report: reporter,
    };
    let birthplace = enter_pid_namespace(prepared.join)?;
    let child = clone::spawn(0, None, || become_hook(&prepared, &ends)).doing("clone");
    drop(birthplace);
    let streams = Streams {
        stdin: input,
        stdout: output,
        stderr: errors,
    };
    Ok((child?, streams, report))
}

fn close_on_exec_pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC).doing("pipe")
}

/// Why the program was not executed, if it was not. To be called after the child's end.
pub(super) fn read_report(report: OwnedFd) -> Option<(Stage, Errno)> {
    let mut bytes = [0; 5];
    // A full report or none: five bytes are written to a pipe at once.
    if file::read(report.as_fd(), &mut bytes) != Ok(bytes.len()) {
        return None;
    }
    let [stage, errno @ ..] = bytes;
    let stage = Stage::ALL.into_iter().find(|known| *known as u8 == stage)?;
    Some((stage, Errno::from_raw(i32::from_ne_bytes(errno))))
}

fn prepare<'a>(hook: &Hook, entry: Entry<'a>) -> Result<Prepared<'a>> {
    let argv = match hook.args.as_deref() {
        None | Some([]) => StringArray::new([&hook.path]),
        Some(args) => StringArray::new(args),
    };
    let envp = match (&hook.env, entry) {
        (Some(env), _) => StringArray::new(env),
        (None, Entry::Runtime { .. }) => StringArray::new(own_environment()),
        (None, Entry::Container { .. }) => StringArray::new(Vec::<String>::new()),
    };
    let (directory, join) = match entry {
        Entry::Runtime { bundle } => (bundle, None),
        Entry::Container {
            init,
            namespaces,
            root,
        } => (root, Some((init, namespaces))),
    };
    Ok(Prepared {
        path: c_string(hook.path.as_bytes())?,
        argv,
        envp,
        directory: c_string(directory.as_os_str().as_bytes())?,
        join,
    })
}

fn own_environment() -> impl Iterator<Item = Vec<u8>> {
    std::env::vars_os().map(|(key, value)| {
        let mut entry = key.into_vec();
        entry.push(b'=');
        entry.extend(value.into_vec());
        entry
    })
}

fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Error::new(Kind::Config, "", "a path holds a NUL byte"))
}

const PID: u64 = libc::CLONE_NEWPID as u64;

/// A process is born into the pid namespace that its parent chose for its children, so the
/// runtime chooses the container's for a moment.
fn enter_pid_namespace(join: Option<(BorrowedFd<'_>, u64)>) -> Result<Option<Birthplace>> {
    let Some((init, _)) = join.filter(|(_, kinds)| kinds & PID != 0) else {
        return Ok(None);
    };
    let own = Birthplace::remember(PID).doing("open the runtime's pid namespace")?;
    namespace::enter(init, PID).doing("enter the container's pid namespace")?;
    Ok(Some(own))
}

/// The child: async-signal-safe calls only.
fn become_hook(prepared: &Prepared<'_>, ends: &ChildEnds) -> Infallible {
    let (stage, errno) = match set_up(prepared, ends) {
        Err(failed) => failed,
        Ok(()) => (
            Stage::Execute,
            execute(&prepared.path, &prepared.argv, &prepared.envp),
        ),
    };
    let [a, b, c, d] = (errno as i32).to_ne_bytes();
    // Nobody reads it when the runtime is gone; the exit status says the same.
    let _ = file::write_once(ends.report.as_fd(), &[stage as u8, a, b, c, d]);
    process::exit_now(127)
}

fn set_up(prepared: &Prepared<'_>, ends: &ChildEnds) -> Result<(), (Stage, Errno)> {
    process::new_session().map_err(|errno| (Stage::Session, errno))?;
    if let Some((init, kinds)) = prepared.join {
        let kinds = kinds & !PID;
        if kinds != 0 {
            namespace::enter(init, kinds).map_err(|errno| (Stage::Namespaces, errno))?;
        }
        if kinds & libc::CLONE_NEWUSER as u64 != 0 {
            become_root().map_err(|errno| (Stage::Identity, errno))?;
        }
    }
    // After the namespaces: a change of credentials clears it. A hook must not outlive a runtime
    // that was killed, or it would work on a container that is being deleted.
    process::set_parent_death_signal(libc::SIGKILL).map_err(|errno| (Stage::Session, errno))?;
    enter_directory(&prepared.directory).map_err(|errno| (Stage::Directory, errno))?;
    replace_streams(ends).map_err(|errno| (Stage::Streams, errno))?;
    // The runtime ignores SIGPIPE, and ignored signals survive execve.
    process::default_signals(1 << (libc::SIGPIPE - 1));
    process::unblock_signals();
    Ok(())
}

/// Entering a user namespace gives its capabilities, but the ids stay the runtime's, which mean
/// nobody there. As with runc, the hook is root in the container.
fn become_root() -> Result<(), Errno> {
    match identity::set_groups(&[]) {
        // `deny` in /proc/PID/setgroups: the groups stay, as they do for the container.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(errno),
    }
    identity::set_gid(0)?;
    identity::set_uid(0)
}

/// The bundle may be gone when poststop hooks run; they still have to clean up.
fn enter_directory(path: &CStr) -> Result<(), Errno> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let directory = file::open(path, flags).or_else(|_| file::open(c"/", flags))?;
    file::change_dir(directory.as_fd())
}

fn replace_streams(ends: &ChildEnds) -> Result<(), Errno> {
    file::replace_stream(ends.stdin.as_fd(), 0)?;
    file::replace_stream(ends.stdout.as_fd(), 1)?;
    file::replace_stream(ends.stderr.as_fd(), 2)?;
    file::close_on_exec_from(3)
}
