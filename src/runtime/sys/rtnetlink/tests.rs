//! Interfaces in network namespaces of the test's own.

use std::os::fd::{AsFd, OwnedFd};

use super::*;
use crate::sys::netlink::append_attribute;
use crate::sys::{file, namespace};

const NET: u64 = libc::CLONE_NEWNET as u64;

/// Runs `body` in a thread with a new network namespace, which it gets together with a second
/// one. Both vanish with the last descriptor and thread.
pub(crate) fn between_namespaces(body: impl FnOnce(&OwnedFd, &OwnedFd) + Send) {
    std::thread::scope(|scope| {
        let outer = scope.spawn(|| {
            let inside = std::thread::scope(|scope| {
                let visitor = scope.spawn(|| namespace::unshare(NET).map(|()| own_namespace()));
                visitor.join().unwrap()
            });
            let Ok(inside) = inside else {
                println!("skipped: no new network namespace here: {inside:?}");
                return;
            };
            namespace::unshare(NET).unwrap();
            body(&own_namespace(), &inside);
        });
        if let Err(panic) = outer.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

pub(crate) fn own_namespace() -> OwnedFd {
    file::open(c"/proc/thread-self/ns/net", libc::O_RDONLY).unwrap()
}

/// A veth pair; `false`, with the reason printed, where the kernel has none.
pub(crate) fn make_veth(socket: &mut Socket, name: &str, peer: &str) -> bool {
    const VETH_INFO_PEER: u16 = 1;
    let mut peer_part = link_part(0, 0, 0).to_vec();
    append_attribute(
        &mut peer_part,
        libc::IFLA_IFNAME,
        &name_bytes(peer).unwrap(),
    )
    .unwrap();
    let mut data = Vec::new();
    append_attribute(&mut data, VETH_INFO_PEER, &peer_part).unwrap();
    let mut info = Vec::new();
    append_attribute(&mut info, libc::IFLA_INFO_KIND, b"veth").unwrap();
    append_attribute(&mut info, libc::IFLA_INFO_DATA, &data).unwrap();
    let flags = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
    let mut message = Message::new(libc::RTM_NEWLINK, flags, &link_part(0, 0, 0));
    message
        .attribute(libc::IFLA_IFNAME, &name_bytes(name).unwrap())
        .unwrap();
    message.attribute(libc::IFLA_LINKINFO, &info).unwrap();
    match socket.request(message) {
        Ok(()) => true,
        Err(refusal) if refusal.errno == Errno::EOPNOTSUPP => {
            println!("skipped: this kernel has no veth: {refusal:?}");
            false
        }
        Err(refusal) => panic!("{refusal:?}"),
    }
}

/// A global, permanent address.
pub(crate) fn address(text: &str, prefix: u8) -> Address {
    let (family, bytes) = match text.parse().unwrap() {
        std::net::IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        std::net::IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    Address {
        family: family as u8,
        prefix,
        scope: libc::RT_SCOPE_UNIVERSE,
        // No duplicate address detection: the test looks at once.
        flags: libc::IFA_F_PERMANENT | 0x02,
        attributes: vec![(libc::IFA_LOCAL, bytes.clone()), (libc::IFA_ADDRESS, bytes)],
    }
}

/// The global addresses of an interface as text.
pub(crate) fn global_addresses(socket: &mut Socket, index: i32) -> Vec<String> {
    let all = addresses(socket, index).unwrap();
    all.iter()
        .filter(|one| one.is_global())
        .map(Address::text)
        .collect()
}

#[test]
fn a_new_namespace_has_a_loopback_that_is_down() {
    between_namespaces(|_, _| {
        let mut socket = Socket::open().unwrap();
        let link = link_by_name(&mut socket, "lo").unwrap();
        assert!(link.is_loopback() && !link.is_up());
        assert_eq!(link_by_index(&mut socket, link.index).unwrap(), link);
        set_up(&mut socket, link.index).unwrap();
        assert!(link_by_name(&mut socket, "lo").unwrap().is_up());
        let found = addresses(&mut socket, link.index).unwrap();
        assert_eq!(
            found.first().map(Address::text).as_deref(),
            Some("127.0.0.1/8")
        );
        assert!(
            !found
                .iter()
                .any(|one| one.is_global() && one.text() == "127.0.0.1/8")
        );
    });
}

#[test]
fn an_interface_moves_with_a_new_name_and_number() {
    between_namespaces(|_, inside| {
        let mut here = Socket::open().unwrap();
        let mut there = Socket::open_in(inside.as_fd()).unwrap();
        if !make_veth(&mut here, "out0", "peer0") {
            return;
        }
        let link = link_by_name(&mut here, "out0").unwrap();
        let to = |name, index| Destination {
            netns: inside.as_fd(),
            name,
            index,
        };
        move_link(&mut here, link.index, to("in%d", 77)).unwrap();
        assert_eq!(
            link_by_name(&mut here, "out0").unwrap_err().errno,
            Errno::ENODEV
        );
        let moved = link_by_index(&mut there, 77).unwrap();
        assert_eq!(moved.name, "in0");
        let peer = link_by_name(&mut here, "peer0").unwrap();
        let taken = move_link(&mut here, peer.index, to("x", 77)).unwrap_err();
        assert_eq!(taken.errno, Errno::EBUSY);
        // Socket::open_in left this thread where it was.
        assert_eq!(
            links(&mut here).unwrap().len(),
            links(&mut Socket::open().unwrap()).unwrap().len()
        );
    });
}

#[test]
fn addresses_are_read_back_as_they_were_added() {
    between_namespaces(|_, _| {
        let mut socket = Socket::open().unwrap();
        if !make_veth(&mut socket, "a", "b") {
            return;
        }
        let index = link_by_name(&mut socket, "a").unwrap().index;
        for (text, prefix) in [("10.1.0.1", 24), ("10.1.0.2", 24), ("2001:db8::5", 64)] {
            add_address(&mut socket, index, &address(text, prefix)).unwrap();
        }
        assert_eq!(
            global_addresses(&mut socket, index),
            ["10.1.0.1/24", "10.1.0.2/24", "2001:db8::5/64"]
        );
        let other = link_by_name(&mut socket, "b").unwrap().index;
        assert!(global_addresses(&mut socket, other).is_empty());
    });
}

#[test]
fn impossible_names_are_refused_before_the_kernel_sees_them() {
    for name in ["", "sixteen-letters!", "a/b", "a b", "a\0b"] {
        assert_eq!(name_bytes(name), Err(Errno::EINVAL), "{name:?}");
    }
    assert!(name_bytes("fifteen-letters").is_ok());
}
