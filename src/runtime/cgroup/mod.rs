//! The container's cgroups: where they are, their life, who is in them.

/// Where a container's cgroups are.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Placement {}
