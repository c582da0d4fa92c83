//! The end of a program's output, kept to explain its failure.

/// Bytes kept of each stream.
const KEPT: usize = 64 * 1024;
/// Lines shown in an error.
const LINES: usize = 8;
/// Bytes shown in an error, before escaping.
const SHOWN: usize = 1024;

/// The last 64 KiB of a stream.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Appends output and forgets what is too old.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Twice the size before it is cut, so that each byte is moved at most once.
        if self.bytes.len() > 2 * KEPT {
            let old = self.bytes.len() - KEPT;
            self.bytes.drain(..old);
        }
    }

    /// What is kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let start = self.bytes.len().saturating_sub(KEPT);
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The last lines on one line, at most 8 of them and 1 KiB, joined by ` | `. What could
    /// control a terminal or end a log line is escaped. `None` if there is nothing to show.
    #[must_use]
    pub fn last_lines(&self) -> Option<String> {
        let start = self.bytes.len().saturating_sub(SHOWN);
        let shown = String::from_utf8_lossy(self.bytes.get(start..).unwrap_or_default());
        let mut lines: Vec<&str> = shown
            .lines()
            .rev()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .take(LINES)
            .collect();
        lines.reverse();
        let text = lines.join(" | ");
        if text.is_empty() {
            return None;
        }
        Some(text.chars().flat_map(escaped).collect())
    }
}

/// The character itself, or its escape where it is a control or formatting character.
fn escaped(character: char) -> Vec<char> {
    let formatting = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if character.is_control() || formatting {
        character.escape_default().collect()
    } else {
        vec![character]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &[u8]) -> Option<String> {
        let mut tail = Tail::default();
        tail.push(text);
        tail.last_lines()
    }

    #[test]
    fn the_last_lines_become_one_harmless_line() {
        assert_eq!(lines_of(b"one\ntwo\n\n").as_deref(), Some("one | two"));
        assert_eq!(
            lines_of(b"\x1b[31mred\x07\r\n").as_deref(),
            Some("\\u{1b}[31mred\\u{7}")
        );
        assert_eq!(lines_of(b" \n\n"), None);
        let many: Vec<u8> = (0..50)
            .flat_map(|n| format!("{n}\n").into_bytes())
            .collect();
        assert_eq!(
            lines_of(&many).as_deref(),
            Some("42 | 43 | 44 | 45 | 46 | 47 | 48 | 49")
        );
    }

    #[test]
    fn memory_stays_bounded_and_the_end_is_kept() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.push(&[b'x'; 1000]);
            assert!(tail.bytes.len() <= 2 * KEPT);
        }
        tail.push(b"end");
        assert_eq!(tail.as_bytes().len(), KEPT);
        assert!(tail.as_bytes().ends_with(b"xend"));
    }
}
