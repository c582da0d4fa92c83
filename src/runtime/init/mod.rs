//! The child's half of a start.
