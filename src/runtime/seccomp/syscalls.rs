//! Numbers of system calls, by name.

use super::table::{NO, Row, SYSCALLS};
use crate::config::linux::seccomp::Architecture;

/// Set in every number of x32 (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;

/// A system call of at least one architecture.
#[derive(Clone, Copy, Debug)]
pub struct Syscall(&'static Row);

/// The system call `name`.
#[must_use]
pub fn find(name: &str) -> Option<Syscall> {
    let place = SYSCALLS
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()?;
    SYSCALLS.get(place).map(Syscall)
}

impl Syscall {
    /// Its number there.
    #[must_use]
    pub fn number(self, architecture: Architecture) -> Option<u32> {
        let [x86_64, x32, x86, aarch64, arm] = self.0.1;
        let number = match architecture {
            Architecture::X86_64 => x86_64,
            Architecture::X32 => x32,
            Architecture::X86 => x86,
            Architecture::Aarch64 => aarch64,
            Architecture::Arm => arm,
            Architecture::Foreign => NO,
        };
        let bit = if architecture == Architecture::X32 {
            X32_BIT
        } else {
            0
        };
        (number != NO).then_some(number | bit)
    }
}

/// System calls that only machines have for which there is no table: no news to anybody.
const ELSEWHERE: [&str; 19] = [
    "cachectl",
    "multiplexer",
    "riscv_flush_icache",
    "riscv_hwprobe",
    "rtas",
    "s390_guarded_storage",
    "s390_pci_mmio_read",
    "s390_pci_mmio_write",
    "s390_runtime_instr",
    "s390_sthyi",
    "spu_create",
    "spu_run",
    "subpage_prot",
    "swapcontext",
    "switch_endian",
    "sys_debug_setcontext",
    "syscall",
    "sysmips",
    "timerfd",
];

/// Whether some machine has, or once had, a system call of this name.
#[must_use]
pub fn is_known(name: &str) -> bool {
    find(name).is_some() || ELSEWHERE.contains(&name) || socket_call(name).is_some()
}

/// Number of the one system call through which x86 made all socket calls (socketcall(2)).
pub(super) const SOCKETCALL: u32 = 102;
/// The same for System V IPC (ipc(2)).
pub(super) const IPC: u32 = 117;

/// The old way of x86 to make a system call: the number it has in common with others, and the
/// value of the first argument that means it.
pub(super) fn multiplexed(name: &str) -> Option<(u32, u64)> {
    let ipc = |name| IPC_CALLS.iter().find(|(known, _)| *known == name);
    socket_call(name)
        .map(|number| (SOCKETCALL, number))
        .or_else(|| ipc(name).map(|(_, number)| (IPC, *number)))
}

fn socket_call(name: &str) -> Option<u64> {
    let place = SOCKET_CALLS.iter().position(|known| *known == name)?;
    Some(place as u64 + 1)
}

/// `SYS_*` of linux/net.h, from 1.
const SOCKET_CALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// linux/ipc.h
const IPC_CALLS: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];
