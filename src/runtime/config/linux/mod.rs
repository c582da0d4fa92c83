//! The smaller parts of `linux`: devices, network devices, sysctls, memory policy, resctrl, seccomp.

mod devices;
mod intel_rdt;
mod memory_policy;
mod net_devices;
mod paths;
pub mod seccomp;
mod sysctl;

pub use devices::{Device, DeviceKind};
pub use intel_rdt::IntelRdt;
pub use memory_policy::{MemoryPolicy, memory_policy_flags, memory_policy_modes};
pub use net_devices::NetDevice;
pub use seccomp::Seccomp;
pub use sysctl::Sysctl;

pub(super) use devices::{MAJORS, MINORS, read as devices};
pub(super) use intel_rdt::read as intel_rdt;
pub(super) use memory_policy::read as memory_policy;
pub(super) use net_devices::{name_fault as interface_name_fault, read as net_devices};
pub(super) use paths::{cgroups_path, covered_paths, personality, rootfs_propagation};
pub(super) use seccomp::read as seccomp;
pub(super) use sysctl::read as sysctl;
