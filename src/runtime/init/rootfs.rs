//! The root file system: opened once, bound onto itself, entered.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{In, Outcome, Walk};
use crate::plan::{EnterRoot, RootStep, Source, SysctlStep};
use crate::protocol::Stage;
use crate::sys::file::{self, BENEATH, CURRENT, NO_MAGICLINKS, NO_SYMLINKS, NO_XDEV, open_at};
use crate::sys::mount::{self, Depth, attr};

impl Walk<'_> {
    /// A procfs of our own: nobody can have mounted anything over its files (CVE-2025-52881).
    pub(super) fn open_proc(&mut self) -> Outcome {
        let context = mount::fs_open(c"proc").stage(Stage::FsOpen)?;
        mount::fs_create(context.as_fd()).stage(Stage::FsCreate)?;
        self.proc = Some(mount::fs_mount(
            context.as_fd(),
            attr::NOSUID | attr::NODEV | attr::NOEXEC,
        )?);
        Ok(())
    }

    pub(super) fn open_source(&mut self, source: &Source) -> Outcome {
        let depth = if source.recursive {
            Depth::Tree
        } else {
            Depth::Single
        };
        let tree = mount::clone_tree(CURRENT, &source.path, depth)?;
        *self.slots.get_mut(source.slot).ok_or(Errno::EBADF)? = Some(tree);
        Ok(())
    }

    pub(super) fn open_root(&mut self, step: &RootStep) -> Outcome {
        let dir = file::open(&step.path, libc::O_PATH | libc::O_DIRECTORY)?;
        if step.isolate_parent {
            self.host_is_shared = true;
            isolate_parent(dir.as_fd()).stage(Stage::Propagation)?;
        }
        let tree = mount::clone_tree(dir.as_fd(), c"", Depth::Tree).stage(Stage::Source)?;
        mount::attach(tree.as_fd(), dir.as_fd()).stage(Stage::Attach)?;
        self.root = Some(tree);
        Ok(())
    }

    pub(super) fn open_container_root(&mut self, path: &CStr) -> Outcome {
        self.root = Some(file::open(path, libc::O_PATH | libc::O_DIRECTORY)?);
        Ok(())
    }

    pub(super) fn readonly_root(&self) -> Outcome {
        Ok(mount::set_attributes(
            self.root()?,
            attr::RDONLY,
            0,
            Depth::Single,
        )?)
    }

    pub(super) fn enter_root(&mut self, how: EnterRoot) -> Outcome {
        if how == EnterRoot::Chroot {
            file::change_dir(self.root()?)?;
            return Ok(mount::change_root_here()?);
        }
        file::change_dir(self.root()?)?;
        match how {
            EnterRoot::Pivot => {
                let old = file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?;
                mount::pivot_here()?;
                // The old root now covers the new one at `.`; unmounting must not reach the host.
                if self.host_is_shared {
                    mount::set_propagation(old.as_fd(), libc::MS_SLAVE, Depth::Tree)
                        .stage(Stage::Propagation)?;
                }
                mount::detach_here()?;
            }
            _ => {
                mount::move_to_root()?;
                mount::change_root_here()?;
            }
        }
        Ok(file::change_dir(self.root()?)?)
    }

    /// One write(2) below our own procfs, through no link and no foreign mount.
    pub(super) fn sysctl(&self, sysctl: &SysctlStep) -> Outcome {
        let proc = self.proc.as_ref().ok_or(Errno::EBADF)?;
        let resolve = BENEATH | NO_XDEV | NO_MAGICLINKS | NO_SYMLINKS;
        let file = open_at(proc.as_fd(), &sysctl.path, libc::O_WRONLY, 0, resolve)
            .stage(Stage::Resolve)?;
        Ok(file::write_once(file.as_fd(), sysctl.value.to_bytes())?)
    }
}

/// Makes the mount that holds `dir` private, walking up to its root: mount_setattr(2) takes only
/// a mount's root, and mountinfo may miss entries.
fn isolate_parent(dir: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut upper: Option<OwnedFd> = None;
    loop {
        let current = upper.as_ref().map_or(dir, AsFd::as_fd);
        match mount::set_propagation(current, libc::MS_PRIVATE, Depth::Single) {
            Err(Errno::EINVAL) => {
                let above = open_at(current, c"..", libc::O_PATH | libc::O_DIRECTORY, 0, 0)?;
                if file::status(above.as_fd(), c"")? == file::status(current, c"")? {
                    return Err(Errno::EINVAL);
                }
                upper = Some(above);
            }
            other => return other,
        }
    }
}
