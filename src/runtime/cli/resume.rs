//! `saya resume`

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::pause;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "resume",
    about: "thaw a container's processes",
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
    pause::resume(&context.root, args.id().unwrap_or_default())?;
    Ok(0)
}
