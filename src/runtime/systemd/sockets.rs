//! Where systemd is to be found: the bus it is on, and the socket of its own.

use super::bus::address::{self, Target};
use super::unit::Instance;
use crate::error::{Error, Kind, Result};
use crate::sys::file;

/// Where the machine's bus listens (D-Bus specification, "Well-known Message Bus Instances").
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
/// Where the machine's systemd listens itself, for root.
const SYSTEM_PRIVATE: &str = "/run/systemd/private";

/// Advice where the user's systemd is not found.
const NO_USER_BUS: &str = "set DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR, and have the user's \
                           systemd run without a login: `loginctl enable-linger`";

impl Instance {
    /// The machine's systemd for root, the user's for everybody else, root of a user namespace
    /// included.
    #[must_use]
    pub fn own() -> Self {
        let map = file::read_small(c"/proc/self/uid_map").unwrap_or_default();
        if nix::unistd::geteuid().is_root() && is_whole(&String::from_utf8_lossy(&map)) {
            Self::System
        } else {
            Self::User
        }
    }
}

/// Whether a uid_map is that of no user namespace (user_namespaces(7)).
fn is_whole(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// The sockets of one systemd.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sockets {
    /// The bus, in the order to be tried.
    pub(super) bus: Vec<Target>,
    /// systemd's own, for where there is no bus.
    pub(super) private: Option<Target>,
    /// Advice where neither answers.
    pub(super) hint: &'static str,
}

/// The sockets of `instance`, from the environment `variable`; `is_root` opens the private one.
///
/// # Errors
/// An address that is none; a user's systemd that no variable points to.
pub(super) fn of(
    instance: Instance,
    is_root: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Sockets> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    match instance {
        Instance::System => {
            let named = variable("DBUS_SYSTEM_BUS_ADDRESS");
            Ok(Sockets {
                // Who names a bus means that one.
                private: (is_root && named.is_none())
                    .then(|| Target::Path(SYSTEM_PRIVATE.to_owned())),
                bus: match named {
                    Some(list) => addresses("DBUS_SYSTEM_BUS_ADDRESS", &list)?,
                    None => vec![Target::Path(SYSTEM_BUS.to_owned())],
                },
                hint: "is systemd running here? The cgroupfs driver works without it",
            })
        }
        Instance::User => {
            let runtime_dir = variable("XDG_RUNTIME_DIR");
            let below = |path: &str| {
                let dir = runtime_dir.as_deref()?.trim_end_matches('/');
                Some(Target::Path(format!("{dir}/{path}")))
            };
            let bus = match variable("DBUS_SESSION_BUS_ADDRESS") {
                Some(list) => addresses("DBUS_SESSION_BUS_ADDRESS", &list)?,
                None => vec![below("bus").ok_or_else(nowhere)?],
            };
            Ok(Sockets {
                bus,
                private: below("systemd/private"),
                hint: NO_USER_BUS,
            })
        }
    }
}

fn nowhere() -> Error {
    let why = "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set";
    Error::new(Kind::System, "find the user's systemd", why).hint(NO_USER_BUS)
}

fn addresses(variable: &str, list: &str) -> Result<Vec<Target>> {
    let what = format!("read {variable}={}", list.escape_debug());
    address::parse(list).map_err(|why| Error::new(Kind::System, what, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<Target> {
        paths
            .iter()
            .map(|path| Target::Path((*path).to_owned()))
            .collect()
    }

    fn find(
        instance: Instance,
        is_root: bool,
        variables: &[(&str, &str)],
    ) -> Result<(Vec<Target>, Option<Target>)> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        of(instance, is_root, variable).map(|sockets| (sockets.bus, sockets.private))
    }

    #[test]
    fn a_user_namespace_is_known_by_its_map() {
        assert!(is_whole("         0          0 4294967295\n"));
        for map in [
            "0 1000 1\n",
            "0 0 4294967295\n1 1 1\n",
            "",
            "0 100000 65536\n",
        ] {
            assert!(!is_whole(map), "{map}");
        }
    }

    #[test]
    fn the_machines_bus_is_where_it_always_is() {
        let bus = paths(&[SYSTEM_BUS]);
        let private = Some(Target::Path(SYSTEM_PRIVATE.to_owned()));
        assert_eq!(
            find(Instance::System, false, &[]).unwrap(),
            (bus.clone(), None)
        );
        assert_eq!(find(Instance::System, true, &[]).unwrap(), (bus, private));
        let elsewhere = [("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/x;unix:path=/y")];
        let found = find(Instance::System, true, &elsewhere).unwrap();
        assert_eq!(found, (paths(&["/x", "/y"]), None));
    }

    #[test]
    fn the_users_bus_is_named_by_the_environment() {
        let runtime_dir = ("XDG_RUNTIME_DIR", "/run/user/7/");
        let (bus, private) = find(Instance::User, false, &[runtime_dir]).unwrap();
        assert_eq!(bus, paths(&["/run/user/7/bus"]));
        assert_eq!(private, paths(&["/run/user/7/systemd/private"]).pop());
        let address = ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=a");
        let (bus, private) = find(Instance::User, false, &[address]).unwrap();
        assert_eq!(
            (bus, private),
            (vec![Target::Abstract(b"a".to_vec())], None)
        );
    }

    #[test]
    fn a_user_without_a_bus_is_told_what_to_do() {
        for variables in [&[][..], &[("XDG_RUNTIME_DIR", "")]] {
            let error = find(Instance::User, false, variables).unwrap_err();
            let advice = error.advice().unwrap();
            for word in [
                "DBUS_SESSION_BUS_ADDRESS",
                "XDG_RUNTIME_DIR",
                "loginctl enable-linger",
            ] {
                assert!(advice.contains(word), "{advice}");
            }
        }
    }

    #[test]
    fn an_address_that_is_none_is_quoted() {
        let variables = [("DBUS_SESSION_BUS_ADDRESS", "tcp:host=x")];
        let error = find(Instance::User, false, &variables).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read DBUS_SESSION_BUS_ADDRESS=tcp:host=x: no Unix socket (`unix:path=…` or \
             `unix:abstract=…`) is in it"
        );
    }
}
