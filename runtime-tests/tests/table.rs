//! `DEVIATIONS.md` names tests that exist, each at most once per runtime.

use runtime_tests::deviations;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_row_names_an_existing_test() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for row in deviations::all() {
        let (module, function) = row.test.rsplit_once("::").expect("file::function");
        let path = dir.join(module.replace("::", "/")).with_extension("rs");
        let source = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", row.test));
        let found = source.contains(&format!("fn {function}()"));
        assert!(found, "no such test: {}", row.test);
    }
}

#[test]
fn every_row_is_complete_and_single() {
    let mut seen = BTreeSet::new();
    for row in deviations::all() {
        assert!(["runc", "crun"].contains(&row.runtime), "{row:?}");
        assert!(row.why.len() > 5, "{row:?} has no reason");
        assert!(seen.insert((row.test, row.runtime)), "{row:?} stands twice");
    }
    assert!(!seen.is_empty(), "the table could not be read");
}
