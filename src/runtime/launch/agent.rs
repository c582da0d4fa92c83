//! The agent that decides about system calls with `SCMP_ACT_NOTIFY`: it is sent the descriptor of
//! the filter's notifications with the container process state (runtime-spec, config-linux.md, "The
//! Container Process State").
//!
//! A process cannot send the descriptor itself: sendmsg(2) may be what the agent has to decide about.
//! So the parent takes it. Without the agent there is no container.

use std::os::fd::AsFd;

use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::error::{Context, Doing, Error, Kind, Pointer, Result};
use crate::sys::{clone, seccomp};
use crate::terminal::Courier;

/// `ContainerProcessState` of the specification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessState<'a> {
    oci_version: &'a str,
    fds: [&'static str; 1],
    pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
    state: Value,
}

/// Takes the descriptor `number` of `child` and sends it to the agent with the state.
///
/// # Errors
/// An agent that does not listen, or that does not take it in time.
pub(crate) fn hand_over(
    config: &Config,
    child: &clone::Child,
    number: u32,
    state: &[u8],
) -> Result<()> {
    let profile = config.seccomp.as_ref();
    let Some(listener) = profile.and_then(|profile| profile.listener.as_ref()) else {
        let why = "there is no listener in the configuration";
        return Err(Error::new(Kind::System, "find the seccomp agent", why));
    };
    let what = "take the seccomp listener of the container's process";
    let descriptor = seccomp::take_descriptor(child.pidfd.as_fd(), number.cast_signed())
        .doing(what)
        .hint("pidfd_getfd needs CAP_SYS_PTRACE over the container")?;
    let state = serde_json::from_slice(state).map_err(unwritable)?;
    let message = ProcessState {
        oci_version: &config.version,
        fds: ["seccompFd"],
        pid: child.pid,
        metadata: listener.metadata.as_deref(),
        state,
    };
    let message = serde_json::to_vec(&message).map_err(unwritable)?;
    let failed = |error: Error| error.during("failed to connect with seccomp agent");
    Courier::connect("listenerPath", listener.path.as_ref())
        .and_then(|courier| courier.deliver(descriptor.as_fd(), &message, "the seccomp listener"))
        .map_err(failed)
        .at(&listener.at)
}

fn unwritable(error: serde_json::Error) -> Error {
    let what = "write the container process state";
    Error::new(Kind::System, what, error.to_string()).at(Pointer::new("/linux/seccomp"))
}
