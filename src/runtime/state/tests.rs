//! Entries on a real file system, with real processes.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::cgroup::Placement;
use crate::journal::Intent;
use crate::sys::channel;
use crate::sys::known_process::KnownProcess;
use crate::sys::pidfd::{self, End};

/// A state root that goes away with the test.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saya-state-{}-{count}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn store(&self) -> Store {
        Store::open(&self.0).unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with code 5 when told to.
struct Init(Child);

impl Init {
    fn spawn() -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", "read line; exit 5"])
            .stdin(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn known(&self) -> KnownProcess {
        let pid = self.0.id().cast_signed();
        KnownProcess::of(pid, pidfd::open(pid).unwrap().as_fd()).unwrap()
    }

    /// Ends it and leaves a zombie.
    fn end(&mut self) {
        let pidfd = pidfd::open(self.0.id().cast_signed()).unwrap();
        drop(self.0.stdin.take());
        pidfd::poll_end(pidfd.as_fd(), None).unwrap();
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn record(init: KnownProcess) -> Record {
    Record {
        format: FORMAT,
        oci_version: "1.3.0".into(),
        id: "web".into(),
        bundle: "/b".into(),
        rootfs: "/b/rootfs".into(),
        init,
        created: "2026-01-01T00:00:00Z".into(),
        started: None,
        owner_uid: 0,
        annotations: [("k".to_owned(), "v".to_owned())].into(),
        cgroup: Placement::default(),
        resctrl: None,
        namespaces: vec![Namespace {
            kind: "pid".into(),
            path: None,
        }],
        no_pivot: false,
        no_new_keyring: false,
    }
}

fn status(store: &Store) -> Status {
    store.find("web").unwrap().observe().status
}

#[test]
fn an_id_has_one_owner_and_is_free_again_after_removal() {
    let root = Root::new();
    let store = root.store();
    let mode = root.0.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let error = store.find("web").unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.to_string(), "container does not exist");
    let entry = store.reserve("web").unwrap();
    let error = store.reserve("web").unwrap_err();
    assert_eq!(error.kind(), Kind::Exists);
    assert_eq!(error.to_string(), "container with given ID already exists");
    assert_eq!(store.ids().unwrap(), ["web"]);
    entry.remove().unwrap();
    entry.remove().unwrap();
    assert_eq!(std::fs::read_dir(&root.0).unwrap().count(), 0);
    store.reserve("web").unwrap();
}

#[test]
fn asking_makes_no_directories() {
    let root = Root::new();
    let error = Store::find_in(&root.0, "web").unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(!root.0.exists());
}

#[test]
fn the_status_follows_files_and_process() {
    let root = Root::new();
    let store = root.store();
    let mut init = Init::spawn();
    let mut entry = store.reserve("web").unwrap();
    assert_eq!(
        status(&store),
        Status::Creating,
        "locked, without an intent"
    );
    let intent = Intent::own("web", "/b", Placement::default()).unwrap();
    entry.write_intent(&intent).unwrap();
    assert_eq!(status(&store), Status::Creating);
    let listener = entry.bind_start().unwrap();
    entry.commit(&record(init.known())).unwrap();
    assert_eq!(status(&store), Status::Created);
    assert_eq!(status(&store), Status::Created);
    // A third look finds the queue full, as with an init that is frozen.
    assert_eq!(status(&store), Status::Created);
    for _ in 0..2 {
        channel::accept(listener.as_fd()).unwrap();
    }
    assert!(entry.connect_start().unwrap().is_some());
    // As when `start` was killed before it could leave its mark.
    drop(listener);
    assert_eq!(entry.started(&record(init.known())), None);
    assert_eq!(status(&store), Status::Running);
    assert!(entry.connect_start().unwrap().is_none());
    assert!(entry.started(&record(init.known())).is_some());
    init.end();
    let observation = entry.observe();
    assert_eq!(observation.status, Status::Stopped);
    assert_eq!(observation.pid(), 0);
    assert_eq!(
        observation.exit.unwrap().outcome,
        Outcome::Code(5),
        "a zombie tells"
    );
    init.0.wait().unwrap();
    let observation = entry.observe();
    assert_eq!(observation.status, Status::Stopped);
    assert_eq!(observation.exit, None, "nobody wrote it down");
}

#[test]
fn a_container_that_dies_before_its_start_was_never_started() {
    let root = Root::new();
    let store = root.store();
    let mut init = Init::spawn();
    let mut entry = store.reserve("web").unwrap();
    let listener = entry.bind_start().unwrap();
    entry.commit(&record(init.known())).unwrap();
    init.end();
    drop(listener);
    assert_eq!(status(&store), Status::Stopped);
    assert_eq!(entry.started(&record(init.known())), None);
}

#[test]
fn a_dead_creator_leaves_something_stopped() {
    let root = Root::new();
    let store = root.store();
    let init = Init::spawn();
    let mut intent = Intent::own("web", "/b", Placement::default()).unwrap();
    intent.owner = init.known();
    let entry = store.reserve("web").unwrap();
    entry.write_intent(&intent).unwrap();
    assert_eq!(status(&store), Status::Creating);
    drop(init);
    assert_eq!(status(&store), Status::Stopped);
    drop(entry);
    store.reserve("bare").unwrap();
    let bare = store.find("bare").unwrap();
    assert_eq!(
        bare.observe().status,
        Status::Stopped,
        "nothing in it, nobody at it"
    );
}

#[test]
fn damage_is_reported_and_hides_nothing() {
    let root = Root::new();
    let store = root.store();
    let entry = store.reserve("web").unwrap();
    for content in ["", "{", "{\"format\":1}", "[]"] {
        std::fs::write(entry.path().join("state.json"), content).unwrap();
        let observation = entry.observe();
        let damage = observation.damage.unwrap();
        assert!(
            damage.to_string().contains("the file is damaged"),
            "{damage}"
        );
        assert!(damage.to_string().contains("state.json"), "{damage}");
        assert!(damage.advice().unwrap().contains("delete --force web"));
    }
    let large = std::fs::File::create(entry.path().join("state.json")).unwrap();
    large.set_len((16 << 20) + 1).unwrap();
    let error = entry.record().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EFBIG));
}

#[test]
fn files_are_replaced_whole_and_tolerate_later_formats() {
    let root = Root::new();
    let mut entry = root.store().reserve("web").unwrap();
    let init = Init::spawn();
    entry.commit(&record(init.known())).unwrap();
    let text = std::fs::read_to_string(entry.path().join("state.json")).unwrap();
    let later = text.replacen('{', r#"{"later":[1],"#, 1);
    std::fs::write(entry.path().join("state.json"), later).unwrap();
    assert_eq!(entry.record().unwrap(), Some(record(init.known())));
    let mut names = directory::names(entry.dir()).unwrap();
    names.sort();
    assert_eq!(names, ["anchor", "state.json"], "no temporary file stays");
    entry.write_config(b"{ }").unwrap();
    assert_eq!(entry.config().unwrap(), b"{ }");
}

#[test]
fn a_known_exit_is_not_forgotten() {
    let root = Root::new();
    let entry = root.store().reserve("web").unwrap();
    let exit = |outcome| Exit::new(outcome, None, None);
    assert_eq!(entry.exit().unwrap(), None);
    let known = exit(Outcome::from(End::Signal(9)));
    entry.write_exit(&known).unwrap();
    entry
        .write_exit(&exit(Outcome::Unknown("too late".into())))
        .unwrap();
    assert_eq!(entry.exit().unwrap(), Some(known));
}

#[test]
fn the_lock_is_bounded_and_sees_removal() {
    let root = Root::new();
    let store = root.store();
    let mut entry = store.reserve("web").unwrap();
    let other = store.find("web").unwrap();
    let error = other.lock(Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    entry.commit(&record(Init::spawn().known())).unwrap();
    drop(other.lock(Duration::ZERO).unwrap());
    entry.remove().unwrap();
    let error = other.lock(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    store.reserve("web").unwrap();
    let error = other.lock(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "the id means another one now");
    other.remove().unwrap();
    assert_eq!(store.ids().unwrap(), ["web"]);
}

#[test]
fn long_paths_do_not_stop_the_start_socket() {
    let root = Root::new();
    let store = root.store();
    let id = "x".repeat(id::MAX_LEN);
    let entry = store.reserve(&id).unwrap();
    let _listener = entry.bind_start().unwrap();
    assert!(entry.connect_start().unwrap().is_some());
}

#[test]
fn interrupted_removals_are_finished() {
    let root = Root::new();
    let store = root.store();
    let left = root.0.join(".gone.0123");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("state.json"), "{}").unwrap();
    std::fs::write(root.0.join("file"), "").unwrap();
    store.sweep().unwrap();
    assert!(!left.exists());
    assert_eq!(store.find("file").unwrap_err().kind(), Kind::NotFound);
}
