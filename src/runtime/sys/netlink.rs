//! A netlink socket (netlink(7)): requests with their answer, and the attributes they are made of.
//!
//! Everything received is taken apart with checked lengths, everything sent refuses what does not
//! fit its 16-bit length field (CVE-2021-43784: a truncated length let a payload be read as
//! further attributes).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::{Result, check, namespace};

/// Bytes of a message header (`struct nlmsghdr`).
const HEADER: usize = 16;
/// Bytes of an attribute header (`struct nlattr`).
const ATTRIBUTE_HEADER: usize = 4;
/// The kernel's datagrams are at most 32 KiB (netlink_dump in af_netlink.c).
const RECEIVE: usize = 32 * 1024;
/// Seconds to wait for an answer; the kernel gives it within the call or not at all.
const PATIENCE: i64 = 10;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// The kernel's answer to a request that it does not carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The errno.
    pub errno: Errno,
    /// Its explanation, often empty (extended acknowledgement, since Linux 4.12).
    pub explanation: String,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self {
            errno,
            explanation: String::new(),
        }
    }
}

/// What a request comes to.
pub type Answer<T> = std::result::Result<T, Refusal>;

/// One request being built.
#[derive(Clone, Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// A request of `kind` with further `NLM_F_*` flags and its fixed part.
    #[must_use]
    pub fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let flags = flags | libc::NLM_F_REQUEST as u16;
        let mut bytes = vec![0; HEADER];
        write_at(&mut bytes, 4, &kind.to_ne_bytes());
        write_at(&mut bytes, 6, &flags.to_ne_bytes());
        bytes.extend_from_slice(fixed);
        pad(&mut bytes);
        Self(bytes)
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// `EMSGSIZE` when the payload does not fit the length field.
    pub fn attribute(&mut self, kind: u16, payload: &[u8]) -> Result<()> {
        append_attribute(&mut self.0, kind, payload)
    }

    /// The bytes on the wire, with the message's length and sequence number filled in.
    fn finish(mut self, sequence: u32) -> Result<Vec<u8>> {
        let length = u32::try_from(self.0.len()).map_err(|_| Errno::EMSGSIZE)?;
        write_at(&mut self.0, 0, &length.to_ne_bytes());
        write_at(&mut self.0, 8, &sequence.to_ne_bytes());
        Ok(self.0)
    }
}

/// Appends an attribute to the payload of another one (a nested attribute).
///
/// # Errors
/// `EMSGSIZE` when the payload does not fit the length field.
pub fn append_attribute(bytes: &mut Vec<u8>, kind: u16, payload: &[u8]) -> Result<()> {
    let length = u16::try_from(payload.len() + ATTRIBUTE_HEADER).map_err(|_| Errno::EMSGSIZE)?;
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(payload);
    pad(bytes);
    Ok(())
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn write_at(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(value) {
        *place = *byte;
    }
}

/// The attributes in `bytes`: kind (without the nesting and byte order bits) and payload. Ends at
/// the first one whose length is wrong.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & 0x3fff;
        let payload = bytes.get(ATTRIBUTE_HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The native-endian 16-bit number at `at`.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at.checked_add(2)?)?;
    field.try_into().ok().map(u16::from_ne_bytes)
}

/// The native-endian 32-bit number at `at`.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    field.try_into().ok().map(u32::from_ne_bytes)
}

/// One message of an answer.
struct Received<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

/// The messages of a datagram; ends at the first one whose length is wrong.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let message = Received {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// A NETLINK_ROUTE socket (rtnetlink(7)) of one network namespace, for its whole life.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// A socket of the calling thread's network namespace.
    ///
    /// # Errors
    /// As socket(2).
    pub fn open() -> Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        // Explanations, and refusals that do not repeat the request; GET_STRICT_CHK makes the
        // kernel heed the interface index of a dump.
        for option in [
            libc::NETLINK_EXT_ACK,
            libc::NETLINK_CAP_ACK,
            libc::NETLINK_GET_STRICT_CHK,
        ] {
            switch_on(fd.as_fd(), option)?;
        }
        Ok(Self { fd, sequence: 0 })
    }

    /// A socket of another network namespace. A thread of its own enters that, so that the caller
    /// never leaves its own.
    ///
    /// # Errors
    /// As setns(2) and socket(2); `EAGAIN` when no thread can be made.
    pub fn open_in(netns: BorrowedFd<'_>) -> Result<Self> {
        std::thread::scope(|scope| {
            let visitor = std::thread::Builder::new().spawn_scoped(scope, || {
                namespace::enter(netns, libc::CLONE_NEWNET as u64)?;
                Self::open()
            });
            let visitor = visitor.map_err(|_| Errno::EAGAIN)?;
            visitor.join().unwrap_or(Err(Errno::EIO))
        })
    }

    /// Has a request carried out.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn request(&mut self, message: Message) -> Answer<()> {
        self.query(message, |_, _| {})
    }

    /// Asks for one object or, with `NLM_F_DUMP`, for many: `each` gets the kind and the body of
    /// every message of the answer.
    ///
    /// # Errors
    /// The kernel's refusal; `EINTR` when the list changed while it was read.
    pub fn query(&mut self, mut message: Message, mut each: impl FnMut(u16, &[u8])) -> Answer<()> {
        let flags = u16_at(&message.0, 6).unwrap_or_default();
        if i32::from(flags) & libc::NLM_F_DUMP != libc::NLM_F_DUMP {
            // A dump has an end of its own.
            let flags = flags | libc::NLM_F_ACK as u16;
            write_at(&mut message.0, 6, &flags.to_ne_bytes());
        }
        self.converse(message, &mut each)
    }

    fn converse(&mut self, message: Message, each: &mut dyn FnMut(u16, &[u8])) -> Answer<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = message.finish(self.sequence)?;
        let sent = send(self.fd.as_raw_fd(), &bytes, MsgFlags::empty())?;
        if sent != bytes.len() {
            return Err(Errno::EIO.into());
        }
        let mut buffer = vec![0; RECEIVE];
        loop {
            let length = self.receive(&mut buffer)?;
            let datagram = buffer.get(..length).ok_or(Errno::EMSGSIZE)?;
            for message in messages(datagram) {
                if message.sequence != self.sequence {
                    continue;
                }
                if i32::from(message.flags) & libc::NLM_F_DUMP_INTR != 0 {
                    return Err(Errno::EINTR.into());
                }
                match i32::from(message.kind) {
                    libc::NLMSG_ERROR | libc::NLMSG_DONE => return answer(&message),
                    _ => each(message.kind, message.body),
                }
            }
        }
    }

    /// One datagram from the kernel; its length, which may be above the buffer's.
    fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match recvfrom::<NetlinkAddr>(self.fd.as_raw_fd(), buffer) {
                // Any process may send to a netlink socket: port 0 is the kernel.
                Ok((length, Some(sender))) if sender.pid() == 0 => return Ok(length),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn switch_on(fd: BorrowedFd<'_>, option: libc::c_int) -> Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option reads an int, which outlives the call.
    check(unsafe {
        libc::c_long::from(libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        ))
    })
    .map(drop)
}

/// What an acknowledgement or the end of a dump says: a negative errno, then for an
/// acknowledgement the request's header, then the explanation.
fn answer(message: &Received<'_>) -> Answer<()> {
    let code = u32_at(message.body, 0).map_or(0, u32::cast_signed);
    if code == 0 {
        return Ok(());
    }
    let extra = match i32::from(message.kind) {
        libc::NLMSG_ERROR => 4 + HEADER,
        _ => 4,
    };
    let explanation = attributes(message.body.get(extra..).unwrap_or_default())
        .find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)
        .map(|(_, text)| text.strip_suffix(&[0]).unwrap_or(text));
    Err(Refusal {
        errno: Errno::from_raw(code.saturating_neg()),
        explanation: String::from_utf8_lossy(explanation.unwrap_or_default()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_the_wire() {
        let mut bytes = Vec::new();
        append_attribute(&mut bytes, 3, b"lo\0").unwrap();
        append_attribute(&mut bytes, 0x8012, b"").unwrap();
        append_attribute(&mut bytes, 7, &[1, 2, 3, 4]).unwrap();
        let all: Vec<(u16, &[u8])> = attributes(&bytes).collect();
        assert_eq!(
            all,
            [(3, &b"lo\0"[..]), (0x12, &[][..]), (7, &[1, 2, 3, 4][..])]
        );
    }

    #[test]
    fn a_payload_above_the_length_field_is_refused() {
        let mut message = Message::new(16, 0, &[]);
        let before = message.0.clone();
        let payload = vec![0; usize::from(u16::MAX) - 3];
        assert_eq!(message.attribute(1, &payload), Err(Errno::EMSGSIZE));
        assert_eq!(message.0, before);
        assert_eq!(message.attribute(1, &payload[1..]), Ok(()));
    }

    #[test]
    fn wrong_lengths_end_the_walk() {
        for length in [0_u16, 1, 3, 9, 0xffff] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([1, 0, 9, 9, 9, 9]);
            assert_eq!(attributes(&bytes).count(), 0, "{length}");
        }
        for length in [0_u32, 15, 17, u32::MAX] {
            let mut bytes = vec![0; 16];
            write_at(&mut bytes, 0, &length.to_ne_bytes());
            assert_eq!(messages(&bytes).count(), 0, "{length}");
        }
        for cut in 0..16 {
            assert_eq!(messages(&vec![16; 16][..cut]).count(), 0);
        }
    }

    #[test]
    fn the_kernel_explains_a_refusal() {
        let mut socket = Socket::open().unwrap();
        let mut message = Message::new(libc::RTM_GETLINK, 0, &[0; 16]);
        message
            .attribute(libc::IFLA_IFNAME, b"nosuchdevice0\0")
            .unwrap();
        let refusal = socket.query(message, |_, _| {}).unwrap_err();
        assert_eq!(refusal.errno, Errno::ENODEV);
        // A dump with a field that strict checking forbids comes with words.
        let mut fixed = [0; 16];
        fixed[1] = 1;
        let message = Message::new(libc::RTM_GETLINK, libc::NLM_F_DUMP as u16, &fixed);
        let refusal = socket.query(message, |_, _| {}).unwrap_err();
        assert_eq!(refusal.errno, Errno::EINVAL);
        assert!(!refusal.explanation.is_empty());
    }
}
