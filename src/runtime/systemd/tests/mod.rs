//! The conversation with systemd, against a peer that plays it: over a socket pair (as systemd's
//! own socket is), and over a dbus-daemon of the test's own.

mod daemon;
mod peer;
mod talk;
