//! Conformance harness: drives any OCI runtime through its command line.
//!
//! A test is an ordinary libtest function whose body is given to [`conformance`]:
//!
//! ```ignore
//! #[test]
//! fn exit_code_of_the_container_is_ours() {
//!     conformance(|t| {
//!         let bundle = t.bundle().args(["/bin/probe", "exit", "42"]);
//!         assert_eq!(t.run(&bundle).status, Exit::Code(42));
//!     });
//! }
//! ```
//!
//! The runtime is named by `RUNTIME` (a path or a name); without it the
//! workspace's own binary is built and used. Each test runs on a thread with
//! private mount, network, ipc and uts namespaces and fresh tmpfs on `/run`,
//! `/tmp` and `/dev/shm` ([`isolation`]), so that whatever a broken runtime
//! leaves behind is seen exactly ([`oracle`]) and dies with the thread.
//! Where runc and crun are known to differ stands in `DEVIATIONS.md`
//! ([`deviations`]). What is absent on purpose: any knowledge of a runtime's
//! inside; only its command line, its files and the kernel are looked at.

pub mod agent;
pub mod block_device;
pub mod bundle;
pub mod cgroup;
pub mod chance;
pub mod command;
pub mod container;
pub mod controller;
pub mod deviations;
pub mod driver;
pub mod facts;
pub mod frame;
pub mod host_mount;
pub mod isolation;
pub mod oracle;
pub mod process;
pub mod reaper;
pub mod rendezvous;
pub mod rootfs;
pub mod runtime;
pub mod strace;
pub mod sys;
pub mod terminal;
pub mod test;
pub mod witness;

pub use agent::{Agent, Answer};
pub use block_device::BlockDevice;
pub use bundle::Bundle;
pub use command::{Exit, Output, Runner};
pub use container::Container;
pub use controller::{Controller, Version};
pub use driver::Driver;
pub use frame::conformance;
pub use host_mount::HostMount;
pub use rendezvous::Rendezvous;
pub use runtime::{Kind, Runtime};
pub use serde_json::{Value, json};
pub use terminal::ConsoleSocket;
pub use test::Test;
pub use witness::Witness;
