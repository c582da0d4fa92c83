//! Collects the status of every process that ends below this one.
//!
//! The test process is a subreaper, so a container's init becomes its child
//! when the runtime exits, as it becomes the shim's under an engine. One thread
//! reaps all of them at once (a runtime which asks for the exit status of a
//! container it did not start can only learn it after the reaping) and keeps
//! the statuses. `std::process::Child::wait` must therefore not be used by
//! tests: everything goes through [`spawn`] and [`wait`].

use crate::sys::{self, WaitStatus};
use std::collections::HashMap;
use std::io;
use std::process::{Child, Command};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Ledger {
    ended: HashMap<i32, WaitStatus>,
    /// Counts spawns, so that the thread can sleep until the next one.
    spawned: u64,
}

static LEDGER: LazyLock<Mutex<Ledger>> = LazyLock::new(Mutex::default);
static CHANGED: Condvar = Condvar::new();

fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the process a subreaper and starts the reaping thread, once.
pub fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        sys::become_subreaper().expect("prctl PR_SET_CHILD_SUBREAPER");
        std::thread::Builder::new()
            .name("reaper".into())
            .spawn(reap_forever)
            .expect("start the reaper thread");
    });
}

fn reap_forever() {
    loop {
        let spawned = ledger().spawned;
        match sys::wait_for_any_end() {
            Ok(pid) => {
                // The lock is held by `spawn` until the pid of a new child is
                // known, so that its status cannot be taken for an older one's.
                let mut ledger = ledger();
                if let Ok(Some(status)) = sys::reap(pid) {
                    ledger.ended.insert(pid, status);
                }
                CHANGED.notify_all();
            }
            // Without children there is nothing to wait for until a spawn.
            Err(e) if e.raw_os_error() == Some(libc::ECHILD) => {
                drop(CHANGED.wait_while(ledger(), |l| l.spawned == spawned));
            }
            Err(_) => {}
        }
    }
}

/// Starts `command`; its status will be found by [`wait`].
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut ledger = ledger();
    // A failed exec also makes a child for a moment.
    ledger.spawned += 1;
    CHANGED.notify_all();
    let child = command.spawn()?;
    ledger.ended.remove(&pid_of(&child));
    Ok(child)
}

/// Drops the statuses kept so far: pids are reused.
pub fn forget() {
    ledger().ended.clear();
}

/// The pid of `child` in the type the kernel calls use.
#[must_use]
pub fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("a pid fits in an i32")
}

/// How the process `pid` ended; `None` when it still runs after `patience`.
/// Works for any descendant which became our child.
#[must_use]
pub fn wait(pid: i32, patience: Duration) -> Option<WaitStatus> {
    wait_until(patience, |ended| ended.get(&pid).copied())
}

/// Waits until `probe` finds what it looks for, asking again whenever a
/// process below us has ended.
pub fn wait_until<T>(
    patience: Duration,
    mut probe: impl FnMut(&HashMap<i32, WaitStatus>) -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + patience;
    let mut ledger = ledger();
    loop {
        if let Some(found) = probe(&ledger.ended) {
            return Some(found);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        ledger = CHANGED
            .wait_timeout(ledger, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
