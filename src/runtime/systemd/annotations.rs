//! Properties of the unit that the engine asks for: `org.systemd.property.NAME` annotations, as
//! runc reads them. Pure.
//!
//! The value is written as GVariant text: `'x'`, `true`, `5` (an int32), `uint64 5`, `1.5`,
//! `['a', 'b']`, `@as []`. A NAME that ends in `Sec` is a time in seconds, which the bus knows
//! under `…USec` in microseconds. Whoever writes the annotations may have systemd do anything to
//! the unit (`features` lists the prefix as unsafe for that reason); what this runtime decides
//! itself is not for them. Deliberately absent: dictionaries, variants, nested arrays.

use super::Property;
use super::bus::value::Value;
use super::gvariant;
use crate::error::{Error, Kind, Pointer, Result};

/// What the name of such an annotation starts with.
pub const PREFIX: &str = "org.systemd.property.";

/// Properties that the runtime decides, and where to ask for them.
const DECIDED: [(&str, &str); 5] = [
    // Would take the container out of the slice that its limits are counted in.
    ("Slice", "the slice is the first part of linux.cgroupsPath"),
    // Would move processes of the host into the container's cgroup, to be killed with it.
    ("PIDs", "the container's own process is put into the unit"),
    // Without it systemd would move the processes and write the files below.
    ("Delegate", "the container's unit is always delegated"),
    // Devices are a matter of the container's isolation.
    (
        "DevicePolicy",
        "the devices are those of linux.resources.devices",
    ),
    (
        "DeviceAllow",
        "the devices are those of linux.resources.devices",
    ),
];

/// The properties that `annotations` ask for, in their order.
///
/// # Errors
/// A name that is no property's or that the runtime decides, a value that cannot be read; each
/// with its annotation.
pub fn properties<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Property>> {
    let asked = annotations
        .into_iter()
        .filter_map(|(key, text)| Some((key, key.strip_prefix(PREFIX)?, text)));
    asked
        .map(|(key, name, text)| {
            property(name, text).map_err(|error| error.at(Pointer::new("/annotations").key(key)))
        })
        .collect()
}

fn property(name: &str, text: &str) -> Result<Property> {
    let what = || format!("set the unit's property `{}`", name.escape_debug());
    let refuse = |why: &str| Error::new(Kind::Config, what(), why);
    let is_name = name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|letter| letter.is_ascii_alphabetic());
    if !is_name {
        return Err(refuse("a property's name is made of letters, `LikeThis`"));
    }
    let value = gvariant::parse(text).map_err(|why| {
        refuse(why).hint("the value is GVariant text, such as `'x'` or `uint64 5`")
    })?;
    let (name, value) = match name.strip_suffix("Sec") {
        Some(stem) if stem.ends_with(|last: char| last.is_ascii_lowercase()) => {
            let value = microseconds(&value)
                .ok_or_else(|| refuse("a time is a number of seconds that is not negative"))?;
            (format!("{stem}USec"), value)
        }
        _ => (name.to_owned(), value),
    };
    if let Some((_, hint)) = DECIDED.iter().find(|(decided, _)| *decided == name) {
        return Err(refuse("the runtime decides it").hint(*hint));
    }
    Ok(Property { name, value })
}

/// A number of seconds as the bus has it.
fn microseconds(value: &Value) -> Option<Value> {
    const PER_SECOND: u64 = 1_000_000;
    let seconds = match *value {
        Value::Byte(number) => number.into(),
        Value::I16(number) => number.try_into().ok()?,
        Value::U16(number) => number.into(),
        Value::I32(number) => number.try_into().ok()?,
        Value::U32(number) => number.into(),
        Value::I64(number) => number.try_into().ok()?,
        Value::U64(number) => number,
        Value::F64(number) => {
            let micros = (number * PER_SECOND as f64).round();
            // Exact up to 2^53 µs, some 285 years.
            let fits = (0.0..9.0e15).contains(&micros);
            return fits.then_some(Value::U64(micros as u64));
        }
        _ => return None,
    };
    seconds.checked_mul(PER_SECOND).map(Value::U64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, text: &str) -> Result<Property> {
        let key = format!("{PREFIX}{name}");
        let annotations = [("org.example", "1"), (key.as_str(), text)];
        properties(annotations).map(|mut all| all.remove(0))
    }

    fn read(name: &str, text: &str) -> (String, Value) {
        let property = one(name, text).unwrap();
        (property.name, property.value)
    }

    #[test]
    fn other_annotations_ask_for_nothing() {
        let none = [("org.systemd.property", "1"), ("a", "b")];
        assert!(properties(none).unwrap().is_empty());
    }

    #[test]
    fn what_engines_write_is_read() {
        for (name, text, value) in [
            (
                "CollectMode",
                "'inactive-or-failed'",
                Value::Str("inactive-or-failed".to_owned()),
            ),
            ("DefaultDependencies", "true", Value::Bool(true)),
            (
                "After",
                "['crio.service']",
                Value::strings(["crio.service"]),
            ),
            (
                "TimeoutStopUSec",
                "uint64 1800000000",
                Value::U64(1_800_000_000),
            ),
        ] {
            assert_eq!(read(name, text), (name.to_owned(), value));
        }
    }

    #[test]
    fn seconds_become_microseconds() {
        for (text, microseconds) in [
            ("5", 5_000_000),
            ("uint64 123456789", 123_456_789_000_000),
            ("2.5", 2_500_000),
            ("byte 1", 1_000_000),
            ("0", 0),
        ] {
            let expected = ("TimeoutStopUSec".to_owned(), Value::U64(microseconds));
            assert_eq!(read("TimeoutStopSec", text), expected, "{text}");
        }
        // No unit of time stands before this one.
        assert_eq!(read("XSec", "5").0, "XSec");
        for text in ["-1", "'5'", "uint64 18446744073709551615", "1e300", "[1]"] {
            let error = one("TimeoutStopSec", text).unwrap_err();
            assert!(error.why().contains("number of seconds"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_property_is_refused_by_its_annotation() {
        for name in ["", "A", "memoryMax", "Memory.Max", "Mémoire", "A1"] {
            let error = one(name, "1").unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert_eq!(
                error.why(),
                "a property's name is made of letters, `LikeThis`"
            );
        }
        let error = one("MemoryMax", "uint64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "set the unit's property `MemoryMax` (config.json: \
             /annotations/org.systemd.property.MemoryMax): a value is missing"
        );
    }

    #[test]
    fn what_the_runtime_decides_is_refused() {
        for (name, text) in [
            ("Slice", "'user.slice'"),
            ("PIDs", "@au [1]"),
            ("Delegate", "false"),
            ("DevicePolicy", "'auto'"),
            ("DeviceAllow", "['/dev/sda']"),
        ] {
            let error = one(name, text).unwrap_err();
            assert_eq!(error.why(), "the runtime decides it", "{name}");
            assert!(error.advice().is_some());
        }
    }
}
