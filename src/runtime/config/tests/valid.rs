//! Documents that are accepted.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::{Config, MountKind, NamespaceKind};

/// Every document in `valid/` and of the engines' bundles by name.
pub(super) fn corpus() -> Vec<(String, Value)> {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = entries(&crate_root.join("config/tests/valid"))
        .into_iter()
        .map(|path| (name(&path), document(&path)));
    let engines = entries(&crate_root.join("../../bundles/engines"))
        .into_iter()
        .map(|path| {
            (
                format!("engines/{}", name(&path)),
                document(&path.join("config.json")),
            )
        });
    ours.chain(engines).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The least document with a process and a mount namespace, changed as by JSON merge patch
/// (RFC 7396), except that null stays.
pub(super) fn minimal(patch: &Value) -> Value {
    let mut document = serde_json::json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["true"], "cwd": "/"},
        "linux": {"namespaces": [{"type": "mount"}]},
    });
    merge(&mut document, patch);
    document
}

fn merge(into: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    for (key, value) in members {
        merge(&mut into[key], value);
    }
}

/// The configuration of a document without faults.
pub(super) fn accept(document: &Value) -> Config {
    Config::from_spec(document, "/bundle").unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn named(name: &str) -> Config {
    let (_, document) = corpus()
        .into_iter()
        .find(|(other, _)| other == name)
        .unwrap();
    accept(&document)
}

#[test]
fn the_default_spec_has_every_field_in_place() {
    let config = named("runc-default");
    assert_eq!(config.root.path, "/bundle/rootfs");
    assert!(config.root.readonly);
    assert_eq!(config.hostname.unwrap().value, "runc");
    let process = config.process.unwrap();
    assert_eq!(process.args.value, ["sh"]);
    assert_eq!(process.args.at.as_str(), "/process/args");
    assert!(process.terminal && process.no_new_privileges);
    // CAP_KILL 5, CAP_NET_BIND_SERVICE 10, CAP_AUDIT_WRITE 29.
    assert_eq!(process.capabilities.bounding, 1 << 5 | 1 << 10 | 1 << 29);
    assert_eq!(process.rlimits.len(), 1);
    assert_eq!(config.mounts.len(), 7);
    assert_eq!(config.mounts[6].kind, MountKind::Cgroup);
    assert!(!config.namespaces.has(NamespaceKind::User));
    assert!(config.namespaces.is_new(NamespaceKind::Pid));
    assert_eq!(config.masked_paths[0].at.as_str(), "/linux/maskedPaths/0");
    assert_eq!(config.resources.devices.len(), 1);
    assert!(config.warnings.is_empty());
}

#[test]
fn what_engines_write_is_accepted_without_a_warning() {
    for (name, document) in corpus() {
        if !["runc-1.1-default", "engines/runc"].contains(&name.as_str()) {
            assert_eq!(accept(&document).warnings, [""; 0], "{name}");
        }
    }
}

/// `runc spec` wrote ambient capabilities that are not inheritable until 1.2.
#[test]
fn ambient_capabilities_that_cannot_be_raised_are_dropped_with_a_warning() {
    let config = named("runc-1.1-default");
    assert_eq!(config.process.unwrap().capabilities.ambient, 0);
    assert_eq!(
        config.warnings,
        ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"].map(|name| format!(
            "/process/capabilities: can't raise ambient capability {name}: \
             it is not in the inheritable set"
        ))
    );
}
