//! Facts of this machine and of the calling process, read once.

use crate::cgroup::Layout;
use crate::error::{Doing, Result};
use crate::sys::file;

/// What the plan needs to know of the host.
#[derive(Debug)]
pub struct Host {
    /// The cgroup hierarchies.
    pub cgroups: Layout,
    /// Capabilities that the runtime itself has and so can grant (bit n for capability n).
    pub capabilities: u64,
    /// Signals that the caller has us ignore (bit n−1 for signal n).
    pub ignored_signals: u64,
}

impl Host {
    /// Reads the facts.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn read() -> Result<Self> {
        let status = file::read_small(c"/proc/self/status").doing("read `/proc/self/status`")?;
        let status = String::from_utf8_lossy(&status);
        Ok(Self {
            cgroups: Layout::read()?,
            capabilities: mask(&status, "CapPrm:") & mask(&status, "CapBnd:"),
            ignored_signals: mask(&status, "SigIgn:"),
        })
    }
}

/// The hexadecimal mask of a line of proc_pid_status(5); 0 where the line is missing.
fn mask(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn masks_are_hexadecimal_and_missing_lines_empty() {
        let status = "Name:\tx\nSigIgn:\t0000000000001000\nCapPrm:\t000001fffeffffff\n";
        assert_eq!(mask(status, "SigIgn:"), 0x1000);
        assert_eq!(mask(status, "CapPrm:"), 0x1ff_feff_ffff);
        assert_eq!(mask(status, "CapBnd:"), 0);
    }
}
