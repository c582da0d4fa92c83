//! Lengths of time as Go's programs take them: `5s`, `100ms`, `1m30s`, `1.5h`.

use std::time::Duration;

use crate::error::{Error, Kind, Result};

/// Nanoseconds of each unit; a name that begins with another stands before it.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads the value of `--interval`.
///
/// # Errors
/// Kind usage: not a length of time, none, or a negative one.
pub fn parse(text: &str) -> Result<Duration> {
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let Some(nanoseconds) = nanoseconds(digits) else {
        let why = format!("invalid value {text:?} for flag -interval: parse error");
        return Err(Error::new(Kind::Usage, "", why).hint("for example 5s, 100ms or 1m30s"));
    };
    if is_negative || nanoseconds == 0 {
        let why = "duration interval must be greater than 0";
        return Err(Error::new(Kind::Usage, "", why));
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// `None` for what is no length of time, or more of it than Go counts (292 years).
fn nanoseconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut sum) = (text, 0_u64);
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let (name, unit) = UNITS.iter().find(|(name, _)| tail.starts_with(name))?;
        sum = sum.checked_add(times(number, *unit)?)?;
        rest = tail.strip_prefix(name)?;
        if rest.is_empty() {
            return (sum <= i64::MAX.cast_unsigned()).then_some(sum);
        }
    }
}

/// A decimal number of units; what is less than a nanosecond is cut off.
fn times(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanoseconds = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        nanoseconds = nanoseconds.checked_add(digit * place / 10)?;
        place /= 10;
    }
    Some(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_as_go_writes_them() {
        for (text, expected) in [
            ("5s", Duration::from_secs(5)),
            ("+100ms", Duration::from_millis(100)),
            ("1m30s", Duration::from_secs(90)),
            ("1.5h", Duration::from_secs(5400)),
            (".5s", Duration::from_millis(500)),
            ("1.s", Duration::from_secs(1)),
            (
                "1h0m2us",
                Duration::from_secs(3600) + Duration::from_micros(2),
            ),
            ("7µs", Duration::from_micros(7)),
            ("1ns", Duration::from_nanos(1)),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5x",
            "1.2.3s",
            ".s",
            "5 s",
            "5s ",
            "--5s",
            "1m30",
            "99999999999h",
            "é",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("for flag -interval: parse error"),
                "{error}"
            );
        }
        for text in ["0", "0s", "-5s", "0.1ns", "-0"] {
            let error = parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "duration interval must be greater than 0",
                "{text}"
            );
        }
    }
}
