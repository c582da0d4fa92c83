//! Running into limits.

use crate::sys;
use serde_json::{Value, json};

/// Takes so many MiB of memory and writes to each page of it.
pub(crate) fn allocate(mib: &str) -> Result<(), String> {
    let mib: usize = mib.parse().map_err(|e| format!("{mib}: {e}"))?;
    let mut memory = vec![0u8; mib << 20];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    // Reading it back keeps the optimiser from leaving it out.
    let pages: usize = memory
        .iter()
        .step_by(4096)
        .map(|byte| usize::from(*byte))
        .sum();
    println!("{}", json!({"pages": pages}));
    Ok(())
}

/// Forks at most `count` children that all live at once; how many there were,
/// and the error of the first that could not be had.
pub(crate) fn fork_until_refused(count: &str) -> Result<Value, String> {
    let count: usize = count.parse().map_err(|e| format!("{count}: {e}"))?;
    let mut children = Vec::new();
    let mut errno = None;
    while children.len() < count && errno.is_none() {
        match sys::fork_sleeper() {
            Ok(pid) => children.push(pid),
            Err(e) => errno = e.raw_os_error(),
        }
    }
    let forked = children.len();
    children.into_iter().for_each(sys::end_child);
    Ok(json!({"forked": forked, "errno": errno}))
}
