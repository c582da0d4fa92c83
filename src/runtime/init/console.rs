//! The container's terminal: made from its own devpts, proven to be one, sent to the parent.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{In, Outcome, Walk, paths};
use crate::plan::ConsoleStep;
use crate::protocol::{Message, Stage, Tag};
use crate::sys::file::{self, CURRENT, NO_MAGICLINKS, NO_SYMLINKS, open_at};
use crate::sys::mount::{self, Depth};
use crate::sys::{channel, tty};

impl Walk<'_> {
    pub(super) fn console(&mut self, step: &ConsoleStep) -> Outcome {
        let anchor = self.root.as_ref().map_or(CURRENT, AsFd::as_fd);
        let path = if self.root.is_some() {
            c"dev/pts/ptmx"
        } else {
            c"/dev/pts/ptmx"
        };
        let master = open_multiplexer(anchor, path).stage(Stage::Ptmx)?;
        tty::unlock(master.as_fd()).stage(Stage::Ptmx)?;
        let terminal = tty::peer(master.as_fd()).stage(Stage::Ptmx)?;
        tty::clear_onlcr(terminal.as_fd()).stage(Stage::Ptmx)?;
        if let Some((rows, columns)) = step.size {
            tty::set_size(master.as_fd(), tty::Size { rows, columns }).stage(Stage::Ptmx)?;
        }
        // The group stays: it may have no mapping, and devpts has set it (gid=5).
        if step.uid != 0 {
            file::change_owner(terminal.as_fd(), c"", step.uid, u32::MAX).stage(Stage::Owner)?;
        }
        if step.bind {
            self.bind_console(terminal.as_fd())?;
        }
        let message = Message::new(Tag::Console).encode();
        channel::send(self.inherited.parent, &message, Some(master.as_fd())).stage(Stage::Send)?;
        tty::set_controlling(terminal.as_fd())?;
        for stream in 0..3 {
            file::replace_stream(terminal.as_fd(), stream)?;
        }
        self.terminal = Some(terminal);
        Ok(())
    }

    /// Binds the terminal to a file of our own making, never to what a link of the image's names
    /// (CVE-2026-88264).
    fn bind_console(&self, terminal: BorrowedFd<'_>) -> Outcome {
        let (dev, name) = paths::ensure_parent(self.root()?, c"dev/console")?;
        match file::make_node(dev.as_fd(), name.as_c_str(), libc::S_IFREG | 0o600, 0) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).stage(Stage::CreateTarget),
        }
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let target = open_at(dev.as_fd(), name.as_c_str(), flags, 0, NO_SYMLINKS)
            .stage(Stage::CreateTarget)?;
        let cover = mount::clone_tree(terminal, c"", Depth::Single).stage(Stage::Source)?;
        mount::attach(cover.as_fd(), target.as_fd()).stage(Stage::Attach)
    }
}

/// Opens ptmx of the container's devpts: the node of that file system, reached through no link.
/// It is looked at before it is opened, for opening another device could have effects.
fn open_multiplexer(anchor: BorrowedFd<'_>, path: &std::ffi::CStr) -> Result<OwnedFd, Errno> {
    let handle = open_at(anchor, path, libc::O_PATH, 0, NO_SYMLINKS | NO_MAGICLINKS)?;
    if !tty::is_multiplexer(handle.as_fd())? {
        return Err(Errno::ENODEV);
    }
    let flags = libc::O_RDWR | libc::O_NOCTTY;
    let master = open_at(anchor, path, flags, 0, NO_SYMLINKS | NO_MAGICLINKS)?;
    let seen = file::status(handle.as_fd(), c"")?;
    let opened = file::status(master.as_fd(), c"")?;
    if (seen.dev, seen.inode) == (opened.dev, opened.inode) {
        Ok(master)
    } else {
        Err(Errno::ENODEV)
    }
}
