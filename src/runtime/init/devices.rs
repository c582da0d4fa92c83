//! Device nodes and symbolic links, made exclusively on their directory's descriptor.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use super::paths::{self, LastName};
use super::{In, Outcome, Walk};
use crate::plan::{Link, Node};
use crate::protocol::Stage;
use crate::sys::file;

impl Walk<'_> {
    pub(super) fn device(&mut self, node: &Node) -> Outcome {
        let (parent, name) = self.parent(&node.path)?;
        let name = name.as_c_str();
        let made = file::make_node(parent.as_fd(), name, node.mode, node.device);
        let outcome = match made {
            // What is there must be the same device (runtime-spec: else an error).
            Err(Errno::EEXIST) => {
                let found = file::status(parent.as_fd(), name)?;
                let wanted = (node.mode & libc::S_IFMT, node.device);
                if (found.file_type(), found.rdev) == wanted {
                    Ok(())
                } else {
                    Err(Errno::EEXIST).stage(Stage::Different)
                }
            }
            Err(errno) => Err(errno.into()),
            Ok(()) if (node.uid, node.gid) != (0, 0) => {
                file::change_owner(parent.as_fd(), name, node.uid, node.gid).stage(Stage::Owner)
            }
            Ok(()) => Ok(()),
        };
        self.keep(&node.path, parent);
        outcome
    }

    pub(super) fn symlink(&mut self, link: &Link) -> Outcome {
        let (parent, name) = self.parent(&link.path)?;
        let outcome = match file::make_symlink(&link.target, parent.as_fd(), name.as_c_str()) {
            // An image may bring its own link or, for ptmx, the node; never replaced.
            Err(Errno::EEXIST) => {
                match file::status(parent.as_fd(), name.as_c_str())?.file_type() {
                    libc::S_IFLNK | libc::S_IFCHR => Ok(()),
                    _ => Err(Errno::EEXIST).stage(Stage::Different),
                }
            }
            other => Ok(other?),
        };
        self.keep(&link.path, parent);
        outcome
    }

    /// The directory that holds `path`. Nearly all nodes are in /dev, so that one stays open.
    fn parent(&mut self, path: &CStr) -> Outcome<(OwnedFd, LastName)> {
        if let Some(name) = in_dev(path)
            && let Some(dev) = self.dev.take()
        {
            return Ok((dev, LastName::new(name).stage(Stage::Resolve)?));
        }
        paths::ensure_parent(self.root()?, path)
    }

    fn keep(&mut self, path: &CStr, parent: OwnedFd) {
        if in_dev(path).is_some() {
            self.dev = Some(parent);
        }
    }
}

/// The name of a path directly in /dev.
fn in_dev(path: &CStr) -> Option<&[u8]> {
    path.to_bytes()
        .strip_prefix(b"dev/")
        .filter(|name| !name.contains(&b'/'))
}
