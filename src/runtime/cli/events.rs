//! `saya events`

use std::io::Write as _;

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::events::{self, Schedule};
use crate::error::{Doing, Result};

pub(super) const VERB: Verb = Verb {
    name: "events",
    about: "print a container's counters as JSON, and when it was out of memory",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// How often the counters are printed
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5s",
        allow_hyphen_values = true
    )]
    interval: String,
    /// Print the counters once, and nothing else
    #[arg(long)]
    stats: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let interval = events::parse_interval(&args.interval)?;
    let schedule = if args.stats {
        Schedule::Once
    } else {
        Schedule::Every(interval)
    };
    let mut failure = None;
    let mut sink = |line: &str| {
        let mut output = std::io::stdout();
        let written = output.write_all(line.as_bytes()).and(output.flush());
        failure = written.err();
        failure.is_none()
    };
    let id = args.id().unwrap_or_default();
    events::events(&context.root, id, schedule, &mut sink)?;
    match failure {
        // A reader that has gone away wanted no more of it.
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).doing("write to standard output")
        }
        _ => Ok(0),
    }
}
