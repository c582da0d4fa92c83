//! Every `unsafe` of the runtime: one thin function per kernel operation.
//!
//! Nothing here knows of containers. Functions return [`nix::errno::Errno`]; the caller names
//! the operation. Each states its man page and whether it is async-signal-safe, because the
//! child between clone and exec may call nothing else.
#![allow(unsafe_code)] // The one place for it: every call into the kernel that no safe crate wraps.

/// Result with a bare errno.
pub type Result<T> = std::result::Result<T, nix::errno::Errno>;
