//! Where mounts go: mount points that are missing, links, or of another kind.

use runtime_tests::facts::mount_at;
use runtime_tests::{HostMount, Test, conformance, json};
use std::fs;
use std::os::unix::fs::symlink;

/// A file on the host with a word in it.
fn word(t: &Test) -> String {
    let path = t.dir().join("word");
    fs::write(&path, "of-the-host").expect("write a file");
    path.display().to_string()
}

#[test]
fn a_file_is_bound_where_a_link_of_the_image_points() {
    conformance(|t| {
        // As images have it: /etc/resolv.conf -> ../run/resolve/stub.conf.
        let bundle = t.bundle();
        fs::create_dir_all(bundle.rootfs().join("run/resolve")).unwrap();
        fs::write(
            bundle.rootfs().join("run/resolve/stub.conf"),
            "of-the-image",
        )
        .unwrap();
        symlink(
            "../run/resolve/stub.conf",
            bundle.rootfs().join("etc/resolv.conf"),
        )
        .unwrap();
        let bundle = bundle
            .mount("/etc/resolv.conf", "bind", &word(t), &["bind"])
            .shell("cat /etc/resolv.conf; readlink /etc/resolv.conf");
        let seen = t.run(&bundle).expect_success().stdout();
        assert_eq!(seen, "of-the-host../run/resolve/stub.conf\n");
        let own = fs::read_to_string(bundle.rootfs().join("run/resolve/stub.conf")).unwrap();
        assert_eq!(own, "of-the-image");
    });
}

#[test]
fn a_file_is_bound_where_a_dangling_link_points() {
    conformance(|t| {
        let bundle = t.bundle();
        symlink(
            "../run/resolve/stub.conf",
            bundle.rootfs().join("etc/resolv.conf"),
        )
        .unwrap();
        let bundle = bundle
            .mount("/etc/resolv.conf", "bind", &word(t), &["bind"])
            .shell("cat /etc/resolv.conf");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "of-the-host");
        assert!(bundle.rootfs().join("run/resolve/stub.conf").is_file());
    });
}

#[test]
fn a_directory_is_mounted_below_an_absolute_link() {
    conformance(|t| {
        // As images have it: /var/run -> /run.
        let bundle = t.bundle();
        for dir in ["run", "var"] {
            fs::create_dir(bundle.rootfs().join(dir)).unwrap();
        }
        symlink("/run", bundle.rootfs().join("var/run")).unwrap();
        let bundle = bundle.mount("/var/run/secrets/account", "tmpfs", "tmpfs", &[]);
        let _ = mount_at(&t.facts(bundle), "/run/secrets/account");
    });
}

#[test]
fn a_file_on_a_directory_and_a_directory_on_a_file_are_refused() {
    conformance(|t| {
        let dir = t.dir().display().to_string();
        for (source, destination) in [(word(t), "/etc"), (dir, "/etc/group")] {
            let bundle = t.bundle().mount(destination, "bind", &source, &["bind"]);
            let _ = t.run(&bundle).expect_failure().expect_stderr(destination);
        }
    });
}

#[test]
fn a_mount_point_that_cannot_be_made_is_named() {
    conformance(|t| {
        let (root, bundle) = (t.bundle(), t.bundle());
        let mounted = t.dir().join("read-only");
        fs::create_dir(&mounted).unwrap();
        // MS_RDONLY of mount(2).
        let _mount = HostMount::bind(&root.rootfs(), &mounted).with_flags(1);
        let bundle = bundle.set("/root/path", json!(mounted));
        let missing = bundle
            .clone()
            .mount("/no/such/point", "tmpfs", "tmpfs", &[]);
        let run = t.run(&missing).expect_failure();
        let _ = run
            .expect_stderr("/no")
            .expect_stderr("read-only file system");
        // What exists can be mounted on.
        let _ = t
            .run(&bundle.mount("/mnt", "tmpfs", "tmpfs", &[]))
            .expect_success();
    });
}

#[test]
fn a_mount_point_made_in_an_earlier_mount_belongs_to_it() {
    conformance(|t| {
        let volume = t.dir().join("volume");
        fs::create_dir(&volume).unwrap();
        let source = volume.display().to_string();
        let bundle = t.bundle().mount("/mnt", "bind", &source, &["bind"]).mount(
            "/mnt/made/inside",
            "tmpfs",
            "tmpfs",
            &[],
        );
        let _ = mount_at(&t.facts(bundle.clone()), "/mnt/made/inside");
        assert!(volume.join("made/inside").is_dir());
        assert!(!bundle.rootfs().join("mnt/made").exists());
    });
}

#[test]
fn a_destination_is_cleaned() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .mount("//mnt/./a//", "tmpfs", "tmpfs", &[])
            .mount("/mnt/x/../b", "tmpfs", "tmpfs", &[]);
        let facts = t.facts(bundle);
        let _ = mount_at(&facts, "/mnt/a");
        let _ = mount_at(&facts, "/mnt/b");
    });
}

#[test]
fn a_destination_above_the_root_stays_below_it() {
    conformance(|t| {
        let bundle = t.bundle().mount("/../../mnt/up", "tmpfs", "tmpfs", &[]);
        let _ = mount_at(&t.facts(bundle), "/mnt/up");
    });
}
