//! Whole documents: good ones field by field, bad ones fault by fault.

mod invalid;
mod linux;
mod members;
mod mounts;
mod oracle;
mod process;
mod resources;
mod seccomp;
mod valid;
