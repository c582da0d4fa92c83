//! Freezing and thawing.

use std::os::fd::AsFd;
use std::time::Instant;

use super::sandbox::{Sandbox, soon};
use super::without_v2;
use crate::cgroup::{Cgroup, files, freeze, is_freezing, is_frozen, kill_all, thaw, tree};
use crate::error::Kind;
use crate::sys;

/// Of the container's cgroup and one below it, twice each. What the v1 freezer
/// holds keeps even a signal that ends it.
fn freeze_and_thaw(mut sandbox: Sandbox) {
    let placement = sandbox.place("frozen");
    Cgroup::create(&placement, &[]).unwrap();
    sandbox.make_plain("frozen/below");
    let pids = [
        sandbox.sleeper(&placement, ""),
        sandbox.sleeper(&placement, "below"),
    ];
    for _ in 0..2 {
        freeze(&placement, soon()).unwrap();
        assert!(is_frozen(&placement).unwrap());
    }
    kill_all(&placement, libc::SIGTERM).unwrap();
    // A v2 cgroup lets a process go that a signal ends.
    if placement.v1("freezer").is_some() {
        assert!(pids.iter().all(|&pid| is_alive(pid)));
    }
    for _ in 0..2 {
        thaw(&placement, soon()).unwrap();
        assert!(!is_frozen(&placement).unwrap());
        assert!(!is_freezing(&placement).unwrap());
    }
    for pid in pids {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGTERM));
    }
}

fn is_alive(pid: libc::pid_t) -> bool {
    sys::procstat::read(pid).unwrap().end().is_none()
}

#[test]
fn all_below_is_frozen_and_thawed() {
    freeze_and_thaw(Sandbox::new());
}

#[test]
fn all_below_is_frozen_and_thawed_by_v1() {
    let Some(layout) = without_v2() else { return };
    freeze_and_thaw(Sandbox::of(layout));
}

/// Frozen itself, and by a cgroup below that the container froze.
fn kill_frozen(mut sandbox: Sandbox) {
    let placement = sandbox.place("killed");
    let below = sandbox.place("killed/a/b");
    Cgroup::create(&placement, &[]).unwrap();
    sandbox.make_plain("killed/a/b");
    let pids = [
        sandbox.sleeper(&placement, ""),
        sandbox.sleeper(&placement, "a/b"),
    ];
    freeze(&below, soon()).unwrap();
    freeze(&placement, soon()).unwrap();
    kill_all(&placement, libc::SIGKILL).unwrap();
    for pid in pids {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGKILL));
    }
}

#[test]
fn what_is_frozen_is_killed() {
    kill_frozen(Sandbox::new());
}

#[test]
fn what_v1_has_frozen_is_killed() {
    let Some(layout) = without_v2() else { return };
    kill_frozen(Sandbox::of(layout));
}

#[test]
fn to_thaw_a_cgroup_that_is_gone_is_no_error() {
    let Some(layout) = without_v2() else { return };
    let sandbox = Sandbox::of(layout);
    let cgroup = Cgroup::create(&sandbox.place("gone"), &[]).unwrap();
    let freezer = cgroup.placement().v1("freezer").unwrap();
    let open = files::open_recorded(freezer).unwrap().unwrap();
    cgroup.undo();
    tree::thaw_v1(open.as_fd()).unwrap();
}

fn held_above(mut sandbox: Sandbox) {
    let above = sandbox.place("above");
    let placement = sandbox.place("above/own");
    Cgroup::create(&placement, &[]).unwrap();
    sandbox.sleeper(&placement, "");
    freeze(&above, soon()).unwrap();
    assert!(is_frozen(&placement).unwrap());
    let error = thaw(&placement, soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Status, "{error}");
    assert!(error.to_string().contains("a cgroup above"), "{error}");
    thaw(&above, soon()).unwrap();
    assert!(!is_frozen(&placement).unwrap());
}

#[test]
fn what_a_cgroup_above_freezes_is_not_said_to_be_thawed() {
    held_above(Sandbox::new());
}

#[test]
fn what_a_v1_cgroup_above_freezes_is_not_said_to_be_thawed() {
    let Some(layout) = without_v2() else { return };
    held_above(Sandbox::of(layout));
}

#[test]
fn an_empty_cgroup_freezes_at_once() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("empty");
    Cgroup::create(&placement, &[]).unwrap();
    freeze(&placement, soon()).unwrap();
    assert!(is_frozen(&placement).unwrap());
    thaw(&placement, soon()).unwrap();
}

#[test]
fn without_a_cgroup_nothing_is_frozen() {
    let error = freeze(&crate::cgroup::Placement::default(), Instant::now()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let sandbox = Sandbox::new();
    let error = freeze(&sandbox.place("never-made"), soon()).unwrap_err();
    assert!(error.to_string().contains("the cgroup is gone"), "{error}");
}
