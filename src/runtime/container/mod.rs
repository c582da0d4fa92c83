//! Verbs on a container.

pub mod check;
pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod features;
mod further;
mod host_state;
pub mod kill;
pub mod list;
pub mod pause;
pub mod prepare;
pub mod ps;
pub mod run;
pub mod signal;
pub mod spec;
pub mod start;
pub mod state;
mod stored;
pub mod update;
pub mod wait;

#[cfg(test)]
mod tests;
