//! What the controllers count for a container, with the member names of runc's `events`, which
//! engines read.
//!
//! One file per subject; each has the types, the reading and, on text alone, the parsing. A
//! controller that is absent counts nothing: its members are zero or left out, as runc's are. The
//! same holds for a file that is not understood. In the hybrid layout each controller is asked
//! where it is, and the pressure in the v2 hierarchy. Deliberately absent: `intel_rdt`, which stays
//! empty, and the network devices, which runc counts only for networks that it makes itself.

mod block;
mod cpu;
mod hugetlb;
mod memory;
mod parse;
mod pressure;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use serde::Serialize;

use super::files::{open_recorded, read};
use super::placement::Placement;
use crate::error::{Error, Kind, Result};

/// The counters of a container.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    cpu: cpu::Cpu,
    cpuset: cpu::CpuSet,
    memory: memory::Memory,
    pids: Pids,
    blkio: block::BlockIo,
    hugetlb: BTreeMap<String, hugetlb::HugeTlb>,
    intel_rdt: Empty,
    network_interfaces: Option<Empty>,
}

/// A member that is always there and says nothing.
#[derive(Clone, Debug, Default, Serialize)]
struct Empty {}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Pids {
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    limit: u64,
}

/// Reads the counters now.
///
/// # Errors
/// `Unsupported` for a container without cgroups, `System` when they are gone.
pub fn stats(placement: &Placement) -> Result<Stats> {
    let sources = Sources::open(placement)?;
    Ok(Stats {
        cpu: cpu::read(&sources),
        cpuset: cpu::read_set(&sources),
        memory: memory::read(&sources),
        pids: pids(&sources),
        blkio: block::read(&sources),
        hugetlb: hugetlb::read(&sources),
        intel_rdt: Empty {},
        network_interfaces: None,
    })
}

fn pids(sources: &Sources) -> Pids {
    let Some(source) = sources.of("pids") else {
        return Pids::default();
    };
    // v1 and v2 agree.
    Pids {
        current: source.number("pids.current"),
        limit: source
            .text("pids.max")
            .map_or(0, |text| parse::number(&text)),
    }
}

/// The container's open cgroups.
struct Sources {
    v1: Vec<(Vec<String>, OwnedFd)>,
    v2: Option<OwnedFd>,
}

/// Where one controller is.
enum Source<'a> {
    V1(&'a OwnedFd),
    V2(&'a OwnedFd),
}

impl Sources {
    fn open(placement: &Placement) -> Result<Self> {
        const WHAT: &str = "read the container's counters";
        let Some(first) = placement.directories.first() else {
            let why = "the container has no cgroup in which anything is counted";
            return Err(Error::new(Kind::Unsupported, WHAT, why));
        };
        let mut sources = Self {
            v1: Vec::new(),
            v2: None,
        };
        for place in &placement.directories {
            match open_recorded(place)? {
                Some(fd) if place.is_v2() => sources.v2 = Some(fd),
                Some(fd) => sources.v1.push((place.subsystems.clone(), fd)),
                None => {}
            }
        }
        if sources.v1.is_empty() && sources.v2.is_none() {
            let error = Error::new(Kind::System, WHAT, "the cgroup is gone");
            return Err(error.at(Path::new(&first.host_path())));
        }
        Ok(sources)
    }

    /// The cgroup that has the controller, or would have it.
    fn of(&self, controller: &str) -> Option<Source<'_>> {
        let v1 = self
            .v1
            .iter()
            .find(|(names, _)| names.iter().any(|name| name == controller));
        match v1 {
            Some((_, fd)) => Some(Source::V1(fd)),
            None => self.v2.as_ref().map(Source::V2),
        }
    }

    /// The v2 cgroup, which alone knows of pressure.
    fn v2(&self) -> Option<Source<'_>> {
        self.v2.as_ref().map(Source::V2)
    }
}

impl Source<'_> {
    /// The text of a file; `None` where it cannot be read, as pressure where it is switched off.
    fn text(&self, name: &str) -> Option<String> {
        let (Self::V1(fd) | Self::V2(fd)) = self;
        read(fd.as_fd(), &CString::new(name).ok()?).ok()
    }

    /// The number in a file; 0 without one.
    fn number(&self, name: &str) -> u64 {
        self.text(name).map_or(0, |text| parse::number(&text))
    }
}

/// For members that runc leaves out where they are zero.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it by reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}
