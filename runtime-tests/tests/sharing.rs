//! Containers that share namespaces, as those of a pod do: what is set and
//! mounted in a namespace that was joined.

use runtime_tests::{Bundle, Container, Test, conformance, json, process};

fn other(t: &Test) -> Container<'_> {
    t.start(&t.bundle().args(["/bin/probe", "sleep"]))
}

/// Joins the namespace of `other`: the spec's name and that of `/proc`.
fn joining(bundle: Bundle, other: &Container, kind: &str, file: &str) -> Bundle {
    let path = format!("/proc/{}/ns/{file}", other.pid);
    let entry = json!({"type": kind, "path": path});
    bundle
        .without_namespace(kind)
        .push("/linux/namespaces", entry)
}

fn inside(container: &Container, script: &str) -> String {
    container
        .exec(["/bin/sh", "-c", script])
        .expect_success()
        .stdout()
}

#[test]
fn a_hostname_is_set_in_a_joined_namespace() {
    conformance(|t| {
        let other = other(t);
        let bundle = joining(t.bundle(), &other, "uts", "uts").set("/hostname", json!("shared"));
        assert_eq!(t.facts(bundle)["names"]["hostname"], "shared");
        assert_eq!(inside(&other, "hostname"), "shared\n");
    });
}

#[test]
fn a_sysctl_is_set_in_a_joined_namespace() {
    conformance(|t| {
        let other = other(t);
        let bundle = joining(t.bundle(), &other, "network", "net")
            .set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"}));
        let _ = t.run(&bundle).expect_success();
        assert_eq!(inside(&other, "cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    });
}

#[test]
fn a_sysctl_is_refused_where_the_path_is_the_callers_own_namespace() {
    conformance(|t| {
        let own = json!({"type": "network", "path": "/proc/thread-self/ns/net"});
        let bundle = t
            .bundle()
            .without_namespace("network")
            .push("/linux/namespaces", own)
            .set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"}));
        let forward = || std::fs::read("/proc/sys/net/ipv4/ip_forward").expect("a sysctl");
        let before = forward();
        let _ = t.run(&bundle).expect_failure();
        assert_eq!(forward(), before);
    });
}

#[test]
fn proc_of_a_joined_pid_namespace_shows_the_others() {
    conformance(|t| {
        let other = other(t);
        let bundle = joining(t.bundle(), &other, "pid", "pid").shell("cat /proc/1/comm; :");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "probe\n");
    });
}

#[test]
fn the_end_of_a_container_in_a_joined_pid_namespace_leaves_the_other_alone() {
    conformance(|t| {
        let other = other(t);
        let bundle = joining(t.bundle(), &other, "pid", "pid").args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert!(process::find(container.pid).is_none());
        assert_eq!(other.status(), "running");
    });
}

#[test]
fn mqueue_of_a_joined_ipc_namespace_shows_its_queues() {
    conformance(|t| {
        let other = other(t);
        assert_eq!(inside(&other, "touch /dev/mqueue/theirs"), "");
        let bundle = joining(t.bundle(), &other, "ipc", "ipc").shell("ls /dev/mqueue");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "theirs\n");
    });
}

#[test]
fn the_network_of_another_container_is_used_as_it_is() {
    conformance(|t| {
        let other = other(t);
        let bundle = joining(t.bundle(), &other, "network", "net").shell("ip -o addr show lo");
        let text = t.run(&bundle).expect_success().stdout();
        assert!(text.contains("127.0.0.1/8"), "{text}");
    });
}

#[test]
fn a_container_without_a_mount_namespace_does_not_change_the_hosts_mounts() {
    conformance(|t| {
        let mounts = || std::fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
        let before = mounts();
        let bare = ["/mounts", "/linux/maskedPaths", "/linux/readonlyPaths"];
        let bundle = bare
            .iter()
            .fold(t.bundle(), |bundle, field| bundle.remove(field));
        let run = t.run(
            &bundle
                .without_namespace("mount")
                .shell("pwd; ls /bin/probe"),
        );
        // Either it is refused, or the root is entered without any mount.
        if run.status == runtime_tests::Exit::Code(0) {
            assert_eq!(run.stdout(), "/\n/bin/probe\n");
        } else {
            let _ = run.expect_failure();
        }
        assert_eq!(mounts(), before);
    });
}
