//! `saya features`

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::features;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "features",
    about: "print what this runtime supports, as JSON",
    operands: "",
    arity: Arity::Exactly(0),
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

    fn id(&self) -> Option<&str> {
        None
    }
}

fn run(context: &Context<'_>, _: &Args) -> Result<u8> {
    Ok(context.print(&features::to_json()?))
}
