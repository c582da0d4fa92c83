//! `features`: what this runtime supports (runtime-spec, features.md and features-linux.md).

use serde::Serialize;

use super::state::SPEC_VERSION;
use crate::cgroup::unit;
use crate::config::linux::seccomp as seccomp_words;
use crate::config::linux::{memory_policy_flags, memory_policy_modes};
use crate::config::mounts::option_names;
use crate::config::process::capability_names;
use crate::config::{HookKind, NamespaceKind};
use crate::error::{Error, Kind, Result};
use crate::seccomp::NATIVE;
use crate::sys::seccomp as kernel;

/// Lowest version of the runtime spec whose configurations are taken.
const LEAST_SPEC_VERSION: &str = "1.0.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Features {
    oci_version_min: &'static str,
    oci_version_max: &'static str,
    hooks: Vec<&'static str>,
    mount_options: Vec<&'static str>,
    linux: Linux,
    annotations: Annotations,
    potentially_unsafe_config_annotations: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    namespaces: Vec<&'static str>,
    capabilities: Vec<String>,
    cgroup: Cgroup,
    seccomp: Seccomp,
    apparmor: Enabled,
    selinux: Enabled,
    intel_rdt: IntelRdt,
    memory_policy: MemoryPolicy,
    mount_extensions: MountExtensions,
    net_devices: Enabled,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cgroup {
    v1: bool,
    v2: bool,
    systemd: bool,
    systemd_user: bool,
    rdma: bool,
}

#[derive(Serialize)]
struct IntelRdt {
    enabled: bool,
    schemata: bool,
    monitoring: bool,
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seccomp {
    enabled: bool,
    actions: Vec<&'static str>,
    operators: Vec<&'static str>,
    archs: Vec<&'static str>,
    known_flags: Vec<&'static str>,
    supported_flags: Vec<&'static str>,
}

#[derive(Serialize)]
struct MemoryPolicy {
    modes: Vec<&'static str>,
    flags: Vec<&'static str>,
}

#[derive(Serialize)]
struct MountExtensions {
    idmap: Enabled,
}

#[derive(Serialize)]
struct Annotations {
    #[serde(rename = "org.saya.version")]
    version: &'static str,
}

const YES: Enabled = Enabled { enabled: true };
const NO: Enabled = Enabled { enabled: false };

/// The features as JSON, indented, with a final newline.
///
/// # Errors
/// None in practice: every member is a word or a truth value.
pub fn to_json() -> Result<String> {
    let features = Features {
        oci_version_min: LEAST_SPEC_VERSION,
        oci_version_max: SPEC_VERSION,
        hooks: HookKind::ALL.iter().map(|kind| kind.name()).collect(),
        mount_options: option_names().collect(),
        linux: linux(),
        annotations: Annotations {
            version: env!("CARGO_PKG_VERSION"),
        },
        // A trailing dot stands for every annotation that starts so (features.md).
        potentially_unsafe_config_annotations: [unit::ANNOTATIONS],
    };
    let json = serde_json::to_string_pretty(&features)
        .map_err(|error| Error::new(Kind::System, "write the features", error.to_string()))?;
    Ok(json + "\n")
}

fn linux() -> Linux {
    let mut namespaces: Vec<_> = NamespaceKind::ALL.iter().map(|kind| kind.name()).collect();
    namespaces.sort_unstable();
    Linux {
        namespaces,
        capabilities: capability_names(),
        cgroup: Cgroup {
            v1: true,
            v2: true,
            systemd: true,
            systemd_user: true,
            rdma: true,
        },
        seccomp: seccomp(),
        apparmor: NO,
        selinux: NO,
        intel_rdt: IntelRdt {
            enabled: true,
            schemata: true,
            monitoring: true,
        },
        memory_policy: MemoryPolicy {
            modes: memory_policy_modes().collect(),
            flags: memory_policy_flags().collect(),
        },
        mount_extensions: MountExtensions { idmap: NO },
        net_devices: YES,
    }
}

/// What is known, and of the flags what this kernel takes, too.
fn seccomp() -> Seccomp {
    // WAIT_KILLABLE_RECV is refused without a listener.
    let takes = |flag: u32| flag == 0 || kernel::knows_flags(flag | kernel::NEW_LISTENER);
    let flags = || seccomp_words::flag_names();
    Seccomp {
        enabled: NATIVE.is_some(),
        actions: seccomp_words::action_names().collect(),
        operators: seccomp_words::operator_names().collect(),
        archs: seccomp_words::architecture_names().collect(),
        known_flags: flags().map(|(name, _)| name).collect(),
        supported_flags: flags()
            .filter(|(_, flag)| takes(*flag))
            .map(|(name, _)| name)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_the_spec_understands_it() {
        let text = to_json().unwrap();
        let read: oci_spec::runtime::Features = serde_json::from_str(&text).unwrap();
        assert_eq!(read.oci_version_max(), "1.3.0");
        let linux = read.linux().as_ref().unwrap();
        assert_eq!(linux.namespaces().as_ref().map(Vec::len), Some(8));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let seccomp = &value["linux"]["seccomp"];
        assert_eq!(seccomp["enabled"], true);
        assert_eq!(seccomp["actions"].as_array().map(Vec::len), Some(9));
        let flags = seccomp["supportedFlags"].as_array().unwrap();
        assert!(
            flags.contains(&"SECCOMP_FILTER_FLAG_LOG".into()),
            "{flags:?}"
        );
        let options = value["mountOptions"].as_array().unwrap();
        for option in ["rro", "tmpcopyup", "rbind"] {
            assert!(options.contains(&option.into()), "{option}");
        }
        assert!(!options.contains(&"idmap".into()));
        let modes = value["linux"]["memoryPolicy"]["modes"].as_array().unwrap();
        assert!(modes.contains(&"MPOL_BIND".into()));
    }
}
