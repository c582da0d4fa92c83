//! The runtime under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which of the known runtimes it is, by the first word of `--version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Saya,
    /// opencontainers/runc.
    Runc,
    /// containers/crun.
    Crun,
    /// Any other: no deviation is granted.
    Other,
}

impl Kind {
    /// The name used in `DEVIATIONS.md`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saya => "saya",
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Other => "other",
        }
    }

    fn of_version(version: &str) -> Self {
        match version.split_whitespace().next() {
            // Runtimes call themselves as their file is called.
            Some(name) if name.starts_with("saya") => Self::Saya,
            Some("runc") => Self::Runc,
            Some("crun") => Self::Crun,
            _ => Self::Other,
        }
    }
}

/// The binary under test and what it says of itself.
#[derive(Debug)]
pub struct Runtime {
    /// Absolute path of the binary.
    pub path: PathBuf,
    /// Which runtime it is.
    pub kind: Kind,
    /// Its whole `--version` output.
    pub version: String,
}

impl Runtime {
    /// The runtime of this test process: `RUNTIME`, else the workspace's own.
    ///
    /// # Panics
    /// When the binary does not exist, cannot be built, or has no `--version`.
    pub fn under_test() -> &'static Self {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        RUNTIME.get_or_init(|| {
            let named = std::env::var("RUNTIME")
                .ok()
                .filter(|name| !name.is_empty());
            Self::at(&named.map_or_else(build_own, |name| resolve(&name)))
        })
    }

    fn at(path: &Path) -> Self {
        let output = Command::new(path)
            .arg("--version")
            .output()
            .unwrap_or_else(|e| panic!("run {} --version: {e}", path.display()));
        let version = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        assert!(
            output.status.success(),
            "{} --version failed",
            path.display()
        );
        Self {
            path: path.to_owned(),
            kind: Kind::of_version(&version),
            version,
        }
    }

    /// The version number, `1.1.5+ds1` for example.
    #[must_use]
    pub fn version_number(&self) -> &str {
        self.version.split_whitespace().nth(2).unwrap_or("unknown")
    }
}

fn resolve(name: &str) -> PathBuf {
    if name.contains('/') {
        // Cargo runs tests in the package's directory; a relative path is
        // meant from where the user stands, which is the workspace's root.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = if name.starts_with('/') {
            PathBuf::from(name)
        } else {
            root.join(name)
        };
        return path
            .canonicalize()
            .unwrap_or_else(|e| panic!("RUNTIME={name}: {e}"));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&format!("{path}:/usr/sbin:/usr/local/sbin"))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("RUNTIME={name}: no such program in PATH"))
}

fn build_own() -> PathBuf {
    build("saya", "saya")
}

/// The musl target, or where Rust has none installed (Debian's own packages)
/// the target and the flags of a static glibc build, as in `scripts/build`.
fn static_target() -> (&'static str, Option<&'static str>) {
    const MUSL: &str = "x86_64-unknown-linux-musl";
    let rustc = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", MUSL])
        .output();
    let libdir = rustc.map(|o| String::from_utf8_lossy(&o.stdout).trim_end().to_owned());
    if libdir.is_ok_and(|dir| Path::new(&dir).exists()) {
        (MUSL, None)
    } else {
        let flags = "-C target-feature=+crt-static";
        ("x86_64-unknown-linux-gnu", Some(flags))
    }
}

/// The program that runs inside the containers: `SAYA_TEST_PROBE` where there is
/// no cargo, else built here.
pub(crate) fn probe() -> PathBuf {
    let built = std::env::var_os("SAYA_TEST_PROBE").map(PathBuf::from);
    built.unwrap_or_else(|| build("runtime-tests", "probe"))
}

/// Builds `bin` of `package` as a static program; its path.
fn build(package: &str, bin: &str) -> PathBuf {
    let (target, flags) = static_target();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--target",
            target,
            "--package",
            package,
            "--bin",
            bin,
        ])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(manifest)
        .envs(flags.map(|flags| ("RUSTFLAGS", flags)))
        .output()
        .unwrap_or_else(|e| panic!("run cargo build for {bin}: {e}"));
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|m| m["target"]["name"] == bin)
        .find_map(|m| m["executable"].as_str().map(PathBuf::from));
    built.unwrap_or_else(|| {
        panic!(
            "cargo build {bin} for {target}:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
