//! Who keeps a cgroup busy, or does not freeze, in words: the cause that an error names when a wait
//! ran out.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Most processes that are named one by one.
const NAMED_MAX: usize = 4;
/// The kernel's functions in which nobody but a frozen thread waits, of v1 and v2.
const FROZEN_IN: [&str; 2] = ["__refrigerator", "do_freezer_trap"];

/// `pid 12 (cat, state D, in nfs_wait_bit)` for each process, at most four of them.
pub(super) fn describe(pids: &BTreeSet<libc::pid_t>) -> String {
    if pids.is_empty() {
        return "the kernel has not let go of it yet".to_owned();
    }
    format!("still held by {}", list(pids))
}

/// The same for those that do not freeze: the kernel does not say who, so all that may be in the
/// way.
pub(super) fn unfrozen(pids: &BTreeSet<libc::pid_t>) -> String {
    let is_in_question = |pid: &libc::pid_t| !is_surely_frozen(*pid);
    let in_question: BTreeSet<_> = pids.iter().copied().filter(is_in_question).collect();
    if in_question.is_empty() {
        return "the kernel has not frozen it yet".to_owned();
    }
    format!("some do not freeze, of {}", list(&in_question))
}

fn list(pids: &BTreeSet<libc::pid_t>) -> String {
    let named = pids.iter().take(NAMED_MAX).map(|&pid| match pid {
        0 => "a process outside of this pid namespace".to_owned(),
        pid => process(pid),
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = pids.len().checked_sub(NAMED_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

/// Whether every thread stands where only the freezers keep one, by /proc/PID/task/TID/wchan. Since
/// Linux 6.1 the v1 freezer leaves others asleep where they were.
fn is_surely_frozen(pid: libc::pid_t) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let place = std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default();
        FROZEN_IN.contains(&place.trim())
    })
}

fn process(pid: libc::pid_t) -> String {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((name, state)) = parse_stat(&String::from_utf8_lossy(&stat)) else {
        return format!("pid {pid}");
    };
    let place = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    match place.trim() {
        "" | "0" => format!("pid {pid} ({name}, state {state})"),
        place => format!("pid {pid} ({name}, state {state}, in {place})"),
    }
}

/// Name and state letter of /proc/PID/stat (proc_pid_stat(5)). The name may hold anything, also
/// parentheses; control characters are replaced.
fn parse_stat(stat: &str) -> Option<(String, char)> {
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    Some((name.replace(char::is_control, "?"), tail.chars().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_line_feeds_is_read_whole() {
        let parsed = parse_stat("7 (a) (b\n) S 1 7 7 0 -1");
        assert_eq!(parsed, Some(("a) (b?".to_owned(), 'S')));
        assert_eq!(parse_stat("garbage"), None);
    }

    #[test]
    fn processes_are_named_and_the_rest_is_counted() {
        let own = libc::pid_t::try_from(std::process::id()).unwrap();
        let text = describe(&BTreeSet::from([own]));
        assert!(
            text.starts_with(&format!("still held by pid {own} (")),
            "{text}"
        );
        // No such pids: above the kernel's largest.
        let text = describe(&(1 << 23..(1 << 23) + 6).collect());
        assert!(text.ends_with("pid 8388611 and 2 more"), "{text}");
        assert!(describe(&BTreeSet::from([0])).contains("outside of this pid namespace"));
    }
}
