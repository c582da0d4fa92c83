//! Masked and read-only paths: looked up once, covered by descriptor.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{In, Outcome, Walk, paths};
use crate::protocol::Stage;
use crate::sys::file::{self, CURRENT, open_at};
use crate::sys::mount::{self, Depth, attr};

/// What covers a file is the host's null device: read-only, so that root inside, who owns the
/// inode, cannot change its mode, owner or times for the host. Devices can be read and written
/// through a read-only mount.
const COVER: u64 = attr::RDONLY | attr::NOSUID | attr::NOEXEC;

impl Walk<'_> {
    pub(super) fn readonly_path(&self, path: &CStr) -> Outcome {
        let Some(object) = existing(self.root()?, path)? else {
            return Ok(());
        };
        let tree = mount::clone_tree(object.as_fd(), c"", Depth::Tree).stage(Stage::Source)?;
        mount::set_attributes(tree.as_fd(), attr::RDONLY, 0, Depth::Tree)
            .stage(Stage::Attributes)?;
        mount::attach(tree.as_fd(), object.as_fd()).stage(Stage::Attach)
    }

    pub(super) fn mask_path(&mut self, path: &CStr) -> Outcome {
        let Some(object) = existing(self.root()?, path)? else {
            return Ok(());
        };
        if file::status(object.as_fd(), c"")?.is_dir() {
            return self.mask_dir(object.as_fd());
        }
        let null = match self.null.take() {
            Some(null) => null,
            None => host_null()?,
        };
        let cover = mount::clone_tree(null.as_fd(), c"", Depth::Single).stage(Stage::Source)?;
        self.null = Some(null);
        mount::set_attributes(cover.as_fd(), COVER, 0, Depth::Single).stage(Stage::Attributes)?;
        mount::attach(cover.as_fd(), object.as_fd()).stage(Stage::Attach)
    }

    /// One empty read-only tmpfs serves all masked directories: an instance each is slow to
    /// unmount on machines with many CPUs.
    fn mask_dir(&mut self, object: BorrowedFd<'_>) -> Outcome {
        if let Some(empty) = &self.empty_dir {
            let cover =
                mount::clone_tree(empty.as_fd(), c"", Depth::Single).stage(Stage::Source)?;
            return mount::attach(cover.as_fd(), object).stage(Stage::Attach);
        }
        let empty = empty_tmpfs()?;
        mount::attach(empty.as_fd(), object).stage(Stage::Attach)?;
        self.empty_dir = Some(empty);
        Ok(())
    }
}

/// The object at `path`; `None` where there is nothing to cover.
fn existing(root: BorrowedFd<'_>, path: &CStr) -> Outcome<Option<OwnedFd>> {
    match paths::open(root, path, paths::Links::Follow) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        other => other.map(Some).stage(Stage::Resolve),
    }
}

/// The host's null device, proven to be it: the container's may be a link (CVE-2025-31133).
fn host_null() -> Outcome<OwnedFd> {
    let null = open_at(CURRENT, c"/dev/null", libc::O_PATH | libc::O_NOFOLLOW, 0, 0)
        .stage(Stage::Source)?;
    let status = file::status(null.as_fd(), c"").stage(Stage::Source)?;
    if status.file_type() != libc::S_IFCHR || status.rdev != libc::makedev(1, 3) {
        return Err(Errno::ENODEV).stage(Stage::Source);
    }
    Ok(null)
}

fn empty_tmpfs() -> Outcome<OwnedFd> {
    let context = mount::fs_open(c"tmpfs").stage(Stage::FsOpen)?;
    for (key, value) in [
        (c"source", c"tmpfs"),
        (c"nr_blocks", c"1"),
        (c"nr_inodes", c"1"),
    ] {
        match mount::fs_set(context.as_fd(), key, Some(value)) {
            // Ubuntu's 5.4 wants two inodes; then the default will do.
            Err(Errno::EINVAL) if key == c"nr_inodes" => {}
            other => other.stage(Stage::FsOption)?,
        }
    }
    mount::fs_create(context.as_fd()).stage(Stage::FsCreate)?;
    let attributes = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
    mount::fs_mount(context.as_fd(), attributes).stage(Stage::FsCreate)
}
