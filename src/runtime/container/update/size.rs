//! Amounts of memory as people write them: docker's units, as in runc.

/// The bytes of `512m`, `1.5g`, `64 KiB`, `4096`, or −1; letters count in any case, units are
/// powers of 1024.
pub(super) fn bytes(text: &str) -> Option<i64> {
    if text == "-1" {
        return Some(-1);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = shift(unit.strip_prefix(' ').unwrap_or(unit))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: i64 = whole.parse().ok()?;
    let bytes = whole.checked_mul(1 << shift)?;
    bytes.checked_add(part(fraction, shift)?)
}

/// The power of two of a unit.
fn shift(unit: &str) -> Option<u32> {
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (letter, binary) = match unit.strip_suffix('i') {
        Some(letter) => (letter, true),
        None => (unit, false),
    };
    let place = ["", "k", "m", "g", "t", "p"]
        .iter()
        .position(|known| *known == letter)?;
    // `i` alone is no unit.
    (place > 0 || !binary).then_some(u32::try_from(place).ok()? * 10)
}

/// The digits behind the point in the unit, rounded down.
fn part(digits: &str, shift: u32) -> Option<i64> {
    // More digits than these say nothing about a byte.
    let digits = digits.get(..15.min(digits.len()))?;
    let scale = 10_i128.pow(u32::try_from(digits.len()).ok()?);
    let digits: i128 = digits.parse().ok()?;
    i64::try_from((digits << shift) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_binary_units_in_any_case() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("-1", -1),
            ("1b", 1),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("64 m", 64 << 20),
            ("512M", 512 << 20),
            ("1.5g", 3 << 29),
            ("0.5k", 512),
            ("1.0000000000000000001k", 1024),
            ("2t", 2 << 40),
            ("3PiB", 3 << 50),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_words_are_no_sizes() {
        for text in [
            "",
            "-2",
            "+1",
            "x",
            "m",
            "1x",
            "1mm",
            "1  m",
            "1ib",
            "1i",
            ".5",
            "1.",
            "1.2.3",
            "9223372036854775808",
            "8192p",
            "0x10",
            "1e3",
            "１",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
