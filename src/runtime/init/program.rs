//! The program: found as the container's user, executed as the last act.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use super::{Fault, Outcome, Walk};
use crate::plan::Lookup;
use crate::protocol::Stage;
use crate::sys::file::{self, CURRENT, NO_MAGICLINKS, open_at};
use crate::sys::{exec, process};

/// Bytes of /etc/passwd that are looked at; more is no user database.
const PASSWD_MAX: usize = 1 << 20;

impl Walk<'_> {
    /// Chooses the first candidate that may be executed. Failing here, at create, rather than at
    /// start, is what engines expect.
    pub(super) fn find_program(&mut self) -> Outcome {
        let mut denied = None;
        for (number, candidate) in self.program.candidates.iter().enumerate() {
            match executable(candidate) {
                Ok(()) => {
                    self.chosen = number;
                    // No file is made from here on; a filter may follow that forbids umask(2).
                    process::set_umask(self.umask);
                    return Ok(());
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) if self.program.lookup == Lookup::Search => {}
                Err(errno) => {
                    denied.get_or_insert(Fault::from(errno).item(number as u32));
                }
            }
        }
        Err(denied.unwrap_or(Fault::new(Stage::NotInPath, Errno::ENOENT)))
    }

    pub(super) fn execute(&mut self) -> Outcome {
        let candidate = self
            .program
            .candidates
            .get(self.chosen)
            .ok_or(Errno::ENOENT)?;
        let errno = exec::execute(candidate, &self.program.argv, &self.program.envp);
        Err(Fault::from(errno).item(self.chosen as u32))
    }

    /// Fills in `HOME` from the container's /etc/passwd; `/` where it says nothing.
    pub(super) fn fill_home(&mut self) -> Outcome {
        let Some(place) = self.program.home else {
            return Ok(());
        };
        let mut home = Home {
            uid: self.program.uid,
            line: [0; LINE_MAX],
            length: 0,
            skip: false,
        };
        let found = open_passwd().is_some_and(|passwd| home.read(&passwd));
        let directory = if found { home.directory() } else { None };
        self.program.envp.append(
            place,
            directory.filter(|dir| !dir.is_empty()).unwrap_or(b"/"),
        );
        Ok(())
    }
}

fn executable(path: &CStr) -> Result<(), Errno> {
    if file::mode_of(path)? & libc::S_IFMT == libc::S_IFDIR {
        return Err(Errno::EISDIR);
    }
    file::access(path, libc::X_OK)
}

/// The image is hostile: a regular file only, opened without blocking.
fn open_passwd() -> Option<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let passwd = open_at(CURRENT, c"/etc/passwd", flags, 0, NO_MAGICLINKS).ok()?;
    let status = file::status(passwd.as_fd(), c"").ok()?;
    (status.file_type() == libc::S_IFREG).then_some(passwd)
}

/// Longest line that is understood.
const LINE_MAX: usize = 2048;

/// Reads passwd(5) line by line for one user, in a fixed buffer.
struct Home {
    uid: u32,
    line: [u8; LINE_MAX],
    length: usize,
    skip: bool,
}

impl Home {
    /// Whether the user was found; `line` then holds the user's line.
    fn read(&mut self, passwd: &OwnedFd) -> bool {
        let mut buffer = [0; 4096];
        let mut total = 0;
        while total < PASSWD_MAX {
            let Ok(length) = file::read(passwd.as_fd(), &mut buffer) else {
                return false;
            };
            for byte in buffer.get(..length).unwrap_or_default() {
                if self.take(*byte) {
                    return true;
                }
            }
            if length == 0 {
                return self.matches();
            }
            total += length;
        }
        false
    }

    /// One byte; true at the end of the user's line.
    fn take(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            if self.matches() {
                return true;
            }
            (self.length, self.skip) = (0, false);
        } else if let Some(place) = self.line.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        } else {
            self.skip = true;
        }
        false
    }

    fn field(&self, number: usize) -> Option<&[u8]> {
        self.line
            .get(..self.length)?
            .split(|byte| *byte == b':')
            .nth(number)
    }

    fn matches(&self) -> bool {
        let uid = self.field(2).and_then(|uid| std::str::from_utf8(uid).ok());
        !self.skip && uid.and_then(|uid| uid.parse().ok()) == Some(self.uid)
    }

    fn directory(&self) -> Option<&[u8]> {
        self.field(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_of(uid: u32, passwd: &str) -> Option<Vec<u8>> {
        let mut home = Home {
            uid,
            line: [0; LINE_MAX],
            length: 0,
            skip: false,
        };
        let found = passwd.bytes().any(|byte| home.take(byte)) || home.matches();
        found.then(|| home.directory().unwrap_or_default().to_vec())
    }

    #[test]
    fn the_home_is_that_of_the_number_never_of_a_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n1000:x:5:5::/five:\nu:x:1000:1000::/home/u:/bin/sh";
        assert_eq!(home_of(0, passwd).as_deref(), Some(&b"/root"[..]));
        assert_eq!(home_of(1000, passwd).as_deref(), Some(&b"/home/u"[..]));
        assert_eq!(home_of(7, passwd), None);
    }

    #[test]
    fn over_long_lines_are_passed_over() {
        let passwd = [
            "a".repeat(LINE_MAX).as_str(),
            ":x:3:3::/no:\nb:x:3:3::/yes:\n",
        ]
        .concat();
        assert_eq!(home_of(3, &passwd).as_deref(), Some(&b"/yes"[..]));
    }
}
