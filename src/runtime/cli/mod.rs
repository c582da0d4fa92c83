//! Command line → verb → the one error → exit code.
//!
//! One file per verb: its flags and `run`, glue only. The words are sorted first ([`words`]), so
//! that clap builds the one verb that is asked for. Only this module prints.

mod check;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod global;
mod help;
mod kill;
mod line;
mod list;
mod pause;
mod plan;
mod ps;
mod resume;
mod run;
mod spec;
mod start;
mod state;
mod unsupported;
mod update;
mod wait;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use line::{Line, Verb};
use words::Head;

/// The exit code of an unknown command.
const UNKNOWN_COMMAND: u8 = 3;
/// The exit code of everything else that fails.
const FAILURE: u8 = 1;

/// All verbs in the order of the help.
const VERBS: [&Verb; 20] = [
    &check::VERB,
    &unsupported::CHECKPOINT,
    &create::VERB,
    &delete::VERB,
    &events::VERB,
    &exec::VERB,
    &features::VERB,
    &kill::VERB,
    &list::VERB,
    &pause::VERB,
    &plan::VERB,
    &ps::VERB,
    &unsupported::RESTORE,
    &resume::VERB,
    &run::VERB,
    &spec::VERB,
    &start::VERB,
    &state::VERB,
    &update::VERB,
    &wait::VERB,
];

/// The program: reads the command line, runs the verb, prints what is to be printed.
#[must_use]
pub fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = program_name(words.next());
    ExitCode::from(dispatch(program, words))
}

/// The name by which we were called: engines look for it in the version and in the help.
fn program_name(zeroth: Option<OsString>) -> String {
    let name = zeroth.as_deref().map(Path::new).and_then(Path::file_name);
    match name {
        Some(name) => name.to_string_lossy().into_owned(),
        None => "saya".to_owned(),
    }
}

fn dispatch(program: String, words: impl IntoIterator<Item = OsString>) -> u8 {
    match words::head(words) {
        Head::Verb { name, flags, rest } => match find(&name) {
            Some(verb) => (verb.execute)(Line {
                verb,
                program,
                flags,
                rest,
            }),
            None => unknown_command(&name),
        },
        Head::Help(None) => print(&help::program(&program)),
        Head::Help(Some(name)) => match find(&name) {
            Some(verb) => (verb.execute)(Line {
                verb,
                program,
                flags: Vec::new(),
                rest: vec!["--help".into()],
            }),
            None => unknown_command(&name),
        },
        Head::Version => print(&help::version(&program)),
        Head::UnknownFlag(flag) => incorrect_usage(&undefined(&flag)),
        Head::MissingValue(flag) => incorrect_usage(&without_value(&flag)),
    }
}

fn find(name: &OsString) -> Option<&'static Verb> {
    VERBS.into_iter().find(|verb| name == verb.name)
}

fn unknown_command(name: &OsString) -> u8 {
    complain(&format!("No help topic for '{}'\n", name.to_string_lossy()));
    UNKNOWN_COMMAND
}

/// The text of Go's flag package, which engines look for.
fn undefined(flag: &std::ffi::OsStr) -> String {
    format!("flag provided but not defined: {}", words::go_name(flag))
}

/// See [`undefined`].
fn without_value(flag: &std::ffi::OsStr) -> String {
    format!("flag needs an argument: {}", words::go_name(flag))
}

fn incorrect_usage(why: &str) -> u8 {
    complain(&format!("Incorrect Usage: {why}\n"));
    FAILURE
}

/// Prints the whole output. A reader that has gone away wanted no more of it.
fn print(text: &str) -> u8 {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!("write to standard output: {error}\n"));
            FAILURE
        }
        _ => 0,
    }
}

/// Writes to standard error; there is nobody to tell if that fails.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests;
