//! systemd as the maker of cgroups: units, and the calls that make and stop them.
//!
//! [`Unit`] is decided from `linux.cgroupsPath` (pure), [`annotations::properties`] reads what the
//! engine asks for beside (pure), [`Systemd`] talks to the machine's systemd or the user's, over a
//! D-Bus client of our own. Deliberately absent: what a container's resources are as properties,
//! and everything below the unit's cgroup (see `cgroup`).

pub mod annotations;
mod bus;
mod calls;
mod gvariant;
mod sockets;
#[cfg(test)]
mod tests;
mod unit;

pub use bus::value::Value;
pub use calls::{Job, Systemd};
pub use unit::{Instance, Unit, slice_path};

/// A property of a unit, by its name on the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Such as `MemoryMax`.
    pub name: String,
    /// Its value, of the type that systemd expects.
    pub value: Value,
}

impl Property {
    /// The property `name` with `value`.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}
