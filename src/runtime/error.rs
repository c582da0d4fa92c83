//! The one error type of the runtime.
//!
//! An error says which operation failed (`what`), on which object (`at`: a field of
//! config.json, a file, a container), why (an errno in words or a message) and, where
//! known, how to mend it (`hint`). Nothing here prints: only `main` does. There is no
//! blanket `From<Errno>` on purpose: every errno is given its operation by [`Doing`].

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A JSON pointer (RFC 6901) into config.json or process.json, such as `/mounts/4/options/2`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Pointer from its text form, which must already be escaped.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The member `key` below this pointer; `~` and `/` in the key are escaped.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut below = Self(String::with_capacity(self.0.len() + key.len() + 1));
        below.0.push_str(&self.0);
        below.push_key(key);
        below
    }

    /// Moves the pointer to the member `key` below.
    pub fn push_key(&mut self, key: &str) {
        self.0.push('/');
        for part in key.split_inclusive(['~', '/']) {
            if let Some(before) = part.strip_suffix('~') {
                self.0.push_str(before);
                self.0.push_str("~0");
            } else if let Some(before) = part.strip_suffix('/') {
                self.0.push_str(before);
                self.0.push_str("~1");
            } else {
                self.0.push_str(part);
            }
        }
    }

    /// The array element `index` below this pointer.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut below = self.clone();
        below.push_index(index);
        below
    }

    /// Moves the pointer to the array element `index` below.
    pub fn push_index(&mut self, index: usize) {
        self.0.push('/');
        self.0.push_str(&index.to_string());
    }

    /// The pointer as text; empty for the whole document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(char::is_control) {
            // A key of the document must not end the line of a log.
            return write!(formatter, "{}", self.0.escape_debug());
        }
        formatter.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// What a program may distinguish. The code is stable; the texts are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong.
    Config,
    /// The configuration asks for something this runtime cannot do.
    Unsupported,
    /// No such container.
    NotFound,
    /// The container id is taken.
    Exists,
    /// The container is in the wrong state for the operation.
    Status,
    /// The container's program could not be executed.
    Exec,
    /// A hook failed.
    Hook,
    /// An operation ran into its time limit.
    Timeout,
    /// The kernel or the file system refused.
    System,
}

impl Kind {
    /// Stable name for programs, as in the JSON log's `kind` field.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Unsupported => "unsupported",
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::Status => "status",
            Self::Exec => "exec",
            Self::Hook => "hook",
            Self::Timeout => "timeout",
            Self::System => "system",
        }
    }
}

/// The object of a failed operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// A field of config.json.
    Field(Pointer),
    /// A field of another document, such as the process.json of `exec --process`.
    Document {
        /// The document's name or path.
        name: String,
        /// The field in it.
        field: Pointer,
    },
    /// A file on the host.
    File(String),
    /// A flag of the command line, such as `--memory`.
    Flag(String),
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(pointer) => write!(formatter, "config.json: {pointer}"),
            Self::Document { name, field } => write!(formatter, "{name}: {field}"),
            Self::File(text) | Self::Flag(text) => formatter.write_str(text),
        }
    }
}

impl From<Pointer> for At {
    fn from(pointer: Pointer) -> Self {
        Self::Field(pointer)
    }
}

impl From<&Pointer> for At {
    fn from(pointer: &Pointer) -> Self {
        Self::Field(pointer.clone())
    }
}

impl From<&std::path::Path> for At {
    fn from(path: &std::path::Path) -> Self {
        Self::File(path.display().to_string())
    }
}

#[derive(Debug)]
struct Parts {
    kind: Kind,
    what: String,
    at: Option<At>,
    errno: Option<Errno>,
    why: String,
    hint: Option<String>,
}

/// A failed operation; one word in size.
#[derive(Debug)]
pub struct Error(Box<Parts>);

impl Error {
    /// An error of `kind` in the operation `what`, explained by `why`.
    ///
    /// `what` may be empty where `why` alone is the sentence that engines match on.
    #[must_use]
    pub fn new(kind: Kind, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            what: what.into(),
            at: None,
            errno: None,
            why: why.into(),
            hint: None,
        }))
    }

    /// The operation `what` was refused by the kernel with `errno`.
    #[must_use]
    pub fn from_errno(errno: Errno, what: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::System, what, errno_in_words(errno));
        error.0.errno = Some(errno);
        error
    }

    /// Names the object of the operation, unless an inner frame already has.
    #[must_use]
    pub fn at(mut self, at: impl Into<At>) -> Self {
        self.0.at.get_or_insert_with(|| at.into());
        self
    }

    /// Moves a field to another document than config.json.
    #[must_use]
    pub fn in_document(self, name: &str) -> Self {
        self.moved(|field| At::Document {
            name: name.to_owned(),
            field,
        })
    }

    /// Says where a field really came from. Another place stays as it is.
    #[must_use]
    pub fn moved(mut self, place: impl FnOnce(Pointer) -> At) -> Self {
        self.0.at = match self.0.at.take() {
            Some(At::Field(field)) => Some(place(field)),
            other => other,
        };
        self
    }

    /// Adds advice, unless an inner frame already has.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Changes the kind.
    #[must_use]
    pub fn of(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Prefixes the operation with a wider one: `outer: what`.
    #[must_use]
    pub fn during(mut self, outer: impl Into<String>) -> Self {
        let outer = outer.into();
        self.0.what = if self.0.what.is_empty() {
            outer
        } else {
            format!("{outer}: {}", self.0.what)
        };
        self
    }

    /// The class of the error, for programs.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The errno behind the error, where the kernel gave one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        self.0.errno
    }

    /// The object of the operation.
    #[must_use]
    pub fn location(&self) -> Option<&At> {
        self.0.at.as_ref()
    }

    /// The operation alone.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.0.what
    }

    /// The cause alone.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// The advice, if there is one.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// One line, without the hint.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.0;
        formatter.write_str(&parts.what)?;
        if let Some(at) = &parts.at {
            let space = if parts.what.is_empty() { "" } else { " " };
            write!(formatter, "{space}({at})")?;
        }
        if !parts.what.is_empty() || parts.at.is_some() {
            formatter.write_str(": ")?;
        }
        formatter.write_str(&parts.why)
    }
}

impl std::error::Error for Error {}

/// `EPERM: operation not permitted`; engines look for the lower-case words.
#[must_use]
pub fn errno_in_words(errno: Errno) -> String {
    format!("{errno:?}: {}", errno.desc().to_lowercase())
}

/// Gives a bare errno its operation.
pub trait Doing<T> {
    /// Turns the failure into an [`Error`] of the operation `what`.
    ///
    /// # Errors
    /// The failure itself, named.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, Errno> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|errno| Error::from_errno(errno, what))
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|error| match error.raw_os_error() {
            Some(code) => Error::from_errno(Errno::from_raw(code), what),
            None => Error::new(Kind::System, what, error.to_string()),
        })
    }
}

/// The methods of [`Error`] on a result.
pub trait Context<T> {
    /// See [`Error::at`].
    ///
    /// # Errors
    /// The same error, with its object named.
    fn at(self, at: impl Into<At>) -> Result<T>;
    /// See [`Error::hint`].
    ///
    /// # Errors
    /// The same error, with advice.
    fn hint(self, hint: impl Into<String>) -> Result<T>;
    /// See [`Error::during`].
    ///
    /// # Errors
    /// The same error, in its wider operation.
    fn during(self, outer: impl Into<String>) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn at(self, at: impl Into<At>) -> Self {
        self.map_err(|error| error.at(at))
    }
    fn hint(self, hint: impl Into<String>) -> Self {
        self.map_err(|error| error.hint(hint))
    }
    fn during(self, outer: impl Into<String>) -> Self {
        self.map_err(|error| error.during(outer))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_error_is_one_line_with_operation_object_and_cause() {
        let error = Error::from_errno(Errno::EPERM, "mount `sysfs` on `/sys`")
            .at(Pointer::new("/mounts/5"))
            .hint("add a network namespace");
        assert_eq!(
            error.to_string(),
            "mount `sysfs` on `/sys` (config.json: /mounts/5): EPERM: operation not permitted"
        );
        assert_eq!(error.advice(), Some("add a network namespace"));
    }

    #[test]
    fn the_innermost_object_wins() {
        let error = Error::new(Kind::Config, "x", "y")
            .at(Pointer::new("/a"))
            .at(Pointer::new("/b"));
        assert_eq!(error.to_string(), "x (config.json: /a): y");
    }

    #[test]
    fn only_a_field_is_moved() {
        let flag = |_| At::Flag("--memory".to_owned());
        let error = Error::new(Kind::Config, "x", "y").at(Pointer::new("/a"));
        assert_eq!(error.moved(flag).to_string(), "x (--memory): y");
        let error = Error::new(Kind::Config, "x", "y").at(Path::new("/f"));
        assert_eq!(error.moved(flag).to_string(), "x (/f): y");
        assert_eq!(
            Error::new(Kind::Config, "x", "y").moved(flag).to_string(),
            "x: y"
        );
        let error = Error::new(Kind::Config, "x", "y").at(Pointer::new("/a"));
        assert_eq!(error.in_document("d").to_string(), "x (d: /a): y");
    }

    #[test]
    fn pointer_keys_are_escaped() {
        let pointer = Pointer::root().key("sysctl").key("net/ipv4~x");
        assert_eq!(pointer.as_str(), "/sysctl/net~1ipv4~0x");
    }
}
