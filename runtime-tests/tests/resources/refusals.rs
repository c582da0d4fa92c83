//! Limits that cannot be had: the error names the field and the controller, and
//! nothing is left of the container.

use crate::controller;
use runtime_tests::{
    Bundle, Controller, Driver, Kind, Test, Value, Version, cgroup, conformance, host_mount, json,
};

/// `create` is refused. Saya names the field and says `words`.
#[track_caller]
fn refused(t: &Test, bundle: &Bundle, pointer: &str, words: &[&str]) {
    let id = t.new_id();
    let create = t.verb_with_bundle("create", bundle, &[], &id).run();
    let mut create = create.expect_failure();
    let _ = t.call(["state", &id]).expect_failure();
    if t.runtime.kind != Kind::Saya {
        return;
    }
    create = create.expect_stderr(&format!("/linux/resources/{pointer}"));
    for word in words {
        create = create.expect_stderr(word);
    }
}

fn with(t: &Test, resources: Value) -> Bundle {
    t.bundle().set("/linux/resources", resources)
}

/// The controller, where it speaks `version`.
fn speaking(t: &Test, v1: &'static str, v2: &'static str, version: Version) -> Controller {
    let found = controller(t, v1, v2);
    if found.version != version {
        t.skip(&format!("`{v2}` is not in {version:?} on this machine"));
    }
    found
}

#[test]
fn what_memory_of_v2_lacks() {
    conformance(|t| {
        let _ = speaking(t, "memory", "memory", Version::V2);
        for (field, value) in [
            ("swappiness", json!(30)),
            ("disableOOMKiller", json!(true)),
            ("kernelTCP", json!(1 << 20)),
        ] {
            let bundle = with(t, json!({"memory": {field: value}}));
            refused(t, &bundle, &format!("memory/{field}"), &["`memory`"]);
        }
    });
}

#[test]
fn realtime_bandwidth_in_v2() {
    conformance(|t| {
        let _ = speaking(t, "cpu", "cpu", Version::V2);
        for field in ["realtimeRuntime", "realtimePeriod"] {
            let bundle = with(t, json!({"cpu": {field: 1000}}));
            refused(t, &bundle, &format!("cpu/{field}"), &["`cpu`", "realtime"]);
        }
    });
}

/// In v1 the cgroup above has none to give, unless it was given some itself; and
/// many kernels have none at all.
#[test]
fn realtime_bandwidth_that_the_cgroup_above_lacks() {
    conformance(|t| {
        let _ = speaking(t, "cpu", "cpu", Version::V1);
        let bundle = with(t, json!({"cpu": {"realtimeRuntime": 1000}}));
        refused(t, &bundle, "cpu/realtimeRuntime", &["cpu.rt_runtime_us"]);
    });
}

#[test]
fn weights_of_leaves() {
    conformance(|t| {
        let io = controller(t, "blkio", "io");
        if io.has_file("blkio.leaf_weight") {
            t.skip("this kernel has them");
        }
        let bundle = with(t, json!({"blockIO": {"leafWeight": 100}}));
        refused(t, &bundle, "blockIO/leafWeight", &["io`"]);
    });
}

#[test]
fn a_limit_of_kernel_memory() {
    conformance(|t| {
        let bundle = with(t, json!({"memory": {"kernel": 1 << 20}}));
        refused(t, &bundle, "memory/kernel", &["kernel memory"]);
    });
}

#[test]
fn network_without_its_controllers() {
    conformance(|t| {
        for (name, field, network) in [
            ("net_cls", "classID", json!({"classID": 1})),
            (
                "net_prio",
                "priorities/0",
                json!({"priorities": [{"name": "lo", "priority": 1}]}),
            ),
        ] {
            if Controller::find(name, "").is_some() {
                t.skip(&format!("the machine has `{name}`"));
            }
            let bundle = with(t, json!({"network": network}));
            refused(
                t,
                &bundle,
                &format!("network/{field}"),
                &[&format!("`{name}`")],
            );
        }
    });
}

#[test]
fn unified_without_v2() {
    conformance(|t| {
        if cgroup::mode() != "v1" {
            t.skip("the machine has a v2 hierarchy");
        }
        let bundle = with(t, json!({"unified": {"pids.max": "5"}}));
        refused(t, &bundle, "unified/pids.max", &["invalid configuration"]);
    });
}

#[test]
fn unified_of_a_controller_that_is_nowhere() {
    conformance(|t| {
        if cgroup::mode() == "v1" {
            t.skip("there is no v2 hierarchy on this machine");
        }
        let bundle = with(t, json!({"unified": {"nosuch.max": "5"}}));
        let words = ["controller \"nosuch\" not available"];
        refused(t, &bundle, "unified/nosuch.max", &words);
    });
}

#[test]
fn unified_of_a_controller_that_v1_has() {
    conformance(|t| {
        let _ = speaking(t, "pids", "pids", Version::V1);
        if cgroup::mode() == "v1" {
            t.skip("there is no v2 hierarchy on this machine");
        }
        let bundle = with(t, json!({"unified": {"pids.max": "5"}}));
        let words = ["controller \"pids\" not available"];
        refused(t, &bundle, "unified/pids.max", &words);
    });
}

#[test]
fn unified_files_and_values_that_the_kernel_does_not_know() {
    conformance(|t| {
        if cgroup::mode() == "v1" {
            t.skip("there is no v2 hierarchy on this machine");
        }
        let bundle = with(t, json!({"unified": {"cgroup.nosuch": "5"}}));
        refused(t, &bundle, "unified/cgroup.nosuch", &["no such file"]);
        let bundle = with(t, json!({"unified": {"cgroup.max.depth": "many"}}));
        refused(
            t,
            &bundle,
            "unified/cgroup.max.depth",
            &["`many`", "EINVAL"],
        );
    });
}

/// Beside v2 alone, every controller that it lacks.
#[test]
fn limits_whose_controller_v2_lacks() {
    conformance(|t| {
        if !host_mount::sees_only_cgroup2() {
            t.skip("the machine has v1 hierarchies");
        }
        let rows = [
            (
                "memory",
                "memory/limit",
                json!({"memory": {"limit": 1 << 26}}),
            ),
            ("cpu", "cpu/quota", json!({"cpu": {"quota": 50_000}})),
            ("cpu", "cpu/shares", json!({"cpu": {"shares": 500}})),
            ("cpuset", "cpu/cpus", json!({"cpu": {"cpus": "0"}})),
            ("pids", "pids/limit", json!({"pids": {"limit": 5}})),
            ("io", "blockIO/weight", json!({"blockIO": {"weight": 100}})),
            (
                "rdma",
                "rdma/nosuch0",
                json!({"rdma": {"nosuch0": {"hcaHandles": 1}}}),
            ),
        ];
        let lacking = rows
            .iter()
            .filter(|row| Controller::find("", row.0).is_none());
        let mut any = false;
        for (name, pointer, resources) in lacking {
            any = true;
            let words = format!("controller \"{name}\" not available");
            refused(t, &with(t, resources.clone()), pointer, &[&words]);
        }
        if !any {
            t.skip("the machine has all controllers");
        }
    });
}

/// What the kernel does anyway, engines may ask for on any machine.
#[test]
fn defaults_need_no_controller() {
    conformance(|t| {
        let resources = json!({
            "memory": {"limit": -1, "reservation": -1, "swap": -1, "disableOOMKiller": false},
            "cpu": {"shares": 1024, "quota": -1, "period": 100_000, "burst": 0, "idle": 0},
            "pids": {"limit": -1},
            "blockIO": {"weight": 0},
        });
        let _ = t.run(&with(t, resources)).expect_success();
    });
}

#[test]
fn an_rdma_device_that_does_not_exist() {
    conformance(|t| {
        let rdma = json!({"nosuch0": {"hcaHandles": 3, "hcaObjects": 10_000}});
        let bundle = with(t, json!({"rdma": rdma}));
        refused(t, &bundle, "rdma/nosuch0", &["rdma"]);
    });
}

#[test]
fn huge_pages_of_a_size_that_does_not_exist() {
    conformance(|t| {
        let limit = json!([{"pageSize": "3MB", "limit": 0}]);
        let bundle = with(t, json!({"hugepageLimits": limit}));
        refused(t, &bundle, "hugepageLimits/0", &["hugetlb"]);
    });
}

#[test]
fn block_devices_that_do_not_exist() {
    conformance(|t| {
        let io = controller(t, "blkio", "io");
        let device = json!([{"major": 250, "minor": 250, "rate": 1000}]);
        let bundle = with(t, json!({"blockIO": {"throttleReadBpsDevice": device}}));
        let pointer = "blockIO/throttleReadBpsDevice/0";
        refused(t, &bundle, pointer, &["250:250", "block device"]);
        if io.has_file("blkio.bfq.weight") || io.has_file("io.bfq.weight") {
            let device = json!([{"major": 250, "minor": 250, "weight": 100}]);
            let bundle = with(t, json!({"blockIO": {"weightDevice": device}}));
            refused(t, &bundle, "blockIO/weightDevice/0", &["250:250"]);
        }
    });
}

#[test]
fn cpus_and_nodes_out_of_range() {
    conformance(|t| {
        let _ = controller(t, "cpuset", "cpuset");
        for (field, list) in [("cpus", "4095"), ("cpus", "1023"), ("mems", "63")] {
            let bundle = with(t, json!({"cpu": {field: list}}));
            refused(t, &bundle, &format!("cpu/{field}"), &[list]);
        }
    });
}

#[test]
fn sums_below_their_part() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let memory = json!({"limit": 1 << 26, "swap": 1 << 25});
        let bundle = with(t, json!({"memory": memory}));
        refused(t, &bundle, "memory/swap", &["limit"]);
    });
}

#[test]
fn a_memory_limit_in_which_nothing_can_start() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let bundle = with(t, json!({"memory": {"limit": 4096, "swap": 4096}}));
        let create = t.verb_with_bundle("create", &bundle, &[], &t.new_id());
        let refused = create.run().expect_failure().expect_stderr("memory limit");
        // systemd removes the cgroup with its last process, and the kernel's count with it.
        if t.runtime.kind == Kind::Saya && Driver::current() == Driver::Cgroupfs {
            let _ = refused
                .expect_stderr("/linux/resources/memory/limit")
                .expect_stderr("OOM killer");
        }
    });
}

#[test]
fn limits_without_a_cgroup() {
    conformance(|t| {
        t.only(
            Kind::Saya,
            "runc has no such option, and crun ignores the limit",
        );
        let bundle = with(t, json!({"memory": {"limit": 1 << 26}}));
        bundle.save();
        let id = t.new_id();
        let create = t
            .runtime(["--cgroup-manager", "disabled", "create", "--bundle"])
            .args([bundle.dir()])
            .args([&id]);
        let create = create.run().expect_failure();
        let _ = create
            .expect_stderr("/linux/resources/memory/limit")
            .expect_stderr("no cgroup of its own");
    });
}
