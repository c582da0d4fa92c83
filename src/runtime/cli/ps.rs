//! `saya ps`

use std::ffi::OsString;

use super::line::{Arity, Context, Flags, Options, Verb};
use super::list::Format;
use crate::container::ps;
use crate::error::Result;

pub(super) const VERB: Verb = Verb {
    name: "ps",
    about: "show the processes of a container",
    operands: "ID [OPTIONS OF ps]",
    arity: Arity::AtLeast(1),
    options: Options::BeforeOperand,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Form of the output: table or json
    #[arg(short, long, default_value = "table")]
    format: String,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let format = Format::from_name(&args.format)?;
    let pids = ps::pids(&context.root, args.id().unwrap_or_default())?;
    let options: Vec<OsString> = args.operands.iter().skip(1).map(OsString::from).collect();
    Ok(context.print(&match format {
        Format::Table => ps::table(&pids, &options)?,
        Format::Json => ps::to_json(&pids),
    }))
}
