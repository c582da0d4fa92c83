//! Block devices: bytes and requests, and what only BFQ counts.

use serde::Serialize;

use super::pressure::{self, Pressure};
use super::{Source, Sources, is_zero};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockIo {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_serviced_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "ioQueueRecursive")]
    io_queued_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_time_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_wait_time_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_merged_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_time_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sectors_recursive: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Entry {
    #[serde(skip_serializing_if = "is_zero")]
    major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    minor: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    op: String,
    #[serde(skip_serializing_if = "is_zero")]
    value: u64,
}

pub(super) fn read(sources: &Sources) -> BlockIo {
    let mut block = match sources.of("blkio") {
        Some(source @ Source::V1(_)) => v1(&|name| source.text(name)),
        Some(source @ Source::V2(_)) => v2(&source.text("io.stat").unwrap_or_default()),
        None => BlockIo::default(),
    };
    block.psi = pressure::read(sources, "io.pressure");
    block
}

/// Who counts bytes and requests, the best first: the BFQ scheduler, or throttling; older kernels
/// count there only what is in the cgroup itself.
const COUNTERS: [[&str; 2]; 3] = [
    [
        "blkio.bfq.io_service_bytes_recursive",
        "blkio.bfq.io_serviced_recursive",
    ],
    [
        "blkio.throttle.io_service_bytes_recursive",
        "blkio.throttle.io_serviced_recursive",
    ],
    [
        "blkio.throttle.io_service_bytes",
        "blkio.throttle.io_serviced",
    ],
];

fn v1(text: &dyn Fn(&str) -> Option<String>) -> BlockIo {
    let entries = |name: &str| text(name).map_or_else(Vec::new, |text| entries(&text));
    let bfq = |name: &str| entries(&format!("blkio.bfq.{name}_recursive"));
    let counted = COUNTERS.map(|names| names.map(entries));
    let counted = counted.into_iter().find(|[bytes, _]| !bytes.is_empty());
    let [bytes, serviced] = counted.unwrap_or_default();
    BlockIo {
        io_service_bytes_recursive: bytes,
        io_serviced_recursive: serviced,
        io_queued_recursive: bfq("io_queued"),
        io_service_time_recursive: bfq("io_service_time"),
        io_wait_time_recursive: bfq("io_wait_time"),
        io_merged_recursive: bfq("io_merged"),
        io_time_recursive: bfq("time"),
        sectors_recursive: bfq("sectors"),
        psi: None,
    }
}

/// `MAJOR:MINOR [OPERATION] NUMBER` in each line; the sum of all, `Total NUMBER`, is passed over.
fn entries(text: &str) -> Vec<Entry> {
    text.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (device, op, value) = match words.as_slice() {
        [device, op, value] => (device, *op, value),
        [device, value] => (device, "", value),
        _ => return None,
    };
    let (major, minor) = device.split_once(':')?;
    Some(Entry {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        op: op.to_owned(),
        value: value.parse().ok()?,
    })
}

/// `MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N …` in each line of io.stat, in the words of v1.
fn v2(stat: &str) -> BlockIo {
    let mut block = BlockIo::default();
    for line in stat.lines() {
        let Some((device, counters)) = line.split_once(' ') else {
            continue;
        };
        for counter in counters.split_whitespace() {
            let Some((name, value)) = counter.split_once('=') else {
                continue;
            };
            let (list, op) = match name {
                "rbytes" => (&mut block.io_service_bytes_recursive, "Read"),
                "wbytes" => (&mut block.io_service_bytes_recursive, "Write"),
                "rios" => (&mut block.io_serviced_recursive, "Read"),
                "wios" => (&mut block.io_serviced_recursive, "Write"),
                _ => continue,
            };
            list.extend(entry(&format!("{device} {op} {value}")));
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(entries: &[Entry]) -> Vec<String> {
        let word = |e: &Entry| format!("{}:{} {} {}", e.major, e.minor, e.op, e.value);
        entries.iter().map(word).collect()
    }

    #[test]
    fn v1_takes_the_first_counter_that_counts() {
        let block = v1(&|name| {
            let text = match name {
                "blkio.bfq.io_service_bytes_recursive" => "Total 0\n",
                "blkio.throttle.io_service_bytes_recursive" => {
                    "8:0 Read 1282048\n8:0 Total 7\nTotal 7\n"
                }
                "blkio.throttle.io_serviced_recursive" => "8:0 Read 124\nTotal 124\n",
                "blkio.bfq.sectors_recursive" => "8:0 6792\n",
                _ => return None,
            };
            Some(text.to_owned())
        });
        let bytes = ["8:0 Read 1282048", "8:0 Total 7"];
        assert_eq!(words(&block.io_service_bytes_recursive), bytes);
        assert_eq!(words(&block.io_serviced_recursive), ["8:0 Read 124"]);
        assert_eq!(words(&block.sectors_recursive), ["8:0  6792"]);
        assert!(block.io_merged_recursive.is_empty());
    }

    #[test]
    fn v2_is_told_in_the_words_of_v1() {
        let block = v2("254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n8:16 rbytes=1\n");
        let bytes = ["254:0 Read 4096", "254:0 Write 0", "8:16 Read 1"];
        assert_eq!(words(&block.io_service_bytes_recursive), bytes);
        let serviced = ["254:0 Read 1", "254:0 Write 0"];
        assert_eq!(words(&block.io_serviced_recursive), serviced);
    }

    #[test]
    fn garbage_counts_nothing() {
        for garbage in [
            "",
            "x",
            "8:0",
            "8 Read 1",
            "8:x Read 1",
            "8:0 Read -1",
            "a b c d",
            "\u{0}",
        ] {
            assert_eq!(entries(garbage), [], "{garbage}");
            assert_eq!(v2(garbage), BlockIo::default(), "{garbage}");
        }
        assert_eq!(v2("8:0 rbytes= =1 rbytes\nx rbytes=1"), BlockIo::default());
    }
}
