//! The device rules of an update.
//!
//! Engines repeat the rules that the container was created with in every update of its limits
//! (containerd and CRI-O send the whole of `linux.resources`). Those leave the kernel's rules
//! alone: somebody else may have allowed more since, as NVIDIA's hook does for GPUs, which runc
//! therefore never touches them. Other rules than those in force replace them.

use serde_json::{Value, json};

use crate::cgroup::{Cgroup, unit};
use crate::config::{Config, DeviceRule, Resources, ZeroPids};
use crate::error::{Pointer, Result};
use crate::state::{Entry, LOCK_WAIT};

/// Sets `rules`, which stand in a document as `written`.
pub(super) fn update(
    entry: &Entry,
    config: &Config,
    cgroup: &Cgroup,
    rules: &[DeviceRule],
    written: &Value,
) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let _lock = entry.lock(LOCK_WAIT)?;
    let in_force = in_force(entry, config)?;
    if in_force.as_deref().is_some_and(|old| is_same(old, rules)) {
        return Ok(());
    }
    entry.write_devices(&Value::Null)?;
    cgroup.replace_device_rules(in_force.as_deref(), rules)?;
    if cgroup.placement().unit.is_some() {
        unit::update_devices(cgroup.placement(), rules)?;
        cgroup.replace_device_rules(Some(rules), rules)?;
    }
    entry.write_devices(written)
}

/// The rules that were set last; `None` where that is not known.
fn in_force(entry: &Entry, config: &Config) -> Result<Option<Vec<DeviceRule>>> {
    let Some(written) = entry.devices()? else {
        return Ok(Some(config.resources.devices.clone()));
    };
    let document = json!({"devices": written});
    let read = Resources::from_update(&document, ZeroPids::Limit).ok();
    let rules = read.map(|read| read.devices);
    Ok(rules.filter(|rules| !rules.is_empty()))
}

/// Whether the rules are the same, wherever they stand.
fn is_same(one: &[DeviceRule], other: &[DeviceRule]) -> bool {
    let plain = |rule: &DeviceRule| DeviceRule {
        at: Pointer::root(),
        ..rule.clone()
    };
    one.iter().map(plain).eq(other.iter().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(document: Value) -> Vec<DeviceRule> {
        let document = json!({"devices": document});
        let read = Resources::from_update(&document, ZeroPids::Limit);
        read.unwrap().devices
    }

    #[test]
    fn rules_are_the_same_by_what_they_say() {
        let all = json!({"allow": false, "access": "rwm"});
        let one = rules(json!([all, {"allow": true, "type": "c", "major": 1}]));
        let other =
            rules(json!([{"allow": false}, {"allow": true, "type": "c", "major": 1, "minor": -1}]));
        assert!(is_same(&one, &other));
        assert!(!is_same(&one, &rules(json!([all]))));
        assert!(!is_same(&rules(json!([])), &one));
    }
}
