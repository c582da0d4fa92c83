//! `update`: limits of a container that exists, read back from the kernel's files.

mod devices;
mod document;
mod flags;
mod inside;
mod refusals;
mod systemd;

use runtime_tests::{Container, Output, Test, cgroup, json, test};
use std::fs;
use std::path::PathBuf;

/// A file of the container's cgroup, and what it must read.
pub(crate) type File<'a> = (&'a str, &'a str);

/// A running container with limits of everything that the tests change.
pub(crate) fn limited(t: &Test) -> Container<'_> {
    let resources = json!({
        "memory": {"limit": 64 << 20},
        "cpu": {"shares": 512, "quota": 50_000, "period": 100_000},
        "pids": {"limit": 100},
    });
    let bundle = t.bundle().args(["/bin/probe", "sleep"]);
    t.start(&bundle.set("/linux/resources", resources))
}

/// `update` with these flags.
pub(crate) fn update(t: &Test, container: &Container<'_>, flags: &[&str]) -> Output {
    t.runtime(["update"])
        .args(flags)
        .args([&container.id])
        .run()
}

/// `update` with a document on its standard input.
pub(crate) fn update_with(t: &Test, container: &Container<'_>, document: &str) -> Output {
    let call = t.runtime(["update", "--resources", "-", &container.id]);
    call.stdin_text(document).run()
}

/// What a control file of the container reads; `None` where no hierarchy has it.
pub(crate) fn read(container: &Container<'_>, file: &str) -> Option<String> {
    let is_its = |dir: &PathBuf| cgroup::processes(dir).contains(&container.pid);
    let mut all = cgroup::directories(&test::token()).into_iter();
    let text = all.find_map(|dir| {
        let text = fs::read_to_string(dir.join(file)).ok();
        text.filter(|_| is_its(&dir))
    });
    text.map(|text| text.trim().to_owned())
}

/// Skips the test where the container has none of these files.
pub(crate) fn needs(t: &Test, container: &Container<'_>, files: [&str; 2]) {
    if files.iter().all(|file| read(container, file).is_none()) {
        t.skip(&format!("no hierarchy here has {}", files.join(" or ")));
    }
}

/// Checks the files of the version that the first of each list is of.
#[track_caller]
pub(crate) fn assert_files(t: &Test, container: &Container<'_>, v1: &[File<'_>], v2: &[File<'_>]) {
    let is_here = |list: &&[File<'_>]| read(container, list[0].0).is_some();
    let Some(list) = [v1, v2].into_iter().find(is_here) else {
        t.skip(&format!("no hierarchy here has {} or {}", v1[0].0, v2[0].0));
    };
    for (file, value) in list {
        assert_eq!(read(container, file).as_deref(), Some(*value), "{file}");
    }
}
