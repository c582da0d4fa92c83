//! `linux.resources`: what the kernel has in its control files when a container
//! asks for a limit, what its processes feel of it, and what cannot be had.
//!
//! One table serves every layout: each row says what a v1 and what a v2 file
//! must hold, and the machine decides which of the two is looked at.

mod block_io;
mod cpu;
mod hugetlb;
mod inside;
mod memory;
mod network;
mod ownership;
mod pids;
mod placement;
mod proof;
mod record;
mod refusals;
mod unified;

use runtime_tests::{Container, Controller, Test, Value, Version};
use std::path::Path;

/// One row: the value of `linux.resources`, and lines `file=value` of v1 and v2.
/// No lines: the field is not one of that language.
pub(crate) struct Row<'r> {
    pub(crate) resources: Value,
    pub(crate) v1: &'r [&'r str],
    pub(crate) v2: &'r [&'r str],
}

/// The controller by its names in v1 and v2; the test is skipped without it.
pub(crate) fn controller(t: &Test, v1: &'static str, v2: &'static str) -> Controller {
    Controller::find(v1, v2)
        .unwrap_or_else(|| t.skip(&format!("the controller `{v2}` is nowhere on this machine")))
}

/// Creates a container for each row and reads its control files.
#[track_caller]
pub(crate) fn assert_rows(t: &Test, controller: &Controller, rows: &[Row<'_>]) {
    let lines = rows.iter().map(|row| match controller.version {
        Version::V1 => row.v1,
        Version::V2 => row.v2,
    });
    let spoken: Vec<_> = rows
        .iter()
        .zip(lines)
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    if spoken.is_empty() {
        t.skip(&format!("not a matter of {:?}", controller.version));
    }
    for (row, lines) in spoken {
        only_with_files(t, controller, lines);
        let container = t.create(&t.bundle().set("/linux/resources", row.resources.clone()));
        assert_files(controller, &container, lines, &row.resources);
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
    }
}

/// Skips the test where the kernel lacks one of the files.
pub(crate) fn only_with_files(t: &Test, controller: &Controller, lines: &[&str]) {
    for line in lines {
        let (file, _) = line.split_once('=').expect("file=value");
        if !controller.has_file(file) {
            t.skip(&format!("this kernel has no `{file}`"));
        }
    }
}

/// The container's files hold these lines.
#[track_caller]
pub(crate) fn assert_files(
    controller: &Controller,
    container: &Container<'_>,
    lines: &[&str],
    what: &Value,
) {
    let dir = controller.cgroup_of(container.pid);
    for line in lines {
        let (file, value) = line.split_once('=').expect("file=value");
        let found = read(&dir.join(file));
        let is_there = found.lines().any(|line| line.trim_end() == value);
        assert!(is_there, "{what}: {file} must say {value:?}: {found:?}");
    }
}

#[track_caller]
pub(crate) fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|e| panic!("read {}: {e}", file.display()))
}
