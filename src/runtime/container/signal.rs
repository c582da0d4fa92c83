//! Signals as people and engines write them (signal(7)): `KILL`, `SIGKILL`, `sigkill`, `9`,
//! `RTMIN+3`.

use crate::error::{Error, Kind, Result};

/// The highest signal number of Linux on every architecture but MIPS.
const LAST: i32 = 64;

/// The first real-time signal that programs may use: the C libraries keep 32 and 33 for
/// themselves. (musl keeps 34 as well; the number that people mean is glibc's.)
const FIRST_REALTIME: i32 = 34;

const NAMES: [(&str, i32); 34] = [
    ("ABRT", libc::SIGABRT),
    ("ALRM", libc::SIGALRM),
    ("BUS", libc::SIGBUS),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("FPE", libc::SIGFPE),
    ("HUP", libc::SIGHUP),
    ("ILL", libc::SIGILL),
    ("INT", libc::SIGINT),
    ("IO", libc::SIGIO),
    ("IOT", libc::SIGABRT),
    ("KILL", libc::SIGKILL),
    ("PIPE", libc::SIGPIPE),
    ("POLL", libc::SIGIO),
    ("PROF", libc::SIGPROF),
    ("PWR", libc::SIGPWR),
    ("QUIT", libc::SIGQUIT),
    ("SEGV", libc::SIGSEGV),
    ("STKFLT", libc::SIGSTKFLT),
    ("STOP", libc::SIGSTOP),
    ("SYS", libc::SIGSYS),
    ("TERM", libc::SIGTERM),
    ("TRAP", libc::SIGTRAP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("VTALRM", libc::SIGVTALRM),
    ("WINCH", libc::SIGWINCH),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
];

/// The number of a signal, 0 to 64. 0 sends nothing and only asks whether it could be sent.
///
/// # Errors
/// Kind usage.
pub fn parse(text: &str) -> Result<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return match number {
            0..=LAST => Ok(number),
            _ => Err(unknown(text).hint(format!("signals go from 0 to {LAST}"))),
        };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let named = NAMES.iter().find(|(known, _)| *known == name);
    match named {
        Some(&(_, number)) => Ok(number),
        None => {
            realtime(name).ok_or_else(|| unknown(text).hint("`kill -l` lists the names of signals"))
        }
    }
}

fn unknown(text: &str) -> Error {
    Error::new(Kind::Usage, "", format!("unknown signal {text:?}"))
}

/// `RTMIN`, `RTMIN+n`, `RTMAX`, `RTMAX-n`.
fn realtime(name: &str) -> Option<i32> {
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        FIRST_REALTIME + offset(rest, '+')?
    } else {
        LAST - offset(name.strip_prefix("RTMAX")?, '-')?
    };
    (FIRST_REALTIME..=LAST).contains(&number).then_some(number)
}

fn offset(text: &str, sign: char) -> Option<i32> {
    match text.strip_prefix(sign) {
        None => text.is_empty().then_some(0),
        Some(digits) if digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        Some(_) => None,
    }
}

/// The name of a signal with its `SIG`, for messages.
#[must_use]
pub fn name(number: i32) -> String {
    match NAMES.iter().find(|(_, known)| *known == number) {
        Some((name, _)) => format!("SIG{name}"),
        None if number >= FIRST_REALTIME => format!("SIGRTMIN+{}", number - FIRST_REALTIME),
        None => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings() {
        for (text, number) in [
            ("0", 0),
            ("9", 9),
            ("64", 64),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigkill", 9),
            ("Term", 15),
            ("usr1", 10),
            ("IOT", 6),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("rtmax-1", 63),
            ("SIGRTMAX", 64),
            ("RTMIN+30", 64),
        ] {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
    }

    #[test]
    fn what_is_no_signal() {
        for text in [
            "",
            "-1",
            "65",
            "SIG",
            "SIGSIGKILL",
            "KILLL",
            "RTMIN+31",
            "RTMIN-1",
            "RTMAX+1",
            "RTMIN+",
            "RTMIN++1",
            "RTMAX-31",
            "9x",
            " 9",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert_eq!(error.to_string(), format!("unknown signal {text:?}"));
        }
    }

    #[test]
    fn names_for_messages() {
        assert_eq!(name(9), "SIGKILL");
        assert_eq!(name(36), "SIGRTMIN+2");
        assert_eq!(name(32), "signal 32");
        for (text, number) in NAMES {
            assert_eq!(parse(text).unwrap(), number);
            assert_eq!(parse(&name(number)).unwrap(), number);
        }
    }
}
