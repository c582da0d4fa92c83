//! `saya delete`

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::delete::{Force, delete};
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "delete",
    about: "delete a container that does not run, and everything it had",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Kill it first if it runs; succeed if there is none
    #[arg(short, long)]
    force: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let force = if args.force {
        Force::Kill
    } else {
        Force::Refuse
    };
    let warnings = delete(&context.root, args.id().unwrap_or_default(), force)?;
    context.warn(&warnings);
    Ok(0)
}
