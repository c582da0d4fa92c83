//! `saya kill`

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::kill::{Reach, kill};
use crate::container::signal;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "kill",
    about: "send a signal (by default SIGTERM) to a container's first process",
    operands: "ID [SIGNAL]",
    arity: Arity::Between(1, 2),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Send it to all processes of the container
    #[arg(short, long)]
    all: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let signal = match args.operands.get(1) {
        Some(text) => signal::parse(text)?,
        None => libc::SIGTERM,
    };
    let reach = if args.all { Reach::All } else { Reach::Init };
    kill(&context.root, args.id().unwrap_or_default(), signal, reach)?;
    Ok(0)
}
