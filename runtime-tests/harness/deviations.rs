//! The table of tests in which a peer is known to differ: `DEVIATIONS.md`.
//!
//! One row per test and runtime: `| test | runtime | why |`. A listed test must
//! fail on that runtime: a row which is no longer true fails the suite, so the
//! table cannot rot. `sometimes:` at the beginning of the reason marks a race
//! that the peer does not always lose.

use crate::runtime::Kind;
use std::sync::LazyLock;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// `file::test` or `folder::file::test`, where the source stands.
    pub test: &'static str,
    /// Name of the runtime, see [`Kind::name`].
    pub runtime: &'static str,
    /// Why it differs.
    pub why: &'static str,
}

impl Deviation {
    /// True when the test also passes now and then.
    #[must_use]
    pub fn is_race(&self) -> bool {
        self.why.starts_with("sometimes:")
    }
}

const TABLE: &str = include_str!("../DEVIATIONS.md");

/// Versions the table was made with, for `kind`; rows are only enforced there.
#[must_use]
pub fn recorded_version(kind: Kind) -> Option<&'static str> {
    let prefix = format!("* {} ", kind.name());
    TABLE.lines().find_map(|line| line.strip_prefix(&prefix))
}

/// Every row.
pub fn all() -> &'static [Deviation] {
    static ROWS: LazyLock<Vec<Deviation>> =
        LazyLock::new(|| TABLE.lines().filter_map(parse_row).collect());
    &ROWS
}

fn parse_row(line: &'static str) -> Option<Deviation> {
    let mut cells = line.strip_prefix("| `")?.trim_end_matches('|').split(" | ");
    let test = cells.next()?.trim().trim_end_matches('`');
    let runtime = cells.next()?.trim();
    Some(Deviation {
        test,
        runtime,
        why: cells.next()?.trim(),
    })
}

/// The row of `test` for `kind`.
#[must_use]
pub fn find(test: &str, kind: Kind) -> Option<&'static Deviation> {
    all()
        .iter()
        .find(|row| row.test == test && row.runtime == kind.name())
}
