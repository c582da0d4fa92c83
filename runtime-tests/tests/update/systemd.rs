//! Under the systemd driver: systemd is told of what changes, or it would put back the old limits
//! whenever it likes.

use crate::{assert_files, read, update, update_with};
use runtime_tests::{Container, Exit, Runner, Test, Value, conformance, json, test};
use std::fs;
use std::path::Path;

/// A running container in a scope of its own, and the scope's name.
fn in_a_scope(t: &Test) -> (Container<'_>, String) {
    if fs::read_to_string("/proc/1/comm")
        .unwrap_or_default()
        .trim()
        != "systemd"
    {
        t.skip("systemd is not PID 1");
    }
    let features = t.call(["features"]);
    if features.status == Exit::Code(0)
        && features.json()["linux"]["cgroup"]["systemd"] == json!(false)
    {
        t.skip("the runtime says that it has no systemd driver");
    }
    let bundle = t
        .bundle()
        .args(["/bin/probe", "sleep"])
        .set(
            "/linux/cgroupsPath",
            json!(format!("system.slice:{}:update", test::token())),
        )
        .set(
            "/linux/resources",
            json!({"memory": {"limit": 64 << 20}, "pids": {"limit": 100},
                   "devices": [{"allow": false, "access": "rwm"}]}),
        );
    bundle.save();
    let id = t.new_id();
    let create = t.runtime(["--systemd-cgroup", "create", "--bundle"]);
    let created = create.args([bundle.dir()]).args([&id]).run();
    let container = Container::found(t, &id, created.expect_success());
    let _ = container.call("start").expect_success();
    (container, format!("{}-update.scope", test::token()))
}

/// What systemd says of a property of the unit.
fn property(unit: &str, name: &str) -> String {
    let show = Runner::new(Path::new("/usr/bin/systemctl"));
    let shown = show.args(["show", "--value", "-p", name, unit]).run();
    shown.expect_success().stdout().trim().to_owned()
}

#[test]
fn systemd_learns_the_new_limits() {
    conformance(|t| {
        let (container, unit) = in_a_scope(t);
        let flags = ["--memory", "134217728", "--pids-limit", "50"];
        let _ = update(t, &container, &flags).expect_success();
        assert_eq!(property(&unit, "TasksMax"), "50");
        assert_files(
            t,
            &container,
            &[("memory.limit_in_bytes", "134217728"), ("pids.max", "50")],
            &[("memory.max", "134217728"), ("pids.max", "50")],
        );
        if read(&container, "memory.max").is_some() {
            assert_eq!(property(&unit, "MemoryMax"), "134217728");
        }
    });
}

#[test]
fn systemd_learns_the_new_device_rules() {
    conformance(|t| {
        let (container, unit) = in_a_scope(t);
        let open = || -> Value {
            let opened = container.exec(["/bin/probe", "open", "/dev/null", "rw"]);
            opened.expect_success().json()["errno"].clone()
        };
        let rules = |more: Value| {
            let deny = json!({"allow": false, "access": "rwm"});
            json!({"devices": [deny, more]}).to_string()
        };
        let fuse = json!({"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"});
        assert!(!property(&unit, "DeviceAllow").contains("10:229"));
        let _ = update_with(t, &container, &rules(fuse)).expect_success();
        assert!(property(&unit, "DeviceAllow").contains("10:229"));
        let loops = json!({"allow": true, "type": "b", "major": 7, "minor": 1, "access": "r"});
        let _ = update_with(t, &container, &rules(loops)).expect_success();
        let allowed = property(&unit, "DeviceAllow");
        assert!(
            allowed.contains("7:1") && !allowed.contains("10:229"),
            "{allowed}"
        );
        assert_eq!(open(), Value::Null);
    });
}
