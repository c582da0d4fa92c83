//! The runtime is killed.

use crate::{assert_deletes_to_nothing, number_from_env, rounds, sleeping};
use runtime_tests::command::Runner;
use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Test, conformance, reaper};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
