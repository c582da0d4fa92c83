//! Reading what `probe facts` printed.

use crate::Value;
use std::collections::BTreeSet;

/// The topmost mount at `point`, if there is one: mountinfo lists mounts in the
/// order in which they were made, which need not be that of their stacking.
#[must_use]
pub fn find_mount<'v>(facts: &'v Value, point: &str) -> Option<&'v Value> {
    let mounts = facts["mounts"].as_array()?;
    let here = || mounts.iter().filter(|mount| mount["point"] == point);
    here().find(|mount| !here().any(|other| other["parent"] == mount["id"]))
}

/// The topmost mount at `point`.
///
/// # Panics
/// When nothing is mounted there; the message lists what is.
#[must_use]
#[track_caller]
pub fn mount_at<'v>(facts: &'v Value, point: &str) -> &'v Value {
    find_mount(facts, point)
        .unwrap_or_else(|| panic!("no mount at {point} in {:#}", facts["mounts"]))
}

/// Options of the topmost mount at `point`: of the mount and, with `super:` in
/// front, of its file system.
///
/// # Panics
/// When nothing is mounted there.
#[must_use]
#[track_caller]
pub fn options_at(facts: &Value, point: &str) -> BTreeSet<String> {
    let mount = mount_at(facts, point);
    let own = words(&mount["options"]).into_iter();
    let filesystem = words(&mount["super_options"]);
    own.chain(filesystem.iter().map(|word| format!("super:{word}")))
        .collect()
}

/// The words of an array of strings.
#[must_use]
pub fn words(array: &Value) -> Vec<String> {
    let items = array.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |item: &Value| item.as_str().map(str::to_owned);
    items.iter().filter_map(text).collect()
}
