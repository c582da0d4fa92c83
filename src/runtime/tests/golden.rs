//! Golden plans: what real engines' configurations come to, step by step, on a fixed host.
//!
//! `bundles/engines/<engine>/config.json` was written by the engine itself (runc 1.1.5 `spec`;
//! podman 4.3.1 and containerd 1.6.20 for `/bin/sh` without limits and without seccomp;
//! `podman-limits` by podman with limits of everything), with its paths made neutral. That of
//! docker is written by hand after what moby writes for `docker run` with limits. `plan.txt`
//! beside it is the plan, `plan-v1.txt` that of a machine with cgroup v1. After a change that is
//! meant: `BLESS=1 cargo test -p saya --test golden`, and read the diff.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy exempts test functions, not what they call"
)]

use std::fs;
use std::path::{Path, PathBuf};

use saya::cgroup::{Driver, Layout, place};
use saya::config::Config;
use saya::host::Host;
use saya::plan::{self, Begin, EnterRoot, Keyring, show};

/// A machine with all capabilities of Linux 6.1 and this cgroup layout.
fn host(cgroups: Layout) -> Host {
    Host {
        cgroups,
        capabilities: (1 << 41) - 1,
        ignored_signals: 0,
    }
}

fn unified() -> Layout {
    Layout::unified("0::/system.slice/engine.service\n")
}

fn hybrid() -> Layout {
    let mountinfo = "\
30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
34 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    Layout::parse(
        mountinfo,
        "4:memory:/\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n",
    )
}

/// Each controller by itself, and no v2 hierarchy.
fn legacy() -> Layout {
    let controllers = ["memory", "cpu", "cpuset", "blkio", "pids", "devices"];
    let (mut mountinfo, mut own) = (String::new(), String::new());
    for (index, name) in controllers.iter().enumerate() {
        let id = 31 + index;
        let mount = format!("/sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}");
        mountinfo.push_str(&format!("{id} 30 0:{id} / {mount}\n"));
        own.push_str(&format!("{id}:{name}:/\n"));
    }
    Layout::parse(&mountinfo, &own)
}

fn golden(engine: &str, layout: Layout, file: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../bundles/engines")
        .join(engine);
    let text = fs::read_to_string(directory.join("config.json")).unwrap();
    let document = serde_json::from_str(&text).unwrap();
    let config = Config::from_spec(&document, "/bundle").expect("the configuration is accepted");
    let host = host(layout);
    let path = config.cgroups_path.as_ref().map(|path| path.value.as_str());
    let placement = place(&host.cgroups, path, "web", Driver::Cgroupfs).unwrap();
    let options = plan::Options {
        id: "web",
        enter: EnterRoot::Pivot,
        begin: Begin::OnStart,
        keyring: Keyring::New,
        listen_fds: 0,
    };
    let (plan, warnings) = plan::plan(&config, &host, placement, options).unwrap();
    assert_eq!(warnings, [""; 0]);
    compare(&directory.join(file), &show::text_form(&plan));
}

fn compare(path: &PathBuf, plan: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, plan).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        plan == expected,
        "{} differs; the plan is now:\n{plan}",
        path.display()
    );
}

#[test]
fn the_default_spec() {
    golden("runc", unified(), "plan.txt");
    golden("runc", hybrid(), "plan-hybrid.txt");
}

#[test]
fn podman() {
    golden("podman", unified(), "plan.txt");
}

#[test]
fn podman_with_limits() {
    golden("podman-limits", unified(), "plan.txt");
    golden("podman-limits", legacy(), "plan-v1.txt");
}

#[test]
fn docker_with_limits() {
    golden("docker", unified(), "plan.txt");
    golden("docker", legacy(), "plan-v1.txt");
}

#[test]
fn containerd() {
    golden("containerd", unified(), "plan.txt");
}
