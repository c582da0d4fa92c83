//! Several commands at once.

use crate::sleeping;
use runtime_tests::{Exit, conformance};

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
