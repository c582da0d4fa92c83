//! Changing the limits of a container that exists: all of them, or none.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use super::apply::in_some_order;
use super::controllers;
use super::create::Cgroup;
use super::files::{c_string, read, write};
use super::settings::{Home, Setting};
use super::undo::old_text;
use crate::error::Result;

/// What was changed, so that it can be put back.
#[derive(Debug)]
#[must_use]
pub struct Changed<'c> {
    files: Vec<Old<'c>>,
}

/// What a file was.
#[derive(Debug)]
struct Old<'c> {
    directory: BorrowedFd<'c>,
    file: CString,
    text: String,
}

impl Cgroup {
    /// Writes all of `settings`, whatever their moment: the container's processes are there.
    ///
    /// # Errors
    /// The first setting that the kernel refused, at its field. What was changed before has been
    /// put back then.
    pub fn update(&self, settings: &[Setting]) -> Result<Changed<'_>> {
        if settings.iter().any(|setting| setting.home == Home::V2) {
            let v2 = self.directories.iter().find(|opened| opened.place.is_v2());
            if let Some(opened) = v2 {
                controllers::enable(opened.fd.as_fd(), &opened.place, settings)?;
            }
        }
        let mut changed = Changed { files: Vec::new() };
        let updated = in_some_order(settings.iter(), |setting| {
            let old = self.old(setting);
            self.set(setting)?;
            changed.files.extend(old);
            Ok(())
        });
        match updated {
            Ok(()) => Ok(changed),
            Err(error) => Err(changed.put_back(error)),
        }
    }

    /// How the file that will be written is now.
    fn old(&self, setting: &Setting) -> Option<Old<'_>> {
        let directory = self.home(setting)?;
        setting.writes.iter().find_map(|wanted| {
            let file = c_string(&wanted.file).ok()?;
            let before = read(directory, &file).ok()?;
            let text = old_text(&wanted.file, &wanted.value, &before)?;
            Some(Old {
                directory,
                file,
                text,
            })
        })
    }
}

impl Changed<'_> {
    /// Makes all files as they were, after `error`; returns it, with those that could not be made
    /// so. The last change is undone first: each step back leads to limits that were in force
    /// together before.
    pub fn put_back(self, error: crate::error::Error) -> crate::error::Error {
        let files = self.files.into_iter().rev();
        let kept: Vec<_> = files
            .filter(|old| write(old.directory, &old.file, &old.text).is_err())
            .map(|old| old.file.to_string_lossy().into_owned())
            .collect();
        if kept.is_empty() {
            return error;
        }
        let list = kept.join(", ");
        error.during(format!("the old value of {list} cannot be put back, after"))
    }
}
