//! `/proc`, `/sys` and sysctls.

use crate::redirect;
use runtime_tests::{conformance, json};
use std::fs;
use std::path::Path;

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
fn a_procfs_may_be_bound_on_proc_but_no_part_of_one() {
    conformance(|t| {
        let bundle = t.bundle().without_mount("/proc").without_namespace("pid");
        let whole = bundle
            .clone()
            .mount("/proc", "bind", "/proc", &["rbind", "ro"]);
        let run = t
            .run(&whole.args(["/bin/cat", "/proc/self/comm"]))
            .expect_success();
        assert_eq!(run.stdout(), "cat\n");
        let part = bundle.mount("/proc", "bind", "/proc/self/net", &["bind"]);
        let _ = t.run(&part).expect_failure();
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

#[test]
fn sysctl_keys_may_be_written_with_slashes() {
    conformance(|t| {
        let values = json!({"net/ipv4/conf/lo/forwarding": "1", "net.ipv4.ip_default_ttl": "77"});
        let bundle = t.bundle().set("/linux/sysctl", values).args([
            "/bin/probe",
            "facts",
            "sysctl=net.ipv4.conf.lo.forwarding",
            "sysctl=net.ipv4.ip_default_ttl",
        ]);
        let facts = t.run(&bundle).expect_success().json();
        assert_eq!(facts["sysctl"]["net.ipv4.conf.lo.forwarding"], "1");
        assert_eq!(facts["sysctl"]["net.ipv4.ip_default_ttl"], "77");
    });
}
