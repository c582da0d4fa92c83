//! Pressure stall information: `cpu.pressure`, `memory.pressure`, `io.pressure` (the kernel's
//! accounting/psi).

use serde::Serialize;

use super::Sources;

/// How much time processes lost while they waited for a resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Pressure {
    /// At least one waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    some: Option<Stall>,
    /// All of them did.
    #[serde(skip_serializing_if = "Option::is_none")]
    full: Option<Stall>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Stall {
    /// Percent of the last 10, 60 and 300 seconds.
    avg10: f64,
    avg60: f64,
    avg300: f64,
    /// Microseconds in all.
    total: u64,
}

/// `None` where the kernel does not account for it.
pub(super) fn read(sources: &Sources, name: &str) -> Option<Pressure> {
    parse(&sources.v2()?.text(name)?)
}

fn parse(text: &str) -> Option<Pressure> {
    let find = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        stall(line)
    };
    let pressure = Pressure {
        some: find("some "),
        full: find("full "),
    };
    (pressure != Pressure::default()).then_some(pressure)
}

fn stall(line: &str) -> Option<Stall> {
    let value = |name: &str| {
        let mut pairs = line
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    Some(Stall {
        avg10: value("avg10")?.parse().ok()?,
        avg60: value("avg60")?.parse().ok()?,
        avg300: value("avg300")?.parse().ok()?,
        total: value("total")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_are_read() {
        let text = "some avg10=96.35 avg60=85.96 avg300=82.12 total=4441837577\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        let pressure = serde_json::to_string(&parse(text).unwrap()).unwrap();
        let expected = r#"{"some":{"avg10":96.35,"avg60":85.96,"avg300":82.12,"total":4441837577},"full":{"avg10":0.0,"avg60":0.0,"avg300":0.0,"total":0}}"#;
        assert_eq!(pressure, expected);
    }

    #[test]
    fn what_is_missing_or_broken_is_left_out() {
        let some = parse("some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n").unwrap();
        assert_eq!(some.some.unwrap().total, 4);
        assert_eq!(some.full, None);
        for garbage in [
            "",
            "some",
            "some avg10=x avg60=0 avg300=0 total=0",
            "some total=1",
        ] {
            assert_eq!(parse(garbage), None, "{garbage}");
        }
    }
}
