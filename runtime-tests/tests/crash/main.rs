//! A runtime killed at a random moment, several at once, and damaged state:
//! `delete --force` must always succeed and leave nothing.

mod concurrent;
mod faults;
mod kill;
mod state;

pub(crate) use runtime_tests::chance::assert_deletes_to_nothing;
use runtime_tests::{Bundle, Test};

pub(crate) fn sleeping(t: &Test) -> Bundle {
    let bundle = t.bundle().args(["/bin/probe", "sleep"]);
    bundle.save();
    bundle
}
