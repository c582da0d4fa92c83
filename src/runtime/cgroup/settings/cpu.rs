//! `cpu`: the controllers cpu and cpuset (cgroup-v2.rst; scheduler/sched-bwc.rst).

use super::convert::{DEFAULT_SHARES, shares_in_range, weight_of_shares};
use super::{Controller, Draft, Home, Need, Write};
use crate::config::resources::types::Cpu;

const CPU: &str = "cpu";
const CPUSET: &str = "cpuset";

/// `cpu.cfs_period_us` of a new cgroup.
const DEFAULT_PERIOD: u64 = 100_000;

pub(super) fn add(draft: &mut Draft<'_>, cpu: &Cpu) {
    match draft.home(CPU) {
        Some(Home::V2) => add_v2(draft, cpu),
        Some(Home::V1) => add_v1(draft, cpu),
        None => refuse_all(draft, cpu),
    }
    let sets = [(&cpu.cpus, "cpuset.cpus"), (&cpu.mems, "cpuset.mems")];
    for (field, file) in sets {
        let Some(field) = field else { continue };
        let controller = match draft.home(CPUSET) {
            Some(Home::V2) => Controller::v2(CPUSET),
            Some(Home::V1) => Controller::v1(CPUSET),
            None => {
                draft.refuse_homeless(CPUSET, Need::Required, &field.at);
                continue;
            }
        };
        draft.set(
            controller,
            Need::Required,
            &field.at,
            Write::new(file, &field.value),
        );
    }
}

fn is_idle(cpu: &Cpu) -> bool {
    cpu.idle.as_ref().is_some_and(|idle| idle.value == 1)
}

fn add_v2(draft: &mut Draft<'_>, cpu: &Cpu) {
    const CONTROLLER: Controller = Controller::v2(CPU);
    if let Some(field) = &cpu.idle {
        let need = Need::unless(field.value == 0);
        draft.set(
            CONTROLLER,
            need,
            &field.at,
            Write::new("cpu.idle", field.value),
        );
    }
    // An idle cgroup has the least weight, and the kernel refuses another.
    if let Some(field) = cpu.shares.as_ref().filter(|_| !is_idle(cpu)) {
        let need = Need::unless(field.value == DEFAULT_SHARES);
        let write = Write::new("cpu.weight", weight_of_shares(field.value));
        draft.set(CONTROLLER, need, &field.at, write);
    }
    add_bandwidth_v2(draft, cpu);
    if let Some(field) = &cpu.burst {
        let need = Need::unless(field.value == 0);
        draft.set(
            CONTROLLER,
            need,
            &field.at,
            Write::new("cpu.max.burst", field.value),
        );
    }
    let realtime = [
        cpu.realtime_runtime.as_ref().map(|field| &field.at),
        cpu.realtime_period.as_ref().map(|field| &field.at),
    ];
    for at in realtime.into_iter().flatten() {
        draft.refuse(
            at,
            "the controller `cpu` of cgroup v2 has no realtime bandwidth",
        );
    }
}

/// One file for two fields.
fn add_bandwidth_v2(draft: &mut Draft<'_>, cpu: &Cpu) {
    let quota = cpu.quota.as_ref();
    let Some(at) = quota
        .map(|quota| &quota.at)
        .or(cpu.period.as_ref().map(|period| &period.at))
    else {
        return;
    };
    let limit = quota.map(|quota| quota.value).filter(|quota| *quota > 0);
    let amount = limit.map_or("max".to_owned(), |quota| quota.to_string());
    let text = match &cpu.period {
        Some(period) => format!("{amount} {}", period.value),
        None => amount,
    };
    let need = Need::unless(limit.is_none());
    draft.set(Controller::v2(CPU), need, at, Write::new("cpu.max", text));
}

fn add_v1(draft: &mut Draft<'_>, cpu: &Cpu) {
    const CONTROLLER: Controller = Controller::v1(CPU);
    let mut add = |file: &'static str, value: Option<(String, bool, &crate::error::Pointer)>| {
        if let Some((text, is_default, at)) = value {
            draft.set(
                CONTROLLER,
                Need::unless(is_default),
                at,
                Write::new(file, text),
            );
        }
    };
    let shares = cpu.shares.as_ref().filter(|_| !is_idle(cpu));
    add(
        "cpu.shares",
        shares.map(|field| {
            let shares = shares_in_range(field.value);
            (shares.to_string(), shares == DEFAULT_SHARES, &field.at)
        }),
    );
    add(
        "cpu.cfs_period_us",
        cpu.period.as_ref().map(|field| {
            (
                field.value.to_string(),
                field.value == DEFAULT_PERIOD,
                &field.at,
            )
        }),
    );
    add(
        "cpu.cfs_quota_us",
        cpu.quota
            .as_ref()
            .map(|field| (field.value.to_string(), field.value < 0, &field.at)),
    );
    add(
        "cpu.cfs_burst_us",
        cpu.burst
            .as_ref()
            .map(|field| (field.value.to_string(), field.value == 0, &field.at)),
    );
    add(
        "cpu.rt_period_us",
        cpu.realtime_period
            .as_ref()
            .map(|field| (field.value.to_string(), false, &field.at)),
    );
    add(
        "cpu.rt_runtime_us",
        cpu.realtime_runtime
            .as_ref()
            .map(|field| (field.value.to_string(), false, &field.at)),
    );
    add(
        "cpu.idle",
        cpu.idle
            .as_ref()
            .map(|field| (field.value.to_string(), field.value == 0, &field.at)),
    );
}

fn refuse_all(draft: &mut Draft<'_>, cpu: &Cpu) {
    let asked = [
        cpu.shares
            .as_ref()
            .map(|field| (field.value == DEFAULT_SHARES, &field.at)),
        cpu.quota.as_ref().map(|field| (field.value < 0, &field.at)),
        cpu.burst
            .as_ref()
            .map(|field| (field.value == 0, &field.at)),
        // A period alone limits nothing.
        cpu.period.as_ref().map(|field| (true, &field.at)),
        cpu.realtime_runtime
            .as_ref()
            .map(|field| (false, &field.at)),
        cpu.realtime_period.as_ref().map(|field| (false, &field.at)),
        cpu.idle.as_ref().map(|field| (field.value == 0, &field.at)),
    ];
    for (is_default, at) in asked.into_iter().flatten() {
        draft.refuse_homeless(CPU, Need::unless(is_default), at);
    }
}
