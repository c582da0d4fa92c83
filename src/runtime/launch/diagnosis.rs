//! Why a program cannot be executed: the file itself says what the errno does not.
//!
//! Looks at the container through the root and working directory of its waiting process, which
//! the host's /proc links. The file is the image's, so it is hostile: regular files only, opened
//! in the root without blocking, a bounded part read.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use crate::sys::file::{self, IN_ROOT, NO_MAGICLINKS, open_at};

/// Bytes of the program that are looked at: an ELF header and its program headers, or a `#!` line.
const HEAD: usize = 4096;
const ELF_MAGIC: &[u8] = b"\x7fELF";
const ET_64: u8 = 2;
const PT_INTERP: u32 = 3;
const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
/// The machine this runtime is built for, hence runs on.
const OWN_MACHINE: u16 = if cfg!(target_arch = "aarch64") {
    EM_AARCH64
} else {
    EM_X86_64
};
/// Machines that people mix up, by e_machine.
const MACHINES: [(u16, &str); 9] = [
    (EM_386, "x86"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "ppc64"),
    (22, "s390x"),
    (40, "arm"),
    (EM_X86_64, "x86_64"),
    (EM_AARCH64, "aarch64"),
    (243, "riscv64"),
];

/// What is wrong with a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

fn diagnosis(why: impl Into<String>, hint: Option<&str>) -> Option<Diagnosis> {
    Some(Diagnosis {
        why: why.into(),
        hint: hint.map(str::to_owned),
    })
}

/// Why `path` cannot be executed by the process `pid`; `None` where the errno says it all.
pub(super) fn of(pid: libc::pid_t, path: &str, errno: Errno) -> Option<Diagnosis> {
    let container = Container::open(pid, path)?;
    match errno {
        Errno::EACCES => container.access(),
        Errno::ENOENT | Errno::ENOEXEC | Errno::ELIBBAD => container.contents(errno),
        _ => None,
    }
}

struct Container {
    root: OwnedFd,
    /// Absolute in the container.
    path: String,
    uid: u32,
    gids: Vec<u32>,
}

impl Container {
    fn open(pid: libc::pid_t, path: &str) -> Option<Self> {
        let link = CString::new(format!("/proc/{pid}/root")).ok()?;
        let root = file::open(&link, libc::O_PATH | libc::O_DIRECTORY).ok()?;
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            format!("{}/{path}", relative_to_root(pid, &cwd.to_string_lossy()))
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let ids = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or("")
                .split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect()
        };
        let mut gids = ids("Groups:");
        gids.extend(ids("Gid:").get(1));
        Some(Self {
            root,
            path,
            uid: *ids("Uid:").get(1)?,
            gids,
        })
    }

    fn handle(&self, path: &str, flags: i32) -> Result<OwnedFd, Errno> {
        let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
        open_at(self.root.as_fd(), &path, flags, 0, IN_ROOT | NO_MAGICLINKS)
    }

    /// EACCES: a directory on the way, the file's mode, or the mount.
    fn access(&self) -> Option<Diagnosis> {
        for (end, _) in self.path.match_indices('/').skip(1) {
            let dir = self.path.get(..end)?;
            let handle = self.handle(dir, libc::O_PATH).ok()?;
            let status = file::status(handle.as_fd(), c"").ok()?;
            if !self.may_execute(&status) {
                let mode = status.mode & 0o7777;
                let why = format!("user {} may not enter `{dir}` (mode {mode:04o})", self.uid);
                return diagnosis(
                    why,
                    Some("give the directory the x permission for this user"),
                );
            }
        }
        let handle = self.handle(&self.path, libc::O_PATH).ok()?;
        let status = file::status(handle.as_fd(), c"").ok()?;
        if status.file_type() != libc::S_IFREG {
            return diagnosis("it is not a regular file", None);
        }
        if !self.may_execute(&status) {
            let mode = status.mode & 0o7777;
            let why = format!(
                "it is not executable for user {} (mode {mode:04o})",
                self.uid
            );
            return diagnosis(why, Some("chmod +x it in the image"));
        }
        if fstatvfs(&handle).ok()?.flags().contains(FsFlags::ST_NOEXEC) {
            return diagnosis(
                "its file system is mounted noexec",
                Some("drop the noexec option"),
            );
        }
        self.contents(Errno::EACCES)
    }

    /// By the permission bits, as without CAP_DAC_OVERRIDE; root needs any x bit at least.
    fn may_execute(&self, status: &file::Status) -> bool {
        let bits = if status.uid == self.uid {
            0o100
        } else if self.gids.contains(&status.gid) {
            0o010
        } else {
            0o001
        };
        let any_for_root = self.uid == 0 && status.mode & 0o111 != 0;
        status.mode & bits != 0 || any_for_root || (self.uid == 0 && status.is_dir())
    }

    /// ENOENT of a file that is there, or ENOEXEC: its first bytes tell.
    fn contents(&self, errno: Errno) -> Option<Diagnosis> {
        let handle = self.handle(&self.path, libc::O_PATH).ok()?;
        if file::status(handle.as_fd(), c"").ok()?.file_type() != libc::S_IFREG {
            return None;
        }
        let fd = self
            .handle(
                &self.path,
                libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
            )
            .ok()?;
        let mut head = vec![0; HEAD];
        let length = read_up_to(fd.as_fd(), &mut head);
        let head = head.get(..length)?;
        if head.starts_with(b"#!") {
            return self.script(head, errno);
        }
        if head.starts_with(ELF_MAGIC) {
            return self.elf(head);
        }
        match (head.is_empty(), errno) {
            (true, _) => diagnosis("the file is empty", None),
            (_, Errno::ENOEXEC) => diagnosis(
                "it is neither an ELF program nor a script with a `#!` line",
                Some("begin the script with `#!/bin/sh` or name its interpreter in args"),
            ),
            _ => None,
        }
    }

    fn script(&self, head: &[u8], errno: Errno) -> Option<Diagnosis> {
        let line = head.get(2..)?.split(|byte| *byte == b'\n').next()?;
        let text = String::from_utf8_lossy(line);
        if text.ends_with('\r') {
            let why = "its `#!` line ends in CRLF (a Windows line ending)";
            return diagnosis(why, Some("convert the script with `sed -i 's/\\r$//'`"));
        }
        let interpreter = text.split_whitespace().next().unwrap_or("");
        if interpreter.is_empty() {
            return diagnosis("its `#!` line names no interpreter", None);
        }
        match self.handle(interpreter, libc::O_PATH) {
            Err(_) => {
                let why =
                    format!("its interpreter `{interpreter}` does not exist in the container");
                diagnosis(why, Some("install the interpreter in the image"))
            }
            Ok(_) if errno == Errno::EACCES => diagnosis(
                format!("its interpreter `{interpreter}` may not be executed"),
                None,
            ),
            Ok(_) => None,
        }
    }

    fn elf(&self, head: &[u8]) -> Option<Diagnosis> {
        let other = machine(head)?;
        if other != OWN_MACHINE && !(OWN_MACHINE == EM_X86_64 && other == EM_386) {
            let (theirs, ours) = (name(other), name(OWN_MACHINE));
            let why = format!("it is built for {theirs}, this machine is {ours}");
            return diagnosis(why, Some("use an image of this machine's architecture"));
        }
        let loader = interpreter(head)?;
        match self.handle(&loader, libc::O_PATH) {
            Err(_) => {
                let why = format!("its dynamic loader `{loader}` does not exist in the container");
                diagnosis(
                    why,
                    Some("the program wants another C library, or to be static"),
                )
            }
            Ok(_) => None,
        }
    }
}

/// A directory's path as the container's process sees it: /proc/PID/cwd shows it from the root of
/// its mount namespace, below which a chroot may lie.
fn relative_to_root(pid: libc::pid_t, cwd: &str) -> String {
    let root = fs::read_link(format!("/proc/{pid}/root")).unwrap_or_default();
    let root = root.to_string_lossy();
    let below = if root == "/" {
        None
    } else {
        cwd.strip_prefix(&*root)
    };
    below.unwrap_or(cwd).trim_end_matches('/').to_owned()
}

fn read_up_to(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file::read(fd, rest) {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
    }
    length
}

fn name(machine: u16) -> String {
    let known = MACHINES.iter().find(|(number, _)| *number == machine);
    known.map_or_else(
        || format!("machine {machine}"),
        |(_, name)| (*name).to_owned(),
    )
}

fn bytes<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// e_machine of an ELF header, in its own byte order (elf(5)).
fn machine(head: &[u8]) -> Option<u16> {
    let field = bytes::<2>(head, 18)?;
    Some(if head.get(5) == Some(&2) {
        u16::from_be_bytes(field)
    } else {
        u16::from_le_bytes(field)
    })
}

/// PT_INTERP of a little-endian 64-bit ELF file; `None` for a static one.
fn interpreter(head: &[u8]) -> Option<String> {
    if head.get(4) != Some(&ET_64) {
        return None;
    }
    let table = usize::try_from(u64::from_le_bytes(bytes(head, 32)?)).ok()?;
    let size = usize::from(u16::from_le_bytes(bytes(head, 54)?));
    let count = usize::from(u16::from_le_bytes(bytes(head, 56)?));
    (0..count).find_map(|number| {
        let header = table.checked_add(number.checked_mul(size)?)?;
        if u32::from_le_bytes(bytes(head, header)?) != PT_INTERP {
            return None;
        }
        let at = usize::try_from(u64::from_le_bytes(bytes(head, header.checked_add(8)?)?)).ok()?;
        let text = head.get(at..)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_program_is_of_this_machine() {
        let own = fs::read("/proc/self/exe").unwrap();
        assert!(own.starts_with(ELF_MAGIC));
        assert_eq!(machine(&own), Some(OWN_MACHINE));
    }

    #[test]
    fn a_truncated_header_is_no_panic() {
        let own = fs::read("/proc/self/exe").unwrap();
        for length in 0..200 {
            let _ = (machine(&own[..length]), interpreter(&own[..length]));
        }
    }
}
