//! Verbs that other runtimes have and this one does not yet: one clear answer, and help.

use super::line::{Arity, Options, Verb};
use crate::error::{Error, Kind};

const fn verb(name: &'static str, about: &'static str) -> Verb {
    Verb {
        name,
        about,
        operands: "ID",
        arity: Arity::AtLeast(1),
        options: Options::Anywhere,
        failure: 1,
        execute: |line| line.run_unread(not_supported),
    }
}

pub(super) const CHECKPOINT: Verb = verb(
    "checkpoint",
    "checkpoint a running container (not supported yet)",
);
pub(super) const RESTORE: Verb = verb(
    "restore",
    "restore a container from a checkpoint (not supported yet)",
);

fn not_supported() -> Error {
    Error::new(Kind::Unsupported, "", "not supported yet")
}
