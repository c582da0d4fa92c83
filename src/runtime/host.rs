//! Facts of this machine and of the calling process, read once.

use crate::cgroup::Layout;
use crate::error::{Doing, Error, Kind, Result};
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
    /// When /proc cannot be read, or the kernel is too old.
    pub fn read() -> Result<Self> {
        let release = nix::sys::utsname::uname().doing("ask for the kernel's version")?;
        require_kernel(&release.release().to_string_lossy())?;
        let status = file::read_small(c"/proc/self/status").doing("read `/proc/self/status`")?;
        let status = String::from_utf8_lossy(&status);
        Ok(Self {
            cgroups: Layout::read()?,
            capabilities: mask(&status, "CapPrm:") & mask(&status, "CapBnd:"),
            ignored_signals: mask(&status, "SigIgn:"),
        })
    }
}

/// The oldest kernel with everything that is used without a fallback (cgroup.kill came last).
const OLDEST_KERNEL: (u32, u32) = (5, 14);

/// One clear error instead of an ENOSYS somewhere in the middle.
fn require_kernel(release: &str) -> Result<()> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut next = || {
        numbers
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    let version: (u32, u32) = (next(), next());
    if version >= OLDEST_KERNEL {
        return Ok(());
    }
    let (major, minor) = OLDEST_KERNEL;
    let why = format!("Linux {release} is too old: {major}.{minor} or newer is needed");
    Err(Error::new(Kind::Unsupported, "", why))
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
    use super::{mask, require_kernel};

    #[test]
    fn an_old_kernel_is_refused_by_its_name() {
        for new in ["5.14.0-1-amd64", "5.15", "6.1.0", "10.0"] {
            assert!(require_kernel(new).is_ok(), "{new}");
        }
        for old in ["5.13.19", "5.4.0-100-generic", "4.18.0-x"] {
            let error = require_kernel(old).unwrap_err().to_string();
            assert!(error.contains(old) && error.contains("5.14"), "{error}");
        }
    }

    #[test]
    fn masks_are_hexadecimal_and_missing_lines_empty() {
        let status = "Name:\tx\nSigIgn:\t0000000000001000\nCapPrm:\t000001fffeffffff\n";
        assert_eq!(mask(status, "SigIgn:"), 0x1000);
        assert_eq!(mask(status, "CapPrm:"), 0x1ff_feff_ffff);
        assert_eq!(mask(status, "CapBnd:"), 0);
    }
}
