//! Published attacks on container runtimes, each as a test that looks from
//! outside. "Refused" is a pass where nothing outside has changed.

use runtime_tests::{Bundle, ConsoleSocket, Exit, Test, conformance, json, process, sys};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// A bundle with nothing mounted but `/proc`, so that the rootfs' own `/dev` is
/// the one in use.
fn without_dev(t: &Test) -> Bundle {
    let proc = json!([{"destination": "/proc", "type": "proc", "source": "proc"}]);
    t.bundle().set("/mounts", proc)
}

/// Replaces a path of the rootfs by a symlink.
fn redirect(bundle: &Bundle, name: &str, target: &Path) {
    let path = bundle.rootfs().join(name);
    let _ = fs::remove_dir(&path);
    symlink(target, path).unwrap();
}

#[test]
fn cve_2026_41579_dev_symlink_to_the_host() {
    conformance(|t| {
        let host = t.dir().join("target");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("ptmx"), "marker").unwrap();
        let witness = runtime_tests::Witness::of(&host);
        for bundle in [without_dev(t), t.bundle()] {
            redirect(&bundle, "dev", &host);
            let _ = t.run(&bundle);
            witness.assert_unchanged();
        }
    });
}

#[test]
fn cve_2026_47766_default_devices_through_a_dev_symlink_inside() {
    conformance(|t| {
        // Resolved within the rootfs, the link leads to a directory inside
        // which has the same path as one of the host.
        let witness = t.witness();
        let bundle = without_dev(t);
        let inside = witness.path().strip_prefix("/").unwrap();
        fs::create_dir_all(bundle.rootfs().join(inside)).unwrap();
        redirect(&bundle, "dev", witness.path());
        let _ = t.run(&bundle);
        witness.assert_unchanged();
    });
}

#[test]
fn cve_2025_31133_mask_made_of_a_false_dev_null() {
    conformance(|t| {
        for decoy in ["/etc/decoy", "/proc/sys/kernel/hostname", "/etc/nowhere"] {
            let bundle = without_dev(t)
                .set("/linux/maskedPaths", json!(["/secret"]))
                .shell("cat /proc/self/mountinfo > /seen");
            fs::write(bundle.rootfs().join("secret"), "secret").unwrap();
            fs::write(bundle.rootfs().join("etc/decoy"), "decoy").unwrap();
            redirect(&bundle, "dev/null", Path::new(decoy));
            let run = t.run(&bundle);
            if run.status == Exit::Code(0) {
                // Not on stdout, which the same link may have redirected.
                let text = fs::read_to_string(bundle.rootfs().join("seen")).unwrap();
                let line = text
                    .lines()
                    .find(|l| l.contains(" /secret "))
                    .expect("no mask at all");
                let root = line.split(' ').nth(3).unwrap();
                assert!(
                    !root.ends_with("decoy") && !root.contains("ns_last_pid"),
                    "{line}"
                );
            }
        }
    });
}

#[test]
fn cve_2026_88265_stdio_reopened_through_a_false_dev_null() {
    conformance(|t| {
        let decoy = t.dir().join("decoy");
        fs::write(&decoy, "decoy").unwrap();
        let trace = |path: &Path| {
            let meta = fs::metadata(path).unwrap();
            (meta.uid(), meta.mode(), meta.ino(), fs::read(path).unwrap())
        };
        let before = trace(&decoy);
        for outputs in ["file", "null"] {
            let bundle = without_dev(t)
                .set("/process/user", json!({"uid": 1000, "gid": 1000}))
                .args(["/bin/probe", "facts"]);
            fs::write(bundle.rootfs().join("decoy"), "decoy").unwrap();
            let inside_before = trace(&bundle.rootfs().join("decoy"));
            redirect(&bundle, "dev/null", Path::new("/decoy"));
            let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
            let run = match outputs {
                "null" => {
                    let null = || File::options().write(true).open("/dev/null").unwrap();
                    run.outputs(null(), null()).run()
                }
                _ => run.run(),
            };
            assert_eq!(
                trace(&bundle.rootfs().join("decoy")),
                inside_before,
                "{}",
                run.describe()
            );
            assert_eq!(trace(&decoy), before);
            if outputs == "file" && run.status == Exit::Code(0) {
                let fds = run.json()["fds"].to_string();
                assert!(!fds.contains("decoy"), "stdio was redirected: {fds}");
            }
        }
    });
}

#[test]
fn cve_2026_88264_dev_console_symlink_to_the_host() {
    conformance(|t| {
        let witness = t.witness();
        let pts = ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
        let bundle = without_dev(t)
            .set("/process/terminal", json!(true))
            .mount("/dev/pts", "devpts", "devpts", &pts);
        redirect(&bundle, "dev/console", &witness.path().join("new"));
        let socket = ConsoleSocket::at(&t.dir().join("console"));
        let flags = ["--console-socket", socket.path()];
        let _ = t
            .verb_with_bundle("create", &bundle, &flags, &t.new_id())
            .run();
        witness.assert_unchanged();
    });
}

#[test]
fn cve_2019_18837_mount_targets_behind_a_symlink() {
    conformance(|t| {
        let witness = t.witness();
        let source = t.dir().join("source");
        fs::write(&source, "source").unwrap();
        let source = source.to_str().unwrap();
        let bundle = t
            .bundle()
            .mount("/vol/a/b", "tmpfs", "tmpfs", &[])
            .mount("/vol/f", "bind", source, &["bind"])
            .push(
                "/linux/devices",
                json!({"path": "/vol/d", "type": "c", "major": 1, "minor": 3}),
            )
            .push("/linux/readonlyPaths", json!("/vol"));
        redirect(&bundle, "vol", witness.path());
        let _ = t.run(&bundle);
        witness.assert_unchanged();
    });
}

#[test]
fn cve_2019_19921_proc_and_sys_as_symlinks() {
    conformance(|t| {
        let witness = t.witness();
        for name in ["proc", "sys"] {
            for target in [witness.path(), Path::new("/tmp/fake")] {
                let bundle = t.bundle();
                fs::create_dir(bundle.rootfs().join("tmp/fake")).unwrap();
                redirect(&bundle, name, target);
                let run = t.run(&bundle).expect_failure();
                let _ = run.expect_stderr("must be mounted on ordinary directory");
                witness.assert_unchanged();
            }
        }
    });
}

#[test]
fn cve_2015_3631_mounts_that_cover_parts_of_proc() {
    conformance(|t| {
        let dir = t.dir().join("fake");
        fs::create_dir(&dir).unwrap();
        let fake = dir.to_str().unwrap();
        let forbidden = [
            "/proc/self/attr/exec",
            "/proc/thread-self/attr",
            "/proc/sys",
            "/proc/sysrq-trigger",
            "/proc/1",
        ];
        for destination in forbidden {
            let bundle = t.bundle().mount(destination, "tmpfs", "tmpfs", &[]);
            let _ = t.run(&bundle).expect_failure();
        }
        let over_proc = t.bundle().without_mount("/proc");
        let tmpfs = over_proc.clone().mount("/proc", "tmpfs", "tmpfs", &[]);
        let _ = t.run(&tmpfs).expect_failure();
        let bind = over_proc.mount("/proc", "bind", fake, &["bind"]);
        let _ = t.run(&bind).expect_failure();
    });
}

#[test]
fn files_of_proc_that_lxcfs_covers_are_allowed() {
    conformance(|t| {
        let file = t.dir().join("uptime");
        fs::write(&file, "1.00 1.00\n").unwrap();
        let bundle = t
            .bundle()
            .mount("/proc/uptime", "bind", file.to_str().unwrap(), &["bind"])
            .args(["/bin/cat", "/proc/uptime"]);
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1.00 1.00\n");
    });
}

#[test]
fn cve_2022_0811_sysctl_keys_that_lead_elsewhere() {
    conformance(|t| {
        let core_pattern = fs::read("/proc/sys/kernel/core_pattern").unwrap();
        let long = format!("net.{}", "x".repeat(5000));
        let keys = [
            "net.ipv4/../../kernel/core_pattern",
            "net/ipv4/ip_forward+kernel.core_pattern=x",
            "kernel.core_pattern",
            "net.ipv4.ip_forward\nkernel.core_pattern",
            "net.ipv4.ip_forward\0",
            "../kernel/core_pattern",
            &long,
        ];
        for key in keys {
            let bundle = t.bundle().set("/linux/sysctl", json!({key: "|/evil"}));
            let _ = t.run(&bundle).expect_failure();
            let now = fs::read("/proc/sys/kernel/core_pattern").unwrap();
            assert_eq!(now, core_pattern, "sysctl {key:?} changed the host");
        }
    });
}

/// A host file that no container may ever read, and the path to it from any
/// directory of the host.
fn marker_from_anywhere(t: &Test) -> (runtime_tests::Witness, String) {
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
fn cve_2022_29162_exec_cap_adds_nothing_inheritable() {
    conformance(|t| {
        let capabilities = json!({
            "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]
        });
        let bundle = t
            .bundle()
            .set("/process/capabilities", capabilities)
            .args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        let inside = container
            .exec_with(&["--cap", "CAP_NET_RAW"], ["/bin/probe", "facts"])
            .expect_success()
            .json();
        let kill_and_net_raw = format!("{:016x}", (1u64 << 5) | (1 << 13));
        for (set, expected) in [
            ("CapInh", "0000000000000000"),
            ("CapPrm", &kill_and_net_raw),
            ("CapEff", &kill_and_net_raw),
            ("CapBnd", &kill_and_net_raw),
            ("CapAmb", "0000000000000000"),
        ] {
            assert_eq!(inside["status"][set], expected, "{set}");
        }
    });
}

#[test]
fn cve_2026_30892_exec_user_is_taken_exactly_or_refused() {
    conformance(|t| {
        let container = t.idle();
        let uid_gid = |user: &str| {
            let exec = container.exec_with(&["--user", user], ["/bin/probe", "facts"]);
            (exec.status == Exit::Code(0)).then(|| {
                let inside = exec.json();
                let id = |kind: &str| inside["identity"][kind][0].as_u64().unwrap();
                (id("uid"), id("gid"))
            })
        };
        assert_eq!(uid_gid("1"), Some((1, 0)));
        assert_eq!(uid_gid("1:2"), Some((1, 2)));
        assert_eq!(uid_gid("0:5"), Some((0, 5)));
        // A number may be written in other ways, but never mean another one.
        for (user, expected) in [
            ("01", (1, 0)),
            ("+1", (1, 0)),
            ("1:", (1, 0)),
            (":1", (0, 1)),
        ] {
            let got = uid_gid(user);
            assert!(
                got.is_none() || got == Some(expected),
                "--user {user:?} became {got:?}"
            );
        }
        for user in [
            "-1",
            " 1",
            "4294967295",
            "4294967296",
            "1.0",
            "0x1",
            "guest",
            "1:4294967296",
        ] {
            assert_eq!(uid_gid(user), None, "--user {user:?} must be refused");
        }
    });
}

#[test]
fn cve_2016_3697_a_numeric_user_is_no_name() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/user", json!({"uid": 1000, "gid": 1000}));
        fs::write(
            bundle.rootfs().join("etc/passwd"),
            "1000:x:0:0::/:/bin/sh\n",
        )
        .unwrap();
        let container = t.start(&bundle.args(["/bin/probe", "sleep"]));
        assert_eq!(
            process::status_field(container.pid, "Uid").unwrap(),
            "1000 1000 1000 1000"
        );
        let exec = container.exec_with(&["--user", "1000"], ["/bin/probe", "facts"]);
        let inside = exec.expect_success().json();
        assert_eq!(inside["identity"]["uid"], json!([1000, 1000, 1000]));
    });
}

#[test]
fn cve_2022_2989_the_callers_groups_never_get_in() {
    conformance(|t| {
        for (additional, expected) in [
            (None, json!([])),
            (Some(json!([])), json!([])),
            (Some(json!([5])), json!([5])),
        ] {
            let mut bundle = t.bundle().args(["/bin/probe", "facts"]);
            if let Some(groups) = additional {
                bundle = bundle.set("/process/user/additionalGids", groups);
            }
            let run = t
                .verb_with_bundle("run", &bundle, &[], &t.new_id())
                .groups(&[4, 27, 65534])
                .run()
                .expect_success();
            assert_eq!(run.json()["identity"]["groups"], expected);
        }
        let container = t.idle();
        let exec = t
            .runtime(["exec", &container.id, "/bin/probe", "facts"])
            .groups(&[4, 27])
            .run()
            .expect_success();
        assert_eq!(exec.json()["identity"]["groups"], json!([]));
    });
}

#[test]
fn the_callers_signal_settings_never_get_in() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/probe", "facts"]);
        let run = t
            .verb_with_bundle("run", &bundle, &[], &t.new_id())
            .ignoring(libc::SIGPIPE)
            .ignoring(libc::SIGHUP)
            .blocking(libc::SIGCHLD)
            .blocking(libc::SIGTERM)
            .run()
            .expect_success();
        assert_eq!(run.json()["status"]["SigBlk"], "0000000000000000");
        // The probe's own language runtime ignores SIGPIPE: ask a C program.
        let shell = t
            .bundle()
            .args(["/bin/grep", "SigIgn", "/proc/self/status"]);
        let run = t
            .verb_with_bundle("run", &shell, &[], &t.new_id())
            .ignoring(libc::SIGPIPE)
            .ignoring(libc::SIGHUP)
            .run()
            .expect_success();
        let ignored = run
            .stdout()
            .trim_end()
            .rsplit('\t')
            .next()
            .unwrap()
            .to_owned();
        let ignored = u64::from_str_radix(&ignored, 16).unwrap();
        // Signals 32 and 33 belong to the C library and cannot be set by it.
        assert_eq!(ignored & !(0b11 << 31), 0, "{}", run.describe());
    });
}

#[test]
fn hooks_do_not_see_the_environment_of_the_image() {
    conformance(|t| {
        let kinds = [
            "prestart",
            "createRuntime",
            "createContainer",
            "poststart",
            "poststop",
        ];
        let mut bundle = t
            .bundle()
            .push("/process/env", json!("IMGVAR=from-the-image"))
            .push("/process/env", json!("LD_PRELOAD=/evil.so"));
        let record = |kind: &str| t.dir().join(format!("env-{kind}"));
        let shell = "/bin/sh";
        for kind in kinds {
            let script = format!(
                "/usr/bin/env > {}; ls -1 /proc/self/fd >&2",
                record(kind).display()
            );
            bundle = bundle.hook(kind, json!({"path": shell, "args": ["sh", "-c", script]}));
        }
        let _ = t.run(&bundle).expect_success();
        for kind in kinds {
            let env = fs::read_to_string(record(kind)).unwrap_or_else(|_| panic!("no {kind} hook"));
            assert!(
                !env.contains("IMGVAR") && !env.contains("LD_PRELOAD"),
                "{kind}: {env}"
            );
        }
    });
}

/// A create with this hook fails within its time and leaves nothing.
#[track_caller]
fn assert_hook_is_killed(t: &Test, script: &str) {
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script], "timeout": 1});
    let id = t.new_id();
    let bundle = t.bundle().hook("createRuntime", hook);
    let _ = t
        .verb_with_bundle("create", &bundle, &[], &id)
        .run()
        .expect_failure();
    let _ = t.call(["state", &id]).expect_failure();
    let left = process::settle(&[].into(), std::time::Duration::from_secs(2));
    assert_eq!(left, [], "the hook or its child still runs");
}

#[test]
fn a_hook_that_hangs_is_killed_and_fails_the_create() {
    conformance(|t| assert_hook_is_killed(t, "exec sleep 1000"));
}

#[test]
fn a_hook_that_hangs_is_killed_with_its_children() {
    conformance(|t| assert_hook_is_killed(t, "sleep 1000 & sleep 1000"));
}

#[test]
fn the_runtimes_own_binary_is_not_writable_from_inside() {
    conformance(|t| {
        let before = fs::read(&t.runtime.path).unwrap();
        let all: Vec<String> = process_capabilities();
        let bundle = t
            .bundle()
            .set(
                "/process/capabilities",
                json!({"bounding": all, "effective": all, "permitted": all}),
            )
            .args(["/bin/probe", "sleep"]);
        let container = t.create(&bundle);
        // Seen from outside: what the init of a created container executes.
        let exe = format!("/proc/{}/exe", container.pid);
        let exe = fs::canonicalize(&exe).map_or(exe, |path| path.display().to_string());
        let _ = container.call("start").expect_success();
        let script = "for n in 1 2 3 4 5 6 7 8; do for exe in /proc/[0-9]*/exe; do \
                      /bin/probe open $exe w; done; done";
        let _ = container.exec(["/bin/sh", "-c", script]);
        assert!(
            fs::read(&t.runtime.path).unwrap() == before,
            "{exe} was changed"
        );
    });
}

fn process_capabilities() -> Vec<String> {
    [
        "CAP_SYS_ADMIN",
        "CAP_SYS_PTRACE",
        "CAP_DAC_OVERRIDE",
        "CAP_SYS_CHROOT",
        "CAP_MKNOD",
    ]
    .map(str::to_owned)
    .to_vec()
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
fn a_rootfs_passwd_that_blocks_or_never_ends_does_no_harm() {
    conformance(|t| {
        let fifo = t.bundle();
        fs::remove_file(fifo.rootfs().join("etc/passwd")).unwrap();
        sys::make_fifo(&fifo.rootfs().join("etc/passwd"), 0o644).unwrap();
        let endless = t.bundle();
        fs::remove_file(endless.rootfs().join("etc/passwd")).unwrap();
        symlink("/dev/zero", endless.rootfs().join("etc/passwd")).unwrap();
        let sparse = t.bundle();
        let file = File::create(sparse.rootfs().join("etc/passwd")).unwrap();
        file.set_len(10 << 30).unwrap();
        for bundle in [fifo, endless, sparse] {
            let run = t.verb_with_bundle("run", &bundle, &[], &t.new_id());
            let run = run.patience(std::time::Duration::from_secs(4)).run();
            assert_ne!(run.status, Exit::TimedOut, "{}", run.describe());
        }
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
