//! The rootfs leads mounts, devices and stdio elsewhere.

use crate::{redirect, without_dev};
use runtime_tests::{ConsoleSocket, Exit, Witness, conformance, json};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[test]
fn cve_2026_41579_dev_symlink_to_the_host() {
    conformance(|t| {
        let host = t.dir().join("target");
        fs::create_dir(&host).unwrap();
        fs::write(host.join("ptmx"), "marker").unwrap();
        let witness = Witness::of(&host);
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
