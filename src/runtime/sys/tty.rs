//! Pseudoterminals (pty(7), ioctl_tty(2)). Every function here is async-signal-safe.
//!
//! Making one, in the child: open `ptmx` of *our own* devpts mount, check it with
//! [`is_multiplexer`], [`unlock`] it, open the other end with [`peer`] (never by a path, which the
//! container could have replaced), [`clear_onlcr`], [`set_size`]; after setsid(2)
//! [`set_controlling`] the peer.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{Result, check, file};

/// Rows and columns, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Height.
    pub rows: u16,
    /// Width.
    pub columns: u16,
}

/// Whether it is a terminal (isatty(3)).
#[must_use]
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    attributes(fd).is_ok()
}

/// Whether it is the multiplexer of a devpts mount: file system, inode and device number.
///
/// # Errors
/// As fstat(2) and fstatfs(2).
pub fn is_multiplexer(fd: BorrowedFd<'_>) -> Result<bool> {
    const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;
    const PTMX_INODE: u64 = 2;
    let status = file::status(fd, c"")?;
    Ok(file::filesystem_magic(fd)? == DEVPTS_SUPER_MAGIC
        && status.inode == PTMX_INODE
        && status.file_type() == libc::S_IFCHR
        && status.rdev == libc::makedev(5, 2))
}

/// `TIOCSPTLCK`: lets the other end of a master be opened.
///
/// # Errors
/// `ENOTTY` when it is no master.
pub fn unlock(master: BorrowedFd<'_>) -> Result<()> {
    let lock: libc::c_int = 0;
    // SAFETY: the request reads an int, which outlives the call.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCSPTLCK as _,
            &raw const lock,
        ))
    })
    .map(drop)
}

/// `TIOCGPTPEER`, since Linux 4.13: opens the other end of an unlocked master, close-on-exec, not
/// as a controlling terminal.
///
/// # Errors
/// `EIO` when it is locked; else as open(2).
pub fn peer(master: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the request takes an int.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCGPTPEER as _,
            flags,
        ))
    })
    .map(file::owned)
}

/// `TIOCGPTN`: the number of a pseudoterminal, as in `/dev/pts/N`.
///
/// # Errors
/// `ENOTTY` when it is no master.
pub fn number(master: BorrowedFd<'_>) -> Result<u32> {
    let mut number: libc::c_uint = 0;
    // SAFETY: the request writes an unsigned int, which outlives the call.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCGPTN as _,
            &raw mut number,
        ))
    })?;
    Ok(number)
}

/// `TIOCGWINSZ`.
///
/// # Errors
/// `ENOTTY`.
pub fn size(fd: BorrowedFd<'_>) -> Result<Size> {
    let mut size = window(Size {
        rows: 0,
        columns: 0,
    });
    // SAFETY: the request writes a winsize, which outlives the call.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            fd.as_raw_fd(),
            libc::TIOCGWINSZ as _,
            &raw mut size,
        ))
    })?;
    Ok(Size {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

/// `TIOCSWINSZ`; the foreground group gets SIGWINCH if the size changes.
///
/// # Errors
/// `ENOTTY`.
pub fn set_size(fd: BorrowedFd<'_>, size: Size) -> Result<()> {
    let size = window(size);
    // SAFETY: the request reads a winsize, which outlives the call.
    check(unsafe {
        libc::c_long::from(libc::ioctl(
            fd.as_raw_fd(),
            libc::TIOCSWINSZ as _,
            &raw const size,
        ))
    })
    .map(drop)
}

fn window(size: Size) -> libc::winsize {
    libc::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// `TIOCSCTTY`: makes it the controlling terminal of the calling session leader, which has none.
///
/// # Errors
/// `EPERM` when the caller leads no session, has a terminal, or another session has this one.
pub fn set_controlling(fd: BorrowedFd<'_>) -> Result<()> {
    let steal: libc::c_int = 0;
    // SAFETY: the request takes an int.
    check(unsafe { libc::c_long::from(libc::ioctl(fd.as_raw_fd(), libc::TIOCSCTTY as _, steal)) })
        .map(drop)
}

/// Clears `ONLCR` (termios(3)): output lines end in `\n`, as they were written. runc does so, and
/// whatever compares the output of a container with a terminal relies on it.
///
/// # Errors
/// `ENOTTY`.
pub fn clear_onlcr(fd: BorrowedFd<'_>) -> Result<()> {
    let mut attributes = attributes(fd)?;
    attributes.c_oflag &= !libc::ONLCR;
    // SAFETY: attributes is a termios that outlives the call.
    check(unsafe {
        libc::c_long::from(libc::tcsetattr(
            fd.as_raw_fd(),
            libc::TCSANOW,
            &raw const attributes,
        ))
    })
    .map(drop)
}

fn attributes(fd: BorrowedFd<'_>) -> Result<libc::termios> {
    // SAFETY: an all-zero termios is a valid value of the plain struct.
    let mut attributes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: attributes outlives the call.
    check(unsafe { libc::c_long::from(libc::tcgetattr(fd.as_raw_fd(), &raw mut attributes)) })?;
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    use super::*;

    fn master() -> OwnedFd {
        let looked_at = file::open(c"/dev/pts/ptmx", libc::O_PATH).unwrap();
        assert!(is_multiplexer(looked_at.as_fd()).unwrap());
        let master = file::open(c"/dev/pts/ptmx", libc::O_RDWR | libc::O_NOCTTY).unwrap();
        assert!(is_multiplexer(master.as_fd()).unwrap());
        master
    }

    #[test]
    fn a_pty_is_made_from_descriptors_alone() {
        let master = master();
        assert_eq!(peer(master.as_fd()).unwrap_err(), nix::errno::Errno::EIO);
        unlock(master.as_fd()).unwrap();
        let peer = peer(master.as_fd()).unwrap();
        assert!(is_terminal(peer.as_fd()));
        let path = std::fs::read_link(format!("/proc/self/fd/{}", peer.as_raw_fd())).unwrap();
        assert_eq!(
            path.to_str().unwrap(),
            format!("/dev/pts/{}", number(master.as_fd()).unwrap())
        );
        let size = Size {
            rows: 11,
            columns: 22,
        };
        set_size(peer.as_fd(), size).unwrap();
        assert_eq!(super::size(master.as_fd()).unwrap(), size);
    }

    #[test]
    fn without_onlcr_lines_arrive_as_they_were_written() {
        let master = master();
        unlock(master.as_fd()).unwrap();
        let peer = peer(master.as_fd()).unwrap();
        clear_onlcr(peer.as_fd()).unwrap();
        std::fs::File::from(peer).write_all(b"a\nb\n").unwrap();
        let mut bytes = [0; 8];
        let length = std::fs::File::from(master).read(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"a\nb\n");
    }

    #[test]
    fn other_files_are_no_terminals() {
        let null = file::open(c"/dev/null", libc::O_RDWR).unwrap();
        assert!(!is_terminal(null.as_fd()));
        assert!(!is_multiplexer(null.as_fd()).unwrap());
    }
}
