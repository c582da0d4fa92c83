//! Many containers with limits: the cgroup tree is as before, whatever became
//! of them. Each proof is for one driver.

use crate::{assert_files, read};
use runtime_tests::chance::{Random, assert_deletes_to_nothing, rounds};
use runtime_tests::oracle::Snapshot;
use runtime_tests::{
    Bundle, Container, Controller, Exit, Output, Runner, Test, Value, Version, cgroup, conformance,
    host_mount, json, test,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Who makes the cgroups.
#[derive(Clone, Copy, PartialEq)]
enum Driver {
    Cgroupfs,
    Systemd,
}

impl Driver {
    /// Skips the test where the driver cannot be used.
    fn check(self, t: &Test) {
        if self == Self::Cgroupfs {
            return t.only_cgroupfs("this is the proof for the other one");
        }
        if read(Path::new("/proc/1/comm")).trim() != "systemd" {
            t.skip("systemd is not PID 1");
        }
        let features = t.call(["features"]);
        if features.status == Exit::Code(0)
            && features.json()["linux"]["cgroup"]["systemd"] == json!(false)
        {
            t.skip("the runtime says that it has no systemd driver");
        }
    }

    fn global_flags(self) -> &'static [&'static str] {
        match self {
            Self::Cgroupfs => &[],
            Self::Systemd => &["--systemd-cgroup"],
        }
    }

    /// A sleeping container with its limits, by this driver.
    fn bundle(self, t: &Test, number: u64) -> Bundle {
        let bundle = t
            .bundle()
            .args(["/bin/probe", "sleep"])
            .set("/linux/resources", limits(number).0);
        match self {
            Self::Cgroupfs => bundle,
            Self::Systemd => {
                let path = format!("system.slice:{}:c{number}", test::token());
                bundle.set("/linux/cgroupsPath", json!(path))
            }
        }
    }

    fn create(self, t: &Test, bundle: &Bundle, id: &str) -> Runner {
        bundle.save();
        t.runtime(self.global_flags())
            .args(["create", "--bundle"])
            .args([bundle.dir()])
            .args([id])
            .patience(Duration::from_secs(60))
    }
}

/// Lines that the files of a controller must hold.
type Expected = (Controller, Vec<String>);

/// Limits that differ from those of every other number, as far as the machine
/// has the controllers, and what its files must then say.
fn limits(number: u64) -> (Value, Vec<Expected>) {
    let memory = (64 + number) << 20;
    let (pids, quota) = (100 + number, 10_000 + number * 100);
    let all = [
        (
            Controller::find("memory", "memory"),
            ("memory", json!({"limit": memory, "reservation": 1 << 25})),
            format!("memory.limit_in_bytes={memory}\nmemory.soft_limit_in_bytes=33554432"),
            format!("memory.max={memory}\nmemory.low=33554432"),
        ),
        (
            Controller::find("pids", "pids"),
            ("pids", json!({"limit": pids})),
            format!("pids.max={pids}"),
            format!("pids.max={pids}"),
        ),
        (
            Controller::find("cpu", "cpu"),
            (
                "cpu",
                json!({"quota": quota, "period": 100_000, "shares": 1 << 18}),
            ),
            format!("cpu.cfs_quota_us={quota}\ncpu.shares=262144"),
            format!("cpu.max={quota} 100000\ncpu.weight=10000"),
        ),
    ];
    // Beside v1, runc has no use for this one of v2.
    let huge = Controller::find("hugetlb", "hugetlb").filter(|_| host_mount::sees_only_cgroup2());
    let bytes = (number + 1) << 21;
    let huge = (
        huge.filter(|_| Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").exists()),
        (
            "hugepageLimits",
            json!([{"pageSize": "2MB", "limit": bytes}]),
        ),
        format!("hugetlb.2MB.limit_in_bytes={bytes}"),
        format!("hugetlb.2MB.max={bytes}"),
    );
    let mut resources = json!({});
    let mut expected = Vec::new();
    for (controller, (name, value), v1, v2) in all.into_iter().chain([huge]) {
        let Some(controller) = controller else {
            continue;
        };
        resources[name] = value;
        let lines = match controller.version {
            Version::V1 => v1,
            Version::V2 => v2,
        };
        expected.push((controller, lines.lines().map(str::to_owned).collect()));
    }
    (resources, expected)
}

/// The cgroups of the tests and those above them, each with the controllers it
/// gives to those below.
fn tree() -> BTreeMap<PathBuf, String> {
    let mut dirs = cgroup::directories(&test::token());
    let above = |dir: &PathBuf| {
        dir.ancestors()
            .skip(1)
            .map(Path::to_owned)
            .collect::<Vec<_>>()
    };
    let above: Vec<PathBuf> = dirs.iter().flat_map(above).collect();
    dirs.extend(above);
    dirs.extend(cgroup::hierarchies());
    let control = |dir: PathBuf| {
        let text = fs::read_to_string(dir.join("cgroup.subtree_control")).ok()?;
        Some((dir, text))
    };
    let v1 = cgroup::directories(&test::token()).into_iter();
    let v1 = v1.map(|dir| (dir, String::new()));
    v1.chain(dirs.into_iter().filter_map(control)).collect()
}

/// The tree is `before`, at the latest when patience ends: systemd takes its
/// time to tidy up.
#[track_caller]
fn assert_same_tree(before: &BTreeMap<PathBuf, String>) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while tree() != *before && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(tree(), *before);
}

#[track_caller]
fn delete(t: &Test, id: &str) {
    let _ = t.call(["delete", "--force", id]).expect_success();
}

fn cycles_leave_the_tree_as_it_was(t: &Test, driver: Driver) {
    driver.check(t);
    let bundle = driver.bundle(t, 1);
    let cycle = || {
        let id = t.new_id();
        let _ = driver.create(t, &bundle, &id).run().expect_success();
        delete(t, &id);
    };
    // The first makes the parents, and enables the controllers on the way.
    cycle();
    let before = tree();
    (0..rounds()).for_each(|_| cycle());
    assert_same_tree(&before);
}

/// How many create and delete at the same time.
const AT_ONCE: usize = 8;

/// `work` for each item, [`AT_ONCE`] of them at a time.
#[track_caller]
fn in_parallel<I>(items: &[I], work: impl Fn(&I) -> Runner) -> Vec<Output> {
    let run = |chunk: &[I]| {
        let running: Vec<_> = chunk.iter().map(|item| work(item).spawn()).collect();
        running
            .into_iter()
            .map(|r| r.finish().expect_success())
            .collect::<Vec<_>>()
    };
    items.chunks(AT_ONCE).flat_map(run).collect()
}

fn a_hundred_at_once(t: &Test, driver: Driver) {
    driver.check(t);
    let bundle = |number| (number, driver.bundle(t, number), t.new_id());
    // Fewer where few rounds are asked for: an emulated machine is slow.
    let count = (rounds() * 2).clamp(2, 100);
    let all: Vec<_> = (0..count).map(bundle).collect();
    let warm_up = t.new_id();
    let _ = driver.create(t, &all[0].1, &warm_up).run().expect_success();
    delete(t, &warm_up);
    let before = tree();
    let created = in_parallel(&all, |(_, bundle, id)| driver.create(t, bundle, id));
    for ((number, _, id), output) in all.iter().zip(created) {
        let container = Container::found(t, id, output);
        for (controller, lines) in limits(*number).1 {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_files(&controller, &container, &lines, &json!(number));
        }
    }
    let _ = in_parallel(&all, |(_, _, id)| {
        t.runtime(["delete", "--force", id])
            .patience(Duration::from_secs(60))
    });
    assert_same_tree(&before);
}

fn killed_while_creating(t: &Test, driver: Driver) {
    driver.check(t);
    let bundle = driver.bundle(t, 1);
    let mut times = Vec::new();
    for _ in 0..3 {
        let id = t.new_id();
        let begin = Instant::now();
        let _ = driver.create(t, &bundle, &id).run().expect_success();
        times.push(begin.elapsed());
        delete(t, &id);
    }
    let whole = times.into_iter().min().unwrap_or_default().mul_f64(1.2);
    let mut random = Random::new();
    let (before, dirs) = (Snapshot::take(), tree());
    for round in 0..rounds().div_ceil(5) {
        let id = t.new_id();
        let moment = random.kill(driver.create(t, &bundle, &id), whole);
        let seed = random.seed;
        let when = format!("seed {seed}, round {round}, killed after {moment:?}");
        assert_deletes_to_nothing(t, &id, &before, &when);
    }
    assert_same_tree(&dirs);
}

#[test]
fn create_and_delete_leave_the_tree_as_it_was() {
    conformance(|t| cycles_leave_the_tree_as_it_was(t, Driver::Cgroupfs));
}

#[test]
fn create_and_delete_leave_the_tree_as_it_was_under_systemd() {
    conformance(|t| cycles_leave_the_tree_as_it_was(t, Driver::Systemd));
}

#[test]
fn a_hundred_containers_have_a_hundred_limits() {
    conformance(|t| a_hundred_at_once(t, Driver::Cgroupfs));
}

#[test]
fn a_hundred_containers_have_a_hundred_limits_under_systemd() {
    conformance(|t| a_hundred_at_once(t, Driver::Systemd));
}

#[test]
fn a_create_with_limits_killed_at_a_random_moment_is_deleted_to_nothing() {
    conformance(|t| killed_while_creating(t, Driver::Cgroupfs));
}

#[test]
fn a_create_with_limits_killed_at_a_random_moment_under_systemd() {
    conformance(|t| killed_while_creating(t, Driver::Systemd));
}
