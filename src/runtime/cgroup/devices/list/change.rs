//! From one list of the v1 controller to another, while processes use it. Pure.
//!
//! What is denied comes first, what is allowed after it: an access that both lists deny is never
//! allowed in between. One that both allow may be denied for a moment where another entry grants
//! it; entries of both lists are not touched.

use super::{Exception, List};
use crate::cgroup::devices::Access;
use crate::config::{DeviceAccess, DeviceKind};
use crate::error::Pointer;

/// Entries to be written, in this order.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// For devices.deny.
    pub deny: Vec<Exception>,
    /// For devices.allow.
    pub allow: Vec<Exception>,
}

impl List {
    /// The list that devices.list shows. `None` where everything is allowed by default: the
    /// kernel does not show the exceptions then.
    #[must_use]
    pub fn shown(text: &str) -> Option<Self> {
        let exceptions: Option<Vec<_>> = text.lines().map(Exception::shown).collect();
        Some(Self {
            default: DeviceAccess::Deny,
            exceptions: exceptions?,
        })
    }

    /// What makes this list the list `to`; `None` where the defaults differ.
    #[must_use]
    pub fn change(&self, to: &Self) -> Option<Change> {
        if self.default != to.default {
            return None;
        }
        let gone = missing(&self.exceptions, &to.exceptions);
        let new = missing(&to.exceptions, &self.exceptions);
        Some(match to.default {
            DeviceAccess::Deny => Change {
                deny: gone,
                allow: new,
            },
            DeviceAccess::Allow => Change {
                deny: new,
                allow: gone,
            },
        })
    }
}

/// What of `entries` is not in `others`.
fn missing(entries: &[Exception], others: &[Exception]) -> Vec<Exception> {
    let rest = entries.iter().map(|entry| {
        let same = others
            .iter()
            .find(|other| other.covers(entry) && entry.covers(other));
        let covered = same.map_or(Access::NONE, |other| other.access);
        Exception {
            access: entry.access.without(covered),
            ..entry.clone()
        }
    });
    rest.filter(|entry| !entry.access.is_empty()).collect()
}

impl Exception {
    /// A line of devices.list, such as `c 1:3 rwm`.
    fn shown(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = match words.next()? {
            "c" => DeviceKind::Char,
            "b" => DeviceKind::Block,
            _ => return None,
        };
        let (major, minor) = words.next()?.split_once(':')?;
        let letters = words.next()?;
        let bits = [
            ('r', Access::READ),
            ('w', Access::WRITE),
            ('m', Access::MKNOD),
        ];
        let access = bits
            .iter()
            .filter(|(letter, _)| letters.contains(*letter))
            .fold(Access::NONE, |all, (_, bit)| all.with(*bit));
        Some(Self {
            kind,
            major: number(major)?,
            minor: number(minor)?,
            access,
            at: Pointer::root(),
        })
    }
}

/// `*` is every number.
fn number(text: &str) -> Option<Option<u32>> {
    match text {
        "*" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::decide;
    use super::*;
    use crate::cgroup::devices::meaning::{random_lists, requests};
    use crate::config::DeviceRule;

    /// What the kernel does with one line (security/device_cgroup.c): an entry of the same
    /// numbers gains or loses the letters.
    fn write(list: &mut List, file: DeviceAccess, line: &Exception) {
        let entries = &mut list.exceptions;
        let same = entries
            .iter_mut()
            .find(|old| old.covers(line) && line.covers(old));
        match (file == list.default, same) {
            (true, Some(old)) => old.access = old.access.without(line.access),
            (false, Some(old)) => old.access = old.access.with(line.access),
            (false, None) => entries.push(line.clone()),
            (true, None) => {}
        }
        entries.retain(|entry| !entry.access.is_empty());
    }

    fn copy(list: &List) -> List {
        List {
            default: list.default,
            exceptions: list.exceptions.clone(),
        }
    }

    fn assert_safe(rules: [&[DeviceRule]; 2]) -> bool {
        let [Ok(from), Ok(to)] = rules.map(List::new) else {
            return false;
        };
        let Some(change) = from.change(&to) else {
            assert_ne!(from.default, to.default);
            return false;
        };
        let mut now = copy(&from);
        let steps = change.deny.iter().map(|line| (DeviceAccess::Deny, line));
        let grants = change.allow.iter().map(|line| (DeviceAccess::Allow, line));
        let requests: Vec<_> = rules.iter().flat_map(|rules| requests(rules)).collect();
        for (file, line) in steps.chain(grants) {
            write(&mut now, file, line);
            for request in &requests {
                let allowed = decide(&from, *request) || decide(&to, *request);
                assert!(allowed || !decide(&now, *request), "{request:?}");
            }
        }
        for request in &requests {
            assert_eq!(decide(&now, *request), decide(&to, *request), "{request:?}");
        }
        true
    }

    #[test]
    fn a_change_leads_to_the_new_list_and_never_allows_what_both_deny() {
        let lists: Vec<_> = random_lists(400).collect();
        let pairs = lists.iter().zip(lists.iter().skip(1));
        let changed = pairs.filter(|(from, to)| assert_safe([from, to])).count();
        assert!(changed > 50, "only {changed} pairs");
    }

    #[test]
    fn the_kernels_list_is_read_back() {
        let rules = crate::cgroup::devices::with_defaults(&[]);
        let list = List::new(&rules).unwrap();
        let lines = list.exceptions.iter().map(|line| format!("{line}\n"));
        let shown = List::shown(&lines.collect::<String>()).unwrap();
        let change = list.change(&shown).unwrap();
        assert!(change.deny.is_empty() && change.allow.is_empty());
        assert_eq!(List::shown("a *:* rwm\n"), None);
        assert_eq!(List::shown("").unwrap().exceptions, []);
    }
}
