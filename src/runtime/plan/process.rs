//! Attributes of the process itself.

use super::{Op, Step};
use crate::config::process::{Rlimit, Scheduler};
use crate::config::{Config, Process};

/// One attribute of the calling process.
#[derive(Debug)]
pub enum Attribute {
    /// umask(2)
    Umask(u32),
    /// prlimit(2)
    Rlimit(Rlimit),
    /// sched_setattr(2)
    Scheduler(Scheduler),
    /// ioprio_set(2)
    IoPriority(u16),
    /// personality(2)
    Personality(u64),
    /// set_mempolicy(2): mode with flags, node mask.
    MemoryPolicy(u32, Vec<u64>),
    /// sched_setaffinity(2)
    Affinity(Vec<u64>),
    /// setsid(2)
    Session,
}

/// Attributes that `process` itself asks for, in the order in which they are set: those that
/// need privileges precede the change of identity, limits come last so that they do not hinder.
pub(super) fn steps(process: &Process) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |attribute, at| steps.push(Step::new(Op::Process(attribute), at));
    if let Some(priority) = &process.io_priority {
        add(Attribute::IoPriority(priority.value), priority.at.clone());
    }
    if let Some(scheduler) = &process.scheduler {
        add(Attribute::Scheduler(scheduler.value), scheduler.at.clone());
    }
    if let Some(mask) = process.user.umask {
        add(Attribute::Umask(mask), process.user.at.key("umask"));
    }
    for limit in &process.rlimits {
        add(Attribute::Rlimit(limit.clone()), limit.at.clone());
    }
    steps
}

/// Attributes that every process of a container shares: personality and memory policy.
pub(super) fn shared_steps(config: &Config) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(domain) = &config.personality {
        let op = Op::Process(Attribute::Personality(domain.value));
        steps.push(Step::new(op, domain.at.clone()));
    }
    if let Some(policy) = &config.memory_policy {
        let op = Op::Process(Attribute::MemoryPolicy(policy.mode, policy.nodes.clone()));
        steps.push(Step::new(op, policy.at.clone()));
    }
    steps
}
