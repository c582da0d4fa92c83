//! Small actions on files and processes.

use crate::sys;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// Writes a line to a fifo or file that exists, in one piece: a test that has read the beginning
/// may have closed its end of the fifo before the rest comes.
pub(crate) fn append(path: &str, text: &str) -> Result<(), String> {
    let line = format!("{text}\n");
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut f| f.write_all(line.as_bytes()))
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

/// Opens `path`, says so on the fifo `held`, waits for a word on the fifo `go`,
/// and then tries to open the same file for writing, again and again: what
/// protects it may be that somebody still executes it.
pub(crate) fn steal(path: &str, held: &str, go: &str) -> Result<Value, String> {
    let file = File::open(path).map_err(|e| format!("open {path}: {e}"))?;
    let meta = file.metadata().map_err(|e| format!("stat {path}: {e}"))?;
    append(held, "held")?;
    let waiting = File::open(go).and_then(|mut fifo| fifo.read(&mut [0; 16]));
    waiting.map_err(|e| format!("wait on {go}: {e}"))?;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let attempt = |_| {
        let opened = OpenOptions::new().write(true).open(&link);
        opened.map_or_else(|e| json!(e.raw_os_error()), |_| Value::Null)
    };
    let opened: Vec<Value> = (0..200).map(attempt).collect();
    Ok(json!({"inode": meta.ino(), "device": meta.dev(), "opened": opened}))
}

/// Leaves a child that sleeps for ever, and ends.
pub(crate) fn leave_orphan() -> Result<(), String> {
    if sys::fork().map_err(|e| format!("fork: {e}"))? {
        sys::pause_forever();
    }
    Ok(())
}
