//! `state`: what is known about one container; also the elements of `list`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::cgroup::{self, MemoryUse};
use crate::error::{Error, Kind, Result};
use crate::state::{Entry, Exit, Observation, Status, Store};
use crate::sys::clock;

/// Highest version of the runtime spec that this runtime implements.
pub const SPEC_VERSION: &str = "1.3.0";

/// The members in the order in which engines expect them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of the spec.
    pub oci_version: String,
    /// Container id.
    pub id: String,
    /// Pid of the first process, 0 if there is none.
    pub pid: i32,
    /// Status.
    pub status: Status,
    /// Absolute path of the bundle.
    pub bundle: String,
    /// Absolute path of the root file system.
    pub rootfs: String,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Name of the user who created it; `#` and the number where it has no name.
    pub owner: String,
    /// What its memory controller says, while the cgroup is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryUse>,
    /// How it ended, where somebody learned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// The state of a container.
///
/// # Errors
/// Kind not-found; system if its files are damaged.
pub fn state(root: &Path, id: &str) -> Result<State> {
    let entry = Store::find_in(root, id)?;
    let mut observation = entry.observe();
    match observation.damage.take() {
        Some(damage) => Err(damage),
        None => {
            let memory = observation.cgroup().and_then(cgroup::memory_use);
            let mut state = describe(&entry, observation);
            state.memory = memory;
            Ok(state)
        }
    }
}

/// The state as `saya state` prints it: indented by two spaces.
///
/// # Errors
/// None in practice: every member is a string or a number.
pub fn to_json(state: &State) -> Result<String> {
    let mut text = serde_json::to_string_pretty(state)
        .map_err(|error| Error::new(Kind::System, "write the state as JSON", error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Puts an observation into the members of the state; of a half-made container little is known.
/// What costs a look at the cgroup is left out: `list` shows many.
#[must_use]
pub fn describe(entry: &Entry, observation: Observation) -> State {
    let pid = observation.pid();
    let Observation {
        status,
        record,
        intent,
        exit,
        ..
    } = observation;
    let mut owner_uid = entry.owner_uid();
    let mut state = State {
        oci_version: SPEC_VERSION.to_owned(),
        id: entry.id().to_owned(),
        pid,
        status,
        bundle: intent.map_or_else(String::new, |intent| intent.bundle),
        rootfs: String::new(),
        created: clock::rfc3339(entry.changed()),
        annotations: BTreeMap::new(),
        owner: String::new(),
        memory: None,
        exit,
    };
    if let Some(record) = record {
        owner_uid = record.owner_uid;
        state.oci_version = record.oci_version;
        state.bundle = record.bundle;
        state.rootfs = record.rootfs;
        state.created = record.created;
        state.annotations = record.annotations;
    }
    state.owner = user_name(owner_uid);
    state
}

fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).map_or_else(|| format!("#{uid}"), str::to_owned)
}

/// The name of a user in the text of passwd(5).
fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Outcome;

    #[test]
    fn the_members_keep_their_order() {
        let state = State {
            oci_version: "1.3.0".into(),
            id: "web".into(),
            pid: 0,
            status: Status::Stopped,
            bundle: "/b".into(),
            rootfs: "/b/rootfs".into(),
            created: "2026-01-02T03:04:05.6Z".into(),
            annotations: [("a".to_owned(), "b".to_owned())].into(),
            owner: "root".into(),
            memory: Some(MemoryUse {
                oom_killed: true,
                peak: Some(4096),
            }),
            exit: Some(Exit::new(
                Outcome::Code(3),
                None,
                Some("2026-01-02T03:04:06Z".into()),
            )),
        };
        let expected = r#"{
  "ociVersion": "1.3.0",
  "id": "web",
  "pid": 0,
  "status": "stopped",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2026-01-02T03:04:05.6Z",
  "annotations": {
    "a": "b"
  },
  "owner": "root",
  "memory": {
    "oomKilled": true,
    "peak": 4096
  },
  "exit": {
    "code": 3,
    "finished": "2026-01-02T03:04:06Z"
  }
}
"#;
        assert_eq!(to_json(&state).unwrap(), expected);
    }

    #[test]
    fn users_have_names_or_numbers() {
        let users = "root:x:0:0:root:/root:/bin/sh\n+::::::\nweb:x:33:33::/:/bin/false\n";
        assert_eq!(name_in(users, 33), Some("web"));
        assert_eq!(name_in(users, 0), Some("root"));
        assert_eq!(name_in(users, 34), None);
        assert_eq!(user_name(0), "root");
        assert_eq!(user_name(4_294_967_294), "#4294967294");
    }
}
