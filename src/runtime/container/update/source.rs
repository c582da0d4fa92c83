//! Where the new limits come from: a document, or flags of the command line. Both are read by the
//! rules of config.json; an error names the flag, or the field in the document.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::size;
use crate::config::{Fault, IntelRdt, Resources, ZeroPids};
use crate::error::{At, Doing, Error, Kind, Pointer, Result};

/// Bytes of a document that are read at most.
const LARGEST: u64 = 16 << 20;

/// Where limits come from.
#[derive(Debug)]
pub enum Source<'a> {
    /// A file (`--resources FILE`).
    File(&'a Path),
    /// Standard input (`--resources -`).
    Stdin,
    /// Flags of [`FLAGS`] with their values.
    Flags(Vec<(&'static str, &'a str)>),
}

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) resources: Resources,
    /// The device rules as they are written.
    pub(super) devices: Value,
    /// Lines for resctrl.
    pub(super) schemata: Vec<String>,
}

/// What a flag's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    Bytes,
    Text,
}

/// The flags with the fields that they stand for, as object and member.
const FLAGS: [(&str, [&str; 2], Form); 16] = [
    ("blkio-weight", ["blockIO", "weight"], Form::Number),
    ("cpu-period", ["cpu", "period"], Form::Number),
    ("cpu-quota", ["cpu", "quota"], Form::Number),
    ("cpu-burst", ["cpu", "burst"], Form::Number),
    ("cpu-share", ["cpu", "shares"], Form::Number),
    ("cpu-rt-period", ["cpu", "realtimePeriod"], Form::Number),
    ("cpu-rt-runtime", ["cpu", "realtimeRuntime"], Form::Number),
    ("cpu-idle", ["cpu", "idle"], Form::Number),
    ("cpuset-cpus", ["cpu", "cpus"], Form::Text),
    ("cpuset-mems", ["cpu", "mems"], Form::Text),
    ("memory", ["memory", "limit"], Form::Bytes),
    ("memory-reservation", ["memory", "reservation"], Form::Bytes),
    ("memory-swap", ["memory", "swap"], Form::Bytes),
    ("pids-limit", ["pids", "limit"], Form::Number),
    ("l3-cache-schema", ["intelRdt", "l3CacheSchema"], Form::Text),
    ("mem-bw-schema", ["intelRdt", "memBwSchema"], Form::Text),
];

impl Source<'_> {
    /// Reads what is asked for. A `pids.limit` of 0 in a document means `zero_pids`; as a flag,
    /// which is there or not, it is a limit.
    pub(super) fn read(&self, zero_pids: ZeroPids) -> Result<Asked> {
        let (document, zero_pids) = match self {
            Self::Flags(values) => (document(values)?, ZeroPids::Limit),
            Self::File(path) => (self.parse(std::fs::File::open(path))?, zero_pids),
            Self::Stdin => (self.parse(Ok(std::io::stdin()))?, zero_pids),
        };
        self.understand(&document, zero_pids)
            .map_err(|faults| self.located(refusal(faults)))
    }

    fn understand(
        &self,
        document: &Value,
        zero_pids: ZeroPids,
    ) -> std::result::Result<Asked, Vec<Fault>> {
        let resources = Resources::from_update(document, zero_pids)?;
        // No part of the resources object in the specification: only flags ask for it.
        let schemata = match self {
            Self::Flags(_) if document.get("intelRdt").is_some() => {
                IntelRdt::from_document(document)?.schemas
            }
            _ => Vec::new(),
        };
        Ok(Asked {
            resources,
            devices: document.get("devices").cloned().unwrap_or_default(),
            schemata,
        })
    }

    fn parse(&self, input: std::io::Result<impl std::io::Read>) -> Result<Value> {
        let what = || format!("read the resources from {}", self.name());
        let mut text = Vec::new();
        let length = input.and_then(|input| input.take(LARGEST).read_to_end(&mut text));
        length.doing(what())?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::new(Kind::Config, what(), format!("invalid JSON: {error}")))
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Flags(_) => "the command line".to_owned(),
        }
    }

    /// The error at the flag or in the document where its field came from.
    pub(super) fn located(&self, error: Error) -> Error {
        error.moved(|field| match (self, flag_of(&field)) {
            (Self::Flags(_), Some(flag)) => At::Flag(format!("--{flag}")),
            _ => At::Document {
                name: self.name(),
                field,
            },
        })
    }
}

fn flag_of(field: &Pointer) -> Option<&'static str> {
    let found = FLAGS
        .iter()
        .find(|(_, [object, member], _)| *field == Pointer::root().key(object).key(member));
    found.map(|(flag, ..)| *flag)
}

/// The flags' values as a document. An empty value is none, as in runc.
fn document(values: &[(&'static str, &str)]) -> Result<Value> {
    let mut document: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (flag, text) in values.iter().filter(|(_, text)| !text.is_empty()) {
        let Some((_, [object, member], form)) = FLAGS.iter().find(|(name, ..)| name == flag) else {
            let why = "it stands for no field";
            return Err(Error::new(Kind::Usage, format!("read --{flag}"), why));
        };
        let value = value(*form, text).ok_or_else(|| unreadable(flag, *form, text))?;
        let members = document.entry(object).or_default();
        members.insert((*member).to_owned(), value);
    }
    Ok(json!(document))
}

fn value(form: Form, text: &str) -> Option<Value> {
    match form {
        Form::Text => Some(text.into()),
        Form::Bytes => size::bytes(text).map(Value::from),
        Form::Number => {
            let signed = text.parse::<i64>().ok().map(Value::from);
            signed.or_else(|| text.parse::<u64>().ok().map(Value::from))
        }
    }
}

fn unreadable(flag: &str, form: Form, text: &str) -> Error {
    let (what, hint) = match form {
        Form::Bytes => (
            "size",
            "it is a number with a unit, such as 512m or 1.5g, or -1",
        ),
        Form::Number | Form::Text => ("integer", "it is a number without a unit"),
    };
    let why = format!("{text:?} is no {what}");
    Error::new(Kind::Usage, format!("read --{flag}"), why).hint(hint)
}

/// The first fault as an error; the hint names the places of the others.
pub(super) fn refusal(faults: Vec<Fault>) -> Error {
    let others: Vec<String> = faults
        .iter()
        .skip(1)
        .map(|fault| fault.at.to_string())
        .collect();
    let Some(first) = faults.into_iter().next() else {
        return Error::new(Kind::Config, "check the resources", "unknown fault");
    };
    let error = Error::from(first);
    if others.is_empty() {
        return error;
    }
    error.hint(format!("more is wrong at {}", others.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&'static str, &'static str)]) -> Result<Asked> {
        Source::Flags(values.to_vec()).read(ZeroPids::Unlimited)
    }

    fn why(values: &[(&'static str, &'static str)]) -> String {
        read(values).unwrap_err().to_string()
    }

    #[test]
    fn flags_are_fields_of_the_resources() {
        let asked = read(&[
            ("blkio-weight", "500"),
            ("cpu-period", "100000"),
            ("cpu-quota", "-1"),
            ("cpu-burst", "0"),
            ("cpu-share", "512"),
            ("cpu-rt-period", "1000"),
            ("cpu-rt-runtime", "900"),
            ("cpu-idle", "1"),
            ("cpuset-cpus", "0-1"),
            ("cpuset-mems", "0"),
            ("memory", "64m"),
            ("memory-reservation", "32M"),
            ("memory-swap", "-1"),
            ("pids-limit", "0"),
            ("l3-cache-schema", "L3:0=f"),
            ("mem-bw-schema", "MB:0=20"),
        ])
        .unwrap();
        let Resources {
            memory,
            cpu,
            pids,
            block_io,
            ..
        } = asked.resources;
        assert_eq!(memory.limit.unwrap().value, 64 << 20);
        assert_eq!(memory.reservation.unwrap().value, 32 << 20);
        assert_eq!(memory.swap.unwrap().value, -1);
        assert_eq!(cpu.period.unwrap().value, 100_000);
        assert_eq!(cpu.quota.unwrap().value, -1);
        assert_eq!(cpu.burst.unwrap().value, 0);
        assert_eq!(cpu.shares.unwrap().value, 512);
        assert_eq!(cpu.realtime_period.unwrap().value, 1000);
        assert_eq!(cpu.realtime_runtime.unwrap().value, 900);
        assert_eq!(cpu.idle.unwrap().value, 1);
        assert_eq!(cpu.cpus.unwrap().value, "0-1");
        assert_eq!(cpu.mems.unwrap().value, "0");
        assert_eq!(pids.unwrap().value, 0);
        assert_eq!(block_io.weight.unwrap().value, 500);
        assert_eq!(asked.schemata, ["L3:0=f", "MB:0=20"]);
    }

    #[test]
    fn every_flag_has_one_field() {
        for (index, (flag, place, _)) in FLAGS.iter().enumerate() {
            let [object, member] = place;
            let field = Pointer::root().key(object).key(member);
            assert_eq!(flag_of(&field), Some(*flag), "{index}");
        }
    }

    #[test]
    fn an_empty_value_asks_for_nothing() {
        let asked = read(&[("memory", ""), ("cpuset-cpus", ""), ("mem-bw-schema", "")]).unwrap();
        assert!(asked.resources.memory.limit.is_none() && asked.schemata.is_empty());
    }

    #[test]
    fn errors_name_the_flag() {
        assert_eq!(why(&[("memory", "1x")]), "read --memory: \"1x\" is no size");
        assert_eq!(
            why(&[("cpu-quota", "1.5")]),
            "read --cpu-quota: \"1.5\" is no integer"
        );
        assert_eq!(
            why(&[("cpu-share", "-2")]),
            "invalid configuration (--cpu-share): \
             -2 is not in the range 1 to 18446744073709551615"
        );
        assert_eq!(
            why(&[("mem-bw-schema", "x")]),
            "invalid configuration (--mem-bw-schema): must be one line that begins with `MB:`"
        );
        let error = read(&[("cpu-idle", "7"), ("cpu-period", "1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid configuration (--cpu-period): 1 is not in the range 1000 to 1000000"
        );
        assert_eq!(error.advice(), Some("more is wrong at /cpu/idle"));
    }

    #[test]
    fn errors_name_the_field_of_a_document() {
        let dir = tempfile();
        let path = dir.join("resources.json");
        for (text, expected) in [
            (
                r#"{"pids": {"limit": "x"}}"#,
                "/pids/limit): expected an integer",
            ),
            ("{", "invalid JSON: EOF while parsing"),
            ("", "invalid JSON: EOF while parsing"),
            ("[]", "/): expected an object, found an array"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Source::File(&path).read(ZeroPids::Limit).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn zero_processes_in_a_document_is_as_in_the_configuration() {
        let dir = tempfile();
        let path = dir.join("resources.json");
        std::fs::write(&path, r#"{"pids": {"limit": 0}, "intelRdt": 7}"#).unwrap();
        let read = |zero_pids| Source::File(&path).read(zero_pids).unwrap().resources.pids;
        assert!(read(ZeroPids::Unlimited).is_none());
        assert_eq!(read(ZeroPids::Limit).unwrap().value, 0);
        std::fs::remove_dir_all(dir).unwrap();
    }

    fn tempfile() -> std::path::PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saya-update-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        dir
    }
}
