//! Verbs on containers of real processes in real cgroups, made without `launch`.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::delete::{Force, delete, delete_within};
use super::kill::{Reach, kill};
use super::list::{MissingRoot, list};
use super::{ps, state, wait};
use crate::cgroup::{self, Cgroup, Driver, Layout, Placement};
use crate::error::Kind;
use crate::journal::Intent;
use crate::state::{Entry, FORMAT, Namespace, Outcome, Record, Status, Store};
use crate::sys::known_process::KnownProcess;
use crate::sys::pidfd;

/// A shell whose child outlives it; both end when their stdin closes.
const WITH_CHILD: &str = "exec 3<&0; sh -c 'read x' <&3 & echo ready; read x; exit 5";

struct Fixture {
    root: PathBuf,
    init: Child,
    placement: Placement,
}

#[derive(Clone, Copy, PartialEq)]
enum Pids {
    Private,
    Shared,
}

impl Fixture {
    /// A running container called `web`.
    fn running(script: &str, pids: Pids) -> Self {
        let fixture = Self::spawn(script);
        let mut entry = fixture.reserve();
        let record = fixture.record(pids);
        entry.write_config(b"{}").unwrap();
        entry.commit(&record).unwrap();
        fixture
    }

    /// The process in its cgroup, without an entry.
    fn spawn(script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saya-verbs-{}-{count}", std::process::id());
        let layout = Layout::read().unwrap();
        let path = format!("/{name}");
        let placement = cgroup::place(&layout, Some(&path), "web", Driver::Cgroupfs).unwrap();
        let cgroup = Cgroup::create(&placement, &[]).unwrap();
        let placement = cgroup.placement().clone();
        let files = placement.directories.iter();
        let files: Vec<_> = files
            .map(|place| format!("{}/cgroup.procs", place.host_path()))
            .collect();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Before the first line of the script runs, so that its children are in there as well.
        // SAFETY: only in tests, whose child may allocate: no other thread holds the allocator's
        // lock across fork in a way that matters with glibc and musl.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                for file in &files {
                    std::fs::write(file, "0")?;
                }
                Ok(())
            });
        }
        let init = command.spawn().unwrap();
        let root = std::env::temp_dir().join(name);
        Self {
            root,
            init,
            placement,
        }
    }

    fn reserve(&self) -> Entry {
        let entry = Store::open(&self.root).unwrap().reserve("web").unwrap();
        let mut intent = Intent::own("web", "/b", self.placement.clone()).unwrap();
        // As before the cgroups were made.
        for place in &mut intent.cgroup.directories {
            place.id = None;
        }
        entry.write_intent(&intent).unwrap();
        entry
    }

    fn record(&self, pids: Pids) -> Record {
        let pid = self.pid();
        let pidfd = pidfd::open(pid).unwrap();
        let kind = if pids == Pids::Private {
            "pid"
        } else {
            "mount"
        };
        Record {
            format: FORMAT,
            oci_version: "1.3.0".into(),
            id: "web".into(),
            bundle: "/b".into(),
            rootfs: "/b/rootfs".into(),
            init: KnownProcess::of(pid, pidfd.as_fd()).unwrap(),
            created: "2026-01-01T00:00:00Z".into(),
            started: Some("2026-01-01T00:00:01Z".into()),
            owner_uid: 0,
            annotations: [].into(),
            cgroup: self.placement.clone(),
            resctrl: None,
            namespaces: vec![Namespace {
                kind: kind.into(),
                path: None,
            }],
            no_pivot: false,
            no_new_keyring: false,
        }
    }

    fn pid(&self) -> i32 {
        self.init.id().cast_signed()
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn status(&self) -> Status {
        state::state(&self.root, "web").unwrap().status
    }

    /// Waits until the script has printed its first line.
    fn ready(&mut self) {
        use std::io::Read;
        let mut line = [0; 6];
        let stdout = self.init.stdout.as_mut().unwrap();
        stdout.read_exact(&mut line).unwrap();
    }

    fn cgroups_exist(&self) -> bool {
        let places = self.placement.directories.iter();
        places
            .map(|place| place.host_path())
            .any(|path| Path::new(&path).exists())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.init.stdin.take());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let _ = cgroup::kill_all(&self.placement, libc::SIGKILL);
        let _ = self.init.wait();
        let _ = cgroup::wait_empty(&self.placement, deadline);
        let _ = cgroup::remove(&self.placement, deadline);
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

#[test]
fn delete_refuses_what_runs_and_force_leaves_nothing() {
    let mut fixture = Fixture::running(WITH_CHILD, Pids::Shared);
    fixture.ready();
    let error = delete(fixture.root(), "web", Force::Refuse).unwrap_err();
    assert_eq!(error.kind(), Kind::Status);
    assert!(error.to_string().contains("it is running"), "{error}");
    let warnings = delete(fixture.root(), "web", Force::Kill).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert!(!fixture.cgroups_exist());
    assert!(cgroup::pids(&fixture.placement).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(&fixture.root).unwrap().count(), 0);
    let error = delete(fixture.root(), "web", Force::Refuse).unwrap_err();
    assert_eq!(error.to_string(), "container does not exist");
    // As after a delete that was killed once the id was free.
    std::fs::create_dir(fixture.root.join(".gone.0123")).unwrap();
    delete(fixture.root(), "web", Force::Kill).unwrap();
    assert_eq!(std::fs::read_dir(&fixture.root).unwrap().count(), 0);
}

#[test]
fn parallel_deletes_all_succeed_with_force() {
    let fixture = Fixture::running("read x", Pids::Private);
    let root = fixture.root();
    std::thread::scope(|scope| {
        let deletes: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| delete(root, "web", Force::Kill)))
            .collect();
        for delete in deletes {
            delete.join().unwrap().unwrap();
        }
    });
    assert!(!fixture.cgroups_exist());
    assert!(!root.join("web").exists());
}

#[test]
fn a_half_made_container_is_undone_from_its_intent() {
    let fixture = Fixture::spawn("read x");
    drop(fixture.reserve());
    // The owner, this process, lives: that makes it a container in creation.
    assert_eq!(fixture.status(), Status::Creating);
    let error = delete(fixture.root(), "web", Force::Refuse).unwrap_err();
    assert!(error.to_string().contains("it is creating"), "{error}");
    delete(fixture.root(), "web", Force::Kill).unwrap();
    assert!(!fixture.cgroups_exist());
    assert!(!fixture.root.join("web").exists());
}

#[test]
fn a_hanging_create_does_not_keep_its_container() {
    let fixture = Fixture::spawn("read x");
    let locked = fixture.reserve();
    let wait = std::time::Duration::from_millis(5);
    let error = delete_within(fixture.root(), "web", Force::Refuse, wait).unwrap_err();
    assert_eq!(error.kind(), Kind::Status);
    let warnings = delete_within(fixture.root(), "web", Force::Kill, wait).unwrap();
    assert!(warnings[0].contains("has been creating it"), "{warnings:?}");
    assert!(!fixture.cgroups_exist());
    assert!(!fixture.root.join("web").exists());
    // What its creator does afterwards harms nobody who takes the id next.
    let next = Store::open(fixture.root()).unwrap().reserve("web").unwrap();
    locked.remove().unwrap();
    assert!(next.path().exists());
}

#[test]
fn a_stranger_in_the_intended_cgroup_is_left_alone() {
    let mut fixture = Fixture::spawn("read x");
    let entry = fixture.reserve();
    let mut intent = entry.intent().unwrap().unwrap();
    intent.owner.start_time = u64::MAX;
    entry.write_intent(&intent).unwrap();
    drop(entry);
    let warnings = delete(fixture.root(), "web", Force::Kill).unwrap();
    assert!(warnings[0].contains("it stays"), "{warnings:?}");
    assert_eq!(fixture.init.try_wait().unwrap(), None);
    assert!(!fixture.root.join("web").exists());
}

#[test]
fn damage_does_not_save_the_processes() {
    for damaged in [
        &["state.json"][..],
        &["state.json", "intent.json", "config.json"],
    ] {
        let fixture = Fixture::running("read x", Pids::Private);
        for file in damaged {
            std::fs::write(fixture.root.join("web").join(file), "{").unwrap();
        }
        let (states, warnings) = list(fixture.root(), MissingRoot::Refuse).unwrap();
        assert_eq!(states[0].status, Status::Running);
        assert!(warnings[0].contains("damaged"), "{warnings:?}");
        delete(fixture.root(), "web", Force::Kill).unwrap();
        assert!(!fixture.cgroups_exist());
        assert!(!fixture.root.join("web").exists());
    }
}

#[test]
fn after_a_reboot_nothing_is_killed() {
    let mut fixture = Fixture::spawn("read x");
    let mut entry = fixture.reserve();
    let mut record = fixture.record(Pids::Private);
    record.init.boot_id = "another boot".into();
    entry.write_config(b"{}").unwrap();
    entry.commit(&record).unwrap();
    assert_eq!(fixture.status(), Status::Stopped);
    delete(fixture.root(), "web", Force::Kill).unwrap();
    assert_eq!(fixture.init.try_wait().unwrap(), None);
    assert!(fixture.cgroups_exist());
}

#[test]
fn poststop_hooks_run_once_all_is_gone_and_cannot_abort() {
    let fixture = Fixture::spawn("read x");
    let mut entry = fixture.reserve();
    let told = fixture.root.join("told");
    let script = format!("cat > {}", told.display());
    let config = serde_json::json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}]},
        "hooks": {"poststop": [
            {"path": "/bin/false"},
            {"path": "/bin/sh", "args": ["sh", "-c", script]},
        ]},
    });
    entry.write_config(config.to_string().as_bytes()).unwrap();
    entry.commit(&fixture.record(Pids::Private)).unwrap();
    let warnings = delete(fixture.root(), "web", Force::Kill).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("error running poststop hook #0"),
        "{warnings:?}"
    );
    let state = std::fs::read_to_string(told).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        (&state["id"], &state["status"]),
        (&"web".into(), &"stopped".into())
    );
    assert!(!fixture.root.join("web").exists());
}

#[test]
fn kill_reaches_init_or_all() {
    let mut fixture = Fixture::running(WITH_CHILD, Pids::Shared);
    fixture.ready();
    let root = fixture.root();
    kill(root, "web", 0, Reach::Init).unwrap();
    assert_eq!(ps::pids(root, "web").unwrap().len(), 2);
    kill(root, "web", libc::SIGTERM, Reach::Init).unwrap();
    wait::wait(root, "web").unwrap();
    assert_eq!(fixture.status(), Status::Stopped);
    // Init has ended, its child has not.
    let error = kill(root, "web", libc::SIGTERM, Reach::Init).unwrap_err();
    assert_eq!(error.to_string(), "container not running");
    assert_eq!(ps::pids(root, "web").unwrap().len(), 1);
    kill(root, "web", libc::SIGKILL, Reach::All).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    cgroup::wait_empty(&fixture.placement, deadline).unwrap();
    let error = kill(root, "web", libc::SIGKILL, Reach::All).unwrap_err();
    assert_eq!(error.to_string(), "container not running");
    assert_eq!(error.kind(), Kind::Status);
}

#[test]
fn wait_tells_and_keeps_the_end() {
    let mut fixture = Fixture::running("read x; exit 5", Pids::Private);
    let stdin = fixture.init.stdin.take();
    let root = fixture.root();
    let exit = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait::wait(root, "web"));
        drop(stdin);
        waiting.join().unwrap().unwrap()
    });
    assert_eq!(exit.outcome, Outcome::Code(5));
    assert_eq!(wait::code(&exit).unwrap(), 5);
    assert_eq!(exit.started.as_deref(), Some("2026-01-01T00:00:01Z"));
    assert!(exit.finished.is_some());
    assert_eq!(state::state(root, "web").unwrap().exit, Some(exit.clone()));
    assert_eq!(wait::wait(root, "web").unwrap(), exit);
}

#[test]
fn an_end_that_nobody_saw_is_unknown() {
    let mut fixture = Fixture::running("exit 5", Pids::Private);
    fixture.init.wait().unwrap();
    let exit = wait::wait(fixture.root(), "web").unwrap();
    let error = wait::code(&exit).unwrap_err();
    assert_eq!(
        error.to_string(),
        "exit status unknown: it ended before anybody waited for it"
    );
}
