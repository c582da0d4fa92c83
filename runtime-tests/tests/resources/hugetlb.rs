//! `hugepageLimits`: pages used, and pages reserved.

use crate::{Row, assert_rows, controller};
use runtime_tests::{Test, conformance, json};
use std::fs;

/// The sizes this kernel has, as its control files are named, in KiB.
fn sizes(t: &Test) -> Vec<u64> {
    let entries = fs::read_dir("/sys/kernel/mm/hugepages")
        .into_iter()
        .flatten();
    let kib = |name: &str| {
        let size = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
        size.parse().ok()
    };
    let sizes: Vec<u64> = entries
        .flatten()
        .filter_map(|entry| kib(entry.file_name().to_str()?))
        .collect();
    if sizes.is_empty() {
        t.skip("this kernel has no huge pages");
    }
    sizes
}

fn name(kib: u64) -> String {
    match kib {
        0..1024 => format!("{kib}KB"),
        1024..1_048_576 => format!("{}MB", kib >> 10),
        _ => format!("{}GB", kib >> 20),
    }
}

/// Two pages of each size, as `(name, bytes)`.
fn two_pages_each(t: &Test) -> Vec<(String, u64)> {
    let two = |kib: u64| (name(kib), kib * 1024 * 2);
    sizes(t).into_iter().map(two).collect()
}

#[test]
fn pages_of_each_size() {
    conformance(|t| {
        let hugetlb = controller(t, "hugetlb", "hugetlb");
        for (size, bytes) in two_pages_each(t) {
            let row = Row {
                resources: json!({"hugepageLimits": [{"pageSize": size, "limit": bytes}]}),
                v1: &[&format!("hugetlb.{size}.limit_in_bytes={bytes}")],
                v2: &[&format!("hugetlb.{size}.max={bytes}")],
            };
            assert_rows(t, &hugetlb, &[row]);
        }
    });
}

#[test]
fn reservations_are_limited_too() {
    conformance(|t| {
        let hugetlb = controller(t, "hugetlb", "hugetlb");
        for (size, bytes) in two_pages_each(t) {
            let row = Row {
                resources: json!({"hugepageLimits": [{"pageSize": size, "limit": bytes}]}),
                v1: &[&format!("hugetlb.{size}.rsvd.limit_in_bytes={bytes}")],
                v2: &[&format!("hugetlb.{size}.rsvd.max={bytes}")],
            };
            assert_rows(t, &hugetlb, &[row]);
        }
    });
}

#[test]
fn none_at_all_is_a_limit() {
    conformance(|t| {
        let hugetlb = controller(t, "hugetlb", "hugetlb");
        for (size, _) in two_pages_each(t) {
            let row = Row {
                resources: json!({"hugepageLimits": [{"pageSize": size, "limit": 0}]}),
                v1: &[&format!("hugetlb.{size}.limit_in_bytes=0")],
                v2: &[&format!("hugetlb.{size}.max=0")],
            };
            assert_rows(t, &hugetlb, &[row]);
        }
    });
}

#[test]
fn several_sizes_at_once() {
    conformance(|t| {
        let hugetlb = controller(t, "hugetlb", "hugetlb");
        let limits = two_pages_each(t);
        let list: Vec<_> = limits
            .iter()
            .map(|(size, bytes)| json!({"pageSize": size, "limit": bytes}))
            .collect();
        let lines = |file: &str| -> Vec<String> {
            let line = |(size, bytes): &(String, u64)| format!("hugetlb.{size}.{file}={bytes}");
            limits.iter().map(line).collect()
        };
        let (v1, v2) = (lines("limit_in_bytes"), lines("max"));
        let row = Row {
            resources: json!({"hugepageLimits": list}),
            v1: &v1.iter().map(String::as_str).collect::<Vec<_>>(),
            v2: &v2.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        assert_rows(t, &hugetlb, &[row]);
    });
}
