//! Mounts of type `cgroup`: the container's own part of each hierarchy.

use runtime_tests::facts::{find_mount, mount_at, options_at};
use runtime_tests::{Bundle, HostMount, Kind, Test, Value, cgroup, conformance, host_mount};

const POINT: &str = "/sys/fs/cgroup";

fn with_cgroup(t: &Test, options: &[&str]) -> Bundle {
    t.bundle().mount(POINT, "cgroup", "cgroup", options)
}

/// Everything below is cgroup2 for the rest of the test, as on a machine
/// booted with the unified hierarchy only.
fn in_cgroup2_view(t: &Test) -> Option<HostMount> {
    if t.runtime.kind == Kind::Crun {
        t.skip("crun 1.8 raises RLIMIT_MEMLOCK there, which may not be allowed");
    }
    HostMount::cgroup2_view()
}

/// Only where the machine has v1 hierarchies.
fn only_with_v1(t: &Test) {
    if host_mount::sees_only_cgroup2() {
        t.skip("no v1 hierarchy on this machine");
    }
}

/// Names of the v1 hierarchies that hold a controller, as mounted on the host.
fn v1_hierarchies() -> Vec<String> {
    let all = cgroup::hierarchies().into_iter();
    all.filter(|dir| !dir.join("cgroup.controllers").exists())
        .filter_map(|dir| Some(dir.file_name()?.to_str()?.to_owned()))
        .collect()
}

fn membership(facts: &Value, path: &str) -> Vec<String> {
    let text = facts["paths"][path]["content"].as_str().unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn v1_shows_each_hierarchy_with_the_container_in_it() {
    conformance(|t| {
        only_with_v1(t);
        let script = "for d in /sys/fs/cgroup/*/; do d=${d%/}; grep -qx 1 $d/cgroup.procs && echo ${d##*/}; done; :";
        let seen = t
            .run(&with_cgroup(t, &["ro"]).shell(script))
            .expect_success()
            .stdout();
        let seen: Vec<&str> = seen.lines().collect();
        for name in v1_hierarchies() {
            assert!(
                seen.contains(&name.as_str()),
                "{name} is not among {seen:?}"
            );
        }
    });
}

#[test]
fn v1_without_a_cgroup_namespace_shows_only_the_own_part() {
    conformance(|t| {
        only_with_v1(t);
        let bundle = with_cgroup(t, &["ro"]).without_namespace("cgroup");
        let script = "for d in /sys/fs/cgroup/*/; do d=${d%/}; grep -qx 1 $d/cgroup.procs && echo ${d##*/}; done; :";
        let seen = t.run(&bundle.shell(script)).expect_success().stdout();
        let seen: Vec<&str> = seen.lines().collect();
        for name in v1_hierarchies() {
            assert!(
                seen.contains(&name.as_str()),
                "{name} is not among {seen:?}"
            );
        }
    });
}

#[test]
fn v1_read_only_cannot_be_written() {
    conformance(|t| {
        only_with_v1(t);
        let script = "mkdir /sys/fs/cgroup/new; echo $?; mkdir /sys/fs/cgroup/pids/new; echo $?";
        let codes = t
            .run(&with_cgroup(t, &["ro"]).shell(script))
            .expect_success()
            .stdout();
        assert_eq!(codes, "1\n1\n");
    });
}

#[test]
fn v1_writable_lets_the_container_make_cgroups() {
    conformance(|t| {
        only_with_v1(t);
        let script = "mkdir /sys/fs/cgroup/pids/inner && rmdir /sys/fs/cgroup/pids/inner";
        let bundle = with_cgroup(t, &[]).shell(&script.replace("rmdir", "busybox rmdir"));
        let _ = t.run(&bundle).expect_success();
    });
}

#[test]
fn v1_hierarchies_are_reached_by_the_names_of_their_controllers() {
    conformance(|t| {
        only_with_v1(t);
        let path = "path=/sys/fs/cgroup";
        let facts = t.run(&with_cgroup(t, &["ro"]).args(["/bin/probe", "facts", path]));
        let facts = facts.expect_success().json();
        assert_eq!(mount_at(&facts, POINT)["type"], "tmpfs");
        let entries = runtime_tests::facts::words(&facts["paths"][POINT]["entries"]);
        for line in runtime_tests::facts::words(&facts["cgroup"]) {
            let controllers = line.split(':').nth(1).unwrap_or_default();
            let names = controllers.split(',').filter(|name| !name.is_empty());
            for name in names.filter(|name| !name.starts_with("name=")) {
                assert!(
                    entries.iter().any(|entry| entry == name),
                    "{name}: {entries:?}"
                );
            }
        }
    });
}

#[test]
fn v2_is_the_containers_own_cgroup() {
    conformance(|t| {
        let _view = in_cgroup2_view(t);
        let procs = "path=/sys/fs/cgroup/cgroup.procs";
        let bundle = with_cgroup(t, &["ro", "nosuid", "nodev", "noexec"]);
        let facts = t
            .run(&bundle.args(["/bin/probe", "facts", procs]))
            .expect_success()
            .json();
        let mount = mount_at(&facts, POINT);
        assert_eq!(
            (&mount["type"], &mount["root"]),
            (&"cgroup2".into(), &"/".into())
        );
        assert_eq!(membership(&facts, "/sys/fs/cgroup/cgroup.procs"), ["1"]);
        let found = options_at(&facts, POINT);
        for option in ["ro", "nosuid", "nodev", "noexec"] {
            assert!(found.contains(option), "{option}: {found:?}");
        }
    });
}

#[test]
fn v2_without_a_cgroup_namespace_shows_only_the_own_part() {
    conformance(|t| {
        let _view = in_cgroup2_view(t);
        let procs = "path=/sys/fs/cgroup/cgroup.procs";
        let bundle = with_cgroup(t, &["ro"]).without_namespace("cgroup");
        let facts = t
            .run(&bundle.args(["/bin/probe", "facts", procs]))
            .expect_success()
            .json();
        assert_eq!(membership(&facts, "/sys/fs/cgroup/cgroup.procs"), ["1"]);
        assert_eq!(mount_at(&facts, POINT)["type"], "cgroup2");
    });
}

#[test]
fn v2_writable_lets_the_container_make_cgroups() {
    conformance(|t| {
        let _view = in_cgroup2_view(t);
        let script = "mkdir /sys/fs/cgroup/inner && busybox rmdir /sys/fs/cgroup/inner";
        let _ = t.run(&with_cgroup(t, &[]).shell(script)).expect_success();
        let script = "mkdir /sys/fs/cgroup/inner; echo $?";
        let run = t
            .run(&with_cgroup(t, &["ro"]).shell(script))
            .expect_success();
        assert_eq!(run.stdout(), "1\n");
    });
}

#[test]
fn the_container_starts_in_its_cgroup_and_sees_it_as_the_root() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        for line in runtime_tests::facts::words(&facts["cgroup"]) {
            assert!(
                line.ends_with(":/"),
                "a path outside of the namespace: {line}"
            );
        }
        assert!(find_mount(&facts, POINT).is_none(), "nobody asked for it");
    });
}
