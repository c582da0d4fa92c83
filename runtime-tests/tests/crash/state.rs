//! Damaged state.

use crate::{assert_deletes_to_nothing, sleeping};
use runtime_tests::command::PATIENCE;
use runtime_tests::oracle::Snapshot;
use runtime_tests::{Exit, conformance};
use std::fs;
use std::path::PathBuf;

fn state_dir(id: &str) -> PathBuf {
    PathBuf::from("/run/state").join(id)
}

fn state_files(id: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(state_dir(id))
        .expect("read the state directory")
        .flatten();
    entries
        .filter(|e| e.file_type().is_ok_and(|t| t.is_file()))
        .map(|e| e.path())
        .collect()
}

#[test]
fn delete_force_of_an_empty_state_directory() {
    conformance(|t| {
        let before = Snapshot::take();
        let id = t.new_id();
        fs::create_dir(state_dir(&id)).unwrap();
        assert_deletes_to_nothing(t, &id, &before, "an empty state directory");
    });
}

#[test]
fn delete_force_of_a_container_with_truncated_state() {
    conformance(|t| {
        let bundle = sleeping(t);
        let before = Snapshot::take();
        let container = t.start(&bundle);
        for file in state_files(&container.id) {
            let half = fs::metadata(&file).unwrap().len() / 2;
            fs::OpenOptions::new()
                .write(true)
                .open(&file)
                .unwrap()
                .set_len(half)
                .unwrap();
        }
        assert_deletes_to_nothing(t, &container.id, &before, "truncated state");
    });
}

#[test]
fn delete_force_of_a_container_with_garbage_for_state() {
    conformance(|t| {
        let bundle = sleeping(t);
        let before = Snapshot::take();
        let container = t.start(&bundle);
        for file in state_files(&container.id) {
            fs::write(file, [0xff, 0, b'{', b'\n']).unwrap();
        }
        assert_deletes_to_nothing(t, &container.id, &before, "garbage for state");
    });
}

#[test]
fn delete_force_after_any_one_state_file_is_gone() {
    conformance(|t| {
        let bundle = sleeping(t);
        let before = Snapshot::take();
        let probe = t.start(&bundle);
        let count = state_files(&probe.id).len();
        assert_deletes_to_nothing(t, &probe.id, &before, "intact state");
        for index in 0..count {
            let container = t.start(&bundle);
            let mut files = state_files(&container.id);
            files.sort();
            fs::remove_file(&files[index]).unwrap();
            let when = format!("without {}", files[index].display());
            assert_deletes_to_nothing(t, &container.id, &before, &when);
        }
    });
}

#[test]
fn a_container_whose_init_was_killed_is_stopped_and_deletable() {
    conformance(|t| {
        let container = t.idle();
        runtime_tests::sys::kill(container.pid, libc::SIGKILL).unwrap();
        assert_eq!(container.wait(), Exit::Signal(libc::SIGKILL));
        assert_eq!(container.status(), "stopped");
        let _ = container.call("delete").expect_success();
    });
}

#[test]
fn a_pid_used_again_is_not_taken_for_the_container() {
    conformance(|t| {
        let stranger = t.idle();
        let container = t.idle();
        let _ = t.call(["kill", &container.id, "KILL"]).expect_success();
        container.wait();
        // As if the kernel had given the pid to somebody else: the state of
        // the dead container names a live process that is not its init.
        for file in state_files(&container.id) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let (old, new) = (container.pid.to_string(), stranger.pid.to_string());
            fs::write(&file, text.replace(&old, &new)).unwrap();
        }
        let _ = t.call(["kill", &container.id, "KILL"]);
        let _ = t
            .runtime(["delete", "--force", &container.id])
            .patience(PATIENCE)
            .run();
        assert_eq!(
            stranger.status(),
            "running",
            "the runtime killed a process not its own"
        );
    });
}
