//! Device programs of cgroup v2: the part of bpf(2) that loads and attaches them.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::file::owned;
use super::{Result, check};

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;

/// The name of our programs.
const NAME: [u8; 16] = *b"saya_devices\0\0\0\0";
/// Where `struct bpf_prog_info` has the name.
const INFO_NAME: std::ops::Range<usize> = 64..80;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`, since Linux 4.15.
const TYPE_CGROUP_DEVICE: u32 = 15;
/// `BPF_CGROUP_DEVICE`
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: beside those of the cgroups above and below; all must agree.
const ALLOW_MULTI: u32 = 2;

/// One instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u8,
    /// Destination register in the low, source register in the high four bits.
    pub registers: u8,
    /// Jump distance or memory offset.
    pub offset: i16,
    /// Immediate operand.
    pub immediate: i32,
}

/// `struct { … } /* BPF_PROG_LOAD */` up to `prog_name`.
#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// `struct { … } /* BPF_PROG_ATTACH, BPF_PROG_DETACH */`
#[repr(C)]
#[derive(Default)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// `struct { … } /* BPF_PROG_QUERY */`, whole: since Linux 6.17 the kernel writes `revision` even
/// when told of a shorter one.
#[repr(C)]
#[derive(Default)]
struct Query {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
    program_flags: u64,
    link_ids: u64,
    link_flags: u64,
    revision: u64,
}

/// `struct { … } /* BPF_OBJ_GET_INFO_BY_FD */`
#[repr(C)]
struct InfoByFd {
    program: u32,
    length: u32,
    info: u64,
}

/// The first part of `struct bpf_prog_info`, aligned as that.
#[repr(C, align(8))]
struct Info([u8; 80]);

/// `struct { … } /* BPF_*_GET_FD_BY_ID */`
#[repr(C)]
#[derive(Default)]
struct ById {
    id: u32,
    next_id: u32,
    flags: u32,
    padding: u32,
}

/// bpf(2) with an attribute that may hold pointers.
///
/// # Safety
/// Every pointer in `attribute` is valid for what `command` does with it.
unsafe fn bpf<T>(command: libc::c_int, attribute: &mut T) -> Result<libc::c_long> {
    // SAFETY: attribute is a prefix of union bpf_attr, of the size given; for its pointers the
    // caller answers.
    check(unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attribute),
            size_of::<T>(),
        )
    })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// Loads a device program (`BPF_PROG_LOAD`). Needs no RLIMIT_MEMLOCK since Linux 5.11.
///
/// # Errors
/// `EPERM` without CAP_BPF and CAP_NET_ADMIN or CAP_SYS_ADMIN; `EINVAL` or `EACCES` from the
/// verifier; `E2BIG` for a program that is too long.
pub fn load_device_program(program: &[Instruction]) -> Result<OwnedFd> {
    let mut attribute = Load {
        prog_type: TYPE_CGROUP_DEVICE,
        instruction_count: u32::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        name: NAME,
        ..Load::default()
    };
    // SAFETY: the program is readable for its length and the licence ends with NUL.
    unsafe { bpf(PROG_LOAD, &mut attribute) }.map(owned)
}

/// Attaches a device program to the cgroup `directory` (`BPF_PROG_ATTACH`), beside others.
///
/// # Errors
/// `EPERM` where one above is attached exclusively; `EBADF` for no v2 cgroup; `E2BIG` above 64
/// programs.
pub fn attach_device_program(directory: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let mut attribute = Attach {
        target: number(directory),
        program: number(program),
        attach_type: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: no pointers in the attribute.
    unsafe { bpf(PROG_ATTACH, &mut attribute) }.map(drop)
}

/// Detaches a device program from the cgroup `directory` (`BPF_PROG_DETACH`).
///
/// # Errors
/// `ENOENT` where it is not attached.
pub fn detach_device_program(directory: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let mut attribute = Attach {
        target: number(directory),
        program: number(program),
        attach_type: ATTACH_CGROUP_DEVICE,
        flags: 0,
    };
    // SAFETY: no pointers in the attribute.
    unsafe { bpf(PROG_DETACH, &mut attribute) }.map(drop)
}

/// Ids of the device programs attached to the cgroup `directory` itself (`BPF_PROG_QUERY`).
///
/// # Errors
/// As bpf(2).
pub fn attached_device_programs(directory: BorrowedFd<'_>) -> Result<Vec<u32>> {
    // The kernel attaches at most 64 to one cgroup.
    let mut ids = vec![0_u32; 64];
    let mut attribute = Query {
        target: number(directory),
        attach_type: ATTACH_CGROUP_DEVICE,
        ids: ids.as_mut_ptr() as u64,
        count: 64,
        ..Query::default()
    };
    // SAFETY: ids is writable for count words.
    unsafe { bpf(PROG_QUERY, &mut attribute) }?;
    ids.truncate(attribute.count as usize);
    Ok(ids)
}

/// Whether [`load_device_program`] has made a program, by its name (`BPF_OBJ_GET_INFO_BY_FD`).
///
/// # Errors
/// As bpf(2).
pub fn is_ours(program: BorrowedFd<'_>) -> Result<bool> {
    let mut info = Info([0; 80]);
    let mut attribute = InfoByFd {
        program: number(program),
        length: size_of::<Info>() as u32,
        info: (&raw mut info) as u64,
    };
    // SAFETY: info is writable for its length; asked for no lists, the kernel follows no pointer
    // in it.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attribute) }?;
    Ok(info.0.get(INFO_NAME) == Some(&NAME[..]))
}

/// Opens an attached program (`BPF_PROG_GET_FD_BY_ID`).
///
/// # Errors
/// `ENOENT` when it is gone; `EPERM` without CAP_SYS_ADMIN.
pub fn open_program(id: u32) -> Result<OwnedFd> {
    let mut attribute = ById {
        id,
        ..ById::default()
    };
    // SAFETY: no pointers in the attribute.
    unsafe { bpf(PROG_GET_FD_BY_ID, &mut attribute) }.map(owned)
}
