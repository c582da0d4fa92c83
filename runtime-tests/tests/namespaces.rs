//! `linux.namespaces`: new ones, joined ones, absent ones; `linux.timeOffsets`.

use runtime_tests::{Bundle, Container, Rendezvous, Test, Value, conformance, json, process};
use std::fs;

/// The spec's names with those of `/proc/<pid>/ns`, namespaces(7).
const KINDS: [(&str, &str); 6] = [
    ("pid", "pid"),
    ("network", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("mount", "mnt"),
    ("cgroup", "cgroup"),
];

fn own(file: &str) -> String {
    let link = fs::read_link(format!("/proc/thread-self/ns/{file}")).expect("a namespace");
    link.to_string_lossy().into_owned()
}

/// Sets the path of the namespace `kind`, adding the entry when it is missing.
fn with_path(bundle: Bundle, kind: &str, path: &str) -> Bundle {
    let bundle = bundle.without_namespace(kind);
    bundle.push("/linux/namespaces", json!({"type": kind, "path": path}))
}

/// A container with namespaces of its own, to be joined.
fn other(t: &Test) -> Container<'_> {
    t.start(&t.bundle().args(["/bin/probe", "sleep"]))
}

#[test]
fn each_listed_namespace_is_new() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        for (kind, file) in KINDS {
            assert_ne!(facts["namespaces"][file], own(file), "{kind}");
        }
        assert_eq!(facts["namespaces"]["user"], own("user"), "not listed");
    });
}

#[test]
fn each_namespace_that_is_not_listed_is_the_callers() {
    conformance(|t| {
        for (kind, file) in KINDS {
            if kind == "mount" {
                continue; // Without one the host's mounts would change.
            }
            let bundle = t.bundle().without_namespace(kind);
            let bundle = if kind == "uts" {
                bundle.remove("/hostname")
            } else {
                bundle
            };
            let bundle = if kind == "network" {
                sys_by_bind(bundle)
            } else {
                bundle
            };
            let facts = t.facts(bundle);
            assert_eq!(facts["namespaces"][file], own(file), "{kind}");
        }
    });
}

/// A new sysfs needs a network namespace of one's own in some set-ups.
fn sys_by_bind(bundle: Bundle) -> Bundle {
    bundle
        .without_mount("/sys")
        .mount("/sys", "bind", "/sys", &["rbind", "ro"])
}

#[test]
fn each_namespace_is_joined_by_its_path() {
    conformance(|t| {
        let other = other(t);
        for (kind, file) in KINDS {
            if kind == "mount" {
                continue; // A test of its own.
            }
            let path = format!("/proc/{}/ns/{file}", other.pid);
            let bundle = with_path(t.bundle(), kind, &path);
            let bundle = if kind == "uts" {
                bundle.remove("/hostname")
            } else {
                bundle
            };
            let facts = t.facts(bundle);
            let wanted = process::namespaces(other.pid)[file].clone();
            assert_eq!(facts["namespaces"][file], wanted, "{kind}");
        }
    });
}

#[test]
fn several_namespaces_are_joined_at_once() {
    conformance(|t| {
        let other = other(t);
        let kinds = [
            ("ipc", "ipc"),
            ("network", "net"),
            ("uts", "uts"),
            ("pid", "pid"),
        ];
        let bundle = kinds
            .iter()
            .fold(t.bundle().remove("/hostname"), |bundle, (kind, file)| {
                with_path(bundle, kind, &format!("/proc/{}/ns/{file}", other.pid))
            });
        let facts = t.facts(bundle);
        let wanted = process::namespaces(other.pid);
        for (_, file) in kinds {
            assert_eq!(facts["namespaces"][file], wanted[file]);
        }
        assert_ne!(facts["process"]["pid"], 1, "in the other's pid namespace");
    });
}

#[test]
fn a_namespace_pinned_by_a_mount_is_joined() {
    conformance(|t| {
        let pin = t.dir().join("pin");
        fs::write(&pin, "").unwrap();
        let wanted;
        {
            let other = other(t);
            wanted = process::namespaces(other.pid)["uts"].clone();
            let source = format!("/proc/{}/ns/uts", other.pid);
            runtime_tests::sys::bind(source.as_ref(), &pin).expect("pin it");
            let _ = t.call(["delete", "--force", &other.id]).expect_success();
        }
        let bundle = with_path(t.bundle().remove("/hostname"), "uts", pin.to_str().unwrap());
        let run = t.run(&bundle.args(["/bin/probe", "facts"]));
        runtime_tests::sys::detach(&pin).expect("let go of it");
        assert_eq!(run.expect_success().json()["namespaces"]["uts"], wanted);
    });
}

#[test]
fn a_mount_namespace_is_joined() {
    conformance(|t| {
        // The other container shows our rootfs at the path it has on the host.
        let ours = t.bundle();
        let rootfs = ours.rootfs().display().to_string();
        let theirs = t.bundle().mount(&rootfs, "bind", &rootfs, &["rbind"]);
        let other = t.start(&theirs.args(["/bin/probe", "sleep"]));
        let path = format!("/proc/{}/ns/mnt", other.pid);
        let bare = ["/mounts", "/linux/maskedPaths", "/linux/readonlyPaths"];
        let bundle = bare.iter().fold(ours, |bundle, field| bundle.remove(field));
        let facts = t.facts(with_path(bundle, "mount", &path).mount("/proc", "proc", "proc", &[]));
        assert_eq!(
            facts["namespaces"]["mnt"],
            process::namespaces(other.pid)["mnt"]
        );
    });
}

#[test]
fn a_namespace_of_another_type_is_refused() {
    conformance(|t| {
        let bundle = with_path(t.bundle(), "ipc", "/proc/self/ns/net");
        let _ = t.run(&bundle).expect_failure();
        let other = other(t);
        let bundle = with_path(
            t.bundle(),
            "network",
            &format!("/proc/{}/ns/ipc", other.pid),
        );
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn a_path_that_is_no_namespace_is_refused_and_named() {
    conformance(|t| {
        let bundle = with_path(t.bundle(), "ipc", "/etc/passwd");
        let _ = t.run(&bundle).expect_failure();
        let bundle = with_path(t.bundle(), "ipc", "/no/such/namespace");
        let _ = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("/no/such/namespace");
    });
}

#[test]
fn a_namespace_listed_twice_is_refused() {
    conformance(|t| {
        for entry in [
            json!({"type": "ipc"}),
            json!({"type": "ipc", "path": "/proc/self/ns/ipc"}),
        ] {
            let bundle = t.bundle().push("/linux/namespaces", entry);
            let _ = t.run(&bundle).expect_failure();
        }
    });
}

#[test]
fn an_unknown_namespace_is_refused_and_named() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .push("/linux/namespaces", json!({"type": "colour"}));
        let _ = t.run(&bundle).expect_failure().expect_stderr("colour");
    });
}

#[test]
fn pid_1_is_the_program_in_a_new_pid_namespace_only() {
    conformance(|t| {
        assert_eq!(t.facts(t.bundle())["process"]["pid"], 1);
        let bundle = t.bundle().without_namespace("pid");
        assert_ne!(t.facts(bundle)["process"]["pid"], 1);
    });
}

#[test]
fn the_end_of_pid_1_ends_the_container() {
    conformance(|t| {
        let bundle = t.bundle();
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let container =
            t.create(&bundle.shell("/bin/probe sleep & echo >/ready; exec /bin/probe sleep"));
        let _ = container.call("start").expect_success();
        ready.wait();
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        let _ = container.wait();
        assert_eq!(
            process::settle(&[].into(), std::time::Duration::from_secs(3)),
            []
        );
    });
}

fn time_offsets(t: &Test, offsets: Value) -> Bundle {
    t.bundle()
        .push("/linux/namespaces", json!({"type": "time"}))
        .set("/linux/timeOffsets", offsets)
}

fn seconds(clock: &Value) -> i64 {
    clock.as_i64().expect("a clock") / 1_000_000_000
}

#[test]
fn a_new_time_namespace_without_offsets_changes_no_clock() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .push("/linux/namespaces", json!({"type": "time"}));
        let facts = t.facts(bundle);
        assert_ne!(facts["namespaces"]["time"], own("time"));
        let difference = seconds(&facts["time"]["boottime"]) - uptime();
        assert!(difference.abs() < 60, "{difference} s apart");
    });
}

fn uptime() -> i64 {
    let text = fs::read_to_string("/proc/uptime").expect("uptime");
    text.split('.')
        .next()
        .and_then(|s| s.parse().ok())
        .expect("seconds")
}

#[test]
fn time_offsets_move_both_clocks() {
    conformance(|t| {
        let offsets = json!({
            "monotonic": {"secs": 864_000, "nanosecs": 5},
            "boottime": {"secs": 1_728_000, "nanosecs": 0}
        });
        let facts = t.facts(time_offsets(t, offsets));
        let time = &facts["time"];
        let lines = runtime_tests::facts::words(&time["offsets"]).join("\n");
        let numbers: Vec<_> = lines.split_whitespace().collect();
        assert_eq!(
            numbers,
            ["monotonic", "864000", "5", "boottime", "1728000", "0"]
        );
        for (clock, wanted) in [("monotonic", 864_000), ("boottime", 1_728_000)] {
            let moved = seconds(&time[clock]) - uptime();
            assert!((moved - wanted).abs() < 60, "{clock} moved by {moved} s");
        }
    });
}

#[test]
fn time_offsets_are_also_those_of_exec() {
    conformance(|t| {
        let offsets = json!({"boottime": {"secs": 864_000, "nanosecs": 0}});
        let container = t.start(&time_offsets(t, offsets).args(["/bin/probe", "sleep"]));
        let facts = container
            .exec(["/bin/probe", "facts"])
            .expect_success()
            .json();
        assert!(seconds(&facts["time"]["boottime"]) - uptime() > 863_000);
    });
}

#[test]
fn time_offsets_without_a_time_namespace_are_refused() {
    conformance(|t| {
        let offsets = json!({"boottime": {"secs": 1, "nanosecs": 0}});
        let bundle = t.bundle().set("/linux/timeOffsets", offsets);
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn a_clock_cannot_be_moved_before_the_beginning() {
    conformance(|t| {
        let offsets = json!({"boottime": {"secs": -1_000_000_000_000i64, "nanosecs": 0}});
        let run = t.run(&time_offsets(t, offsets)).expect_failure();
        assert!(
            run.stderr().to_lowercase().contains("offset"),
            "{}",
            run.describe()
        );
    });
}

#[test]
fn an_unknown_clock_is_refused() {
    conformance(|t| {
        let offsets = json!({"sundial": {"secs": 1, "nanosecs": 0}});
        let _ = t.run(&time_offsets(t, offsets)).expect_failure();
    });
}

#[test]
fn a_time_namespace_is_joined() {
    conformance(|t| {
        let offsets = json!({"boottime": {"secs": 864_000, "nanosecs": 0}});
        let other = t.start(&time_offsets(t, offsets).args(["/bin/probe", "sleep"]));
        let path = format!("/proc/{}/ns/time", other.pid);
        let facts = t.facts(with_path(t.bundle(), "time", &path));
        assert_eq!(
            facts["namespaces"]["time"],
            process::namespaces(other.pid)["time"]
        );
        assert!(seconds(&facts["time"]["boottime"]) - uptime() > 863_000);
    });
}

#[test]
fn a_new_user_namespace_is_made_or_refused_by_name() {
    conformance(|t| {
        let map = json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
        let bundle = t
            .bundle()
            .push("/linux/namespaces", json!({"type": "user"}))
            .set("/linux/uidMappings", map.clone())
            .set("/linux/gidMappings", map);
        let run = t.run(&bundle.args(["/bin/probe", "facts"]));
        if run.status == runtime_tests::Exit::Code(0) {
            assert_ne!(run.json()["namespaces"]["user"], own("user"));
        } else {
            let _ = run.expect_failure().expect_stderr("user namespace");
        }
    });
}
