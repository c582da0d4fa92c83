//! Which devices a container may use: `linux.resources.devices` with the default rules behind.
//!
//! A rule list means the same on every layout: each of read, write and mknod is decided by the
//! last rule that matches the device and names it; what no rule names is denied. cgroup v1 takes
//! a list of exceptions ([`list`]), v2 a program ([`program`]); both are pure and compared with
//! this meaning in the tests. As runc, nodes of `linux.devices` get no rule of their own: an
//! operator's `allow: false` would be worth nothing.

pub mod list;
pub mod program;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use self::list::List;
use super::create::Cgroup;
use super::files::{at, write};
use super::placement::Directory;
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::error::{Context, Doing, Error, Kind, Pointer, Result};
use crate::sys::bpf;

/// What every container may do, as runc's default: make any node; use null, zero, full, random,
/// urandom, tty, ptmx, its terminals and tun.
const DEFAULTS: [(DeviceKind, Option<u32>, Option<u32>, Access); 11] = [
    (DeviceKind::Char, None, None, Access::MKNOD),
    (DeviceKind::Block, None, None, Access::MKNOD),
    (DeviceKind::Char, Some(1), Some(3), Access::ALL),
    (DeviceKind::Char, Some(1), Some(5), Access::ALL),
    (DeviceKind::Char, Some(1), Some(7), Access::ALL),
    (DeviceKind::Char, Some(1), Some(8), Access::ALL),
    (DeviceKind::Char, Some(1), Some(9), Access::ALL),
    (DeviceKind::Char, Some(5), Some(0), Access::ALL),
    (DeviceKind::Char, Some(5), Some(2), Access::ALL),
    (DeviceKind::Char, Some(10), Some(200), Access::ALL),
    (DeviceKind::Char, Some(136), None, Access::ALL),
];

/// The rules of a configuration with the defaults behind them, where they win.
#[must_use]
pub fn with_defaults(rules: &[DeviceRule]) -> Vec<DeviceRule> {
    let defaults = DEFAULTS.map(|(kind, major, minor, access)| DeviceRule {
        access: DeviceAccess::Allow,
        kind: Some(kind),
        major,
        minor,
        read: access.has(Access::READ),
        write: access.has(Access::WRITE),
        mknod: access.has(Access::MKNOD),
        at: Pointer::root(),
    });
    [rules, &defaults].concat()
}

/// A set of read, write and mknod, with the kernel's bits (`BPF_DEVCG_ACC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access(u8);

impl Access {
    /// mknod(2)
    pub const MKNOD: Self = Self(1);
    /// open(2) for reading
    pub const READ: Self = Self(2);
    /// open(2) for writing
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// What a rule is about.
    #[must_use]
    pub fn of(rule: &DeviceRule) -> Self {
        let bits = [
            (rule.mknod, Self::MKNOD),
            (rule.read, Self::READ),
            (rule.write, Self::WRITE),
        ];
        Self(bits.iter().filter(|bit| bit.0).map(|bit| bit.1.0).sum())
    }

    /// Whether any of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// `rwm`, in the order of runc and the kernel.
impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if self.has(bit) {
                formatter.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// Whether a rule is about all accesses to all devices, so that nothing before it counts.
fn is_total(rule: &DeviceRule) -> bool {
    let is_any = rule.kind.is_none() && rule.major.is_none() && rule.minor.is_none();
    is_any && Access::of(rule) == Access::ALL
}

impl Cgroup {
    /// Makes the kernel enforce `rules`, the defaults included, on every process that enters the
    /// cgroups. The v1 controller does it where it is mounted, else a program in the v2 cgroup.
    ///
    /// # Errors
    /// Rules that the v1 controller cannot express; a machine with neither; what the kernel
    /// refused.
    pub fn enforce_device_rules(&self, rules: &[DeviceRule]) -> Result<()> {
        let mut directories = self.directories.iter();
        if directories.len() == 0 {
            // The driver is disabled: the rules of the cgroup we are in hold.
            return Ok(());
        }
        let v1 = |opened: &&_| controls_devices(opened);
        if let Some(opened) = directories.clone().find(v1) {
            return write_list(&opened.place, opened.fd.as_fd(), &List::new(rules)?);
        }
        let Some(opened) = directories.find(|opened| opened.place.is_v2()) else {
            let why = "neither the v1 devices controller nor cgroup v2 is mounted";
            return Err(Error::new(Kind::System, "enforce the device rules", why)
                .hint("mount -t cgroup -o devices cgroup /sys/fs/cgroup/devices"));
        };
        attach(opened.fd.as_fd(), rules)
            .at(Path::new(&opened.place.host_path()))
            .during("enforce the device rules")
    }
}

fn controls_devices(opened: &super::create::OpenDirectory) -> bool {
    opened.place.controls("devices")
}

fn write_list(place: &Directory, fd: BorrowedFd<'_>, list: &List) -> Result<()> {
    let (first, others) = match list.default {
        DeviceAccess::Deny => (c"devices.deny", c"devices.allow"),
        DeviceAccess::Allow => (c"devices.allow", c"devices.deny"),
    };
    at(
        write(fd, first, "a"),
        "set the default of the device rules",
        place,
    )
    .hint("a cgroup may not allow more devices than the one above it")?;
    for exception in &list.exceptions {
        write(fd, others, &exception.to_string())
            .doing(format!("write the device rule `{exception}`"))
            .at(&exception.at)?;
    }
    Ok(())
}

/// Attaches the new program before it detaches those that an earlier container has left in a
/// cgroup that was there, so that no access slips through in between.
fn attach(directory: BorrowedFd<'_>, rules: &[DeviceRule]) -> Result<()> {
    let earlier = bpf::attached_device_programs(directory).doing("query the device programs")?;
    let program = bpf::load_device_program(&program::compile(rules))
        .doing("load the device program")
        .hint("bpf(2) needs CAP_SYS_ADMIN and a kernel with CONFIG_CGROUP_BPF")?;
    bpf::attach_device_program(directory, program.as_fd()).doing("attach the device program")?;
    for id in earlier {
        bpf::open_program(id)
            .and_then(|program| bpf::detach_device_program(directory, program.as_fd()))
            .doing("detach the earlier device program")?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod meaning {
    //! What a rule list means, written down once more and as plainly as possible.

    use super::Access;
    use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
    use crate::error::Pointer;

    /// A request to the kernel.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Request {
        pub(in super::super) kind: DeviceKind,
        pub(in super::super) major: u32,
        pub(in super::super) minor: u32,
        pub(in super::super) access: Access,
    }

    /// A rule from `+c 1:3 rwm` (allow) or `-a *:* rwm` (deny).
    pub(in super::super) fn rule(text: &str) -> DeviceRule {
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

    pub(in super::super) fn rules(texts: &[&str]) -> Vec<DeviceRule> {
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

    pub(in super::super) fn is_allowed(rules: &[DeviceRule], request: Request) -> bool {
        [Access::READ, Access::WRITE, Access::MKNOD]
            .into_iter()
            .filter(|&bit| request.access.has(bit))
            .all(|bit| is_bit_allowed(rules, request, bit))
    }

    /// Every request that the rules can tell apart: each number that is named, one that is not.
    pub(in super::super) fn requests(rules: &[DeviceRule]) -> Vec<Request> {
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
    pub(in super::super) fn random_lists(count: u32) -> impl Iterator<Item = Vec<DeviceRule>> {
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
}
