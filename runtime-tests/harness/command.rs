//! Runs one command of the runtime with a hard time limit.
//!
//! stdout and stderr are files in memory, not pipes: a detached container that
//! keeps them open cannot block the test, and what it writes later can still be
//! read. Every finished command is remembered for the report of a failure.

use crate::sys::{self, ChildSetup, Session, WaitStatus};
use crate::{process, reaper};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// How long a command, or any event of a test, may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It called exit with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It had to be killed after [`PATIENCE`].
    TimedOut,
}

/// A command that has ended, with what it (and a container it left behind) wrote.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: Exit,
    line: String,
    stdout: File,
    stderr: File,
}

impl Output {
    /// Everything on stdout until now.
    #[must_use]
    pub fn stdout(&self) -> String {
        content(&self.stdout)
    }

    /// Everything on stderr until now.
    #[must_use]
    pub fn stderr(&self) -> String {
        content(&self.stderr)
    }

    /// stdout as JSON.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let text = self.stdout();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e} in {text:?}", self.line))
    }

    /// Fails the test unless the command exited with 0.
    ///
    /// # Panics
    /// With the command line, the status and both outputs.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(
            self.status == Exit::Code(0),
            "must succeed: {}",
            self.describe()
        );
        self
    }

    /// Fails the test unless the command failed with an error of its own
    /// (neither success, nor a signal, nor a time-out).
    ///
    /// # Panics
    /// With the command line, the status and both outputs.
    #[track_caller]
    pub fn expect_failure(self) -> Self {
        let failed = matches!(self.status, Exit::Code(code) if code != 0);
        assert!(failed, "must be refused: {}", self.describe());
        self
    }

    /// Fails the test unless stderr contains `text`, in any letter case.
    ///
    /// # Panics
    /// With the command line, the status and both outputs.
    #[track_caller]
    pub fn expect_stderr(self, text: &str) -> Self {
        let found = self.stderr().to_lowercase().contains(&text.to_lowercase());
        assert!(found, "stderr must contain {text:?}: {}", self.describe());
        self
    }

    /// Command line, status and outputs, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let (out, err) = (shorten(self.stdout()), shorten(self.stderr()));
        format!(
            "{}\n  status {:?}\n  stdout {out:?}\n  stderr {err:?}",
            self.line, self.status
        )
    }
}

/// The end of a long output says most.
fn shorten(text: String) -> String {
    const KEEP: usize = 2000;
    let skip = text.chars().count().saturating_sub(KEEP);
    if skip == 0 {
        text
    } else {
        format!("…{}", text.chars().skip(skip).collect::<String>())
    }
}

fn content(file: &File) -> String {
    let length = file.metadata().map(|m| m.len()).unwrap_or(0);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    // Positioned reads: the offset belongs to the writers.
    let n = file.read_at(&mut bytes, 0).unwrap_or(0);
    bytes.truncate(n);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A command to be run, built up by chaining.
#[derive(Debug)]
pub struct Runner {
    command: Command,
    setup: ChildSetup,
    held: Vec<OwnedFd>,
    stdin: Option<Stdio>,
    files: Option<(File, File)>,
    patience: Duration,
}

impl Runner {
    /// `program` with an almost empty environment.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear().env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        Self {
            command,
            setup: ChildSetup::default(),
            held: Vec::new(),
            stdin: None,
            files: None,
            patience: PATIENCE,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the runtime's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this directory.
    #[must_use]
    pub fn cwd(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Gives `text` as stdin; without this it is `/dev/null`.
    #[must_use]
    pub fn stdin_text(mut self, text: &str) -> Self {
        let mut file = sys::memory_file("stdin").expect("memfd");
        file.write_all(text.as_bytes())
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .expect("fill");
        self.stdin = Some(file.into());
        self
    }

    /// Gives a file as stdin.
    #[must_use]
    pub fn stdin_file(mut self, file: File) -> Self {
        self.stdin = Some(file.into());
        self
    }

    /// Leads a session of its own, so that it has no controlling terminal
    /// even where the tests were started from one.
    #[must_use]
    pub fn without_controlling_terminal(mut self) -> Self {
        self.setup.session = Session::New;
        self
    }

    /// The terminal `slave` becomes stdin, stdout, stderr and the controlling
    /// terminal of the command, which leads a session of its own.
    #[must_use]
    pub fn on_terminal(mut self, slave: BorrowedFd<'_>) -> Self {
        let duplicate = || File::from(slave.try_clone_to_owned().expect("dup the terminal"));
        self.stdin = Some(duplicate().into());
        self.files = Some((duplicate(), duplicate()));
        self.setup.session = Session::OnTerminal;
        self
    }

    /// stdout and stderr go to these files.
    #[must_use]
    pub fn outputs(mut self, stdout: File, stderr: File) -> Self {
        self.files = Some((stdout, stderr));
        self
    }

    /// The child inherits `fd` as `number`, without close-on-exec.
    #[must_use]
    pub fn inherit(mut self, fd: BorrowedFd<'_>, number: RawFd) -> Self {
        let copy = duplicate_high(fd);
        self.setup.fds.push((copy.as_raw_fd(), number));
        self.held.push(copy);
        self
    }

    /// The child ignores this signal.
    #[must_use]
    pub fn ignoring(mut self, signal: i32) -> Self {
        self.setup.ignore.push(signal);
        self
    }

    /// The child blocks this signal.
    #[must_use]
    pub fn blocking(mut self, signal: i32) -> Self {
        self.setup.block.push(signal);
        self
    }

    /// The child has these supplementary groups.
    #[must_use]
    pub fn groups(mut self, groups: &[u32]) -> Self {
        self.setup.groups = Some(groups.to_vec());
        self
    }

    /// Another bound than [`PATIENCE`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the command without waiting for its end.
    ///
    /// # Panics
    /// When it cannot be executed.
    #[must_use]
    #[allow(clippy::zombie_processes)] // The reaper waits.
    pub fn spawn(mut self) -> Running {
        let line = describe_line(&self.command);
        let (stdout, stderr) = self.files.take().unwrap_or_else(|| {
            (
                sys::memory_file("stdout").expect("memfd"),
                sys::memory_file("stderr").expect("memfd"),
            )
        });
        let share = |file: &File| Stdio::from(file.try_clone().expect("dup an output"));
        self.command
            .stdin(self.stdin.take().unwrap_or_else(Stdio::null));
        self.command.stdout(share(&stdout)).stderr(share(&stderr));
        if self.setup.session == Session::Inherited {
            self.command.process_group(0);
        }
        sys::prepare_child(&mut self.command, self.setup);
        let child = reaper::spawn(&mut self.command).unwrap_or_else(|e| panic!("{line}: {e}"));
        Running {
            pid: reaper::pid_of(&child),
            line,
            stdout,
            stderr,
            patience: self.patience,
        }
    }

    /// Runs the command to its end.
    ///
    /// # Panics
    /// When it cannot be executed.
    #[must_use]
    pub fn run(self) -> Output {
        self.spawn().finish()
    }
}

/// Out of the way of the numbers the child shall see.
fn duplicate_high(fd: BorrowedFd<'_>) -> OwnedFd {
    sys::duplicate_from(fd, 600).expect("dup an fd to inherit")
}

fn describe_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A command that has been started.
#[derive(Debug)]
pub struct Running {
    /// Its pid.
    pub pid: i32,
    line: String,
    stdout: File,
    stderr: File,
    patience: Duration,
}

impl Running {
    /// Waits for the end; kills the process group when it takes too long.
    #[must_use]
    pub fn finish(self) -> Output {
        let status = match reaper::wait(self.pid, self.patience) {
            Some(WaitStatus::Exited(code)) => Exit::Code(code),
            Some(WaitStatus::Signaled(signal)) => Exit::Signal(signal),
            None => {
                let _ = sys::kill(-self.pid, libc::SIGKILL);
                let _ = reaper::wait(self.pid, PATIENCE);
                Exit::TimedOut
            }
        };
        let Self {
            line,
            stdout,
            stderr,
            ..
        } = self;
        let output = Output {
            status,
            line,
            stdout,
            stderr,
        };
        remember(&output);
        output
    }

    /// Sends a signal to the command itself.
    pub fn signal(&self, signal: i32) {
        let _ = sys::kill(self.pid, signal);
    }

    /// Everything on stdout until now.
    #[must_use]
    pub fn stdout(&self) -> String {
        content(&self.stdout)
    }

    /// The command's entry in `/proc`, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<process::Process> {
        process::find(self.pid)
    }

    /// Its stderr as an fd, for tests that look at the file itself.
    #[must_use]
    pub fn stderr_fd(&self) -> BorrowedFd<'_> {
        self.stderr.as_fd()
    }
}

static HISTORY: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn history() -> std::sync::MutexGuard<'static, Vec<String>> {
    HISTORY
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn remember(output: &Output) {
    history().push(output.describe());
}

/// The commands since the last call, for the report of a failure.
#[must_use]
pub fn take_history() -> Vec<String> {
    std::mem::take(&mut history())
}
