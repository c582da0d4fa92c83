//! `process.rlimits`.

use crate::config::reader::Cursor;
use crate::error::Pointer;

/// One entry of `rlimits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// The spec's name, such as `RLIMIT_NOFILE`.
    pub name: &'static str,
    /// The kernel's number of it.
    pub resource: u32,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
    /// Where it stands.
    pub at: Pointer,
}

type Resource = (&'static str, u32);

/// Names of getrlimit(2) with the kernel's numbers (asm-generic/resource.h). Not from `libc`,
/// whose types for them differ between C libraries.
const RESOURCES: [(&str, Resource); 16] = [
    ("RLIMIT_CPU", ("RLIMIT_CPU", 0)),
    ("RLIMIT_FSIZE", ("RLIMIT_FSIZE", 1)),
    ("RLIMIT_DATA", ("RLIMIT_DATA", 2)),
    ("RLIMIT_STACK", ("RLIMIT_STACK", 3)),
    ("RLIMIT_CORE", ("RLIMIT_CORE", 4)),
    ("RLIMIT_RSS", ("RLIMIT_RSS", 5)),
    ("RLIMIT_NPROC", ("RLIMIT_NPROC", 6)),
    ("RLIMIT_NOFILE", ("RLIMIT_NOFILE", 7)),
    ("RLIMIT_MEMLOCK", ("RLIMIT_MEMLOCK", 8)),
    ("RLIMIT_AS", ("RLIMIT_AS", 9)),
    ("RLIMIT_LOCKS", ("RLIMIT_LOCKS", 10)),
    ("RLIMIT_SIGPENDING", ("RLIMIT_SIGPENDING", 11)),
    ("RLIMIT_MSGQUEUE", ("RLIMIT_MSGQUEUE", 12)),
    ("RLIMIT_NICE", ("RLIMIT_NICE", 13)),
    ("RLIMIT_RTPRIO", ("RLIMIT_RTPRIO", 14)),
    ("RLIMIT_RTTIME", ("RLIMIT_RTTIME", 15)),
];

pub(super) fn read(process: &Cursor) -> Vec<Rlimit> {
    let mut limits: Vec<Rlimit> = Vec::new();
    process.list("rlimits", |entry| {
        let limit = rlimit(entry)?;
        if limits.iter().any(|other| other.resource == limit.resource) {
            // The specification wants an error; no other runtime gives one.
            entry.refuse(format!("a second limit for {}", limit.name));
            return None;
        }
        limits.push(limit);
        Some(())
    });
    limits
}

fn rlimit(entry: &Cursor) -> Option<Rlimit> {
    if !entry.is_object() {
        return None;
    }
    let numbers = 0..=i128::from(u64::MAX);
    let kind = entry
        .required("type")
        .and_then(|kind| kind.word("unknown resource limit", &RESOURCES));
    let soft = entry
        .required("soft")
        .and_then(|soft| soft.integer(numbers.clone()));
    let hard = entry
        .required("hard")
        .and_then(|hard| hard.integer(numbers));
    let ((name, resource), soft, hard): (_, u64, u64) = (kind?, soft?, hard?);
    if soft > hard {
        entry.refuse(format!(
            "the soft limit {soft} is above the hard limit {hard}"
        ));
        return None;
    }
    Some(Rlimit {
        name,
        resource,
        soft,
        hard,
        at: entry.at(),
    })
}
