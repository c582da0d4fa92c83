//! How mounts travel between host and container: `rootfsPropagation` and the
//! propagation options of a mount, mount_namespaces(7).

use runtime_tests::facts::{find_mount, mount_at, words};
use runtime_tests::{Bundle, Container, HostMount, Test, Value, conformance, json, sys};
use std::fs;
use std::path::Path;

/// What mountinfo says: `shared`, `master` (slave), `unbindable`.
fn tags(facts: &Value, point: &str) -> Vec<String> {
    let tags = words(&mount_at(facts, point)["propagation"]).into_iter();
    tags.map(|tag| tag.split(':').next().unwrap_or_default().to_owned())
        .filter(|tag| tag != "propagate_from")
        .collect()
}

/// The tags of `/` in a container with this `rootfsPropagation`.
fn of_root(t: &Test, propagation: &str) -> Vec<String> {
    let bundle = t
        .bundle()
        .set("/linux/rootfsPropagation", json!(propagation));
    tags(&t.facts(bundle), "/")
}

#[test]
fn a_private_root_is_neither_shared_nor_a_slave() {
    conformance(|t| {
        for propagation in ["private", "rprivate"] {
            assert_eq!(of_root(t, propagation), [""; 0], "{propagation}");
        }
    });
}

#[test]
fn an_unbindable_root_is_so_in_the_end() {
    conformance(|t| {
        for propagation in ["unbindable", "runbindable"] {
            assert_eq!(of_root(t, propagation), ["unbindable"], "{propagation}");
        }
    });
}

#[test]
fn a_shared_root_is_shared() {
    conformance(|t| {
        for propagation in ["shared", "rshared"] {
            let found = of_root(t, propagation);
            assert!(
                found.contains(&"shared".to_owned()),
                "{propagation}: {found:?}"
            );
        }
    });
}

#[test]
fn a_slave_root_is_not_shared() {
    conformance(|t| {
        for propagation in ["slave", "rslave"] {
            let found = of_root(t, propagation);
            assert!(
                !found.contains(&"shared".to_owned()),
                "{propagation}: {found:?}"
            );
        }
    });
}

#[test]
fn an_unknown_propagation_is_refused() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/linux/rootfsPropagation", json!("sometimes"));
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn by_default_nothing_of_the_container_reaches_the_host() {
    conformance(|t| {
        let facts = t.facts(t.bundle().mount("/mnt", "tmpfs", "tmpfs", &[]));
        for point in ["/", "/mnt", "/proc", "/dev"] {
            let found = tags(&facts, point);
            assert!(!found.contains(&"shared".to_owned()), "{point}: {found:?}");
        }
    });
}

#[test]
fn no_propagation_of_the_root_unmounts_anything_of_the_host() {
    conformance(|t| {
        let mounts = || fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
        let before = mounts();
        for propagation in ["shared", "rshared", "slave", "private", "rprivate"] {
            let _ = of_root(t, propagation);
            assert_eq!(mounts(), before, "{propagation}");
        }
    });
}

/// A host directory with a mount below it, and its container.
fn volume(t: &Test) -> [HostMount; 2] {
    let top = t.dir().join("volume");
    let outer = HostMount::new("tmpfs", &top, "");
    for mount in ["now", "later"] {
        fs::create_dir(top.join(mount)).expect("make a mount point");
    }
    let inner = HostMount::new("tmpfs", &top.join("now"), "");
    for mount in [&outer, &inner] {
        sys::set_propagation(mount.path(), 1 << 20).expect("make it shared"); // MS_SHARED
    }
    [outer, inner]
}

fn with_volume(t: &Test, top: &HostMount, options: &[&str]) -> Bundle {
    let source = top.path().to_str().expect("UTF-8");
    t.bundle()
        .set("/linux/rootfsPropagation", json!("shared"))
        .mount("/mnt", "bind", source, options)
}

#[test]
fn each_propagation_of_a_mount() {
    conformance(|t| {
        let tree = volume(t);
        let cases: [(&str, &[&str], &[&str]); 8] = [
            ("private", &[], &["shared"]),
            ("rprivate", &[], &[]),
            ("slave", &["master"], &["shared"]),
            ("rslave", &["master"], &["master"]),
            ("shared", &["shared"], &["shared"]),
            ("rshared", &["shared"], &["shared"]),
            ("unbindable", &["unbindable"], &["shared"]),
            ("runbindable", &["unbindable"], &["unbindable"]),
        ];
        for (option, outer, inner) in cases {
            let facts = t.facts(with_volume(t, &tree[0], &["rbind", option]));
            assert_eq!(tags(&facts, "/mnt"), outer, "{option}, the mount");
            assert_eq!(tags(&facts, "/mnt/now"), inner, "{option}, the mount below");
        }
    });
}

/// Whether a mount that the host makes below the volume while the container
/// runs is seen inside.
fn later_mount_is_seen(container: &Container, top: &HostMount) -> bool {
    let _later = HostMount::new("tmpfs", &top.path().join("later"), "");
    let facts = container
        .exec(["/bin/probe", "facts"])
        .expect_success()
        .json();
    find_mount(&facts, "/mnt/later").is_some()
}

#[test]
fn later_mounts_of_the_host_reach_a_slave_and_not_a_private_mount() {
    conformance(|t| {
        let tree = volume(t);
        for (option, seen) in [("rslave", true), ("rshared", true), ("rprivate", false)] {
            let bundle = with_volume(t, &tree[0], &["rbind", option]);
            let container = t.start(&bundle.args(["/bin/probe", "sleep"]));
            assert_eq!(later_mount_is_seen(&container, &tree[0]), seen, "{option}");
            let _ = t
                .call(["delete", "--force", &container.id])
                .expect_success();
        }
    });
}

fn is_mounted(point: &Path) -> bool {
    let point = format!(" {} ", point.display());
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
    mounts.contains(&point)
}

#[test]
fn mounts_of_the_container_reach_the_host_only_through_a_shared_mount() {
    conformance(|t| {
        let tree = volume(t);
        let admin = json!(["CAP_SYS_ADMIN"]);
        for (option, seen) in [("rshared", true), ("rslave", false), ("rprivate", false)] {
            let sets = ["bounding", "permitted", "effective"];
            let bundle = sets
                .iter()
                .fold(with_volume(t, &tree[0], &["rbind", option]), |b, set| {
                    b.set(&format!("/process/capabilities/{set}"), admin.clone())
                });
            let container = t.start(&bundle.args(["/bin/probe", "sleep"]));
            let mount = ["/bin/mount", "-t", "tmpfs", "inside", "/mnt/later"];
            let _ = container.exec(mount).expect_success();
            let point = tree[0].path().join("later");
            assert_eq!(is_mounted(&point), seen, "{option}");
            if seen {
                sys::detach(&point).expect("umount");
            }
            let _ = t
                .call(["delete", "--force", &container.id])
                .expect_success();
        }
    });
}
