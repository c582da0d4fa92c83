//! The bundle: a directory with a config.json, read once.
//!
//! The first arrow of the pipeline: the file system gives a parsed document and its bytes (kept
//! in the state record, because the bundle may change after create). What the document means
//! is the business of `config`.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;

use crate::error::{Context, Doing, Error, Kind, Result};

/// Name of the document in its bundle (runtime-spec, bundle.md).
pub const CONFIG_FILE: &str = "config.json";

/// The largest config.json that is read, in bytes. The largest in use are some hundred KiB.
const LARGEST_CONFIG: u64 = 32 << 20;

/// A bundle as it was at one moment.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Absolute path of the directory, without symbolic links.
    pub path: String,
    /// The bytes of config.json.
    pub text: Vec<u8>,
    /// The same, parsed.
    pub document: Value,
}

impl Bundle {
    /// Reads the bundle in the directory `dir`.
    ///
    /// # Errors
    /// The directory or its config.json is missing, not readable, no regular file, larger than
    /// 32 MiB, or no JSON (with line and column).
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir
            .canonicalize()
            .doing("open bundle")
            .at(dir)
            .hint("a bundle is a directory with a config.json and a root file system")?;
        let Some(path_text) = path.to_str() else {
            let why = "the path is not UTF-8, which JSON could not hold";
            return Err(Error::new(Kind::Config, "open bundle", why).at(dir));
        };
        let file = path.join(CONFIG_FILE);
        let text = read_bounded(&file).at(file.as_path())?;
        let document = parse(&text).at(file.as_path())?;
        Ok(Self {
            path: path_text.to_owned(),
            text,
            document,
        })
    }
}

/// Opened without blocking: a FIFO of this name must not stop the runtime.
fn read_bounded(file: &Path) -> Result<Vec<u8>> {
    let what = "read the bundle's configuration";
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = options
        .open(file)
        .doing(what)
        .hint("`saya spec` writes a config.json to start from")?;
    let length = regular_length(&file).doing(what)?;
    let Some(length) = length else {
        return Err(Error::new(Kind::Config, what, "it is not a regular file"));
    };
    let mut text = Vec::with_capacity(length.min(LARGEST_CONFIG) as usize);
    // One byte more shows that it is too large, even if it has grown since.
    file.take(LARGEST_CONFIG + 1)
        .read_to_end(&mut text)
        .doing(what)?;
    if text.len() as u64 > LARGEST_CONFIG {
        return Err(Error::new(Kind::Config, what, "it is larger than 32 MiB"));
    }
    Ok(text)
}

/// The length of a regular file; `None` for any other.
fn regular_length(file: &File) -> std::io::Result<Option<u64>> {
    let facts = file.metadata()?;
    Ok(facts.is_file().then_some(facts.len()))
}

fn parse(text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|error| {
        Error::new(
            Kind::Config,
            "parse the bundle's configuration",
            format!("invalid JSON: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A directory that goes away with its test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("saya-bundle-{name}-{}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn with_config(name: &str, text: &[u8]) -> Self {
            let directory = Self::new(name);
            std::fs::write(directory.0.join(CONFIG_FILE), text).unwrap();
            directory
        }

        fn error(&self) -> String {
            Bundle::open(&self.0).unwrap_err().to_string()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_bundle_is_read_once_and_its_path_made_canonical() {
        let directory = Directory::with_config("good", b"{\"ociVersion\": \"1.3.0\"}\n");
        let roundabout = directory
            .0
            .join("../")
            .join(directory.0.file_name().unwrap());
        let bundle = Bundle::open(&roundabout).unwrap();
        assert_eq!(bundle.path, directory.0.to_str().unwrap());
        assert_eq!(bundle.text, b"{\"ociVersion\": \"1.3.0\"}\n");
        assert_eq!(bundle.document["ociVersion"], "1.3.0");
    }

    #[test]
    fn a_missing_directory_and_a_missing_document_are_named() {
        let directory = Directory::new("empty");
        let missing = directory.0.join("nowhere");
        assert_eq!(
            Bundle::open(&missing).unwrap_err().to_string(),
            format!(
                "open bundle ({}): ENOENT: no such file or directory",
                missing.display()
            )
        );
        assert_eq!(
            directory.error(),
            format!(
                "read the bundle's configuration ({}/config.json): ENOENT: no such file or directory",
                directory.0.display()
            )
        );
    }

    #[test]
    fn bad_json_is_placed_by_line_and_column() {
        let directory = Directory::with_config("syntax", b"{\n  \"a\": ,\n}");
        let error = directory.error();
        assert!(
            error.ends_with("invalid JSON: expected value at line 2 column 8"),
            "{error}"
        );
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let directory = Directory::with_config("deep", "[".repeat(1 << 20).as_bytes());
        let error = directory.error();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }

    #[test]
    fn a_document_larger_than_the_bound_is_refused() {
        let directory = Directory::with_config("large", b"{}");
        let file = OpenOptions::new()
            .write(true)
            .open(directory.0.join(CONFIG_FILE))
            .unwrap();
        file.set_len(LARGEST_CONFIG + 1).unwrap();
        let error = directory.error();
        assert!(error.ends_with("it is larger than 32 MiB"), "{error}");
    }

    #[test]
    fn a_fifo_is_refused_without_waiting_for_its_writer() {
        let directory = Directory::new("fifo");
        let fifo = directory.0.join(CONFIG_FILE);
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let error = directory.error();
        assert!(error.ends_with("it is not a regular file"), "{error}");
    }
}
