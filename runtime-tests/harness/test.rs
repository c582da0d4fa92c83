//! What a test body works with: bundles, ids, directories and the runtime.

use crate::command::PATIENCE;
use crate::frame::Skip;
use crate::{
    Bundle, Container, Driver, Kind, Output, Runner, Runtime, Witness, cgroup, isolation, rootfs,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

/// Marks everything made by this test process: ids, cgroups, directories.
#[must_use]
pub fn token() -> String {
    format!("saya-test-{}", std::process::id())
}

/// What a test body works with.
pub struct Test {
    /// The runtime under test.
    pub runtime: &'static Runtime,
    name: String,
    dir: PathBuf,
    counter: Cell<u32>,
    ids: RefCell<BTreeSet<String>>,
}

impl Test {
    pub(crate) fn new(name: &str, runtime: &'static Runtime) -> Self {
        let dir = rootfs::scratch_root().join("test");
        fs::create_dir_all(&dir).expect("make the test's directory");
        Self {
            runtime,
            name: name.to_owned(),
            dir,
            counter: Cell::new(0),
            ids: RefCell::default(),
        }
    }

    /// `file::function` of the test.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A directory of the test's own on a disk file system; removed afterwards.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn next(&self) -> u32 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }

    /// A container id nobody else uses. It will be deleted after the test.
    #[must_use]
    pub fn new_id(&self) -> String {
        let id = format!("{}-{}", token(), self.next());
        self.ids.borrow_mut().insert(id.clone());
        id
    }

    /// A new bundle with the default config.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let n = self.next();
        let cgroups_path = Driver::current().cgroups_path(n);
        Bundle::create(&self.dir.join(format!("bundle{n}")), &cgroups_path)
    }

    /// A host directory outside of every bundle, holding a file `marker`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn witness(&self) -> Witness {
        let dir = self.dir.join(format!("host{}", self.next()));
        fs::create_dir(&dir).expect("make a host directory");
        fs::write(dir.join("marker"), "HOST-MARKER\n").expect("write the marker");
        Witness::of(&dir)
    }

    /// The runtime with the test's state root and `args`.
    #[must_use]
    pub fn runtime<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Runner {
        let mut args = args.into_iter().peekable();
        let runner = Runner::new(&self.runtime.path).args(["--root", isolation::STATE_ROOT]);
        let verb = args.peek().and_then(|verb| verb.as_ref().to_str());
        runner.args(Driver::current().flags(verb)).args(args)
    }

    /// Runs the runtime with `args` to its end.
    #[must_use]
    pub fn call<const N: usize>(&self, args: [&str; N]) -> Output {
        self.runtime(args).run()
    }

    /// `run`s the bundle in the foreground with a new id.
    #[must_use]
    pub fn run(&self, bundle: &Bundle) -> Output {
        self.run_with(bundle, &[])
    }

    /// As [`Test::run`], with more flags for `run`.
    #[must_use]
    pub fn run_with(&self, bundle: &Bundle, flags: &[&str]) -> Output {
        self.verb_with_bundle("run", bundle, flags, &self.new_id())
            .run()
    }

    /// The command `<verb> --bundle … flags… id`, not started yet.
    #[must_use]
    pub fn verb_with_bundle(
        &self,
        verb: &str,
        bundle: &Bundle,
        flags: &[&str],
        id: &str,
    ) -> Runner {
        bundle.save();
        self.ids.borrow_mut().insert(id.to_owned());
        self.runtime([verb, "--bundle"])
            .args([bundle.dir()])
            .args(flags)
            .args([id])
    }

    /// Runs `/bin/probe facts` in the bundle; what it printed.
    ///
    /// # Panics
    /// When the run fails or prints no JSON.
    #[must_use]
    #[track_caller]
    pub fn facts(&self, bundle: Bundle) -> serde_json::Value {
        self.run(&bundle.args(["/bin/probe", "facts"]))
            .expect_success()
            .json()
    }

    /// `create`s a container which must succeed.
    ///
    /// # Panics
    /// When `create` fails.
    #[must_use]
    #[track_caller]
    pub fn create(&self, bundle: &Bundle) -> Container<'_> {
        self.create_with(bundle, &[])
    }

    /// As [`Test::create`], with more flags.
    ///
    /// # Panics
    /// When `create` fails.
    #[must_use]
    #[track_caller]
    pub fn create_with(&self, bundle: &Bundle, flags: &[&str]) -> Container<'_> {
        let id = self.new_id();
        let output = self
            .verb_with_bundle("create", bundle, flags, &id)
            .run()
            .expect_success();
        Container::created(self, id, output)
    }

    /// A container that is running `args` of the bundle.
    ///
    /// # Panics
    /// When `create` or `start` fails.
    #[must_use]
    #[track_caller]
    pub fn start(&self, bundle: &Bundle) -> Container<'_> {
        let container = self.create(bundle);
        container.call("start").expect_success();
        container
    }

    /// A running container which does nothing until it is killed.
    ///
    /// # Panics
    /// When `create` or `start` fails.
    #[must_use]
    #[track_caller]
    pub fn idle(&self) -> Container<'_> {
        self.start(&self.bundle().args(["/bin/probe", "sleep"]))
    }

    /// Ends the test as skipped.
    pub fn skip(&self, reason: &str) -> ! {
        resume_unwind(Box::new(Skip(reason.to_owned())))
    }

    /// Skips the test unless the runtime is `kind`.
    pub fn only(&self, kind: Kind, why: &str) {
        if self.runtime.kind != kind {
            self.skip(&format!("only {}: {why}", kind.name()));
        }
    }

    /// Skips the test where systemd makes the cgroups.
    pub fn only_cgroupfs(&self, why: &str) {
        if Driver::current() == Driver::Systemd {
            self.skip(&format!("not with the systemd driver: {why}"));
        }
    }

    /// Has systemd make the cgroups; skips the test where it does not run.
    pub fn use_systemd(&self) {
        if !crate::driver::is_booted() {
            self.skip("systemd is not PID 1");
        }
        Driver::Systemd.set();
    }

    pub(crate) fn delete_containers(&self) {
        for id in self.ids.borrow().iter() {
            let delete = self
                .runtime(["delete", "--force", id])
                .patience(PATIENCE / 2);
            let _ = delete.run();
        }
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        // Runtimes remove the container's cgroup; its parent was made for us.
        for root in cgroup::hierarchies() {
            let _ = fs::remove_dir(root.join(token()));
        }
    }
}
