//! Mounts of file systems: proc, sysfs, devpts, mqueue, tmpfs and others.

use runtime_tests::facts::{mount_at, options_at};
use runtime_tests::{Rendezvous, Test, conformance, json, sys};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

#[test]
fn proc_shows_the_containers_processes() {
    conformance(|t| {
        let script = "cd /proc && echo [0-9]*; cat /proc/1/comm; :";
        let run = t.run(&t.bundle().shell(script)).expect_success();
        assert_eq!(run.stdout(), "1\nsh\n");
        assert_eq!(mount_at(&t.facts(t.bundle()), "/proc")["type"], "proc");
    });
}

#[test]
fn proc_takes_its_options() {
    conformance(|t| {
        let bundle = t.bundle().without_mount("/proc").mount(
            "/proc",
            "proc",
            "proc",
            &["nosuid", "noexec", "nodev", "hidepid=2"],
        );
        let found = options_at(&t.facts(bundle), "/proc");
        let hides = found.contains("super:hidepid=invisible") || found.contains("super:hidepid=2");
        assert!(
            hides && found.contains("noexec") && found.contains("nosuid"),
            "{found:?}"
        );
    });
}

#[test]
fn sysfs_shows_the_containers_network() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        let found = options_at(&facts, "/sys");
        for option in ["ro", "nosuid", "noexec", "nodev"] {
            assert!(found.contains(option), "{option}: {found:?}");
        }
        let run = t
            .run(&t.bundle().shell("ls /sys/class/net"))
            .expect_success();
        assert_eq!(run.stdout(), "lo\n");
    });
}

#[test]
fn devpts_is_an_instance_of_its_own() {
    conformance(|t| {
        let (_master, slave) = sys::open_pty().expect("a pty on the host");
        let _held = slave;
        let what = [
            "facts",
            "path=/dev/ptmx",
            "path=/dev/pts",
            "path=/dev/pts/ptmx",
        ];
        let [a, b, c, d] = what;
        let facts = t
            .run(&t.bundle().args(["/bin/probe", a, b, c, d]))
            .expect_success()
            .json();
        assert_eq!(mount_at(&facts, "/dev/pts")["type"], "devpts");
        let paths = &facts["paths"];
        assert_eq!(
            paths["/dev/pts"]["entries"],
            json!(["ptmx"]),
            "no pty of the host"
        );
        assert_eq!(paths["/dev/pts/ptmx"]["mode"], "0666");
        let found = options_at(&facts, "/dev/pts");
        for option in ["gid=5", "mode=620", "ptmxmode=666"] {
            assert!(
                found.contains(&format!("super:{option}")),
                "{option}: {found:?}"
            );
        }
        assert_eq!(paths["/dev/ptmx"]["target"], "pts/ptmx");
    });
}

#[test]
fn mqueue_holds_the_containers_queues() {
    conformance(|t| {
        let script = "touch /dev/mqueue/inside && ls /dev/mqueue && head -c 5 /dev/mqueue/inside";
        let run = t.run(&t.bundle().shell(script)).expect_success();
        assert_eq!(run.stdout(), "inside\nQSIZE");
        let visible = Path::new(runtime_tests::isolation::QUEUES).join("inside");
        assert!(!visible.exists(), "made in the caller's ipc namespace");
    });
}

#[test]
fn a_tmpfs_is_empty_and_keeps_the_mode_of_what_it_covers() {
    conformance(|t| {
        let bundle = t.bundle();
        let covered = bundle.rootfs().join("covered");
        fs::create_dir(&covered).unwrap();
        fs::write(covered.join("below"), "").unwrap();
        fs::set_permissions(&covered, fs::Permissions::from_mode(0o711)).unwrap();
        let bundle = bundle
            .mount("/covered", "tmpfs", "tmpfs", &["nosuid"])
            .mount("/moded", "tmpfs", "tmpfs", &["mode=1750"])
            .args(["/bin/probe", "stat", "/covered", "/moded"]);
        let seen = t.run(&bundle).expect_success().json();
        assert_eq!(seen["/covered"]["entries"], json!([]));
        assert_eq!(seen["/covered"]["mode"], "0711");
        assert_eq!(seen["/moded"]["mode"], "1750");
    });
}

#[test]
fn a_read_only_tmpfs_cannot_be_written() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .mount("/mnt", "tmpfs", "tmpfs", &["ro"])
            .shell("touch /mnt/file; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n");
    });
}

#[test]
fn mounts_on_read_only_parents_still_get_their_mount_point() {
    conformance(|t| {
        // The mount point must be made before the parent becomes read-only.
        let bundle = t.bundle().set("/root/readonly", json!(true)).mount(
            "/made/here",
            "tmpfs",
            "tmpfs",
            &[],
        );
        let _ = mount_at(&t.facts(bundle), "/made/here");
    });
}

/// What `tmpcopyup` shall copy: files, directories, links, modes and owners.
fn fill(dir: &Path) {
    fs::create_dir_all(dir.join("sub/deep")).unwrap();
    fs::write(dir.join("file"), "content").unwrap();
    fs::set_permissions(dir.join("file"), fs::Permissions::from_mode(0o4755)).unwrap();
    chown(dir.join("file"), Some(12), Some(34)).unwrap();
    fs::set_permissions(dir.join("file"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(dir.join("sub/deep/other"), "below").unwrap();
    chown(dir.join("sub"), Some(56), Some(78)).unwrap();
    fs::set_permissions(dir.join("sub"), fs::Permissions::from_mode(0o2711)).unwrap();
    symlink("/nowhere/at/all", dir.join("link")).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o751)).unwrap();
}

fn copied_up(t: &Test, script: &str) -> (String, std::path::PathBuf) {
    let bundle = t.bundle();
    let dir = bundle.rootfs().join("data");
    fill(&dir);
    let bundle = bundle
        .mount("/data", "tmpfs", "tmpfs", &["tmpcopyup", "nosuid"])
        .shell(script);
    (t.run(&bundle).expect_success().stdout(), dir)
}

#[test]
fn tmpcopyup_fills_the_tmpfs_with_what_it_covers() {
    conformance(|t| {
        let script = "cd /data; cat file sub/deep/other; echo; readlink link; \
                      stat -c '%a %u %g' file sub; stat -c %a .; grep -c ' /data .*tmpfs' /proc/self/mountinfo";
        let (seen, _) = copied_up(t, script);
        let wanted = "contentbelow\n/nowhere/at/all\n4755 12 34\n2711 56 78\n751\n1\n";
        assert_eq!(seen, wanted);
    });
}

#[test]
fn a_read_only_tmpcopyup_has_its_contents() {
    conformance(|t| {
        let bundle = t.bundle();
        fill(&bundle.rootfs().join("data"));
        let bundle = bundle
            .mount("/data", "tmpfs", "tmpfs", &["tmpcopyup", "ro"])
            .shell("cat /data/file; touch /data/new; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "content1\n");
    });
}

#[test]
fn tmpcopyup_leaves_the_original_alone() {
    conformance(|t| {
        let (_, dir) = copied_up(t, "cd /data; echo x > file; rm -r sub; touch new");
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "content");
        assert!(dir.join("sub/deep/other").exists());
        assert!(!dir.join("new").exists());
        assert_eq!(fs::metadata(dir.join("file")).unwrap().uid(), 12);
    });
}

#[test]
fn tmpcopyup_does_not_follow_links_out_of_the_directory() {
    conformance(|t| {
        let host = t.witness();
        let bundle = t.bundle();
        let dir = bundle.rootfs().join("data");
        fs::create_dir(&dir).unwrap();
        symlink(host.path(), dir.join("out")).unwrap();
        symlink(host.path().join("marker"), dir.join("file")).unwrap();
        let bundle = bundle
            .mount("/data", "tmpfs", "tmpfs", &["tmpcopyup"])
            .args(["/bin/probe", "stat", "/data/out", "/data/file"]);
        let seen = t.run(&bundle).expect_success().json();
        assert_eq!(seen["/data/out"]["type"], "symlink");
        assert_eq!(seen["/data/file"]["type"], "symlink");
        host.assert_unchanged();
    });
}

#[test]
fn an_overlay_takes_its_directories_as_data() {
    conformance(|t| {
        let dir = |name: &str| {
            let path = t.dir().join(name);
            fs::create_dir(&path).unwrap();
            path.display().to_string()
        };
        let (lower, upper, work) = (dir("lower"), dir("upper"), dir("work"));
        fs::write(format!("{lower}/word"), "from-below").unwrap();
        let data = [
            format!("lowerdir={lower}"),
            format!("upperdir={upper}"),
            format!("workdir={work}"),
        ];
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let bundle = t
            .bundle()
            .mount("/mnt", "overlay", "overlay", &data)
            .shell("cat /mnt/word; echo up > /mnt/word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "from-below");
        assert_eq!(fs::read_to_string(format!("{upper}/word")).unwrap(), "up\n");
    });
}

#[test]
fn the_source_is_the_name_of_the_device() {
    conformance(|t| {
        let facts = t.facts(t.bundle().mount("/mnt", "tmpfs", "named-by-us", &[]));
        assert_eq!(mount_at(&facts, "/mnt")["source"], "named-by-us");
    });
}

#[test]
fn an_unknown_file_system_is_refused_and_named() {
    conformance(|t| {
        let bundle = t.bundle().mount("/mnt", "no-such-fs", "none", &[]);
        let _ = t.run(&bundle).expect_failure().expect_stderr("no-such-fs");
    });
}

#[test]
fn a_mount_on_a_file_that_needs_a_directory_is_refused() {
    conformance(|t| {
        let bundle = t.bundle().mount("/etc/group", "tmpfs", "tmpfs", &[]);
        let _ = t.run(&bundle).expect_failure().expect_stderr("/etc/group");
    });
}

#[test]
fn mounts_of_the_container_are_unseen_outside() {
    conformance(|t| {
        let bundle = t.bundle().mount("/mnt", "tmpfs", "only-inside", &[]);
        let ready = Rendezvous::in_rootfs(&bundle, "ready");
        let _container = t.start(&bundle.shell("echo >/ready; exec /bin/probe sleep"));
        ready.wait();
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        assert!(
            !mounts.contains("only-inside") && !mounts.contains("/rootfs"),
            "{mounts}"
        );
    });
}

#[test]
fn mounts_of_the_host_are_unseen_inside() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        let known = ["/", "/proc", "/sys", "/dev"];
        for mount in facts["mounts"].as_array().unwrap() {
            let point = mount["point"].as_str().unwrap();
            let ours = known.contains(&point)
                || ["/proc/", "/sys/", "/dev/"]
                    .iter()
                    .any(|dir| point.starts_with(dir));
            assert!(ours, "a mount nobody asked for: {mount}");
        }
    });
}
