//! A runtime killed at a random moment, several at once, and damaged state:
//! `delete --force` must always succeed and leave nothing.
//!
//! `SAYA_TEST_ROUNDS` sets the number of kills (50), `SAYA_TEST_SEED` repeats a
//! run: every failure prints the seed it happened with.

mod concurrent;
mod kill;
mod state;

use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Test};
use std::time::Duration;

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
    // The parent made for `cgroupsPath` is nobody's: the test removes it.
    let left: Vec<_> = left
        .into_iter()
        .filter(|(_, item)| !is_shared_parent(item))
        .collect();
    assert!(left.is_empty(), "{when}: left behind: {left:#?}");
}

pub(crate) fn is_shared_parent(item: &str) -> bool {
    item.ends_with(&runtime_tests::test::token())
}

pub(crate) fn sleeping(t: &Test) -> Bundle {
    let bundle = t.bundle().args(["/bin/probe", "sleep"]);
    bundle.save();
    bundle
}
