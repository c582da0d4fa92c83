//! `saya list`

use super::global::Origin;
use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::list::{MissingRoot, list, table, to_json};
use crate::error::{Error, Kind, Result};

pub(super) const VERB: Verb = Verb {
    name: "list",
    about: "list the containers of a state root",
    operands: "",
    arity: Arity::Exactly(0),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Form of the list: table or json
    #[arg(short, long, default_value = "table")]
    format: String,
    /// Print the ids alone
    #[arg(short, long)]
    quiet: bool,
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

/// The form of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Format {
    /// The form by its name.
    ///
    /// # Errors
    /// Kind usage.
    pub(super) fn from_name(name: &str) -> Result<Self> {
        match name {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            _ => Err(
                Error::new(Kind::Usage, "", format!("invalid format option: {name}"))
                    .hint("the formats are `table` and `json`"),
            ),
        }
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let format = Format::from_name(&args.format)?;
    let missing = match context.root_origin {
        Origin::Given => MissingRoot::Refuse,
        Origin::Default => MissingRoot::Empty,
    };
    let (states, warnings) = list(&context.root, missing)?;
    context.warn(&warnings);
    if args.quiet {
        let ids = states.iter().map(|state| format!("{}\n", state.id));
        return Ok(context.print(&ids.collect::<String>()));
    }
    Ok(context.print(&match format {
        Format::Table => table(&states),
        Format::Json => to_json(&states)?,
    }))
}
