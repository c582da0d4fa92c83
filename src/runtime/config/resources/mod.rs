//! `linux.resources`, of a configuration or as the document of an update. One file a subject.
//!
//! Engines written in Go send 0 for what they leave unset; where the specification gives 0 no
//! meaning of its own it is read as absent, as runc reads it. Deliberately absent: what a value
//! becomes in a file of the kernel, and whether this host has that file (see `cgroup`).

mod block_io;
mod cpu;
mod devices;
mod hugepages;
mod memory;
mod network;
mod numbers;
mod pids;
mod rdma;
pub mod types;
mod unified;

use serde_json::Value;

use super::Fault;
use super::reader::{Cursor, Findings};

pub use pids::ZeroPids;
pub use types::{DeviceAccess, DeviceRule, Resources};

/// Reads `linux.resources`.
pub(super) fn read(linux: &Cursor, zero_pids: ZeroPids) -> Resources {
    let Some(resources) = linux.object("resources") else {
        return Resources::default();
    };
    let read = members(&resources, zero_pids);
    memory::check_alone(&resources, &read.memory);
    read
}

impl Resources {
    /// Reads the document of an update, whose root is the resources object itself. Pointers are
    /// from that root.
    ///
    /// What is absent, or 0 where 0 means unset, stays as it is. Whether a `pids.limit` of 0 does
    /// is `zero_pids`: a document has no version of its own, so that of the container's
    /// configuration holds, which the same engine wrote. A swap limit without a memory limit
    /// passes, because the memory limit in force counts.
    ///
    /// # Errors
    /// All faults of the document.
    pub fn from_update(document: &Value, zero_pids: ZeroPids) -> Result<Self, Vec<Fault>> {
        let findings = Findings::default();
        let root = Cursor::new(document, &findings);
        let read = root.is_object().then(|| members(&root, zero_pids));
        let (faults, _) = findings.into_parts();
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            _ => Err(faults),
        }
    }
}

fn members(resources: &Cursor, zero_pids: ZeroPids) -> Resources {
    Resources {
        devices: devices::read(resources),
        memory: memory::read(resources),
        cpu: cpu::read(resources),
        pids: pids::read(resources, zero_pids),
        block_io: block_io::read(resources),
        hugepages: hugepages::read(resources),
        network: network::read(resources),
        rdma: rdma::read(resources),
        unified: unified::read(resources),
    }
}
