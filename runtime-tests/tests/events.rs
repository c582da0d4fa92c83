//! `events`: counters and the OOM killer, in the form of runc's. crun has no such verb.

use runtime_tests::command::{PATIENCE, Running};
use runtime_tests::{
    Bundle, Container, Controller, Exit, Kind, Rendezvous, Runner, Test, Value, Version,
    conformance, json,
};
use std::fs::OpenOptions;
use std::path::Path;

fn prepare(t: &Test) {
    if t.runtime.kind == Kind::Crun {
        t.skip("crun has no `events`");
    }
}

/// With the memory controller, without which nothing of memory is counted.
fn prepare_memory(t: &Test) -> Version {
    prepare(t);
    let memory = Controller::find("memory", "memory");
    let memory = memory.unwrap_or_else(|| t.skip("the machine has no memory controller"));
    memory.version
}

/// 32 MiB, and no swap to escape to.
fn of_32_mib(t: &Test) -> Bundle {
    let memory = json!({"limit": 32 << 20, "swap": 32 << 20});
    t.bundle().set("/linux/resources/memory", memory)
}

#[track_caller]
fn stats(t: &Test, container: &Container<'_>) -> Value {
    let line = t.call(["events", "--stats", &container.id]);
    let event = line.expect_success().json();
    assert_eq!(event["type"], "stats");
    assert_eq!(event["id"], container.id.as_str());
    event["data"].clone()
}

/// A stream of events and where it is read.
struct Stream {
    events: Running,
    lines: Rendezvous,
    text: String,
}

impl Stream {
    fn start(t: &Test, container: &Container<'_>) -> Self {
        let path = t.dir().join("events");
        let lines = Rendezvous::at(&path);
        let open = || {
            OpenOptions::new()
                .write(true)
                .open(&path)
                .expect("open the fifo")
        };
        let events = t
            .runtime(["events", "--interval", "100ms", &container.id])
            .outputs(open(), open())
            .spawn();
        Self {
            events,
            lines,
            text: String::new(),
        }
    }

    /// Reads lines up to the first of this type.
    #[track_caller]
    fn read_to(&mut self, kind: &str) -> Value {
        loop {
            while let Some((line, rest)) = self.text.split_once('\n') {
                let event: Value =
                    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
                self.text = rest.to_owned();
                if event["type"] == kind {
                    return event;
                }
            }
            let more = self.lines.wait_for(PATIENCE);
            self.text += &more.unwrap_or_else(|| panic!("no event `{kind}`"));
        }
    }
}

/// Every member that runc 1.1 writes under cgroup v1 whatever a container does.
const V1_MEMBERS: [&str; 34] = [
    "/cpu/usage/total",
    "/cpu/usage/percpu",
    "/cpu/usage/percpu_kernel",
    "/cpu/usage/percpu_user",
    "/cpu/usage/kernel",
    "/cpu/usage/user",
    "/cpu/throttling",
    "/cpuset/cpus",
    "/cpuset/cpu_exclusive",
    "/cpuset/mems",
    "/cpuset/mem_hardwall",
    "/cpuset/mem_exclusive",
    "/cpuset/memory_migrate",
    "/cpuset/memory_spread_page",
    "/cpuset/memory_spread_slab",
    "/cpuset/memory_pressure",
    "/cpuset/sched_load_balance",
    "/cpuset/sched_relax_domain_level",
    "/memory/usage/limit",
    "/memory/usage/usage",
    "/memory/usage/max",
    "/memory/usage/failcnt",
    "/memory/swap/limit",
    "/memory/swap/failcnt",
    "/memory/kernel/limit",
    "/memory/kernel/failcnt",
    "/memory/kernelTCP/limit",
    "/memory/kernelTCP/failcnt",
    "/memory/raw/total_cache",
    "/pids/current",
    "/blkio",
    "/hugetlb",
    "/intel_rdt",
    "/network_interfaces",
];

#[test]
fn the_members_are_those_of_runc() {
    conformance(|t| {
        let version = prepare_memory(t);
        let data = stats(t, &t.idle());
        let top: Vec<&String> = data.as_object().expect("an object").keys().collect();
        assert_eq!(top.len(), 8, "{top:?}");
        for member in V1_MEMBERS {
            let is_of_v1 = ["percpu", "cpuset", "/mems", "kernel", "total_cache"];
            if version == Version::V1 || !is_of_v1.iter().any(|part| member.contains(part)) {
                assert!(data.pointer(member).is_some(), "{member} in {data}");
            }
        }
    });
}

#[test]
fn limits_and_use_are_told() {
    conformance(|t| {
        let _ = prepare_memory(t);
        let bundle = of_32_mib(t)
            .set("/linux/resources/pids", json!({"limit": 7}))
            .args(["/bin/probe", "sleep"]);
        let data = stats(t, &t.start(&bundle));
        assert_eq!(data["memory"]["usage"]["limit"], 32 << 20, "{data}");
        assert_eq!(data["pids"], json!({"current": 1, "limit": 7}));
        assert!(data["cpu"]["usage"]["total"].as_u64() > Some(0), "{data}");
        assert!(data["memory"]["raw"].is_object(), "{data}");
    });
}

#[test]
fn a_created_and_a_paused_container_are_counted_too() {
    conformance(|t| {
        let _ = prepare_memory(t);
        let container = t.create(&t.bundle().args(["/bin/probe", "sleep"]));
        // Threads are counted, and runc's init has several.
        assert!(stats(t, &container)["pids"]["current"].as_u64() >= Some(1));
        let _ = container.call("start").expect_success();
        let _ = container.call("pause").expect_success();
        assert_eq!(stats(t, &container)["pids"]["current"], 1);
        let _ = container.call("resume").expect_success();
    });
}

#[test]
fn counters_come_at_the_interval_until_the_container_ends() {
    conformance(|t| {
        prepare(t);
        let container = t.idle();
        let mut stream = Stream::start(t, &container);
        for _ in 0..3 {
            assert_eq!(stream.read_to("stats")["id"], container.id.as_str());
        }
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        // runc ends when the cgroup does.
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert_eq!(stream.events.finish().status, Exit::Code(0));
    });
}

#[test]
fn an_event_tells_of_the_oom_killer_and_the_stream_goes_on() {
    conformance(|t| {
        let _ = prepare_memory(t);
        let container = t.start(&of_32_mib(t).args(["/bin/probe", "sleep"]));
        let mut stream = Stream::start(t, &container);
        // From the first counters on it is watched.
        let _ = stream.read_to("stats");
        for _ in 0..2 {
            let exec = container.exec(["/bin/probe", "allocate", "128"]);
            assert_eq!(exec.status, Exit::Code(137), "{}", exec.describe());
            let oom = stream.read_to("oom");
            assert_eq!(oom, json!({"type": "oom", "id": container.id}));
            let _ = stream.read_to("stats");
        }
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        let _ = stream.events.finish();
        assert!(!stream.text.contains("oom"), "{}", stream.text);
    });
}

#[test]
fn the_last_event_is_that_of_the_end() {
    conformance(|t| {
        t.only(Kind::Saya, "others end with the cgroup");
        let _ = prepare_memory(t);
        let container = t.create(&of_32_mib(t).args(["/bin/probe", "allocate", "128"]));
        let mut stream = Stream::start(t, &container);
        let _ = stream.read_to("stats");
        let _ = container.call("start").expect_success();
        let _ = stream.read_to("oom");
        assert_eq!(stream.events.finish().status, Exit::Code(0));
    });
}

#[test]
fn what_does_not_run_has_no_events() {
    conformance(|t| {
        prepare(t);
        let container = t.idle();
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        container.wait();
        let events = t.call(["events", "--stats", &container.id]);
        let _ = events.expect_failure().expect_stderr("is not running");
        let _ = t.call(["events", "missing"]).expect_failure();
    });
}

#[test]
fn an_interval_is_a_length_of_time() {
    conformance(|t| {
        prepare(t);
        let container = t.idle();
        for none in ["0", "-1s", "x", "5"] {
            let events = t.call(["events", "--interval", none, &container.id]);
            let _ = events.expect_failure().expect_stderr("interval");
        }
        let events = t.call(["events", "--interval=1m30s", "--stats", &container.id]);
        let _ = events.expect_success();
    });
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    conformance(|t| {
        t.only(Kind::Saya, "others go on");
        let container = t.idle();
        let runtime = t.runtime.path.display();
        let root = runtime_tests::isolation::STATE_ROOT;
        let id = &container.id;
        let script = format!("{runtime} --root {root} events --interval 50ms {id} | head -n 1");
        let run = Runner::new(Path::new("/bin/sh"))
            .args(["-c", &script])
            .run();
        let run = run.expect_success();
        assert_eq!(
            (run.stdout().lines().count(), run.stderr()),
            (1, String::new())
        );
    });
}
