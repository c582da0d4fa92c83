//! What kind of file a path is: type, numbers, mode, owner.

use crate::sys;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// path → description, for each path.
pub(crate) fn describe_all(paths: &[&str]) -> Value {
    Value::Object(
        paths
            .iter()
            .map(|path| ((*path).to_owned(), describe(path)))
            .collect(),
    )
}

/// One path, without following a symlink at its end.
fn describe(path: &str) -> Value {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) => return json!({"error": e.to_string(), "errno": e.raw_os_error()}),
    };
    json!({
        "type": type_name(meta.file_type()),
        "major": libc::major(meta.rdev()),
        "minor": libc::minor(meta.rdev()),
        "mode": format!("{:04o}", meta.mode() & 0o7777),
        "uid": meta.uid(),
        "gid": meta.gid(),
        "size": meta.size(),
        "inode": meta.ino(),
        "device": meta.dev(),
        "target": fs::read_link(path).ok().map(|t| t.to_string_lossy().into_owned()),
        "content": content(path, &meta),
        "entries": entries(path),
    })
}

fn type_name(kind: fs::FileType) -> &'static str {
    if kind.is_dir() {
        "directory"
    } else if kind.is_symlink() {
        "symlink"
    } else if kind.is_char_device() {
        "char"
    } else if kind.is_block_device() {
        "block"
    } else if kind.is_fifo() {
        "fifo"
    } else if kind.is_socket() {
        "socket"
    } else {
        "file"
    }
}

/// The beginning of a regular file.
fn content(path: &str, meta: &fs::Metadata) -> Option<String> {
    use std::io::Read;
    if !meta.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(4096)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Names in a directory, sorted.
fn entries(path: &str) -> Option<Vec<String>> {
    let dir = fs::read_dir(path).ok()?;
    let mut names: Vec<String> = dir
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Some(names)
}

/// Makes a node: `c`, `b` or `p`.
pub(crate) fn make(path: &str, kind: &str, major: &str, minor: &str) -> Result<(), String> {
    let file_type = match kind {
        "c" => libc::S_IFCHR,
        "b" => libc::S_IFBLK,
        "p" => libc::S_IFIFO,
        _ => return Err(format!("mknod: no such type: {kind}")),
    };
    let number = |text: &str| text.parse().map_err(|e| format!("mknod: {text}: {e}"));
    sys::make_node(path, file_type | 0o666, number(major)?, number(minor)?)
        .map_err(|e| format!("mknod {path}: {e}"))
}
