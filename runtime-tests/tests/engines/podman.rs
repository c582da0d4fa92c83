//! podman: limits of its command line, read back from inside and from the kernel.
//!
//! Everything of podman's is in the test's own directories, and the container's root is a plain
//! directory, so that neither images nor a network are needed.

use runtime_tests::{
    Exit, HostMount, Output, Runner, Test, cgroup, conformance, process, reaper, test,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// podman starts several processes for each of its commands.
const PATIENCE: Duration = Duration::from_secs(60);

struct Podman<'t> {
    test: &'t Test,
    program: PathBuf,
    manager: &'static str,
    /// podman names a profile where AppArmor is on, which is not what is tested here.
    _no_apparmor: Option<HostMount>,
}

impl<'t> Podman<'t> {
    fn find(test: &'t Test) -> Self {
        let program = PathBuf::from("/usr/bin/podman");
        if !program.exists() {
            test.skip("podman is not installed");
        }
        let name = test.runtime.path.file_name().unwrap().to_string_lossy();
        // Raising limits needs a capability that root may lack here.
        let config = format!(
            "[engine]\nruntime_supports_json = [{name:?}]\n\
             [containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
        );
        fs::write(test.dir().join("containers.conf"), config).unwrap();
        let apparmor = Path::new("/sys/module/apparmor/parameters/enabled");
        Self {
            test,
            program,
            manager: "cgroupfs",
            _no_apparmor: apparmor
                .exists()
                .then(|| HostMount::bind(Path::new("/dev/null"), apparmor)),
        }
    }

    /// With systemd making the cgroups.
    fn with_systemd(mut self) -> Self {
        if !Path::new("/run/systemd/system").exists() || !Path::new("/run/dbus").exists() {
            self.test.skip("systemd does not run here");
        }
        self.manager = "systemd";
        self
    }

    fn command(&self, verb: &str) -> Runner {
        let dir = |name: &str| self.test.dir().join(name).to_string_lossy().into_owned();
        Runner::new(&self.program)
            .env("CONTAINERS_CONF", &dir("containers.conf"))
            .env("HOME", &dir("home"))
            .args(["--runtime".as_ref(), self.test.runtime.path.as_os_str()])
            .args([format!("--cgroup-manager={}", self.manager)])
            .args(["--events-backend=file"])
            .args(["--storage-driver=vfs", "--tmpdir=/run/podman/tmp"])
            .args([
                format!("--root={}", dir("storage")),
                "--runroot=/run/podman".into(),
            ])
            .args([verb])
            .patience(PATIENCE)
    }

    /// `podman run` of a shell script with these flags.
    fn run(&self, flags: &[&str], script: &str) -> Output {
        let bundle = self.test.bundle();
        bundle.save();
        // What is tested are limits.
        self.command("run")
            .args(["--network=none"])
            .args(
                (self.manager == "cgroupfs").then(|| format!("--cgroup-parent=/{}", test::token())),
            )
            .args(flags)
            .args(["--rootfs".as_ref(), bundle.dir().join("rootfs").as_os_str()])
            .args(["/bin/sh", "-c", script])
            .run()
    }
}

/// What podman keeps for its next command, and conmon's cgroup.
impl Drop for Podman<'_> {
    fn drop(&mut self) {
        // conmon has podman clean up behind a detached container.
        reaper::wait_until(PATIENCE, |_| {
            process::descendants().is_empty().then_some(())
        });
        let _ = fs::remove_dir_all("/run/podman");
        let _ = fs::remove_file("/dev/shm/libpod_lock");
        let root = self.test.runtime.path.file_name().unwrap();
        let _ = fs::remove_dir_all(Path::new("/run").join(root));
        for conmon in cgroup::directories("conmon").iter().rev() {
            let is_ours = conmon.to_string_lossy().contains(&test::token());
            if is_ours {
                let _ = reaper::wait_until(PATIENCE, |_| fs::remove_dir(conmon).ok());
            }
        }
    }
}

/// The files with the limits in each version, as the container sees them.
fn files() -> [&'static str; 3] {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        ["memory.max", "cpu.max", "pids.max"]
    } else {
        [
            "memory/memory.limit_in_bytes",
            "cpu/cpu.cfs_quota_us",
            "pids/pids.max",
        ]
    }
}

fn assert_limits(podman: &Podman<'_>) {
    let flags = ["--rm", "--memory=64m", "--cpus=0.5", "--pids-limit=77"];
    let script = format!("cd /sys/fs/cgroup && cat {}", files().join(" "));
    let output = podman.run(&flags, &script).expect_success().stdout();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert_eq!(lines[0], "67108864");
    assert!(["50000", "50000 100000"].contains(&lines[1]), "{output}");
    assert_eq!(lines[2], "77");
}

#[test]
fn podman_sets_limits_through_the_runtime() {
    conformance(|t| assert_limits(&Podman::find(t)));
}

#[test]
fn podman_sets_limits_through_the_runtime_and_systemd() {
    conformance(|t| assert_limits(&Podman::find(t).with_systemd()));
}

#[test]
fn podman_updates_limits_through_the_runtime() {
    conformance(|t| {
        let podman = Podman::find(t);
        let _ = podman
            .run(&["--name=web", "--detach", "--memory=64m"], "sleep 1000")
            .expect_success();
        let update = podman.command("update").args(["--memory=32m", "web"]).run();
        let inside = podman
            .command("exec")
            .args(["web", "cat"])
            .args([format!("/sys/fs/cgroup/{}", files()[0])])
            .run();
        let removed = podman
            .command("rm")
            .args(["--force", "--time=0", "web"])
            .run();
        let _ = update.expect_success();
        assert_eq!(inside.expect_success().stdout(), "33554432\n");
        let _ = removed.expect_success();
    });
}

#[test]
fn podman_is_told_that_memory_ran_out() {
    conformance(|t| {
        let podman = Podman::find(t);
        let flags = ["--name=hog", "--memory=16m", "--memory-swap=16m"];
        // A line without an end: it is kept in memory.
        let output = podman.run(&flags, "tr '\\0' x </dev/zero | sort >/dev/null; exit $?");
        let inspect = podman
            .command("inspect")
            .args(["--format={{.State.OOMKilled}} {{.State.ExitCode}}", "hog"])
            .run()
            .expect_success();
        let told = inspect.stdout();
        podman
            .command("rm")
            .args(["--force", "hog"])
            .run()
            .expect_success();
        assert_ne!(output.status, Exit::Code(0), "{}", output.describe());
        assert!(
            told.trim_end().ends_with("137"),
            "{told} {}",
            output.describe()
        );
        assert!(
            cgroup::directories("hog").is_empty(),
            "podman leaves no cgroup"
        );
    });
}
