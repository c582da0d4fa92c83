//! A failure of init's, put into words with the plan it failed in.

use std::ffi::CString;
use std::os::fd::AsFd;

use nix::errno::Errno;

use super::diagnosis;
use crate::error::{Error, Kind, Pointer, errno_in_words};
use crate::plan::show::operation;
use crate::plan::{NamespacePlan, Op, Program, Step, Target, Tree};
use crate::protocol::{Failure, Stage};

/// What init was doing when it failed.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// The steps.
    pub steps: &'a [Step],
    /// What the joins in the steps refer to.
    pub namespaces: &'a NamespacePlan,
    /// The program.
    pub program: &'a Program,
    /// Init, still there and waiting, in the runtime's pid namespace.
    pub pid: libc::pid_t,
}

/// The error that a failure means.
#[must_use]
pub fn explain(failure: &Failure, work: Work<'_>) -> Error {
    let errno = Errno::from_raw(failure.errno);
    let Some(step) = work.steps.get(failure.step as usize) else {
        return Error::from_errno(errno, "start the container's process");
    };
    if matches!(step.op, Op::FindProgram | Op::Execute) {
        return program_error(failure, errno, step, work);
    }
    let at = location(failure, step);
    let mut error = match reason(failure, &step.op) {
        Some(reason) if matches!(failure.stage, Stage::ForbiddenTarget | Stage::NotProc) => {
            Error::new(Kind::System, operation(&step.op, work.namespaces), reason)
        }
        Some(reason) => {
            let what = format!("{}: {reason}", operation(&step.op, work.namespaces));
            Error::from_errno(errno, what)
        }
        None => Error::from_errno(errno, operation(&step.op, work.namespaces)),
    };
    if !at.as_str().is_empty() {
        error = error.at(at);
    }
    match advice(failure, errno, &step.op) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The option rather than the mount, where it was an option that failed.
fn location(failure: &Failure, step: &Step) -> Pointer {
    let options = match &step.op {
        Op::Mount(mount) => match &mount.tree {
            Tree::New { options, .. } => options.as_slice(),
            Tree::Bind { .. } => &[],
        },
        Op::Remount(remount) => remount.options.as_deref().unwrap_or_default(),
        _ => &[],
    };
    match options.get(failure.item as usize) {
        Some(option) if failure.stage == Stage::FsOption => option.at.clone(),
        _ => step.at.clone(),
    }
}

/// What part of the step it was, where that says more than the step itself.
fn reason(failure: &Failure, op: &Op) -> Option<String> {
    let detail = kernel_text(failure);
    let part = match failure.stage {
        Stage::Whole | Stage::NotInPath => return detail,
        Stage::Resolve => "look up the path in the root",
        Stage::CreateTarget => "create the mount point",
        Stage::ForbiddenTarget => match op {
            Op::Mount(mount) if mount.policy != Target::Ordinary => {
                return Some("must be mounted on ordinary directory".to_owned());
            }
            _ => {
                return Some("the target is inside /proc, where nothing may be mounted".to_owned());
            }
        },
        Stage::FsOpen => "file system type",
        Stage::FsOption => "option",
        Stage::FsCreate => return detail,
        Stage::Attributes => "set attributes",
        Stage::Attach => "attach",
        Stage::Propagation => "set propagation",
        Stage::CopyUp => "copy up",
        Stage::Different => "a different file exists",
        Stage::Owner => "change owner",
        Stage::Source => "open the source",
        Stage::Groups => "set supplementary groups",
        Stage::Gid => "set group id",
        Stage::Uid => "set user id",
        Stage::Bounding => {
            return Some(format!(
                "drop capability {} from the bounding set",
                failure.item
            ));
        }
        Stage::Capabilities => "set capabilities",
        Stage::NotProc => return Some("only a procfs may cover /proc".to_owned()),
        Stage::NoNewPrivileges => "set no_new_privs",
        Stage::Outside => "the directory is outside the container's root",
        Stage::NullDevice => "use the container's /dev/null as a standard stream",
        Stage::Ptmx => "open /dev/pts/ptmx",
        Stage::Send => "send the terminal",
        Stage::Listener => "tell the runtime of the listener",
    };
    Some(detail.map_or_else(|| part.to_owned(), |detail| format!("{part}: {detail}")))
}

/// The kernel's explanation without its severity (`e tmpfs: Unknown parameter 'x'`).
fn kernel_text(failure: &Failure) -> Option<String> {
    let end = failure
        .detail
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(failure.detail.len());
    let text = String::from_utf8_lossy(failure.detail.get(..end)?);
    let text = text
        .trim()
        .trim_start_matches("e ")
        .trim_start_matches("w ");
    (!text.is_empty()).then(|| text.escape_default().to_string().replace("\\'", "'"))
}

fn advice(failure: &Failure, errno: Errno, op: &Op) -> Option<&'static str> {
    Some(match (op, failure.stage, errno) {
        (Op::Mount(_), Stage::FsOpen, Errno::ENODEV) => {
            "the kernel does not know this file system; load its module or correct the type"
        }
        (Op::Mount(mount), Stage::FsCreate, Errno::EPERM) if is_new(&mount.tree, c"sysfs") => {
            "mounting sysfs needs a network namespace owned by this user namespace"
        }
        (Op::OpenSource(_), _, Errno::ENOENT) => "create the source on the host before",
        (Op::OpenRoot(_), _, Errno::ENOENT) => "root.path must be an existing directory",
        (Op::SessionKeyring(_), _, Errno::EDQUOT) => {
            "the user has too many keys: raise kernel.keys.maxkeys or use --no-new-keyring"
        }
        (Op::Console(_), Stage::Ptmx, _) => "a terminal needs a devpts mount on /dev/pts",
        (Op::EnterRoot(_), _, Errno::EINVAL) => {
            "a root on initramfs cannot be pivoted away from: use --no-pivot"
        }
        (Op::Seccomp(_), Stage::Listener, _) => "the filter must allow write(2)",
        (Op::Seccomp(_), _, Errno::EACCES) => {
            "without noNewPrivileges a filter needs CAP_SYS_ADMIN on the host"
        }
        (Op::Seccomp(_), _, Errno::EINVAL) => {
            "this kernel may not know one of the flags; `saya features` lists those it knows"
        }
        (Op::Process(_), _, Errno::EPERM) => {
            "raising a limit or priority needs CAP_SYS_RESOURCE or CAP_SYS_NICE on the host"
        }
        (Op::Sysctl(_), Stage::Resolve, Errno::ENOENT) => "this kernel has no such sysctl",
        (Op::ReadonlyPath(_) | Op::MaskPath(_), Stage::Resolve, Errno::ELOOP | Errno::EXDEV) => {
            "the image leads this path through a magic link"
        }
        _ => return None,
    })
}

fn is_new(tree: &Tree, name: &std::ffi::CStr) -> bool {
    matches!(tree, Tree::New { fstype, .. } if fstype.as_c_str() == name)
}

/// A program that is not there or cannot be executed; engines look for these words.
fn program_error(failure: &Failure, errno: Errno, step: &Step, work: Work<'_>) -> Error {
    let name = work
        .program
        .argv
        .iter()
        .next()
        .unwrap_or_default()
        .to_string_lossy();
    if failure.stage == Stage::NotInPath {
        let why = "executable file not found in $PATH";
        let error = Error::new(Kind::Exec, format!("exec: \"{name}\""), why);
        return at_step(error, step).hint(places(work.program));
    }
    let candidate = work.program.candidates.get(failure.item as usize);
    let path = candidate.map_or(name, |path| path.to_string_lossy());
    let what = match step.op {
        Op::FindProgram => format!("exec: \"{path}\""),
        _ => format!("exec {path}"),
    };
    let diagnosis = diagnosis::of(work.pid, &path, errno);
    let why = match &diagnosis {
        Some(diagnosis) => format!("{}: {}", errno_in_words(errno), diagnosis.why),
        None => errno_in_words(errno),
    };
    let error = at_step(Error::new(Kind::Exec, what, why), step);
    match diagnosis.and_then(|diagnosis| diagnosis.hint) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Names the step's field; arguments of the command line have none.
fn at_step(error: Error, step: &Step) -> Error {
    if step.at.as_str().is_empty() {
        return error;
    }
    error.at(&step.at)
}

/// Where a program was looked for.
fn places(program: &Program) -> String {
    let directory = |path: &CString| {
        let path = path.to_string_lossy();
        path.rsplit_once('/')
            .map_or("", |(directory, _)| directory)
            .to_owned()
    };
    let directories: Vec<String> = program.candidates.iter().map(directory).collect();
    if directories.is_empty() {
        return "name a program in args, and its directory in PATH".to_owned();
    }
    format!("the container's PATH is {}", directories.join(":"))
}

/// The error of an init that the OOM killer ended, by the limit of memory at `limit`.
pub(super) fn out_of_memory(limit: Option<&Pointer>) -> Error {
    let why = "the OOM killer ended init: the memory limit is too small to start in";
    let error = Error::new(Kind::System, "start the container's process", why)
        .hint("a start needs some hundred KB beside what the program needs");
    match limit {
        Some(at) => error.at(at),
        None => error,
    }
}

/// The error of an init that ended without a word.
#[must_use]
pub fn vanished(pidfd: &impl AsFd) -> Error {
    let what = "start the container's process";
    let end = crate::sys::pidfd::reap(pidfd.as_fd());
    let why = match end {
        Ok(crate::sys::pidfd::End::Signal(signal)) => {
            format!("init was killed by signal {signal} before the container was created")
        }
        Ok(crate::sys::pidfd::End::Code(code)) => {
            format!("init exited with status {code} before the container was created")
        }
        Err(errno) => format!("init is gone: {}", errno_in_words(errno)),
    };
    let error = Error::new(Kind::System, what, why);
    match end {
        Ok(crate::sys::pidfd::End::Signal(libc::SIGSYS)) => error.hint(
            "the seccomp filter must allow what init does after it, see docs/seccomp.md; with noNewPrivileges that is execve alone",
        ),
        Ok(crate::sys::pidfd::End::Signal(libc::SIGKILL)) => {
            error.hint("if nobody killed it, a memory limit of its cgroup may be too small")
        }
        _ => error,
    }
}
