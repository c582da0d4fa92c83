//! Memory, swap, and what the kernel itself keeps for a container.

use std::collections::BTreeMap;

use serde::Serialize;

use super::parse::{limit, named, number};
use super::pressure::{self, Pressure};
use super::{Source, Sources, is_zero};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Memory {
    #[serde(skip_serializing_if = "is_zero")]
    cache: u64,
    usage: Entry,
    /// Memory and swap together, as v1 counts them.
    swap: Entry,
    kernel: Entry,
    #[serde(rename = "kernelTCP")]
    kernel_tcp: Entry,
    /// memory.stat
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// Bytes, and how often the limit was hit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Entry {
    limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

pub(super) fn read(sources: &Sources) -> Memory {
    let mut memory = match sources.of("memory") {
        Some(source @ Source::V1(_)) => v1(&|name| source.text(name)),
        Some(source @ Source::V2(_)) => v2(&|name| source.text(name)),
        None => Memory::default(),
    };
    memory.psi = pressure::read(sources, "memory.pressure");
    memory
}

fn v1(text: &dyn Fn(&str) -> Option<String>) -> Memory {
    let raw = named(&text("memory.stat").unwrap_or_default());
    let entry = |name: &str| {
        let value = |file: &str| number(&text(&format!("{name}.{file}")).unwrap_or_default());
        Entry {
            limit: value("limit_in_bytes"),
            usage: value("usage_in_bytes"),
            max: value("max_usage_in_bytes"),
            failcnt: value("failcnt"),
        }
    };
    Memory {
        cache: raw.get("cache").copied().unwrap_or(0),
        usage: entry("memory"),
        swap: entry("memory.memsw"),
        kernel: entry("memory.kmem"),
        kernel_tcp: entry("memory.kmem.tcp"),
        raw,
        psi: None,
    }
}

fn v2(text: &dyn Fn(&str) -> Option<String>) -> Memory {
    let file = |name: &str| text(name).unwrap_or_default();
    let raw = named(&file("memory.stat"));
    let usage = Entry {
        limit: limit(&file("memory.max")),
        usage: number(&file("memory.current")),
        max: number(&file("memory.peak")),
        failcnt: 0,
    };
    let swap = match text("memory.swap.current") {
        // Without accounting of swap.
        None => Entry::default(),
        Some(current) => Entry {
            limit: limit(&file("memory.swap.max")).saturating_add(usage.limit),
            usage: number(&current).saturating_add(usage.usage),
            ..Entry::default()
        },
    };
    Memory {
        cache: raw.get("file").copied().unwrap_or(0),
        usage,
        swap,
        raw,
        ..Memory::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_has_an_entry_for_each_kind() {
        let memory = v1(&|name| {
            let text = match name {
                "memory.stat" => "cache 1982464\nrss 49152\n",
                "memory.limit_in_bytes" => "9223372036854771712\n",
                "memory.usage_in_bytes" => "2379776\n",
                "memory.max_usage_in_bytes" => "2650112\n",
                "memory.kmem.failcnt" => "3\n",
                _ => return None,
            };
            Some(text.to_owned())
        });
        let usage = Entry {
            limit: 9_223_372_036_854_771_712,
            usage: 2_379_776,
            max: 2_650_112,
            failcnt: 0,
        };
        assert_eq!(memory.usage, usage);
        assert_eq!(memory.cache, 1_982_464);
        assert_eq!(memory.raw["rss"], 49_152);
        assert_eq!(memory.kernel.failcnt, 3);
        assert_eq!(memory.swap, Entry::default());
    }

    #[test]
    fn v2_adds_memory_to_the_swap() {
        let files = |swap: &'static str| {
            move |name: &str| {
                let text = match name {
                    "memory.stat" => "anon 1\nfile 2\n",
                    "memory.max" => "1000\n",
                    "memory.current" => "100\n",
                    "memory.peak" => "200\n",
                    "memory.swap.current" => "7\n",
                    "memory.swap.max" => swap,
                    _ => return None,
                };
                Some(text.to_owned())
            }
        };
        let memory = v2(&files("50\n"));
        assert_eq!(
            (memory.usage.limit, memory.usage.usage, memory.usage.max),
            (1000, 100, 200)
        );
        assert_eq!((memory.swap.limit, memory.swap.usage), (1050, 107));
        assert_eq!(memory.cache, 2);
        assert_eq!(v2(&files("max\n")).swap.limit, u64::MAX);
    }

    #[test]
    fn nothing_and_garbage_count_nothing() {
        for read in [v1, v2] {
            assert_eq!(read(&|_| None), Memory::default());
            assert_eq!(
                read(&|_| Some("\u{fffd} \n= -".to_owned())),
                Memory::default()
            );
        }
    }
}
