//! An ordinary user, as root of a user namespace, in whose cgroups something is not delegated.

use runtime_tests::{Bundle, HostMount, Kind, Output, Runner, Test, conformance, json, test};
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

const USER: u32 = 1000;

/// `run` of the bundle by the user.
fn run_as_user(t: &Test, bundle: &Bundle) -> Output {
    bundle.save();
    let root = t.dir().join("state");
    fs::create_dir_all(&root).unwrap();
    for path in [&root, t.dir()] {
        chown(path, Some(USER), Some(USER)).unwrap();
    }
    let id = USER.to_string();
    Runner::new(Path::new("/usr/bin/setpriv"))
        .args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"])
        .args(["unshare", "--user", "--map-root-user", "--"])
        .args([
            t.runtime.path.as_os_str(),
            "--root".as_ref(),
            root.as_os_str(),
        ])
        .args([
            "run".as_ref(),
            "--bundle".as_ref(),
            bundle.dir().as_os_str(),
        ])
        .args([t.new_id()])
        .run()
}

fn in_cgroup2(t: &Test, body: impl Fn(&Test)) {
    t.only(Kind::Saya, "the words of the advice are our own");
    let _view = HostMount::cgroup2_view();
    body(t);
}

#[test]
fn without_a_delegated_cgroup_the_way_to_one_is_named() {
    conformance(|t| {
        in_cgroup2(t, |t| {
            run_as_user(t, &t.bundle())
                .expect_failure()
                .expect_stderr("unable to apply cgroup configuration")
                .expect_stderr("EACCES: permission denied")
                .expect_stderr("--property=Delegate=yes");
        });
    });
}

#[test]
fn a_controller_that_is_not_delegated_is_named() {
    conformance(|t| {
        in_cgroup2(t, |t| {
            let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
            if !controllers.contains("hugetlb") {
                t.skip("the v2 hierarchy has no controller hugetlb");
            }
            let path = format!("/{}/user", test::token());
            let dir = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
            fs::create_dir_all(&dir).unwrap();
            for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
                chown(dir.join(file), Some(USER), Some(USER)).unwrap();
            }
            let limits = json!([{"pageSize": "2MB", "limit": 0}]);
            let bundle = t
                .bundle()
                .set("/linux/cgroupsPath", json!(format!("{path}/c")))
                .set("/linux/resources/hugepageLimits", limits);
            let refused = run_as_user(t, &bundle);
            fs::remove_dir(&dir).unwrap();
            refused
                .expect_failure()
                .expect_stderr("enable the cgroup controller `hugetlb`")
                .expect_stderr("/linux/resources/hugepageLimits/0")
                .expect_stderr("Delegate=");
        });
    });
}
