//! Options that change a whole tree of mounts, mount_setattr(2) with
//! AT_RECURSIVE: `rro`, `rnosuid`, ….

use runtime_tests::facts::options_at;
use runtime_tests::{HostMount, Test, Value, conformance};
use std::collections::BTreeSet;

/// A tree of two mounts on the host, both with `flags`.
fn tree(t: &Test, name: &str, flags: u64) -> [HostMount; 2] {
    let top = t.dir().join(name);
    let outer = HostMount::new("tmpfs", &top, "");
    let inner = HostMount::new("tmpfs", &top.join("below"), "");
    if flags == 0 {
        return [outer, inner];
    }
    let inner = inner.with_flags(flags);
    [outer.with_flags(flags), inner]
}

/// Options of the outer and of the inner mount.
type Seen = [BTreeSet<String>; 2];

/// What the container sees of a tree bound with `options`: of both mounts.
fn bound(t: &Test, flags: u64, options: &[&str]) -> Seen {
    let tree = tree(t, "tree", flags);
    let source = tree[0].path().display().to_string();
    let facts: Value = t.facts(t.bundle().mount("/mnt", "bind", &source, options));
    ["/mnt", "/mnt/below"].map(|point| options_at(&facts, point))
}

/// An option, the `MS_*` flags the tree has on the host, and what is shown.
type Case = (&'static str, u64, &'static str);

/// What the container sees of a tree for each case, all in one container.
fn all_bound(t: &Test, cases: &[Case], options: impl Fn(&Case) -> Vec<&'static str>) -> Vec<Seen> {
    let numbered = || cases.iter().enumerate();
    let trees: Vec<_> = numbered()
        .map(|(index, case)| tree(t, &format!("tree{index}"), case.1))
        .collect();
    let bundle = numbered().fold(t.bundle(), |bundle, (index, case)| {
        let source = trees[index][0].path().display().to_string();
        bundle.mount(&format!("/mnt/{index}"), "bind", &source, &options(case))
    });
    let facts = t.facts(bundle);
    let seen = |(index, _)| {
        [format!("/mnt/{index}"), format!("/mnt/{index}/below")].map(|at| options_at(&facts, &at))
    };
    numbered().map(seen).collect()
}

#[test]
fn each_recursive_option_sets_the_whole_tree() {
    conformance(|t| {
        let cases = [
            ("rro", 0, "ro"),
            ("rnosuid", 0, "nosuid"),
            ("rnodev", 0, "nodev"),
            ("rnoexec", 0, "noexec"),
            ("rnodiratime", 0, "nodiratime"),
            ("rnoatime", 0, "noatime"),
            ("rnosymfollow", 0, "nosymfollow"),
            ("rrelatime", flag::NOATIME, "relatime"),
        ];
        let seen = all_bound(t, &cases, |case| vec!["rbind", case.0]);
        for ((option, _, shown), seen) in cases.iter().zip(seen) {
            for found in seen {
                assert!(found.contains(*shown), "{option}: {found:?}");
            }
        }
    });
}

#[test]
fn each_recursive_option_clears_the_whole_tree() {
    conformance(|t| {
        let cases = [
            ("rrw", flag::RDONLY, "ro"),
            ("rsuid", flag::NOSUID, "nosuid"),
            ("rdev", flag::NODEV, "nodev"),
            ("rexec", flag::NOEXEC, "noexec"),
            ("rdiratime", flag::NODIRATIME, "nodiratime"),
            ("ratime", flag::NOATIME, "noatime"),
            ("rsymfollow", flag::NOSYMFOLLOW, "nosymfollow"),
        ];
        let kept = all_bound(t, &cases, |_| vec!["rbind"]);
        for ((_, _, shown), seen) in cases.iter().zip(kept) {
            let all = seen.iter().all(|found| found.contains(*shown));
            assert!(all, "rbind keeps {shown}: {seen:?}");
        }
        let cleared = all_bound(t, &cases, |case| vec!["rbind", case.0]);
        for ((option, _, shown), seen) in cases.iter().zip(cleared) {
            let any = seen.iter().any(|found| found.contains(*shown));
            assert!(!any, "{option}: {seen:?}");
        }
    });
}

/// `MS_*` of mount(2).
mod flag {
    pub(crate) const RDONLY: u64 = 1;
    pub(crate) const NOSUID: u64 = 2;
    pub(crate) const NODEV: u64 = 4;
    pub(crate) const NOEXEC: u64 = 8;
    pub(crate) const NOSYMFOLLOW: u64 = 256;
    pub(crate) const NOATIME: u64 = 1024;
    pub(crate) const NODIRATIME: u64 = 2048;
}

#[test]
fn recursive_access_times_replace_each_other() {
    conformance(|t| {
        for found in bound(t, 0, &["rbind", "rstrictatime"]) {
            let relative = found.contains("relatime") || found.contains("noatime");
            assert!(!relative, "rstrictatime: {found:?}");
        }
        for found in bound(t, flag::NOATIME, &["rbind", "rrelatime"]) {
            assert!(found.contains("relatime"), "rrelatime: {found:?}");
            assert!(!found.contains("noatime"), "rrelatime: {found:?}");
        }
    });
}

#[test]
fn the_negative_recursive_access_times_are_known() {
    conformance(|t| {
        for option in ["rnorelatime", "rnostrictatime"] {
            for found in bound(t, 0, &["rbind", option]) {
                assert!(!found.contains("noatime"), "{option}: {found:?}");
            }
        }
    });
}

#[test]
fn a_later_recursive_option_overrides_an_earlier_one() {
    conformance(|t| {
        for found in bound(t, 0, &["rbind", "rro", "rrw", "rnoexec", "rexec"]) {
            assert!(
                !found.contains("ro") && !found.contains("noexec"),
                "{found:?}"
            );
        }
        for found in bound(t, 0, &["rbind", "rrw", "rro", "rexec", "rnoexec"]) {
            assert!(
                found.contains("ro") && found.contains("noexec"),
                "{found:?}"
            );
        }
    });
}

#[test]
fn a_plain_option_changes_only_the_mount_itself() {
    conformance(|t| {
        let [outer, inner] = bound(t, 0, &["rbind", "ro", "noexec"]);
        assert!(
            outer.contains("ro") && outer.contains("noexec"),
            "{outer:?}"
        );
        assert!(
            !inner.contains("ro") && !inner.contains("noexec"),
            "{inner:?}"
        );
    });
}

#[test]
fn a_recursive_option_does_not_change_the_host() {
    conformance(|t| {
        let tree = tree(t, "tree", 0);
        let source = tree[0].path().display().to_string();
        let bundle = t.bundle().mount("/mnt", "bind", &source, &["rbind", "rro"]);
        let _ = t.run(&bundle).expect_success();
        for mount in &tree {
            std::fs::write(mount.path().join("file"), "").expect("still writable on the host");
        }
    });
}

#[test]
fn recursive_options_take_effect_on_a_mount_below() {
    conformance(|t| {
        let tree = tree(t, "tree", 0);
        let source = tree[0].path().display().to_string();
        let bundle = t
            .bundle()
            .mount("/mnt", "bind", &source, &["rbind", "rro"])
            .shell("echo x >/mnt/file; echo $?; echo x >/mnt/below/file; echo $?");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n1\n");
        assert!(!tree[1].path().join("file").exists());
    });
}
