//! A bundle under construction: a rootfs and a `config.json`.
//!
//! The config starts from a spec of our own with every namespace but user and
//! time, the usual mounts and the usual three capabilities. It is changed by
//! JSON pointers, so that a test reads like the spec:
//! `bundle.set("/process/cwd", json!("/tmp"))`.

use crate::rootfs;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with `rootfs/` and a config that is written when it is used.
#[derive(Debug, Clone)]
pub struct Bundle {
    dir: PathBuf,
    /// The whole config.
    pub config: Value,
}

impl Bundle {
    /// A new bundle in `dir`, which must not exist, with `cgroups_path`.
    ///
    /// # Panics
    /// When the directory cannot be made.
    #[must_use]
    pub fn create(dir: &Path, cgroups_path: &str) -> Self {
        rootfs::create(&dir.join("rootfs"));
        Self {
            dir: dir.to_owned(),
            config: default_config(cgroups_path),
        }
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its root file system.
    #[must_use]
    pub fn rootfs(&self) -> PathBuf {
        self.dir.join("rootfs")
    }

    /// Sets the value at a JSON pointer; missing objects on the way are made,
    /// and `-` as the last part appends to an array.
    ///
    /// # Panics
    /// When a part of the pointer names something in a string or number.
    #[must_use]
    #[track_caller]
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let mut at = &mut self.config;
        for part in pointer.trim_start_matches('/').split('/') {
            at = step(at, &part.replace("~1", "/").replace("~0", "~"));
        }
        *at = value;
        self
    }

    /// Appends to the array at a JSON pointer, making it when it is missing.
    #[must_use]
    #[track_caller]
    pub fn push(self, pointer: &str, value: Value) -> Self {
        let array = self.config.pointer(pointer).is_some_and(Value::is_array);
        let bundle = if array {
            self
        } else {
            self.set(pointer, json!([]))
        };
        bundle.set(&format!("{pointer}/-"), value)
    }

    /// Removes what a JSON pointer names, if it is there.
    #[must_use]
    pub fn remove(mut self, pointer: &str) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        match self.config.pointer_mut(parent) {
            Some(Value::Object(map)) => drop(map.remove(name)),
            Some(Value::Array(list)) => {
                if let Ok(index) = name.parse::<usize>() {
                    list.remove(index);
                }
            }
            _ => {}
        }
        self
    }

    /// Sets `process.args`.
    #[must_use]
    pub fn args<const N: usize>(self, args: [&str; N]) -> Self {
        self.set("/process/args", json!(args.as_slice()))
    }

    /// Runs a shell script.
    #[must_use]
    pub fn shell(self, script: &str) -> Self {
        self.args(["/bin/sh", "-c", script])
    }

    /// Appends a mount.
    #[must_use]
    pub fn mount(self, destination: &str, fs_type: &str, source: &str, options: &[&str]) -> Self {
        self.push(
            "/mounts",
            json!({"destination": destination, "type": fs_type, "source": source, "options": options}),
        )
    }

    /// Removes the mounts at a destination.
    #[must_use]
    pub fn without_mount(mut self, destination: &str) -> Self {
        if let Some(Value::Array(mounts)) = self.config.pointer_mut("/mounts") {
            mounts.retain(|mount| mount["destination"] != destination);
        }
        self
    }

    /// Removes the namespace of a type, so that the container shares ours.
    #[must_use]
    pub fn without_namespace(mut self, kind: &str) -> Self {
        if let Some(Value::Array(list)) = self.config.pointer_mut("/linux/namespaces") {
            list.retain(|namespace| namespace["type"] != kind);
        }
        self
    }

    /// Adds a hook.
    #[must_use]
    pub fn hook(self, kind: &str, hook: Value) -> Self {
        self.push(&format!("/hooks/{kind}"), hook)
    }

    /// Writes a file of the rootfs, executable for everybody.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_program(&self, path: &str, content: &[u8]) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.rootfs().join(path.trim_start_matches('/'));
        fs::write(&path, content).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
    }

    /// Writes `config.json`, at once: another command may be reading it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn save(&self) {
        let text = serde_json::to_string_pretty(&self.config).expect("a Value is valid JSON");
        let new = self.dir.join("config.json.new");
        fs::write(&new, text).expect("write the config");
        fs::rename(new, self.dir.join("config.json")).expect("put config.json in place");
    }
}

/// What `part` of a JSON pointer names in `at`, made when it is missing.
fn step<'v>(at: &'v mut Value, part: &str) -> &'v mut Value {
    if at.is_null() {
        *at = json!({});
    }
    if let Value::Array(list) = at {
        if part == "-" {
            list.push(Value::Null);
        }
        let last = list.len().saturating_sub(1);
        let index = part.parse().unwrap_or(last);
        return list
            .get_mut(index)
            .unwrap_or_else(|| panic!("no element {part}"));
    }
    at.as_object_mut()
        .unwrap_or_else(|| panic!("{part} is below a string or number"))
        .entry(part)
        .or_insert(Value::Null)
}

fn default_config(cgroups_path: &str) -> Value {
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities
            },
            "noNewPrivileges": true
        },
        "root": {"path": "rootfs", "readonly": false},
        "hostname": "box",
        "mounts": default_mounts(),
        "linux": {
            "cgroupsPath": cgroups_path,
            "namespaces": [
                {"type": "pid"}, {"type": "network"}, {"type": "ipc"},
                {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}
            ],
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
                "/proc/scsi"
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"
            ]
        }
    })
}

fn default_mounts() -> Value {
    let mount = |destination: &str, fs_type: &str, source: &str, options: &[&str]| {
        let mut entry = json!({"destination": destination, "type": fs_type, "source": source});
        if !options.is_empty() {
            entry["options"] = json!(options);
        }
        entry
    };
    json!([
        mount("/proc", "proc", "proc", &[]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"]
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5"
            ]
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
        ),
        mount(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"]
        ),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"]
        )
    ])
}
