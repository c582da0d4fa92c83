//! The flags that every verb takes, before or after its name.

use std::path::PathBuf;

use crate::cgroup::Driver;
use crate::error::{Error, Kind, Result};
use crate::log::{Format, Level, Log};
use crate::state::Store;

/// Flags of the program.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Global {
    /// Directory of the containers' state [default: /run/saya; $XDG_RUNTIME_DIR/saya for users]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// File that log lines are appended to [default: standard error]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Form of log lines: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: String,
    /// Log what is done
    #[arg(long)]
    debug: bool,
    /// Have systemd make the cgroups
    #[arg(long)]
    systemd_cgroup: bool,
    /// Whether to run without root's privileges: true, false or auto
    // Without a value it is what `spec --rootless` means.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    rootless: String,
    /// Who makes the cgroups: cgroupfs, systemd or disabled
    #[arg(long, value_name = "DRIVER", default_value = "cgroupfs")]
    cgroup_manager: String,
}

/// Whether the command line names the state root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `--root`
    Given,
    /// The default.
    Default,
}

/// The flags with a value, and those without, as the words before the verb are sorted by them.
pub(super) const WITH_VALUE: [&str; 5] = [
    "--root",
    "--log",
    "--log-format",
    "--rootless",
    "--cgroup-manager",
];
/// See [`WITH_VALUE`].
pub(super) const WITHOUT_VALUE: [&str; 2] = ["--debug", "--systemd-cgroup"];

impl Global {
    /// Opens the log that the flags ask for.
    pub(super) fn open_log(&self) -> Result<Log> {
        let format = Format::from_name(&self.log_format)?;
        let least = if self.debug {
            Level::Debug
        } else {
            Level::Warning
        };
        Log::open(self.log.as_deref(), format, least)
    }

    /// The state root.
    pub(super) fn root(&self) -> (PathBuf, Origin) {
        match &self.root {
            Some(root) => (root.clone(), Origin::Given),
            None => (Store::default_root(), Origin::Default),
        }
    }

    /// Who makes the cgroups.
    ///
    /// # Errors
    /// Kind usage for an unknown word.
    pub(super) fn cgroup_driver(&self) -> Result<Driver> {
        match (self.systemd_cgroup, self.cgroup_manager.as_str()) {
            (true, _) | (false, "systemd") => Ok(Driver::Systemd),
            (false, "cgroupfs") => Ok(Driver::Cgroupfs),
            (false, "disabled") => Ok(Driver::Disabled),
            (false, other) => Err(invalid("cgroup-manager", other)
                .hint("the drivers are `cgroupfs`, `systemd` and `disabled`")),
        }
    }

    /// Refuses values that mean nothing.
    ///
    /// # Errors
    /// Kind unsupported for rootless containers; usage for an unknown word.
    pub(super) fn check(&self) -> Result<()> {
        match self.rootless.as_str() {
            "false" | "auto" => Ok(()),
            "true" => Err(
                Error::new(Kind::Unsupported, "--rootless", "not supported yet")
                    .hint("run as root"),
            ),
            other => Err(invalid("rootless", other).hint("it is `true`, `false` or `auto`")),
        }
    }
}

fn invalid(flag: &str, value: &str) -> Error {
    Error::new(Kind::Usage, "", format!("invalid {flag}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_every_flag() {
        let command = <Global as clap::Args>::augment_args(clap::Command::new("saya"));
        for argument in command.get_arguments() {
            let flag = format!("--{}", argument.get_long().unwrap());
            let table: &[&str] = if argument.get_action().takes_values() {
                &WITH_VALUE
            } else {
                &WITHOUT_VALUE
            };
            assert!(table.contains(&flag.as_str()), "{flag}");
        }
        let flags = command.get_arguments().count();
        assert_eq!(flags, WITH_VALUE.len() + WITHOUT_VALUE.len());
    }
}
