//! The intent record: what a `create` is about to make, written before it makes anything.
//!
//! A runtime that is killed at any moment leaves at most what its intent names, so that
//! `delete --force` can undo it. The file is `intent.json` in the container's [`crate::state`]
//! entry. Deliberately absent: what happened afterwards; that is `state.json`.

use serde::{Deserialize, Serialize};

use crate::cgroup::Placement;
use crate::resctrl::Groups;
use crate::sys::known_process::KnownProcess;

/// Version of the intent's format. A reader takes any version and ignores unknown fields.
pub const FORMAT: u32 = 1;

/// What is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// Container id.
    pub id: String,
    /// Absolute path of the bundle.
    pub bundle: String,
    /// The runtime process that makes the container.
    pub owner: KnownProcess,
    /// The cgroups about to be made or entered.
    pub cgroup: Placement,
    /// Network devices about to be moved in, by their name on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub net_devices: Vec<String>,
    /// Groups below resctrl about to be made or entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resctrl: Option<Groups>,
}

impl Intent {
    /// The intent of this process.
    ///
    /// # Errors
    /// Where this process cannot identify itself, as without /proc.
    pub fn own(id: &str, bundle: &str, cgroup: Placement) -> crate::sys::Result<Self> {
        Ok(Self {
            format: FORMAT,
            id: id.to_owned(),
            bundle: bundle.to_owned(),
            owner: KnownProcess::own()?,
            cgroup,
            net_devices: Vec::new(),
            resctrl: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_of_a_later_format_are_tolerated() {
        let intent = Intent::own("web", "/b", Placement::default()).unwrap();
        let mut json = serde_json::to_value(&intent).unwrap();
        json["format"] = 2.into();
        json["resctrlGroup"] = "x".into();
        let read: Intent = serde_json::from_value(json).unwrap();
        assert_eq!(read.format, 2);
        assert_eq!(read.owner, intent.owner);
    }
}
