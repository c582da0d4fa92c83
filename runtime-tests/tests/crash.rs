//! A runtime killed at a random moment, several at once, and damaged state:
//! `delete --force` must always succeed and leave nothing.
//!
//! `SAYA_TEST_ROUNDS` sets the number of kills (50), `SAYA_TEST_SEED` repeats a
//! run: every failure prints the seed it happened with.

use runtime_tests::command::{PATIENCE, Runner};
use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Test, conformance, reaper};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn rounds() -> u64 {
    number_from_env("SAYA_TEST_ROUNDS").unwrap_or(50)
}

/// Random delays that can be repeated: xorshift64*.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seed = number_from_env("SAYA_TEST_SEED").unwrap_or(clock.as_nanos() as u64 | 1);
        println!("SAYA_TEST_SEED={seed}");
        Self {
            seed,
            state: seed.max(1),
        }
    }

    fn below(&mut self, bound: Duration) -> Duration {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        Duration::from_nanos(number % bound.as_nanos().max(1) as u64)
    }
}

/// Starts `command`, and kills it after a random part of `whole`.
fn kill_at_random(command: Runner, random: &mut Random, whole: Duration) -> Duration {
    let moment = random.below(whole);
    let running = command.spawn();
    // Waiting for the end with a bound is the clock here: the command may
    // also be faster than the moment, which is one of the cases to test.
    let _ = reaper::wait(running.pid, moment);
    running.signal(libc::SIGKILL);
    let _ = running.finish();
    moment
}

/// `delete --force` succeeds and everything is as it was `before`.
#[track_caller]
fn assert_deletes_to_nothing(t: &Test, id: &str, before: &Snapshot, when: &str) {
    let delete = t.call(["delete", "--force", id]);
    assert_eq!(
        delete.status,
        Exit::Code(0),
        "{when}: {}",
        delete.describe()
    );
    let left = Snapshot::take_settled(before, Duration::from_secs(2)).beyond(before);
    // The parent made for `cgroupsPath` is nobody's: the test removes it.
    let left: Vec<_> = left
        .into_iter()
        .filter(|(_, item)| !is_shared_parent(item))
        .collect();
    assert!(left.is_empty(), "{when}: left behind: {left:#?}");
}

fn is_shared_parent(item: &str) -> bool {
    item.ends_with(&runtime_tests::test::token())
}

fn sleeping(t: &Test) -> Bundle {
    let bundle = t.bundle().args(["/bin/probe", "sleep"]);
    bundle.save();
    bundle
}

/// How long a create takes here: the shortest of some.
fn time_of_create(t: &Test, bundle: &Bundle) -> Duration {
    let times = (0..3).map(|_| {
        let id = t.new_id();
        let create = t.verb_with_bundle("create", bundle, &[], &id);
        let begin = Instant::now();
        let _ = create.run().expect_success();
        let elapsed = begin.elapsed();
        let _ = t.call(["delete", "--force", &id]).expect_success();
        elapsed
    });
    times.min().unwrap_or_default()
}

#[test]
fn create_killed_at_a_random_moment_is_deleted_to_nothing() {
    conformance(|t| {
        let bundle = sleeping(t);
        let whole = time_of_create(t, &bundle).mul_f64(1.2);
        let mut random = Random::new();
        let before = Snapshot::take();
        for round in 0..rounds() {
            let id = t.new_id();
            let create = t.verb_with_bundle("create", &bundle, &[], &id);
            let moment = kill_at_random(create, &mut random, whole);
            let when = format!(
                "seed {}, round {round}, killed after {moment:?}",
                random.seed
            );
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn run_killed_at_a_random_moment_is_deleted_to_nothing() {
    conformance(|t| {
        let bundle = sleeping(t);
        let whole = time_of_create(t, &bundle).mul_f64(1.5);
        let mut random = Random::new();
        let before = Snapshot::take();
        for round in 0..rounds() / 3 {
            let id = t.new_id();
            let run = t.verb_with_bundle("run", &bundle, &["--detach"], &id);
            let moment = kill_at_random(run, &mut random, whole);
            let when = format!(
                "seed {}, round {round}, killed after {moment:?}",
                random.seed
            );
            assert_deletes_to_nothing(t, &id, &before, &when);
        }
    });
}

#[test]
fn delete_killed_at_a_random_moment_can_be_repeated() {
    conformance(|t| {
        let bundle = sleeping(t);
        let mut random = Random::new();
        let before = Snapshot::take();
        let whole = {
            let container = t.start(&bundle);
            let begin = Instant::now();
            let _ = t
                .call(["delete", "--force", &container.id])
                .expect_success();
            begin.elapsed()
        };
        for round in 0..rounds() / 3 {
            let container = t.start(&bundle);
            let delete = t.runtime(["delete", "--force", &container.id]);
            let moment = kill_at_random(delete, &mut random, whole);
            let when = format!(
                "seed {}, round {round}, killed after {moment:?}",
                random.seed
            );
            assert_deletes_to_nothing(t, &container.id, &before, &when);
        }
    });
}

#[test]
fn an_interrupted_create_frees_the_id_after_delete() {
    conformance(|t| {
        let bundle = sleeping(t);
        let whole = time_of_create(t, &bundle);
        let mut random = Random::new();
        let id = t.new_id();
        for _ in 0..rounds() / 10 {
            let create = t.verb_with_bundle("create", &bundle, &[], &id);
            let moment = kill_at_random(create, &mut random, whole);
            let _ = t.call(["delete", "--force", &id]).expect_success();
            let again = t.verb_with_bundle("create", &bundle, &[], &id).run();
            assert_eq!(
                again.status,
                Exit::Code(0),
                "seed {}, killed after {moment:?}: {}",
                random.seed,
                again.describe()
            );
            let _ = t.call(["delete", "--force", &id]).expect_success();
        }
    });
}

#[test]
fn of_16_creates_of_one_id_one_wins() {
    conformance(|t| {
        let bundle = sleeping(t);
        let id = t.new_id();
        let running: Vec<_> = (0..16)
            .map(|_| t.verb_with_bundle("create", &bundle, &[], &id).spawn())
            .collect();
        let outputs: Vec<_> = running.into_iter().map(|r| r.finish()).collect();
        let winners = outputs.iter().filter(|o| o.status == Exit::Code(0)).count();
        assert_eq!(
            winners,
            1,
            "{:#?}",
            outputs.iter().map(|o| o.describe()).collect::<Vec<_>>()
        );
        for loser in outputs.into_iter().filter(|o| o.status != Exit::Code(0)) {
            let _ = loser.expect_failure().expect_stderr("exist");
        }
        assert_eq!(
            t.call(["state", &id]).expect_success().json()["status"],
            "created"
        );
        let _ = t.call(["start", &id]).expect_success();
    });
}

#[test]
fn deletes_at_the_same_time_all_succeed() {
    conformance(|t| {
        let container = t.idle();
        let running: Vec<_> = (0..8)
            .map(|_| t.runtime(["delete", "--force", &container.id]).spawn())
            .collect();
        for delete in running {
            let _ = delete.finish().expect_success();
        }
        let _ = container.call("state").expect_failure();
    });
}

#[test]
fn of_8_starts_one_succeeds() {
    conformance(|t| {
        let bundle = t.bundle().shell("echo ran; exec /bin/probe sleep");
        let container = t.create(&bundle);
        let running: Vec<_> = (0..8)
            .map(|_| t.runtime(["start", &container.id]).spawn())
            .collect();
        let successes = running
            .into_iter()
            .map(|start| start.finish().status)
            .filter(|status| *status == Exit::Code(0))
            .count();
        assert_eq!(successes, 1);
        assert_eq!(container.status(), "running");
    });
}

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
