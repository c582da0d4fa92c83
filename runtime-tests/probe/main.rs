//! The program the tests run inside their containers.
//!
//! It is static and needs nothing of the rootfs. `facts` prints all that a
//! process can learn about itself as one JSON object; the other sub-commands do
//! one small thing. It judges nothing: the assertion is in the test.

mod calls;
mod devices;
mod facts;
mod files;
mod limits;
mod signals;
mod sys;

use serde_json::{Value, json};
use std::process::ExitCode;

const USAGE: &str = "probe facts [sysctl=NAME]… [path=PATH]… | stat PATH… | exit N | sleep | \
                     notify FIFO [TEXT] | signal-wait [FIFO] | signals-ignored-sleep FIFO | \
                     write PATH TEXT | mkdir PATH | mknod PATH TYPE MAJOR MINOR | open PATH MODE | \
                     orphan | allocate MIB | forks N | env NAME | facts-to FILE | stuck FIFO | \
                     steal PATH HELD-FIFO GO-FIFO | \
                     syscall NUMBER [ARGUMENT]… | syscall32 NUMBER [ARGUMENT]…";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            println!("{}", json!({"error": error}));
            ExitCode::from(99)
        }
    }
}

/// Runs the sub-command; a failure is one line naming what failed.
fn run(words: &[&str]) -> Result<ExitCode, String> {
    match words {
        ["facts", what @ ..] => print(facts::all(what)),
        ["stat", paths @ ..] => print(devices::describe_all(paths)),
        ["exit", code] => {
            return code
                .parse::<u8>()
                .map(ExitCode::from)
                .map_err(|e| format!("{e}"));
        }
        ["sleep"] => sys::pause_forever(),
        ["notify", fifo, text @ ..] => files::append(fifo, text.first().unwrap_or(&"here"))?,
        ["signal-wait", fifo @ ..] => return signals::wait_and_exit(fifo.first().copied()),
        ["signals-ignored-sleep", fifo] => signals::ignore_all_and_sleep(fifo)?,
        ["write", path, text] => files::write(path, text)?,
        ["mkdir", path] => std::fs::create_dir(path).map_err(|e| format!("mkdir {path}: {e}"))?,
        ["mknod", path, kind, major, minor] => devices::make(path, kind, major, minor)?,
        ["open", path, mode] => print(files::open_result(path, mode)),
        ["allocate", mib] => limits::allocate(mib)?,
        ["forks", count] => print(limits::fork_until_refused(count)?),
        ["orphan"] => files::leave_orphan()?,
        ["facts-to", file] => files::write(file, &facts::all(&[]).to_string())?,
        ["stuck", fifo] => sys::hang_in_the_kernel(|| files::append(fifo, "stuck"))?,
        ["steal", path, held, go] => print(files::steal(path, held, go)?),
        ["syscall", number, arguments @ ..] => print(calls::native(number, arguments)?),
        ["syscall32", number, arguments @ ..] => print(calls::old(number, arguments)?),
        ["env", name] => print(json!(std::env::var(name).ok())),
        _ => return Err(format!("usage: {USAGE}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(value: Value) {
    println!("{value}");
}
