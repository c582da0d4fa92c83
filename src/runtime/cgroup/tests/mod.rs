//! The cgroup module against the real kernel, in the layout this machine has and in views of it.

mod apply;
mod create;
mod devices;
mod enter;
mod freeze;
mod life;
mod oom;
mod oracle;
mod sandbox;
mod threads;
mod update;

use std::process::Command;

use crate::cgroup::Layout;

/// Set in the runs of this module's tests that take place in a view.
const IN_VIEW: &str = "SAYA_TEST_CGROUP_VIEW";

/// The v1 half of this machine's layout, for what only v1 needs.
fn without_v2() -> Option<Layout> {
    let mut layout = Layout::read().unwrap();
    layout.v2 = None;
    if layout.v1.is_empty() {
        eprintln!("skipped: no v1 hierarchy in this view");
        return None;
    }
    Some(layout)
}

/// Runs the tests of this module again where `change` (a shell command in a private mount
/// namespace) has made another layout of cgroups.
fn run_in_view(change: &str) {
    if std::env::var_os(IN_VIEW).is_some() {
        eprintln!("skipped: this is the view");
        return;
    }
    let script = format!("{change} && exec \"$0\" cgroup::tests:: --test-threads=2");
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(IN_VIEW, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let one = "a_tree_of_cgroups_is_killed_and_removed ... ok";
    assert!(text.contains(one), "no test ran: {text}{errors}");
}

#[test]
fn all_of_it_works_with_cgroup_v2_alone() {
    run_in_view("mount -t cgroup2 none /sys/fs/cgroup");
}

#[test]
fn all_of_it_works_with_cgroup_v1_alone() {
    if Layout::read().unwrap().mode() != Some(crate::cgroup::Mode::Hybrid) {
        eprintln!("skipped: the v1 view is made from the hybrid layout");
        return;
    }
    run_in_view("umount /sys/fs/cgroup/unified");
}
