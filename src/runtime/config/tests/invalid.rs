//! Documents that are refused: `bundles/invalid/<rule>/config.json`, each with all of its
//! faults, word for word, in `error` beside it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::{Config, Fault, Process};
use crate::error::Kind;

/// The form of the `error` files: a line for each fault, and one for its hint.
pub(super) fn text(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        writeln!(text, "{}: {}", fault.at, fault.why).unwrap();
        if let Some(hint) = &fault.hint {
            writeln!(text, "  hint: {hint}").unwrap();
        }
    }
    text
}

fn rules() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bundles/invalid");
    let mut rules: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    rules.sort();
    rules
}

fn faults(rule: &Path) -> Vec<Fault> {
    let document = std::fs::read(rule.join("config.json")).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    match Config::from_spec(&document, "/bundle") {
        Ok(_) => panic!("{} is accepted", rule.display()),
        Err(faults) => faults,
    }
}

#[test]
fn every_rule_refuses_its_bundle_with_exactly_these_faults() {
    let rules = rules();
    assert!(rules.len() >= 165, "only {} rules", rules.len());
    let wrong: Vec<String> = rules
        .iter()
        .filter_map(|rule| {
            let found = text(&faults(rule));
            let wanted = std::fs::read_to_string(rule.join("error")).unwrap();
            assert!(!wanted.is_empty(), "{}", rule.display());
            (found != wanted).then(|| format!("{}:\n{found}", rule.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// What cannot be done yet is told apart from what is wrong.
#[test]
fn only_the_rules_named_so_are_about_what_is_unsupported() {
    for rule in rules() {
        let named = rule.to_str().unwrap().ends_with("-unsupported");
        let kind = if named {
            Kind::Unsupported
        } else {
            Kind::Config
        };
        for fault in faults(&rule) {
            assert_eq!(fault.kind, kind, "{}: {}", rule.display(), fault.at);
        }
    }
}

#[test]
fn a_process_document_is_checked_by_the_same_rules_from_its_own_root() {
    let document = serde_json::json!({
        "cwd": "x",
        "args": ["sh"],
        "user": {"uid": -1},
        "apparmorProfile": "p",
        "capabilities": {"bounding": ["CAP_CHWON"]},
    });
    assert_eq!(
        text(&Process::from_document(&document).unwrap_err()),
        "/apparmorProfile: AppArmor profiles are not supported yet\n\
         /cwd: `x` is not an absolute path\n  hint: begin it with `/`\n\
         /user/uid: -1 is not in the range 0 to 4294967294\n"
    );
    let faults = Process::from_document(&Value::Null).unwrap_err();
    assert_eq!(text(&faults), "/: expected an object, found null\n");
}
