//! The container's cgroups: where they are, their life, who is in them.
//!
//! [`Layout`] is what the machine has, [`place`] decides (pure) which directories a container
//! gets, [`Cgroup::create`] makes them for `launch`, and the functions on a recorded
//! [`Placement`] ([`pids`], [`freeze`], [`kill_all`], [`wait_empty`], [`remove`]) serve every later
//! verb. [`settings`](settings::settings) says (pure) which control files the limits of a
//! configuration are, [`Cgroup::apply`] writes them, [`Cgroup::update`] changes them. cgroup v2 is
//! the reference; what only v1 needs stands apart (`v1`), and so does the systemd driver
//! ([`unit`]).

mod apply;
pub mod controllers;
mod create;
mod current;
mod delegate;
pub mod devices;
mod enter;
mod files;
mod freeze;
mod holders;
mod kill;
pub mod layout;
mod life;
mod memory;
mod oom;
pub mod placement;
pub mod settings;
mod stats;
#[cfg(test)]
mod tests;
mod tree;
mod undo;
pub mod unit;
mod update;
mod v1;
mod wait;

pub use create::Cgroup;
pub use current::Current;
pub use enter::{Below, birth_refused};
pub use freeze::{freeze, is_freezing, thaw};
pub use kill::kill_all;
pub use layout::{Layout, Mode};
pub use life::{is_frozen, pids, remove, remove_idle};
pub use memory::{MemoryUse, memory_use};
pub use oom::OomWatch;
pub use placement::{Directory, Driver, Placement, place};
pub use stats::{Stats, stats};
pub use update::Changed;
pub use wait::wait_empty;
