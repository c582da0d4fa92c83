//! `process.capabilities`: names become masks. Home of the `caps` crate.
//!
//! A name that nobody knows is a warning: the specification says so, and an engine built
//! for a newer kernel must be able to start its containers.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::config::reader::Cursor;
use crate::config::suggestion;

/// The five capability sets (capabilities(7)) as bit masks, bit n for capability n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Limit for later execve.
    pub bounding: u64,
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept over execve of files with inheritable capabilities.
    pub inheritable: u64,
    /// Kept over execve of ordinary files.
    pub ambient: u64,
}

/// The name of a capability by its number.
#[must_use]
pub fn capability_name(number: u32) -> String {
    let known = caps::all()
        .into_iter()
        .find(|capability| u32::from(capability.index()) == number);
    known.map_or_else(
        || format!("capability {number}"),
        |capability| capability.to_string(),
    )
}

/// Names that could not be used.
#[derive(Default)]
struct Unknown<'d> {
    names: BTreeSet<&'d str>,
}

pub(super) fn read(process: &Cursor) -> Capabilities {
    let Some(sets) = process.object("capabilities") else {
        return Capabilities::default();
    };
    let mut unknown = Unknown::default();
    let mut set = |key| unknown.mask(&sets, key);
    let mut capabilities = Capabilities {
        bounding: set("bounding"),
        effective: set("effective"),
        permitted: set("permitted"),
        inheritable: set("inheritable"),
        ambient: set("ambient"),
    };
    unknown.warn(&sets);
    drop_unraisable(&sets, &mut capabilities);
    refuse_unpermitted(&sets, capabilities);
    capabilities
}

impl<'d> Unknown<'d> {
    fn mask(&mut self, sets: &Cursor<'d, '_>, key: &str) -> u64 {
        let bits = sets.list(key, |name| {
            let name = name.text()?;
            let known = caps::Capability::from_str(name).ok();
            if known.is_none() {
                self.names.insert(name);
            }
            known.map(|capability| capability.bitmask())
        });
        bits.into_iter().fold(0, |mask, bit| mask | bit)
    }

    fn warn(&self, sets: &Cursor) {
        if self.names.is_empty() {
            return;
        }
        let known = members(u64::MAX);
        let meant = self.names.iter().filter_map(|name| {
            suggestion::nearest(name, known.iter().map(|(name, _)| name.as_str()))
        });
        let meant: Vec<&str> = meant.collect();
        let names: Vec<&str> = self.names.iter().copied().collect();
        let names = names.join(" ");
        let mut text = format!("ignoring unknown or unavailable capabilities: [{names}]");
        if !meant.is_empty() {
            text = format!("{text}; did you mean {}?", meant.join(", "));
        }
        sets.warn(&text);
    }
}

/// The kernel refuses an ambient capability that is not both inheritable and permitted
/// (capabilities(7)); runc warns and goes on, and engines count on that.
fn drop_unraisable(sets: &Cursor, capabilities: &mut Capabilities) {
    for (name, bit) in members(capabilities.ambient) {
        let lacking = match (capabilities.permitted & bit, capabilities.inheritable & bit) {
            (0, _) => "permitted",
            (_, 0) => "inheritable",
            _ => continue,
        };
        capabilities.ambient &= !bit;
        sets.warn(&format!(
            "can't raise ambient capability {name}: it is not in the {lacking} set"
        ));
    }
}

/// capset(2) fails with EPERM for an effective capability that is not permitted.
fn refuse_unpermitted(sets: &Cursor, capabilities: Capabilities) {
    let excess = members(capabilities.effective & !capabilities.permitted);
    let names: Vec<String> = excess.into_iter().map(|(name, _)| name).collect();
    if !names.is_empty()
        && let Some(effective) = sets.member("effective")
    {
        effective.refuse_with_hint(
            format!("effective, but not permitted: {}", names.join(", ")),
            "add them to `permitted`, or take them from `effective`",
        );
    }
}

pub(super) fn names() -> Vec<String> {
    let all = members(u64::MAX).into_iter();
    all.map(|(name, _)| name).collect()
}

/// Names and bits of a mask, lowest first.
fn members(mask: u64) -> Vec<(String, u64)> {
    if mask == 0 {
        // The usual case; the crate's set of all capabilities takes microseconds to build.
        return Vec::new();
    }
    let mut members: Vec<_> = caps::all()
        .into_iter()
        .filter(|capability| mask & capability.bitmask() != 0)
        .map(|capability| (capability.to_string(), capability.bitmask()))
        .collect();
    members.sort_by_key(|(_, bit)| *bit);
    members
}
