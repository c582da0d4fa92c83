//! The OOM watch at the end of its cgroup; what it tells of a kill is for the conformance tests.

use std::time::Duration;

use super::sandbox::{Sandbox, soon};
use crate::cgroup::{Cgroup, OomWatch, memory_use, remove};
use crate::sys::cgroup::wait_each;

#[test]
fn a_cgroup_that_goes_away_is_no_event_and_ends_the_watch() {
    let sandbox = Sandbox::new();
    let placement = sandbox.place("watched");
    Cgroup::create(&placement, &[]).unwrap();
    let Some(mut watch) = OomWatch::begin(&placement).unwrap() else {
        eprintln!("skipped: no memory controller in this view");
        return;
    };
    assert!(memory_use(&placement).is_some_and(|memory| !memory.oom_killed));
    assert_eq!(watch.take(), Some(0));
    remove(&placement, soon()).unwrap();
    let told = wait_each(&[watch.event()], Duration::from_secs(10)).unwrap();
    assert_eq!(told, [true], "the removal is told");
    assert_eq!(watch.take(), None);
    assert_eq!(memory_use(&placement), None);
    assert!(OomWatch::begin(&placement).unwrap().is_none());
}
