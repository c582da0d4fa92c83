//! Who makes the cgroups of the containers.
//!
//! A test asks for systemd by [`crate::Test::use_systemd`]; `SAYA_TEST_DRIVER=systemd` asks for it
//! in all of them.

use crate::Runner;
use crate::test::token;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The verbs that are told; the others have to know by themselves.
const TOLD: [&str; 2] = ["create", "run"];

/// Who makes the cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The runtime, in the file system.
    Cgroupfs,
    /// systemd.
    Systemd,
}

/// Whether the test that runs uses systemd: there is one at a time.
static USES_SYSTEMD: AtomicBool = AtomicBool::new(false);

impl Driver {
    /// The driver of the test that runs.
    #[must_use]
    pub fn current() -> Self {
        if USES_SYSTEMD.load(Ordering::Relaxed) {
            Self::Systemd
        } else {
            Self::Cgroupfs
        }
    }

    /// Uses the driver, until a test begins.
    pub(crate) fn set(self) {
        USES_SYSTEMD.store(self == Self::Systemd, Ordering::Relaxed);
    }

    /// The driver that a test begins with.
    ///
    /// # Panics
    /// When `SAYA_TEST_DRIVER` names none.
    pub(crate) fn of_environment() -> Self {
        match std::env::var("SAYA_TEST_DRIVER").as_deref() {
            Err(_) | Ok("" | "cgroupfs") => Self::Cgroupfs,
            Ok("systemd") => Self::Systemd,
            Ok(other) => panic!("SAYA_TEST_DRIVER={other}: it is `cgroupfs` or `systemd`"),
        }
    }

    /// The `cgroupsPath` of the `n`th container of a test.
    #[must_use]
    pub fn cgroups_path(self, n: u32) -> String {
        match self {
            Self::Cgroupfs => format!("/{}/c{n}", token()),
            Self::Systemd => format!("system.slice:{}:c{n}", token()),
        }
    }

    /// What a command of the runtime, which starts with `verb`, is told.
    #[must_use]
    pub(crate) fn flags(self, verb: Option<&str>) -> &'static [&'static str] {
        if self == Self::Systemd && verb.is_some_and(|verb| TOLD.contains(&verb)) {
            &["--systemd-cgroup"]
        } else {
            &[]
        }
    }
}

/// Whether systemd is process 1 of this machine.
#[must_use]
pub fn is_booted() -> bool {
    std::fs::read_to_string("/proc/1/comm").is_ok_and(|name| name.trim() == "systemd")
}

/// What `systemctl` prints.
#[must_use]
pub fn systemctl<const N: usize>(args: [&str; N]) -> String {
    Runner::new(Path::new("/usr/bin/systemctl"))
        .args(args)
        .run()
        .stdout()
}

/// The units of the tests, loaded or failed; none where systemd is not looked at.
pub(crate) fn units() -> BTreeSet<String> {
    if Driver::current() == Driver::Cgroupfs {
        return BTreeSet::new();
    }
    let pattern = format!("{}*", token());
    let list = systemctl(["list-units", "--all", "--plain", "--no-legend", &pattern]);
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Stops and forgets the units of the tests.
pub(crate) fn remove_units() {
    for unit in units() {
        let _ = systemctl(["stop", &unit]);
        let _ = systemctl(["reset-failed", &unit]);
    }
}
