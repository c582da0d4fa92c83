//! Bind mounts: what is bound, where, and how.

use runtime_tests::facts::{find_mount, mount_at, options_at};
use runtime_tests::{HostMount, Test, conformance, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// A host directory `name` with a file `word` in it.
fn volume(t: &Test, name: &str) -> PathBuf {
    let dir = t.dir().join(name);
    fs::create_dir(&dir).expect("make a volume");
    fs::write(dir.join("word"), name).expect("write a file");
    dir
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_directory_is_the_hosts_own() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", text(&volume), &["bind"])
            .shell("cat /mnt/word; echo from-inside > /mnt/answer");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "volume");
        assert_eq!(
            fs::read_to_string(volume.join("answer")).unwrap(),
            "from-inside\n"
        );
    });
}

#[test]
fn a_file_is_bound_on_a_file() {
    conformance(|t| {
        let file = volume(t, "volume").join("word");
        let bundle = t
            .bundle()
            .mount("/etc/group", "bind", text(&file), &["bind"])
            .shell("cat /etc/group; echo changed > /etc/group");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "volume");
        assert_eq!(fs::read_to_string(file).unwrap(), "changed\n");
        let own = fs::read_to_string(bundle.rootfs().join("etc/group")).unwrap();
        assert!(
            own.starts_with("root:"),
            "the rootfs itself is untouched: {own:?}"
        );
    });
}

#[test]
fn ro_keeps_the_container_from_writing_but_not_the_host() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let file = volume.join("word");
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", text(&volume), &["bind", "ro"])
            .mount("/etc/group", "bind", text(&file), &["rbind", "ro"])
            .shell("echo x > /mnt/word; echo $?; echo x > /etc/group; echo $?; touch /mnt/new; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n1\n1\n");
        assert_eq!(fs::read_to_string(&file).unwrap(), "volume");
        fs::write(&file, "by the host").expect("the host may still write");
    });
}

#[test]
fn other_options_of_a_bind_are_set_on_it() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let options = ["bind", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];
        let facts = t.facts(t.bundle().mount("/mnt", "bind", text(&volume), &options));
        let found = options_at(&facts, "/mnt");
        for option in &options[1..] {
            assert!(found.contains(*option), "{option}: {found:?}");
        }
    });
}

#[test]
fn a_bind_keeps_the_options_the_host_has() {
    conformance(|t| {
        // nosuid and noexec of mount(2).
        let source = HostMount::new("tmpfs", &t.dir().join("source"), "").with_flags(2 | 8);
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", text(source.path()), &["bind", "ro"]);
        let found = options_at(&t.facts(bundle), "/mnt");
        for option in ["ro", "nosuid", "noexec"] {
            assert!(found.contains(option), "{option}: {found:?}");
        }
    });
}

#[test]
fn rbind_takes_the_mounts_below_and_bind_does_not() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let _below = HostMount::new("tmpfs", &volume.join("below"), "");
        fs::write(volume.join("below/inner"), "").unwrap();
        let bundle = t
            .bundle()
            .mount("/mnt/alone", "bind", text(&volume), &["bind"])
            .mount("/mnt/tree", "bind", text(&volume), &["rbind"])
            .shell("ls /mnt/alone/below; echo -; ls /mnt/tree/below");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "-\ninner\n");
    });
}

#[test]
fn the_option_makes_a_bind_whatever_the_type_says() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let mount = |at: &str| json!({"destination": at, "source": text(&volume)});
        let bundle = t.bundle().push("/mounts", mount("/mnt/0"));
        let last = bundle.config["mounts"].as_array().map_or(0, Vec::len) - 1;
        let bundle = bundle.set(&format!("/mounts/{last}/options"), json!(["rbind"]));
        let bundle = bundle
            .mount("/mnt/1", "none", text(&volume), &["bind"])
            .mount("/mnt/2", "tmpfs", text(&volume), &["rbind"])
            .shell("cat /mnt/0/word /mnt/1/word /mnt/2/word");
        let words = t.run(&bundle).expect_success().stdout();
        assert_eq!(words, "volumevolumevolume");
    });
}

#[test]
fn missing_mount_points_are_made() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let file = volume.join("word");
        let bundle = t
            .bundle()
            .mount("/new/deep/dir", "bind", text(&volume), &["bind"])
            .mount("/new/other/file", "bind", text(&file), &["bind"])
            .mount("/new/tmp", "tmpfs", "tmpfs", &[])
            .shell("cat /new/deep/dir/word /new/other/file; test -d /new/tmp");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "volumevolume");
        let made = fs::metadata(bundle.rootfs().join("new/deep")).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o755);
        assert!(bundle.rootfs().join("new/other/file").is_file());
    });
}

#[test]
fn a_missing_source_is_refused_and_named() {
    conformance(|t| {
        let source = t.dir().join("no-such-volume");
        let bundle = t.bundle().mount("/mnt", "bind", text(&source), &["bind"]);
        let run = t
            .run(&bundle)
            .expect_failure()
            .expect_stderr("no-such-volume");
        let _ = run.expect_stderr("no such file or directory");
        assert!(!source.exists(), "the source was made on the host");
    });
}

#[test]
fn a_relative_source_is_in_the_bundle() {
    conformance(|t| {
        let bundle = t.bundle();
        fs::create_dir(bundle.dir().join("data")).unwrap();
        fs::write(bundle.dir().join("data/word"), "of-the-bundle").unwrap();
        let bundle = bundle
            .mount("/mnt", "bind", "data", &["bind"])
            .shell("cat /mnt/word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "of-the-bundle");
    });
}

#[test]
fn a_source_that_is_a_symlink_is_followed_on_the_host() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let link = t.dir().join("link");
        symlink(&volume, &link).unwrap();
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", text(&link), &["bind"])
            .shell("cat /mnt/word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "volume");
    });
}

#[test]
fn a_symlink_on_the_way_to_a_destination_stays_inside() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let bundle = t.bundle();
        symlink("/home", bundle.rootfs().join("absolute")).unwrap();
        symlink("../../../../home", bundle.rootfs().join("upwards")).unwrap();
        let bundle = bundle
            .mount("/absolute/a", "bind", text(&volume), &["bind"])
            .mount("/upwards/b", "bind", text(&volume), &["bind"]);
        let facts = t.facts(bundle);
        let _ = mount_at(&facts, "/home/a");
        let _ = mount_at(&facts, "/home/b");
    });
}

#[test]
fn a_dangling_symlink_on_the_way_to_a_destination_is_made_inside() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let host = t.witness();
        let bundle = t.bundle();
        symlink(host.path(), bundle.rootfs().join("outside")).unwrap();
        let facts = t.facts(bundle.mount("/outside/c", "bind", text(&volume), &["bind"]));
        // The host's path, taken inside.
        let _ = mount_at(&facts, &format!("{}/c", text(host.path())));
        host.assert_unchanged();
    });
}

#[test]
fn a_relative_destination_is_taken_from_the_root() {
    conformance(|t| {
        let bundle = t.bundle().mount("data/here", "tmpfs", "tmpfs", &[]);
        let _ = mount_at(&t.facts(bundle), "/data/here");
    });
}

#[test]
fn special_files_can_be_bound() {
    conformance(|t| {
        let fifo = t.dir().join("fifo");
        runtime_tests::sys::make_fifo(&fifo, 0o600).unwrap();
        let socket = t.dir().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let bundle = t
            .bundle()
            .mount("/mnt/fifo", "bind", text(&fifo), &["bind"])
            .mount("/mnt/socket", "bind", text(&socket), &["bind"])
            .mount("/mnt/null", "bind", "/dev/null", &["bind"])
            .args([
                "/bin/probe",
                "stat",
                "/mnt/fifo",
                "/mnt/socket",
                "/mnt/null",
            ]);
        let seen = t.run(&bundle).expect_success().json();
        for (path, kind) in [("fifo", "fifo"), ("socket", "socket"), ("null", "char")] {
            assert_eq!(seen[format!("/mnt/{path}")]["type"], kind, "{path}");
        }
    });
}

#[test]
fn a_bind_remount_changes_an_earlier_mount() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", text(&volume), &["bind"])
            .mount(
                "/mnt",
                "bind",
                text(&volume),
                &["bind", "remount", "ro", "noexec"],
            );
        let facts = t.facts(bundle);
        let found = options_at(&facts, "/mnt");
        assert!(
            found.contains("ro") && found.contains("noexec"),
            "{found:?}"
        );
        fs::write(volume.join("word"), "").expect("the host's file system stays writable");
    });
}

#[test]
fn mounts_are_made_in_the_listed_order() {
    conformance(|t| {
        let (first, second) = (volume(t, "first"), volume(t, "second"));
        fs::create_dir(first.join("below")).unwrap();
        let bundle = t
            .bundle()
            // The second covers the first; the third is in the second.
            .mount("/mnt/a", "bind", text(&first), &["bind"])
            .mount("/mnt/a", "bind", text(&second), &["bind"])
            .mount("/mnt/a/below", "bind", text(&first), &["bind"])
            // Made first, then hidden by its parent.
            .mount("/mnt/b/below", "bind", text(&second), &["bind"])
            .mount("/mnt/b", "bind", text(&first), &["bind"])
            .shell("cat /mnt/a/word /mnt/a/below/word; ls /mnt/b/below");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "secondfirst");
        assert!(
            second.join("below").is_dir(),
            "made in what was mounted then"
        );
    });
}

#[test]
fn a_bind_is_of_the_host_even_when_an_earlier_mount_covers_the_path() {
    conformance(|t| {
        let volume = volume(t, "volume");
        let facts = t.facts(
            t.bundle()
                .mount(text(t.dir()), "tmpfs", "tmpfs", &[])
                .mount("/mnt", "bind", text(&volume), &["bind"]),
        );
        assert_ne!(mount_at(&facts, "/mnt")["type"], "tmpfs");
        assert!(find_mount(&facts, text(t.dir())).is_some());
    });
}
