//! Whose the container's cgroup is (config-linux.md, "Cgroup ownership"): its
//! user's, where it has a cgroup namespace and a writable mount of its own.

use crate::read;
use runtime_tests::{Bundle, Container, Controller, HostMount, Kind, Test, conformance, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const USER: u32 = 1000;

/// A container of `bundle` where the machine has cgroup v2 and nothing else.
fn in_cgroup2(t: &Test, bundle: &Bundle, body: impl Fn(&Container<'_>)) {
    if t.runtime.kind == Kind::Crun {
        t.skip("crun 1.8 raises RLIMIT_MEMLOCK there, which may not be allowed");
    }
    let _view = HostMount::cgroup2_view();
    let container = t.start(&bundle.clone().args(["/bin/probe", "sleep"]));
    body(&container);
    // Only here are its cgroups in sight.
    let _ = t
        .call(["delete", "--force", &container.id])
        .expect_success();
}

/// A container of an ordinary user, with its cgroup mounted.
fn of_the_user(t: &Test, options: &[&str]) -> Bundle {
    t.bundle()
        .set("/process/user", json!({"uid": USER, "gid": USER}))
        .mount("/sys/fs/cgroup", "cgroup", "cgroup", options)
}

/// Names of the files in the container's cgroup that are `uid`'s; "" is the
/// directory itself.
fn owned_by(container: &Container<'_>, uid: u32) -> Vec<String> {
    let core = Controller::core().expect("a v2 hierarchy");
    let dir = core.cgroup_of(container.pid);
    let is_its = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.uid() == uid);
    let mut names: Vec<String> = fs::read_dir(&dir)
        .expect("list the cgroup")
        .flatten()
        .filter(|entry| is_its(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if is_its(&dir) {
        names.push(String::new());
    }
    names.sort();
    names
}

/// What the kernel says a delegate needs, of what the cgroup has.
fn delegated(container: &Container<'_>) -> Vec<String> {
    let core = Controller::core().expect("a v2 hierarchy");
    let dir = core.cgroup_of(container.pid);
    let list = read(Path::new("/sys/kernel/cgroup/delegate"));
    let files = list.lines().filter(|name| dir.join(name).exists());
    let mut names: Vec<String> = files.map(str::to_owned).collect();
    names.push(String::new());
    names.sort();
    names
}

#[test]
fn with_a_writable_mount_the_user_owns_what_a_delegate_needs() {
    conformance(|t| {
        in_cgroup2(t, &of_the_user(t, &[]), |container| {
            assert_eq!(owned_by(container, USER), delegated(container));
        });
    });
}

#[test]
fn the_user_may_divide_the_cgroup_but_not_lift_its_limits() {
    conformance(|t| {
        in_cgroup2(t, &of_the_user(t, &[]), |container| {
            let script = "cd /sys/fs/cgroup && mkdir inner && echo $$ >inner/cgroup.procs && \
                          cat /proc/self/cgroup; (echo 1 >cgroup.max.depth) 2>/dev/null || echo no";
            let seen = container.exec(["/bin/sh", "-c", script]).expect_success();
            assert!(seen.stdout().contains("0::/inner\n"), "{}", seen.describe());
            assert!(seen.stdout().ends_with("no\n"), "{}", seen.describe());
        });
    });
}

fn nothing_is_given_away(t: &Test, bundle: &Bundle) {
    in_cgroup2(t, bundle, |container| {
        assert_eq!(owned_by(container, USER), [""; 0])
    });
}

#[test]
fn a_read_only_mount_gives_nothing_away() {
    conformance(|t| nothing_is_given_away(t, &of_the_user(t, &["ro"])));
}

#[test]
fn without_a_mount_nothing_is_given_away() {
    conformance(|t| {
        let bundle = of_the_user(t, &[]).without_mount("/sys/fs/cgroup");
        nothing_is_given_away(t, &bundle);
    });
}

#[test]
fn without_a_cgroup_namespace_nothing_is_given_away() {
    conformance(|t| {
        let bundle = of_the_user(t, &[]).without_namespace("cgroup");
        nothing_is_given_away(t, &bundle);
    });
}

/// A delegate of a v1 hierarchy could do harm there.
#[test]
fn beside_v1_nothing_is_given_away() {
    conformance(|t| {
        if runtime_tests::host_mount::sees_only_cgroup2() {
            t.skip("the machine has no v1 hierarchies");
        }
        let container = t.create(&of_the_user(t, &[]));
        for dir in runtime_tests::cgroup::directories(&runtime_tests::test::token()) {
            let owner = fs::metadata(&dir).expect("stat a cgroup").uid();
            assert_eq!(owner, 0, "{} of {}", dir.display(), container.id);
        }
    });
}

#[test]
fn a_cgroup_namespace_of_its_own_hides_where_the_cgroup_is() {
    conformance(|t| {
        let script = "cat /proc/self/cgroup /proc/1/cgroup";
        let run = t.run(&t.bundle().shell(script)).expect_success();
        for line in run.stdout().lines() {
            assert!(line.ends_with(":/"), "{line}");
        }
        let shared = t.bundle().without_namespace("cgroup").shell(script);
        let seen = t.run(&shared).expect_success().stdout();
        assert!(seen.contains("saya-test-"), "{seen}");
    });
}
