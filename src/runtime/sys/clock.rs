//! Time of day as text, and the identity of this boot.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Result, file};

const SECONDS_PER_DAY: u64 = 86_400;

/// The random identity of this boot: what tells start times and pids of one boot from those of
/// another (proc_sys_kernel(5), `random/boot_id`). Not async-signal-safe: it allocates.
///
/// # Errors
/// As open(2) and read(2), where /proc is missing.
pub fn boot_id() -> Result<String> {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    if let Some(known) = BOOT_ID.get() {
        return Ok(known.clone());
    }
    let bytes = file::read_small(c"/proc/sys/kernel/random/boot_id")?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(BOOT_ID.get_or_init(|| text.trim_end().to_owned()).clone())
}

/// Now, as [`rfc3339`].
#[must_use]
pub fn now() -> String {
    rfc3339(SystemTime::now())
}

/// A time in RFC 3339 with nanoseconds in UTC, trailing zeroes cut as engines know it from Go:
/// `2026-01-02T03:04:05.06Z`. A time before 1970 becomes 1970.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
    let of_day = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let nanoseconds = since_epoch.subsec_nanos();
    if nanoseconds != 0 {
        let fraction = format!(".{nanoseconds:09}");
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Year, month and day in the Gregorian calendar of a day counted from 1970-01-01.
fn civil_date(day: u64) -> (u64, u64, u64) {
    // Count from 0000-03-01: leap days then end the (shifted) year, and a 400-year cycle has
    // exactly 146,097 days.
    let shifted = day + 719_468;
    let (cycle, of_cycle) = (shifted / 146_097, shifted % 146_097);
    let year_of_cycle =
        (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64, nanoseconds: u32) -> String {
        rfc3339(UNIX_EPOCH + Duration::new(seconds, nanoseconds))
    }

    #[test]
    fn known_dates() {
        assert_eq!(text(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(text(951_868_800, 0), "2000-03-01T00:00:00Z");
        assert_eq!(text(1_709_251_199, 0), "2024-02-29T23:59:59Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00Z");
        assert_eq!(text(1_700_000_000, 60_000_000), "2023-11-14T22:13:20.06Z");
        assert_eq!(text(1_700_000_000, 1), "2023-11-14T22:13:20.000000001Z");
    }

    #[test]
    fn days_follow_each_other() {
        let mut previous = civil_date(0);
        for day in 1..60_000 {
            let date = civil_date(day);
            let next_day = date.0 == previous.0 && date.1 == previous.1 && date.2 == previous.2 + 1;
            let next_month = date.0 == previous.0 && date.1 == previous.1 + 1 && date.2 == 1;
            let next_year = date.0 == previous.0 + 1 && date.1 == 1 && date.2 == 1;
            assert!(next_day || next_month || next_year, "{previous:?} {date:?}");
            previous = date;
        }
    }

    #[test]
    fn the_boot_has_an_identity() {
        let id = boot_id().unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!(boot_id().unwrap(), id);
    }
}
