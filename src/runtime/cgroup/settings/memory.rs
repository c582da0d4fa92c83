//! `memory` (cgroup-v2.rst and cgroup-v1/memory.rst of the kernel's admin guide).

use super::convert::swap_alone;
use super::{Controller, Draft, Home, Need, Write, or_max};
use crate::config::Field;
use crate::config::resources::types::Memory;

const NAME: &str = "memory";

pub(super) fn add(draft: &mut Draft<'_>, memory: &Memory) {
    if let Some(kernel) = &memory.kernel
        && kernel.value >= 0
    {
        let why = "the kernel has no limit of kernel memory any more (Linux 5.16)";
        draft.refuse(&kernel.at, why);
    }
    match draft.home(NAME) {
        Some(Home::V2) => add_v2(draft, memory),
        Some(Home::V1) => add_v1(draft, memory),
        None => refuse_all(draft, memory),
    }
}

fn add_v2(draft: &mut Draft<'_>, memory: &Memory) {
    const CONTROLLER: Controller = Controller::v2(NAME);
    let mut limit = |file: &'static str, field: &Field<i64>, need| {
        let write = Write::new(file, or_max(field.value));
        draft.set(CONTROLLER, need, &field.at, write);
    };
    if let Some(field) = &memory.limit {
        limit("memory.max", field, Need::unless(field.value < 0));
    }
    if let Some(field) = &memory.reservation {
        limit("memory.low", field, Need::unless(field.value < 0));
    }
    add_swap_v2(draft, memory);
    let v1_only = [
        (
            memory.swappiness.as_ref().map(|field| &field.at),
            "memory.swappiness",
        ),
        (
            memory
                .disable_oom_killer
                .as_ref()
                .filter(|field| field.value)
                .map(|field| &field.at),
            "memory.oom_control",
        ),
        (
            memory
                .kernel_tcp
                .as_ref()
                .filter(|field| field.value >= 0)
                .map(|field| &field.at),
            "memory.kmem.tcp.limit_in_bytes",
        ),
    ];
    for (at, file) in v1_only {
        if let Some(at) = at {
            draft.refuse(
                at,
                format!("the controller `memory` of cgroup v2 has no `{file}`"),
            );
        }
    }
}

/// Swap has a limit of its own. An unlimited memory has no bounded sum.
fn add_swap_v2(draft: &mut Draft<'_>, memory: &Memory) {
    const CONTROLLER: Controller = Controller::v2(NAME);
    const FILE: &str = "memory.swap.max";
    let limit = memory.limit.as_ref();
    let Some(swap) = &memory.swap else {
        // As runc: what lifts the limit of memory lifts that of swap.
        if let Some(limit) = limit.filter(|limit| limit.value < 0) {
            draft.set(
                CONTROLLER,
                Need::IfThere,
                &limit.at,
                Write::new(FILE, "max"),
            );
        }
        return;
    };
    match swap_alone(swap.value, limit.map(|limit| limit.value)) {
        // Without accounting of swap there is no file: then nobody can be limited, and a limit
        // of none is only missing where there is swap.
        Some(alone) => {
            let need = Need::unless(alone <= 0);
            draft.set(CONTROLLER, need, &swap.at, Write::new(FILE, or_max(alone)));
        }
        None => draft.refuse(
            &swap.at,
            "memory and swap together are less than the limit of memory, or it has none",
        ),
    }
}

fn add_v1(draft: &mut Draft<'_>, memory: &Memory) {
    const CONTROLLER: Controller = Controller::v1(NAME);
    let both = memory.swap.as_ref();
    let limit = memory.limit.as_ref();
    let mut add = |file: &'static str, field: Option<&Field<i64>>, spare: bool| {
        if let Some(field) = field {
            let need = Need::unless(field.value < 0 || spare);
            draft.set(CONTROLLER, need, &field.at, Write::new(file, field.value));
        }
    };
    let both_file = "memory.memsw.limit_in_bytes";
    // What lifts the limit of memory lifts that of both, and first.
    if let Some(limit) = limit.filter(|limit| limit.value < 0 && both.is_none()) {
        add(both_file, Some(limit), false);
    }
    add("memory.limit_in_bytes", limit, false);
    // Equal limits leave no swap: without accounting of swap there is no file.
    let is_equal = both.map(|field| field.value) == limit.map(|field| field.value);
    add(both_file, both, is_equal);
    add(
        "memory.soft_limit_in_bytes",
        memory.reservation.as_ref(),
        false,
    );
    add(
        "memory.kmem.tcp.limit_in_bytes",
        memory.kernel_tcp.as_ref(),
        false,
    );
    if let Some(field) = &memory.swappiness {
        let write = Write::new("memory.swappiness", field.value);
        draft.set(CONTROLLER, Need::Required, &field.at, write);
    }
    if let Some(field) = &memory.disable_oom_killer {
        let write = Write::new("memory.oom_control", u8::from(field.value));
        draft.set(CONTROLLER, Need::unless(!field.value), &field.at, write);
    }
}

fn refuse_all(draft: &mut Draft<'_>, memory: &Memory) {
    let limits = [
        &memory.limit,
        &memory.reservation,
        &memory.swap,
        &memory.kernel_tcp,
    ];
    for field in limits.into_iter().flatten() {
        draft.refuse_homeless(NAME, Need::unless(field.value < 0), &field.at);
    }
    if let Some(field) = &memory.swappiness {
        draft.refuse_homeless(NAME, Need::Required, &field.at);
    }
    if let Some(field) = &memory.disable_oom_killer {
        draft.refuse_homeless(NAME, Need::unless(!field.value), &field.at);
    }
}
