//! CPU time, throttling, and the CPUs a container may use.

use serde::Serialize;

use super::parse::{list, named, number, numbers};
use super::pressure::{self, Pressure};
use super::{Source, Sources, is_zero};

/// Nanoseconds of a clock tick (USER_HZ is 100 on every architecture) and of a microsecond.
const TICK: u64 = 10_000_000;
const MICROSECOND: u64 = 1_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Cpu {
    usage: Usage,
    throttling: Throttling,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// Nanoseconds. Only v1 counts by CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Usage {
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_kernel: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_user: Vec<u64>,
    kernel: u64,
    user: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    #[serde(skip_serializing_if = "is_zero")]
    periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_periods: u64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    throttled_time: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct CpuSet {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cpus: Vec<u16>,
    cpu_exclusive: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mems: Vec<u16>,
    mem_hardwall: u64,
    mem_exclusive: u64,
    memory_migrate: u64,
    memory_spread_page: u64,
    memory_spread_slab: u64,
    memory_pressure: u64,
    sched_load_balance: u64,
    sched_relax_domain_level: i64,
}

pub(super) fn read(sources: &Sources) -> Cpu {
    let stat = |source: &Option<Source<'_>>| {
        let text = source.as_ref().and_then(|source| source.text("cpu.stat"));
        text.unwrap_or_default()
    };
    let cpu = sources.of("cpu");
    let usage = match sources.of("cpuacct") {
        Some(source @ Source::V1(_)) => usage_v1(&|name| source.text(name).unwrap_or_default()),
        v2 => usage_v2(&stat(&v2)),
    };
    Cpu {
        usage,
        throttling: throttling(&stat(&cpu)),
        psi: pressure::read(sources, "cpu.pressure"),
    }
}

fn usage_v1(text: &dyn Fn(&str) -> String) -> Usage {
    let ticks = named(&text("cpuacct.stat"));
    let ticks = |name: &str| ticks.get(name).copied().unwrap_or(0).saturating_mul(TICK);
    let (percpu_user, percpu_kernel) = by_cpu(&text("cpuacct.usage_all"));
    Usage {
        total: number(&text("cpuacct.usage")),
        percpu: numbers(&text("cpuacct.usage_percpu")),
        percpu_kernel,
        percpu_user,
        kernel: ticks("system"),
        user: ticks("user"),
    }
}

/// User and kernel time by CPU: a head, then `CPU USER SYSTEM` in each line.
fn by_cpu(text: &str) -> (Vec<u64>, Vec<u64>) {
    let rows = text.lines().skip(1).map(numbers);
    rows.filter_map(|row| match row.as_slice() {
        [_, user, system] => Some((*user, *system)),
        _ => None,
    })
    .unzip()
}

fn usage_v2(stat: &str) -> Usage {
    let stat = named(stat);
    let nanoseconds = |name: &str| {
        let microseconds = stat.get(name).copied().unwrap_or(0);
        microseconds.saturating_mul(MICROSECOND)
    };
    Usage {
        total: nanoseconds("usage_usec"),
        kernel: nanoseconds("system_usec"),
        user: nanoseconds("user_usec"),
        ..Usage::default()
    }
}

/// v1 counts the time in nanoseconds (`throttled_time`), v2 in microseconds (`throttled_usec`).
fn throttling(stat: &str) -> Throttling {
    let stat = named(stat);
    let value = |name: &str| stat.get(name).copied().unwrap_or(0);
    Throttling {
        periods: value("nr_periods"),
        throttled_periods: value("nr_throttled"),
        throttled_time: value("throttled_time")
            .max(value("throttled_usec").saturating_mul(MICROSECOND)),
    }
}

pub(super) fn read_set(sources: &Sources) -> CpuSet {
    match sources.of("cpuset") {
        Some(source @ Source::V1(_)) => set_v1(&|name| source.text(name).unwrap_or_default()),
        Some(source @ Source::V2(_)) => CpuSet {
            cpus: list(&source.text("cpuset.cpus.effective").unwrap_or_default()),
            mems: list(&source.text("cpuset.mems.effective").unwrap_or_default()),
            ..CpuSet::default()
        },
        None => CpuSet::default(),
    }
}

fn set_v1(text: &dyn Fn(&str) -> String) -> CpuSet {
    let flag = |name: &str| number(&text(&format!("cpuset.{name}")));
    CpuSet {
        cpus: list(&text("cpuset.cpus")),
        cpu_exclusive: flag("cpu_exclusive"),
        mems: list(&text("cpuset.mems")),
        mem_hardwall: flag("mem_hardwall"),
        mem_exclusive: flag("mem_exclusive"),
        memory_migrate: flag("memory_migrate"),
        memory_spread_page: flag("memory_spread_page"),
        memory_spread_slab: flag("memory_spread_slab"),
        memory_pressure: flag("memory_pressure"),
        sched_load_balance: flag("sched_load_balance"),
        sched_relax_domain_level: text("cpuset.sched_relax_domain_level")
            .trim()
            .parse()
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_counts_in_total_by_cpu_and_by_mode() {
        let usage = usage_v1(&|name| {
            let text = match name {
                "cpuacct.stat" => "user 3\nsystem 12\n",
                "cpuacct.usage" => "10227591\n",
                "cpuacct.usage_percpu" => "10227591 0 \n",
                "cpuacct.usage_all" => "cpu user system\n0 4000000 6000000\n1 0 1\n",
                _ => "",
            };
            text.to_owned()
        });
        let expected = Usage {
            total: 10_227_591,
            percpu: vec![10_227_591, 0],
            percpu_kernel: vec![6_000_000, 1],
            percpu_user: vec![4_000_000, 0],
            kernel: 120_000_000,
            user: 30_000_000,
        };
        assert_eq!(usage, expected);
        let garbage = usage_v1(&|_| "cpu user system\n\u{0}\n0 1\n x y z".to_owned());
        assert_eq!(garbage, Usage::default());
    }

    #[test]
    fn v2_counts_microseconds() {
        let stat = "usage_usec 22\nuser_usec 7\nsystem_usec 15\nnr_periods 5\nnr_throttled 2\n\
                    throttled_usec 30\nnr_bursts 0\n";
        let usage = usage_v2(stat);
        assert_eq!(
            (usage.total, usage.user, usage.kernel),
            (22_000, 7_000, 15_000)
        );
        let expected = Throttling {
            periods: 5,
            throttled_periods: 2,
            throttled_time: 30_000,
        };
        assert_eq!(throttling(stat), expected);
        let v1 = throttling("nr_periods 1\nnr_throttled 1\nthrottled_time 9\n");
        assert_eq!(v1.throttled_time, 9);
        assert_eq!(usage_v2("usage_usec x\n\n"), Usage::default());
        assert_eq!(throttling("garbage"), Throttling::default());
    }

    #[test]
    fn the_cpuset_of_v1() {
        let set = set_v1(&|name| {
            let text = match name {
                "cpuset.cpus" => "0-1\n",
                "cpuset.mems" => "0\n",
                "cpuset.sched_load_balance" => "1\n",
                "cpuset.sched_relax_domain_level" => "-1\n",
                _ => "0\n",
            };
            text.to_owned()
        });
        let expected = CpuSet {
            cpus: vec![0, 1],
            mems: vec![0],
            sched_load_balance: 1,
            sched_relax_domain_level: -1,
            ..CpuSet::default()
        };
        assert_eq!(set, expected);
        assert_eq!(set_v1(&|_| "x".to_owned()), CpuSet::default());
    }
}
