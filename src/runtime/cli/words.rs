//! Sorts the words of the command line before clap reads them.
//!
//! The verb is found behind the program's flags, which then count as the verb's own, so that
//! they may stand anywhere. Go programs end the options of some verbs at the first operand; a
//! `--` put there makes clap do the same.

use std::ffi::{OsStr, OsString};

use super::global;

/// What the words before the verb say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A verb.
    Verb {
        /// Its name.
        name: OsString,
        /// The program's flags before it.
        flags: Vec<OsString>,
        /// Everything after it.
        rest: Vec<OsString>,
    },
    /// `--help`, `help`, or nothing; with the verb that help is wanted for.
    Help(Option<OsString>),
    /// `--version`
    Version,
    /// A flag that the program does not have.
    UnknownFlag(OsString),
    /// A flag without its value.
    MissingValue(OsString),
}

/// Finds the verb. `words` are without the program's own name.
pub(super) fn head(words: impl IntoIterator<Item = OsString>) -> Head {
    let mut words = words.into_iter();
    let mut flags = Vec::new();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let name = text.split('=').next().unwrap_or_default();
        if text == "--help" || text == "-h" {
            return Head::Help(None);
        } else if text == "help" {
            return Head::Help(words.next());
        } else if text == "--version" || text == "-v" {
            return Head::Version;
        } else if global::WITHOUT_VALUE.contains(&text.as_str()) {
            flags.push(word);
        } else if global::WITH_VALUE.contains(&name) {
            flags.push(word);
            if name == text {
                match words.next() {
                    Some(value) => flags.push(value),
                    None => return Head::MissingValue(name.into()),
                }
            }
        } else if text.starts_with('-') {
            return Head::UnknownFlag(word);
        } else {
            return Head::Verb {
                name: word,
                flags,
                rest: words.collect(),
            };
        }
    }
    Head::Help(None)
}

/// Puts `--` before the word after the first operand: the rest is not ours to read.
pub(super) fn end_options_at_operand(words: &mut Vec<OsString>, command: &clap::Command) {
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let text = word.to_string_lossy();
        if text == "--" {
            return;
        }
        if !text.starts_with('-') || text == "-" {
            words.insert(place + 1, "--".into());
            return;
        }
        place += if takes_next(&text, command) { 2 } else { 1 };
    }
}

/// Whether the word after this flag is its value.
fn takes_next(flag: &str, command: &clap::Command) -> bool {
    let takes_value = |found: Option<&clap::Arg>| {
        found.is_some_and(|argument| argument.get_action().takes_values())
    };
    let mut arguments = command.get_arguments();
    if let Some(long) = flag.strip_prefix("--") {
        return takes_value(arguments.find(|argument| argument.get_long() == Some(long)));
    }
    // Of joined short flags (`-te`) the last may take the next word; a value may be joined too
    // (`-u0`), and then nothing follows.
    let mut letters = flag.trim_start_matches('-').chars();
    while let Some(letter) = letters.next() {
        let found = arguments.find(|argument| argument.get_short() == Some(letter));
        if takes_value(found) {
            return letters.as_str().is_empty();
        }
        arguments = command.get_arguments();
    }
    false
}

/// A flag as Go's flag package names it: `-name`, whatever was typed.
pub(super) fn go_name(flag: &OsStr) -> String {
    let text = flag.to_string_lossy();
    let name = text.split('=').next().unwrap_or_default();
    format!("-{}", name.trim_start_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_verb_is_behind_the_flags() {
        let verb = |flags: &str, name: &str, rest: &str| Head::Verb {
            name: name.into(),
            flags: words(flags),
            rest: words(rest),
        };
        for (line, expected) in [
            ("", Head::Help(None)),
            ("--debug", Head::Help(None)),
            ("-h create", Head::Help(None)),
            ("help kill", Head::Help(Some("kill".into()))),
            ("--root /r --version", Head::Version),
            ("-v", Head::Version),
            ("list", verb("", "list", "")),
            (
                "--root /r --debug list -q",
                verb("--root /r --debug", "list", "-q"),
            ),
            ("--root=/r list", verb("--root=/r", "list", "")),
            ("--log list state web", verb("--log list", "state", "web")),
            (
                "--rootless=false x --help",
                verb("--rootless=false", "x", "--help"),
            ),
            ("--root", Head::MissingValue("--root".into())),
            ("--nope list", Head::UnknownFlag("--nope".into())),
            ("--debug=x list", Head::UnknownFlag("--debug=x".into())),
        ] {
            assert_eq!(head(words(line)), expected, "{line}");
        }
    }

    #[test]
    fn what_follows_the_operand_is_left_alone() {
        let command = clap::Command::new("exec")
            .arg(clap::Arg::new("cwd").long("cwd"))
            .arg(clap::Arg::new("env").short('e').long("env"))
            .arg(
                clap::Arg::new("tty")
                    .short('t')
                    .action(clap::ArgAction::SetTrue),
            );
        for (line, expected) in [
            ("web ls -t", "web -- ls -t"),
            ("--cwd / web ls", "--cwd / web -- ls"),
            ("--cwd=/ web ls", "--cwd=/ web -- ls"),
            ("-t -e A=B web -- x", "-t -e A=B web -- -- x"),
            ("-te A=B web x", "-te A=B web -- x"),
            ("-eA=B web x", "-eA=B web -- x"),
            ("web", "web --"),
            ("-t", "-t"),
        ] {
            let mut line_words = words(line);
            end_options_at_operand(&mut line_words, &command);
            assert_eq!(line_words, words(expected), "{line}");
        }
    }
}
