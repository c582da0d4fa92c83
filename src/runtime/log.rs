//! The log: one line per event, in the two forms that engines read.
//!
//! ```text
//! time="2026-01-02T03:04:05Z" level=error msg="…" kind=config at="config.json: /mounts/4"
//! {"level":"error","msg":"…","time":"2026-01-02T03:04:05Z","kind":"config","at":"…"}
//! ```
//!
//! `level`, `msg` and `time` are what containerd and podman look for; the rest is ours. Once it
//! is open, the log never fails an operation: a line that cannot be written is lost.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::clock;

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// The form by its name on the command line.
    ///
    /// # Errors
    /// Kind usage.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(
                Error::new(Kind::Usage, "", format!("invalid log-format: {name}"))
                    .hint("the formats are `text` and `json`"),
            ),
        }
    }
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For people who look for a fault in the runtime.
    Debug,
    /// It goes on, but not as somebody may expect.
    Warning,
    /// It has failed.
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One line; the members are in the order of logrus, which engines have always seen.
#[derive(Debug, Serialize)]
struct Line<'a> {
    level: Level,
    msg: &'a str,
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Where lines go.
#[derive(Debug)]
pub struct Log {
    file: Option<RefCell<File>>,
    format: Format,
    least: Level,
}

impl Log {
    /// Opens the log: `path` in append mode, or standard error.
    ///
    /// # Errors
    /// Kind system if the file cannot be opened: nobody would see why the rest fails.
    pub fn open(path: Option<&Path>, format: Format, least: Level) -> Result<Self> {
        let file = match path {
            Some(path) => {
                let mut options = OpenOptions::new();
                let file = options.append(true).create(true).open(path);
                Some(RefCell::new(file.doing("open the log").at(path)?))
            }
            None => None,
        };
        Ok(Self {
            file,
            format,
            least,
        })
    }

    /// Whether lines go to a file and not to standard error.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether lines are JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Logs a failed operation with all that is known of it; `message` is its one line.
    pub fn error(&self, message: &str, error: &Error) {
        self.write(&Line {
            level: Level::Error,
            msg: message,
            time: &clock::now(),
            kind: Some(error.kind().code()),
            at: error.location().map(ToString::to_string),
            hint: error.advice(),
        });
    }

    /// Logs something that the user should know.
    pub fn warning(&self, message: &str) {
        self.event(Level::Warning, message);
    }

    /// Logs what happens, where it was asked for; `message` is only made then.
    pub fn debug(&self, message: impl FnOnce() -> String) {
        if self.least == Level::Debug {
            self.event(Level::Debug, &message());
        }
    }

    fn event(&self, level: Level, message: &str) {
        self.write(&Line {
            level,
            msg: message,
            time: &clock::now(),
            kind: None,
            at: None,
            hint: None,
        });
    }

    fn write(&self, line: &Line<'_>) {
        let text = match self.format {
            Format::Text => text_form(line),
            Format::Json => match serde_json::to_string(line) {
                Ok(json) => json + "\n",
                Err(_) => return,
            },
        };
        // One write, so that lines of several processes do not mix. It may fail: see above.
        let _ = match &self.file {
            Some(file) => file.borrow_mut().write_all(text.as_bytes()),
            None => std::io::stderr().write_all(text.as_bytes()),
        };
    }
}

fn text_form(line: &Line<'_>) -> String {
    let mut text = format!(
        "time=\"{}\" level={} msg={}",
        line.time,
        line.level.name(),
        quoted(line.msg)
    );
    if let Some(kind) = line.kind {
        text.push_str(" kind=");
        text.push_str(kind);
    }
    for (key, value) in [(" at=", line.at.as_deref()), (" hint=", line.hint)] {
        if let Some(value) = value {
            text.push_str(key);
            text.push_str(&quoted(value));
        }
    }
    text.push('\n');
    text
}

/// In double quotes, with everything escaped that would end the value or the line.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control.is_control() => {
                text.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Pointer;

    fn line() -> Line<'static> {
        Line {
            level: Level::Error,
            msg: "a \"b\"\n\u{1b}c",
            time: "2026-01-02T03:04:05Z",
            kind: Some("config"),
            at: Some("config.json: /mounts/4".into()),
            hint: None,
        }
    }

    #[test]
    fn text_lines() {
        let expected = concat!(
            r#"time="2026-01-02T03:04:05Z" level=error msg="a \"b\"\n\x1bc" kind=config "#,
            r#"at="config.json: /mounts/4""#,
            "\n"
        );
        assert_eq!(text_form(&line()), expected);
    }

    #[test]
    fn json_lines() {
        let expected = concat!(
            r#"{"level":"error","msg":"a \"b\"\n\u001bc","time":"2026-01-02T03:04:05Z","#,
            r#""kind":"config","at":"config.json: /mounts/4"}"#
        );
        assert_eq!(serde_json::to_string(&line()).unwrap(), expected);
    }

    #[test]
    fn a_log_is_appended_to_and_debug_is_asked_for() {
        let path = std::env::temp_dir().join(format!("saya-log-{}", std::process::id()));
        std::fs::write(&path, "kept\n").unwrap();
        let error = Error::new(Kind::Config, "x", "y").at(Pointer::new("/a"));
        for least in [Level::Debug, Level::Error] {
            let log = Log::open(Some(&path), Format::Json, least).unwrap();
            log.debug(|| "detail".into());
            log.warning("careful");
            log.error("saya create web: x", &error);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("kept"));
        let levels: Vec<_> = lines
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].clone())
            .collect();
        assert_eq!(levels, ["debug", "warning", "error", "warning", "error"]);
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_named() {
        let path = Path::new("/nonexistent/log");
        let error = Log::open(Some(path), Format::Text, Level::Error).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("open the log (/nonexistent/log): ENOENT")
        );
        let error = Format::from_name("bad").unwrap_err();
        assert_eq!(error.to_string(), "invalid log-format: bad");
    }
}
