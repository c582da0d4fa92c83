//! Verbs on a container.

pub mod delete;
