//! The mount API by descriptor (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)), and
//! the few operations that only mount(2) has. Every function here is async-signal-safe.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::file::owned;
use super::{Result, check};

const OPEN_TREE_CLONE: libc::c_uint = 1;
const AT_RECURSIVE: libc::c_uint = 0x8000;
const AT_EMPTY_PATH: libc::c_uint = 0x1000;
const CLOEXEC: libc::c_uint = libc::O_CLOEXEC as libc::c_uint;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;
const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSPICK_CLOEXEC: libc::c_uint = 1;
const FSPICK_EMPTY_PATH: libc::c_uint = 8;
const FSCONFIG_SET_FLAG: libc::c_uint = 0;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const FSCONFIG_CMD_RECONFIGURE: libc::c_uint = 7;

/// Bits of `struct mount_attr` (mount_setattr(2)).
pub mod attr {
    /// `MOUNT_ATTR_RDONLY`
    pub const RDONLY: u64 = 0x1;
    /// `MOUNT_ATTR_NOSUID`
    pub const NOSUID: u64 = 0x2;
    /// `MOUNT_ATTR_NODEV`
    pub const NODEV: u64 = 0x4;
    /// `MOUNT_ATTR_NOEXEC`
    pub const NOEXEC: u64 = 0x8;
    /// `MOUNT_ATTR__ATIME`: the field that holds one of the three below.
    pub const ATIME: u64 = 0x70;
    /// `MOUNT_ATTR_NOATIME`
    pub const NOATIME: u64 = 0x10;
    /// `MOUNT_ATTR_STRICTATIME`
    pub const STRICTATIME: u64 = 0x20;
    /// `MOUNT_ATTR_NODIRATIME`
    pub const NODIRATIME: u64 = 0x80;
    /// `MOUNT_ATTR_NOSYMFOLLOW`
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
}

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// How much of a mount tree an operation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The one mount.
    Single,
    /// The mount and all below.
    Tree,
}

impl Depth {
    const fn flag(self) -> libc::c_uint {
        match self {
            Self::Single => 0,
            Self::Tree => AT_RECURSIVE,
        }
    }
}

/// open_tree(2) with `OPEN_TREE_CLONE`: a detached copy of the mount at `path`, or at `dir`
/// itself where path is empty.
///
/// # Errors
/// As open_tree(2).
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, depth: Depth) -> Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | CLOEXEC | AT_EMPTY_PATH | depth.flag();
    // SAFETY: path is NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) })
        .map(owned)
}

/// move_mount(2) of a detached or attached tree onto the object `target`.
///
/// # Errors
/// As move_mount(2).
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: both paths are empty, NUL-terminated strings.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// mount_setattr(2), since Linux 5.12, of the mount whose root is `fd`.
///
/// # Errors
/// As mount_setattr(2); `EINVAL` when `fd` is not a mount's root.
pub fn set_attributes(fd: BorrowedFd<'_>, set: u64, clear: u64, depth: Depth) -> Result<()> {
    setattr(
        fd,
        &MountAttr {
            set,
            clear,
            propagation: 0,
            userns_fd: 0,
        },
        depth,
    )
}

/// mount_setattr(2) of the propagation (`MS_PRIVATE`, …) of the mount whose root is `fd`.
///
/// # Errors
/// As mount_setattr(2).
pub fn set_propagation(fd: BorrowedFd<'_>, kind: u64, depth: Depth) -> Result<()> {
    setattr(
        fd,
        &MountAttr {
            set: 0,
            clear: 0,
            propagation: kind,
            userns_fd: 0,
        },
        depth,
    )
}

fn setattr(fd: BorrowedFd<'_>, attr: &MountAttr, depth: Depth) -> Result<()> {
    // SAFETY: attr is a mount_attr of the size given; the path is empty and NUL-terminated.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            AT_EMPTY_PATH | depth.flag(),
            ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

/// fsopen(2): a context for a new file system of this type.
///
/// # Errors
/// `ENODEV` when the kernel does not know the type.
pub fn fs_open(fstype: &CStr) -> Result<OwnedFd> {
    // SAFETY: fstype is NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_fsopen, fstype.as_ptr(), FSOPEN_CLOEXEC) }).map(owned)
}

/// fspick(2): a context for reconfiguring the file system mounted at `fd`.
///
/// # Errors
/// As fspick(2).
pub fn fs_pick(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = FSPICK_CLOEXEC | FSPICK_EMPTY_PATH;
    // SAFETY: the path is empty and NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_fspick, fd.as_raw_fd(), c"".as_ptr(), flags) })
        .map(owned)
}

/// fsconfig(2): sets one parameter; without a value it is a flag. Values are limited to 255 bytes.
///
/// # Errors
/// `EINVAL` for an unknown parameter or a bad value; the reason is in [`fs_message`].
pub fn fs_set(context: BorrowedFd<'_>, key: &CStr, value: Option<&CStr>) -> Result<()> {
    let (command, value) = match value {
        Some(value) => (FSCONFIG_SET_STRING, value.as_ptr()),
        None => (FSCONFIG_SET_FLAG, ptr::null()),
    };
    // SAFETY: key and, where given, value are NUL-terminated.
    check(unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            command,
            key.as_ptr(),
            value,
            0,
        )
    })
    .map(drop)
}

/// fsconfig(2), `FSCONFIG_CMD_CREATE`.
///
/// # Errors
/// As mount(2).
pub fn fs_create(context: BorrowedFd<'_>) -> Result<()> {
    fs_command(context, FSCONFIG_CMD_CREATE)
}

/// fsconfig(2), `FSCONFIG_CMD_RECONFIGURE`.
///
/// # Errors
/// As mount(2) with `MS_REMOUNT`.
pub fn fs_reconfigure(context: BorrowedFd<'_>) -> Result<()> {
    fs_command(context, FSCONFIG_CMD_RECONFIGURE)
}

fn fs_command(context: BorrowedFd<'_>, command: libc::c_uint) -> Result<()> {
    let none = ptr::null::<libc::c_char>();
    // SAFETY: a command takes neither key nor value.
    check(unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            command,
            none,
            none,
            0,
        )
    })
    .map(drop)
}

/// fsmount(2): the detached mount of a created file system.
///
/// # Errors
/// As fsmount(2).
pub fn fs_mount(context: BorrowedFd<'_>, attributes: u64) -> Result<OwnedFd> {
    // SAFETY: no pointers.
    check(unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            context.as_raw_fd(),
            FSMOUNT_CLOEXEC,
            attributes as libc::c_uint,
        )
    })
    .map(owned)
}

/// The kernel's explanation of the last failure in a context (`e type: text`); empty if none.
#[must_use]
pub fn fs_message<'a>(context: BorrowedFd<'_>, buffer: &'a mut [u8]) -> &'a [u8] {
    let length = super::file::read(context, buffer).unwrap_or(0);
    buffer.get(..length).unwrap_or_default()
}

/// mount(2) for a change of propagation of the mount at `path`.
///
/// # Errors
/// As mount(2).
pub fn change_propagation(path: &CStr, flags: u64) -> Result<()> {
    // SAFETY: path is NUL-terminated; the kernel ignores the other strings here.
    check(unsafe {
        libc::c_long::from(libc::mount(
            ptr::null(),
            path.as_ptr(),
            ptr::null(),
            flags,
            ptr::null(),
        ))
    })
    .map(drop)
}

/// mount(2) with `MS_MOVE` of the mount at the current directory onto `/`.
///
/// # Errors
/// As mount(2).
pub fn move_to_root() -> Result<()> {
    // SAFETY: both paths are NUL-terminated.
    check(unsafe {
        libc::c_long::from(libc::mount(
            c".".as_ptr(),
            c"/".as_ptr(),
            ptr::null(),
            libc::MS_MOVE,
            ptr::null(),
        ))
    })
    .map(drop)
}

/// pivot_root(2) with both paths `.`: the old root ends up below the new one.
///
/// # Errors
/// As pivot_root(2).
pub fn pivot_here() -> Result<()> {
    // SAFETY: both paths are NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) }).map(drop)
}

/// umount2(2) of the current directory's mount, lazily.
///
/// # Errors
/// As umount(2).
pub fn detach_here() -> Result<()> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::c_long::from(libc::umount2(c".".as_ptr(), libc::MNT_DETACH)) }).map(drop)
}

/// chroot(2) into the current directory.
///
/// # Errors
/// As chroot(2).
pub fn change_root_here() -> Result<()> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::c_long::from(libc::chroot(c".".as_ptr())) }).map(drop)
}
