//! Look-ups below the root: by descriptor, inside the root, through no magic link.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{In, Outcome};
use crate::protocol::Stage;
use crate::sys::file::{self, BENEATH, IN_ROOT, NO_MAGICLINKS, NO_SYMLINKS, open_at};

const PATH_MAX: usize = 4096;
/// As many links as the kernel follows in one path (path_resolution(7)).
const MAX_LINKS: u32 = 40;
/// Mode of directories made on the way to a mount point or device.
const DIR_MODE: u32 = 0o755;
/// Mode of files made as mount points.
const FILE_MODE: u32 = 0o644;

/// What a look-up may find.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Symbolic links are followed inside the root.
    Follow,
    /// Any symbolic link is an error.
    Refuse,
}

/// Opens what `path` names below `root`, as an O_PATH handle.
pub(super) fn open(root: BorrowedFd<'_>, path: &CStr, links: Links) -> Result<OwnedFd, Errno> {
    let resolve = match links {
        Links::Follow => IN_ROOT | NO_MAGICLINKS,
        Links::Refuse => IN_ROOT | NO_MAGICLINKS | NO_SYMLINKS,
    };
    open_at(root, path, libc::O_PATH, 0, resolve)
}

/// One path component as a C string on the stack.
struct Name([u8; 256]);

impl Name {
    fn new(bytes: &[u8]) -> Result<Self, Errno> {
        let mut name = Self([0; 256]);
        let room = name
            .0
            .get_mut(..bytes.len())
            .filter(|room| room.len() < 256);
        room.ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(bytes);
        Ok(name)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Opens the directory `path` below `root`; makes what is missing of it. Existing symbolic links
/// are followed inside the root, also dangling ones (an image's `/var/run` may lead to a `/run`
/// that it does not bring); what we make is entered without following any, so that a racing swap
/// is an error.
pub(super) fn ensure_dir(root: BorrowedFd<'_>, path: &CStr) -> Outcome<OwnedFd> {
    ensure_dir_through(root, path, 0)
}

fn ensure_dir_through(root: BorrowedFd<'_>, path: &CStr, links: u32) -> Outcome<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    match open_at(root, path, flags, 0, IN_ROOT | NO_MAGICLINKS) {
        Err(Errno::ENOENT) if links > MAX_LINKS => Err(Errno::ELOOP).stage(Stage::Resolve),
        Err(Errno::ENOENT) => make_dirs(root, path, links),
        other => other.stage(Stage::Resolve),
    }
}

fn make_dirs(root: BorrowedFd<'_>, path: &CStr, links: u32) -> Outcome<OwnedFd> {
    let bytes = path.to_bytes();
    let mut dir: Option<OwnedFd> = None;
    let mut made = false;
    let mut end = 0;
    for component in bytes.split(|byte| *byte == b'/') {
        let start = end;
        end = start + component.len() + 1;
        if component.is_empty() {
            continue;
        }
        let parent = dir.as_ref().map_or(root, AsFd::as_fd);
        let name = Name::new(component).stage(Stage::CreateTarget)?;
        if !made {
            match open_prefix(root, bytes.get(..start + component.len()).unwrap_or(bytes)) {
                Err(Errno::ENOENT) => made = true,
                other => {
                    dir = Some(other.stage(Stage::Resolve)?);
                    continue;
                }
            }
            let mut target = [0; PATH_MAX];
            if let Ok(target) = file::read_link(parent, name.as_c_str(), &mut target) {
                let before = bytes.get(..start).unwrap_or_default();
                let after = bytes.get(end..).unwrap_or_default();
                return through_link(root, [before, target, after], links);
            }
        }
        dir = Some(make_one(parent, name.as_c_str()).stage(Stage::CreateTarget)?);
    }
    dir.ok_or(Errno::ENOENT).stage(Stage::Resolve)
}

/// Goes on where a dangling link leads: `before` is the path to it, `after` what follows it.
fn through_link(root: BorrowedFd<'_>, parts: [&[u8]; 3], links: u32) -> Outcome<OwnedFd> {
    let mut buffer = [0; PATH_MAX];
    ensure_dir_through(root, linked_path(&mut buffer, parts)?, links + 1)
}

/// The path that a link at the end of `before` makes of itself and `after`.
fn linked_path<'a>(
    buffer: &'a mut [u8; PATH_MAX],
    [before, target, after]: [&[u8]; 3],
) -> Outcome<&'a CStr> {
    let before = if target.starts_with(b"/") {
        &[]
    } else {
        before
    };
    let slash: &[u8] = if after.is_empty() { &[] } else { b"/" };
    let mut length = 0;
    for part in [before, target, slash, after] {
        let room = buffer.get_mut(length..length + part.len());
        room.ok_or(Errno::ENAMETOOLONG)
            .stage(Stage::Resolve)?
            .copy_from_slice(part);
        length += part.len();
    }
    let path = CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::ENAMETOOLONG);
    path.stage(Stage::Resolve)
}

fn open_prefix(root: BorrowedFd<'_>, prefix: &[u8]) -> Result<OwnedFd, Errno> {
    let mut buffer = [0; PATH_MAX];
    let room = buffer.get_mut(..prefix.len()).ok_or(Errno::ENAMETOOLONG)?;
    room.copy_from_slice(prefix);
    let prefix = CStr::from_bytes_until_nul(&buffer).map_err(|_| Errno::ENAMETOOLONG)?;
    open_at(
        root,
        prefix,
        libc::O_PATH | libc::O_DIRECTORY,
        0,
        IN_ROOT | NO_MAGICLINKS,
    )
}

fn make_one(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    match file::make_dir(parent, name, DIR_MODE) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    open_at(parent, name, flags, 0, BENEATH | NO_SYMLINKS)
}

/// Opens the file `path` below `root`; makes it, empty, and its directories if missing. A dangling
/// link is followed inside the root, as in [`ensure_dir`].
pub(super) fn ensure_file(root: BorrowedFd<'_>, path: &CStr) -> Outcome<OwnedFd> {
    ensure_file_through(root, path, 0)
}

fn ensure_file_through(root: BorrowedFd<'_>, path: &CStr, links: u32) -> Outcome<OwnedFd> {
    match open(root, path, Links::Follow) {
        Err(Errno::ENOENT) if links <= MAX_LINKS => {}
        Err(Errno::ENOENT) => return Err(Errno::ELOOP).stage(Stage::Resolve),
        other => return other.stage(Stage::Resolve),
    }
    let (parent, name) = ensure_parent(root, path)?;
    let mut target = [0; PATH_MAX];
    if let Ok(target) = file::read_link(parent.as_fd(), name.as_c_str(), &mut target) {
        let bytes = path.to_bytes();
        let before = bytes.get(..bytes.len() - name.as_c_str().count_bytes());
        let mut buffer = [0; PATH_MAX];
        let path = linked_path(&mut buffer, [before.unwrap_or_default(), target, &[]])?;
        return ensure_file_through(root, path, links + 1);
    }
    match file::make_node(
        parent.as_fd(),
        name.as_c_str(),
        libc::S_IFREG | FILE_MODE,
        0,
    ) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno).stage(Stage::CreateTarget),
    }
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    open_at(
        parent.as_fd(),
        name.as_c_str(),
        flags,
        0,
        BENEATH | NO_SYMLINKS,
    )
    .stage(Stage::CreateTarget)
}

/// The last component of a path, as a C string.
pub(super) struct LastName(Name);

impl LastName {
    pub(super) fn new(name: &[u8]) -> Result<Self, Errno> {
        Name::new(name).map(Self)
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        self.0.as_c_str()
    }
}

/// Opens the directory that holds `path`, making it if missing, and splits off the last name.
pub(super) fn ensure_parent(root: BorrowedFd<'_>, path: &CStr) -> Outcome<(OwnedFd, LastName)> {
    let bytes = path.to_bytes();
    let cut = bytes.iter().rposition(|byte| *byte == b'/');
    let name = bytes
        .get(cut.map_or(0, |cut| cut + 1)..)
        .unwrap_or_default();
    let name = LastName::new(name).stage(Stage::Resolve)?;
    let mut buffer = [0; PATH_MAX];
    let parent = bytes
        .get(..cut.unwrap_or(0))
        .filter(|parent| !parent.is_empty())
        .unwrap_or(b".");
    let room = buffer
        .get_mut(..parent.len())
        .ok_or(Errno::ENAMETOOLONG)
        .stage(Stage::Resolve)?;
    room.copy_from_slice(parent);
    let parent = CStr::from_bytes_until_nul(&buffer).unwrap_or(c".");
    Ok((ensure_dir(root, parent)?, name))
}
