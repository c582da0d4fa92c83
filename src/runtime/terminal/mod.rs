//! Terminals: handing the container's to an engine, or attaching it to the caller's own.
//!
//! The pseudoterminal is made by init inside the container, with `ONLCR` cleared so that output
//! lines end in `\n`, and its master comes to the parent over the channel. From there it goes to
//! the engine ([`Courier`], `--console-socket`), or [`Foreground`] relays it for `run` and
//! `exec -t`. Deliberately absent: anything that opens a terminal by a path in the container.

mod console;
mod foreground;
mod relay;
mod session;
mod socket;

pub use console::HostConsole;
pub use foreground::{Foreground, Orphans};
pub use session::Terminal;
pub use socket::Courier;
