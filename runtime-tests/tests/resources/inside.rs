//! What the processes of a container feel of its limits.

use crate::controller;
use runtime_tests::{Bundle, Exit, Test, Value, Version, conformance, json};

const EAGAIN: i32 = 11;

/// 32 MiB, and no swap to escape to.
pub(crate) fn of_32_mib(t: &Test) -> Bundle {
    let memory = json!({"limit": 32 << 20, "swap": 32 << 20});
    t.bundle().set("/linux/resources/memory", memory)
}

#[test]
fn an_allocation_over_the_limit_is_killed() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let run = t.run(&of_32_mib(t).args(["/bin/probe", "allocate", "128"]));
        assert_eq!(run.status, Exit::Code(137), "{}", run.describe());
    });
}

#[test]
fn an_allocation_below_the_limit_is_not() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let run = t.run(&of_32_mib(t).args(["/bin/probe", "allocate", "8"]));
        let _ = run.expect_success();
    });
}

const SURVIVOR: &str = "/bin/probe allocate 128; echo $?";

#[test]
fn only_the_process_over_the_limit_is_killed() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let run = t.run(&of_32_mib(t).shell(SURVIVOR)).expect_success();
        assert_eq!(run.stdout(), "137\n");
    });
}

#[test]
fn as_a_group_all_processes_are_killed() {
    conformance(|t| {
        let memory = controller(t, "memory", "memory");
        if memory.version == Version::V1 {
            t.skip("v1 kills no group");
        }
        let bundle = of_32_mib(t)
            .set("/linux/resources/unified", json!({"memory.oom.group": "1"}))
            .shell(SURVIVOR);
        let run = t.run(&bundle);
        assert_eq!(run.status, Exit::Code(137), "{}", run.describe());
        assert_eq!(run.stdout(), "");
    });
}

#[test]
fn an_exec_is_bound_by_the_same_memory() {
    conformance(|t| {
        let _ = controller(t, "memory", "memory");
        let container = t.start(&of_32_mib(t).args(["/bin/probe", "sleep"]));
        let exec = container.exec(["/bin/probe", "allocate", "128"]);
        assert_eq!(exec.status, Exit::Code(137), "{}", exec.describe());
        assert_eq!(container.status(), "running");
    });
}

fn of_4_pids(t: &Test) -> Bundle {
    let pids = json!({"limit": 4});
    t.bundle().set("/linux/resources/pids", pids)
}

#[test]
fn a_fork_over_the_limit_fails() {
    conformance(|t| {
        let _ = controller(t, "pids", "pids");
        let run = t.run(&of_4_pids(t).args(["/bin/probe", "forks", "10"]));
        let found = run.expect_success().json();
        // The first process is one of the four.
        assert_eq!(found, json!({"forked": 3, "errno": EAGAIN}));
    });
}

#[test]
fn an_exec_counts_too() {
    conformance(|t| {
        let _ = controller(t, "pids", "pids");
        let container = t.start(&of_4_pids(t).args(["/bin/probe", "sleep"]));
        let exec = container.exec(["/bin/probe", "forks", "10"]);
        assert_eq!(
            exec.expect_success().json(),
            json!({"forked": 2, "errno": EAGAIN})
        );
    });
}

#[test]
fn the_cpus_are_those_of_the_cpuset() {
    conformance(|t| {
        let _ = controller(t, "cpuset", "cpuset");
        let bundle = t.bundle().set("/linux/resources/cpu/cpus", json!("0"));
        let facts = t.facts(bundle);
        assert_eq!(facts["scheduling"]["affinity"], json!([0]));
    });
}

/// The files of the container's cgroup as it sees them itself.
fn seen(t: &Test, resources: Value, paths: &[&str]) -> Vec<String> {
    let bundle = t
        .bundle()
        .mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro"])
        .set("/linux/resources", resources)
        .set("/process/args", json!([&["/bin/cat"], paths].concat()));
    let run = t.run(&bundle).expect_success();
    run.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn the_container_reads_its_limits_in_its_cgroup_mount() {
    conformance(|t| {
        let memory = controller(t, "memory", "memory");
        let resources = json!({"memory": {"limit": 64 << 20}});
        let path = match memory.version {
            Version::V1 => "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            Version::V2 => "/sys/fs/cgroup/memory.max",
        };
        assert_eq!(seen(t, resources, &[path]), ["67108864"]);
    });
}

#[test]
fn the_limits_of_pids_and_cpus_are_read_there_too() {
    conformance(|t| {
        let pids = controller(t, "pids", "pids");
        let resources = json!({"pids": {"limit": 9}, "cpu": {"quota": 50_000}});
        let paths = match pids.version {
            Version::V1 => [
                "/sys/fs/cgroup/pids/pids.max",
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
            ],
            Version::V2 => ["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/cpu.max"],
        };
        let quota = match pids.version {
            Version::V1 => "50000",
            Version::V2 => "50000 100000",
        };
        assert_eq!(seen(t, resources, &paths), ["9", quota]);
    });
}
