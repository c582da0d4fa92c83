//! The device rules as systemd's `DeviceAllow=`. Pure.
//!
//! systemd allows devices, by node or by the name of their driver; it cannot deny some of what it
//! allows. Under cgroup v2 our own program decides, and systemd's beside it has to agree: it
//! allows at least what the rules do, so that nothing is taken away when systemd attaches it anew
//! (`daemon-reload`). Under v1 there is one list, which systemd then writes alone: it allows at
//! most what the rules do, as far as it can.

use crate::cgroup::devices::{Access, is_total};
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::systemd::{Property, Value};

/// `DevicePolicy=` and `DeviceAllow=` for `rules`; `is_v1` where the v1 controller has them.
pub(super) fn properties(rules: &[DeviceRule], is_v1: bool, proc_devices: &str) -> Vec<Property> {
    // What stands before a rule about everything does not count.
    let start = rules.iter().rposition(is_total).unwrap_or_default();
    let rules = rules.get(start..).unwrap_or_default();
    let policy = |name: &str| Property::new("DevicePolicy", Value::Str(name.to_owned()));
    if rules
        .first()
        .is_some_and(|rule| is_total(rule) && rule.access == DeviceAccess::Allow)
    {
        // Without a device in the list this means all.
        return vec![policy("auto")];
    }
    let mut allowed = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let later = rules.get(number + 1..).unwrap_or_default();
        let is_cut = is_v1 && later.iter().any(|other| denies_some(other, rule));
        if rule.access == DeviceAccess::Allow && !is_cut {
            allowed.extend(entries(rule, is_v1, proc_devices));
        }
    }
    allowed.sort();
    allowed.dedup();
    vec![
        policy("strict"),
        Property::new("DeviceAllow", Value::pairs(allowed)),
    ]
}

/// Whether a rule denies some of what another one allows.
fn denies_some(rule: &DeviceRule, other: &DeviceRule) -> bool {
    fn meets<T: PartialEq>(one: &Option<T>, two: &Option<T>) -> bool {
        one.is_none() || two.is_none() || one == two
    }
    rule.access == DeviceAccess::Deny
        && Access::of(rule).has(Access::of(other))
        && meets(&rule.kind, &other.kind)
        && meets(&rule.major, &other.major)
        && meets(&rule.minor, &other.minor)
}

/// The devices of a rule and what may be done with them.
fn entries(rule: &DeviceRule, is_v1: bool, proc_devices: &str) -> Vec<(String, String)> {
    let kinds = match rule.kind {
        Some(kind) => vec![kind],
        None => vec![DeviceKind::Char, DeviceKind::Block],
    };
    let access = Access::of(rule).to_string();
    let devices = kinds.into_iter().filter_map(|kind| {
        let name = match kind {
            DeviceKind::Char => "char",
            DeviceKind::Block => "block",
            DeviceKind::Fifo => return None,
        };
        match (rule.major, rule.minor) {
            (Some(major), Some(minor)) => Some(format!("/dev/{name}/{major}:{minor}")),
            (None, None) => Some(format!("{name}-*")),
            (Some(major), None) if let Some(driver) = driver(proc_devices, kind, major) => {
                Some(format!("{name}-{driver}"))
            }
            _ => (!is_v1).then(|| format!("{name}-*")),
        }
    });
    devices.map(|device| (device, access.clone())).collect()
}

/// The name of the driver of a major number: proc_devices(5). systemd takes it as a pattern.
fn driver(proc_devices: &str, kind: DeviceKind, major: u32) -> Option<&str> {
    let heading = match kind {
        DeviceKind::Char => "Character devices:",
        DeviceKind::Block => "Block devices:",
        DeviceKind::Fifo => return None,
    };
    let mut lines = proc_devices.lines().skip_while(|line| *line != heading);
    lines.next();
    let drivers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim().split_once(' '));
    let mut named = drivers.filter(|(number, _)| *number == major.to_string());
    named
        .find(|(_, name)| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            name.bytes().all(plain)
        })
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::devices::with_defaults;
    use crate::error::Pointer;

    const PROC_DEVICES: &str = "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n136 pts\n\n\
                                Block devices:\n  8 sd\n259 blkext\n";

    fn rule(access: DeviceAccess, text: &str) -> DeviceRule {
        let parts: Vec<&str> = text.split([' ', ':']).collect();
        let number = |text: &str| text.parse().ok();
        DeviceRule {
            access,
            kind: match parts[0] {
                "c" => Some(DeviceKind::Char),
                "b" => Some(DeviceKind::Block),
                _ => None,
            },
            major: number(parts[1]),
            minor: number(parts[2]),
            read: parts[3].contains('r'),
            write: parts[3].contains('w'),
            mknod: parts[3].contains('m'),
            at: Pointer::root(),
        }
    }

    fn allow(text: &str) -> DeviceRule {
        rule(DeviceAccess::Allow, text)
    }

    fn deny(text: &str) -> DeviceRule {
        rule(DeviceAccess::Deny, text)
    }

    /// Policy and entries.
    fn of(rules: &[DeviceRule], is_v1: bool) -> (Value, Vec<String>) {
        let mut properties = properties(rules, is_v1, PROC_DEVICES).into_iter();
        let policy = properties.next().unwrap().value;
        let entries = match properties.next().map(|property| property.value) {
            Some(Value::Array(_, pairs)) => pairs
                .into_iter()
                .map(|pair| match pair {
                    Value::Struct(texts) => format!("{:?} {:?}", texts[0], texts[1]),
                    _ => panic!("not a pair"),
                })
                .map(|text| text.replace("Str(\"", "").replace("\")", ""))
                .collect(),
            _ => Vec::new(),
        };
        (policy, entries)
    }

    fn strict(entries: &[&str]) -> (Value, Vec<String>) {
        let entries = entries.iter().map(|&entry| entry.to_owned()).collect();
        (Value::Str("strict".to_owned()), entries)
    }

    #[test]
    fn nodes_drivers_and_kinds_are_named() {
        let rules = [
            deny("a *:* rwm"),
            allow("c 1:3 rwm"),
            allow("b 8:* r"),
            allow("c 136:* rw"),
            allow("c 4:* w"),
            allow("b *:* m"),
            allow("a 7:1 r"),
        ];
        let expected = [
            "/dev/block/7:1 r",
            "/dev/char/1:3 rwm",
            "/dev/char/7:1 r",
            "block-* m",
            "block-sd r",
            "char-pts rw",
            "char-tty w",
        ];
        for is_v1 in [false, true] {
            assert_eq!(of(&rules, is_v1), strict(&expected));
        }
    }

    #[test]
    fn what_has_no_name_is_more_under_v2_and_less_under_v1() {
        let rules = [allow("c 195:* rw"), allow("b *:3 r")];
        assert_eq!(of(&rules, false), strict(&["block-* r", "char-* rw"]));
        assert_eq!(of(&rules, true), strict(&[]));
    }

    #[test]
    fn what_is_denied_again_is_more_under_v2_and_less_under_v1() {
        let rules = [allow("c 1:* rw"), deny("c 1:5 w"), allow("c 1:3 r")];
        assert_eq!(
            of(&rules, false),
            strict(&["/dev/char/1:3 r", "char-mem rw"])
        );
        assert_eq!(of(&rules, true), strict(&["/dev/char/1:3 r"]));
        // Another access, another device, or denied before.
        let rules = [
            deny("c 1:5 r"),
            allow("c 1:* r"),
            deny("c 1:5 m"),
            deny("b 1:5 r"),
        ];
        assert_eq!(of(&rules, true), strict(&["char-mem r"]));
    }

    #[test]
    fn a_privileged_container_is_not_limited() {
        let rules = with_defaults(&[deny("a *:* rwm"), allow("a *:* rwm")]);
        for is_v1 in [false, true] {
            let (policy, entries) = of(&rules, is_v1);
            assert_eq!(policy, Value::Str("auto".to_owned()));
            assert!(entries.is_empty());
        }
    }
}
