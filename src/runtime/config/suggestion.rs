//! The known word that somebody may have meant.

/// The candidate nearest to `word`: equal but for case and a `CAP_`- or `RLIMIT_`-like prefix,
/// or at most two letters (one in short words) away. `None` where nothing is near.
pub(super) fn nearest<'n>(
    word: &str,
    candidates: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let folded = word.to_ascii_lowercase();
    let reach = match folded.len() {
        0..=2 => return None,
        3..=5 => 1,
        // No known word is longer; a longer one is data, and the distance is quadratic.
        65.. => return None,
        _ => 2,
    };
    let near = candidates.filter_map(|candidate| {
        let known = candidate.to_ascii_lowercase();
        let suffix = known
            .rsplit_once(&folded)
            .map(|(prefix, rest)| (prefix.ends_with('_'), rest));
        let distance = match suffix {
            Some((true, "")) => 0,
            _ => distance(folded.as_bytes(), known.as_bytes()),
        };
        (distance <= reach).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and substitutions that turn `a` into `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (&to, &above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(from != to);
            left = (diagonal + cost).min(above + 1).min(left + 1);
            next.push(left);
            diagonal = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 5] = ["network", "mount", "nosuid", "CAP_CHOWN", "ro"];

    #[test]
    fn near_words_are_found() {
        for (word, meant) in [
            ("netwrok", Some("network")),
            ("Mount", Some("mount")),
            ("nosiud", Some("nosuid")),
            ("CHOWN", Some("CAP_CHOWN")),
            ("cap_chown", Some("CAP_CHOWN")),
            ("size=64m", None),
            ("rx", None),
            ("uts", None),
        ] {
            assert_eq!(nearest(word, WORDS.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"abc", b"abc"), 0);
    }
}
