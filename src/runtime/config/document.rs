//! The walk over config.json.

use serde_json::Value;

use super::reader::{Cursor, Findings};
use super::{
    Config, Fault, Field, Namespaces, Root, hooks, linux, mounts, namespaces, path, process,
    resources,
};
use crate::config::ZeroPids;
use crate::config::namespaces::NamespaceKind;
use crate::error::Pointer;

/// How to get the namespace that mounts need.
pub(super) const MOUNT_NAMESPACE_HINT: &str = "add {\"type\": \"mount\"} to /linux/namespaces";

/// The longest host or domain name (`__NEW_UTS_LEN`, uname(2)).
const LONGEST_UTS_NAME: usize = 64;

impl Config {
    /// Reads a parsed config.json. `bundle` is the absolute path that relative ones start from.
    ///
    /// # Errors
    /// All faults of the document, in the order of the walk.
    pub fn from_spec(document: &Value, bundle: &str) -> Result<Self, Vec<Fault>> {
        match Self::inspect(document, bundle) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(faults),
        }
    }

    /// The same for `check`: all faults, and what could be understood in spite of them. Never to
    /// be planned from when there are faults.
    #[must_use]
    pub fn inspect(document: &Value, bundle: &str) -> (Option<Self>, Vec<Fault>) {
        let findings = Findings::default();
        let cursor = Cursor::new(document, &findings);
        let config = cursor.is_object().then(|| read(&cursor, bundle)).flatten();
        let (faults, warnings) = findings.into_parts();
        (config.map(|config| Self { warnings, ..config }), faults)
    }
}

impl Config {
    /// What a `pids.limit` of 0 means in this version of the specification.
    #[must_use]
    pub fn zero_pids(&self) -> ZeroPids {
        match major_and_minor(&self.version) {
            Some((_, minor)) => zero_pids(minor),
            None => ZeroPids::Limit,
        }
    }
}

/// The specification made it a limit in 1.3.
fn zero_pids(minor: u32) -> ZeroPids {
    if minor < 3 {
        ZeroPids::Unlimited
    } else {
        ZeroPids::Limit
    }
}

/// What stands for an absent `linux`: no namespaces, nothing asked for.
static NOTHING: Value = Value::Null;

fn read(document: &Cursor, bundle: &str) -> Option<Config> {
    let version = version(document);
    let zero_pids = version
        .as_ref()
        .map_or(ZeroPids::Limit, |version| zero_pids(version.minor));
    let root = root(document, bundle);
    let linux = document.object("linux");
    let linux = linux.unwrap_or_else(|| document.stand_in("linux", &NOTHING));
    refuse_unsupported(&linux);
    let namespaces = namespaces::read(&linux);
    check_mount_namespace(document, root.as_ref(), &namespaces);
    let config = Config {
        process: document
            .object("process")
            .and_then(|process| process::read(&process)),
        hostname: uts_name(document, "hostname", &namespaces),
        domainname: uts_name(document, "domainname", &namespaces),
        mounts: mounts::read(document, bundle),
        hooks: hooks::read(document),
        annotations: annotations(document),
        time_offsets: namespaces::time_offsets(&linux, &namespaces),
        devices: linux::devices(&linux),
        net_devices: linux::net_devices(&linux, &namespaces),
        cgroups_path: linux::cgroups_path(&linux),
        resources: resources::read(&linux, zero_pids),
        rootfs_propagation: linux::rootfs_propagation(&linux, &namespaces),
        sysctl: linux::sysctl(&linux, document, &namespaces),
        masked_paths: linux::covered_paths(&linux, "maskedPaths", &namespaces),
        readonly_paths: linux::covered_paths(&linux, "readonlyPaths", &namespaces),
        personality: linux::personality(&linux),
        memory_policy: linux::memory_policy(&linux),
        intel_rdt: linux::intel_rdt(&linux),
        seccomp: linux::seccomp(&linux),
        warnings: Vec::new(),
        namespaces,
        version: version?.text,
        root: root?,
    };
    Some(config)
}

/// A version of the specification with major 1.
struct Version {
    text: String,
    minor: u32,
}

/// `MAJOR.MINOR.PATCH` with major 1; a suffix as in `1.0.2-dev` is let pass, because released
/// engines send it.
fn version(document: &Cursor) -> Option<Version> {
    let member = document.required("ociVersion")?;
    let text = member.text()?;
    match major_and_minor(text) {
        Some((1, minor)) => {
            return Some(Version {
                text: text.to_owned(),
                minor,
            });
        }
        Some(_) => member.refuse(format!(
            "version {text} of the specification: only 1.x is known"
        )),
        None => member.refuse_with_hint(
            format!("`{text}` is no semantic version"),
            "write it as MAJOR.MINOR.PATCH, such as 1.3.0",
        ),
    }
    None
}

fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let core = version.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(|part| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    });
    let major = numbers.next()??;
    let minor = numbers.next()??;
    numbers.next()??;
    numbers.next().is_none().then_some((major, minor))
}

fn root(document: &Cursor, bundle: &str) -> Option<Root> {
    let root = document.required("root").filter(Cursor::is_object)?;
    let readonly = root.flag_at("readonly");
    let member = root.required("path")?;
    let written = member.text()?;
    if written.is_empty() {
        member.refuse("the path of the root file system is empty");
        return None;
    }
    Some(Root {
        path: path::absolute(bundle, written),
        readonly,
        at: root.at(),
    })
}

/// Without a namespace of its own the container's mounts would be the host's.
fn check_mount_namespace(document: &Cursor, root: Option<&Root>, namespaces: &Namespaces) {
    if namespaces.has(NamespaceKind::Mount) {
        return;
    }
    let mounts = document.member("mounts");
    if let Some(mounts) = mounts.filter(Cursor::has_elements) {
        mounts.refuse_with_hint("mounts need a mount namespace", MOUNT_NAMESPACE_HINT);
    }
    if root.is_some_and(|root| root.readonly) {
        let at = Pointer::root().key("root").key("readonly");
        let fault = Fault::invalid(at, "a read-only root needs a mount namespace");
        document.report(fault.hint(MOUNT_NAMESPACE_HINT));
    }
}

fn uts_name(document: &Cursor, key: &str, namespaces: &Namespaces) -> Option<Field<String>> {
    let name = document.text_at(key)?;
    let member = document.member(key)?;
    if name.len() > LONGEST_UTS_NAME {
        member.refuse(format!("longer than {LONGEST_UTS_NAME} bytes"));
    }
    if !namespaces.has(NamespaceKind::Uts) {
        member.refuse_with_hint(
            "needs a namespace of its own (`uts`): it would change the host",
            "add {\"type\": \"uts\"} to /linux/namespaces",
        );
    }
    Some(member.field(name.to_owned()))
}

fn annotations(document: &Cursor) -> std::collections::BTreeMap<String, String> {
    let entries = document.map("annotations", |key, entry| {
        if key.is_empty() {
            entry.refuse("the key is empty");
        }
        Some((key.to_owned(), entry.text()?.to_owned()))
    });
    entries.into_iter().collect()
}

/// Parts of `linux` that isolate a container: refused, never ignored.
fn refuse_unsupported(linux: &Cursor) {
    namespaces::refuse_id_maps(linux);
    if linux.text_at("mountLabel").is_some()
        && let Some(label) = linux.member("mountLabel")
    {
        label.unsupported("SELinux labels are");
    }
}
