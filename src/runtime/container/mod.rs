//! Verbs on a container.

pub mod check;
pub mod create;
pub mod delete;
pub mod exec;
mod further;
pub mod prepare;
pub mod run;
pub mod start;
mod stored;
