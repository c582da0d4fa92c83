//! `saya spec`. Its `--rootless` is the program's, which refuses it.

use std::path::{Path, PathBuf};

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::spec;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "spec",
    about: "write an example config.json",
    operands: "",
    arity: Arity::Exactly(0),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Directory of the bundle [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,
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

fn run(_: &Context<'_>, args: &Args) -> Result<u8> {
    spec::write(args.bundle.as_deref().unwrap_or(Path::new(".")))?;
    Ok(0)
}
