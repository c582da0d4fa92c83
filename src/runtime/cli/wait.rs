//! `saya wait`

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::wait;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "wait",
    about: "wait until a container ends, and exit with its code",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let exit = wait::wait(&context.root, args.id().unwrap_or_default())?;
    wait::code(&exit)
}
