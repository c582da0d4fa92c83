//! The parent's half of a start.
