//! What an update asks for, completed by the limits in force where fields count together. Pure.

use crate::cgroup::Current;
use crate::config::Field;
use crate::config::resources::types::{Cpu, Memory};
use crate::error::{Error, Kind, Result};

/// Whether the container was created with a limit of memory and swap together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swap {
    /// It was: the sum stays when the limit of memory changes, as in v1.
    Limited,
    /// It was not: no swap at all, if that is in force, came from elsewhere (`unified`) and stays.
    Unset,
}

/// `checkBeforeUpdate`, for v2, where the kernel takes a limit below the usage and kills. v1
/// refuses it by itself.
///
/// # Errors
/// `rejecting memory limit`, `rejecting memory+swap limit`
pub(super) fn check_usage(memory: &Memory, current: &Current) -> Result<()> {
    let Some(usage) = current
        .memory_usage
        .filter(|_| memory.check_before_update && current.memory.is_some())
    else {
        return Ok(());
    };
    let limits = [("memory+swap", &memory.swap), ("memory", &memory.limit)];
    for (name, limit) in limits {
        if let Some(Field { value, at }) = limit
            && (0..usage).contains(value)
        {
            let why = format!("rejecting {name} limit {value}: {usage} bytes are in use");
            return Err(Error::new(Kind::System, "", why).at(at));
        }
    }
    Ok(())
}

/// v2 limits swap alone, the specification the sum of memory and swap.
///
/// # Errors
/// A limit of memory above the sum in force.
pub(super) fn memory(memory: &mut Memory, current: &Current, swap: Swap) -> Result<()> {
    let Some(in_force) = current.memory else {
        return Ok(());
    };
    match (&memory.limit, &memory.swap) {
        (None, Some(both)) if both.value >= 0 => {
            memory.limit = Some(Field {
                value: in_force,
                at: both.at.clone(),
            });
        }
        (Some(limit), None) if limit.value >= 0 => {
            let both = sum(in_force, current.swap, swap);
            if let Some(both) = both.filter(|both| *both < limit.value) {
                return Err(above_sum(limit, both));
            }
            memory.swap = both.map(|value| Field {
                value,
                at: limit.at.clone(),
            });
        }
        _ => {}
    }
    Ok(())
}

/// Memory and swap together, if both are limited.
fn sum(memory: i64, alone: Option<i64>, swap: Swap) -> Option<i64> {
    let alone = alone.filter(|alone| *alone >= 0 && memory >= 0)?;
    if alone == 0 && swap == Swap::Unset {
        return None;
    }
    Some(memory.saturating_add(alone))
}

fn above_sum(limit: &Field<i64>, both: i64) -> Error {
    let why = format!(
        "the memory limit {} is above the memory+swap limit in force, {both}",
        limit.value
    );
    Error::new(Kind::Config, "", why)
        .at(&limit.at)
        .hint("give the limit of memory and swap together as well")
}

/// v2 has quota and period in one file; a quota alone leaves the period, but not the reverse.
pub(super) fn cpu(cpu: &mut Cpu, current: &Current) {
    if let (None, Some(period), Some(quota)) = (&cpu.quota, &cpu.period, current.cpu_quota) {
        cpu.quota = Some(Field {
            value: quota,
            at: period.at.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Pointer;

    fn field<T>(value: T, at: &str) -> Option<Field<T>> {
        let at = Pointer::new(at);
        Some(Field { value, at })
    }

    fn asked(limit: Option<i64>, swap: Option<i64>) -> Memory {
        Memory {
            limit: limit.and_then(|limit| field(limit, "/memory/limit")),
            swap: swap.and_then(|swap| field(swap, "/memory/swap")),
            ..Memory::default()
        }
    }

    fn in_force(memory: i64, swap: i64) -> Current {
        Current {
            memory: Some(memory),
            swap: Some(swap),
            memory_usage: Some(50),
            cpu_quota: Some(5000),
        }
    }

    fn values(memory: &Memory) -> (Option<i64>, Option<i64>) {
        let value = |field: &Option<Field<i64>>| field.as_ref().map(|field| field.value);
        (value(&memory.limit), value(&memory.swap))
    }

    /// Limit and swap as they are asked for, and what they become.
    type Row = ((i64, i64), (i64, i64));
    /// Not given.
    const NO: i64 = i64::MIN;

    fn becomes(current: Current, origin: Swap, rows: &[Row]) {
        let given = |value| Some(value).filter(|value| *value != NO);
        for ((limit, swap), expected) in rows {
            let mut asked = asked(given(*limit), given(*swap));
            memory(&mut asked, &current, origin).unwrap();
            let (limit, swap) = values(&asked);
            let found = (limit.unwrap_or(NO), swap.unwrap_or(NO));
            assert_eq!(found, *expected, "{limit:?} {swap:?} {current:?}");
        }
    }

    #[test]
    fn the_sum_of_memory_and_swap_is_kept() {
        let rows = [((80, NO), (80, 150)), ((150, NO), (150, 150))];
        becomes(in_force(100, 50), Swap::Unset, &rows);
        becomes(in_force(100, 0), Swap::Limited, &[((80, NO), (80, 100))]);
    }

    #[test]
    fn without_a_sum_swap_stays() {
        becomes(in_force(100, 0), Swap::Unset, &[((200, NO), (200, NO))]);
        becomes(in_force(100, -1), Swap::Limited, &[((200, NO), (200, NO))]);
        becomes(in_force(-1, 50), Swap::Limited, &[((200, NO), (200, NO))]);
        becomes(in_force(100, 50), Swap::Limited, &[((-1, NO), (-1, NO))]);
    }

    #[test]
    fn a_sum_alone_counts_with_the_memory_in_force() {
        let rows = [
            ((NO, 300), (100, 300)),
            ((NO, -1), (NO, -1)),
            ((80, 90), (80, 90)),
            ((NO, NO), (NO, NO)),
        ];
        becomes(in_force(100, 50), Swap::Unset, &rows);
    }

    #[test]
    fn v1_counts_by_itself() {
        let rows = [((80, NO), (80, NO)), ((NO, 80), (NO, 80))];
        becomes(Current::default(), Swap::Limited, &rows);
    }

    #[test]
    fn what_is_filled_in_points_to_what_asked_for_it() {
        let mut asked = asked(Some(80), None);
        memory(&mut asked, &in_force(100, 50), Swap::Unset).unwrap();
        assert_eq!(asked.swap.unwrap().at.as_str(), "/memory/limit");
    }

    #[test]
    fn a_limit_above_the_sum_is_refused() {
        let mut asked = asked(Some(151), None);
        let error = memory(&mut asked, &in_force(100, 50), Swap::Unset).unwrap_err();
        assert_eq!(
            error.to_string(),
            "(config.json: /memory/limit): \
             the memory limit 151 is above the memory+swap limit in force, 150"
        );
    }

    #[test]
    fn a_limit_below_the_usage_is_rejected_where_that_is_asked_for() {
        let check = |limit, swap| {
            let memory = Memory {
                check_before_update: true,
                ..asked(limit, swap)
            };
            check_usage(&memory, &in_force(100, 0)).map_err(|error| error.why().to_owned())
        };
        assert_eq!(
            check(Some(49), None).unwrap_err(),
            "rejecting memory limit 49: 50 bytes are in use"
        );
        assert_eq!(
            check(Some(1), Some(2)).unwrap_err(),
            "rejecting memory+swap limit 2: 50 bytes are in use"
        );
        for (limit, swap) in [(Some(50), Some(50)), (Some(-1), Some(-1)), (None, None)] {
            check(limit, swap).unwrap();
        }
        check_usage(&asked(Some(1), None), &in_force(100, 0)).unwrap();
    }

    #[test]
    fn a_period_keeps_the_quota() {
        let value = |quota: Option<i64>, period: Option<u64>, current: &Current| {
            let mut asked = Cpu {
                quota: quota.and_then(|quota| field(quota, "/cpu/quota")),
                period: period.and_then(|period| field(period, "/cpu/period")),
                ..Cpu::default()
            };
            cpu(&mut asked, current);
            asked.quota.map(|quota| quota.value)
        };
        let current = in_force(0, 0);
        assert_eq!(value(None, Some(1000), &current), Some(5000));
        assert_eq!(value(Some(7), Some(1000), &current), Some(7));
        assert_eq!(value(None, None, &current), None);
        assert_eq!(value(None, Some(1000), &Current::default()), None);
    }
}
