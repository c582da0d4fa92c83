//! `ps`: the processes of a container, as pids or as ps(1) shows them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::cgroup;
use crate::error::{Doing, Error, Kind, Result};
use crate::state::Store;

/// The pids of the container's processes in the runtime's pid namespace, ascending.
///
/// # Errors
/// Kind not-found; unsupported if the container has no cgroup to find them by; system.
pub fn pids(root: &Path, id: &str) -> Result<Vec<i32>> {
    let entry = Store::find_in(root, id)?;
    let observation = entry.observe();
    let Some(placement) = observation.cgroup() else {
        return match observation.damage {
            Some(damage) => Err(damage),
            None => Ok(Vec::new()),
        };
    };
    if placement.directories.is_empty() {
        let why = "the container has no cgroup by which its processes could be found";
        return Err(Error::new(Kind::Unsupported, "list the processes", why));
    }
    cgroup::pids(placement)
}

/// The output of `ps OPTIONS` (`-ef` without options), reduced to the header and the rows whose
/// PID is one of `pids`.
///
/// # Errors
/// Kind system if ps(1) is missing or fails; usage if its table has no column `PID`.
pub fn table(pids: &[i32], options: &[OsString]) -> Result<String> {
    let mut command = Command::new("ps");
    if options.is_empty() {
        command.arg("-ef");
    } else {
        command.args(options);
    }
    let output = command.output().doing("run `ps`")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(Kind::System, "run `ps`", why.trim())
            .hint("what follows the container id is passed on to ps(1)"));
    }
    filter(&String::from_utf8_lossy(&output.stdout), pids)
}

fn filter(table: &str, pids: &[i32]) -> Result<String> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    let Some(column) = head.split_whitespace().position(|name| name == "PID") else {
        return Err(Error::new(
            Kind::Usage,
            "read the output of `ps`",
            "it has no column `PID`",
        )
        .hint("add `pid` to the columns after -o"));
    };
    let is_ours = |line: &&str| {
        let pid = line.split_whitespace().nth(column);
        pid.and_then(|pid| pid.parse().ok())
            .is_some_and(|pid: i32| pids.contains(&pid))
    };
    let mut text = format!("{head}\n");
    for line in lines.filter(is_ours) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// The pids as a JSON array, as engines read it.
#[must_use]
pub fn to_json(pids: &[i32]) -> String {
    let numbers: Vec<String> = pids.iter().map(i32::to_string).collect();
    format!("[{}]\n", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_the_pid_column() {
        let table = "UID   PID  PPID CMD\nroot    1     0 init\nroot   17     1 sh 1\nx 1 17 1\n";
        let text = filter(table, &[17, 99]).unwrap();
        assert_eq!(text, "UID   PID  PPID CMD\nroot   17     1 sh 1\n");
        assert_eq!(filter(table, &[]).unwrap(), "UID   PID  PPID CMD\n");
        let error = filter("UID CMD\n", &[1]).unwrap_err();
        assert!(error.to_string().contains("no column `PID`"));
    }

    #[test]
    fn the_real_ps_knows_this_process() {
        let own = std::process::id().cast_signed();
        let text = table(&[own], &["-o".into(), "pid,comm".into(), "-A".into()]).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        let error = table(&[own], &["--no-such-option".into()]).unwrap_err();
        assert!(error.to_string().starts_with("run `ps`"), "{error}");
    }

    #[test]
    fn pids_as_json() {
        assert_eq!(to_json(&[1, 22]), "[1,22]\n");
        assert_eq!(to_json(&[]), "[]\n");
    }
}
