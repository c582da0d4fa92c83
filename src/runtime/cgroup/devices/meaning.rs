//! What a rule list means, written down once more and as plainly as possible.

use super::Access;
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::error::Pointer;

/// A request to the kernel.
#[derive(Clone, Copy, Debug)]
pub(in crate::cgroup) struct Request {
    pub(in crate::cgroup) kind: DeviceKind,
    pub(in crate::cgroup) major: u32,
    pub(in crate::cgroup) minor: u32,
    pub(in crate::cgroup) access: Access,
}

/// A rule from `+c 1:3 rwm` (allow) or `-a *:* rwm` (deny).
pub(in crate::cgroup) fn rule(text: &str) -> DeviceRule {
    let (sign, rest) = text.split_at(1);
    let parts: Vec<&str> = rest.split([' ', ':']).collect();
    let has = |letter| parts[3].contains(letter);
    DeviceRule {
        access: match sign {
            "+" => DeviceAccess::Allow,
            _ => DeviceAccess::Deny,
        },
        kind: match parts[0] {
            "a" => None,
            "c" => Some(DeviceKind::Char),
            "b" => Some(DeviceKind::Block),
            _ => Some(DeviceKind::Fifo),
        },
        major: parts[1].parse().ok(),
        minor: parts[2].parse().ok(),
        read: has('r'),
        write: has('w'),
        mknod: has('m'),
        at: Pointer::new("/linux/resources/devices/0"),
    }
}

pub(in crate::cgroup) fn rules(texts: &[&str]) -> Vec<DeviceRule> {
    texts.iter().map(|text| rule(text)).collect()
}

fn is_bit_allowed(rules: &[DeviceRule], request: Request, bit: Access) -> bool {
    let last = rules.iter().rev().find(|rule| {
        rule.kind.is_none_or(|kind| kind == request.kind)
            && rule.major.is_none_or(|major| major == request.major)
            && rule.minor.is_none_or(|minor| minor == request.minor)
            && Access::of(rule).has(bit)
    });
    last.is_some_and(|rule| rule.access == DeviceAccess::Allow)
}

pub(in crate::cgroup) fn is_allowed(rules: &[DeviceRule], request: Request) -> bool {
    [Access::READ, Access::WRITE, Access::MKNOD]
        .into_iter()
        .filter(|&bit| request.access.has(bit))
        .all(|bit| is_bit_allowed(rules, request, bit))
}

/// Every request that the rules can tell apart: each number that is named, one that is not.
pub(in crate::cgroup) fn requests(rules: &[DeviceRule]) -> Vec<Request> {
    let numbers = |part: fn(&DeviceRule) -> Option<u32>| {
        let mut numbers: Vec<u32> = rules.iter().filter_map(part).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.extend((0..).find(|number| !numbers.contains(number)));
        numbers
    };
    let minors = numbers(|rule| rule.minor);
    let mut requests = Vec::new();
    for kind in [DeviceKind::Char, DeviceKind::Block] {
        for &major in &numbers(|rule| rule.major) {
            for &minor in &minors {
                requests.extend((1..=7).map(|bits| Request {
                    kind,
                    major,
                    minor,
                    access: Access(bits),
                }));
            }
        }
    }
    requests
}

/// Rule lists of random content from a fixed seed.
pub(in crate::cgroup) fn random_lists(count: u32) -> impl Iterator<Item = Vec<DeviceRule>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    (0..count).map(move |_| {
        let length = next(9);
        let one = |next: &mut dyn FnMut(u64) -> u64| {
            let number = |value| ["*", "1", "3", "4294967295"][value as usize];
            let text = format!(
                "{}{} {}:{} {}",
                ["+", "-"][next(2) as usize],
                ["a", "c", "b", "p"][next(4) as usize],
                number(next(4)),
                number(next(4)),
                ["rwm", "r", "w", "m", "rw", "wm", ""][next(7) as usize],
            );
            rule(&text)
        };
        (0..length).map(|_| one(&mut next)).collect()
    })
}
