//! `pids`, `hugepageLimits`, `network`, `rdma` and `unified`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Controller, Draft, Home, Moment, Need, Write, or_max};
use crate::config::Field;
use crate::config::resources::types::{HugepageLimit, Network, RdmaLimit, Unified};
use crate::error::Pointer;

impl Draft<'_> {
    /// A controller with the same name in both versions; reported where it has no home.
    fn controller(&mut self, name: &'static str, need: Need, at: &Pointer) -> Option<Controller> {
        let Some(home) = self.home(name) else {
            self.refuse_homeless(name, need, at);
            return None;
        };
        Some(Controller {
            name: Cow::Borrowed(name),
            home,
        })
    }
}

/// 0 lets nobody in: then it is written when the container's first process is there.
pub(super) fn add_pids(draft: &mut Draft<'_>, limit: Option<&Field<i64>>) {
    let Some(Field { value, at }) = limit else {
        return;
    };
    let need = Need::unless(*value < 0);
    let Some(controller) = draft.controller("pids", need, at) else {
        return;
    };
    draft.set(controller, need, at, Write::new("pids.max", or_max(*value)));
    if *value == 0
        && let Some(setting) = draft.settings.last_mut()
    {
        setting.moment = Moment::AfterBirth;
    }
}

/// Both what is used and, where the kernel counts it, what is reserved (Linux 5.7).
pub(super) fn add_hugepages(draft: &mut Draft<'_>, limits: &[HugepageLimit]) {
    for HugepageLimit {
        page_size,
        limit,
        at,
    } in limits
    {
        let Some(controller) = draft.controller("hugetlb", Need::Required, at) else {
            continue;
        };
        let end = match controller.home {
            Home::V1 => "limit_in_bytes",
            Home::V2 => "max",
        };
        let used = Write::new(format!("hugetlb.{page_size}.{end}"), limit);
        let reserved = Write::new(format!("hugetlb.{page_size}.rsvd.{end}"), limit);
        draft.set(controller.clone(), Need::Required, at, used);
        draft.set(controller, Need::IfThere, at, reserved);
    }
}

/// v1 alone has controllers for it; v2 matches cgroups in packet filters.
pub(super) fn add_network(draft: &mut Draft<'_>, network: &Network) {
    if let Some(class) = &network.class_id {
        let write = Write::new("net_cls.classid", class.value);
        add_v1(draft, "net_cls", &class.at, write);
    }
    for priority in &network.priorities {
        let line = format!("{} {}", priority.name, priority.priority);
        let write = Write::new("net_prio.ifpriomap", line);
        add_v1(draft, "net_prio", &priority.at, write);
    }
}

fn add_v1(draft: &mut Draft<'_>, controller: &'static str, at: &Pointer, write: Write) {
    match draft.home(controller) {
        Some(Home::V1) => draft.set(Controller::v1(controller), Need::Required, at, write),
        Some(Home::V2) => {
            let why = format!("cgroup v2 has no controller `{controller}`");
            draft.refuse(at, why);
        }
        None => draft.refuse_homeless(controller, Need::Required, at),
    }
}

/// A limit that is absent stays as it is.
pub(super) fn add_rdma(draft: &mut Draft<'_>, limits: &[RdmaLimit]) {
    for RdmaLimit {
        device,
        handles,
        objects,
        at,
    } in limits
    {
        let mut line = device.clone();
        for (key, limit) in [("hca_handle", handles), ("hca_object", objects)] {
            if let Some(limit) = limit {
                // Writing to a String cannot fail.
                let _ = write!(line, " {key}={limit}");
            }
        }
        let need = Need::unless(handles.is_none() && objects.is_none());
        let controller = draft.controller("rdma", need, at);
        if let Some(controller) = controller.filter(|_| need == Need::Required) {
            draft.set(controller, need, at, Write::new("rdma.max", line));
        }
    }
}

/// Written as they stand, each line by itself, as nested-keyed files want it.
pub(super) fn add_unified(draft: &mut Draft<'_>, files: &[Unified]) {
    for Unified { file, value, at } in files {
        if draft.placement.v2().is_none() {
            draft.refuse(at, "`unified` needs cgroup v2, which is not mounted here");
            continue;
        }
        let name = file.split('.').next().unwrap_or_default();
        let controller = Controller {
            name: Cow::Owned(name.to_owned()),
            home: Home::V2,
        };
        for line in value.lines() {
            let write = Write::new(file.clone(), line);
            draft.set(controller.clone(), Need::Required, at, write);
        }
    }
}
