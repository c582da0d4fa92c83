//! Which devices a container may use: `linux.resources.devices` with the default rules behind.
//!
//! A rule list means the same on every layout: each of read, write and mknod is decided by the
//! last rule that matches the device and names it; what no rule names is denied. cgroup v1 takes
//! a list of exceptions ([`list`]), v2 a program ([`program`]); both are pure and compared with
//! this meaning in the tests. As runc, nodes of `linux.devices` get no rule of their own: an
//! operator's `allow: false` would be worth nothing.

pub mod list;
#[cfg(test)]
pub(super) mod meaning;
pub mod program;
mod replace;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;

use self::list::List;
use super::create::Cgroup;
use super::files::{at, open_file, write};
use super::placement::{Directory, Driver};
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::error::{Context, Doing, Error, Kind, Pointer, Result};
use crate::sys::{bpf, file};

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
    /// None of them.
    const NONE: Self = Self(0);
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
pub(super) fn is_total(rule: &DeviceRule) -> bool {
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
        attach(opened.fd.as_fd(), rules, Others::of(self.placement.driver))
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
    let default = write(fd, first, "a");
    at(default, "set the default of the device rules", place).map_err(hinted)?;
    if list.exceptions.is_empty() {
        return Ok(());
    }
    let file = open_file(fd, others, libc::O_WRONLY);
    let file = at(file, "open the list of device rules", place)?;
    for exception in &list.exceptions {
        file::write_once(file.as_fd(), exception.to_string().as_bytes())
            .doing(format!("write the device rule `{exception}`"))
            .at(&exception.at)
            .map_err(hinted)?;
    }
    Ok(())
}

/// Why the v1 controller refuses what is well-formed.
fn hinted(error: Error) -> Error {
    match error.errno() {
        Some(Errno::EPERM) => {
            error.hint("a cgroup may not allow more devices than the one above it")
        }
        Some(Errno::EINVAL) => {
            error.hint("the cgroup was there and has others below it: remove those first")
        }
        _ => error,
    }
}

/// What becomes of programs that are not ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// They are of an earlier container in a cgroup that was there.
    Go,
    /// They are systemd's, which attaches its own to the cgroup of every unit with devices.
    Stay,
}

impl Others {
    fn of(driver: Driver) -> Self {
        match driver {
            Driver::Systemd => Self::Stay,
            _ => Self::Go,
        }
    }
}

/// Attaches the new program before it detaches the earlier ones, so that no access slips through
/// in between.
fn attach(directory: BorrowedFd<'_>, rules: &[DeviceRule], others: Others) -> Result<()> {
    let earlier = bpf::attached_device_programs(directory).doing("query the device programs")?;
    let program = bpf::load_device_program(&program::compile(rules))
        .doing("load the device program")
        .hint("bpf(2) needs CAP_SYS_ADMIN and a kernel with CONFIG_CGROUP_BPF")?;
    bpf::attach_device_program(directory, program.as_fd()).doing("attach the device program")?;
    for id in earlier {
        let program = bpf::open_program(id).doing("open the earlier device program")?;
        let is_ours = bpf::is_ours(program.as_fd()).doing("look at a device program")?;
        if is_ours || others == Others::Go {
            bpf::detach_device_program(directory, program.as_fd())
                .doing("detach the earlier device program")?;
        }
    }
    Ok(())
}
