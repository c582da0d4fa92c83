//! Each field in both languages, and what neither can say.

use super::*;
use crate::cgroup::placement::{Directory, Driver};
use crate::config::Field;
use crate::config::resources::types::{
    HugepageLimit, NetworkPriority, RdmaLimit, Throttle, ThrottleKind, Unified, WeightDevice,
};

fn field<T>(value: T) -> Option<Field<T>> {
    Some(Field {
        value,
        at: Pointer::new("/f"),
    })
}

fn placement(v1: &[&str], has_v2: bool) -> Placement {
    let directory = |subsystems: Vec<String>| Directory {
        subsystems,
        mount: "/m".into(),
        path: "c".into(),
        id: None,
    };
    let v1 = v1.iter().map(|name| directory(vec![(*name).to_owned()]));
    let v2 = has_v2.then(|| directory(Vec::new()));
    Placement {
        driver: Driver::Cgroupfs,
        directories: v1.chain(v2).collect(),
        unit: None,
    }
}

fn v2() -> Placement {
    placement(&[], true)
}

fn v1() -> Placement {
    placement(
        &[
            "memory", "cpu", "cpuset", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "rdma",
        ],
        false,
    )
}

/// `file=value`, with the other names after `|` and a `?` where it need not be there.
fn written(resources: &Resources, placement: &Placement) -> Vec<String> {
    let text = |setting: &Setting| {
        let writes = setting.writes.iter();
        let writes: Vec<_> = writes.map(|w| format!("{}={}", w.file, w.value)).collect();
        let mark = if setting.need == Need::IfThere {
            "?"
        } else {
            ""
        };
        format!("{}{mark}", writes.join("|"))
    };
    settings(resources, placement)
        .unwrap()
        .iter()
        .map(text)
        .collect()
}

fn refusals(resources: &Resources, placement: &Placement) -> Vec<String> {
    let faults = settings(resources, placement).unwrap_err();
    faults.into_iter().map(|fault| fault.why).collect()
}

#[test]
fn nothing_asked_is_nothing_written() {
    for placement in [v1(), v2(), Placement::default()] {
        assert_eq!(settings(&Resources::default(), &placement), Ok(Vec::new()));
    }
}

#[test]
fn memory() {
    let mut resources = Resources::default();
    resources.memory.limit = field(1000);
    resources.memory.reservation = field(500);
    resources.memory.swap = field(3000);
    assert_eq!(
        written(&resources, &v2()),
        ["memory.max=1000", "memory.low=500", "memory.swap.max=2000"]
    );
    assert_eq!(
        written(&resources, &v1()),
        [
            "memory.limit_in_bytes=1000",
            "memory.memsw.limit_in_bytes=3000",
            "memory.soft_limit_in_bytes=500"
        ]
    );
    resources.memory.swap = field(1000);
    assert_eq!(written(&resources, &v2())[2], "memory.swap.max=0?");
    assert_eq!(
        written(&resources, &v1())[1],
        "memory.memsw.limit_in_bytes=1000?"
    );
    resources.memory.swap = field(999);
    assert!(refusals(&resources, &v2())[0].contains("less than the limit"));
}

#[test]
fn unlimited_memory_is_written_where_somebody_listens() {
    let mut resources = Resources::default();
    resources.memory.limit = field(-1);
    assert_eq!(
        written(&resources, &v2()),
        ["memory.max=max?", "memory.swap.max=max?"]
    );
    assert_eq!(
        written(&resources, &v1()),
        [
            "memory.memsw.limit_in_bytes=-1?",
            "memory.limit_in_bytes=-1?"
        ]
    );
    assert_eq!(written(&resources, &Placement::default()), [""; 0]);
}

#[test]
fn memory_of_v1_alone() {
    let mut resources = Resources::default();
    resources.memory.swappiness = field(60);
    resources.memory.disable_oom_killer = field(true);
    resources.memory.kernel_tcp = field(7);
    assert_eq!(
        written(&resources, &v1()),
        [
            "memory.kmem.tcp.limit_in_bytes=7",
            "memory.swappiness=60",
            "memory.oom_control=1"
        ]
    );
    assert_eq!(refusals(&resources, &v2()).len(), 3);
    // Docker sends it always.
    let mut resources = Resources::default();
    resources.memory.disable_oom_killer = field(false);
    assert_eq!(written(&resources, &v2()), [""; 0]);
    resources.memory.kernel = field(5);
    for placement in [v1(), v2()] {
        assert!(refusals(&resources, &placement)[0].contains("kernel memory"));
    }
}

#[test]
fn cpu() {
    let mut resources = Resources::default();
    resources.cpu.shares = field(512);
    resources.cpu.quota = field(50_000);
    resources.cpu.period = field(200_000);
    resources.cpu.burst = field(1000);
    resources.cpu.idle = field(0);
    resources.cpu.cpus = field("0-1".to_owned());
    resources.cpu.mems = field("0".to_owned());
    assert_eq!(
        written(&resources, &v2()),
        [
            "cpu.idle=0?",
            "cpu.weight=59",
            "cpu.max=50000 200000",
            "cpu.max.burst=1000",
            "cpuset.cpus=0-1",
            "cpuset.mems=0"
        ]
    );
    assert_eq!(
        written(&resources, &v1()),
        [
            "cpu.shares=512",
            "cpu.cfs_period_us=200000",
            "cpu.cfs_quota_us=50000",
            "cpu.cfs_burst_us=1000",
            "cpu.idle=0?",
            "cpuset.cpus=0-1",
            "cpuset.mems=0"
        ]
    );
}

#[test]
fn an_idle_cgroup_has_no_weight() {
    let mut resources = Resources::default();
    resources.cpu.shares = field(512);
    resources.cpu.idle = field(1);
    assert_eq!(written(&resources, &v2()), ["cpu.idle=1"]);
    assert_eq!(written(&resources, &v1()), ["cpu.idle=1"]);
}

#[test]
fn bandwidth_without_one_of_its_halves() {
    let mut resources = Resources::default();
    resources.cpu.period = field(50_000);
    assert_eq!(written(&resources, &v2()), ["cpu.max=max 50000?"]);
    resources.cpu.quota = field(-1);
    assert_eq!(written(&resources, &v2()), ["cpu.max=max 50000?"]);
    resources.cpu.period = None;
    resources.cpu.quota = field(9000);
    assert_eq!(written(&resources, &v2()), ["cpu.max=9000"]);
}

#[test]
fn the_default_of_shares_needs_no_controller() {
    let mut resources = Resources::default();
    resources.cpu.shares = field(1024);
    assert_eq!(written(&resources, &v2()), ["cpu.weight=100?"]);
    assert_eq!(written(&resources, &v1()), ["cpu.shares=1024?"]);
    assert_eq!(written(&resources, &placement(&["pids"], false)), [""; 0]);
    resources.cpu.shares = field(1);
    assert_eq!(written(&resources, &v1()), ["cpu.shares=2"]);
}

#[test]
fn realtime_is_for_v1() {
    let mut resources = Resources::default();
    resources.cpu.realtime_runtime = field(9);
    resources.cpu.realtime_period = field(10);
    assert_eq!(
        written(&resources, &v1()),
        ["cpu.rt_period_us=10", "cpu.rt_runtime_us=9"]
    );
    assert_eq!(refusals(&resources, &v2()).len(), 2);
}

#[test]
fn block_io() {
    let throttle = |kind, rate| Throttle {
        kind,
        major: 8,
        minor: 16,
        rate,
        at: Pointer::new("/f"),
    };
    let mut resources = Resources::default();
    resources.block_io.weight = field(500);
    resources.block_io.weight_devices = vec![WeightDevice {
        major: 8,
        minor: 0,
        weight: field(10),
        leaf_weight: None,
    }];
    resources.block_io.throttles = vec![
        throttle(ThrottleKind::ReadBps, 1),
        throttle(ThrottleKind::WriteBps, 2),
        throttle(ThrottleKind::ReadIops, 3),
        throttle(ThrottleKind::WriteIops, 0),
    ];
    assert_eq!(
        written(&resources, &v2()),
        [
            "io.bfq.weight=500|io.weight=4950",
            "io.bfq.weight=8:0 10|io.weight=8:0 1",
            "io.max=8:16 rbps=1",
            "io.max=8:16 wbps=2",
            "io.max=8:16 riops=3",
            "io.max=8:16 wiops=max?"
        ]
    );
    assert_eq!(
        written(&resources, &v1()),
        [
            "blkio.bfq.weight=500|blkio.weight=500",
            "blkio.bfq.weight_device=8:0 10|blkio.weight_device=8:0 10",
            "blkio.throttle.read_bps_device=8:16 1",
            "blkio.throttle.write_bps_device=8:16 2",
            "blkio.throttle.read_iops_device=8:16 3",
            "blkio.throttle.write_iops_device=8:16 0?"
        ]
    );
    resources.block_io.leaf_weight = field(10);
    assert!(written(&resources, &v1()).contains(&"blkio.leaf_weight=10".to_owned()));
    assert!(refusals(&resources, &v2())[0].contains("leaves"));
}

#[test]
fn pids_and_the_limit_that_lets_nobody_in() {
    let mut resources = Resources::default();
    for (limit, text) in [(5, "pids.max=5"), (-1, "pids.max=max?"), (0, "pids.max=0")] {
        resources.pids = field(limit);
        for placement in [v1(), v2()] {
            assert_eq!(written(&resources, &placement), [text]);
            let moment = settings(&resources, &placement).unwrap()[0].moment;
            assert_eq!(moment == Moment::AfterBirth, limit == 0);
        }
    }
}

#[test]
fn huge_pages_used_and_reserved() {
    let limit = HugepageLimit {
        page_size: "2MB".into(),
        limit: 4096,
        at: Pointer::new("/f"),
    };
    let resources = Resources {
        hugepages: vec![limit],
        ..Resources::default()
    };
    assert_eq!(
        written(&resources, &v2()),
        ["hugetlb.2MB.max=4096", "hugetlb.2MB.rsvd.max=4096?"]
    );
    assert_eq!(
        written(&resources, &v1()),
        [
            "hugetlb.2MB.limit_in_bytes=4096",
            "hugetlb.2MB.rsvd.limit_in_bytes=4096?"
        ]
    );
}

#[test]
fn network_is_for_v1() {
    let mut resources = Resources::default();
    resources.network.class_id = field(0x10_0001);
    resources.network.priorities = vec![NetworkPriority {
        name: "eth0".into(),
        priority: 5,
        at: Pointer::new("/p"),
    }];
    assert_eq!(
        written(&resources, &v1()),
        ["net_cls.classid=1048577", "net_prio.ifpriomap=eth0 5"]
    );
    assert_eq!(
        refusals(&resources, &v2()),
        [
            "cgroup v2 has no controller `net_cls`",
            "cgroup v2 has no controller `net_prio`"
        ]
    );
}

#[test]
fn rdma() {
    let limit = |handles, objects| RdmaLimit {
        device: "mlx5_1".into(),
        handles,
        objects,
        at: Pointer::new("/f"),
    };
    let resources = Resources {
        rdma: vec![
            limit(Some(3), Some(10_000)),
            limit(None, Some(1)),
            limit(None, None),
        ],
        ..Resources::default()
    };
    let expected = [
        "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
        "rdma.max=mlx5_1 hca_object=1",
    ];
    assert_eq!(written(&resources, &v1()), expected);
    assert_eq!(written(&resources, &v2()), expected);
}

#[test]
fn unified_comes_last_and_line_by_line() {
    let mut resources = Resources {
        unified: vec![Unified {
            file: "io.max".into(),
            value: "8:0 rbps=1\n8:16 rbps=2\n".into(),
            at: Pointer::new("/u"),
        }],
        ..Resources::default()
    };
    resources.pids = field(5);
    assert_eq!(
        written(&resources, &v2()),
        ["pids.max=5", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2"]
    );
    assert_eq!(settings(&resources, &v2()).unwrap()[1].controller, "io");
    assert!(refusals(&resources, &v1())[0].contains("needs cgroup v2"));
}

#[test]
fn without_a_hierarchy_the_controller_is_named() {
    let mut resources = Resources::default();
    resources.memory.limit = field(1);
    resources.pids = field(1);
    resources.cpu.cpus = field("0".to_owned());
    let refused = refusals(&resources, &placement(&["freezer"], false));
    for (why, name) in refused.iter().zip(["memory", "cpuset", "pids"]) {
        assert_eq!(
            why,
            &format!("no hierarchy of the cgroup controller `{name}` is mounted")
        );
    }
    assert!(refusals(&resources, &Placement::default())[0].contains("no cgroup of its own"));
}
