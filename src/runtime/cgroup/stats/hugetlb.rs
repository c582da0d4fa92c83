//! Huge pages, by their size.

use std::collections::BTreeMap;

use serde::Serialize;

use super::parse::{named, number};
use super::{Source, Sources, is_zero};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct HugeTlb {
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

pub(super) fn read(sources: &Sources) -> BTreeMap<String, HugeTlb> {
    let Some(source) = sources.of("hugetlb") else {
        return BTreeMap::new();
    };
    let entry = |size: String| {
        let text = |file: &str| source.text(&format!("hugetlb.{size}.{file}"));
        let counted = match source {
            Source::V1(_) => v1(&text),
            Source::V2(_) => v2(&text),
        };
        counted.map(|counted| (size.clone(), counted))
    };
    sizes().into_iter().filter_map(entry).collect()
}

/// Sizes of pages that the kernel knows, as the controller's files are called: `2MB`.
fn sizes() -> Vec<String> {
    let directories = std::fs::read_dir("/sys/kernel/mm/hugepages");
    let names = directories.into_iter().flatten().flatten();
    names
        .filter_map(|entry| size(entry.file_name().to_str()?))
        .collect()
}

/// `2MB` of `hugepages-2048kB`.
fn size(name: &str) -> Option<String> {
    let kib = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
    let kib: u64 = kib.parse().ok()?;
    Some(match kib {
        0 => return None,
        kib if kib % (1 << 20) == 0 => format!("{}GB", kib >> 20),
        kib if kib % (1 << 10) == 0 => format!("{}MB", kib >> 10),
        kib => format!("{kib}KB"),
    })
}

fn v1(text: &dyn Fn(&str) -> Option<String>) -> Option<HugeTlb> {
    let value = |file: &str| text(file).map_or(0, |text| number(&text));
    Some(HugeTlb {
        usage: number(&text("usage_in_bytes")?),
        max: value("max_usage_in_bytes"),
        failcnt: value("failcnt"),
    })
}

fn v2(text: &dyn Fn(&str) -> Option<String>) -> Option<HugeTlb> {
    let events = named(&text("events").unwrap_or_default());
    Some(HugeTlb {
        usage: number(&text("current")?),
        max: 0,
        failcnt: events.get("max").copied().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_names_of_the_files() {
        let named = ["hugepages-2048kB", "hugepages-1048576kB", "hugepages-64kB"].map(size);
        assert_eq!(named.map(Option::unwrap), ["2MB", "1GB", "64KB"]);
        for garbage in ["", "hugepages-", "hugepages-xkB", "hugepages-0kB", "2MB"] {
            assert_eq!(size(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn a_size_without_files_is_left_out() {
        assert_eq!(v1(&|_| None), None);
        assert_eq!(v2(&|_| None), None);
        let counted = v1(&|file| Some(if file == "failcnt" { "2" } else { "4096\n" }.to_owned()));
        let expected = HugeTlb {
            usage: 4096,
            max: 4096,
            failcnt: 2,
        };
        assert_eq!(counted, Some(expected));
        let counted = v2(&|file| Some(if file == "events" { "max 3\n" } else { "x" }.to_owned()));
        assert_eq!(counted.unwrap().failcnt, 3);
    }
}
