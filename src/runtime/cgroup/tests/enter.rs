//! Which cgroups a further process enters.

use std::os::fd::AsFd;

use super::sandbox::Sandbox;
use crate::cgroup::{Below, Cgroup, Placement, birth_refused, files};
use crate::sys;

/// A controller enabled for the cgroups below some, which is taken back. Alone on this machine:
/// the lock is for the same test in another view.
struct Controller {
    root: String,
    name: String,
    enabled: Vec<String>,
    _lock: std::fs::File,
}

impl Controller {
    fn find(sandbox: &Sandbox) -> Option<Self> {
        let root = sandbox.layout.v2.as_ref()?.mount.clone();
        let controllers = std::fs::read_to_string(format!("{root}/cgroup.controllers")).unwrap();
        let lock = std::fs::File::open(&root).unwrap();
        lock.lock().unwrap();
        Some(Self {
            root,
            name: controllers.split_whitespace().next()?.to_owned(),
            enabled: Vec::new(),
            _lock: lock,
        })
    }

    fn file(&self, path: &str) -> String {
        format!("{}{path}/cgroup.subtree_control", self.root)
    }

    fn enable(&mut self, path: &str) {
        let file = self.file(path);
        if !std::fs::read_to_string(&file).unwrap().contains(&self.name) {
            std::fs::write(file, format!("+{}", self.name)).unwrap();
            self.enabled.push(path.to_owned());
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        for path in self.enabled.iter().rev() {
            let taken_back = std::fs::write(self.file(path), format!("-{}", self.name));
            // At the root somebody else may have begun to use it meanwhile.
            assert!(
                taken_back.is_ok() || path.is_empty(),
                "{path}: {taken_back:?}"
            );
        }
    }
}

fn is_same(cgroup: &Cgroup, placement: &Placement) -> bool {
    let path = placement.v2().unwrap().host_path();
    let expected = std::fs::File::open(path).unwrap();
    files::id(cgroup.birthplace().unwrap()) == files::id(expected.as_fd())
}

#[test]
fn exec_follows_an_init_that_moved_below_and_gave_controllers_away() {
    let mut sandbox = Sandbox::new();
    let placement = sandbox.place("web");
    Cgroup::create(&placement, &[]).unwrap();
    let inner = sandbox.make_plain("web/init.scope");
    let init = sandbox.sleeper(&placement, "init.scope");
    if placement.v2().is_none() {
        eprintln!("skipped: no v2 hierarchy in this view");
        return;
    }
    let before = Cgroup::open_beside(&placement, init).unwrap();
    assert!(is_same(&before, &placement), "nothing hinders us there");
    let Some(mut controller) = Controller::find(&sandbox) else {
        eprintln!("skipped: no v2 controller on this machine");
        return;
    };
    for path in ["", &sandbox.parent, &format!("{}/web", sandbox.parent)] {
        controller.enable(path);
    }
    let after = Cgroup::open_beside(&placement, init).unwrap();
    assert!(is_same(&after, &inner));
    // An init outside of the container's cgroup is not followed.
    let stranger = Cgroup::open_beside(&placement, 1).unwrap();
    assert!(is_same(&stranger, &placement));
}

/// The error of a birth that the kernel refuses.
fn refused_birth(cgroup: &Cgroup) -> crate::error::Error {
    let born = sys::clone::spawn(0, cgroup.birthplace(), || sys::process::exit_now(0));
    birth_refused(cgroup.placement(), born.unwrap_err()).expect("the cgroup is the cause")
}

#[test]
fn a_cgroup_that_gave_its_controllers_away_takes_no_process() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("web"), &[]).unwrap();
    let Some(mut controller) = Controller::find(&sandbox) else {
        eprintln!("skipped: no v2 controller on this machine");
        return;
    };
    for path in ["", &sandbox.parent, &format!("{}/web", sandbox.parent)] {
        controller.enable(path);
    }
    let error = refused_birth(&cgroup);
    let path = cgroup.placement().v2().unwrap().host_path();
    assert_eq!(
        error.to_string(),
        format!("create a process in the cgroup ({path}): EBUSY: device or resource busy")
    );
    assert!(
        error.advice().unwrap().contains("cgroup.subtree_control"),
        "{error:?}"
    );
}

#[test]
fn a_cgroup_below_a_threaded_one_takes_no_process() {
    let sandbox = Sandbox::new();
    let outer = sandbox.make_plain("outer");
    let Some(v2) = outer.v2() else {
        eprintln!("skipped: no v2 hierarchy in this view");
        return;
    };
    std::fs::write(format!("{}/cgroup.type", v2.host_path()), "threaded").unwrap();
    let cgroup = Cgroup::create(&sandbox.place("outer/web"), &[]).unwrap();
    let error = refused_birth(&cgroup);
    assert!(error.why().starts_with("EOPNOTSUPP"), "{error}");
    assert!(error.advice().unwrap().contains("cgroup.type"), "{error:?}");
}

#[test]
fn a_cgroup_that_was_removed_takes_no_process() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("gone"), &[]).unwrap();
    if cgroup.birthplace().is_none() {
        eprintln!("skipped: no v2 hierarchy in this view");
        return;
    }
    cgroup.undo();
    let error = refused_birth(&cgroup);
    assert_eq!(error.advice(), Some("it was removed meanwhile"), "{error}");
    assert!(birth_refused(cgroup.placement(), nix::errno::Errno::EPERM).is_none());
}

#[test]
fn exec_enters_the_named_cgroup_below() {
    let mut sandbox = Sandbox::new();
    let placement = sandbox.place("web");
    Cgroup::create(&placement, &[]).unwrap();
    let below = Below::parse(&["/a/b/"]).unwrap();
    let error = Cgroup::open_below(&placement, &below)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("error adding pid to cgroups (/sys/fs/cgroup/"),
        "{error}"
    );
    assert!(
        error.ends_with("/web/a/b): ENOENT: no such file or directory"),
        "{error}"
    );
    let inner = sandbox.make_plain("web/a/b");
    let cgroup = Cgroup::open_below(&placement, &below).unwrap();
    for (opened, place) in cgroup.directories.iter().zip(&inner.directories) {
        assert_eq!(opened.place.host_path(), place.host_path());
    }
    let pid = sandbox.sleeper(&inner, "");
    assert_eq!(crate::cgroup::pids(&inner).unwrap(), [pid]);
    // `/` is the container's own.
    let own = Cgroup::open_below(&placement, &Below::parse(&["/"]).unwrap()).unwrap();
    assert_eq!(own.directories[0].place, placement.directories[0]);
}

#[test]
fn exec_enters_the_named_cgroup_of_one_controller() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("web");
    Cgroup::create(&placement, &[]).unwrap();
    let below = Below::parse(&["freezer:x"]).unwrap();
    let Some(freezer) = placement.v1("freezer") else {
        let error = Cgroup::open_below(&placement, &below).unwrap_err();
        assert_eq!(error.why(), "unknown controller freezer in --cgroup");
        return;
    };
    std::fs::create_dir(format!("{}/x", freezer.host_path())).unwrap();
    let cgroup = Cgroup::open_below(&placement, &below).unwrap();
    let entered: Vec<String> = cgroup
        .directories
        .iter()
        .filter(|opened| opened.place.path.ends_with("/x"))
        .map(|opened| opened.place.host_path())
        .collect();
    assert_eq!(entered, [format!("{}/x", freezer.host_path())]);
}
