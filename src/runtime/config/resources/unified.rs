//! `linux.resources.unified`: files of the v2 cgroup by name.
//!
//! Any file of a controller may be named, known to this runtime or not, as the specification
//! wants. Where a member of another controller's object asks for the same file, `unified` wins:
//! it is the more exact of the two.

use super::types::Unified;
use crate::config::reader::Cursor;

/// Files of the cgroup itself through which its processes or its place in the tree would change.
/// They are the runtime's own tools; what limits a cgroup, as `cgroup.max.depth`, may be named.
const OWN: [&str; 6] = [
    "cgroup.procs",
    "cgroup.threads",
    "cgroup.type",
    "cgroup.subtree_control",
    "cgroup.kill",
    "cgroup.freeze",
];

pub(super) fn read(resources: &Cursor) -> Vec<Unified> {
    resources.map("unified", |file, entry| {
        let fits = check_name(file, entry);
        let value = entry.text()?;
        if value.trim().is_empty() {
            entry.refuse("the value is empty");
            return None;
        }
        fits.then(|| Unified {
            file: file.to_owned(),
            value: value.to_owned(),
            at: entry.at(),
        })
    })
}

/// One component, `controller.rest`; whether it is so.
fn check_name(file: &str, entry: &Cursor) -> bool {
    if OWN.contains(&file) {
        entry.refuse(format!("`{file}` is for the runtime alone"));
        return false;
    }
    let foreign = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    let parts = file.split_once('.');
    let well_formed = parts.is_some_and(|(controller, rest)| {
        !controller.is_empty() && !rest.is_empty() && !rest.starts_with('.')
    });
    if !well_formed || file.contains(foreign) {
        entry.refuse_with_hint(
            format!("`{file}` is no file of a cgroup controller"),
            "write it as CONTROLLER.FILE, such as memory.high",
        );
        return false;
    }
    true
}
