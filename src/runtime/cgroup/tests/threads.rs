//! Threaded cgroups (cgroups(7), "thread mode"): a container may have some below its own.
//! They list threads, and their processes are those of the cgroup above.

use super::sandbox::{Sandbox, soon};
use crate::cgroup::{Placement, freeze, is_frozen, kill_all, pids, remove, thaw, wait_empty};

/// The cgroup `name`, not yet threaded, and its path in the v2 hierarchy.
fn cgroup(sandbox: &Sandbox, name: &str) -> Option<(Placement, String)> {
    let placement = sandbox.make_plain(name);
    let Some(v2) = placement.v2() else {
        eprintln!("skipped: no v2 hierarchy in this view");
        return None;
    };
    let path = v2.host_path();
    Some((placement, path))
}

fn make_threaded(path: &str) {
    std::fs::write(format!("{path}/cgroup.type"), "threaded").unwrap();
}

fn assert_lists_nothing(path: &str) {
    let error = std::fs::read(format!("{path}/cgroup.procs")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP), "{path}");
}

/// A thread of its own in each of two threaded cgroups below the container's.
fn with_threads_below(sandbox: &mut Sandbox, name: &str) -> Option<(Placement, [libc::pid_t; 3])> {
    let (placement, path) = cgroup(sandbox, name)?;
    let below = ["workers", "workers/deep"].map(|below| {
        sandbox.make_plain(&format!("{name}/{below}"));
        format!("{path}/{below}")
    });
    let pids = [(); 3].map(|()| sandbox.sleeper(&placement, ""));
    for (path, pid) in below.iter().zip(pids) {
        make_threaded(path);
        std::fs::write(format!("{path}/cgroup.threads"), pid.to_string()).unwrap();
        assert_lists_nothing(path);
    }
    Some((placement, pids))
}

#[test]
fn threads_below_are_listed_once_signalled_and_removed() {
    let mut sandbox = Sandbox::new();
    let Some((placement, members)) = with_threads_below(&mut sandbox, "own") else {
        return;
    };
    let mut sorted = members;
    sorted.sort_unstable();
    assert_eq!(pids(&placement).unwrap(), sorted);
    kill_all(&placement, libc::SIGTERM).unwrap();
    for pid in members {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGTERM));
    }
    wait_empty(&placement, soon()).unwrap();
    remove(&placement, soon()).unwrap();
    assert!(!Sandbox::exists(&placement));
}

#[test]
fn threads_below_are_killed() {
    let mut sandbox = Sandbox::new();
    let Some((placement, members)) = with_threads_below(&mut sandbox, "own") else {
        return;
    };
    freeze(&placement, soon()).unwrap();
    assert!(is_frozen(&placement).unwrap());
    kill_all(&placement, libc::SIGKILL).unwrap();
    for pid in members {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGKILL));
    }
    thaw(&placement, soon()).unwrap();
}

/// A cgroup with processes does not become threaded: what holds for those below is enough.
#[test]
fn the_own_cgroup_of_a_container_stays_what_it_is() {
    let mut sandbox = Sandbox::new();
    let Some((placement, path)) = cgroup(&sandbox, "own") else {
        return;
    };
    let pid = sandbox.sleeper(&placement, "");
    let error = std::fs::write(format!("{path}/cgroup.type"), "threaded").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
    assert_eq!(pids(&placement).unwrap(), [pid]);
}
