//! One fault of a configuration.

use serde::Serialize;

use crate::error::{Error, Kind, Pointer};

/// Something in config.json (or process.json) that is wrong or cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Wrong ([`Kind::Config`]) or not possible here ([`Kind::Unsupported`], [`Kind::System`]).
    pub kind: Kind,
    /// The field.
    pub at: Pointer,
    /// What is wrong, as a sentence without its object.
    pub why: String,
    /// How to mend it, if known.
    pub hint: Option<String>,
}

/// A fault as `saya check --json` prints it.
#[derive(Serialize)]
pub struct FaultRecord<'a> {
    kind: &'static str,
    at: &'a str,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Fault {
    /// A field whose value is wrong.
    #[must_use]
    pub fn invalid(at: Pointer, why: impl Into<String>) -> Self {
        Self::new(Kind::Config, at, why.into())
    }

    /// A field that asks for what this runtime, version or host cannot do.
    #[must_use]
    pub fn unsupported(at: Pointer, why: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, at, why.into())
    }

    /// The text may quote the document, which must not end the line of a log.
    fn new(kind: Kind, at: Pointer, why: String) -> Self {
        let why = if why.contains(char::is_control) {
            why.escape_debug().to_string()
        } else {
            why
        };
        Self {
            kind,
            at,
            why,
            hint: None,
        }
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The fault as a record for programs.
    #[must_use]
    pub fn record(&self) -> FaultRecord<'_> {
        FaultRecord {
            kind: self.kind.code(),
            at: self.at.as_str(),
            why: &self.why,
            hint: self.hint.as_deref(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Self::new(fault.kind, "invalid configuration", fault.why).at(fault.at);
        match fault.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The first fault as an error, with the number of the others in its hint.
#[must_use]
pub fn first_error(mut faults: Vec<Fault>) -> Option<Error> {
    if faults.is_empty() {
        return None;
    }
    let others = faults.len() - 1;
    let first = Error::from(faults.swap_remove(0));
    Some(match others {
        0 => first,
        n => first.hint(format!("{n} more; `saya check` shows all")),
    })
}
