//! The runtime is killed.

use crate::{assert_deletes_to_nothing, sleeping};
use runtime_tests::chance::{Random, rounds};
use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Test, conformance};
use std::time::{Duration, Instant};

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
            let moment = random.kill(create, whole);
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
            let moment = random.kill(run, whole);
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
            let moment = random.kill(delete, whole);
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
            let moment = random.kill(create, whole);
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
