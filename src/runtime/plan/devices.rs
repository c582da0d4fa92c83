//! Device nodes and links: the configuration's, and those every container gets
//! (runtime-spec, config-linux.md#default-devices).

use super::{Link, Node, Op, Step, c_string, relative};
use crate::config::{Config, Device, DeviceKind, MountKind};
use crate::error::Pointer;

/// Name, major, minor of the default devices.
const DEFAULT_DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// Path and target of the default links. `/dev/core` is no part of the spec but of every peer.
const DEFAULT_LINKS: [(&str, &str); 6] = [
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("dev/core", "/proc/kcore"),
    ("dev/ptmx", "pts/ptmx"),
];

/// The steps; none where the host's /dev is bound in, which must not be changed.
pub(super) fn steps(config: &Config) -> Vec<Step> {
    if config
        .mounts
        .iter()
        .any(|mount| mount.destination == "/dev" && matches!(mount.kind, MountKind::Bind { .. }))
    {
        return Vec::new();
    }
    let mut steps: Vec<Step> = config.devices.iter().map(device).collect();
    for (path, major, minor) in DEFAULT_DEVICES {
        if !config.devices.iter().any(|device| device.path == path) {
            let node = Node {
                path: c_string(relative(path)),
                mode: libc::S_IFCHR | 0o666,
                device: libc::makedev(major, minor),
                uid: 0,
                gid: 0,
            };
            steps.push(Step::new(Op::Device(node), Pointer::root()));
        }
    }
    for (path, target) in DEFAULT_LINKS {
        let link = Link {
            path: c_string(path),
            target: c_string(target),
        };
        steps.push(Step::new(Op::Symlink(link), Pointer::root()));
    }
    steps
}

fn device(device: &Device) -> Step {
    let kind = match device.kind {
        DeviceKind::Char => libc::S_IFCHR,
        DeviceKind::Block => libc::S_IFBLK,
        DeviceKind::Fifo => libc::S_IFIFO,
    };
    let number = match device.kind {
        DeviceKind::Fifo => 0,
        _ => libc::makedev(device.major, device.minor),
    };
    let node = Node {
        path: c_string(relative(&device.path)),
        mode: kind | device.mode,
        device: number,
        uid: device.uid,
        gid: device.gid,
    };
    Step::new(Op::Device(node), device.at.clone())
}
