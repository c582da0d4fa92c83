//! Handing the container's v2 cgroup to its user (config-linux.md, "Cgroup ownership").
//!
//! The directory and the files that the kernel says a delegate needs; never a limit, which the
//! container could lift.

use std::os::fd::AsFd;

use nix::errno::Errno;

use super::create::Cgroup;
use super::files::{at, c_string};
use crate::error::Result;
use crate::sys::file::{change_owner, read_small};

/// What a delegate needs, where sysfs does not say.
const FILES: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
/// chown(2): as it is.
const UNCHANGED: u32 = u32::MAX;

impl Cgroup {
    /// Makes the host user `uid` the owner of the v2 cgroup.
    ///
    /// # Errors
    /// As chown(2).
    pub fn delegate(&self, uid: u32) -> Result<()> {
        let mut directories = self.directories.iter();
        let Some(opened) = directories.find(|opened| opened.place.is_v2()) else {
            return Ok(());
        };
        let dir = opened.fd.as_fd();
        let names = read_small(c"/sys/kernel/cgroup/delegate").map_or_else(
            |_| FILES.to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        );
        let own = change_owner(dir, c"", uid, UNCHANGED);
        at(
            own,
            "give the cgroup to the container's user",
            &opened.place,
        )?;
        for name in names.lines() {
            let changed = c_string(name).and_then(|name| change_owner(dir, &name, uid, UNCHANGED));
            match changed {
                // Files of controllers that the cgroup does not have.
                Err(Errno::ENOENT) => {}
                other => at(
                    other,
                    "give the cgroup to the container's user",
                    &opened.place,
                )?,
            }
        }
        Ok(())
    }
}
