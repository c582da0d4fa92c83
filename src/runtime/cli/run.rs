//! `saya run`

use super::create::Making;
use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::run::{Afterwards, Stay, run as run_container};
use crate::error::Result;
use crate::terminal::Orphans;

pub(super) const VERB: Verb = Verb {
    name: "run",
    about: "create a container and start it",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    making: Making,
    /// Do not wait for the container's end
    #[arg(short, long)]
    detach: bool,
    /// Do not delete the container when it has ended
    #[arg(long)]
    keep: bool,
    /// Do not adopt and reap the container's orphans
    #[arg(long)]
    no_subreaper: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let request = args.making.request(context, args.id().unwrap_or_default());
    let stay = match (args.detach, args.no_subreaper) {
        (true, _) => Stay::Detached,
        (false, true) => Stay::Foreground(Orphans::Leave),
        (false, false) => Stay::Foreground(Orphans::Adopt),
    };
    let afterwards = if args.keep {
        Afterwards::Keep
    } else {
        Afterwards::Delete
    };
    let ran = run_container(&request, stay, afterwards)?;
    context.warn(&ran.warnings);
    Ok(exit_code(ran.code))
}

/// A program's exit code as this process' own.
pub(super) fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}
