//! The architecture as a test: which module may use which (see docs/ARCHITECTURE.md), and what
//! the pure and the async-signal-safe parts may never name.
//!
//! Reads the sources; a new edge must be entered here, with its reason in docs/decisions/.
#![allow(
    clippy::unwrap_used,
    reason = "clippy exempts test functions, not what they call"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the outermost inwards. A module may use only what stands below it.
const LAYERS: [&str; 20] = [
    "cli",
    "container",
    "launch",
    "init",
    "protocol",
    "plan",
    "seccomp",
    "host",
    "state",
    "journal",
    "hooks",
    "cgroup",
    "systemd",
    "resctrl",
    "terminal",
    "bundle",
    "config",
    "log",
    "error",
    "sys",
];

/// Modules whose partners are fewer than the order allows.
const NARROWED: [(&str, &[&str]); 9] = [
    // The child decides nothing and prints nothing.
    ("init", &["plan", "protocol", "sys"]),
    // Pure: types and constants of the layers below, no look at the host.
    (
        "plan",
        &[
            "seccomp", "host", "cgroup", "resctrl", "config", "error", "sys",
        ],
    ),
    // Pure: a profile in, a program out.
    ("seccomp", &["config", "sys"]),
    ("config", &["error", "sys"]),
    ("systemd", &["error", "sys"]),
    ("protocol", &["plan"]),
    // The time stamps are those of the states: sys::clock.
    ("log", &["error", "sys"]),
    ("error", &[]),
    ("sys", &[]),
];

/// What a module may not name at all, and why.
const FORBIDDEN: [(&str, &[&str], &str); 5] = [
    (
        "config",
        &["std::fs", "std::env", "std::net", "std::process"],
        "config is pure",
    ),
    (
        "plan",
        &["std::fs", "std::env", "std::net", "std::process"],
        "plan is pure",
    ),
    (
        "seccomp",
        &["std::fs", "std::env", "std::net", "std::process"],
        "the filter is compiled without a look at the host",
    ),
    (
        "init",
        &[
            "std::fs",
            "std::env",
            "std::process",
            "String",
            "format!",
            "vec!",
            "Vec<",
            "Box<",
        ],
        "init allocates nothing and uses descriptors only",
    ),
    (
        "sys",
        &["oci", "container id", "config.json"],
        "sys knows nothing of containers",
    ),
];

/// The only module that may write `unsafe`.
const UNSAFE_HOME: &str = "sys";

#[test]
fn modules_use_only_what_stands_below_them() {
    let mut wrong = BTreeSet::new();
    for (module, file, code) in sources() {
        let Some(level) = LAYERS.iter().position(|layer| *layer == module) else {
            assert!(
                module == "lib" || module == "main",
                "{module} has no place in the layers"
            );
            continue;
        };
        for used in uses(&code) {
            let below = LAYERS
                .iter()
                .position(|layer| *layer == used)
                .is_some_and(|l| l > level);
            let narrowed = NARROWED.iter().find(|(name, _)| *name == module);
            let allowed = below && narrowed.is_none_or(|(_, list)| list.contains(&used.as_str()));
            if used != module && !allowed {
                wrong.insert(format!("{}: {module} uses {used}", file.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges against the layers:\n{}",
        lines(&wrong)
    );
}

#[test]
fn pure_and_signal_safe_modules_name_nothing_forbidden() {
    let mut wrong = BTreeSet::new();
    for (module, file, code) in sources() {
        for (_, words, why) in FORBIDDEN.iter().filter(|(name, _, _)| *name == module) {
            for word in words.iter().filter(|word| code.contains(**word)) {
                wrong.insert(format!("{}: {word} ({why})", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden words:\n{}", lines(&wrong));
}

#[test]
fn unsafe_lives_in_sys_alone() {
    let wrong: BTreeSet<_> = sources()
        .into_iter()
        .filter(|(module, _, code)| {
            module != UNSAFE_HOME && (code.contains("unsafe {") || code.contains("unsafe fn"))
        })
        .map(|(_, file, _)| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "unsafe outside sys:\n{}", lines(&wrong));
}

#[test]
fn files_stay_readable() {
    // Over 400 lines without tests needs a reason; over 600 never.
    let long: BTreeSet<_> = sources()
        .into_iter()
        .filter(|(_, _, code)| code.lines().count() > 600)
        .map(|(_, file, _)| file.display().to_string())
        .collect();
    assert!(long.is_empty(), "files over 600 lines:\n{}", lines(&long));
}

#[test]
fn the_order_itself_is_checked() {
    assert_eq!(
        uses("use crate::sys::file;\nlet x = crate::plan::Op::Ready;\nuse crate::{error, log};"),
        ["error", "log", "plan", "sys"].map(str::to_owned).into()
    );
    assert_eq!(
        code_of("a // crate::b\n//! crate::c\n#[cfg(test)]\ncrate::d"),
        "a \n\n"
    );
}

fn lines(set: &BTreeSet<String>) -> String {
    set.iter()
        .fold(String::new(), |text, line| text + "  " + line + "\n")
}

/// Every source file of the package but its tests: module, path, code.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, &mut files);
    assert!(files.len() > 40, "the sources were not found");
    files
        .into_iter()
        .filter(|file| !file.iter().any(|part| part == "tests"))
        .filter(|file| !file.to_string_lossy().ends_with("tests.rs"))
        .map(|file| {
            let relative = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
            let first = relative.iter().next().unwrap_or_default().to_string_lossy();
            let module = first.trim_end_matches(".rs").to_owned();
            let code = code_of(&fs::read_to_string(&file).unwrap());
            (module, relative, code)
        })
        .filter(|(module, _, _)| module != "build")
        .collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The text without comments, up to the unit tests.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let lines = text[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.fold(String::new(), |code, line| code + line + "\n")
}

/// The modules of this crate that the code names.
fn uses(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = rest
            .strip_prefix('{')
            .and_then(|list| list.split('}').next());
        for item in
            list.unwrap_or(rest)
                .split(',')
                .take(if list.is_some() { usize::MAX } else { 1 })
        {
            let name: String = item
                .trim()
                .chars()
                .take_while(|character| character.is_alphanumeric() || *character == '_')
                .collect();
            used.insert(name);
        }
    }
    used.remove("");
    used
}
