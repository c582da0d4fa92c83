//! `/proc/PID/stat` (proc_pid_stat(5)): state, start time, exit status.
//!
//! Not async-signal-safe: it allocates.

use std::ffi::CString;

use nix::errno::Errno;

use super::pidfd::End;
use super::{Result, file};

/// The fields of one process that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: one letter, such as `R`, `S`, `D`, `Z`.
    pub state: char,
    /// Field 22: clock ticks between boot and the process' start.
    pub start_time: u64,
    /// Field 52: the wait status of a zombie; 0 where we may not trace the process.
    pub wait_status: i32,
}

impl Stat {
    /// How a zombie ended; `None` for a process that still runs.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        matches!(self.state, 'Z' | 'X')
            .then(|| End::from_wait_status(self.wait_status))
            .flatten()
    }
}

/// Reads the stat of `pid`.
///
/// # Errors
/// `ENOENT` or `ESRCH` if there is no such process, `EINVAL` if the text is not understood.
pub fn read(pid: i32) -> Result<Stat> {
    let path = CString::new(format!("/proc/{pid}/stat")).map_err(|_| Errno::EINVAL)?;
    let text = file::read_small(&path)?;
    parse(&text).ok_or(Errno::EINVAL)
}

fn parse(text: &[u8]) -> Option<Stat> {
    // The name (field 2) may hold anything, also `)` and newlines: the last `)` ends it.
    let end_of_name = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(end_of_name + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(22 - 4)?.parse().ok()?;
    let wait_status = fields.nth(52 - 23)?.parse().ok()?;
    Some(Stat {
        state,
        start_time,
        wait_status,
    })
}

#[cfg(test)]
#[allow(clippy::zombie_processes)] // reap() is what is tested
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_name_cannot_forge_fields() {
        let numbers: Vec<String> = (4..=52).map(|field| (field * 10).to_string()).collect();
        let text = format!("7 (a) Z 1 (b) 9) S {}\n", numbers.join(" "));
        let stat = parse(text.as_bytes()).unwrap();
        assert_eq!((stat.state, stat.start_time), ('S', 220));
        assert_eq!(stat.wait_status, 520);
        assert_eq!(parse(b"7 (x) S 1 2"), None);
        assert_eq!(parse(b"7 x S 1 2"), None);
    }

    #[test]
    fn a_zombie_shows_its_end() {
        let child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let pid = child.id().cast_signed();
        let pidfd = super::super::pidfd::open(pid).unwrap();
        super::super::pidfd::poll_end(std::os::fd::AsFd::as_fd(&pidfd), None).unwrap();
        let stat = read(pid).unwrap();
        let end = super::super::pidfd::reap(std::os::fd::AsFd::as_fd(&pidfd));
        assert_eq!(stat.state, 'Z');
        assert_eq!(stat.end(), Some(End::Code(3)));
        assert_eq!(end, Ok(End::Code(3)));
    }

    #[test]
    fn our_own_stat() {
        let stat = read(std::process::id().cast_signed()).unwrap();
        assert!(stat.start_time > 0);
        assert_eq!(stat.end(), None);
        assert_eq!(read(i32::MAX), Err(Errno::ENOENT));
    }
}
