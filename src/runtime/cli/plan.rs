//! `saya plan`

use std::path::Path;

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::config::fault;
use crate::container::check::check;
use crate::error::{Error, Kind, Result};
use crate::plan::show;

pub(super) const VERB: Verb = Verb {
    name: "plan",
    about: "print what would be done for a bundle, in order, with the field each step comes from",
    operands: "[BUNDLE]",
    arity: Arity::Between(0, 1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let verdict = check(Path::new(args.id().unwrap_or(".")))?;
    let Some(plan) = verdict.plan else {
        let first = fault::first_error(verdict.faults);
        let none = || Error::new(Kind::Config, "plan the bundle", "nothing can be planned");
        return Err(first
            .unwrap_or_else(none)
            .hint("`saya check` shows all that is wrong"));
    };
    context.warn(&verdict.warnings);
    let text = if args.json {
        serde_json::to_string_pretty(&show::lines(&plan)).map_err(|error| {
            Error::new(Kind::System, "write the plan as JSON", error.to_string())
        })? + "\n"
    } else {
        show::text_form(&plan)
    };
    Ok(context.print(&text))
}
