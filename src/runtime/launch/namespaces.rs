//! The parent's part in the namespaces: opens those to join, and enters those that hold only for
//! children, leaving them again once the child is born.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use crate::config::{NamespaceKind, TimeOffsets};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::plan::namespaces::is_for_children;
use crate::plan::{Join, NamespacePlan};
use crate::sys::namespace::Birthplace;
use crate::sys::{file, namespace};

/// Opens the namespaces to join, in the plan's order; each must be of the kind it is listed as.
///
/// # Errors
/// A path that cannot be opened, is no namespace, or one of another kind.
pub fn open_joins(plan: &NamespacePlan) -> Result<Vec<OwnedFd>> {
    plan.joins.iter().map(open_join).collect()
}

fn open_join(join: &Join) -> Result<OwnedFd> {
    let what = format!(
        "join {} namespace `{}`",
        join.kind.name(),
        join.path.to_string_lossy()
    );
    let fd = file::open(&join.path, libc::O_RDONLY | libc::O_NONBLOCK)
        .doing(&*what)
        .at(&join.at)?;
    let wrong = |why: String| Error::new(Kind::Config, &*what, why).at(&join.at);
    match namespace::kind_of(fd.as_fd()) {
        Ok(kind) if kind == join.kind.clone_flag() => Ok(fd),
        Ok(kind) => {
            let other = NamespaceKind::ALL
                .iter()
                .find(|other| other.clone_flag() == kind);
            let other = other.map_or("unknown", |other| other.name());
            Err(wrong(format!(
                "it is a namespace of type {other}, not {}",
                join.kind.name()
            )))
        }
        Err(Errno::ENOTTY) => Err(wrong("it is not a namespace".to_owned())),
        Err(errno) => Err(errno).doing(&*what).at(&join.at),
    }
}

/// The parent inside the namespaces that its next child is to be born into. Dropping it takes the
/// parent back, so that hooks are not born there too.
pub(super) struct ForChildren(Vec<Birthplace>);

impl ForChildren {
    pub(super) fn enter(plan: &NamespacePlan, joins: &[OwnedFd]) -> Result<Self> {
        let mut this = Self(Vec::new());
        for (join, fd) in plan.joins.iter().zip(joins) {
            if is_for_children(join.kind) {
                this.remember(join.kind)?;
                let what = format!("join {} namespace", join.kind.name());
                namespace::enter(fd.as_fd(), join.kind.clone_flag())
                    .doing(what)
                    .at(&join.at)?;
            }
        }
        if let Some((offsets, at)) = &plan.new_time {
            this.remember(NamespaceKind::Time)?;
            namespace::unshare(NamespaceKind::Time.clone_flag())
                .doing("create time namespace")
                .at(at)?;
            let text = offsets_text(offsets);
            if !text.is_empty() {
                fs::write("/proc/self/timens_offsets", text)
                    .doing("set time offsets")
                    .at(at)?;
            }
        }
        Ok(this)
    }

    fn remember(&mut self, kind: NamespaceKind) -> Result<()> {
        let own = Birthplace::remember(kind.clone_flag());
        self.0.push(own.doing("open the runtime's own namespace")?);
        Ok(())
    }
}

/// The lines of /proc/PID/timens_offsets (time_namespaces(7)).
fn offsets_text(offsets: &TimeOffsets) -> String {
    let line = |clock, offset: Option<(i64, u32)>| {
        offset.map_or_else(String::new, |(seconds, nanoseconds)| {
            format!("{clock} {seconds} {nanoseconds}\n")
        })
    };
    line("monotonic", offsets.monotonic) + &line("boottime", offsets.boottime)
}
