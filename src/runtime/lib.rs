//! Saya, a low-level OCI container runtime.
//!
//! The pipeline: bundle → Spec → [`config`] → [`plan`] → [`launch`] ⇄ [`init`] → [`state`].
//! Every OCI decision is made before clone, in the pure modules `config` and `plan`; the
//! child only walks the plan's steps. `tests/layers.rs` holds who may use whom.

pub mod bundle;
pub mod cgroup;
pub mod cli;
pub mod config;
pub mod container;
pub mod error;
pub mod hooks;
pub mod host;
pub mod init;
pub mod journal;
pub mod launch;
pub mod log;
pub mod plan;
pub mod protocol;
pub mod resctrl;
pub mod seccomp;
pub mod state;
pub mod sys;
pub mod systemd;
pub mod terminal;
