//! The change of identity: privileges only ever go down, and every step of it must succeed.

use nix::errno::Errno;

use super::{Fault, In, Outcome};
use crate::plan::identity::Identity;
use crate::protocol::Stage;
use crate::sys::identity::{self as kernel, Sets};

/// Becomes the container's user with its capabilities.
pub(super) fn assume(identity: &Identity) -> Outcome {
    let wanted = identity.capabilities;
    drop_bounding(wanted.bounding)?;
    kernel::keep_capabilities(true).stage(Stage::Capabilities)?;
    // Always, also for none: the caller's groups never stay.
    kernel::set_groups(&identity.groups).stage(Stage::Groups)?;
    kernel::set_gid(identity.gid).stage(Stage::Gid)?;
    kernel::set_uid(identity.uid).stage(Stage::Uid)?;
    kernel::clear_ambient().stage(Stage::Capabilities)?;
    kernel::set_capabilities(Sets {
        effective: wanted.effective,
        permitted: wanted.permitted,
        inheritable: wanted.inheritable,
    })
    .stage(Stage::Capabilities)?;
    for capability in bits(wanted.ambient) {
        kernel::raise_ambient(capability)
            .map_err(|errno| Fault::new(Stage::Capabilities, errno).item(capability))?;
    }
    if identity.no_new_privileges {
        kernel::set_no_new_privileges().stage(Stage::NoNewPrivileges)?;
    }
    Ok(())
}

/// Drops what is not in `keep` from the bounding set, up to the kernel's last capability.
fn drop_bounding(keep: u64) -> Outcome {
    for capability in bits(!keep) {
        match kernel::drop_from_bounding(capability) {
            // Beyond the kernel's last one; the numbers are dense.
            Err(Errno::EINVAL) => return Ok(()),
            other => other.map_err(|errno| Fault::new(Stage::Bounding, errno).item(capability))?,
        }
    }
    Ok(())
}

fn bits(mask: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bit| mask & (1 << bit) != 0)
}
