//! A device rule list for the v1 controller: a default and the exceptions from it. Pure.
//!
//! The kernel keeps no order: an access is an exception if one entry covers it. So a rule can
//! take back an earlier one only as a whole; a hole in a wider entry is refused by name, where
//! the kernel would silently ignore it.

mod change;

use std::fmt;

use super::{Access, is_total};
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::error::{Error, Kind, Pointer, Result};

pub use change::Change;

/// What the controller is told.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// What holds for all but the exceptions.
    pub default: DeviceAccess,
    /// The exceptions, in the order of their rules.
    pub exceptions: Vec<Exception>,
}

/// One entry of devices.allow or devices.deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    kind: DeviceKind,
    major: Option<u32>,
    minor: Option<u32>,
    access: Access,
    /// The rule it comes from.
    pub at: Pointer,
}

impl List {
    /// The list that means the same as `rules`.
    ///
    /// # Errors
    /// `Unsupported` for a rule that would need a hole in a wider one.
    pub fn new(rules: &[DeviceRule]) -> Result<Self> {
        let mut list = Self {
            default: DeviceAccess::Deny,
            exceptions: Vec::new(),
        };
        for rule in rules {
            if is_total(rule) {
                list.default = rule.access;
                list.exceptions.clear();
                continue;
            }
            for exception in exceptions(rule) {
                if rule.access == list.default {
                    list.remove(&exception)?;
                } else {
                    list.add(exception);
                }
            }
        }
        Ok(list)
    }

    fn add(&mut self, new: Exception) {
        let mut earlier = self.exceptions.iter_mut();
        match earlier.find(|old| old.covers(&new) && new.covers(old)) {
            Some(old) => old.access = old.access.with(new.access),
            None => self.exceptions.push(new),
        }
    }

    fn remove(&mut self, gone: &Exception) -> Result<()> {
        for old in &mut self.exceptions {
            if !old.meets(gone) || !old.access.has(gone.access) {
                continue;
            }
            if !gone.covers(old) {
                return Err(hole(gone, old));
            }
            old.access = old.access.without(gone.access);
        }
        self.exceptions.retain(|old| !old.access.is_empty());
        Ok(())
    }
}

fn hole(gone: &Exception, wider: &Exception) -> Error {
    let why = format!("cgroup v1 cannot take it out of the wider rule `{wider}`");
    Error::new(Kind::Unsupported, format!("device rule `{gone}`"), why)
        .at(&gone.at)
        .hint("write rules for the devices that remain instead of the wider one")
}

/// The entries of a rule: the controller has none for both kinds that is not for everything.
fn exceptions(rule: &DeviceRule) -> impl Iterator<Item = Exception> {
    let access = Access::of(rule);
    [DeviceKind::Block, DeviceKind::Char]
        .into_iter()
        .filter(move |kind| rule.kind.is_none_or(|own| own == *kind) && !access.is_empty())
        .map(move |kind| Exception {
            kind,
            major: rule.major,
            minor: rule.minor,
            access,
            at: rule.at.clone(),
        })
}

impl Exception {
    /// Whether every device of `other` is one of this entry's.
    fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind
            && (self.major.is_none() || self.major == other.major)
            && (self.minor.is_none() || self.minor == other.minor)
    }

    /// Whether there is a device of both.
    fn meets(&self, other: &Self) -> bool {
        let agree =
            |one: Option<u32>, two: Option<u32>| one.is_none() || two.is_none() || one == two;
        self.kind == other.kind && agree(self.major, other.major) && agree(self.minor, other.minor)
    }
}

/// `c 1:3 rwm`, as the controller reads it.
impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Block => 'b',
            DeviceKind::Char | DeviceKind::Fifo => 'c',
        };
        let number = |part: Option<u32>| part.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(formatter, "{kind} {major}:{minor} {}", self.access)
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning::{Request, is_allowed, random_lists, requests, rules};
    use super::super::with_defaults;
    use super::*;

    /// The kernel's decision (security/device_cgroup.c): with default deny one entry must grant
    /// all of the access, with default allow none may touch any of it.
    pub(super) fn decide(list: &List, request: Request) -> bool {
        let wanted = Exception {
            kind: request.kind,
            major: Some(request.major),
            minor: Some(request.minor),
            access: request.access,
            at: Pointer::root(),
        };
        let mut entries = list.exceptions.iter().filter(|entry| entry.covers(&wanted));
        match list.default {
            DeviceAccess::Deny => {
                entries.any(|entry| wanted.access.without(entry.access).is_empty())
            }
            DeviceAccess::Allow => !entries.any(|entry| entry.access.has(wanted.access)),
        }
    }

    fn lines(texts: &[&str]) -> (DeviceAccess, Vec<String>) {
        let list = List::new(&rules(texts)).unwrap();
        let lines = list.exceptions.iter().map(Exception::to_string);
        (list.default, lines.collect())
    }

    #[test]
    fn the_defaults_are_those_of_runc() {
        let list = List::new(&with_defaults(&[])).unwrap();
        let mut lines: Vec<String> = list.exceptions.iter().map(Exception::to_string).collect();
        lines.sort();
        // Observed: devices.list of a container of runc 1.1.5.
        let expected = [
            "b *:* m",
            "c *:* m",
            "c 10:200 rwm",
            "c 136:* rwm",
            "c 1:3 rwm",
            "c 1:5 rwm",
            "c 1:7 rwm",
            "c 1:8 rwm",
            "c 1:9 rwm",
            "c 5:0 rwm",
            "c 5:2 rwm",
        ];
        assert_eq!(list.default, DeviceAccess::Deny);
        assert_eq!(lines, expected);
    }

    #[test]
    fn rules_are_merged_and_taken_back_as_a_whole() {
        for (texts, default, expected) in [
            (
                &["+c 1:3 r", "+c 1:3 w"][..],
                DeviceAccess::Deny,
                &["c 1:3 rw"][..],
            ),
            (&["+c 1:3 rw", "-c 1:* w"], DeviceAccess::Deny, &["c 1:3 r"]),
            (&["+c 1:3 r", "-a *:* rwm"], DeviceAccess::Deny, &[]),
            (&["-c 1:3 r", "+a *:* rwm"], DeviceAccess::Allow, &[]),
            (
                &["+a *:* rwm", "-a 7:* w"],
                DeviceAccess::Allow,
                &["b 7:* w", "c 7:* w"],
            ),
            (&["+p *:* rwm", "+c 1:1 "], DeviceAccess::Deny, &[]),
        ] {
            let expected = expected.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(lines(texts), (default, expected), "{texts:?}");
        }
    }

    #[test]
    fn a_hole_in_a_wider_rule_is_refused_by_name() {
        let error = List::new(&rules(&["+c 10:* rwm", "-c 10:229 rw"])).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert_eq!(
            error.to_string(),
            "device rule `c 10:229 rw` (config.json: /linux/resources/devices/0): \
             cgroup v1 cannot take it out of the wider rule `c 10:* rwm`"
        );
        // Other accesses, or other devices, make no hole.
        assert!(List::new(&rules(&["+c 10:* r", "-c 10:229 wm"])).is_ok());
        assert!(List::new(&rules(&["+c 10:* r", "-b 10:229 r"])).is_ok());
    }

    #[test]
    fn the_controller_decides_as_the_rules_wherever_it_can() {
        let mut compared = 0;
        for rules in random_lists(3000) {
            let Ok(list) = List::new(&rules) else {
                continue;
            };
            for request in requests(&rules) {
                let (wanted, decided) = (is_allowed(&rules, request), decide(&list, request));
                // Never more than asked; less only where two entries would have to add up.
                let is_single = [1, 2, 4].contains(&request.access.0);
                assert!(wanted || !decided, "{request:?} of {rules:#?}");
                assert!(!is_single || wanted == decided, "{request:?} of {rules:#?}");
            }
            compared += 1;
        }
        assert!(compared > 1000, "{compared}");
    }
}
