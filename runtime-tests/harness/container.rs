//! A created container and the verbs on it.

use crate::command::PATIENCE;
use crate::sys::WaitStatus;
use crate::{Exit, Output, Test, reaper};

/// A created container; deleted with force at the end of the test.
pub struct Container<'t> {
    test: &'t Test,
    /// Its id.
    pub id: String,
    /// Pid of its init.
    pub pid: i32,
    output: Output,
}

impl<'t> Container<'t> {
    /// A container that the test has created by a command of its own.
    ///
    /// # Panics
    /// When it does not exist.
    #[must_use]
    #[track_caller]
    pub fn found(test: &'t Test, id: &str, output: Output) -> Self {
        Self::created(test, id.to_owned(), output)
    }

    #[track_caller]
    pub(crate) fn created(test: &'t Test, id: String, output: Output) -> Self {
        let mut container = Self {
            test,
            id,
            pid: 0,
            output,
        };
        let pid = container.state()["pid"].as_i64().expect("state has a pid");
        container.pid = i32::try_from(pid).expect("a pid");
        container
    }

    /// Runs `<verb> id`.
    #[must_use]
    pub fn call(&self, verb: &str) -> Output {
        self.test.call([verb, &self.id])
    }

    /// The JSON of `state`.
    ///
    /// # Panics
    /// When `state` fails.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> serde_json::Value {
        self.call("state").expect_success().json()
    }

    /// The status word of `state`.
    ///
    /// # Panics
    /// When `state` fails.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> String {
        self.state()["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `exec`s `args` in the container.
    #[must_use]
    pub fn exec<const N: usize>(&self, args: [&str; N]) -> Output {
        self.exec_with(&[], args)
    }

    /// As [`Container::exec`], with flags of `exec`.
    #[must_use]
    pub fn exec_with<const N: usize>(&self, flags: &[&str], args: [&str; N]) -> Output {
        self.test
            .runtime(["exec"])
            .args(flags)
            .args([&self.id])
            .args(args)
            .run()
    }

    /// Waits for the end of the container's init.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn wait(&self) -> Exit {
        match reaper::wait(self.pid, PATIENCE) {
            Some(WaitStatus::Exited(code)) => Exit::Code(code),
            Some(WaitStatus::Signaled(signal)) => Exit::Signal(signal),
            None => panic!("container {} (pid {}) does not end", self.id, self.pid),
        }
    }

    /// What the container and its `create` wrote to stdout.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.output.stdout()
    }

    /// What the container and its `create` wrote to stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.output.stderr()
    }
}
