//! `saya check`

use std::path::Path;

use serde::Serialize;

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::config::Fault;
use crate::config::fault::FaultRecord;
use crate::container::check::{Verdict, check};
use crate::error::{Error, Kind, Result};

pub(super) const VERB: Verb = Verb {
    name: "check",
    about: "report everything that is wrong with a bundle on this host",
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

#[derive(Serialize)]
struct Report<'a> {
    faults: Vec<FaultRecord<'a>>,
    warnings: &'a [String],
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let verdict = check(Path::new(args.id().unwrap_or(".")))?;
    let text = if args.json {
        as_json(&verdict)?
    } else {
        as_text(&verdict)
    };
    let failed = u8::from(!verdict.faults.is_empty());
    Ok(context.print(&text).max(failed))
}

fn as_json(verdict: &Verdict) -> Result<String> {
    let report = Report {
        faults: verdict.faults.iter().map(Fault::record).collect(),
        warnings: &verdict.warnings,
    };
    let json = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::new(Kind::System, "write the report as JSON", error.to_string()))?;
    Ok(json + "\n")
}

fn as_text(verdict: &Verdict) -> String {
    let mut text = String::new();
    for fault in &verdict.faults {
        text.push_str(&format!("config.json: {}: {}\n", fault.at, fault.why));
        if let Some(hint) = &fault.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    for warning in &verdict.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    match verdict.faults.len() {
        0 => text.push_str("no faults\n"),
        1 => text.push_str("1 fault\n"),
        faults => text.push_str(&format!("{faults} faults\n")),
    }
    text
}
