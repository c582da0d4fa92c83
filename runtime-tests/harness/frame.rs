//! The frame around every test: isolation, clean-up, leak oracle, known
//! deviations, skips, and the report of a failure.

use crate::command::take_history;
use crate::oracle::Snapshot;
use crate::test::{Test, token};
use crate::{Driver, Runtime, cgroup, deviations, driver, isolation, process, reaper, rootfs};
use std::any::Any;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long the kernel may take to finish what a verb has begun.
const SETTLE: Duration = Duration::from_secs(3);

/// Thrown by [`Test::skip`].
pub(crate) struct Skip(pub(crate) String);

/// Runs the body of a test; see the crate documentation.
///
/// # Panics
/// When the test fails, leaks, or passes although `DEVIATIONS.md` says it cannot.
pub fn conformance<F: FnOnce(&Test) + Send>(body: F) {
    let name = test_name(std::any::type_name::<F>());
    let runtime = Runtime::under_test();
    rootfs::prepare();
    reaper::start();
    // The reaper, the subreaper attribute and the cgroups belong to the
    // process: one test at a time, whatever libtest was told.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.clone());
        thread
            .spawn_scoped(scope, || in_isolation(&name, runtime, body))
            .expect("thread")
            .join()
    });
    judge(&name, runtime, outcome.unwrap_or_else(Err));
}

/// `lifecycle::kill_twice` out of `lifecycle::kill_twice::{{closure}}`.
fn test_name(closure: &str) -> String {
    closure.trim_end_matches("::{{closure}}").to_owned()
}

type Outcome = Result<(), Box<dyn Any + Send>>;

fn in_isolation(name: &str, runtime: &'static Runtime, body: impl FnOnce(&Test)) -> Outcome {
    isolation::enter(runtime).expect("enter the private view (the suite needs root)");
    drop(take_history());
    reaper::forget();
    Driver::of_environment().set();
    let before = Snapshot::take();
    let test = Test::new(name, runtime);
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&test)));
    test.delete_containers();
    drop(test);
    let leaks = Snapshot::take_settled(&before, SETTLE).beyond(&before);
    clean_up();
    if outcome.is_ok() && !leaks.is_empty() {
        let list: Vec<String> = leaks
            .iter()
            .map(|(s, item)| format!("  {s:?}: {item}"))
            .collect();
        return Err(Box::new(format!(
            "left behind after the test:\n{}",
            list.join("\n")
        )));
    }
    outcome
}

/// Whatever happened, nothing of the test stays on the machine.
fn clean_up() {
    process::kill_strays(&BTreeSet::new());
    driver::remove_units();
    cgroup::remove_all(&token());
    for entry in fs::read_dir(rootfs::scratch_root())
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name() != "store" {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn judge(name: &str, runtime: &Runtime, outcome: Outcome) {
    let known = deviations::find(name, runtime.kind);
    match (outcome, known) {
        (Ok(()), Some(row)) if !row.is_race() && recorded(runtime) => {
            panic!(
                "DEVIATIONS.md says {name} fails on {} ({}), but it passed",
                row.runtime, row.why
            )
        }
        (Ok(()), _) => {}
        (Err(payload), _) if payload.is::<Skip>() => {
            let reason = payload
                .downcast::<Skip>()
                .map(|skip| skip.0)
                .unwrap_or_default();
            record_skip(name, &reason);
        }
        (Err(payload), Some(row)) => {
            println!(
                "known deviation of {}: {}\n{}",
                row.runtime,
                row.why,
                text(&payload)
            );
        }
        (Err(payload), None) => {
            report(name, runtime, &text(&payload));
            resume_unwind(payload);
        }
    }
}

/// The table holds for one version, and for the machine as it is.
fn recorded(runtime: &Runtime) -> bool {
    let version = deviations::recorded_version(runtime.kind);
    version == Some(runtime.version_number()) && std::env::var_os("SAYA_TEST_CGROUPS").is_none()
}

fn text(payload: &Box<dyn Any + Send>) -> String {
    let string = payload.downcast_ref::<String>().cloned();
    string
        .or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_default()
}

fn report(name: &str, runtime: &Runtime, why: &str) {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let caps = process::status_field(0, "CapEff")
        .or_else(|| process::status_field(i32::try_from(std::process::id()).ok()?, "CapEff"));
    println!("---- {name} failed: {why}");
    println!(
        "runtime  {} ({})",
        runtime.path.display(),
        runtime.version.replace('\n', ", ")
    );
    println!(
        "machine  kernel {}, cgroups {}",
        kernel.trim(),
        cgroup::mode()
    );
    println!(
        "harness  uid {}, CapEff {}",
        crate::sys::uid(),
        caps.unwrap_or_default()
    );
    println!("commands of the test, in order of their end:");
    for command in take_history() {
        println!("$ {command}");
    }
}

fn record_skip(name: &str, reason: &str) {
    println!("skipped: {reason}");
    let Ok(path) = std::env::var("SAYA_TEST_SKIPS") else {
        return;
    };
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    let line = format!("{name}: {reason}\n");
    file.and_then(|mut f| std::io::Write::write_all(&mut f, line.as_bytes()))
        .expect("append to the file named by SAYA_TEST_SKIPS");
}
