//! The options of a mount, config.md#linux-mount-options.

use runtime_tests::facts::options_at;
use runtime_tests::{Bundle, Kind, Test, Value, conformance, json};
use std::collections::BTreeSet;

/// A bundle with a tmpfs for each list of options, at `/mnt/0`, `/mnt/1`, ….
fn with_each<'o>(t: &Test, lists: impl IntoIterator<Item = &'o [&'o str]>) -> Bundle {
    let mounts = lists.into_iter().enumerate();
    mounts.fold(t.bundle(), |bundle, (index, options)| {
        bundle.mount(&format!("/mnt/{index}"), "tmpfs", "tmpfs", options)
    })
}

fn options(facts: &Value, index: usize) -> BTreeSet<String> {
    options_at(facts, &format!("/mnt/{index}"))
}

/// Options that the kernel shows when they are in force: of the mount, or with
/// `super:` of the file system.
const SHOWN: [(&str, &str); 11] = [
    ("ro", "ro"),
    ("nosuid", "nosuid"),
    ("nodev", "nodev"),
    ("noexec", "noexec"),
    ("noatime", "noatime"),
    ("nodiratime", "nodiratime"),
    ("relatime", "relatime"),
    ("sync", "super:sync"),
    ("dirsync", "super:dirsync"),
    ("mand", "super:mand"),
    ("lazytime", "super:lazytime"),
];

/// An option and the one that takes it back, with what the kernel shows.
const OPPOSITES: [(&str, &str, &str); 9] = [
    ("ro", "rw", "ro"),
    ("nosuid", "suid", "nosuid"),
    ("nodev", "dev", "nodev"),
    ("noexec", "exec", "noexec"),
    ("noatime", "atime", "noatime"),
    ("nodiratime", "diratime", "nodiratime"),
    ("sync", "async", "super:sync"),
    ("mand", "nomand", "super:mand"),
    ("lazytime", "nolazytime", "super:lazytime"),
];

#[test]
fn each_basic_option_is_set_alone() {
    conformance(|t| {
        let lists = SHOWN
            .each_ref()
            .map(|(option, _)| std::slice::from_ref(option));
        let facts = t.facts(with_each(t, lists));
        for (index, (option, shown)) in SHOWN.iter().enumerate() {
            let found = options(&facts, index);
            assert!(found.contains(*shown), "{option}: {found:?}");
            let others = SHOWN.iter().filter(|(_, other)| other != shown);
            for (_, other) in others.filter(|(_, other)| *other != "relatime") {
                assert!(
                    !found.contains(*other),
                    "{option} also sets {other}: {found:?}"
                );
            }
        }
    });
}

#[test]
fn a_later_option_overrides_an_earlier_one() {
    conformance(|t| {
        let on = OPPOSITES.map(|(set, clear, _)| [clear, set]);
        let off = OPPOSITES.map(|(set, clear, _)| [set, clear]);
        let lists = on.iter().chain(&off).map(|list| list.as_slice());
        let facts = t.facts(with_each(t, lists));
        for (index, (set, clear, shown)) in OPPOSITES.iter().enumerate() {
            let found = options(&facts, index);
            assert!(found.contains(*shown), "{clear},{set}: {found:?}");
            let found = options(&facts, OPPOSITES.len() + index);
            assert!(!found.contains(*shown), "{set},{clear}: {found:?}");
        }
    });
}

#[test]
fn access_times_are_relative_unless_said_otherwise() {
    conformance(|t| {
        let lists: [&[&str]; 4] = [
            &[],
            &["atime"],
            &["noatime", "atime"],
            &["norelatime", "relatime"],
        ];
        let facts = t.facts(with_each(t, lists));
        for (index, list) in lists.iter().enumerate() {
            let found = options(&facts, index);
            assert!(found.contains("relatime"), "{list:?}: {found:?}");
            assert!(!found.contains("noatime"), "{list:?}: {found:?}");
        }
    });
}

#[test]
fn strictatime_is_neither_relative_nor_off() {
    conformance(|t| {
        let strict: [&[&str]; 2] = [&["strictatime"], &["nostrictatime", "strictatime"]];
        let back: &[&str] = &["strictatime", "nostrictatime"];
        let facts = t.facts(with_each(t, strict.into_iter().chain([back])));
        for index in [0, 1] {
            let found = options(&facts, index);
            assert!(
                !found.contains("relatime") && !found.contains("noatime"),
                "{found:?}"
            );
        }
        assert!(options(&facts, 2).contains("relatime"));
    });
}

#[test]
fn a_new_mount_is_writable_and_allows_everything() {
    conformance(|t| {
        let facts = t.facts(with_each(t, [[].as_slice(), &["async"]]));
        for index in [0, 1] {
            let found = options(&facts, index);
            assert!(
                found.contains("rw") && found.contains("super:rw"),
                "{found:?}"
            );
            for (_, shown) in SHOWN.iter().filter(|(_, shown)| *shown != "relatime") {
                assert!(!found.contains(*shown), "{shown} in {found:?}");
            }
        }
    });
}

#[test]
fn options_about_messages_and_change_counters_are_known() {
    conformance(|t| {
        let known = ["silent", "loud", "iversion", "noiversion"];
        for option in known {
            let run = t.run(&t.bundle().mount("/mnt", "tmpfs", "tmpfs", &[option]));
            assert_eq!(
                run.status,
                runtime_tests::Exit::Code(0),
                "{}",
                run.describe()
            );
        }
    });
}

#[test]
fn defaults_is_no_option_of_the_file_system() {
    conformance(|t| {
        let facts = t.facts(with_each(t, [["defaults", "nosuid"].as_slice()]));
        let found = options(&facts, 0);
        assert!(
            found.contains("nosuid") && found.contains("rw"),
            "{found:?}"
        );
    });
}

#[test]
fn nosymfollow_keeps_symlinks_from_being_followed() {
    conformance(|t| {
        let lists: [&[&str]; 2] = [&["nosymfollow"], &["nosymfollow", "symfollow"]];
        let script = "for d in 0 1; do ln -s /etc/passwd /mnt/$d/link; \
                      cat /mnt/$d/link >/dev/null 2>&1; echo $?; done";
        let run = t.run(&with_each(t, lists).shell(script)).expect_success();
        assert_eq!(run.stdout(), "1\n0\n");
    });
}

#[test]
fn noexec_nodev_and_ro_take_effect() {
    conformance(|t| {
        let lists: [&[&str]; 4] = [&["noexec"], &["nodev"], &["ro"], &[]];
        let script = "\
            for d in 0 3; do cp /bin/probe /mnt/$d/; /mnt/$d/probe exit 7 2>/dev/null; echo $?; done
            for d in 1 3; do mknod /mnt/$d/null c 1 3; (: <>/mnt/$d/null) 2>/dev/null; echo $?; done
            for d in 2 3; do (: >/mnt/$d/file) 2>/dev/null; echo $?; done";
        let bundle = with_each(t, lists).shell(script);
        let sets = json!(["CAP_MKNOD"]);
        let bundle = ["bounding", "permitted", "effective"]
            .into_iter()
            .fold(bundle, |b, set| {
                b.set(&format!("/process/capabilities/{set}"), sets.clone())
            });
        let codes = t.run(&bundle).expect_success().stdout();
        assert_eq!(codes, "126\n7\n1\n0\n1\n0\n");
    });
}

#[test]
fn nosuid_keeps_a_setuid_program_from_changing_its_user() {
    conformance(|t| {
        let lists: [&[&str]; 2] = [&["nosuid", "uid=0"], &["uid=0"]];
        // Copied by root into both, then run by a user.
        let script = "for d in 0 1; do cp /bin/probe /mnt/$d/ && chmod 6755 /mnt/$d/probe; done; \
                      exec /bin/probe sleep";
        let bundle = with_each(t, lists).set("/process/noNewPrivileges", json!(false));
        let ready = runtime_tests::Rendezvous::in_rootfs(&bundle, "ready");
        let script = script.replace("; exec", "; echo >/ready; exec");
        let container = t.start(&bundle.shell(&script));
        ready.wait();
        for (index, uid) in [(0, 1000), (1, 0)] {
            let program = format!("/mnt/{index}/probe");
            let exec = container.exec_with(&["--user", "1000"], [&program, "facts"]);
            let facts = exec.expect_success().json();
            assert_eq!(facts["identity"]["uid"][1], uid, "{program}");
        }
    });
}

#[test]
fn an_unknown_option_goes_to_the_file_system() {
    conformance(|t| {
        let lists: [&[&str]; 1] = [&["size=64k", "nr_inodes=10", "mode=1700", "uid=5", "gid=6"]];
        let facts = t.facts(with_each(t, lists));
        let found = options(&facts, 0);
        for wanted in ["size=64k", "nr_inodes=10", "mode=1700", "uid=5", "gid=6"] {
            assert!(
                found.contains(&format!("super:{wanted}")),
                "{wanted}: {found:?}"
            );
        }
    });
}

#[test]
fn an_option_the_file_system_does_not_know_is_refused() {
    conformance(|t| {
        let options = ["nosuid", "size=64k", "no-such-option=1"];
        let bundle = t.bundle().mount("/mnt", "tmpfs", "tmpfs", &options);
        let last = bundle.config["mounts"].as_array().map_or(0, Vec::len) - 1;
        let run = t.run(&bundle).expect_failure();
        if t.runtime.kind == Kind::Saya {
            let _ = run
                .expect_stderr(&format!("/mounts/{last}/options/2"))
                .expect_stderr("no-such-option");
        }
    });
}

#[test]
fn a_value_the_file_system_refuses_is_named() {
    conformance(|t| {
        let bundle = t.bundle().mount("/mnt", "tmpfs", "tmpfs", &["size=plenty"]);
        let last = bundle.config["mounts"].as_array().map_or(0, Vec::len) - 1;
        let run = t.run(&bundle).expect_failure();
        if t.runtime.kind == Kind::Saya {
            let _ = run.expect_stderr(&format!("/mounts/{last}/options/0"));
        }
    });
}

#[test]
fn remount_changes_what_is_mounted() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .mount("/mnt", "tmpfs", "tmpfs", &["size=1m"])
            .mount(
                "/mnt",
                "tmpfs",
                "tmpfs",
                &["remount", "ro", "nosuid", "size=2m"],
            );
        let facts = t.facts(bundle);
        let found = options_at(&facts, "/mnt");
        assert!(
            found.contains("nosuid") && found.contains("super:size=2048k"),
            "{found:?}"
        );
        assert!(
            found.contains("ro") || found.contains("super:ro"),
            "{found:?}"
        );
        let points = facts["mounts"].as_array().unwrap().iter();
        assert_eq!(points.filter(|mount| mount["point"] == "/mnt").count(), 1);
    });
}
