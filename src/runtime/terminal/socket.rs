//! `--console-socket` and `--pidfd-socket`: one descriptor, sent once, to whoever listens.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::{channel, file};

/// Bytes of a path in `sockaddr_un`, without the terminator (unix(7)).
const PATH_LIMIT: usize = 107;

/// Seconds that a receiver has.
const PATIENCE: i64 = 10;

/// A connection that carries one descriptor to the engine.
///
/// It is made before anything else happens, so that a wrong path fails the start early.
#[derive(Debug)]
pub struct Courier {
    socket: OwnedFd,
    path: PathBuf,
}

impl Courier {
    /// Connects to the AF_UNIX stream socket at `path`, of any length. `option` names the option
    /// in errors, such as `--console-socket`.
    ///
    /// # Errors
    /// As connect(2), with the path.
    pub fn connect(option: &str, path: &Path) -> Result<Self> {
        let what = || format!("connect to {option}");
        let socket = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .doing(what())?;
        // A receiver whose queue is full must not hold the start up for ever.
        setsockopt(&socket, SendTimeout, &TimeVal::seconds(PATIENCE)).doing(what())?;
        dial(&socket, path).map_err(|errno| {
            let error = Error::from_errno(errno, what()).at(path);
            match errno {
                Errno::ENOENT | Errno::ECONNREFUSED => {
                    error.hint("the receiver must listen there before the container is made")
                }
                Errno::EPROTOTYPE => error.hint("it must be a stream socket"),
                _ => error,
            }
        })?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Sends `fd` with its name as data, in one message, and closes the connection.
    ///
    /// The name of a terminal is its path in the container; receivers only show it, but go-runc
    /// and conmon expect at least one byte.
    ///
    /// # Errors
    /// As sendmsg(2); `EPIPE` when the receiver is gone.
    pub fn send(self, fd: BorrowedFd<'_>, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(Error::new(
                Kind::System,
                "send a descriptor",
                "it needs a name",
            ));
        }
        self.deliver(fd, name.as_bytes(), &format!("`{name}`"))
    }

    /// Sends `fd` with `bytes`, in one message, and closes the connection. `what` names it in
    /// errors.
    ///
    /// # Errors
    /// As sendmsg(2); `EPIPE` when the receiver is gone, `EAGAIN` when it does not read.
    pub fn deliver(self, fd: BorrowedFd<'_>, bytes: &[u8], what: &str) -> Result<()> {
        channel::send(self.socket.as_fd(), bytes, Some(fd))
            .doing(format!("send {what}"))
            .at(self.path.as_path())
    }
}

/// connect(2); a path too long for an address is reached through /proc.
fn dial(socket: &OwnedFd, path: &Path) -> Result<(), Errno> {
    if path.as_os_str().len() <= PATH_LIMIT {
        return connect(socket.as_raw_fd(), &UnixAddr::new(path)?);
    }
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let target = file::open(&path, libc::O_PATH)?;
    let short = format!("/proc/self/fd/{}", target.as_raw_fd());
    connect(socket.as_raw_fd(), &UnixAddr::new(short.as_str())?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("saya-courier-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn delivers_to(path: &Path, listener: &UnixListener) {
        let courier = Courier::connect("--console-socket", path).unwrap();
        let (reader, writer) = nix::unistd::pipe().unwrap();
        courier.send(writer.as_fd(), "/dev/pts/7").unwrap();
        drop(writer);
        let (accepted, _) = listener.accept().unwrap();
        let mut name = [0; 64];
        let (length, fd) = channel::receive(accepted.as_fd(), &mut name).unwrap();
        assert_eq!(&name[..length], b"/dev/pts/7");
        // It is the pipe, and there was exactly one message.
        std::fs::File::from(fd.unwrap()).write_all(b"!").unwrap();
        assert_eq!(file::read(reader.as_fd(), &mut [0; 2]).unwrap(), 1);
        assert_eq!(file::read(accepted.as_fd(), &mut [0; 2]).unwrap(), 0);
    }

    #[test]
    fn one_descriptor_travels_with_its_name() {
        let directory = directory("short");
        let path = directory.join("s");
        let listener = UnixListener::bind(&path).unwrap();
        delivers_to(&path, &listener);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn paths_may_be_longer_than_an_address() {
        let directory = directory("long");
        let deep = directory.join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let short = directory.join("s");
        let listener = UnixListener::bind(&short).unwrap();
        let path = deep.join("console.sock");
        std::fs::rename(&short, &path).unwrap();
        delivers_to(&path, &listener);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_wrong_path_is_named() {
        let directory = directory("wrong");
        let path = directory.join("none");
        let error = Courier::connect("--console-socket", &path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "connect to --console-socket ({}): ENOENT: no such file or directory",
                path.display()
            )
        );
        let datagrams = UnixDatagram::bind(&path).unwrap();
        let error = Courier::connect("--pidfd-socket", &path).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EPROTOTYPE));
        drop(datagrams);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
