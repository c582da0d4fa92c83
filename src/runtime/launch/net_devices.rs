//! `linux.netDevices`: interfaces that move from the runtime's network namespace into the
//! container's (runtime-spec 1.3, config-linux.md#network-devices).
//!
//! An interface keeps its hardware address, its MTU and its permanent global addresses; routes,
//! neighbours and learnt addresses stay behind. It is set up in the container. What happens to it
//! afterwards is the kernel's rule, not ours: when the namespace dies, physical interfaces go back
//! to the *initial* network namespace (renamed where their name is taken), virtual ones (veth,
//! macvlan, …) are destroyed, a veth together with its peer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::config::NetDevice;
use crate::error::{Context, Doing, Error, Kind, Pointer, Result, errno_in_words};
use crate::sys::file;
use crate::sys::netlink::{Refusal, Socket};
use crate::sys::rtnetlink::{self, Address, Destination, Link};

/// An interface in the container, and what is needed to take it back.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Its name on the host.
    pub host_name: String,
    /// Its name in the container, templates resolved.
    pub name: String,
    index: i32,
    before: Link,
    addresses: Vec<Address>,
    at: Pointer,
}

/// Moves the devices in their order; all of them or, after a failure, none.
///
/// # Errors
/// The device, where it stands, and the kernel's reason.
pub fn move_in(devices: &[NetDevice], target: BorrowedFd<'_>) -> Result<Vec<Moved>> {
    let mut moved = Vec::with_capacity(devices.len());
    let Some(first) = devices.first() else {
        return Ok(moved);
    };
    let mut sides = Sides::open(target).at(&first.at)?;
    for device in devices {
        match sides.move_one(device) {
            Ok(one) => moved.push(one),
            Err(error) => {
                // The first error is the one that explains.
                let _ = sides.undo(&moved);
                return Err(error);
            }
        }
    }
    Ok(moved)
}

/// Takes the devices back after a later step of the start has failed: last one first, with their
/// old names, addresses and state. Goes on after failures and returns them.
#[must_use]
pub fn undo(moved: &[Moved], target: BorrowedFd<'_>) -> Vec<Error> {
    if moved.is_empty() {
        return Vec::new();
    }
    match Sides::open(target) {
        Ok(mut sides) => sides.undo(moved),
        Err(error) => vec![error],
    }
}

/// Both network namespaces.
struct Sides<'a> {
    here: Socket,
    there: Socket,
    own: OwnedFd,
    target: BorrowedFd<'a>,
}

impl<'a> Sides<'a> {
    fn open(target: BorrowedFd<'a>) -> Result<Self> {
        let own = file::open(c"/proc/thread-self/ns/net", libc::O_RDONLY)
            .doing("open the runtime's network namespace")?;
        Ok(Self {
            here: Socket::open().doing("open a netlink socket")?,
            there: Socket::open_in(target)
                .doing("open a netlink socket in the container's network namespace")?,
            own,
            target,
        })
    }

    fn move_one(&mut self, device: &NetDevice) -> Result<Moved> {
        let failed = |refusal| refused(device, &refusal);
        let before = rtnetlink::link_by_name(&mut self.here, &device.host_name).map_err(failed)?;
        if before.is_loopback() {
            let what = format!("move network device `{}`", device.host_name);
            let why = "a loopback interface belongs to its network namespace";
            return Err(Error::new(Kind::Config, what, why).at(&device.at));
        }
        let all = rtnetlink::addresses(&mut self.here, before.index).map_err(failed)?;
        let index = free_index(&mut self.there, before.index).map_err(failed)?;
        let mut moved = Moved {
            host_name: device.host_name.clone(),
            name: device.name.clone(),
            index,
            before,
            addresses: all.into_iter().filter(Address::is_global).collect(),
            at: device.at.clone(),
        };
        let destination = Destination {
            netns: self.target,
            name: &device.name,
            index,
        };
        let arrived = rtnetlink::move_link(&mut self.here, moved.before.index, destination)
            .map_err(failed)
            .and_then(|()| self.settle(device, &mut moved));
        if let Err(error) = arrived {
            self.retrieve(&moved);
            return Err(error);
        }
        Ok(moved)
    }

    /// Makes an interface that has arrived what it was.
    fn settle(&mut self, device: &NetDevice, moved: &mut Moved) -> Result<()> {
        let failed = |refusal| refused(device, &refusal);
        let link = rtnetlink::link_by_index(&mut self.there, moved.index).map_err(failed)?;
        moved.name = link.name;
        for address in &moved.addresses {
            rtnetlink::add_address(&mut self.there, moved.index, address).map_err(|refusal| {
                refused(device, &refusal).during(format!("keep address {}", address.text()))
            })?;
        }
        rtnetlink::set_up(&mut self.there, moved.index)
            .map_err(|refusal| refused(device, &refusal).during("set it up"))
    }

    /// After a failed move: it may have arrived under its old name, for moving and renaming are
    /// two steps of the kernel's.
    fn retrieve(&mut self, moved: &Moved) {
        if rtnetlink::link_by_index(&mut self.there, moved.index).is_ok() {
            // The failure that led here is the one that explains.
            let _ = self.bring_back(moved);
        }
    }

    fn undo(&mut self, moved: &[Moved]) -> Vec<Error> {
        let failures = moved.iter().rev().filter_map(|one| {
            self.bring_back(one).err().map(|refusal| {
                let what = format!("take network device `{}` back", one.host_name);
                explained(what, &refusal).at(&one.at)
            })
        });
        failures.collect()
    }

    fn bring_back(&mut self, moved: &Moved) -> Result<(), Refusal> {
        let index = free_index(&mut self.here, moved.before.index)?;
        let destination = Destination {
            netns: self.own.as_fd(),
            name: &moved.host_name,
            index,
        };
        rtnetlink::move_link(&mut self.there, moved.index, destination)?;
        for address in &moved.addresses {
            rtnetlink::add_address(&mut self.here, index, address)?;
        }
        if moved.before.is_up() {
            rtnetlink::set_up(&mut self.here, index)?;
        }
        Ok(())
    }
}

/// An interface number that is free in a namespace: the preferred one, else one above all. With a
/// number of our choice, the interface can be found again whatever the kernel names it.
fn free_index(socket: &mut Socket, preferred: i32) -> Result<i32, Refusal> {
    let links = rtnetlink::links(socket)?;
    if links.iter().all(|link| link.index != preferred) {
        return Ok(preferred);
    }
    let highest = links.iter().map(|link| link.index).max().unwrap_or(0);
    highest.checked_add(1).ok_or_else(|| Errno::ENOSPC.into())
}

fn refused(device: &NetDevice, refusal: &Refusal) -> Error {
    let what = if device.name == device.host_name {
        format!("move network device `{}`", device.host_name)
    } else {
        format!(
            "move network device `{}` as `{}`",
            device.host_name, device.name
        )
    };
    let error = explained(what, refusal).at(&device.at);
    match refusal.errno {
        Errno::ENODEV => {
            error.hint("`ip link` in the runtime's network namespace does not list it")
        }
        Errno::EEXIST => error.hint("the name is taken in the container's network namespace"),
        Errno::EINVAL => {
            error.hint("bridges, tunnels and the like cannot leave their network namespace")
        }
        _ => error,
    }
}

fn explained(what: String, refusal: &Refusal) -> Error {
    if refusal.explanation.is_empty() {
        return Error::from_errno(refusal.errno, what);
    }
    let why = format!(
        "{} ({})",
        errno_in_words(refusal.errno),
        refusal.explanation
    );
    Error::new(Kind::System, what, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::rtnetlink::tests::{
        address, between_namespaces, global_addresses, make_veth, own_namespace,
    };

    fn device(host_name: &str, name: &str) -> NetDevice {
        NetDevice {
            host_name: host_name.into(),
            name: name.into(),
            at: Pointer::new(format!("/linux/netDevices/{host_name}")),
        }
    }

    fn names(socket: &mut Socket) -> Vec<String> {
        let links = rtnetlink::links(socket).unwrap();
        let mut names: Vec<String> = links.into_iter().map(|link| link.name).collect();
        names.sort();
        names
    }

    /// Runs `body` with sockets of the host's and the container's namespace, where the host has
    /// veth pairs a–a1 and b–b1.
    fn with_two_pairs(body: impl FnOnce(&mut Socket, &mut Socket, BorrowedFd<'_>) + Send) {
        between_namespaces(|_, inside| {
            let mut here = Socket::open().unwrap();
            let mut there = Socket::open_in(inside.as_fd()).unwrap();
            if make_veth(&mut here, "a", "a1") && make_veth(&mut here, "b", "b1") {
                body(&mut here, &mut there, inside.as_fd());
            }
        });
    }

    #[test]
    fn devices_arrive_renamed_up_and_with_their_global_addresses() {
        with_two_pairs(|here, there, inside| {
            let a = rtnetlink::link_by_name(here, "a").unwrap().index;
            for (text, prefix) in [("10.1.0.1", 24), ("10.1.0.2", 24), ("2001:db8::5", 64)] {
                rtnetlink::add_address(here, a, &address(text, prefix)).unwrap();
            }
            // Up, it also has a link-local address, which is not kept.
            rtnetlink::set_up(here, a).unwrap();
            let before = own_namespace();
            let moved = move_in(&[device("a", "eth%d"), device("b", "b")], inside).unwrap();
            assert_eq!(moved[0].name, "eth0");
            assert_eq!(names(there), ["b", "eth0", "lo"]);
            assert_eq!(names(here), ["a1", "b1", "lo"]);
            let eth0 = rtnetlink::link_by_name(there, "eth0").unwrap();
            assert!(eth0.is_up());
            assert!(rtnetlink::link_by_name(there, "b").unwrap().is_up());
            assert_eq!(
                global_addresses(there, eth0.index),
                ["10.1.0.1/24", "10.1.0.2/24", "2001:db8::5/64"]
            );
            let same = |fd: &OwnedFd| file::status(fd.as_fd(), c"").unwrap().inode;
            assert_eq!(same(&before), same(&own_namespace()));
        });
    }

    #[test]
    fn undo_brings_back_names_addresses_and_state() {
        with_two_pairs(|here, _, inside| {
            let a = rtnetlink::link_by_name(here, "a").unwrap();
            rtnetlink::add_address(here, a.index, &address("10.1.0.1", 24)).unwrap();
            rtnetlink::set_up(here, a.index).unwrap();
            let moved = move_in(&[device("a", "x"), device("b", "y")], inside).unwrap();
            assert!(undo(&moved, inside).is_empty());
            assert_eq!(names(here), ["a", "a1", "b", "b1", "lo"]);
            let back = rtnetlink::link_by_name(here, "a").unwrap();
            assert_eq!(back.index, a.index);
            assert!(back.is_up());
            assert!(!rtnetlink::link_by_name(here, "b").unwrap().is_up());
            assert_eq!(global_addresses(here, back.index), ["10.1.0.1/24"]);
            assert_eq!(
                undo(&moved, inside).len(),
                2,
                "nothing is left to take back"
            );
        });
    }

    #[test]
    fn after_a_failure_nothing_has_moved() {
        with_two_pairs(|here, there, inside| {
            let devices = [device("a", "eth0"), device("none", "eth1")];
            let error = move_in(&devices, inside).unwrap_err();
            assert_eq!(
                error.to_string(),
                "move network device `none` as `eth1` (config.json: /linux/netDevices/none): \
                 ENODEV: no such device"
            );
            assert!(error.advice().is_some());
            assert_eq!(names(here), ["a", "a1", "b", "b1", "lo"]);
            assert_eq!(names(there), ["lo"]);
        });
    }

    #[test]
    fn a_taken_name_leaves_the_device_on_the_host() {
        with_two_pairs(|here, there, inside| {
            let error = move_in(&[device("a", "eth0"), device("b", "eth0")], inside).unwrap_err();
            assert!(error.to_string().contains("EEXIST: file exists"), "{error}");
            assert_eq!(names(here), ["a", "a1", "b", "b1", "lo"]);
            assert_eq!(names(there), ["lo"]);
        });
    }

    #[test]
    fn the_loopback_interface_stays() {
        with_two_pairs(|here, _, inside| {
            let error = move_in(&[device("lo", "lo9")], inside).unwrap_err();
            assert_eq!(
                error.to_string(),
                "move network device `lo` (config.json: /linux/netDevices/lo): a loopback \
                 interface belongs to its network namespace"
            );
            assert_eq!(names(here), ["a", "a1", "b", "b1", "lo"]);
        });
    }

    #[test]
    fn no_devices_need_no_namespace() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(move_in(&[], null.as_fd()).unwrap().is_empty());
        assert!(undo(&[], null.as_fd()).is_empty());
        let error = move_in(&[device("a", "a")], null.as_fd()).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINVAL));
    }
}
