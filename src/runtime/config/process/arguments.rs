//! What execve(2) is given: `args`, `env`, `cwd`.

use std::collections::HashSet;

use crate::config::Field;
use crate::config::reader::Cursor;

pub(super) fn args(process: &Cursor) -> Option<Field<Vec<String>>> {
    let member = process.required("args")?;
    let mut sound = true;
    let args = process.list("args", |arg| {
        let text = arg.text();
        sound &= text.is_some();
        text.map(str::to_owned)
    });
    if args.is_empty() && sound && member.is_empty_list() {
        member.refuse("at least one entry is needed: the program");
    }
    (sound && !args.is_empty()).then(|| member.field(args))
}

/// Of several entries with one name only the last is kept, at its own place.
pub(super) fn env(process: &Cursor) -> Vec<String> {
    let entries = process.list("env", |entry| {
        let text = entry.text()?;
        match text.split_once('=') {
            None => entry.refuse_with_hint(
                format!("`{text}` has no `=`"),
                "write NAME=value; a variable is never taken from the caller's environment",
            ),
            Some(("", _)) => entry.refuse("the variable has no name"),
            Some((name, _)) => return Some((name, text)),
        }
        None
    });
    let mut seen = HashSet::with_capacity(entries.len());
    let last = entries.into_iter().rev();
    let mut kept: Vec<String> = last
        .filter(|(name, _)| seen.insert(*name))
        .map(|(_, text)| text.to_owned())
        .collect();
    kept.reverse();
    kept
}

/// Left as it is written: `..` after a symbolic link is the container's business.
pub(super) fn cwd(process: &Cursor) -> Option<Field<String>> {
    let member = process.required("cwd")?;
    let path = member.text()?;
    if !path.starts_with('/') {
        member.refuse_with_hint(
            format!("`{path}` is not an absolute path"),
            "begin it with `/`",
        );
        return None;
    }
    Some(member.field(path.to_owned()))
}
