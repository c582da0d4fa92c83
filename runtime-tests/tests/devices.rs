//! `linux.devices` and the devices and links every container gets.

use runtime_tests::{Bundle, Test, Value, conformance, json, sys};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, chown};

fn with_device(t: &Test, device: Value) -> Bundle {
    t.bundle().push("/linux/devices", device)
}

/// What the probe sees of `paths`.
fn seen(t: &Test, bundle: Bundle, paths: &[&str]) -> Value {
    let words: Vec<&str> = ["/bin/probe", "stat"]
        .iter()
        .chain(paths)
        .copied()
        .collect();
    let run = t.run(&bundle.set("/process/args", json!(words)));
    run.expect_success().json()
}

#[track_caller]
fn assert_node(node: &Value, kind: &str, numbers: (u32, u32), mode: &str) {
    assert_eq!(node["type"], kind, "{node}");
    assert_eq!(node["mode"], mode, "{node}");
    if kind != "fifo" {
        assert_eq!(
            (&node["major"], &node["minor"]),
            (&json!(numbers.0), &json!(numbers.1))
        );
    }
}

#[test]
fn every_container_has_the_default_devices() {
    conformance(|t| {
        let devices = [
            ("/dev/null", 1, 3),
            ("/dev/zero", 1, 5),
            ("/dev/full", 1, 7),
            ("/dev/random", 1, 8),
            ("/dev/urandom", 1, 9),
            ("/dev/tty", 5, 0),
        ];
        let seen = seen(t, t.bundle(), &devices.map(|(path, _, _)| path));
        for (path, major, minor) in devices {
            assert_node(&seen[path], "char", (major, minor), "0666");
            assert_eq!(
                (&seen[path]["uid"], &seen[path]["gid"]),
                (&json!(0), &json!(0))
            );
        }
    });
}

#[test]
fn the_default_devices_work() {
    conformance(|t| {
        let script = "echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c; \
                      echo x 2>/dev/null > /dev/full || echo full";
        let run = t.run(&t.bundle().shell(script)).expect_success();
        assert_eq!(run.stdout(), "3\n3\nfull\n");
    });
}

#[test]
fn every_container_has_the_default_links() {
    conformance(|t| {
        let links = [
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
        ];
        let seen = seen(t, t.bundle(), &links.map(|(path, _)| path));
        for (path, target) in links {
            assert_eq!(seen[path]["target"], target, "{path}");
        }
        let run = t.run(&t.bundle().shell("echo through-a-link > /dev/stdout"));
        assert_eq!(run.expect_success().stdout(), "through-a-link\n");
    });
}

#[test]
fn without_a_terminal_there_is_no_console() {
    conformance(|t| {
        let seen = seen(t, t.bundle(), &["/dev/console"]);
        assert_eq!(seen["/dev/console"]["errno"], 2, "{seen}");
    });
}

#[test]
fn each_type_of_device_is_made() {
    conformance(|t| {
        let bundle = [
            json!({"path": "/dev/char", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 5, "gid": 6}),
            json!({"path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 3, "fileMode": 0o600}),
            json!({"path": "/dev/block", "type": "b", "major": 7, "minor": 77, "fileMode": 0o660}),
            json!({"path": "/dev/pipe", "type": "p", "fileMode": 0o622, "uid": 7, "gid": 8}),
        ]
        .into_iter()
        .fold(t.bundle(), |bundle, device| bundle.push("/linux/devices", device));
        let paths = ["/dev/char", "/dev/unbuffered", "/dev/block", "/dev/pipe"];
        let seen = seen(t, bundle, &paths);
        assert_node(&seen["/dev/char"], "char", (10, 229), "0640");
        assert_node(&seen["/dev/unbuffered"], "char", (1, 3), "0600");
        assert_node(&seen["/dev/block"], "block", (7, 77), "0660");
        assert_node(&seen["/dev/pipe"], "fifo", (0, 0), "0622");
        for (path, owner) in [
            ("/dev/char", [5, 6]),
            ("/dev/block", [0, 0]),
            ("/dev/pipe", [7, 8]),
        ] {
            assert_eq!(
                json!([seen[path]["uid"], seen[path]["gid"]]),
                json!(owner),
                "{path}"
            );
        }
    });
}

#[test]
fn a_mode_is_not_cut_by_the_umask() {
    conformance(|t| {
        let device =
            json!({"path": "/dev/open", "type": "c", "major": 1, "minor": 3, "fileMode": 0o777});
        let bundle = with_device(t, device).set("/process/user/umask", json!(0o077));
        assert_eq!(seen(t, bundle, &["/dev/open"])["/dev/open"]["mode"], "0777");
    });
}

#[test]
fn large_numbers_are_kept() {
    conformance(|t| {
        let device = json!({"path": "/dev/large", "type": "c", "major": 511, "minor": 1_048_575, "fileMode": 0o600});
        let seen = seen(t, with_device(t, device), &["/dev/large"]);
        assert_node(&seen["/dev/large"], "char", (511, 1_048_575), "0600");
    });
}

#[test]
fn a_device_outside_of_dev() {
    conformance(|t| {
        let device = json!({"path": "/opt/deep/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666});
        let bundle = with_device(t, device);
        let seen = seen(t, bundle.clone(), &["/opt/deep/null"]);
        assert_node(&seen["/opt/deep/null"], "char", (1, 3), "0666");
        let made = fs::symlink_metadata(bundle.rootfs().join("opt/deep/null")).unwrap();
        assert!(made.file_type().is_char_device());
    });
}

#[test]
fn a_device_below_a_directory_of_dev() {
    conformance(|t| {
        let device = json!({"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o666});
        let seen = seen(t, with_device(t, device), &["/dev/net/tun"]);
        assert_node(&seen["/dev/net/tun"], "char", (10, 200), "0666");
    });
}

#[test]
fn an_equal_node_that_exists_is_accepted() {
    conformance(|t| {
        let device =
            json!({"path": "/nodes/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666});
        let bundle = with_device(t, device);
        let node = bundle.rootfs().join("nodes/null");
        fs::create_dir(bundle.rootfs().join("nodes")).unwrap();
        sys::make_node(&node, 0o020_000 | 0o666, 1, 3).unwrap();
        chown(&node, Some(0), Some(0)).unwrap();
        let before = fs::symlink_metadata(&node).unwrap().ino();
        let seen = seen(t, bundle, &["/nodes/null"]);
        assert_node(
            &seen["/nodes/null"],
            "char",
            (1, 3),
            seen["/nodes/null"]["mode"].as_str().unwrap(),
        );
        assert_eq!(seen["/nodes/null"]["inode"], before);
    });
}

#[test]
fn another_node_that_exists_is_refused_and_kept() {
    conformance(|t| {
        let device =
            json!({"path": "/nodes/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666});
        let bundle = with_device(t, device.clone());
        let node = bundle.rootfs().join("nodes/null");
        fs::create_dir(bundle.rootfs().join("nodes")).unwrap();
        sys::make_node(&node, 0o020_000 | 0o600, 1, 5).unwrap();
        let _ = t.run(&bundle).expect_failure().expect_stderr("null");
        assert_eq!(fs::symlink_metadata(&node).unwrap().rdev(), 0x105);
        fs::remove_file(&node).unwrap();
        fs::write(&node, "a file").unwrap();
        let _ = t.run(&bundle).expect_failure().expect_stderr("null");
        assert_eq!(fs::read_to_string(&node).unwrap(), "a file");
    });
}

#[test]
fn a_default_device_of_the_config_is_as_the_config_says() {
    conformance(|t| {
        let device = json!({"path": "/dev/tty", "type": "c", "major": 5, "minor": 0, "fileMode": 0o620, "uid": 9, "gid": 5});
        let seen = seen(t, with_device(t, device), &["/dev/tty"]);
        assert_node(&seen["/dev/tty"], "char", (5, 0), "0620");
        assert_eq!(seen["/dev/tty"]["uid"], 9);
    });
}

#[test]
fn a_bound_dev_is_left_alone() {
    conformance(|t| {
        let host = t.witness();
        // Without the null device runtimes have nothing to mask paths with.
        sys::make_node(&host.path().join("null"), 0o020_000 | 0o666, 1, 3).unwrap();
        let host = runtime_tests::Witness::of(host.path());
        let source = host.path().to_str().unwrap().to_owned();
        let bundle = ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]
            .into_iter()
            .fold(t.bundle(), Bundle::without_mount)
            .mount("/dev", "bind", &source, &["rbind"]);
        let seen = seen(t, bundle, &["/dev"]);
        assert_eq!(seen["/dev"]["entries"], json!(["marker", "null"]));
        host.assert_unchanged();
    });
}

#[test]
fn an_image_may_bring_its_own_dev() {
    conformance(|t| {
        // No tmpfs on /dev: nodes and links are made in the rootfs.
        let bundle = ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]
            .into_iter()
            .fold(t.bundle(), Bundle::without_mount);
        let seen = seen(t, bundle, &["/dev/null", "/dev/fd"]);
        assert_node(&seen["/dev/null"], "char", (1, 3), "0666");
        assert_eq!(seen["/dev/fd"]["type"], "symlink");
    });
}

#[test]
fn wrong_devices_are_refused() {
    conformance(|t| {
        let devices = [
            json!({"path": "/dev/x", "type": "z", "major": 1, "minor": 3}),
            json!({"path": "/dev/x", "type": "c", "major": "one", "minor": 3}),
            json!({"path": "/dev/x", "major": 1, "minor": 3}),
        ];
        for device in devices {
            let _ = t.run(&with_device(t, device)).expect_failure();
        }
    });
}

#[test]
fn ptys_are_the_containers_own_even_if_the_config_lists_ptmx() {
    conformance(|t| {
        // Privileged containers get every device of the host.
        let ptmx =
            json!({"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2, "fileMode": 0o666});
        for bundle in [t.bundle(), with_device(t, ptmx)] {
            let run = t.run(&bundle.shell("exec 3<>/dev/ptmx; ls /dev/pts"));
            assert_eq!(run.expect_success().stdout(), "0\nptmx\n");
        }
    });
}
