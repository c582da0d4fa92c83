//! Who is in the cgroups, how they end, and removal.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::sandbox::{Sandbox, soon};
use super::without_v2;
use crate::cgroup::{Cgroup, is_frozen, kill_all, pids, remove, wait_empty};
use crate::error::Kind;
use crate::sys;

#[test]
fn a_process_is_born_into_every_hierarchy() {
    let sandbox = Sandbox::new();
    let cgroup = Cgroup::create(&sandbox.place("born"), &[]).unwrap();
    let procs = cgroup.open_tasks().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let child = sys::clone::spawn(0, cgroup.birthplace(), || {
        for file in &procs {
            if sys::file::write_once(file.as_fd(), b"0").is_err() {
                sys::process::exit_now(1);
            }
        }
        if sys::file::write_once(writer.as_fd(), b"i").is_err() {
            sys::process::exit_now(1);
        }
        loop {
            std::thread::park();
        }
    })
    .unwrap();
    drop(writer);
    reader
        .read_exact(&mut [0])
        .expect("the child came into its cgroups");
    for directory in &cgroup.placement().directories {
        let path = format!("{}/cgroup.procs", directory.host_path());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim(), child.pid.to_string(), "{path}");
    }
    assert_eq!(pids(cgroup.placement()).unwrap(), [child.pid]);
    kill_all(cgroup.placement(), libc::SIGKILL).unwrap();
    wait_empty(cgroup.placement(), soon()).unwrap();
    remove(cgroup.placement(), soon()).unwrap();
    assert!(!Sandbox::exists(cgroup.placement()));
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child.pid), None).unwrap();
}

/// Kills processes in the cgroup and far below it, then removes all.
fn kill_and_remove_a_tree(mut sandbox: Sandbox) {
    let placement = sandbox.place("tree");
    let cgroup = Cgroup::create(&placement, &[]).unwrap();
    sandbox.make_plain("tree/a/b/c");
    sandbox.make_plain("tree/d");
    let mut expected = vec![
        sandbox.sleeper(&placement, ""),
        sandbox.sleeper(&placement, "a/b/c"),
        sandbox.sleeper(&placement, "d"),
    ];
    expected.sort_unstable();
    assert_eq!(pids(&placement).unwrap(), expected);
    kill_all(cgroup.placement(), libc::SIGKILL).unwrap();
    for pid in expected {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGKILL));
    }
    wait_empty(cgroup.placement(), soon()).unwrap();
    remove(cgroup.placement(), soon()).unwrap();
    assert!(!Sandbox::exists(&placement));
    // Again, for a second delete.
    kill_all(cgroup.placement(), libc::SIGKILL).unwrap();
    wait_empty(cgroup.placement(), soon()).unwrap();
    remove(cgroup.placement(), soon()).unwrap();
    assert!(pids(&placement).unwrap().is_empty());
}

#[test]
fn a_tree_of_cgroups_is_killed_and_removed() {
    kill_and_remove_a_tree(Sandbox::new());
}

#[test]
fn a_tree_of_v1_cgroups_is_killed_and_removed() {
    let Some(layout) = without_v2() else { return };
    kill_and_remove_a_tree(Sandbox::of(layout));
}

fn signal_all(mut sandbox: Sandbox) {
    let placement = sandbox.place("signalled");
    Cgroup::create(&placement, &[]).unwrap();
    let outside = sandbox.place("outside");
    Cgroup::create(&outside, &[]).unwrap();
    let stranger = sandbox.sleeper(&outside, "");
    let members: Vec<_> = (0..3).map(|_| sandbox.sleeper(&placement, "")).collect();
    kill_all(&placement, libc::SIGTERM).unwrap();
    for pid in members {
        assert_eq!(sandbox.end_of(pid), Some(libc::SIGTERM));
    }
    wait_empty(&placement, soon()).unwrap();
    assert_eq!(pids(&outside).unwrap(), [stranger]);
}

#[test]
fn a_signal_reaches_every_process_and_no_stranger() {
    signal_all(Sandbox::new());
}

#[test]
fn a_signal_reaches_every_process_of_v1_cgroups_and_no_stranger() {
    let Some(layout) = without_v2() else { return };
    signal_all(Sandbox::of(layout));
}

fn kill_frozen(mut sandbox: Sandbox) {
    let placement = sandbox.place("frozen");
    Cgroup::create(&placement, &[]).unwrap();
    let pid = sandbox.sleeper(&placement, "");
    assert!(!is_frozen(&placement).unwrap());
    let (path, text) = match (placement.v1("freezer"), placement.v2()) {
        (Some(freezer), _) => (format!("{}/freezer.state", freezer.host_path()), "FROZEN"),
        (None, v2) => (format!("{}/cgroup.freeze", v2.unwrap().host_path()), "1"),
    };
    std::fs::write(path, text).unwrap();
    let deadline = soon();
    while !is_frozen(&placement).unwrap() {
        assert!(Instant::now() < deadline, "never frozen");
    }
    kill_all(&placement, libc::SIGKILL).unwrap();
    assert_eq!(sandbox.end_of(pid), Some(libc::SIGKILL));
    wait_empty(&placement, soon()).unwrap();
    remove(&placement, soon()).unwrap();
}

#[test]
fn a_frozen_container_is_killed() {
    kill_frozen(Sandbox::new());
}

#[test]
fn a_container_frozen_under_v1_is_killed() {
    let Some(layout) = without_v2() else { return };
    kill_frozen(Sandbox::of(layout));
}

/// Kills a process that always forks and ends, so that its pid is gone before it is signalled.
fn kill_a_runner(sandbox: Sandbox) {
    let placement = sandbox.place("runner");
    let cgroup = Cgroup::create(&placement, &[]).unwrap();
    Sandbox::start_runner(&cgroup);
    let mut passed = std::collections::BTreeSet::new();
    let deadline = soon();
    while passed.len() < 3 {
        assert!(Instant::now() < deadline, "it does not run");
        passed.extend(pids(&placement).unwrap());
    }
    kill_all(&placement, libc::SIGKILL).unwrap();
    wait_empty(&placement, soon()).unwrap();
    remove(&placement, soon()).unwrap();
    assert!(!Sandbox::exists(&placement));
}

#[test]
fn a_process_that_runs_from_pid_to_pid_is_killed() {
    kill_a_runner(Sandbox::new());
}

#[test]
fn a_process_that_runs_from_pid_to_pid_is_killed_under_v1() {
    let Some(layout) = without_v2() else { return };
    kill_a_runner(Sandbox::of(layout));
}

fn time_out(mut sandbox: Sandbox) {
    let placement = sandbox.place("busy");
    Cgroup::create(&placement, &[]).unwrap();
    let pid = sandbox.sleeper(&placement, "");
    let wanted = format!("still held by pid {pid} (sleep, state S");
    for waited in [wait_empty, remove] {
        let error = waited(&placement, Instant::now() + Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout);
        assert!(error.why().starts_with(&wanted), "{error}");
        assert!(error.to_string().contains("/busy): still held"), "{error}");
    }
    assert_eq!(pids(&placement).unwrap(), [pid], "nobody was killed");
}

#[test]
fn a_wait_that_runs_out_names_who_is_in_the_way() {
    time_out(Sandbox::new());
}

#[test]
fn a_wait_under_v1_that_runs_out_names_who_is_in_the_way() {
    let Some(layout) = without_v2() else { return };
    time_out(Sandbox::of(layout));
}

#[test]
fn a_wait_ends_with_the_last_process() {
    let mut sandbox = Sandbox::new();
    let placement = sandbox.place("ending");
    Cgroup::create(&placement, &[]).unwrap();
    let pid = sandbox.sleeper(&placement, "");
    let waiter = {
        let placement = placement.clone();
        std::thread::spawn(move || remove(&placement, soon()))
    };
    kill_all(&placement, libc::SIGKILL).unwrap();
    assert_eq!(sandbox.end_of(pid), Some(libc::SIGKILL));
    waiter.join().unwrap().unwrap();
    assert!(!Sandbox::exists(&placement));
}

#[test]
fn a_deep_and_wide_tree_needs_few_descriptors() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("deep");
    Cgroup::create(&placement, &[]).unwrap();
    let place = placement.v2().unwrap_or(&placement.directories[0]);
    for wide in 0..20 {
        std::fs::create_dir(format!("{}/{wide}", place.host_path())).unwrap();
    }
    let deep = "d/".repeat(300);
    std::fs::create_dir_all(format!("{}/{deep}", place.host_path())).unwrap();
    assert!(pids(&placement).unwrap().is_empty());
    remove(&placement, soon()).unwrap();
    assert!(!Sandbox::exists(&placement));
}

#[test]
fn another_cgroup_at_the_recorded_path_is_not_touched() {
    let mut sandbox = Sandbox::new();
    let first = Cgroup::create(&sandbox.place("same"), &[]).unwrap();
    let recorded = first.placement().clone();
    remove(&recorded, soon()).unwrap();
    let second = Cgroup::create(&sandbox.place("same"), &[]).unwrap();
    let pid = sandbox.sleeper(second.placement(), "");
    assert!(pids(&recorded).unwrap().is_empty());
    kill_all(&recorded, libc::SIGKILL).unwrap();
    wait_empty(&recorded, soon()).unwrap();
    remove(&recorded, soon()).unwrap();
    assert_eq!(pids(second.placement()).unwrap(), [pid]);
    assert!(Cgroup::open(&recorded).is_err());
}
