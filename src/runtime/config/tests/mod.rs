//! Whole documents: good ones field by field, bad ones fault by fault.

mod invalid;
mod linux;
mod mounts;
mod process;
mod valid;
