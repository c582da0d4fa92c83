//! One call of a verb: its words parsed, its log opened, its outcome reported.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as _, FromArgMatches as _};

use super::global::{Global, Origin};
use super::{complain, help, incorrect_usage, print, undefined, without_value, words};
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
pub(super) struct Context<'a> {
    /// The state root.
    pub(super) root: PathBuf,
    /// Whether it was named.
    pub(super) root_origin: Origin,
    /// Who makes cgroups.
    pub(super) cgroups: Driver,
    log: &'a Log,
    /// `saya create web`
    subject: &'a str,
}

/// A command with the program's flags alone.
fn program_flags() -> clap::Command {
    let command = clap::Command::new("saya")
        .no_binary_name(true)
        .args_override_self(true);
    Global::augment_args(command)
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
    ///
    /// The little that depends on the flags' type is here: what follows exists once, not per verb.
    pub(super) fn run<F: Flags>(self, run: fn(&Context<'_>, &F) -> Result<u8>) -> u8 {
        let matches = match self.matches(F::augment_args(program_flags())) {
            Ok(matches) => matches,
            Err(Stop::Help) => {
                return print(&help::verb(self.verb, &self.program, F::augment_args));
            }
            Err(Stop::Usage(why)) => return incorrect_usage(&why).max(self.verb.failure),
        };
        let parsed = F::from_arg_matches(&matches)
            .and_then(|flags| Ok((Global::from_arg_matches(&matches)?, flags)));
        match parsed {
            Ok((global, flags)) => self.run_with(&global, flags.id(), &mut |context| {
                self.check_arity(flags.operands().len())?;
                run(context, &flags)
            }),
            Err(error) => incorrect_usage(&stop(&error).in_words()).max(self.verb.failure),
        }
    }

    /// Runs a verb whose own words are not read.
    pub(super) fn run_unread(mut self, run: fn() -> Error) -> u8 {
        let is_help = |word: &OsString| word == "--help" || word == "-h";
        if self.rest.iter().any(is_help) {
            return print(&help::verb(self.verb, &self.program, |command| command));
        }
        self.rest.clear();
        let parsed = self
            .matches(program_flags())
            .and_then(|matches| Global::from_arg_matches(&matches).map_err(|error| stop(&error)));
        match parsed {
            Ok(global) => self.run_with(&global, None, &mut |_| Err(run())),
            Err(stop) => incorrect_usage(&stop.in_words()),
        }
    }

    fn run_with(
        &self,
        global: &Global,
        id: Option<&str>,
        run: &mut dyn FnMut(&Context<'_>) -> Result<u8>,
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
        let checked = global.check().and_then(|()| global.cgroup_driver());
        let outcome = checked.and_then(|cgroups| {
            let (root, root_origin) = global.root();
            let context = Context {
                root,
                root_origin,
                cgroups,
                log: &log,
                subject: &subject,
            };
            context.run(run)
        });
        outcome.unwrap_or_else(|error| {
            report(&log, &subject, &error);
            self.verb.failure
        })
    }

    fn matches(&self, mut command: clap::Command) -> Result<clap::ArgMatches, Stop> {
        let mut rest = self.rest.clone();
        if self.verb.options == Options::BeforeOperand {
            words::end_options_at_operand(&mut rest, &command);
        }
        let all = self.flags.iter().cloned().chain(rest);
        command
            .try_get_matches_from_mut(all)
            .map_err(|error| stop(&error))
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

impl Stop {
    fn in_words(self) -> String {
        match self {
            Self::Help => "help requested".to_owned(),
            Self::Usage(why) => why,
        }
    }
}

/// clap's complaint in the words of Go's flag package, which engines look for.
fn stop(error: &clap::Error) -> Stop {
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
        // We write the help ourselves (see `help`); clap is built without its own.
        ErrorKind::UnknownArgument if flag == "--help" || flag == "-h" => return Stop::Help,
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

impl Context<'_> {
    fn run(&self, run: &mut dyn FnMut(&Context<'_>) -> Result<u8>) -> Result<u8> {
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
