//! The socket between the parent and init: whole messages, at most one descriptor with each.
//! Every function but [`pair`], [`listen`], [`dial`] and [`probe`] is async-signal-safe.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, socket, socketpair,
};

use super::{Result, check};

/// Room for one `SCM_RIGHTS` message with one descriptor, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; 24]);

/// A connected pair of SOCK_SEQPACKET sockets, close-on-exec.
///
/// # Errors
/// As socketpair(2).
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
}

/// A listening SOCK_SEQPACKET socket at `path` (at most 107 bytes), close-on-exec.
///
/// # Errors
/// As bind(2) and listen(2).
pub fn listen(path: &std::path::Path) -> Result<OwnedFd> {
    let listener = unix_socket()?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    nix::sys::socket::listen(&listener, Backlog::new(1)?)?;
    Ok(listener)
}

/// A connection to the listener at `path` (at most 107 bytes), close-on-exec.
///
/// # Errors
/// As connect(2); `ECONNREFUSED` when nobody listens any more.
pub fn dial(path: &std::path::Path) -> Result<OwnedFd> {
    let connection = unix_socket()?;
    connect(connection.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(connection)
}

/// Whether somebody listens at `path` (at most 107 bytes), without waiting for room in the queue.
///
/// # Errors
/// `EAGAIN` if somebody listens and the queue is full, `ECONNREFUSED` when nobody listens any
/// more; else as connect(2).
pub fn probe(path: &std::path::Path) -> Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let connection = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(connection.as_raw_fd(), &UnixAddr::new(path)?)
}

fn unix_socket() -> Result<OwnedFd> {
    socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
}

/// Ends both directions: the peer reads the end of the channel (shutdown(2)). Async-signal-safe.
///
/// # Errors
/// `ENOTCONN` when the peer is gone already.
pub fn shut(socket: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: two integers.
    check(unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) }.into()).map(drop)
}

/// accept4(2), close-on-exec; repeats on `EINTR`.
///
/// # Errors
/// As accept(2).
pub fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd> {
    loop {
        // SAFETY: null pointers ask for no address.
        let returned = unsafe {
            libc::accept4(
                listener.as_raw_fd(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                libc::SOCK_CLOEXEC,
            )
        };
        match check(returned.into()) {
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            other => return other.map(super::file::owned),
        }
    }
}

/// Sends one message, with a descriptor if given; never raises SIGPIPE.
///
/// # Errors
/// `EPIPE` when the other side is gone; else as sendmsg(2).
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let mut control = Control([0; 24]);
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut header = empty_header(&mut part);
    if let Some(fd) = fd {
        #[allow(clippy::needless_update, reason = "musl's cmsghdr has padding as well")]
        let rights = libc::cmsghdr {
            cmsg_len: (size_of::<libc::cmsghdr>() + size_of::<RawFd>()) as _,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
            ..empty_cmsghdr()
        };
        let place = control.0.as_mut_ptr();
        // SAFETY: the buffer has room for a cmsghdr (16 bytes) and one descriptor, and is aligned.
        unsafe { place.cast::<libc::cmsghdr>().write(rights) };
        // SAFETY: as above; the data follow the header at its own size.
        unsafe {
            place
                .add(size_of::<libc::cmsghdr>())
                .cast::<RawFd>()
                .write(fd.as_raw_fd())
        };
        header.msg_control = place.cast();
        header.msg_controllen = size_of::<Control>() as _;
    }
    loop {
        // SAFETY: header points to live buffers of the lengths given.
        let returned =
            unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
        match check(returned as libc::c_long) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

/// Receives one message: its length (0 when the other side has closed) and the descriptor that
/// came with it, close-on-exec.
///
/// # Errors
/// As recvmsg(2).
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<(usize, Option<OwnedFd>)> {
    let mut control = Control([0; 24]);
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let mut header = empty_header(&mut part);
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    let length = loop {
        // SAFETY: header points to live, writable buffers of the lengths given.
        let returned =
            unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) };
        match check(returned as libc::c_long) {
            Err(Errno::EINTR) => {}
            // A peer that closed with unread bytes is a peer that is gone.
            Err(Errno::ECONNRESET) => break 0,
            other => break other?,
        }
    };
    Ok((
        length as usize,
        received_fd(&control, header.msg_controllen as _),
    ))
}

/// The descriptor in a control buffer of which `length` bytes are filled.
fn received_fd(control: &Control, length: usize) -> Option<OwnedFd> {
    let head = size_of::<libc::cmsghdr>();
    if length < head + size_of::<RawFd>() {
        return None;
    }
    let place = control.0.as_ptr();
    // SAFETY: the kernel has written a whole cmsghdr there; the buffer is aligned.
    let rights = unsafe { place.cast::<libc::cmsghdr>().read() };
    if rights.cmsg_level != libc::SOL_SOCKET || rights.cmsg_type != libc::SCM_RIGHTS {
        return None;
    }
    // SAFETY: the length shows that a descriptor follows the header.
    let fd = unsafe { place.add(head).cast::<RawFd>().read() };
    // SAFETY: the kernel has just installed it for us.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn empty_cmsghdr() -> libc::cmsghdr {
    // SAFETY: all-zero is a valid value of the plain struct.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn empty_header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all-zero is a valid value of the plain struct (null pointers, zero lengths).
    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_message_travels_whole_and_with_its_descriptor() {
        let (left, right) = pair().unwrap();
        let (inner_left, inner_right) = pair().unwrap();
        send(left.as_fd(), b"twelve bytes", Some(inner_left.as_fd())).unwrap();
        drop(inner_left);
        let mut buffer = [0; 64];
        let (length, fd) = receive(right.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"twelve bytes");
        send(fd.unwrap().as_fd(), b"x", None).unwrap();
        let (length, fd) = receive(inner_right.as_fd(), &mut buffer).unwrap();
        assert_eq!((length, buffer[0], fd.is_none()), (1, b'x', true));
    }

    #[test]
    fn a_closed_peer_reads_as_empty_and_writes_as_epipe() {
        let (left, right) = pair().unwrap();
        drop(left);
        assert_eq!(receive(right.as_fd(), &mut [0; 8]).unwrap().0, 0);
        assert_eq!(send(right.as_fd(), b"x", None), Err(Errno::EPIPE));
    }
}
