//! `spec`: an example config.json to start from: a shell in new namespaces, few privileges.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::error::{Context, Doing, Error, Kind, Result};

/// The document, indented by tabs.
pub const EXAMPLE: &str = include_str!("spec.json");

/// Writes config.json into the directory `bundle`.
///
/// # Errors
/// Kind exists if there is one already: it is never overwritten. Else system.
pub fn write(bundle: &Path) -> Result<()> {
    let path = bundle.join("config.json");
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(
                Error::new(Kind::Exists, "write the example", "the file exists")
                    .at(&*path)
                    .hint("remove it first, or choose another directory with --bundle"),
            )
        }
        opened => opened
            .and_then(|mut file| file.write_all(EXAMPLE.as_bytes()))
            .doing("write the example")
            .at(&*path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_example_is_a_sound_configuration() {
        let document = serde_json::from_str(EXAMPLE).unwrap();
        let config = Config::from_spec(&document, "/bundle").unwrap();
        assert_eq!(config.hostname.unwrap().value, "saya");
        assert_eq!(config.root.path, "/bundle/rootfs");
        assert_eq!(config.version, super::super::state::SPEC_VERSION);
        assert_eq!(config.namespaces.iter().count(), 6);
        assert_eq!(config.warnings, Vec::<String>::new());
        let spec: oci_spec::runtime::Spec = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(spec.mounts().as_ref().map(Vec::len), Some(7));
    }

    #[test]
    fn a_config_is_never_overwritten() {
        let dir = std::env::temp_dir().join(format!("saya-spec-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let first = write(&dir);
        let second = write(&dir);
        let text = std::fs::read_to_string(dir.join("config.json"));
        std::fs::remove_dir_all(&dir).unwrap();
        first.unwrap();
        let error = second.unwrap_err();
        assert_eq!(error.kind(), Kind::Exists);
        assert!(
            error.to_string().ends_with("config.json): the file exists"),
            "{error}"
        );
        assert_eq!(text.unwrap(), EXAMPLE);
    }
}
