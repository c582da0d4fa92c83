//! The handshake before the first message ("Authentication Protocol" of the D-Bus specification):
//! EXTERNAL, by which the peer takes the credentials of the socket.
//!
//! No identity is named: the uid that we know ourselves by is not the one that the peer sees when
//! we are in a user namespace. The commands go out at once, as each has only one good answer.

use std::time::Instant;

use nix::errno::Errno;

use super::stream::Stream;
use crate::sys;

/// A NUL byte, on which BSDs sent the credentials, then all that we have to say.
const COMMANDS: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
/// Longest line that is taken (libdbus: 16 KiB; ours have a few words).
const LINE_MAX: usize = 1024;

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The peer takes no EXTERNAL, or not us; its line.
    Rejected(String),
    /// The stream broke.
    Stream(Errno),
}

/// Authenticates us to the peer. What the peer may have sent after its last line is a message and
/// stays in the stream.
pub(super) fn authenticate(stream: &Stream, deadline: Instant) -> Result<(), Refusal> {
    stream.send(COMMANDS, deadline).map_err(Refusal::Stream)?;
    for expected in ["DATA", "OK"] {
        let line = line(stream, deadline).map_err(Refusal::Stream)?;
        if line.split(' ').next() != Some(expected) {
            return Err(Refusal::Rejected(line));
        }
    }
    Ok(())
}

/// The next line, without its end. Read byte by byte, as messages may follow.
fn line(stream: &Stream, deadline: Instant) -> sys::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE_MAX {
        stream.receive(&mut byte, deadline)?;
        line.extend_from_slice(&byte);
        if let Some(text) = line.strip_suffix(b"\r\n") {
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
    }
    Err(Errno::EMSGSIZE)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    /// The outcome when the peer says `answer`, and what it was told.
    fn outcome(answer: &[u8]) -> (Result<(), Refusal>, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(answer).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let stream = Stream::over(ours);
        let deadline = Instant::now() + Duration::from_secs(60);
        let outcome = authenticate(&stream, deadline);
        drop(stream);
        let mut told = Vec::new();
        // Reset where the answer was not read to its end.
        let _ = theirs.read_to_end(&mut told);
        (outcome, told)
    }

    #[test]
    fn the_socket_speaks_for_us() {
        let (outcome, told) = outcome(b"DATA\r\nOK 0123456789abcdef\r\n");
        assert_eq!(outcome, Ok(()));
        assert_eq!(told, b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
    }

    #[test]
    fn a_peer_that_refuses_is_quoted() {
        let rejected = |line: &str| Err(Refusal::Rejected(line.to_owned()));
        for (answer, line) in [
            ("REJECTED ANONYMOUS\r\n", "REJECTED ANONYMOUS"),
            ("DATA\r\nREJECTED\r\n", "REJECTED"),
            ("DATA\r\nDATA\r\n", "DATA"),
            ("\r\n", ""),
        ] {
            assert_eq!(outcome(answer.as_bytes()).0, rejected(line), "{answer:?}");
        }
    }

    #[test]
    fn a_peer_that_leaves_or_never_ends_its_line_is_told() {
        let broken = |errno| Err(Refusal::Stream(errno));
        assert_eq!(outcome(b"DATA\r\nOK 01").0, broken(Errno::ECONNRESET));
        assert_eq!(outcome(&[b'x'; 4096]).0, broken(Errno::EMSGSIZE));
    }
}
