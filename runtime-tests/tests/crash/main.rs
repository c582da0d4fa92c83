//! A runtime killed at a random moment, several at once, and damaged state:
//! `delete --force` must always succeed and leave nothing.
//!
//! `SAYA_TEST_ROUNDS` sets the number of kills (50), `SAYA_TEST_SEED` repeats a
//! run: every failure prints the seed it happened with.

mod concurrent;
mod faults;
mod kill;
mod state;

use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Test};
use std::time::Duration;

pub(crate) fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

pub(crate) fn rounds() -> u64 {
    number_from_env("SAYA_TEST_ROUNDS").unwrap_or(50)
}

/// `delete --force` succeeds and everything is as it was `before`.
#[track_caller]
pub(crate) fn assert_deletes_to_nothing(t: &Test, id: &str, before: &Snapshot, when: &str) {
    let delete = t.call(["delete", "--force", id]);
    assert_eq!(
        delete.status,
        Exit::Code(0),
        "{when}: {}",
        delete.describe()
    );
    let left = Snapshot::take_settled(before, Duration::from_secs(2)).beyond(before);
    assert!(left.is_empty(), "{when}: left behind: {left:#?}");
}

pub(crate) fn sleeping(t: &Test) -> Bundle {
    let bundle = t.bundle().args(["/bin/probe", "sleep"]);
    bundle.save();
    bundle
}
