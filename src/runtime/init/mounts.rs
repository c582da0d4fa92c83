//! Mounts: made or cloned detached, given their attributes, then attached by descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{Fault, In, Outcome, Walk, copy_up, paths};
use crate::plan::{Attributes, FsOption, Inherit, MountStep, RemountStep, Target, Tree};
use crate::protocol::{DETAIL_LEN, Stage};
use crate::sys::file;
use crate::sys::mount::{self, Depth, attr};

const PROC_SUPER_MAGIC: i64 = 0x9fa0;
/// What a new mount gets only after it has taken over from the directory it covers.
const READ_ONLY_LAST: u64 = attr::RDONLY;
const PERMISSIONS: u32 = 0o7777;

impl Walk<'_> {
    pub(super) fn mount(&mut self, step: &MountStep) -> Outcome {
        let tree = self.tree(step)?;
        let target = self.target(step, tree.as_fd())?;
        if step.inherit != Inherit::Nothing {
            inherit(target.as_fd(), tree.as_fd(), step.inherit).stage(Stage::CopyUp)?;
        }
        if let Tree::New { .. } = step.tree {
            let rest = Attributes {
                set: step.attributes.set & READ_ONLY_LAST,
                clear: 0,
                ..step.attributes
            };
            set_attributes(tree.as_fd(), rest)?;
        }
        mount::attach(tree.as_fd(), target.as_fd()).stage(Stage::Attach)?;
        propagate(tree.as_fd(), &step.propagation)
    }

    /// The detached tree, with its attributes; a new one is read-only only after it is filled.
    fn tree(&mut self, step: &MountStep) -> Outcome<OwnedFd> {
        match &step.tree {
            Tree::Bind { slot, .. } => {
                let slot = self.slots.get_mut(*slot).and_then(Option::take);
                let tree = slot.ok_or(Errno::EBADF).stage(Stage::Source)?;
                set_attributes(tree.as_fd(), step.attributes)?;
                Ok(tree)
            }
            Tree::New {
                fstype,
                source,
                options,
            } => {
                let context = mount::fs_open(fstype).stage(Stage::FsOpen)?;
                // Without a source a file system shows as "none".
                if let Err(errno) = mount::fs_set(context.as_fd(), c"source", Some(source)) {
                    return Err(explained(Stage::Source, errno, context.as_fd()));
                }
                configure(context.as_fd(), options)?;
                if let Err(errno) = mount::fs_create(context.as_fd()) {
                    return Err(explained(Stage::FsCreate, errno, context.as_fd()));
                }
                mount::fs_mount(context.as_fd(), step.attributes.set & !READ_ONLY_LAST)
                    .stage(Stage::FsCreate)
            }
        }
    }

    /// The mount point, made if missing: a directory for a directory, a file for anything else.
    fn target(&self, step: &MountStep, tree: BorrowedFd<'_>) -> Outcome<OwnedFd> {
        let root = self.root()?;
        if step.policy == Target::Proc {
            require_procfs(tree)?;
        }
        if matches!(step.policy, Target::NoSymlinks | Target::Proc) {
            return match paths::open(root, &step.target, paths::Links::Refuse) {
                Ok(target) if file::status(target.as_fd(), c"")?.is_dir() => Ok(target),
                Ok(_) => Err(Errno::ENOTDIR).stage(Stage::ForbiddenTarget),
                Err(Errno::ENOENT) => paths::ensure_dir(root, &step.target),
                Err(errno) => Err(errno).stage(Stage::ForbiddenTarget),
            };
        }
        let target = if file::status(tree, c"")?.is_dir() {
            paths::ensure_dir(root, &step.target)?
        } else {
            paths::ensure_file(root, &step.target)?
        };
        // Decided on the object, not on its name: a link of the image's may lead here.
        if step.policy == Target::Ordinary
            && file::filesystem_magic(target.as_fd())? == PROC_SUPER_MAGIC
        {
            return Err(Errno::EPERM).stage(Stage::ForbiddenTarget);
        }
        Ok(target)
    }

    pub(super) fn remount(&self, step: &RemountStep) -> Outcome {
        let root = self.root()?;
        let target = paths::open(root, &step.target, paths::Links::Follow).stage(Stage::Resolve)?;
        set_attributes(target.as_fd(), step.attributes)?;
        if let Some(options) = &step.options {
            let context = mount::fs_pick(target.as_fd()).stage(Stage::FsOpen)?;
            configure(context.as_fd(), options)?;
            if let Err(errno) = mount::fs_reconfigure(context.as_fd()) {
                return Err(explained(Stage::FsCreate, errno, context.as_fd()));
            }
        }
        propagate(target.as_fd(), &step.propagation)
    }
}

/// A fake /proc would take the runtime's later writes (CVE-2019-16884).
fn require_procfs(tree: BorrowedFd<'_>) -> Outcome {
    const PROC_ROOT_INODE: u64 = 1;
    let is_root = file::status(tree, c"")?.inode == PROC_ROOT_INODE;
    if is_root && file::filesystem_magic(tree)? == PROC_SUPER_MAGIC {
        return Ok(());
    }
    Err(Errno::EPERM).stage(Stage::NotProc)
}

fn configure(context: BorrowedFd<'_>, options: &[FsOption]) -> Outcome {
    for (number, option) in options.iter().enumerate() {
        if let Err(errno) = mount::fs_set(context, &option.key, option.value.as_deref()) {
            return Err(explained(Stage::FsOption, errno, context).item(number as u32));
        }
    }
    Ok(())
}

/// A failure with the kernel's own explanation.
fn explained(stage: Stage, errno: Errno, context: BorrowedFd<'_>) -> Fault {
    let mut fault = Fault::new(stage, errno);
    let mut buffer = [0; 256];
    let message = mount::fs_message(context, &mut buffer);
    let length = message.len().min(DETAIL_LEN);
    if let (Some(place), Some(text)) = (fault.detail.get_mut(..length), message.get(..length)) {
        place.copy_from_slice(text);
    }
    fault
}

fn set_attributes(tree: BorrowedFd<'_>, attributes: Attributes) -> Outcome {
    let Attributes {
        set,
        clear,
        recursive_set,
        recursive_clear,
    } = attributes;
    if set | clear != 0 {
        mount::set_attributes(tree, set, clear, Depth::Single).stage(Stage::Attributes)?;
    }
    if recursive_set | recursive_clear != 0 {
        mount::set_attributes(tree, recursive_set, recursive_clear, Depth::Tree)
            .stage(Stage::Attributes)?;
    }
    Ok(())
}

fn propagate(tree: BorrowedFd<'_>, changes: &[(u64, bool)]) -> Outcome {
    for (kind, recursive) in changes {
        let depth = if *recursive {
            Depth::Tree
        } else {
            Depth::Single
        };
        mount::set_propagation(tree, *kind, depth).stage(Stage::Propagation)?;
    }
    Ok(())
}

fn inherit(from: BorrowedFd<'_>, to: BorrowedFd<'_>, what: Inherit) -> Result<(), Errno> {
    let status = file::status(from, c"")?;
    let dir = file::open_at(
        to,
        c".",
        libc::O_RDONLY | libc::O_DIRECTORY,
        0,
        file::BENEATH,
    )?;
    if what == Inherit::Contents {
        copy_up::copy_dir(from, dir.as_fd())?;
        file::change_owner(dir.as_fd(), c"", status.uid, status.gid)?;
    }
    file::change_mode(dir.as_fd(), status.mode & PERMISSIONS)
}
