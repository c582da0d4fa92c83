//! Small actions on files and processes.

use crate::sys;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;

/// Writes a line to a fifo or file that exists.
pub(crate) fn append(path: &str, text: &str) -> Result<(), String> {
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut f| writeln!(f, "{text}"))
        .map_err(|e| format!("notify {path}: {e}"))
}

/// Replaces the content of a file.
pub(crate) fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("write {path}: {e}"))
}

/// Tries to open a path (`r`, `w` or `rw`); the error or null.
pub(crate) fn open_result(path: &str, mode: &str) -> Value {
    let result = OpenOptions::new()
        .read(mode.contains('r'))
        .write(mode.contains('w'))
        .open(path);
    match result {
        Ok(_) => json!({"errno": null}),
        Err(e) => json!({"errno": e.raw_os_error(), "error": e.to_string()}),
    }
}

/// Leaves a child that sleeps for ever, and ends.
pub(crate) fn leave_orphan() -> Result<(), String> {
    if sys::fork().map_err(|e| format!("fork: {e}"))? {
        sys::pause_forever();
    }
    Ok(())
}
