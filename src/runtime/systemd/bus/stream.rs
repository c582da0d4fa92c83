//! The byte stream to a bus: a Unix socket on which every wait has a deadline.
//!
//! A wait that reaches it is `ETIMEDOUT`, a peer that is gone is `ECONNRESET`.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

use super::address::Target;
use crate::sys;

#[derive(Debug)]
pub(in crate::systemd) struct Stream(OwnedFd);

impl Stream {
    /// Connects to `target`.
    pub(super) fn connect(target: &Target, deadline: Instant) -> sys::Result<Self> {
        let address = match target {
            Target::Path(path) => UnixAddr::new(path.as_str())?,
            Target::Abstract(name) => UnixAddr::new_abstract(name)?,
        };
        let fd = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        // connect(2) waits for room in the listener's queue, as long as a send would.
        let left = remaining(deadline)?;
        let seconds = left.as_secs().try_into().unwrap_or(i64::MAX);
        let limit = TimeVal::new(seconds as _, left.subsec_micros() as _);
        setsockopt(&fd, sockopt::SendTimeout, &limit)?;
        loop {
            match connect(fd.as_raw_fd(), &address) {
                Err(Errno::EINTR) => remaining(deadline).map(drop)?,
                Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                other => return other.map(|()| Self(fd)),
            }
        }
    }

    /// A stream over a socket that is connected.
    #[cfg(test)]
    pub(in crate::systemd) fn over(socket: std::os::unix::net::UnixStream) -> Self {
        Self(socket.into())
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&self, bytes: &[u8], deadline: Instant) -> sys::Result<()> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let mut rest = bytes;
        while !rest.is_empty() {
            match send(self.0.as_raw_fd(), rest, flags) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLOUT, deadline)?,
                Err(Errno::EPIPE) => return Err(Errno::ECONNRESET),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Receives what is there, at least one byte, at most the room of `buffer`.
    pub(super) fn receive(&self, buffer: &mut [u8], deadline: Instant) -> sys::Result<usize> {
        loop {
            match recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(Errno::ECONNRESET),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLIN, deadline)?,
                other => return other,
            }
        }
    }

    fn wait(&self, events: PollFlags, deadline: Instant) -> sys::Result<()> {
        let left = remaining(deadline)?;
        // Rounded up: a wait of less than a millisecond is still one.
        let milliseconds = left.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.0.as_fd(), events)], timeout) {
            Err(errno) if errno != Errno::EINTR => Err(errno),
            // Whatever happened, the next send or receive tells.
            _ => Ok(()),
        }
    }
}

fn remaining(deadline: Instant) -> sys::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Errno::ETIMEDOUT);
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn a_silent_peer_runs_into_the_deadline_and_a_gone_one_is_told() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let stream = Stream::over(ours);
        assert_eq!(stream.receive(&mut [0; 8], soon()), Err(Errno::ETIMEDOUT));
        drop(theirs);
        assert_eq!(stream.receive(&mut [0; 8], soon()), Err(Errno::ECONNRESET));
        assert_eq!(stream.send(b"x", soon()), Err(Errno::ECONNRESET));
    }

    #[test]
    fn a_peer_that_does_not_read_runs_into_the_deadline() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let stream = Stream::over(ours);
        assert_eq!(
            stream.send(&vec![0; 16 << 20], soon()),
            Err(Errno::ETIMEDOUT)
        );
    }

    #[test]
    fn more_than_the_socket_holds_is_sent_in_parts() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let stream = Stream::over(ours);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            theirs.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let sent: Vec<u8> = (0..4 << 20).map(|index: u32| index as u8).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        stream.send(&sent, deadline).unwrap();
        drop(stream);
        assert_eq!(reader.join().unwrap(), sent);
    }

    #[test]
    fn a_full_listener_runs_into_the_deadline() {
        let name = format!("saya-full-{}", std::process::id()).into_bytes();
        let address = UnixAddr::new_abstract(&name).unwrap();
        let listener = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        nix::sys::socket::bind(listener.as_raw_fd(), &address).unwrap();
        let backlog = nix::sys::socket::Backlog::new(0).unwrap();
        nix::sys::socket::listen(&listener, backlog).unwrap();
        let target = Target::Abstract(name);
        let _first = Stream::connect(&target, soon()).unwrap();
        assert_eq!(
            Stream::connect(&target, soon()).unwrap_err(),
            Errno::ETIMEDOUT
        );
    }

    #[test]
    fn a_missing_socket_is_told() {
        let dir = std::env::temp_dir().join(format!("saya-stream-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("bus");
        drop(UnixListener::bind(&path).unwrap());
        let target = Target::Path(path.to_str().unwrap().to_owned());
        assert_eq!(
            Stream::connect(&target, soon()).unwrap_err(),
            Errno::ECONNREFUSED
        );
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(Stream::connect(&target, soon()).unwrap_err(), Errno::ENOENT);
    }
}
