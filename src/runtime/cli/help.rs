//! `--help` and `--version`.

use std::fmt::Write as _;

use clap::CommandFactory;

use super::VERBS;
use super::global::Global;
use super::line::{Flags, Verb};
use crate::container::state::SPEC_VERSION;

/// Layout of the options in a help text.
const OPTIONS: &str = "{options}";

/// A verb without flags of its own.
#[derive(Debug, clap::Args)]
pub(super) struct NoFlags {}

impl Flags for NoFlags {
    fn operands(&self) -> &[String] {
        &[]
    }
}

/// Builds clap's view of a set of flags alone.
#[derive(clap::Parser)]
#[command(no_binary_name = true)]
struct Only<F: clap::Args> {
    #[command(flatten)]
    _flags: F,
}

fn options<F: clap::Args>() -> String {
    let command = Only::<F>::command().help_template(OPTIONS).term_width(100);
    command
        .clone()
        .render_help()
        .to_string()
        .trim_end()
        .to_owned()
}

/// The help of the program.
pub(super) fn program(name: &str) -> String {
    let mut text = format!(
        "NAME:\n   {name} - Open Container Initiative runtime\n\n\
         USAGE:\n   {name} [global options] command [command options] [arguments...]\n\n\
         VERSION:\n   {}\n\nCOMMANDS:\n",
        env!("CARGO_PKG_VERSION")
    );
    for verb in VERBS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "   {:<11} {}", verb.name, verb.about);
    }
    let _ = write!(text, "\nGLOBAL OPTIONS:\n{}\n", options::<Global>());
    text.push_str("  -v, --version\n          Print the version\n");
    text
}

/// The help of one verb.
pub(super) fn verb<F: Flags>(verb: &Verb, name: &str) -> String {
    let head = format!("{name} {}", verb.name);
    format!(
        "NAME:\n   {head} - {}\n\nUSAGE:\n   {head} [command options] {}\n\nOPTIONS:\n{}\n",
        verb.about,
        verb.operands,
        options::<F>()
    )
}

/// The three lines that docker, podman and containerd read.
pub(super) fn version(name: &str) -> String {
    let commit = option_env!("SAYA_COMMIT").unwrap_or("unknown");
    let version = env!("CARGO_PKG_VERSION");
    format!("{name} version {version}\ncommit: {commit}\nspec: {SPEC_VERSION}\n")
}
