//! The few shapes that files of counters have.

use std::collections::BTreeMap;

/// The number that a file is; 0 where it is none, such as `max`.
pub(super) fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

/// The limit that a file is: `max` is the greatest number, as runc says it.
pub(super) fn limit(text: &str) -> u64 {
    match text.trim() {
        "max" => u64::MAX,
        text => number(text),
    }
}

/// All numbers of a file, in their order; none if one is not.
pub(super) fn numbers(text: &str) -> Vec<u64> {
    let numbers = text.split_whitespace().map(str::parse);
    numbers.collect::<Result<_, _>>().unwrap_or_default()
}

/// `NAME NUMBER` in each line; others are passed over.
pub(super) fn named(text: &str) -> BTreeMap<String, u64> {
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    });
    pairs.collect()
}

/// A list of CPUs or memory nodes, `0-3,7`, each by itself; empty if it is none.
pub(super) fn list(text: &str) -> Vec<u16> {
    let ranges = text.trim().split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u16>().ok()?..=last.parse().ok()?)
    });
    let ranges: Option<Vec<_>> = ranges.collect();
    ranges.unwrap_or_default().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_limits() {
        assert_eq!(number("17\n"), 17);
        assert_eq!(limit("17\n"), 17);
        assert_eq!(limit("max\n"), u64::MAX);
        assert_eq!(numbers("10227591 0 \n"), [10_227_591, 0]);
        for garbage in ["", "max x", "-1", "x", "18446744073709551616"] {
            assert_eq!(number(garbage), 0, "{garbage}");
            assert_eq!(limit(garbage), 0, "{garbage}");
        }
        assert_eq!(numbers("1 x 3"), [0; 0]);
    }

    #[test]
    fn named_numbers() {
        let found = named("cache 1982464\nrss 0\n\nbroken\nworse x\ntwo 1 2\n");
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        assert_eq!(found, [("cache", 1_982_464), ("rss", 0)]);
    }

    #[test]
    fn lists() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(list("0\n"), [0]);
        for garbage in ["", "\n", "a", "1-", "1,,2", "3-1", "99999"] {
            assert_eq!(list(garbage), [0; 0], "{garbage}");
        }
    }
}
