//! Other device rules for processes that are there.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::list::List;
use super::{Others, attach, controls_devices, hinted, with_defaults, write_list};
use crate::cgroup::create::Cgroup;
use crate::cgroup::files::{at, open_file, read_list};
use crate::cgroup::placement::Directory;
use crate::config::{DeviceAccess, DeviceRule};
use crate::error::{Context, Doing, Error, Kind, Result};
use crate::sys::file;

impl Cgroup {
    /// Replaces the device rules by `new`, with the defaults behind them. An access that both the
    /// old and the new rules deny is denied all the time. `old` are the rules in force, if they
    /// are known: v1's kernel does not show all of them.
    ///
    /// # Errors
    /// Rules that the v1 controller cannot express, or not come to without allowing everything
    /// for a moment; no cgroup with device rules; what the kernel refused.
    pub fn replace_device_rules(
        &self,
        old: Option<&[DeviceRule]>,
        new: &[DeviceRule],
    ) -> Result<()> {
        if self.directories.is_empty() {
            // The driver is disabled: the rules of the cgroup we are in hold.
            return Ok(());
        }
        let new = with_defaults(new);
        if let Some(opened) = self.directories.iter().find(|o| controls_devices(o)) {
            let to = List::new(&new)?;
            let (place, fd) = (&opened.place, opened.fd.as_fd());
            return match in_force(place, fd, old)?.change(&to) {
                Some(change) => {
                    write_entries(place, fd, c"devices.deny", &change.deny)?;
                    write_entries(place, fd, c"devices.allow", &change.allow)
                }
                None if to.default == DeviceAccess::Allow && !to.exceptions.is_empty() => {
                    Err(unreachable(&new))
                }
                None => write_list(place, fd, &to),
            };
        }
        let Some(opened) = self.directories.iter().find(|o| o.place.is_v2()) else {
            let why = "the container is in no cgroup that has device rules";
            return Err(Error::new(Kind::System, "replace the device rules", why));
        };
        attach(opened.fd.as_fd(), &new, Others::of(self.placement.driver))
            .at(Path::new(&opened.place.host_path()))
            .during("replace the device rules")
    }
}

/// The list in force. Exceptions from "everything" that nobody knows stay as they are.
fn in_force(place: &Directory, fd: BorrowedFd<'_>, old: Option<&[DeviceRule]>) -> Result<List> {
    let text = at(
        read_list(fd, c"devices.list"),
        "read the device rules",
        place,
    )?;
    if let Some(list) = List::shown(&text) {
        return Ok(list);
    }
    let known = old.and_then(|rules| List::new(&with_defaults(rules)).ok());
    let known = known.filter(|list| list.default == DeviceAccess::Allow);
    Ok(known.unwrap_or(List {
        default: DeviceAccess::Allow,
        exceptions: Vec::new(),
    }))
}

fn write_entries(
    place: &Directory,
    fd: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    entries: &[super::list::Exception],
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let file = at(
        open_file(fd, name, libc::O_WRONLY),
        "open the list of device rules",
        place,
    )?;
    for entry in entries {
        file::write_once(file.as_fd(), entry.to_string().as_bytes())
            .doing(format!("write the device rule `{entry}`"))
            .at(&entry.at)
            .map_err(hinted)?;
    }
    Ok(())
}

fn unreachable(rules: &[DeviceRule]) -> Error {
    let why = "cgroup v1 comes to it only through a moment in which everything is allowed";
    let error = Error::new(
        Kind::Unsupported,
        "allow all devices but some in an update",
        why,
    );
    match rules.first() {
        Some(rule) => error.at(&rule.at),
        None => error,
    }
}
