//! `linux.resources`, field by field, and the document of an update.

use serde_json::{Value, json};

use super::invalid::text;
use super::linux::linux;
use super::valid::{accept, minimal};
use crate::config::resources::types::{Throttle, ThrottleKind};
use crate::config::{Field, Resources, ZeroPids};
use crate::error::Pointer;

fn resources(members: &Value) -> Resources {
    linux(&json!({"resources": members})).resources
}

/// A value that stands at `/linux/resources` + `place`.
fn at<T>(value: T, place: &str) -> Option<Field<T>> {
    let at = Pointer::new(format!("/linux/resources{place}"));
    Some(Field { value, at })
}

/// Everything but the places of what is in lists.
fn is_empty(resources: &Resources) -> bool {
    format!("{resources:?}") == format!("{:?}", Resources::default())
}

#[test]
fn what_engines_send_for_unset_values_is_absent() {
    for members in [
        json!({}),
        json!({"memory": {}, "cpu": {}, "pids": {}, "blockIO": {}, "network": null,
               "unified": null, "rdma": {}, "hugepageLimits": []}),
        json!({"memory": {"limit": 0, "reservation": 0, "swap": 0, "kernel": 0, "kernelTCP": 0,
                          "swappiness": null, "useHierarchy": true}}),
        json!({"memory": {"swappiness": -1}}),
        json!({"memory": {"swappiness": u64::MAX}}),
        json!({"cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0,
                       "realtimePeriod": 0, "cpus": "", "mems": ""}}),
        json!({"blockIO": {"weight": 0, "leafWeight": 0, "weightDevice": [],
                           "throttleReadBpsDevice": null}}),
        json!({"network": {"classID": 0, "priorities": []}}),
    ] {
        let found = resources(&members);
        assert!(is_empty(&found), "{members}: {found:?}");
    }
}

#[test]
fn zeros_that_mean_something_are_kept() {
    let found = resources(&json!({
        "memory": {"swappiness": 0, "disableOOMKiller": false}, "cpu": {"burst": 0, "idle": 0},
        "pids": {"limit": 0}, "hugepageLimits": [{"pageSize": "1GB", "limit": 0}],
        "blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}]},
        "rdma": {"rxe3": {"hcaHandles": 0}},
    }));
    assert_eq!(found.memory.swappiness, at(0, "/memory/swappiness"));
    assert_eq!(
        found.memory.disable_oom_killer,
        at(false, "/memory/disableOOMKiller")
    );
    assert_eq!(found.cpu.burst, at(0, "/cpu/burst"));
    assert_eq!(found.cpu.idle, at(0, "/cpu/idle"));
    assert_eq!(found.pids, at(0, "/pids/limit"));
    assert_eq!(found.hugepages[0].limit, 0);
    assert_eq!(found.block_io.throttles[0].rate, 0);
    assert_eq!(
        (found.rdma[0].handles, found.rdma[0].objects),
        (Some(0), None)
    );
}

#[test]
fn no_processes_is_a_limit_since_1_3_only() {
    for (version, limit) in [
        ("1.0.2-dev", None),
        ("1.2.1", None),
        ("1.3.0", Some(0)),
        ("1.10.0", Some(0)),
    ] {
        let document = minimal(&json!({
            "ociVersion": version, "linux": {"resources": {"pids": {"limit": 0}}},
        }));
        let pids = accept(&document).resources.pids;
        assert_eq!(pids.map(|field| field.value), limit, "{version}");
    }
}

#[test]
fn below_zero_is_unlimited_where_the_kernel_has_it_so() {
    for number in [-1, -7, i64::MIN] {
        let found = resources(&json!({
            "pids": {"limit": number}, "cpu": {"quota": number, "realtimeRuntime": number},
        }));
        assert_eq!(found.pids, at(-1, "/pids/limit"));
        assert_eq!(found.cpu.quota, at(-1, "/cpu/quota"));
        assert_eq!(found.cpu.realtime_runtime, at(-1, "/cpu/realtimeRuntime"));
    }
}

#[test]
fn limits_of_memory_reach_to_the_largest_number() {
    let found = resources(&json!({"memory": {
        "limit": i64::MAX, "reservation": -1, "swap": i64::MAX, "kernel": 1, "kernelTCP": 2,
        "swappiness": 100, "disableOOMKiller": true, "checkBeforeUpdate": true,
    }}));
    let memory = found.memory;
    assert_eq!(memory.limit, at(i64::MAX, "/memory/limit"));
    assert_eq!(memory.reservation, at(-1, "/memory/reservation"));
    assert_eq!(memory.swap, at(i64::MAX, "/memory/swap"));
    assert_eq!(memory.kernel, at(1, "/memory/kernel"));
    assert_eq!(memory.kernel_tcp, at(2, "/memory/kernelTCP"));
    assert_eq!(memory.swappiness, at(100, "/memory/swappiness"));
    assert_eq!(
        memory.disable_oom_killer,
        at(true, "/memory/disableOOMKiller")
    );
    assert!(memory.check_before_update);
}

#[test]
fn swap_may_be_unlimited_or_equal_to_the_memory_limit() {
    for memory in [
        json!({"swap": -1}),
        json!({"limit": 4096, "swap": -1}),
        json!({"limit": 4096, "swap": 4096}),
        json!({"limit": -1, "swap": 4096}),
        json!({"limit": -1, "swap": -1}),
        json!({"limit": 4096, "swap": 0}),
    ] {
        resources(&json!({"memory": memory}));
    }
}

#[test]
fn the_cpu_is_shared_and_bounded() {
    let cpu = resources(&json!({"cpu": {
        "shares": u64::MAX, "quota": 1000, "burst": 1000, "period": 1_000_000,
        "realtimeRuntime": 5, "realtimePeriod": 5, "cpus": "0-2, 7", "mems": "0", "idle": 1,
    }}))
    .cpu;
    assert_eq!(cpu.shares, at(u64::MAX, "/cpu/shares"));
    assert_eq!(cpu.quota, at(1000, "/cpu/quota"));
    assert_eq!(cpu.burst, at(1000, "/cpu/burst"));
    assert_eq!(cpu.period, at(1_000_000, "/cpu/period"));
    assert_eq!(cpu.realtime_runtime, at(5, "/cpu/realtimeRuntime"));
    assert_eq!(cpu.realtime_period, at(5, "/cpu/realtimePeriod"));
    assert_eq!(cpu.cpus, at("0-2, 7".to_owned(), "/cpu/cpus"));
    assert_eq!(cpu.mems, at("0".to_owned(), "/cpu/mems"));
    assert_eq!(cpu.idle, at(1, "/cpu/idle"));
    resources(&json!({"cpu": {"quota": -1, "burst": 5000}}));
    resources(&json!({"cpu": {"shares": 1, "period": 1000}}));
}

#[test]
fn block_devices_have_weights_and_throttles() {
    let throttle = |minor| json!([{"major": 8, "minor": minor, "rate": 600 + minor}]);
    let found = resources(&json!({"blockIO": {
        "weight": 10, "leafWeight": 1000,
        "weightDevice": [{"major": 4095, "minor": 1_048_575, "weight": 20, "leafWeight": 0}],
        "throttleWriteIOPSDevice": throttle(3), "throttleReadIOPSDevice": throttle(2),
        "throttleWriteBpsDevice": throttle(1), "throttleReadBpsDevice": throttle(0),
    }}))
    .block_io;
    assert_eq!(found.weight, at(10, "/blockIO/weight"));
    assert_eq!(found.leaf_weight, at(1000, "/blockIO/leafWeight"));
    let device = &found.weight_devices[0];
    assert_eq!((device.major, device.minor), (4095, 1_048_575));
    assert_eq!(device.weight, at(20, "/blockIO/weightDevice/0/weight"));
    assert_eq!(device.leaf_weight, None);
    let kinds = [
        (ThrottleKind::ReadBps, "throttleReadBpsDevice"),
        (ThrottleKind::WriteBps, "throttleWriteBpsDevice"),
        (ThrottleKind::ReadIops, "throttleReadIOPSDevice"),
        (ThrottleKind::WriteIops, "throttleWriteIOPSDevice"),
    ];
    let wanted = (0..).zip(kinds).map(|(minor, (kind, key))| Throttle {
        kind,
        major: 8,
        minor,
        rate: 600 + u64::from(minor),
        at: Pointer::new(format!("/linux/resources/blockIO/{key}/0")),
    });
    assert_eq!(found.throttles, wanted.collect::<Vec<_>>());
}

#[test]
fn the_smaller_controllers_are_named_lists() {
    let found = resources(&json!({
        "hugepageLimits": [{"pageSize": "64KB", "limit": u64::MAX}, {"pageSize": "16GB", "limit": 1}],
        "network": {"classID": u32::MAX, "priorities": [{"name": "eth0.100", "priority": 0}]},
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": u32::MAX}},
        "unified": {"hugetlb.1GB.max": "1073741824", "io.max": "8:0 rbps=1\n8:16 rbps=2",
                    "cgroup.max.depth": "3", "future.file": "x"},
    }));
    let sizes = found.hugepages.iter();
    let sizes: Vec<_> = sizes
        .map(|limit| (limit.page_size.as_str(), limit.limit, limit.at.as_str()))
        .collect();
    let place = "/linux/resources/hugepageLimits";
    assert_eq!(
        sizes,
        [
            ("64KB", u64::MAX, format!("{place}/0").as_str()),
            ("16GB", 1, format!("{place}/1").as_str()),
        ]
    );
    assert_eq!(found.network.class_id, at(u32::MAX, "/network/classID"));
    let priority = &found.network.priorities[0];
    assert_eq!((priority.name.as_str(), priority.priority), ("eth0.100", 0));
    assert_eq!(
        priority.at.as_str(),
        "/linux/resources/network/priorities/0"
    );
    let rdma = &found.rdma[0];
    assert_eq!(rdma.device, "mlx5_1");
    assert_eq!((rdma.handles, rdma.objects), (Some(3), Some(u32::MAX)));
    assert_eq!(rdma.at.as_str(), "/linux/resources/rdma/mlx5_1");
    let files = found.unified.iter();
    let files: Vec<_> = files
        .map(|unified| (unified.file.as_str(), unified.value.as_str()))
        .collect();
    assert_eq!(
        files,
        [
            ("cgroup.max.depth", "3"),
            ("future.file", "x"),
            ("hugetlb.1GB.max", "1073741824"),
            ("io.max", "8:0 rbps=1\n8:16 rbps=2"),
        ]
    );
    let last = &found.unified[3];
    assert_eq!(last.at.as_str(), "/linux/resources/unified/io.max");
}

fn update(document: &Value) -> Resources {
    Resources::from_update(document, ZeroPids::Limit).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn the_root_of_an_update_is_the_resources_object() {
    let found = update(&json!({
        "memory": {"limit": 4096}, "pids": {"limit": 0}, "future": 1, "devices": [{"allow": false}],
    }));
    let limit = found.memory.limit.unwrap();
    assert_eq!((limit.value, limit.at.as_str()), (4096, "/memory/limit"));
    assert_eq!(found.pids.unwrap().value, 0);
    assert_eq!(found.devices[0].at.as_str(), "/devices/0");
}

#[test]
fn an_update_leaves_what_it_does_not_set() {
    assert!(is_empty(&update(&json!({}))));
    let zeros = json!({"memory": {"limit": 0, "swap": 0}, "cpu": {"quota": 0, "cpus": ""},
                       "blockIO": {"weight": 0}, "pids": {"limit": 0}});
    let found = Resources::from_update(&zeros, ZeroPids::Unlimited).unwrap();
    assert!(is_empty(&found), "{found:?}");
}

#[test]
fn an_update_may_rely_on_the_memory_limit_in_force() {
    assert_eq!(
        update(&json!({"memory": {"swap": 4096}}))
            .memory
            .swap
            .unwrap()
            .value,
        4096
    );
    let faults = Resources::from_update(
        &json!({"memory": {"limit": 8192, "swap": 4096}}),
        ZeroPids::Limit,
    );
    assert_eq!(
        text(&faults.unwrap_err()),
        "/memory/swap: the memory+swap limit 4096 is below the memory limit 8192 in /memory/limit\n"
    );
}

#[test]
fn all_faults_of_an_update_are_found() {
    for (document, wanted) in [
        (json!(null), "/: expected an object, found null\n"),
        (json!([]), "/: expected an object, found an array\n"),
        (
            json!({"cpu": {"idle": 2}, "pids": {"limit": "1"}}),
            "/cpu/idle: 2 is not in the range 0 to 1\n\
             /pids/limit: expected an integer, found a string\n",
        ),
    ] {
        let faults = Resources::from_update(&document, ZeroPids::Limit).unwrap_err();
        assert_eq!(text(&faults), wanted);
    }
}
