//! `root`: the container's root file system.

use runtime_tests::facts::options_at;
use runtime_tests::{Bundle, Exit, HostMount, Runner, Test, conformance, isolation, json};
use std::fs;
use std::os::unix::fs::symlink;

fn says_where(bundle: &Bundle, word: &str) {
    fs::write(bundle.rootfs().join("word"), word).expect("mark the rootfs");
}

#[track_caller]
fn assert_root(t: &Test, bundle: &Bundle) {
    says_where(bundle, "this-root");
    let run = t.run(
        &bundle
            .clone()
            .shell("cat /word; cd /; pwd; ls /.. | grep -c word"),
    );
    assert_eq!(run.expect_success().stdout(), "this-root/\n1\n");
}

#[test]
fn a_relative_path_is_in_the_bundle() {
    conformance(|t| {
        assert_root(t, &t.bundle());
        let bundle = t.bundle();
        fs::create_dir(bundle.dir().join("other")).unwrap();
        assert_root(t, &bundle.set("/root/path", json!("other/../rootfs/.")));
    });
}

#[test]
fn an_absolute_path_is_the_hosts() {
    conformance(|t| {
        let (root, bundle) = (t.bundle(), t.bundle());
        says_where(&root, "elsewhere");
        let bundle = bundle
            .set("/root/path", json!(root.rootfs()))
            .shell("cat /word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "elsewhere");
    });
}

#[test]
fn a_path_through_a_symlink_is_followed_on_the_host() {
    conformance(|t| {
        let (root, bundle) = (t.bundle(), t.bundle());
        says_where(&root, "behind-a-link");
        symlink(root.rootfs(), bundle.dir().join("link")).unwrap();
        let bundle = bundle.set("/root/path", json!("link")).shell("cat /word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "behind-a-link");
    });
}

#[test]
fn the_rootfs_may_be_a_mount_of_its_own() {
    conformance(|t| {
        let (root, bundle) = (t.bundle(), t.bundle());
        let target = t.dir().join("mounted");
        fs::create_dir(&target).unwrap();
        let _mount = HostMount::bind(&root.rootfs(), &target);
        assert_eq!(
            t.run(&bundle.set("/root/path", json!(target))).status,
            Exit::Code(0)
        );
    });
}

#[test]
fn readonly_is_for_the_root_and_not_for_mounts_below() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/root/readonly", json!(true))
            .mount("/mnt", "tmpfs", "tmpfs", &[])
            .shell("touch /file; echo $?; touch /etc/passwd; echo $?; touch /mnt/file; echo $?; touch /dev/shm/file; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n1\n0\n0\n");
        fs::write(bundle.rootfs().join("file"), "").expect("the host may still write");
    });
}

#[test]
fn without_readonly_the_root_is_writable() {
    conformance(|t| {
        for bundle in [t.bundle(), t.bundle().remove("/root/readonly")] {
            let bundle = bundle.shell("echo by-the-container > /file");
            let _ = t.run(&bundle).expect_success();
            let text = fs::read_to_string(bundle.rootfs().join("file")).unwrap();
            assert_eq!(text, "by-the-container\n");
        }
    });
}

#[test]
fn readonly_is_an_attribute_of_the_mount() {
    conformance(|t| {
        let facts = t.facts(t.bundle().set("/root/readonly", json!(true)));
        assert!(options_at(&facts, "/").contains("ro"));
        let facts = t.facts(t.bundle());
        assert!(options_at(&facts, "/").contains("rw"));
    });
}

#[test]
fn nothing_of_the_host_is_above_the_root() {
    conformance(|t| {
        let script =
            "cd /../../../..; pwd; cat /proc/self/mountinfo | grep -c ' / / '; ls -d /../word";
        let bundle = t.bundle().shell(script);
        says_where(&bundle, "");
        let run = t.run(&bundle).expect_success();
        assert_eq!(run.stdout().lines().next(), Some("/"));
        let facts = t.facts(t.bundle());
        let roots = facts["mounts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["point"] == "/");
        assert_eq!(
            roots.count(),
            1,
            "the old root is still mounted: {:#}",
            facts["mounts"]
        );
    });
}

#[test]
fn a_missing_rootfs_is_refused_and_named() {
    conformance(|t| {
        for path in ["no-such-root", "/no-such-root", "rootfs/no-such-root"] {
            let bundle = t.bundle().set("/root/path", json!(path));
            let _ = t
                .run(&bundle)
                .expect_failure()
                .expect_stderr("no-such-root");
        }
    });
}

#[test]
fn a_rootfs_that_is_no_directory_is_refused() {
    conformance(|t| {
        let bundle = t.bundle().set("/root/path", json!("rootfs/etc/passwd"));
        let _ = t.run(&bundle).expect_failure().expect_stderr("etc/passwd");
    });
}

#[test]
fn root_and_its_path_are_required() {
    conformance(|t| {
        for field in ["/root", "/root/path"] {
            let _ = t.run(&t.bundle().remove(field)).expect_failure();
        }
    });
}

#[test]
fn the_rootfs_may_be_an_overlay() {
    conformance(|t| {
        // As engines have it: the image below, what the container writes above.
        let (image, bundle) = (t.bundle(), t.bundle());
        let dirs = ["upper", "work", "merged"].map(|name| t.dir().join(name));
        for dir in &dirs {
            fs::create_dir(dir).unwrap();
        }
        let lower = image.rootfs();
        let [upper, work, merged] = &dirs;
        let data = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        let _overlay = HostMount::new("overlay", merged, &data);
        let bundle = bundle
            .set("/root/path", json!(merged))
            .mount("/made/volume", "tmpfs", "tmpfs", &[])
            .shell("echo written > /file; cat /proc/self/mountinfo | grep -c ' / rw'");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n");
        assert_eq!(fs::read_to_string(upper.join("file")).unwrap(), "written\n");
        assert!(!lower.join("file").exists() && !lower.join("made").exists());
    });
}

#[test]
fn mounts_below_the_rootfs_on_the_host_are_in_the_container() {
    conformance(|t| {
        let bundle = t.bundle();
        let volume = HostMount::new("tmpfs", &bundle.rootfs().join("mnt/volume"), "");
        fs::write(volume.path().join("word"), "from-the-volume").unwrap();
        let bundle = bundle.shell("cat /mnt/volume/word");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "from-the-volume");
    });
}

#[test]
fn the_callers_umask_does_not_reach_what_is_made() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/cwd", json!("/cwd/made"))
            .mount("/point/made", "tmpfs", "tmpfs", &[])
            .push(
                "/linux/devices",
                json!({"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}),
            )
            .args([
                "/bin/probe",
                "stat",
                "/cwd/made",
                "/point",
                "/dev/null",
                "/dev/x",
            ]);
        bundle.save();
        let id = t.new_id();
        let run = Runner::new("/bin/sh".as_ref())
            .args(["-c", "umask 077; exec \"$0\" \"$@\""])
            .args([&t.runtime.path])
            .args(["--root", isolation::STATE_ROOT, "run", "--bundle"])
            .args([bundle.dir()])
            .args([&id]);
        let seen = run.run().expect_success().json();
        for (path, mode) in [
            ("/cwd/made", "0755"),
            ("/point", "0755"),
            ("/dev/null", "0666"),
            ("/dev/x", "0666"),
        ] {
            assert_eq!(seen[path]["mode"], mode, "{path}");
        }
    });
}
