//! `linux.cgroupsPath`: where the container's cgroups are, and which of those
//! that are there already it may have.

use crate::read;
use runtime_tests::{Bundle, Container, Exit, Kind, Output, Test, cgroup, conformance, json, test};
use std::fs;
use std::path::{Path, PathBuf};

/// Why these are no tests of another driver.
const PATHS: &str = "systemd places units, not paths";

/// A cgroup in each hierarchy, by the hierarchy's field of /proc/PID/cgroup.
fn cgroups(pid: i32) -> Vec<(String, PathBuf)> {
    let table = read(Path::new(&format!("/proc/{pid}/cgroup")));
    let entry = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        Some((controllers.to_owned(), PathBuf::from(path)))
    };
    table.lines().filter_map(entry).collect()
}

fn own() -> Vec<(String, PathBuf)> {
    cgroups(i32::try_from(std::process::id()).unwrap_or(0))
}

/// The container is at `path` of its hierarchies, below `base` of each.
#[track_caller]
fn assert_at(container: &Container<'_>, path: &str, base: impl Fn(&str, &Path) -> PathBuf) {
    let own = own();
    for (controllers, found) in cgroups(container.pid) {
        // Hierarchies that are mounted nowhere, or out of sight in a view.
        if own.contains(&(controllers.clone(), found.clone())) {
            continue;
        }
        let ours = own.iter().find(|(name, _)| *name == controllers);
        let (_, ours) = ours.expect("the same hierarchies");
        let expected = base(&controllers, ours).join(path);
        assert_eq!(found, expected, "in the hierarchy {controllers:?}");
    }
    let dirs = cgroup::directories(&test::token());
    let holds = |dir: &PathBuf| cgroup::processes(dir).contains(&container.pid);
    assert!(dirs.iter().any(holds), "in no cgroup of its own: {dirs:?}");
}

#[test]
fn an_absolute_path_is_below_the_root_of_each_hierarchy() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let path = format!("{}/deep/er", test::token());
        let bundle = t
            .bundle()
            .set("/linux/cgroupsPath", json!(format!("/{path}")));
        let container = t.create(&bundle);
        assert_at(&container, &path, |_, _| PathBuf::from("/"));
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        // Parents may be those of others.
        for dir in cgroup::directories(&test::token()).iter().rev() {
            assert!(
                dir.ends_with(test::token()) || dir.ends_with("deep"),
                "left: {dir:?}"
            );
            fs::remove_dir(dir).unwrap();
        }
    });
}

/// Under cgroup v2 alone a cgroup with processes, such as the runtime's, may
/// have no controllers for those below it: the path is beside it.
fn beside_or_below(controllers: &str, own: &Path) -> PathBuf {
    let unified = controllers.is_empty() && cgroup::mode() == "cgroup2";
    let base = if unified { own.parent() } else { None };
    base.unwrap_or(own).to_owned()
}

#[test]
fn a_relative_path_is_where_the_runtime_is() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let path = format!("{}-relative", test::token());
        let bundle = t.bundle().set("/linux/cgroupsPath", json!(path));
        assert_at(&t.create(&bundle), &path, beside_or_below);
    });
}

#[test]
fn without_a_path_the_cgroup_has_the_name_of_the_container() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let container = t.create(&t.bundle().remove("/linux/cgroupsPath"));
        assert_at(&container, &container.id, beside_or_below);
    });
}

/// It is refused, or taken as if the root were above itself.
#[test]
fn a_path_does_not_leave_its_hierarchy() {
    conformance(|t| {
        let path = format!("/../../{}/c/../up", test::token());
        let bundle = t.bundle().set("/linux/cgroupsPath", json!(path));
        let id = t.new_id();
        let create = t.verb_with_bundle("create", &bundle, &[], &id).run();
        if create.status == Exit::Code(0) {
            let cleaned = format!("{}/up", test::token());
            let container = Container::found(t, &id, create);
            assert_at(&container, &cleaned, |_, _| PathBuf::from("/"));
        } else {
            let _ = create.expect_failure().expect_stderr("cgroup");
        }
    });
}

fn create_again(t: &Test, bundle: &Bundle) -> Output {
    t.verb_with_bundle("create", bundle, &[], &t.new_id()).run()
}

#[test]
fn a_cgroup_with_processes_is_refused_and_they_live_on() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let bundle = t.bundle().args(["/bin/probe", "sleep"]);
        let first = t.start(&bundle);
        let _ = create_again(t, &bundle)
            .expect_failure()
            .expect_stderr("container's cgroup is not empty");
        assert_eq!(first.status(), "running");
        let dirs = cgroup::directories(&test::token());
        let holds = |dir: &PathBuf| cgroup::processes(dir) == [first.pid];
        assert!(dirs.iter().any(holds), "it lost its cgroups: {dirs:?}");
    });
}

/// Of the cgroup `name` below the parent of the tests, in each hierarchy.
fn made_before(name: &str) -> Vec<PathBuf> {
    let mut made = Vec::new();
    for root in cgroup::hierarchies() {
        let dir = root.join(test::token()).join(name);
        if root.join("cgroup.procs").exists() && fs::create_dir_all(&dir).is_ok() {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                // A cpuset without CPUs takes nobody in.
                if let Ok(text) = fs::read_to_string(root.join(file)) {
                    let _ = fs::write(dir.join("..").join(file), &text);
                    let _ = fs::write(dir.join(file), &text);
                }
            }
            made.push(dir);
        }
    }
    made
}

#[test]
fn an_empty_cgroup_that_is_there_is_taken() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let made = made_before("empty");
        let path = format!("/{}/empty", test::token());
        let bundle = t.bundle().set("/linux/cgroupsPath", json!(path));
        let container = t.create(&bundle);
        for dir in &made {
            assert_eq!(cgroup::processes(dir), [container.pid], "{}", dir.display());
        }
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        for dir in made.iter().filter(|dir| dir.exists()) {
            fs::remove_dir(dir).unwrap();
        }
    });
}

#[test]
fn a_frozen_cgroup_is_refused() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        let made = made_before("frozen");
        let freeze = |v1: &str, v2: &str| {
            for dir in &made {
                let _ = fs::write(dir.join("freezer.state"), v1);
                let _ = fs::write(dir.join("cgroup.freeze"), v2);
            }
        };
        freeze("FROZEN", "1");
        let path = format!("/{}/frozen", test::token());
        let bundle = t.bundle().set("/linux/cgroupsPath", json!(path));
        let create = create_again(t, &bundle);
        freeze("THAWED", "0");
        let _ = create
            .expect_failure()
            .expect_stderr("container's cgroup unexpectedly frozen");
        for dir in &made {
            fs::remove_dir(dir).expect("what was there before is left alone");
        }
    });
}

#[test]
fn the_form_of_the_other_driver_is_refused() {
    conformance(|t| {
        t.only_cgroupfs(PATHS);
        t.only(Kind::Saya, "crun takes it for a name");
        let bundle = t
            .bundle()
            .set("/linux/cgroupsPath", json!("system.slice:runtime:name"));
        let _ = create_again(t, &bundle)
            .expect_failure()
            .expect_stderr("/linux/cgroupsPath");
    });
}
