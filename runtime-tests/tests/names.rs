//! `hostname`, `domainname` and `linux.sysctl`.

use runtime_tests::{Bundle, Test, Value, conformance, json};
use std::fs;

#[test]
fn hostname_is_set_inside_only() {
    conformance(|t| {
        let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        for name in ["box", "a-much-longer.name.with-dots.example", "x"] {
            let facts = t.facts(t.bundle().set("/hostname", json!(name)));
            assert_eq!(facts["names"]["hostname"], name);
        }
        assert_eq!(
            fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
            before
        );
    });
}

#[test]
fn hostname_of_64_bytes_is_the_longest() {
    conformance(|t| {
        let longest = "h".repeat(64);
        let facts = t.facts(t.bundle().set("/hostname", json!(longest)));
        assert_eq!(facts["names"]["hostname"], longest.as_str());
        let bundle = t.bundle().set("/hostname", json!("h".repeat(65)));
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn domainname_is_set() {
    conformance(|t| {
        let facts = t.facts(t.bundle().set("/domainname", json!("example.org")));
        assert_eq!(facts["names"]["domainname"], "example.org");
        assert_eq!(facts["names"]["hostname"], "box");
    });
}

#[test]
fn without_a_hostname_that_of_the_caller_is_kept() {
    conformance(|t| {
        let facts = t.facts(t.bundle().remove("/hostname"));
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(facts["names"]["hostname"], own.trim_end());
    });
}

#[test]
fn a_hostname_without_a_uts_namespace_is_refused() {
    conformance(|t| {
        let bundle = t.bundle().without_namespace("uts");
        let _ = t.run(&bundle).expect_failure().expect_stderr("uts");
    });
}

#[test]
fn a_domainname_without_a_uts_namespace_is_refused() {
    conformance(|t| {
        let bundle = t.bundle().without_namespace("uts").remove("/hostname");
        let bundle = bundle.set("/domainname", json!("example.org"));
        let _ = t.run(&bundle).expect_failure().expect_stderr("uts");
    });
}

fn with_sysctl(t: &Test, key: &str, value: &str) -> Bundle {
    t.bundle().set("/linux/sysctl", json!({key: value}))
}

fn value(t: &Test, bundle: Bundle, name: &str) -> Value {
    let argument = format!("sysctl={name}");
    let run = t.run(&bundle.args(["/bin/probe", "facts", &argument]));
    run.expect_success().json()["sysctl"][name].clone()
}

#[test]
fn sysctls_of_the_containers_namespaces_are_set() {
    conformance(|t| {
        let cases = [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.conf.lo.forwarding", "1"),
            ("net.core.somaxconn", "321"),
            ("kernel.msgmax", "12345"),
            ("kernel.shmmni", "99"),
            ("kernel.shm_rmid_forced", "1"),
            ("fs.mqueue.msg_max", "7"),
        ];
        for (name, wanted) in cases {
            assert_eq!(
                value(t, with_sysctl(t, name, wanted), name),
                wanted,
                "{name}"
            );
        }
    });
}

#[test]
fn a_sysctl_of_several_numbers() {
    conformance(|t| {
        let name = "net.ipv4.ping_group_range";
        let found = value(t, with_sysctl(t, name, "5 2000"), name);
        assert_eq!(found, "5\t2000");
    });
}

#[test]
fn a_sysctl_with_slashes_is_the_same() {
    conformance(|t| {
        let bundle = with_sysctl(t, "net/ipv4/ip_forward", "1");
        assert_eq!(value(t, bundle, "net.ipv4.ip_forward"), "1");
    });
}

#[test]
fn sysctls_of_the_host_are_refused() {
    conformance(|t| {
        for name in [
            "vm.swappiness",
            "kernel.panic",
            "fs.file-max",
            "kernel.core_pattern",
        ] {
            let before = fs::read(format!("/proc/sys/{}", name.replace('.', "/"))).unwrap();
            let _ = t
                .run(&with_sysctl(t, name, "1"))
                .expect_failure()
                .expect_stderr(name);
            let after = fs::read(format!("/proc/sys/{}", name.replace('.', "/"))).unwrap();
            assert_eq!(before, after, "{name} was changed on the host");
        }
    });
}

#[test]
fn sysctls_without_the_namespace_that_confines_them_are_refused() {
    conformance(|t| {
        let bundle = with_sysctl(t, "net.ipv4.ip_forward", "1");
        let bundle = bundle.without_namespace("network").without_mount("/sys");
        let _ = t.run(&bundle).expect_failure();
        let bundle = with_sysctl(t, "kernel.msgmax", "12345").without_namespace("ipc");
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn a_sysctl_and_a_hostname_are_one_too_many() {
    conformance(|t| {
        let _ = t
            .run(&with_sysctl(t, "kernel.hostname", "other"))
            .expect_failure();
    });
}

#[test]
fn a_sysctl_and_a_domainname_are_one_too_many() {
    conformance(|t| {
        let bundle = with_sysctl(t, "kernel.domainname", "other");
        let bundle = bundle.set("/domainname", json!("example.org"));
        let _ = t.run(&bundle).expect_failure();
    });
}

#[test]
fn kernel_domainname_may_be_set_by_sysctl_alone() {
    conformance(|t| {
        let bundle = with_sysctl(t, "kernel.domainname", "by-sysctl.example");
        assert_eq!(value(t, bundle, "kernel.domainname"), "by-sysctl.example");
    });
}

#[test]
fn a_sysctl_the_kernel_does_not_have_is_refused_and_named() {
    conformance(|t| {
        let bundle = with_sysctl(t, "net.no_such_sysctl", "1");
        let _ = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("no_such_sysctl");
    });
}

#[test]
fn a_value_the_kernel_refuses_is_an_error() {
    conformance(|t| {
        let bundle = with_sysctl(t, "net.ipv4.ip_forward", "perhaps");
        let _ = t.run(&bundle).expect_failure().expect_stderr("ip_forward");
    });
}
