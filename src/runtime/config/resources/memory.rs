//! `linux.resources.memory`.

use std::ops::RangeInclusive;

use super::numbers::{self, SIGNED, UNSIGNED};
use super::types::Memory;
use crate::config::reader::Cursor;
use crate::config::{Fault, Field};

/// −1 is unlimited, and nothing is below it.
const LIMITS: RangeInclusive<i128> = -1..=i64::MAX as i128;
const SWAPPINESS: RangeInclusive<i128> = 0..=100;

pub(super) fn read(resources: &Cursor) -> Memory {
    let Some(memory) = resources.object("memory") else {
        return Memory::default();
    };
    // Every kernel that this runtime runs on accounts hierarchically.
    memory.flag_at("useHierarchy");
    let limit = |key| numbers::unless_zero(&memory, key, LIMITS);
    let read = Memory {
        limit: limit("limit"),
        reservation: limit("reservation"),
        swap: limit("swap"),
        kernel: limit("kernel"),
        kernel_tcp: limit("kernelTCP"),
        swappiness: swappiness(&memory),
        disable_oom_killer: flag(&memory, "disableOOMKiller"),
        check_before_update: memory.flag_at("checkBeforeUpdate"),
    };
    check_swap(&memory, &read);
    read
}

/// 0 is a value; −1 is unset, also in the unsigned form that Go makes of it (docker, runc).
fn swappiness(memory: &Cursor) -> Option<Field<u64>> {
    let member = memory.member("swappiness")?;
    let number: i128 = member.integer(*SIGNED.start()..=*UNSIGNED.end())?;
    if number == -1 || number == *UNSIGNED.end() {
        return None;
    }
    Some(member.field(member.integer(SWAPPINESS)?))
}

fn flag(memory: &Cursor, key: &str) -> Option<Field<bool>> {
    let member = memory.member(key)?;
    Some(member.field(member.boolean()?))
}

/// `swap` counts memory too.
fn check_swap(memory: &Cursor, read: &Memory) {
    let (Some(limit), Some(swap)) = (&read.limit, &read.swap) else {
        return;
    };
    if swap.value >= 0 && swap.value < limit.value {
        memory.refuse_at(
            "swap",
            format!(
                "the memory+swap limit {} is below the memory limit {} in {}",
                swap.value, limit.value, limit.at
            ),
        );
    }
}

/// What only a configuration must have in itself: an update may rely on what is in force.
pub(super) fn check_alone(resources: &Cursor, memory: &Memory) {
    let Some(swap) = &memory.swap else { return };
    // A fault of the limit itself has been reported.
    let written = resources.object("memory");
    let limit = written.as_ref().and_then(|memory| memory.member("limit"));
    let unset = limit.is_none_or(|limit| limit.is_zero());
    if swap.value > 0 && unset {
        let why = "a memory+swap limit needs a memory limit";
        let fault = Fault::invalid(swap.at.clone(), why);
        resources.report(fault.hint("set `limit` beside it"));
    }
}
