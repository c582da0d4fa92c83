//! Published attacks on container runtimes, each as a test that looks from
//! outside. "Refused" is a pass where nothing outside has changed.

mod fds;
mod hooks;
mod identity;
mod paths;
mod proc;

use runtime_tests::{Bundle, Test, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A bundle with nothing mounted but `/proc`, so that the rootfs' own `/dev` is
/// the one in use.
pub(crate) fn without_dev(t: &Test) -> Bundle {
    let proc = json!([{"destination": "/proc", "type": "proc", "source": "proc"}]);
    t.bundle().set("/mounts", proc)
}

/// Replaces a path of the rootfs by a symlink.
pub(crate) fn redirect(bundle: &Bundle, name: &str, target: &Path) {
    let path = bundle.rootfs().join(name);
    let _ = fs::remove_dir(&path);
    symlink(target, path).unwrap();
}
