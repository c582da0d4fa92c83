//! Commands killed at random moments, in runs that can be repeated.
//!
//! `SAYA_TEST_ROUNDS` sets how often (50), `SAYA_TEST_SEED` repeats a run; every
//! failure names the seed it happened with.

use crate::oracle::Snapshot;
use crate::{Exit, Runner, Test, reaper};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How often a test that depends on chance tries its luck.
#[must_use]
pub fn rounds() -> u64 {
    number_from_env("SAYA_TEST_ROUNDS").unwrap_or(50)
}

/// Random delays that can be repeated: xorshift64*.
#[derive(Debug)]
pub struct Random {
    /// What repeats the run.
    pub seed: u64,
    state: u64,
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl Random {
    /// From `SAYA_TEST_SEED`, or from the clock.
    #[must_use]
    pub fn new() -> Self {
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

    /// Starts `command`, and kills it after a random part of `whole`.
    pub fn kill(&mut self, command: Runner, whole: Duration) -> Duration {
        let moment = self.below(whole);
        let running = command.spawn();
        // Waiting for the end with a bound is the clock here: the command may
        // also be faster than the moment, which is one of the cases to test.
        let _ = reaper::wait(running.pid, moment);
        running.signal(libc::SIGKILL);
        let _ = running.finish();
        moment
    }
}

/// `delete --force` succeeds and everything is as it was `before`.
///
/// # Panics
/// With `when`, and with what failed or was left.
#[track_caller]
pub fn assert_deletes_to_nothing(t: &Test, id: &str, before: &Snapshot, when: &str) {
    let delete = t.call(["delete", "--force", id]);
    assert_eq!(
        delete.status,
        Exit::Code(0),
        "{when}: {}",
        delete.describe()
    );
    let left = Snapshot::take_settled(before, Duration::from_secs(2)).beyond(before);
    assert!(left.is_empty(), "{when}: left behind: {left:#?}");
}
