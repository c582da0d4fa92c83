//! Limits that are not enforced yet, refused by name.
//!
//! Engines send many members with values that limit nothing; those pass. What passes is
//! listed here, and nothing else is.

use super::ZeroPids;
use crate::config::reader::Cursor;

/// The values of a member that limit nothing.
#[derive(Clone, Copy)]
enum Neutral {
    /// An integer of at most 0: unlimited (−1), or unset (0, for engines that cannot leave out).
    NotPositive,
    /// A negative integer: 0 is a limit.
    Negative,
    /// The number that asks for what the kernel does anyway.
    Zero,
    /// 0, or the 1024 that every cgroup has (`ctr` always sends it).
    DefaultShares,
    /// `false`
    False,
    /// Any boolean: it has no meaning without another member.
    Boolean,
    /// An empty string.
    EmptyText,
    /// An empty array.
    EmptyList,
    /// −1, also in the unsigned form that Go makes of it; runc takes it for unset.
    MinusOne,
}

type Member = (&'static str, Neutral);

const MEMORY: [Member; 9] = [
    ("limit", Neutral::NotPositive),
    ("reservation", Neutral::NotPositive),
    ("swap", Neutral::NotPositive),
    ("kernel", Neutral::NotPositive),
    ("kernelTCP", Neutral::NotPositive),
    ("swappiness", Neutral::MinusOne),
    ("disableOOMKiller", Neutral::False),
    // Every kernel that this runtime runs on accounts hierarchically.
    ("useHierarchy", Neutral::Boolean),
    // About later updates of a limit.
    ("checkBeforeUpdate", Neutral::Boolean),
];
/// `cpu.shares` of a new cgroup.
const DEFAULT_SHARES: i128 = 1024;

const CPU: [Member; 9] = [
    ("shares", Neutral::DefaultShares),
    ("quota", Neutral::NotPositive),
    ("burst", Neutral::Zero),
    ("period", Neutral::Zero),
    ("realtimeRuntime", Neutral::NotPositive),
    ("realtimePeriod", Neutral::Zero),
    ("cpus", Neutral::EmptyText),
    ("mems", Neutral::EmptyText),
    ("idle", Neutral::Zero),
];
const BLOCK_IO: [Member; 7] = [
    ("weight", Neutral::Zero),
    ("leafWeight", Neutral::Zero),
    ("weightDevice", Neutral::EmptyList),
    ("throttleReadBpsDevice", Neutral::EmptyList),
    ("throttleWriteBpsDevice", Neutral::EmptyList),
    ("throttleReadIOPSDevice", Neutral::EmptyList),
    ("throttleWriteIOPSDevice", Neutral::EmptyList),
];
const NETWORK: [Member; 2] = [
    ("classID", Neutral::Zero),
    ("priorities", Neutral::EmptyList),
];

const CONTROLLERS: [(&str, &str, &[Member]); 4] = [
    ("memory", "limits of memory are", &MEMORY),
    ("cpu", "limits of the CPU are", &CPU),
    ("blockIO", "limits of block I/O are", &BLOCK_IO),
    ("network", "network classes and priorities are", &NETWORK),
];

pub(super) fn refuse(resources: &Cursor, zero_pids: ZeroPids) {
    for (controller, what, members) in CONTROLLERS {
        refuse_controller(resources, controller, what, members);
    }
    let pids = match zero_pids {
        ZeroPids::Unlimited => Neutral::NotPositive,
        ZeroPids::Limit => Neutral::Negative,
    };
    let what = "a limit of the number of processes is";
    refuse_controller(resources, "pids", what, &[("limit", pids)]);
    resources.list("hugepageLimits", |limit| {
        limit.unsupported("limits of huge pages are");
        Some(())
    });
    for (key, what) in [
        ("rdma", "limits of RDMA are"),
        ("unified", "keys of the unified cgroup are"),
    ] {
        resources.map(key, |_, limit| {
            limit.unsupported(what);
            Some(())
        });
    }
}

fn refuse_controller(resources: &Cursor, controller: &str, what: &str, members: &[Member]) {
    let Some(controller) = resources.object(controller) else {
        return;
    };
    for (key, neutral) in members {
        if let Some(member) = controller.member(key)
            && !neutral.holds(&member)
        {
            member.unsupported(what);
        }
    }
}

impl Neutral {
    /// Whether the value limits nothing; a value of a wrong type is reported, and passes here.
    fn holds(self, member: &Cursor) -> bool {
        let number = || {
            let all = i128::from(i64::MIN)..=i128::from(u64::MAX);
            member.integer::<i128>(all)
        };
        match self {
            Self::NotPositive => number().is_none_or(|number| number <= 0),
            Self::Negative => number().is_none_or(|number| number < 0),
            Self::Zero => number().is_none_or(|number| number == 0),
            Self::DefaultShares => {
                number().is_none_or(|number| [0, DEFAULT_SHARES].contains(&number))
            }
            Self::False => member.boolean().is_none_or(|flag| !flag),
            Self::Boolean => {
                member.boolean();
                true
            }
            Self::EmptyText => member.text().is_none_or(str::is_empty),
            Self::EmptyList => member.is_empty_list(),
            Self::MinusOne => {
                number().is_none_or(|number| number == -1 || number == i128::from(u64::MAX))
            }
        }
    }
}
