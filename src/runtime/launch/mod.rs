//! The parent's half of a start.

pub mod net_devices;
