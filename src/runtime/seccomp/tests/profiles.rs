//! Default profiles, as engines send them.
//!
//! `profiles/*.json` are the profiles in the form in which engines keep them, with their conditions
//! on architectures, capabilities and kernels; what an engine sends is worked out here.

use serde_json::{Value, json};

/// The machine and the container that a profile is meant for.
#[derive(Clone, Copy, Debug)]
pub(super) struct For {
    /// As Go calls it.
    pub(super) machine: &'static str,
    pub(super) capabilities: &'static [&'static str],
}

/// Docker's default profile (moby/profiles, 2026).
pub(super) fn docker(whom: For) -> Value {
    resolve(include_str!("profiles/docker.json"), whom)
}

/// Podman's default profile (containers-common 0.50.1), which CRI-O and Kubernetes on it have, too.
pub(super) fn podman(whom: For) -> Value {
    resolve(include_str!("profiles/podman.json"), whom)
}

/// containerd's default profile (1.5), which Kubernetes' `RuntimeDefault` is there.
pub(super) fn containerd(whom: For) -> Value {
    resolve(include_str!("profiles/containerd.json"), whom)
}

fn resolve(text: &str, whom: For) -> Value {
    let mut profile: Value = serde_json::from_str(text).unwrap();
    let own = match whom.machine {
        "amd64" => "SCMP_ARCH_X86_64",
        _ => "SCMP_ARCH_AARCH64",
    };
    let map = profile["archMap"].as_array().unwrap();
    let entry = map
        .iter()
        .find(|entry| entry["architecture"] == own)
        .unwrap();
    let mut architectures = vec![json!(own)];
    architectures.extend(
        entry["subArchitectures"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    profile["architectures"] = Value::Array(architectures);
    profile.as_object_mut().unwrap().remove("archMap");
    let rules = profile["syscalls"].as_array_mut().unwrap();
    rules.retain(|rule| applies(rule, whom));
    for rule in rules {
        let rule = rule.as_object_mut().unwrap();
        rule.retain(|key, _| ["names", "action", "errnoRet", "args"].contains(&key.as_str()));
    }
    profile
}

fn applies(rule: &Value, whom: For) -> bool {
    let has = |list: &Value, word: &str| {
        let list = list.as_array();
        list.is_some_and(|list| list.iter().any(|entry| entry == word))
    };
    let any = |list: &Value| whom.capabilities.iter().any(|name| has(list, name));
    let (wanted, unwanted) = (&rule["includes"], &rule["excludes"]);
    let empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    (empty(&wanted["arches"]) || has(&wanted["arches"], whom.machine))
        && (empty(&wanted["caps"]) || any(&wanted["caps"]))
        && !has(&unwanted["arches"], whom.machine)
        && !any(&unwanted["caps"])
}
