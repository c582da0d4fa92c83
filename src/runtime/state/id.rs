//! Container ids: file names, never paths.

use crate::error::{Error, Kind, Result};

/// The longest id: a file name (limits.h, `NAME_MAX`).
pub const MAX_LEN: usize = 255;

/// Checks an id: `[A-Za-z0-9_+-][A-Za-z0-9_+.-]*`, at most [`MAX_LEN`] bytes.
///
/// The first character keeps `.` and `..` out, and our own names, which all begin with a dot.
///
/// # Errors
/// Kind usage, naming the first character that is not allowed.
pub fn validate(id: &str) -> Result<()> {
    let refuse = |why: String| {
        Err(Error::new(Kind::Usage, "invalid container ID format", why)
            .hint("an id is made of letters, digits, `_`, `+`, `-` and, but for the first, `.`"))
    };
    if id.is_empty() {
        return refuse("it is empty".to_owned());
    }
    if id.len() > MAX_LEN {
        let (len, shown) = (id.len(), id.chars().take(16).collect::<String>());
        return refuse(format!("{shown:?}… has {len} bytes, {MAX_LEN} are allowed"));
    }
    let ordinary = |character: char| character.is_ascii_alphanumeric() || "_+-".contains(character);
    match id
        .char_indices()
        .find(|&(place, character)| !ordinary(character) && (place == 0 || character != '.'))
    {
        Some((place, character)) => refuse(format!(
            "{id:?} has {character:?} as character {}",
            place + 1
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ids() {
        for id in ["a", "web.1", "_x", "+", "-", "A-b_c+d.e", &"x".repeat(255)] {
            assert!(validate(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn bad_ids() {
        for (id, why) in [
            ("", "it is empty"),
            (".", "has '.' as character 1"),
            ("..", "has '.' as character 1"),
            (".gone.1", "has '.' as character 1"),
            ("a/b", "has '/' as character 2"),
            ("a b", "has ' ' as character 2"),
            ("a\n", "has '\\n' as character 2"),
            ("é", "has 'é' as character 1"),
            (&"x".repeat(256), "has 256 bytes"),
        ] {
            let error = validate(id).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.why().contains(why), "{id}: {error}");
        }
    }
}
