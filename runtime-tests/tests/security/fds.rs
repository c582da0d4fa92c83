//! What must not get in: fds, directories, environment and binary of the runtime.

use runtime_tests::{Bundle, Rendezvous, Runner, Test, Witness, conformance, json, process};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// A host file that no container may ever read, and the path to it from any
/// directory of the host.
fn marker_from_anywhere(t: &Test) -> (Witness, String) {
    let witness = t.witness();
    let up = "../".repeat(12);
    let path = format!("{up}{}", witness.path().join("marker").display());
    (witness, path)
}

#[test]
fn cve_2024_21626_cwd_through_an_inherited_fd() {
    conformance(|t| {
        let (_witness, marker) = marker_from_anywhere(t);
        let root = File::open("/").unwrap();
        for number in 3..=20 {
            let bundle = t
                .bundle()
                .set("/process/cwd", json!(format!("/proc/self/fd/{number}")))
                .args(["/bin/cat", &marker]);
            // The caller holds a host directory open without close-on-exec.
            let run = t
                .verb_with_bundle("run", &bundle, &[], &t.new_id())
                .inherit(root.as_fd(), 9)
                .run();
            assert!(!run.stdout().contains("HOST-MARKER"), "{}", run.describe());
        }
    });
}

#[test]
fn cve_2024_21626_exec_cwd_through_an_inherited_fd() {
    conformance(|t| {
        let (_witness, marker) = marker_from_anywhere(t);
        let root = File::open("/").unwrap();
        let container = t.idle();
        for number in 3..=15 {
            let cwd = format!("/proc/self/fd/{number}");
            let exec = t
                .runtime(["exec", "--cwd", &cwd, &container.id, "/bin/cat", &marker])
                .inherit(root.as_fd(), 9)
                .run();
            assert!(
                !exec.stdout().contains("HOST-MARKER"),
                "{}",
                exec.describe()
            );
        }
    });
}

#[test]
fn cve_2016_9962_the_callers_fds_do_not_get_in() {
    conformance(|t| {
        let (dir, file) = (File::open("/").unwrap(), File::open("/etc/passwd").unwrap());
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let with_fds = |verb: &str, id: &str| {
            t.verb_with_bundle(verb, &bundle, &[], id)
                .inherit(dir.as_fd(), 3)
                .inherit(file.as_fd(), 7)
                .inherit(socket.as_fd(), 11)
                .inherit(dir.as_fd(), 200)
                .run()
                .expect_success()
        };
        let inside = with_fds("run", &t.new_id()).json();
        let numbers: Vec<_> = inside["fds"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(numbers, ["0", "1", "2"], "{}", inside["fds"]);

        let id = t.new_id();
        let _ = with_fds("create", &id);
        let pid = t.call(["state", &id]).json()["pid"].as_i64().unwrap();
        for (number, target) in process::fds(i32::try_from(pid).unwrap()) {
            assert!(
                target != "/" && target != "/etc/passwd",
                "init holds {number}: {target}"
            );
        }
    });
}

#[test]
fn exec_does_not_let_the_callers_fds_in() {
    conformance(|t| {
        let root = File::open("/").unwrap();
        let container = t.idle();
        let exec = t
            .runtime(["exec", &container.id, "/bin/probe", "facts"])
            .inherit(root.as_fd(), 3)
            .inherit(root.as_fd(), 50)
            .run()
            .expect_success();
        let fds = exec.json()["fds"].clone();
        let numbers: Vec<_> = fds.as_object().unwrap().keys().cloned().collect();
        assert_eq!(numbers, ["0", "1", "2"], "{fds}");
    });
}

#[test]
fn the_callers_environment_does_not_get_in() {
    conformance(|t| {
        const SECRET: &str = "s3cr3t-of-the-caller";
        let id = t.new_id();
        let create = t.verb_with_bundle("create", &t.bundle(), &[], &id);
        let _ = create.env("SECRET", SECRET).run().expect_success();
        let pid = t.call(["state", &id]).json()["pid"].to_string();
        let environ = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        assert!(
            !environ.contains(SECRET),
            "init of a created container: {environ:?}"
        );

        let facts = t
            .verb_with_bundle(
                "run",
                &t.bundle().args(["/bin/probe", "facts"]),
                &[],
                &t.new_id(),
            )
            .env("SECRET", SECRET)
            .run()
            .expect_success();
        assert!(!facts.stdout().contains(SECRET));
    });
}

#[test]
fn values_of_variables_stay_out_of_error_messages() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set(
                "/process/env",
                json!(["PATH=/bin", "TOKEN=s3cr3t-of-the-image", "s3cr3t-too"]),
            )
            .args(["/no/such/program"]);
        let run = t.run(&bundle).expect_failure();
        assert!(
            !run.stderr().contains("s3cr3t-of-the-image"),
            "{}",
            run.describe()
        );
    });
}

#[test]
fn cve_2019_5736_the_runtimes_own_binary_is_not_writable_from_inside() {
    conformance(|t| {
        // A copy on a writable file system: the machine's is read-only here.
        let binary = t.dir().join("runtime");
        fs::copy(&t.runtime.path, &binary).unwrap();
        let before = Witness::of(&binary);
        let bundle = with_all_capabilities(t.bundle()).args(["/bin/probe", "sleep"]);
        let (held, go) = (
            Rendezvous::in_rootfs(&bundle, "held"),
            Rendezvous::in_rootfs(&bundle, "go"),
        );
        bundle.save();
        let call = |words: &[&str]| {
            Runner::new(&binary)
                .args(["--root", "/run/state"])
                .args(words)
        };
        let id = t.new_id();
        let create = ["create", "--bundle", bundle.dir().to_str().unwrap(), &id];
        let _ = call(&create).run().expect_success();

        // Inside, a process takes hold of the file that the waiting init runs,
        let steal = [
            "exec",
            &id,
            "/bin/probe",
            "steal",
            "/proc/1/exe",
            "/held",
            "/go",
        ];
        let thief = call(&steal).spawn();
        held.wait();
        // and tries to write to it once init runs the container's program.
        let _ = call(&["start", &id]).run().expect_success();
        go.say("go");
        let stolen = thief.finish().expect_success().json();
        let ours = fs::metadata(&binary).unwrap();
        let same = stolen["inode"] == ours.ino() && stolen["device"] == ours.dev();
        let written = stolen["opened"]
            .as_array()
            .unwrap()
            .iter()
            .any(|errno| errno.is_null());
        assert!(
            !(same && written),
            "the runtime's binary could be opened for writing: {stolen}"
        );
        before.assert_unchanged();
    });
}

fn with_all_capabilities(bundle: Bundle) -> Bundle {
    let all = json!([
        "CAP_SYS_ADMIN",
        "CAP_SYS_PTRACE",
        "CAP_DAC_OVERRIDE",
        "CAP_SYS_CHROOT",
        "CAP_MKNOD",
        "CAP_SETUID",
        "CAP_SETGID",
        "CAP_FOWNER",
        "CAP_CHOWN"
    ]);
    bundle
        .set(
            "/process/capabilities",
            json!({"bounding": all, "effective": all, "permitted": all}),
        )
        .set("/process/noNewPrivileges", json!(false))
}

#[test]
fn the_program_may_not_be_the_runtime_itself() {
    conformance(|t| {
        let before = fs::read(&t.runtime.path).unwrap();
        let bundle = t.bundle().args(["/proc/self/exe", "--version"]);
        let run = t.run(&bundle);
        let version = t.runtime.version.lines().next().unwrap();
        assert!(!run.stdout().contains(version), "{}", run.describe());
        assert!(fs::read(&t.runtime.path).unwrap() == before);
    });
}

#[test]
fn the_state_directory_is_closed_to_others() {
    conformance(|t| {
        let container = t.idle();
        let dir = Path::new("/run/state").join(&container.id);
        let mode = fs::metadata(&dir).unwrap().permissions().mode();
        assert_eq!(
            mode & 0o077 & !0o011,
            0,
            "{} has mode {mode:o}",
            dir.display()
        );
    });
}
