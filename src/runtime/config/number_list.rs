//! The list format of cpuset(7): `0-3,7,9-9`.

/// The largest number that a list may hold. The kernel is built for at most 8192 CPUs and
/// 1024 nodes; the bound keeps a mask small whatever the document says.
const LARGEST: u32 = 8191;

/// The mask of a list, 64 numbers a word, lowest first; an empty list is an empty mask.
/// Spaces and empty parts pass, as in the kernel.
///
/// # Errors
/// The part that is no number or range, or out of bounds.
pub(crate) fn mask(list: &str) -> Result<Vec<u64>, &str> {
    let mut words: Vec<u64> = Vec::new();
    let parts = list.split(',').map(str::trim);
    for part in parts.filter(|part| !part.is_empty()) {
        let (low, high) = range(part).ok_or(part)?;
        for number in low..=high {
            let word = (number / 64) as usize;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(bits) = words.get_mut(word) {
                *bits |= 1 << (number % 64);
            }
        }
    }
    Ok(words)
}

fn range(part: &str) -> Option<(u32, u32)> {
    let (low, high) = part.split_once('-').unwrap_or((part, part));
    let (low, high) = (number(low.trim())?, number(high.trim())?);
    (low <= high && high <= LARGEST).then_some((low, high))
}

/// Digits only: `str::parse` would take a sign too.
fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(())?;
    text.parse().ok()
}

/// How many numbers a mask holds.
pub(super) fn count(mask: &[u64]) -> u32 {
    mask.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_masks() {
        assert_eq!(mask(""), Ok(vec![]));
        assert_eq!(mask("0-3,7"), Ok(vec![0b1000_1111]));
        assert_eq!(mask("64, 0"), Ok(vec![1, 1]));
        assert_eq!(mask(" 0 - 1 ,,2,"), Ok(vec![0b111]));
        assert_eq!(mask("8191").map(|words| words.len()), Ok(128));
        assert_eq!(count(&[0b1000_1111, 1]), 6);
    }

    #[test]
    fn the_bad_part_is_named() {
        for (list, part) in [
            ("0-3,x", "x"),
            ("3-1", "3-1"),
            ("1,-,2", "-"),
            ("+1", "+1"),
            ("-1", "-1"),
            ("0-9876543210", "0-9876543210"),
            ("8192", "8192"),
        ] {
            assert_eq!(mask(list), Err(part), "{list}");
        }
    }
}
