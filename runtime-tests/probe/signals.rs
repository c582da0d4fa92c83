//! Waiting for signals and ignoring them.

use crate::{files, sys};
use std::process::ExitCode;

/// Signals that say nothing about an end: they are only reported. A runtime in
/// Go also forwards the SIGURG its own scheduler uses.
const REPORTED: [i32; 3] = [libc::SIGWINCH, libc::SIGCHLD, libc::SIGURG];

/// Announces itself on `fifo`, waits for one signal that is not [`REPORTED`]
/// only, prints its number and exits with it.
pub(crate) fn wait_and_exit(fifo: Option<&str>) -> Result<ExitCode, String> {
    let set = sys::block_all();
    if let Some(fifo) = fifo {
        files::append(fifo, "waiting")?;
    }
    loop {
        let signal = sys::next_signal(&set);
        println!("signal {signal}");
        if !REPORTED.contains(&signal) {
            return Ok(ExitCode::from(u8::try_from(signal).unwrap_or(0)));
        }
    }
}

/// Ignores everything that can be ignored, announces itself and sleeps.
pub(crate) fn ignore_all_and_sleep(fifo: &str) -> Result<(), String> {
    for signal in 1..32 {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            sys::ignore(signal);
        }
    }
    files::append(fifo, "ignoring")?;
    sys::pause_forever()
}
