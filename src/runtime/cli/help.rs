//! `--help` and `--version`.

use std::fmt::Write as _;

use clap::Args as _;

use super::VERBS;
use super::global::Global;
use super::line::Verb;
use crate::container::state::SPEC_VERSION;

/// Options that clap does not know: name and what it does.
const HELP: (&str, &str) = ("-h, --help", "Print this help");
const VERSION: (&str, &str) = ("-v, --version", "Print the version");

/// One line per option: its names, its value, what it does.
fn options(flags: fn(clap::Command) -> clap::Command, further: &[(&str, &str)]) -> String {
    let command = flags(clap::Command::new("saya"));
    let visible = command
        .get_arguments()
        .filter(|option| !option.is_hide_set());
    let mut rows: Vec<(String, String)> = visible.map(row).collect();
    let further = further.iter();
    rows.extend(further.map(|(names, about)| ((*names).to_owned(), (*about).to_owned())));
    let width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    let lines = rows
        .iter()
        .map(|(names, about)| format!("   {names:<width$}  {about}\n"));
    lines.collect()
}

fn row(option: &clap::Arg) -> (String, String) {
    let mut names = match option.get_short() {
        Some(short) => format!("-{short}, "),
        None => "    ".to_owned(),
    };
    if let Some(long) = option.get_long() {
        names.push_str("--");
        names.push_str(long);
    }
    if option.get_action().takes_values() {
        for value in option.get_value_names().unwrap_or_default() {
            names.push(' ');
            names.push_str(value);
        }
    }
    let mut about = option
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let defaults = option.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if option.get_action().takes_values() && !defaults.is_empty() {
        about.push_str(&format!(" [default: {}]", defaults.join(" ")));
    }
    (names, about)
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
    let _ = write!(
        text,
        "\nGLOBAL OPTIONS:\n{}",
        options(Global::augment_args, &[HELP, VERSION])
    );
    text
}

/// The help of one verb.
pub(super) fn verb(verb: &Verb, name: &str, flags: fn(clap::Command) -> clap::Command) -> String {
    let head = format!("{name} {}", verb.name);
    format!(
        "NAME:\n   {head} - {}\n\nUSAGE:\n   {head} [command options] {}\n\nOPTIONS:\n{}",
        verb.about,
        verb.operands,
        options(flags, &[HELP])
    )
}

/// The three lines that docker, podman and containerd read.
pub(super) fn version(name: &str) -> String {
    let commit = option_env!("SAYA_COMMIT").unwrap_or("unknown");
    let version = env!("CARGO_PKG_VERSION");
    format!("{name} version {version}\ncommit: {commit}\nspec: {SPEC_VERSION}\n")
}
