//! `linux.resources.cpu`.

use std::ops::RangeInclusive;

use super::numbers::{self, UNSIGNED};
use super::types::Cpu;
use crate::config::Field;
use crate::config::number_list;
use crate::config::reader::Cursor;

/// The kernel's bounds of a period, in µs (`min_cfs_quota_period`, `max_cfs_quota_period`).
const PERIODS: RangeInclusive<i128> = 1_000..=1_000_000;
/// The least quota in µs: `min_cfs_quota_period` again.
const LEAST_QUOTA: i64 = 1_000;
const SET: RangeInclusive<i128> = 1..=*UNSIGNED.end();

pub(super) fn read(resources: &Cursor) -> Cpu {
    let Some(cpu) = resources.object("cpu") else {
        return Cpu::default();
    };
    let read = Cpu {
        shares: numbers::unless_zero(&cpu, "shares", SET),
        quota: quota(&cpu),
        burst: numbers::field(&cpu, "burst", UNSIGNED),
        period: numbers::unless_zero(&cpu, "period", PERIODS),
        realtime_runtime: numbers::unlimited_below_zero(&cpu, "realtimeRuntime"),
        realtime_period: numbers::unless_zero(&cpu, "realtimePeriod", SET),
        cpus: list(&cpu, "cpus", "CPU"),
        mems: list(&cpu, "mems", "node"),
        idle: numbers::field(&cpu, "idle", 0..=1),
    };
    check_burst(&cpu, &read);
    check_realtime(&cpu, &read);
    read
}

fn quota(cpu: &Cursor) -> Option<Field<i64>> {
    let quota = numbers::unlimited_below_zero(cpu, "quota")?;
    if (1..LEAST_QUOTA).contains(&quota.value) {
        let why = format!("{} µs: the kernel's least quota is 1000 µs", quota.value);
        cpu.refuse_at("quota", why);
        return None;
    }
    Some(quota)
}

/// The list as it is written, which the kernel reads by the same rules.
fn list(cpu: &Cursor, key: &str, what: &str) -> Option<Field<String>> {
    let list = cpu.text_at(key)?;
    let member = cpu.member(key)?;
    let why = match number_list::mask(list) {
        Ok(mask) if !mask.is_empty() => return Some(member.field(list.to_owned())),
        Ok(_) => format!("`{list}` names no {what}"),
        Err(part) => format!("`{part}` is no {what} or range of {what}s"),
    };
    member.refuse_with_hint(why, "write a list such as `0-3,7`");
    None
}

/// The specification: no larger than any positive quota.
fn check_burst(cpu: &Cursor, read: &Cpu) {
    let (Some(burst), Some(quota)) = (&read.burst, &read.quota) else {
        return;
    };
    let limited = u64::try_from(quota.value);
    if limited.is_ok_and(|quota| burst.value > quota) {
        cpu.refuse_at(
            "burst",
            format!(
                "the burst {} is above the quota {} in {}",
                burst.value, quota.value, quota.at
            ),
        );
    }
}

/// sched-rt-group.rst: the runtime is a part of the period.
fn check_realtime(cpu: &Cursor, read: &Cpu) {
    let (Some(runtime), Some(period)) = (&read.realtime_runtime, &read.realtime_period) else {
        return;
    };
    if i128::from(runtime.value) > i128::from(period.value) {
        cpu.refuse_at(
            "realtimeRuntime",
            format!(
                "the runtime {} is above the period {} in {}",
                runtime.value, period.value, period.at
            ),
        );
    }
}
