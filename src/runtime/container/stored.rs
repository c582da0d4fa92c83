//! What verbs on an existing container read from its state: the configuration as it was at
//! create, and the state that hooks are given.

use std::path::Path;

use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::hooks::State;
use crate::state::{Entry, Record, Status};

/// The configuration of a container, as it was when it was created.
///
/// # Errors
/// A state that is damaged.
pub(super) fn config(entry: &Entry, record: &Record) -> Result<Config> {
    let what = "read the container's configuration";
    let text = entry.config()?;
    let document = serde_json::from_slice(&text)
        .map_err(|error| Error::new(Kind::System, what, error.to_string()))
        .map_err(|error| error.at(Path::new(entry.path())))?;
    Config::from_spec(&document, &record.bundle).map_err(super::prepare::first_fault)
}

/// The state that a hook reads, as a line of JSON.
///
/// # Errors
/// None in practice.
pub(super) fn hook_state(record: &Record, status: Status) -> Result<Vec<u8>> {
    State {
        oci_version: &record.oci_version,
        id: &record.id,
        status: status.name(),
        pid: (status != Status::Stopped).then_some(record.init.pid),
        bundle: &record.bundle,
        annotations: &record.annotations,
    }
    .to_json()
}

/// The error of a process that is no longer where it was just now.
pub(super) fn vanished() -> Error {
    Error::new(
        Kind::System,
        "talk to the container's process",
        "it is gone",
    )
}
