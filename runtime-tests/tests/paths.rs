//! `linux.maskedPaths` and `linux.readonlyPaths`.

use runtime_tests::facts::options_at;
use runtime_tests::{Bundle, Exit, HostMount, Test, conformance, json, sys};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A rootfs with a file and a directory that hold a secret.
fn with_secrets(t: &Test) -> Bundle {
    let bundle = t.bundle();
    let dir = bundle.rootfs().join("secrets");
    fs::create_dir_all(dir.join("below")).expect("mkdir");
    fs::write(dir.join("below/word"), "secret").expect("write");
    fs::write(bundle.rootfs().join("secret"), "secret").expect("write");
    bundle
}

fn masked(t: &Test, paths: &[&str]) -> Bundle {
    with_secrets(t).set("/linux/maskedPaths", json!(paths))
}

fn readonly(t: &Test, paths: &[&str]) -> Bundle {
    with_secrets(t).set("/linux/readonlyPaths", json!(paths))
}

#[test]
fn a_masked_file_is_empty() {
    conformance(|t| {
        let bundle = masked(t, &["/secret"]).shell("cat /secret; wc -c < /secret");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "0\n");
        let text = fs::read_to_string(bundle.rootfs().join("secret")).unwrap();
        assert_eq!(text, "secret", "only the container's view changes");
    });
}

#[test]
fn a_masked_directory_is_empty_and_read_only() {
    conformance(|t| {
        let bundle = masked(t, &["/secrets"]);
        let script = "ls -A /secrets; touch /secrets/new; echo $?";
        let run = t.run(&bundle.shell(script)).expect_success();
        assert_eq!(run.stdout(), "1\n");
        assert!(options_at(&t.facts(masked(t, &["/secrets"])), "/secrets").contains("ro"));
    });
}

#[test]
fn several_masked_directories_are_each_empty() {
    conformance(|t| {
        let bundle = masked(t, &["/secrets/below", "/home", "/sys/kernel", "/proc/sys"]);
        let script =
            "ls -A /secrets/below /home /sys/kernel /proc/sys | grep -v ':$' | grep -c .; :";
        let bundle = bundle.remove("/linux/readonlyPaths");
        assert_eq!(
            t.run(&bundle.shell(script)).expect_success().stdout(),
            "0\n"
        );
    });
}

#[test]
fn a_masked_file_of_proc_tells_nothing() {
    conformance(|t| {
        let bundle = masked(t, &["/proc/cpuinfo"]).shell("wc -c < /proc/cpuinfo");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "0\n");
    });
}

#[test]
fn a_masked_path_that_does_not_exist_is_ignored_and_not_made() {
    conformance(|t| {
        let bundle = masked(t, &["/no/such/path", "/proc/no-such-file"]);
        let run = t.run(&bundle.clone().shell("test ! -e /no && cat /secret"));
        assert_eq!(run.expect_success().stdout(), "secret");
        assert!(!bundle.rootfs().join("no").exists());
    });
}

#[test]
fn a_readonly_file_cannot_be_written() {
    conformance(|t| {
        let bundle = readonly(t, &["/secret"]).shell("cat /secret; echo x > /secret; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "secret1\n");
        fs::write(bundle.rootfs().join("secret"), "x").expect("the host may still write");
    });
}

#[test]
fn a_readonly_directory_cannot_be_written_at_any_depth() {
    conformance(|t| {
        let script = "cat /secrets/below/word; touch /secrets/new; echo $?; \
                      echo x > /secrets/below/word; echo $?; touch /outside; echo $?";
        let run = t
            .run(&readonly(t, &["/secrets"]).shell(script))
            .expect_success();
        assert_eq!(run.stdout(), "secret1\n1\n0\n");
    });
}

#[test]
fn a_readonly_path_of_proc() {
    conformance(|t| {
        let script = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo $?";
        let allowed = |bundle: Bundle| {
            let sets = ["bounding", "permitted", "effective"].into_iter();
            sets.fold(bundle, |bundle, set| {
                let caps = json!(["CAP_NET_ADMIN"]);
                bundle.set(&format!("/process/capabilities/{set}"), caps)
            })
        };
        let bundle = allowed(readonly(t, &["/proc/sys"]));
        let run = t.run(&bundle.shell(script)).expect_success();
        assert_eq!(run.stdout(), "1\n");
        // The same without it: the test's other half.
        let run = t
            .run(&allowed(readonly(t, &[])).shell(script))
            .expect_success();
        assert_eq!(run.stdout(), "0\n");
    });
}

#[test]
fn a_readonly_path_that_does_not_exist_is_ignored() {
    conformance(|t| {
        let bundle = readonly(t, &["/no/such/path"]);
        assert_eq!(t.run(&bundle).status, Exit::Code(0));
    });
}

#[test]
fn paths_below_a_file_do_not_exist_either() {
    conformance(|t| {
        let below = json!(["/secret/no-directory"]);
        for field in ["/linux/maskedPaths", "/linux/readonlyPaths"] {
            let bundle = with_secrets(t).set(field, below.clone());
            assert_eq!(t.run(&bundle).status, Exit::Code(0), "{field}");
        }
    });
}

#[test]
fn a_readonly_path_keeps_the_other_attributes_of_its_mount() {
    conformance(|t| {
        let bundle = readonly(t, &["/mnt/below"])
            .mount("/mnt", "tmpfs", "tmpfs", &["nosuid", "nodev", "noexec"])
            .mount("/mnt/below", "tmpfs", "tmpfs", &["nosuid", "noexec"]);
        let found = options_at(&t.facts(bundle), "/mnt/below");
        for option in ["ro", "nosuid", "noexec"] {
            assert!(found.contains(option), "{option}: {found:?}");
        }
    });
}

#[test]
fn masked_and_readonly_paths_are_also_those_of_exec() {
    conformance(|t| {
        let bundle = masked(t, &["/secret"]).set("/linux/readonlyPaths", json!(["/secrets"]));
        let container = t.start(&bundle.args(["/bin/probe", "sleep"]));
        let script = "cat /secret; touch /secrets/new; echo $?";
        let exec = container.exec(["/bin/sh", "-c", script]).expect_success();
        assert_eq!(exec.stdout(), "1\n");
    });
}

#[test]
fn a_path_may_be_masked_and_read_only() {
    conformance(|t| {
        let bundle =
            masked(t, &["/secrets/below"]).set("/linux/readonlyPaths", json!(["/secrets"]));
        let script = "ls -A /secrets/below; touch /secrets/new; echo $?";
        assert_eq!(
            t.run(&bundle.shell(script)).expect_success().stdout(),
            "1\n"
        );
    });
}

#[test]
fn what_masks_a_file_is_not_the_hosts_to_change() {
    conformance(|t| {
        // In the test's own view another null device stands for the host's.
        let null = t.dir().join("null");
        sys::make_node(&null, 0o020_666, 1, 3).expect("mknod");
        fs::set_permissions(&null, fs::Permissions::from_mode(0o666)).expect("chmod");
        let _host = HostMount::bind(&null, "/dev/null".as_ref());
        let before = fs::metadata(&null).expect("stat");
        let script = "chmod 0 /secret; busybox chown 7:7 /secret; touch -d 2001-01-01 /secret; :";
        let bundle = ["bounding", "permitted", "effective"].into_iter().fold(
            masked(t, &["/secret"]),
            |bundle, set| {
                let caps = json!(["CAP_CHOWN", "CAP_FOWNER"]);
                bundle.set(&format!("/process/capabilities/{set}"), caps)
            },
        );
        let _ = t.run(&bundle.shell(script)).expect_success();
        let after = fs::metadata(&null).expect("stat");
        assert_eq!(after.mode(), before.mode(), "chmod reached the host");
        assert_eq!((after.uid(), after.gid()), (0, 0), "chown reached the host");
        assert_ne!(after.mtime(), 978_307_200, "utimes reached the host");
    });
}
