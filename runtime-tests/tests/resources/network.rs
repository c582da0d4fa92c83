//! `network`: class and priorities of packets, which v1 alone has.
//!
//! Few machines mount the two controllers; the tests mount them for themselves.

use crate::{Row, assert_rows, controller, read};
use runtime_tests::{HostMount, Test, conformance, host_mount, json, test};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const CONTROLLERS: &str = "net_cls,net_prio";
const PLACE: &str = "/run/net";

/// A hierarchy with both, in the mount namespace of the test alone.
struct Mounted(Option<HostMount>);

fn mounted(t: &Test) -> Mounted {
    if host_mount::sees_only_cgroup2() {
        t.skip("the machine has no v1 hierarchies");
    }
    let known = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    if !known.contains("net_cls") || !known.contains("net_prio") {
        t.skip("this kernel has no controllers `net_cls` and `net_prio`");
    }
    if runtime_tests::Controller::find("net_cls", "").is_some() {
        return Mounted(None);
    }
    Mounted(Some(mount()))
}

fn mount() -> HostMount {
    HostMount::new("cgroup", Path::new(PLACE), CONTROLLERS)
}

impl Drop for Mounted {
    /// The kernel drops a hierarchy after its last unmount, unless cgroups that
    /// were removed just before are still on their way out. Then it stays, for
    /// everybody, until it is mounted and unmounted once more.
    fn drop(&mut self) {
        let Some(mut last) = self.0.take() else {
            return;
        };
        for _ in 0..50 {
            let _ = fs::remove_dir(last.path().join(test::token()));
            drop(last);
            if is_gone_within(Duration::from_millis(200)) {
                break;
            }
            last = mount();
        }
        let _ = fs::remove_dir(PLACE);
    }
}

fn is_gone_within(patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let is_gone = || !read(Path::new("/proc/self/cgroup")).contains("net_cls");
    while !is_gone() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    is_gone()
}

#[test]
fn class_of_packets() {
    conformance(|t| {
        let _mounted = mounted(t);
        let rows = [Row {
            resources: json!({"network": {"classID": 0x10_0001}}),
            v1: &["net_cls.classid=1048577"],
            v2: &[],
        }];
        assert_rows(t, &controller(t, "net_cls", "net_cls"), &rows);
    });
}

/// The priorities are those of the network namespace the runtime is in.
#[test]
fn priorities_of_devices() {
    conformance(|t| {
        let _mounted = mounted(t);
        let resources = json!({"network": {"priorities": [{"name": "lo", "priority": 5}]}});
        let rows = [Row {
            resources,
            v1: &["net_prio.ifpriomap=lo 5"],
            v2: &[],
        }];
        assert_rows(t, &controller(t, "net_prio", "net_prio"), &rows);
    });
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    conformance(|t| {
        let _mounted = mounted(t);
        let resources = json!({"network": {"priorities": [{"name": "nosuch0", "priority": 5}]}});
        let run = t.run(&t.bundle().set("/linux/resources", resources));
        let _ = run.expect_failure();
        assert!(read(Path::new("/proc/net/dev")).contains("lo:"));
    });
}
