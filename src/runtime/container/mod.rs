//! Verbs on a container.
