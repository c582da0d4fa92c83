//! The loopback device and `linux.netDevices`.

use runtime_tests::{Bundle, Kind, Runner, Test, Value, conformance, json};

/// Runs busybox `ip` in the network namespace of the test.
fn ip(t: &Test, words: &str) {
    let busybox = t.bundle().rootfs().join("bin/busybox");
    let run = Runner::new(&busybox)
        .args(["ip"])
        .args(words.split(' '))
        .run();
    if words.contains("add") && run.status != runtime_tests::Exit::Code(0) {
        t.skip(&format!("`ip {words}`: {}", run.stderr().trim()));
    }
    let _ = run.expect_success();
}

/// A virtual ethernet device `name`; its peer stays in the test's namespace
/// and goes with it.
fn veth(t: &Test, name: &str) {
    ip(t, &format!("link add {name} type veth"));
}

fn remove(t: &Test, name: &str) {
    ip(t, &format!("link del {name}"));
}

/// Names and flags of the devices of the test's namespace.
fn devices() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").expect("devices");
    let names = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}

fn peer() -> String {
    let names = devices();
    let found = names.iter().find(|name| name.starts_with("veth"));
    found.cloned().unwrap_or_default()
}

/// Removes the peers at once: the kernel does so too, some time after the end
/// of the container's namespace, and tells nobody.
fn remove_peers(t: &Test) {
    let busybox = t.bundle().rootfs().join("bin/busybox");
    for name in devices().iter().filter(|name| *name != "lo") {
        // It may have gone in the meantime.
        let _ = Runner::new(&busybox)
            .args(["ip", "link", "del", name])
            .run();
    }
}

fn with_devices(t: &Test, devices: Value) -> Bundle {
    if matches!(t.runtime.kind, Kind::Runc | Kind::Crun) {
        t.skip("netDevices came with later versions of runc and crun");
    }
    t.bundle().set("/linux/netDevices", devices)
}

#[test]
fn loopback_is_up() {
    conformance(|t| {
        let run = t
            .run(&t.bundle().shell("ip -o addr show lo"))
            .expect_success();
        let text = run.stdout();
        assert!(text.contains("127.0.0.1/8"), "{text}");
        let run = t
            .run(&t.bundle().shell("ip -o link show lo"))
            .expect_success();
        let text = run.stdout();
        let flags = text.split(['<', '>']).nth(1).unwrap_or_default();
        assert!(flags.split(',').any(|flag| flag == "UP"), "{text}");
    });
}

#[test]
fn loopback_is_the_only_device_of_a_new_namespace() {
    conformance(|t| {
        assert_eq!(t.facts(t.bundle())["network"], json!(["lo"]));
    });
}

#[test]
fn loopback_of_a_joined_namespace_is_left_alone() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .without_namespace("network")
            .without_mount("/sys");
        let run = t.run(&bundle.shell("ip -o link show lo")).expect_success();
        let text = run.stdout();
        let flags = text.split(['<', '>']).nth(1).unwrap_or_default();
        assert!(
            !flags.split(',').any(|flag| flag == "UP"),
            "the test's own is down: {text}"
        );
    });
}

#[test]
fn a_net_device_moves_into_the_container() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {}}));
        veth(t, "eth7");
        assert_eq!(t.facts(bundle)["network"], json!(["lo", "eth7"]));
        assert!(!devices().contains(&"eth7".to_owned()), "{:?}", devices());
        remove_peers(t);
    });
}

#[test]
fn a_net_device_is_renamed_and_up() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {"name": "wan"}}));
        veth(t, "eth7");
        let run = t.run(&bundle.shell("ip -o link show wan")).expect_success();
        let text = run.stdout();
        let flags = text.split(['<', '>']).nth(1).unwrap_or_default();
        assert!(flags.split(',').any(|flag| flag == "UP"), "{text}");
        remove_peers(t);
    });
}

#[test]
fn a_net_device_keeps_its_addresses() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {"name": "wan"}}));
        veth(t, "eth7");
        ip(t, "addr add 192.0.2.5/24 dev eth7");
        ip(t, "addr add 2001:db8::5/64 dev eth7");
        let run = t.run(&bundle.shell("ip -o addr show wan")).expect_success();
        let text = run.stdout();
        assert!(text.contains("192.0.2.5/24"), "{text}");
        assert!(text.contains("2001:db8::5/64"), "{text}");
        remove_peers(t);
    });
}

#[test]
fn a_template_names_several_net_devices() {
    conformance(|t| {
        let entry = json!({"name": "port%d"});
        let bundle = with_devices(t, json!({"eth7": entry, "eth8": entry}));
        veth(t, "eth7");
        veth(t, "eth8");
        let facts = t.facts(bundle);
        let mut names = runtime_tests::facts::words(&facts["network"]);
        names.sort();
        assert_eq!(names, ["lo", "port0", "port1"]);
        remove_peers(t);
    });
}

#[test]
fn a_missing_net_device_is_refused_and_named() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {}}));
        let _ = t.run(&bundle).expect_failure().expect_stderr("eth7");
    });
}

#[test]
fn a_net_device_without_a_network_namespace_is_refused() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {}}));
        veth(t, "eth7");
        let bundle = bundle.without_namespace("network").without_mount("/sys");
        let _ = t.run(&bundle).expect_failure();
        assert!(devices().contains(&"eth7".to_owned()));
        remove(t, "eth7");
    });
}

#[test]
fn a_failed_create_gives_the_net_device_back() {
    conformance(|t| {
        let bundle = with_devices(t, json!({"eth7": {"name": "wan"}}));
        veth(t, "eth7");
        let broken = bundle.args(["/no/such/program"]);
        let _ = t.run(&broken).expect_failure();
        assert!(devices().contains(&"eth7".to_owned()), "{:?}", devices());
        remove(t, "eth7");
        assert_eq!(peer(), "", "the peer went with it");
    });
}

#[test]
fn names_that_are_no_device_names_are_refused() {
    conformance(|t| {
        for name in ["sixteen-letters-", "a/b", "a b", "", ".."] {
            let bundle = with_devices(t, json!({"eth7": {"name": name}}));
            let _ = t.run(&bundle).expect_failure();
        }
    });
}
