//! The systemd driver: the unit, what systemd knows of it, and that nothing of it stays.
//!
//! What a container is, is no different: `SAYA_TEST_DRIVER=systemd` has the other tests use the
//! driver, too. That thousands of containers and killed creates leave nothing is in `resources`.

use runtime_tests::command::Runner;
use runtime_tests::driver::systemctl;
use runtime_tests::oracle::{Snapshot, Subject};
use runtime_tests::{
    Bundle, Container, Controller, Kind, Test, Value, Version, conformance, json, sys, test,
};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The value of a unit's property.
fn property(unit: &str, name: &str) -> String {
    let shown = systemctl(["show", unit, "--property", name, "--value"]);
    shown.trim().to_owned()
}

/// The unit that a container's init is in.
#[track_caller]
fn unit_of(container: &Container<'_>) -> String {
    let cgroups = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid)).unwrap();
    let systemds = |line: &&str| line.starts_with("0::") || line.contains("name=systemd");
    let own = cgroups
        .lines()
        .find(systemds)
        .expect("a cgroup of systemd's");
    own.rsplit('/').next().unwrap().to_owned()
}

fn sleeping(t: &Test) -> Bundle {
    t.bundle().args(["/bin/probe", "sleep"])
}

#[test]
fn a_container_is_a_scope_in_its_slice() {
    conformance(|t| {
        t.use_systemd();
        let path = format!("user.slice:{}:named", test::token());
        let bundle = sleeping(t).set("/linux/cgroupsPath", json!(path));
        let container = t.start(&bundle);
        let unit = unit_of(&container);
        assert_eq!(unit, format!("{}-named.scope", test::token()));
        for (name, value) in [
            ("Slice", "user.slice"),
            ("Delegate", "yes"),
            ("DefaultDependencies", "no"),
            ("CollectMode", "inactive-or-failed"),
            ("ActiveState", "active"),
        ] {
            assert_eq!(property(&unit, name), value, "{name}");
        }
        let description = property(&unit, "Description");
        assert!(description.contains(&container.id), "{description}");
    });
}

#[test]
fn without_a_path_the_scope_is_named_after_the_container() {
    conformance(|t| {
        t.use_systemd();
        t.only(Kind::Saya, "each runtime has a prefix of its own");
        let container = t.start(&sleeping(t).remove("/linux/cgroupsPath"));
        let unit = unit_of(&container);
        assert_eq!(unit, format!("saya-{}.scope", container.id));
        assert_eq!(property(&unit, "Slice"), "system.slice");
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert_eq!(property(&unit, "LoadState"), "not-found");
    });
}

#[test]
fn limits_are_properties() {
    conformance(|t| {
        t.use_systemd();
        let resources = json!({
            "memory": {"limit": 67_108_864, "reservation": 33_554_432},
            "cpu": {"shares": 2048, "quota": 33_333, "period": 100_000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 77},
        });
        let container = t.start(&sleeping(t).set("/linux/resources", resources));
        let unit = unit_of(&container);
        let expected: &[(&str, &str)] = if property(&unit, "MemoryMax") == "67108864" {
            &[
                ("MemoryLow", "33554432"),
                ("CPUQuotaPerSecUSec", "340ms"),
                ("AllowedCPUs", "0"),
                ("AllowedMemoryNodes", "0"),
                ("TasksMax", "77"),
            ]
        } else {
            &[
                ("MemoryLimit", "67108864"),
                ("CPUShares", "2048"),
                ("CPUQuotaPerSecUSec", "340ms"),
                ("TasksMax", "77"),
            ]
        };
        for (name, value) in expected {
            assert_eq!(property(&unit, name), *value, "{name}");
        }
    });
}

#[test]
fn an_update_is_told_to_systemd() {
    conformance(|t| {
        t.use_systemd();
        let container = t.start(&sleeping(t));
        let unit = unit_of(&container);
        let update = ["update", "--pids-limit", "55", &container.id];
        let _ = t.call(update).expect_success();
        assert_eq!(property(&unit, "TasksMax"), "55");
        let _ = systemctl(["daemon-reload"]);
        assert_eq!(property(&unit, "TasksMax"), "55");
        assert_eq!(container.status(), "running");
    });
}

#[test]
fn an_update_of_one_limit_leaves_the_others_exact() {
    conformance(|t| {
        t.use_systemd();
        t.only(Kind::Saya, "others leave what systemd makes of it");
        let cpu = Controller::find("cpu", "cpu").expect("a controller for the CPU");
        let resources = json!({"cpu": {"quota": 33_333, "period": 90_000}});
        let container = t.start(&sleeping(t).set("/linux/resources", resources));
        let quota = || {
            let dir = cpu.cgroup_of(container.pid);
            let (file, text) = match cpu.version {
                Version::V1 => ("cpu.cfs_quota_us", "33333"),
                Version::V2 => ("cpu.max", "33333 90000"),
            };
            let found = std::fs::read_to_string(dir.join(file)).expect("read the quota");
            assert_eq!(found.trim(), text);
        };
        quota();
        let update = ["update", "--cpu-share", "512", &container.id];
        let _ = t.call(update).expect_success();
        quota();
    });
}

#[test]
fn annotations_set_properties() {
    conformance(|t| {
        t.use_systemd();
        let bundle = [
            ("TimeoutStopSec", "uint64 7"),
            ("DefaultDependencies", "true"),
            ("After", "['dbus.service']"),
        ]
        .iter()
        .fold(sleeping(t), |bundle, (name, value)| {
            let key = format!("/annotations/org.systemd.property.{name}");
            bundle.set(&key, json!(value))
        });
        let container = t.start(&bundle);
        let unit = unit_of(&container);
        assert_eq!(property(&unit, "TimeoutStopUSec"), "7s");
        assert_eq!(property(&unit, "DefaultDependencies"), "yes");
        assert!(property(&unit, "After").contains("dbus.service"));
    });
}

fn assert_refused(t: &Test, bundle: &Bundle, words: &[&str]) {
    bundle.save();
    let before = Snapshot::take();
    let id = t.new_id();
    let create = t.verb_with_bundle("create", bundle, &[], &id).run();
    let mut output = create.expect_failure();
    for word in words {
        output = output.expect_stderr(word);
    }
    assert_eq!(Snapshot::take().beyond(&before), []);
}

#[test]
fn what_is_no_unit_is_refused_by_its_field() {
    conformance(|t| {
        t.use_systemd();
        t.only(Kind::Saya, "the words are our own");
        for (path, why) in [
            ("/a/b", "slice:prefix:name"),
            ("a--b.slice:x:y", "a slice's name"),
            ("system.slice:x:a+b", "no `+`"),
            ("system:x:y", "ends in `.slice`"),
        ] {
            let bundle = sleeping(t).set("/linux/cgroupsPath", json!(path));
            assert_refused(t, &bundle, &["/linux/cgroupsPath", why]);
        }
        let key = "/annotations/org.systemd.property.Slice";
        let bundle = sleeping(t).set(key, json!("'user.slice'"));
        assert_refused(t, &bundle, &[key, "the runtime decides it"]);
        let key = "/annotations/org.systemd.property.NoSuchProperty";
        let bundle = sleeping(t).set(key, json!("true"));
        assert_refused(t, &bundle, &["start the systemd unit", "NoSuchProperty"]);
    });
}

#[test]
fn a_unit_of_another_is_not_taken_over() {
    conformance(|t| {
        t.use_systemd();
        let bundle = sleeping(t);
        let first = t.start(&bundle);
        let second = t.new_id();
        let create = t.verb_with_bundle("create", &bundle, &[], &second).run();
        let _ = create.expect_failure();
        let _ = t.call(["delete", "--force", &second]).expect_success();
        assert_eq!(first.status(), "running");
        assert_eq!(property(&unit_of(&first), "ActiveState"), "active");
    });
}

#[test]
fn a_failed_unit_of_its_name_is_in_nobodys_way() {
    conformance(|t| {
        t.use_systemd();
        let name = format!("{}-failed", test::token());
        let unit = format!("{name}.scope");
        // A scope whose process is killed has not failed; one that runs into its time limit has.
        let failing = Runner::new(Path::new("/usr/bin/systemd-run"))
            .args(["--quiet", "--scope"])
            .args(["--property=RuntimeMaxSec=1", "--unit", &unit, "--"])
            .args(["sleep", "1000"]);
        let _ = failing.run();
        assert_eq!(property(&unit, "ActiveState"), "failed");
        let path = format!("system.slice:{}:failed", test::token());
        let container = t.start(&sleeping(t).set("/linux/cgroupsPath", json!(path)));
        assert_eq!(unit_of(&container), unit);
        assert_eq!(property(&unit, "ActiveState"), "active");
    });
}

/// Whether `/dev/fuse` can be opened: its errno.
fn open_fuse(container: &Container<'_>) -> Value {
    let open = container.exec(["/bin/probe", "open", "/dev/fuse", "rw"]);
    open.expect_success().json()["errno"].clone()
}

fn with_fuse(t: &Test, is_allowed: bool) -> Bundle {
    let device =
        json!({"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666});
    let rules = json!([
        {"allow": false, "access": "rwm"},
        {"allow": is_allowed, "type": "c", "major": 10, "minor": 229, "access": "rw"},
    ]);
    sleeping(t)
        .push("/linux/devices", device)
        .set("/linux/resources/devices", rules)
}

#[test]
fn a_reload_of_systemd_neither_gives_nor_takes_a_device() {
    conformance(|t| {
        t.use_systemd();
        let misc = std::fs::read_to_string("/proc/misc").unwrap_or_default();
        if !misc.contains("fuse") {
            t.skip("the kernel has no fuse, the device this test opens");
        }
        let allowed = t.start(&with_fuse(t, true));
        let denied = t.start(&with_fuse(t, false));
        for reload in ["daemon-reload", "daemon-reexec", "daemon-reload"] {
            assert_eq!(open_fuse(&allowed), Value::Null, "before {reload}");
            assert_eq!(open_fuse(&denied), 1, "before {reload}");
            let _ = systemctl([reload]);
        }
        assert_eq!(open_fuse(&allowed), Value::Null);
        assert_eq!(open_fuse(&denied), 1);
    });
}

#[test]
fn a_container_that_ends_by_itself_leaves_no_unit() {
    conformance(|t| {
        t.use_systemd();
        let before = Snapshot::take();
        for code in ["0", "3"] {
            let container = t.start(&t.bundle().args(["/bin/probe", "exit", code]));
            let _ = container.wait();
            let _ = t.call(["delete", &container.id]).expect_success();
            let left = Snapshot::take().beyond(&before);
            let is_ours = |subject: Subject| subject == Subject::Unit || subject == Subject::Cgroup;
            assert!(
                !left.iter().any(|(subject, _)| is_ours(*subject)),
                "{left:?}"
            );
        }
    });
}

#[test]
fn the_next_container_can_have_the_name_at_once() {
    conformance(|t| {
        t.use_systemd();
        let bundle = sleeping(t);
        for _ in 0..10 {
            let container = t.start(&bundle);
            let _ = t
                .call(["delete", "--force", &container.id])
                .expect_success();
        }
    });
}

#[test]
fn without_a_bus_systemd_is_asked_itself() {
    conformance(|t| {
        t.use_systemd();
        t.only(Kind::Saya, "crun needs the bus");
        sys::detach(Path::new("/run/dbus")).expect("hide the bus");
        let container = t.start(&sleeping(t));
        let unit = unit_of(&container);
        assert_eq!(property(&unit, "ActiveState"), "active");
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert_eq!(property(&unit, "LoadState"), "not-found");
    });
}

/// Without a systemd, or with one that says nothing: on every machine.
#[test]
fn a_systemd_that_is_not_there_is_named() {
    conformance(|t| {
        t.only(Kind::Saya, "the words are our own");
        let silent = t.dir().join("silent");
        let listener = UnixListener::bind(&silent).expect("listen");
        let gone = t.dir().join("gone");
        drop(UnixListener::bind(&gone).expect("listen"));
        let closing = std::thread::spawn(move || drop(listener.accept()));
        let before = Snapshot::take();
        for (socket, words) in [
            (
                silent,
                "the connection ended before the answer to the authentication",
            ),
            (gone, "ECONNREFUSED: connection refused"),
        ] {
            let bundle = sleeping(t).set("/linux/cgroupsPath", json!("system.slice:x:y"));
            bundle.save();
            let create = t
                .runtime(["--systemd-cgroup", "create", "--bundle"])
                .args([bundle.dir()])
                .args([t.new_id()])
                .env(
                    "DBUS_SYSTEM_BUS_ADDRESS",
                    &format!("unix:path={}", socket.display()),
                )
                .run();
            let _ = create
                .expect_failure()
                .expect_stderr("connect to systemd")
                .expect_stderr(words);
        }
        closing.join().expect("the listener ends");
        let left = Snapshot::take().beyond(&before);
        let is_ours = |subject: Subject| matches!(subject, Subject::Cgroup | Subject::Process);
        assert!(
            !left.iter().any(|(subject, _)| is_ours(*subject)),
            "{left:?}"
        );
    });
}

/// Where the cgroups would be if systemd made them is for the driver to say.
#[test]
fn the_cgroupfs_driver_does_not_take_a_unit_for_a_path() {
    conformance(|t| {
        t.only(Kind::Saya, "runc makes a directory of that name");
        t.only_cgroupfs("it takes paths");
        let bundle = sleeping(t).set("/linux/cgroupsPath", json!("system.slice:x:y"));
        let refused = t
            .verb_with_bundle("create", &bundle, &[], &t.new_id())
            .run();
        let _ = refused
            .expect_failure()
            .expect_stderr("/linux/cgroupsPath")
            .expect_stderr("--systemd-cgroup");
    });
}
