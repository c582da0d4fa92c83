//! Network interfaces and their addresses (rtnetlink(7)).

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

use super::Result;
use super::netlink::{Answer, Message, Socket, attributes, u32_at};

/// Bytes of `struct ifinfomsg`.
const LINK_PART: usize = 16;
/// Bytes of `struct ifaddrmsg`.
const ADDRESS_PART: usize = 8;
/// Longest interface name.
pub const NAME_LIMIT: usize = libc::IFNAMSIZ - 1;
/// Since Linux 5.13.
const IFLA_NEW_IFINDEX: u16 = 49;
const IFA_FLAGS: u16 = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_PROTO: u16 = 11;

/// Attributes of an address that make it what it is. Not its label, which begins with the name of
/// the interface, nor its life time: addresses with one are not kept.
const KEPT_ATTRIBUTES: [u16; 5] = [
    libc::IFA_ADDRESS,
    libc::IFA_LOCAL,
    libc::IFA_BROADCAST,
    IFA_RT_PRIORITY,
    IFA_PROTO,
];
/// Flags that a request may set: IFA_F_NODAD, HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE,
/// MCAUTOJOIN. The others report a state.
const KEPT_FLAGS: u32 = 0x02 | 0x10 | 0x100 | 0x200 | 0x400;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: i32,
    /// Its name.
    pub name: String,
    /// `IFF_*`
    pub flags: u32,
}

impl Link {
    fn parse(body: &[u8]) -> Option<Self> {
        let name = attributes(body.get(LINK_PART..)?)
            .find(|(kind, _)| *kind == libc::IFLA_IFNAME)
            .map(|(_, name)| name.split(|byte| *byte == 0).next().unwrap_or_default())?;
        Some(Self {
            index: u32_at(body, 4)?.cast_signed(),
            name: String::from_utf8_lossy(name).into_owned(),
            flags: u32_at(body, 8)?,
        })
    }

    /// Whether it is set up (`IFF_UP`).
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.flags & libc::IFF_UP as u32 != 0
    }

    /// Whether it is the loopback interface.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.flags & libc::IFF_LOOPBACK as u32 != 0
    }
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    family: u8,
    prefix: u8,
    scope: u8,
    flags: u32,
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Address {
    fn parse(body: &[u8]) -> Option<(i32, Self)> {
        let (part, rest) = body.split_at_checked(ADDRESS_PART)?;
        let [family, prefix, short_flags, scope, index @ ..] = part else {
            return None;
        };
        let index = u32_at(index, 0)?.cast_signed();
        let long_flags = attributes(rest)
            .find(|(kind, _)| *kind == IFA_FLAGS)
            .and_then(|(_, flags)| u32_at(flags, 0));
        let kept = attributes(rest).filter(|(kind, _)| KEPT_ATTRIBUTES.contains(kind));
        let address = Self {
            family: *family,
            prefix: *prefix,
            scope: *scope,
            flags: long_flags.unwrap_or_else(|| u32::from(*short_flags)),
            attributes: kept.map(|(kind, value)| (kind, value.to_vec())).collect(),
        };
        Some((index, address))
    }

    /// Whether it was configured, as opposed to learnt (`IFA_F_PERMANENT`), and is valid beyond
    /// its link (`RT_SCOPE_UNIVERSE`).
    #[must_use]
    pub const fn is_global(&self) -> bool {
        self.flags & libc::IFA_F_PERMANENT != 0 && self.scope == libc::RT_SCOPE_UNIVERSE
    }

    /// Address and prefix length, such as `10.0.0.1/24`.
    #[must_use]
    pub fn text(&self) -> String {
        let value = |wanted| self.attributes.iter().find(|(kind, _)| *kind == wanted);
        let bytes = value(libc::IFA_LOCAL)
            .or_else(|| value(libc::IFA_ADDRESS))
            .map(|(_, bytes)| bytes.as_slice())
            .unwrap_or_default();
        let address = <[u8; 4]>::try_from(bytes)
            .map(std::net::IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from));
        address.map_or_else(
            |_| format!("an address of family {}", self.family),
            |address| format!("{address}/{}", self.prefix),
        )
    }
}

/// The interface of this name.
///
/// # Errors
/// `ENODEV` when there is none; `EINVAL` for a name that cannot be one.
pub fn link_by_name(socket: &mut Socket, name: &str) -> Answer<Link> {
    let mut message = Message::new(libc::RTM_GETLINK, 0, &[0; LINK_PART]);
    message.attribute(libc::IFLA_IFNAME, &name_bytes(name)?)?;
    one_link(socket, message)
}

/// The interface with this number.
///
/// # Errors
/// `ENODEV` when there is none.
pub fn link_by_index(socket: &mut Socket, index: i32) -> Answer<Link> {
    let message = Message::new(libc::RTM_GETLINK, 0, &link_part(index, 0, 0));
    one_link(socket, message)
}

fn one_link(socket: &mut Socket, message: Message) -> Answer<Link> {
    let mut found = None;
    socket.query(message, |_, body| found = Link::parse(body))?;
    found.ok_or_else(|| Errno::ENODEV.into())
}

/// All interfaces.
///
/// # Errors
/// The kernel's refusal.
pub fn links(socket: &mut Socket) -> Answer<Vec<Link>> {
    let part = [0; LINK_PART];
    let message = Message::new(libc::RTM_GETLINK, libc::NLM_F_DUMP as u16, &part);
    dump(socket, &message, Link::parse)
}

/// The addresses of an interface, in the order in which they were added.
///
/// # Errors
/// The kernel's refusal.
pub fn addresses(socket: &mut Socket, index: i32) -> Answer<Vec<Address>> {
    let mut part = [0; ADDRESS_PART];
    if let Some(field) = part.last_chunk_mut::<4>() {
        *field = index.to_ne_bytes();
    }
    let message = Message::new(libc::RTM_GETADDR, libc::NLM_F_DUMP as u16, &part);
    // The filter by index is the kernel's, but a wrong address would be moved: check.
    dump(socket, &message, |body| {
        Address::parse(body)
            .filter(|(owner, _)| *owner == index)
            .map(|(_, address)| address)
    })
}

/// A dump that is begun again when the list changed meanwhile, a few times.
fn dump<T>(
    socket: &mut Socket,
    message: &Message,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Answer<Vec<T>> {
    let mut tries = 0;
    loop {
        let mut all = Vec::new();
        let done = socket.query(message.clone(), |_, body| all.extend(parse(body)));
        match done {
            Ok(()) => return Ok(all),
            Err(refusal) if refusal.errno == Errno::EINTR && tries < 10 => tries += 1,
            Err(refusal) => return Err(refusal),
        }
    }
}

/// Where an interface is moved.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The network namespace.
    pub netns: BorrowedFd<'a>,
    /// Its name there; one `%d` becomes the first free number.
    pub name: &'a str,
    /// Its number there, which must be free.
    pub index: i32,
}

/// Moves an interface; it is set down and loses its addresses.
///
/// One request moves and renames, but not atomically: after a failure the interface may be there
/// under its old name.
///
/// # Errors
/// `EEXIST` when the name is taken there, `EBUSY` when the number is, `EINVAL` for a kind of
/// interface that is bound to its namespace.
pub fn move_link(socket: &mut Socket, index: i32, destination: Destination<'_>) -> Answer<()> {
    let mut message = Message::new(libc::RTM_NEWLINK, 0, &link_part(index, 0, 0));
    let netns = destination.netns.as_raw_fd();
    message.attribute(libc::IFLA_NET_NS_FD, &netns.to_ne_bytes())?;
    message.attribute(libc::IFLA_IFNAME, &name_bytes(destination.name)?)?;
    message.attribute(IFLA_NEW_IFINDEX, &destination.index.to_ne_bytes())?;
    socket.request(message)
}

/// Sets an interface up.
///
/// # Errors
/// The kernel's or its driver's refusal.
pub fn set_up(socket: &mut Socket, index: i32) -> Answer<()> {
    let up = libc::IFF_UP as u32;
    socket.request(Message::new(
        libc::RTM_NEWLINK,
        0,
        &link_part(index, up, up),
    ))
}

/// Adds an address to an interface.
///
/// # Errors
/// `EEXIST` when it has it already; `EACCES` when IPv6 is disabled there.
pub fn add_address(socket: &mut Socket, index: i32, address: &Address) -> Answer<()> {
    let mut part = vec![address.family, address.prefix, 0, address.scope];
    part.extend(index.to_ne_bytes());
    let flags = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
    let mut message = Message::new(libc::RTM_NEWADDR, flags, &part);
    for (kind, value) in &address.attributes {
        message.attribute(*kind, value)?;
    }
    message.attribute(IFA_FLAGS, &(address.flags & KEPT_FLAGS).to_ne_bytes())?;
    socket.request(message)
}

/// `struct ifinfomsg`.
fn link_part(index: i32, flags: u32, change: u32) -> [u8; LINK_PART] {
    let mut part = [0; LINK_PART];
    let words = [0, index.cast_unsigned(), flags, change];
    for (place, word) in part.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    part
}

/// A name with its terminator.
fn name_bytes(name: &str) -> Result<Vec<u8>> {
    if name.is_empty() || name.len() > NAME_LIMIT || name.contains(['\0', '/', ' ']) {
        return Err(Errno::EINVAL);
    }
    Ok([name.as_bytes(), &[0]].concat())
}

#[cfg(test)]
pub(crate) mod tests;
