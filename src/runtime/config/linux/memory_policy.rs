//! `linux.memoryPolicy` (runtime-spec 1.3).

use crate::config::number_list;
use crate::config::reader::Cursor;
use crate::error::Pointer;

/// `linux.memoryPolicy` (set_mempolicy(2)).
#[derive(Clone, Debug)]
pub struct MemoryPolicy {
    /// `MPOL_*` with its `MPOL_F_*` flags.
    pub mode: u32,
    /// Node mask, 64 nodes a word, lowest first.
    pub nodes: Vec<u64>,
    /// Where it stands.
    pub at: Pointer,
}

/// `MPOL_*` (linux/mempolicy.h).
const MODES: [(&str, u32); 7] = [
    ("MPOL_DEFAULT", DEFAULT),
    ("MPOL_PREFERRED", PREFERRED),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", LOCAL),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];
const DEFAULT: u32 = 0;
const PREFERRED: u32 = 1;
const LOCAL: u32 = 4;

/// `MPOL_F_*` (linux/mempolicy.h).
const FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
    ("MPOL_F_RELATIVE_NODES", RELATIVE_NODES),
    ("MPOL_F_STATIC_NODES", STATIC_NODES),
];
const RELATIVE_NODES: u32 = 1 << 14;
const STATIC_NODES: u32 = 1 << 15;

/// The names of all modes (features.md, `linux.memoryPolicy.modes`).
pub fn memory_policy_modes() -> impl Iterator<Item = &'static str> {
    MODES.iter().map(|(name, _)| *name)
}

/// The names of all flags (features.md, `linux.memoryPolicy.flags`).
pub fn memory_policy_flags() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|(name, _)| *name)
}

pub(in crate::config) fn read(linux: &Cursor) -> Option<MemoryPolicy> {
    let policy = linux.object("memoryPolicy")?;
    let mode = mode(&policy);
    let flags = policy.list("flags", |flag| {
        flag.word("invalid memory policy flag", &FLAGS)
    });
    let flags = flags.into_iter().fold(0, |all, flag| all | flag);
    let nodes = nodes(&policy);
    let (mode, nodes) = (mode?, nodes?);
    check(&policy, mode, flags, &nodes);
    Some(MemoryPolicy {
        mode: mode | flags,
        nodes,
        at: policy.at(),
    })
}

fn mode(policy: &Cursor) -> Option<u32> {
    if let Some(mode) = policy.member("mode") {
        return mode.word("invalid memory policy mode", &MODES);
    }
    policy.refuse_at("mode", "invalid memory policy mode: required, but missing");
    None
}

fn nodes(policy: &Cursor) -> Option<Vec<u64>> {
    let Some(nodes) = policy.member("nodes") else {
        return Some(Vec::new());
    };
    match number_list::mask(nodes.text()?) {
        Ok(mask) => Some(mask),
        Err(part) => {
            nodes.refuse_with_hint(
                format!("invalid memory policy node: `{part}` is no node or range of nodes"),
                "write a list such as `0-3,7`",
            );
            None
        }
    }
}

/// What set_mempolicy(2) answers with EINVAL.
fn check(policy: &Cursor, mode: u32, flags: u32, nodes: &[u64]) {
    let number = number_list::count(nodes);
    match (mode, number) {
        (DEFAULT | LOCAL, 1..) => policy.refuse_at(
            "nodes",
            format!("invalid memory policy: mode requires 0 nodes but got {number}"),
        ),
        (DEFAULT | LOCAL | PREFERRED, _) | (_, 1..) => {}
        _ => policy.refuse_at(
            "nodes",
            "invalid memory policy: mode requires at least 1 node",
        ),
    }
    let both = RELATIVE_NODES | STATIC_NODES;
    if flags & both == both {
        policy.refuse_at(
            "flags",
            "invalid memory policy flag: MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other",
        );
    }
}
