//! The root file system of the tests: busybox, the probe and a few files.
//!
//! Programs are copied once per test process and hard-linked into the rootfs of
//! each bundle, so a test may change its rootfs freely as long as it replaces
//! programs instead of writing to them.

use crate::isolation::SCRATCH;
use crate::{process, runtime, sys};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Applets linked to busybox in `/bin`.
const APPLETS: &[&str] = &[
    "cat", "chmod", "cp", "echo", "env", "false", "grep", "head", "hostname", "id", "ip", "kill",
    "ln", "ls", "mkdir", "mknod", "mount", "mv", "ps", "pwd", "readlink", "rm", "sed", "sh",
    "sleep", "sort", "stat", "stty", "test", "touch", "tr", "true", "tty", "umask", "wc", "yes",
];

const DIRECTORIES: &[&str] = &[
    "bin", "dev", "etc", "home", "mnt", "proc", "root", "sys", "tmp",
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                      guest:x:1000:1000:guest:/home:/bin/sh\n\
                      daemon:x:2:2::/tmp:/bin/sh\n";
const GROUP: &str = "root:x:0:\ndaemon:x:2:\nguest:x:1000:\nstaff:x:50:guest\n";

/// Where this test process keeps its bundles. On a disk file system, because
/// an overlay or an `exec` test may need more than tmpfs can do.
#[must_use]
pub fn scratch_root() -> PathBuf {
    Path::new(SCRATCH).join(crate::test::token())
}

struct Store {
    busybox: PathBuf,
    probe: PathBuf,
}

fn store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        remove_stale_scratch();
        sys::at_exit(remove_scratch);
        let dir = scratch_root().join("store");
        fs::create_dir_all(&dir).expect("make the store");
        let store = Store {
            busybox: dir.join("busybox"),
            probe: dir.join("probe"),
        };
        install(&static_busybox(), &store.busybox);
        install(&runtime::probe(), &store.probe);
        store
    })
}

extern "C" fn remove_scratch() {
    let _ = fs::remove_dir_all(scratch_root());
}

/// Removes what a test process that was killed could not.
fn remove_stale_scratch() {
    for entry in fs::read_dir(SCRATCH).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|n| n.strip_prefix("saya-test-")?.parse().ok());
        if pid.is_some_and(|pid| process::find(pid).is_none()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn install(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|e| panic!("copy {}: {e}", from.display()));
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).expect("chmod a program");
}

/// Builds what the bundles need; to be done before the test is isolated.
pub fn prepare() {
    store();
}

fn static_busybox() -> PathBuf {
    ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("busybox is missing: install the package busybox-static")
}

/// Makes a root file system at `dir`, which must not exist.
///
/// # Panics
/// When a file cannot be made; the path stands in the message.
pub fn create(dir: &Path) {
    for name in DIRECTORIES {
        fs::create_dir_all(dir.join(name)).expect("make a rootfs directory");
    }
    fs::set_permissions(dir.join("tmp"), fs::Permissions::from_mode(0o1777)).expect("chmod /tmp");
    link(&store().busybox, &dir.join("bin/busybox"));
    link(&store().probe, &dir.join("bin/probe"));
    for applet in APPLETS {
        symlink("busybox", dir.join("bin").join(applet)).expect("link an applet");
    }
    fs::write(dir.join("etc/passwd"), PASSWD).expect("write passwd");
    fs::write(dir.join("etc/group"), GROUP).expect("write group");
}

fn link(from: &Path, to: &Path) {
    fs::hard_link(from, to).unwrap_or_else(|e| panic!("link {}: {e}", to.display()));
}
