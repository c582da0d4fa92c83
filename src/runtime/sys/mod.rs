//! Every `unsafe` of the runtime: one thin function per kernel operation.
//!
//! Nothing here knows of containers. Functions return [`nix::errno::Errno`]; the caller names
//! the operation. Each states its man page and whether it is async-signal-safe, because the
//! child between clone and exec may call nothing else.
#![allow(unsafe_code)] // The one place for it: every call into the kernel that no safe crate wraps.

pub mod allocator;
pub mod bpf;
pub mod cgroup;
pub mod channel;
pub mod clock;
pub mod clone;
pub mod directory;
pub mod exec;
pub mod file;
pub mod identity;
pub mod known_process;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod pidfd;
pub mod process;
pub mod procstat;
pub mod rtnetlink;
pub mod seccomp;
pub mod tty;
pub mod wait;

use nix::errno::Errno;

/// Result with a bare errno.
pub type Result<T> = std::result::Result<T, Errno>;

/// The result of a system call that returns −1 and sets errno.
fn check(returned: libc::c_long) -> Result<libc::c_long> {
    if returned == -1 {
        Err(Errno::last())
    } else {
        Ok(returned)
    }
}
