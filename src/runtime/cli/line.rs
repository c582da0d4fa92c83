//! One call of a verb: its words parsed, its log opened, its outcome reported.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use super::global::{Global, Origin};
use super::{FAILURE, complain, help, incorrect_usage, print, undefined, without_value, words};
use crate::cgroup::Driver;
use crate::error::{Error, Kind, Result};
use crate::log::Log;

/// A verb of the command line.
#[derive(Debug)]
pub(super) struct Verb {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does, for the help.
    pub(super) about: &'static str,
    /// Its operands, for the help.
    pub(super) operands: &'static str,
    /// How many operands it takes.
    pub(super) arity: Arity,
    /// Where its options may stand.
    pub(super) options: Options,
    /// The exit code of a failure.
    pub(super) failure: u8,
    /// Parses the line and runs it; the result is the exit code.
    pub(super) execute: fn(Line) -> u8,
}

/// A number of operands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
    /// From one number to the other.
    Between(usize, usize),
}

/// Where a verb's options may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Options {
    /// Before and after operands.
    Anywhere,
    /// Up to the first operand: what follows belongs to another program.
    BeforeOperand,
}

/// The flags of a verb.
pub(super) trait Flags: clap::Args {
    /// The words that are no flags; the first is the container's id, where there is one.
    fn operands(&self) -> &[String];
    /// The container's id, for messages.
    fn id(&self) -> Option<&str> {
        self.operands().first().map(String::as_str)
    }
}

/// The words of one call.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) verb: &'static Verb,
    pub(super) program: String,
    /// The program's flags before the verb.
    pub(super) flags: Vec<OsString>,
    /// What follows the verb.
    pub(super) rest: Vec<OsString>,
}

/// What every verb may look at.
#[derive(Debug)]
pub(super) struct Context {
    /// The state root.
    pub(super) root: PathBuf,
    /// Whether it was named.
    pub(super) root_origin: Origin,
    /// Who makes cgroups.
    pub(super) cgroups: Driver,
    log: Log,
    /// `saya create web`
    subject: String,
}

/// A whole line, as clap reads it.
#[derive(clap::Parser)]
#[command(
    no_binary_name = true,
    args_override_self = true,
    disable_help_subcommand = true
)]
struct Call<F: clap::Args> {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    flags: F,
}

/// Why a line is not run.
enum Stop {
    /// Help was asked for.
    Help,
    /// This is wrong with it.
    Usage(String),
}

impl Line {
    /// Parses the line, runs the verb and reports; the result is the exit code.
    pub(super) fn run<F: Flags>(self, run: fn(&Context, &F) -> Result<u8>) -> u8 {
        let call: Call<F> = match self.parse() {
            Ok(call) => call,
            Err(Stop::Help) => return print(&help::verb::<F>(self.verb, &self.program)),
            Err(Stop::Usage(why)) => return incorrect_usage(&why).max(self.verb.failure),
        };
        self.run_with(&call.global, call.flags.id(), |context| {
            self.check_arity(call.flags.operands().len())?;
            run(context, &call.flags)
        })
    }

    /// Runs a verb whose own words are not read.
    pub(super) fn run_unread(self, run: fn() -> Error) -> u8 {
        let is_help = |word: &OsString| word == "--help" || word == "-h";
        if self.rest.iter().any(is_help) {
            return print(&help::verb::<help::NoFlags>(self.verb, &self.program));
        }
        let line = Self {
            rest: Vec::new(),
            ..self
        };
        match line.parse::<help::NoFlags>() {
            Ok(call) => line.run_with(&call.global, None, |_| Err(run())),
            Err(Stop::Help) => FAILURE,
            Err(Stop::Usage(why)) => incorrect_usage(&why),
        }
    }

    fn run_with(
        &self,
        global: &Global,
        id: Option<&str>,
        run: impl FnOnce(&Context) -> Result<u8>,
    ) -> u8 {
        let mut subject = format!("{} {}", self.program, self.verb.name);
        if let Some(id) = id {
            subject = format!("{subject} {id}");
        }
        let log = match global.open_log() {
            Ok(log) => log,
            Err(error) => {
                complain(&for_people(&subject, &error));
                return self.verb.failure;
            }
        };
        let outcome = Context::new(global, log, subject);
        let (log, outcome) = match outcome {
            Ok(context) => {
                let outcome = context.run(run);
                (
                    context.log,
                    outcome.map_err(|error| (context.subject, error)),
                )
            }
            Err((log, subject, error)) => (log, Err((subject, error))),
        };
        match outcome {
            Ok(code) => code,
            Err((subject, error)) => {
                report(&log, &subject, &error);
                self.verb.failure
            }
        }
    }

    fn parse<F: clap::Args>(&self) -> Result<Call<F>, Stop> {
        let mut command = Call::<F>::command();
        let mut rest = self.rest.clone();
        if self.verb.options == Options::BeforeOperand {
            words::end_options_at_operand(&mut rest, &command);
        }
        let all = self.flags.iter().cloned().chain(rest);
        let matches = command.try_get_matches_from_mut(all).map_err(stop)?;
        Call::from_arg_matches(&matches).map_err(stop)
    }

    fn check_arity(&self, count: usize) -> Result<()> {
        let (fits, wanted) = match self.verb.arity {
            Arity::Exactly(number) => (count == number, format!("exactly {number}")),
            Arity::AtLeast(number) => (count >= number, format!("a minimum of {number}")),
            Arity::Between(least, most) => (
                (least..=most).contains(&count),
                if count < least {
                    format!("a minimum of {least}")
                } else {
                    format!("a maximum of {most}")
                },
            ),
        };
        if fits {
            return Ok(());
        }
        let name = self.verb.name;
        let why = format!("\"{} {name}\" requires {wanted} argument(s)", self.program);
        Err(Error::new(Kind::Usage, "", why).hint(format!("see `{} {name} --help`", self.program)))
    }
}

/// clap's complaint in the words of Go's flag package, which engines look for.
fn stop(error: clap::Error) -> Stop {
    let flag = match error.get(ContextKind::InvalidArg) {
        // `--bundle <DIR>`, `--env <KEY=VALUE>`
        Some(ContextValue::String(text)) => text.split(' ').next().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    Stop::Usage(match error.kind() {
        ErrorKind::DisplayHelp => return Stop::Help,
        ErrorKind::UnknownArgument => undefined(flag.as_ref()),
        ErrorKind::InvalidValue if value.is_empty() => without_value(flag.as_ref()),
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_owned(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let name = words::go_name(flag.as_ref());
            format!("invalid value {value:?} for flag {name}")
        }
        ErrorKind::TooManyValues => {
            format!("flag takes no argument: {}", words::go_name(flag.as_ref()))
        }
        kind => format!("{kind} {flag}"),
    })
}

impl Context {
    fn new(global: &Global, log: Log, subject: String) -> Result<Self, (Log, String, Error)> {
        let checked = global.check().and_then(|()| global.cgroup_driver());
        match checked {
            Ok(cgroups) => {
                let (root, root_origin) = global.root();
                Ok(Self {
                    root,
                    root_origin,
                    cgroups,
                    log,
                    subject,
                })
            }
            Err(error) => Err((log, subject, error)),
        }
    }

    fn run(&self, run: impl FnOnce(&Self) -> Result<u8>) -> Result<u8> {
        self.log.debug(|| {
            let (pid, root) = (std::process::id(), self.root.display());
            format!(
                "{}: begins as process {pid} with state in {root}",
                self.subject
            )
        });
        let begin = std::time::Instant::now();
        let outcome = run(self);
        self.log.debug(|| {
            let end = match &outcome {
                Ok(code) => format!("exit code {code}"),
                Err(error) => format!("an error of kind {}", error.kind().code()),
            };
            format!(
                "{}: ends with {end} after {:?}",
                self.subject,
                begin.elapsed()
            )
        });
        outcome
    }

    /// Says what the user should know although it went well.
    pub(super) fn warn(&self, warnings: &[String]) {
        for warning in warnings {
            let message = format!("{}: warning: {warning}", self.subject);
            if self.log.has_file() || self.log.is_json() {
                self.log.warning(&message);
            } else {
                complain(&format!("{message}\n"));
            }
        }
    }

    /// Prints the verb's output.
    pub(super) fn print(&self, text: &str) -> u8 {
        print(text)
    }
}

/// The one error: in the log for programs, on standard error for people.
fn report(log: &Log, subject: &str, error: &Error) {
    let message = one_line(subject, error);
    if log.has_file() || log.is_json() {
        log.error(&message, error);
    }
    if log.has_file() {
        complain(&format!("{message}\n"));
    } else if !log.is_json() {
        complain(&for_people(subject, error));
    }
}

fn one_line(subject: &str, error: &Error) -> String {
    // An error that quotes the command needs no second naming of it.
    if error.kind() == Kind::Usage && error.to_string().starts_with('"') {
        return error.to_string();
    }
    format!("{subject}: {error}")
}

fn for_people(subject: &str, error: &Error) -> String {
    let mut text = one_line(subject, error);
    text.push('\n');
    if let Some(hint) = error.advice() {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    text
}
