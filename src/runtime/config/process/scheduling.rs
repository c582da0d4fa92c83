//! `process.scheduler` and `process.ioPriority`.

use crate::config::Field;
use crate::config::reader::Cursor;

/// `scheduler` in the fields of `struct sched_attr` (sched_setattr(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// `SCHED_*`
    pub policy: u32,
    /// `SCHED_FLAG_*`
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub runtime: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub deadline: u64,
    /// `SCHED_DEADLINE`, nanoseconds.
    pub period: u64,
}

/// `SCHED_*` (linux/sched.h). `SCHED_ISO` is reserved there and not implemented by any kernel.
const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", OTHER),
    ("SCHED_FIFO", FIFO),
    ("SCHED_RR", RR),
    ("SCHED_BATCH", BATCH),
    ("SCHED_ISO", ISO),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", DEADLINE),
];
const OTHER: u32 = 0;
const FIFO: u32 = 1;
const RR: u32 = 2;
const BATCH: u32 = 3;
const ISO: u32 = 4;
const DEADLINE: u32 = 6;

/// `SCHED_FLAG_*` (linux/sched.h).
const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", CLAMP_MIN),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", CLAMP_MAX),
];
const CLAMP_MIN: u64 = 0x20;
const CLAMP_MAX: u64 = 0x40;

pub(super) fn scheduler(process: &Cursor) -> Option<Field<Scheduler>> {
    let scheduler = process.object("scheduler")?;
    let faults = scheduler.fault_count();
    let policy = scheduler
        .required("policy")
        .and_then(|policy| policy.word("unknown scheduling policy", &POLICIES));
    let flags = scheduler.list("flags", flag);
    let times = 0..=i128::from(u64::MAX);
    let time = |key| scheduler.integer_at(key, times.clone()).unwrap_or_default();
    let attributes = Scheduler {
        flags: flags.into_iter().fold(0, |all, flag| all | flag),
        nice: scheduler.integer_at("nice", -20..=19).unwrap_or_default(),
        priority: scheduler.integer_at("priority", 0..=99).unwrap_or_default(),
        runtime: time("runtime"),
        deadline: time("deadline"),
        period: time("period"),
        policy: policy?,
    };
    if scheduler.fault_count() == faults {
        check_policy(&scheduler, &attributes);
    }
    Some(scheduler.field(attributes))
}

fn flag(flag: &Cursor) -> Option<u64> {
    let bit = flag.word("unknown scheduler flag", &FLAGS)?;
    if matches!(bit, CLAMP_MIN | CLAMP_MAX) {
        flag.refuse("a utilization clamp needs a value, and the specification has no field for it");
        return None;
    }
    Some(bit)
}

/// What sched(7) allows with each policy; the kernel would answer EINVAL, or ignore it.
fn check_policy(scheduler: &Cursor, attributes: &Scheduler) {
    let policy = attributes.policy;
    if policy == ISO {
        scheduler.refuse_at("policy", "no kernel implements SCHED_ISO");
    }
    if attributes.nice != 0 && !matches!(policy, OTHER | BATCH) {
        scheduler.refuse_at("nice", "a nice value needs SCHED_OTHER or SCHED_BATCH");
    }
    match (matches!(policy, FIFO | RR), attributes.priority) {
        (true, 0) => scheduler.refuse_at(
            "priority",
            "SCHED_FIFO and SCHED_RR need a priority from 1 to 99",
        ),
        (false, 1..) => {
            scheduler.refuse_at("priority", "a priority needs SCHED_FIFO or SCHED_RR");
        }
        _ => {}
    }
    if policy == DEADLINE {
        check_deadline(scheduler, attributes);
        return;
    }
    for (key, time) in [
        ("runtime", attributes.runtime),
        ("deadline", attributes.deadline),
        ("period", attributes.period),
    ] {
        if time != 0 {
            scheduler.refuse_at(key, format!("a {key} needs SCHED_DEADLINE"));
        }
    }
}

/// sched(7): at least 1024 ns, runtime ≤ deadline ≤ period; a period of 0 means the deadline.
fn check_deadline(scheduler: &Cursor, attributes: &Scheduler) {
    let Scheduler {
        runtime,
        deadline,
        period,
        ..
    } = *attributes;
    if runtime < 1024 {
        scheduler.refuse_at(
            "runtime",
            "SCHED_DEADLINE needs a runtime of at least 1024 ns",
        );
    }
    if deadline < runtime {
        scheduler.refuse_at("deadline", "the deadline is before the end of the runtime");
    }
    if period != 0 && period < deadline {
        scheduler.refuse_at("period", "the period is shorter than the deadline");
    }
}

/// ioprio_set(2): the class above 13 bits, the level below.
pub(super) fn io_priority(process: &Cursor) -> Option<Field<u16>> {
    let member = process.object("ioPriority")?;
    let classes = [
        ("IOPRIO_CLASS_RT", 1),
        ("IOPRIO_CLASS_BE", 2),
        ("IOPRIO_CLASS_IDLE", 3u16),
    ];
    let class = member
        .required("class")
        .and_then(|class| class.word("unknown I/O scheduling class", &classes));
    let level: u16 = member.integer_at("priority", 0..=7).unwrap_or_default();
    Some(member.field((class? << 13) | level))
}
