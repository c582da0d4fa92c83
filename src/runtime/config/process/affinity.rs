//! `process.execCPUAffinity`.

use crate::config::Field;
use crate::config::number_list;
use crate::config::reader::Cursor;

/// `execCPUAffinity` as CPU masks, 64 CPUs a word, lowest first.
#[derive(Clone, Debug, Default)]
pub struct ExecAffinity {
    /// Before the process moves into the container's cgroup.
    pub initial: Option<Field<Vec<u64>>>,
    /// After it.
    pub last: Option<Field<Vec<u64>>>,
}

pub(super) fn read(process: &Cursor) -> Option<ExecAffinity> {
    let affinity = process.object("execCPUAffinity")?;
    Some(ExecAffinity {
        initial: mask(&affinity, "initial"),
        last: mask(&affinity, "final"),
    })
}

fn mask(affinity: &Cursor, key: &str) -> Option<Field<Vec<u64>>> {
    let list = affinity.text_at(key)?;
    let member = affinity.member(key)?;
    match number_list::mask(list) {
        Ok(mask) => Some(member.field(mask)),
        Err(part) => {
            member.refuse_with_hint(
                format!("`{part}` is no CPU or range of CPUs"),
                "write a list such as `0-3,7`",
            );
            None
        }
    }
}
