//! `list`: all containers of a state root. A broken one never hides the others.

use std::fmt::Write as _;
use std::path::Path;

use super::state::{State, describe};
use crate::error::{Context, Error, Kind, Result};
use crate::state::Store;

/// What a missing state root means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRoot {
    /// It was not asked for: there is no container yet.
    Empty,
    /// The command line names it: a mistake.
    Refuse,
}

/// The states of all containers in the order of their ids, and warnings about damaged ones.
///
/// # Errors
/// Kind system if the root cannot be read.
pub fn list(root: &Path, missing: MissingRoot) -> Result<(Vec<State>, Vec<String>)> {
    let Some(store) = Store::open_existing(root)? else {
        return match missing {
            MissingRoot::Empty => Ok((Vec::new(), Vec::new())),
            MissingRoot::Refuse => Err(missing_root()).at(root),
        };
    };
    store.sweep()?;
    let mut states = Vec::new();
    let mut warnings = Vec::new();
    for id in store.ids()? {
        match store.find(&id) {
            Ok(entry) => {
                let observation = entry.observe();
                if let Some(damage) = &observation.damage {
                    warnings.push(format!("container {id}: {damage}"));
                }
                states.push(describe(&entry, observation));
            }
            // Deleted since the directory was read, or no directory at all.
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => warnings.push(format!("container {id}: {error}")),
        }
    }
    Ok((states, warnings))
}

fn missing_root() -> Error {
    let errno = nix::errno::Errno::ENOENT;
    Error::from_errno(errno, "open the state root").hint("no container was made with this --root")
}

/// One line of JSON, as engines parse it; `null` where there is nothing.
///
/// # Errors
/// None in practice: every member is a string or a number.
pub fn to_json(states: &[State]) -> Result<String> {
    if states.is_empty() {
        return Ok("null\n".to_owned());
    }
    let mut text = serde_json::to_string(states)
        .map_err(|error| Error::new(Kind::System, "write the list as JSON", error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// The table of `list`: columns as wide as their widest cell.
#[must_use]
pub fn table(states: &[State]) -> String {
    let head = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head)
        .chain(states.iter().map(row))
        .collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let start = text.len();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{cell:<width$}   ");
        }
        text.truncate(start + text.get(start..).map_or(0, |line| line.trim_end().len()));
        text.push('\n');
    }
    text
}

fn row(state: &State) -> [String; 6] {
    [
        state.id.clone(),
        state.pid.to_string(),
        state.status.to_string(),
        state.bundle.clone(),
        state.created.clone(),
        state.owner.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Status;

    fn state(id: &str, pid: i32) -> State {
        State {
            oci_version: "1.3.0".into(),
            id: id.into(),
            pid,
            status: Status::Running,
            bundle: "/b".into(),
            rootfs: "/b/rootfs".into(),
            created: "2026-01-02T03:04:05Z".into(),
            annotations: [].into(),
            owner: "root".into(),
            memory: None,
            exit: None,
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let head = "ID   PID   STATUS   BUNDLE   CREATED   OWNER\n";
        assert_eq!(table(&[]), head);
        let text = table(&[state("web", 7), state("database", 12345)]);
        let expected = "\
ID         PID     STATUS    BUNDLE   CREATED                OWNER
web        7       running   /b       2026-01-02T03:04:05Z   root
database   12345   running   /b       2026-01-02T03:04:05Z   root
";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_is_one_line_and_nothing_is_null() {
        assert_eq!(to_json(&[]).unwrap(), "null\n");
        let expected = concat!(
            r#"[{"ociVersion":"1.3.0","id":"web","pid":7,"status":"running","bundle":"/b","#,
            r#""rootfs":"/b/rootfs","created":"2026-01-02T03:04:05Z","owner":"root"}]"#,
            "\n"
        );
        assert_eq!(to_json(&[state("web", 7)]).unwrap(), expected);
    }

    #[test]
    fn a_missing_root_is_a_mistake_only_if_named() {
        let root = Path::new("/nonexistent/saya");
        let (states, warnings) = list(root, MissingRoot::Empty).unwrap();
        assert_eq!((states.len(), warnings.len()), (0, 0));
        let error = list(root, MissingRoot::Refuse).unwrap_err();
        assert_eq!(
            error.to_string(),
            "open the state root (/nonexistent/saya): ENOENT: no such file or directory"
        );
    }
}
