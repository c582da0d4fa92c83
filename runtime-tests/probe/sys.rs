//! The probe's kernel calls, one function each: all of its `unsafe`.
#![allow(unsafe_code)] // The one module of the probe that may call the kernel.

use std::ffi::CString;
use std::io::{self, Error};
use std::mem::MaybeUninit;

fn check(ret: i64) -> io::Result<i64> {
    if ret < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(ret)
    }
}

/// Blocks until a signal ends the process.
pub(crate) fn pause_forever() -> ! {
    loop {
        // SAFETY: pause has no arguments.
        unsafe { libc::pause() };
    }
}

/// Real, effective, saved uid, then the same of gid; getresuid(2).
pub(crate) fn ids() -> [u32; 6] {
    let mut ids = [u32::MAX; 6];
    let [a, b, c, d, e, f] = &mut ids;
    // SAFETY: six distinct integers for the kernel to fill.
    unsafe {
        libc::getresuid(a, b, c);
        libc::getresgid(d, e, f);
    }
    ids
}

/// Supplementary groups, getgroups(2).
pub(crate) fn groups() -> io::Result<Vec<u32>> {
    let mut list = vec![0; 65_536];
    // SAFETY: the length is the number of elements of the live buffer.
    let n = check(unsafe { libc::getgroups(65_536, list.as_mut_ptr()) }.into())?;
    list.truncate(usize::try_from(n).unwrap_or(0));
    Ok(list)
}

/// The umask, which can only be read by setting it; umask(2).
pub(crate) fn umask() -> u32 {
    // SAFETY: umask takes and gives an integer; the second call puts it back.
    unsafe {
        let old = libc::umask(0o77);
        libc::umask(old);
        old
    }
}

/// (soft, hard) limit of a resource, prlimit(2).
pub(crate) fn limit(resource: u32) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: one rlimit for the kernel to fill.
    check(unsafe { libc::getrlimit(resource as _, &mut limit) }.into())?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// A prctl(2) that takes no argument.
pub(crate) fn prctl(option: i32) -> io::Result<i64> {
    // SAFETY: only options without pointer arguments are passed in.
    check(unsafe { libc::prctl(option, 0, 0, 0, 0) }.into())
}

/// The signal this process gets when its parent ends, PR_GET_PDEATHSIG of prctl(2).
pub(crate) fn parent_death_signal() -> io::Result<i32> {
    let mut signal = -1;
    // SAFETY: PR_GET_PDEATHSIG fills one int.
    check(unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &mut signal) }.into())?;
    Ok(signal)
}

/// The execution domain, personality(2) with the query value.
pub(crate) fn personality() -> io::Result<i64> {
    // SAFETY: 0xffffffff only asks.
    check(unsafe { libc::personality(0xffff_ffff) }.into())
}

/// I/O priority of this process, ioprio_get(2): class << 13 | level.
pub(crate) fn io_priority() -> io::Result<i64> {
    // SAFETY: two integers: IOPRIO_WHO_PROCESS and "this one".
    check(unsafe { libc::syscall(libc::SYS_ioprio_get, 1, 0) })
}

/// The kernel's `struct sched_attr`, sched_setattr(2).
#[repr(C)]
#[derive(Default, Debug, Clone, Copy)]
pub(crate) struct SchedAttr {
    pub(crate) size: u32,
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// Scheduling attributes, sched_getattr(2).
pub(crate) fn scheduler() -> io::Result<SchedAttr> {
    let mut attr = SchedAttr::default();
    let size = u32::try_from(size_of::<SchedAttr>()).unwrap_or(0);
    // SAFETY: the struct is as long as the size passed with it.
    check(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &mut attr, size, 0) })?;
    Ok(attr)
}

/// CPUs this process may run on, sched_getaffinity(2).
pub(crate) fn affinity() -> io::Result<Vec<usize>> {
    let mut mask = [0u64; 16];
    // SAFETY: the length in bytes is that of the live buffer.
    check(unsafe {
        libc::syscall(
            libc::SYS_sched_getaffinity,
            0,
            size_of_val(&mask),
            mask.as_mut_ptr(),
        )
    })?;
    let has = |cpu: &usize| {
        mask.get(cpu / 64)
            .is_some_and(|word| word & (1 << (cpu % 64)) != 0)
    };
    Ok((0..1024).filter(has).collect())
}

/// (mode with flags, nodes) of the memory policy, get_mempolicy(2).
pub(crate) fn memory_policy() -> io::Result<(i32, Vec<usize>)> {
    let mut mode = 0;
    let mut nodes = [0u64; 16];
    // SAFETY: an int and a mask of 1024 bits to fill; no address is asked for.
    check(unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &mut mode,
            nodes.as_mut_ptr(),
            1024,
            0,
            0,
        )
    })?;
    let has = |node: &usize| {
        nodes
            .get(node / 64)
            .is_some_and(|w| w & (1 << (node % 64)) != 0)
    };
    Ok((mode, (0..1024).filter(has).collect()))
}

/// Node and domain name, uname(2).
pub(crate) fn names() -> io::Result<(String, String, String)> {
    let mut uts = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: one utsname for the kernel to fill.
    check(unsafe { libc::uname(uts.as_mut_ptr()) }.into())?;
    // SAFETY: uname succeeded and filled it.
    let uts = unsafe { uts.assume_init() };
    let text = |field: &[libc::c_char]| {
        let bytes = field
            .iter()
            .map(|c| c.cast_unsigned())
            .take_while(|c| *c != 0);
        String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
    };
    Ok((
        text(&uts.nodename),
        text(&uts.domainname),
        text(&uts.machine),
    ))
}

/// A clock in nanoseconds, clock_gettime(2).
pub(crate) fn clock(id: i32) -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: one timespec for the kernel to fill.
    unsafe { libc::clock_gettime(id, &mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Size of the terminal behind an fd: (rows, columns).
pub(crate) fn window_size(fd: i32) -> Option<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ fills one winsize.
    let ret = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) };
    (ret == 0).then_some((size.ws_row, size.ws_col))
}

/// Serial number of the session keyring, keyctl(2) KEYCTL_GET_KEYRING_ID.
pub(crate) fn session_keyring() -> io::Result<i64> {
    // SAFETY: integers only; KEY_SPEC_SESSION_KEYRING is -3, do not create.
    check(unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) })
}

/// Description of a key: `type;uid;gid;perm;name`, keyctl(2) KEYCTL_DESCRIBE.
pub(crate) fn describe_key(serial: i64) -> io::Result<String> {
    let mut text = [0u8; 512];
    // SAFETY: buffer and its length.
    let n = check(unsafe {
        libc::syscall(libc::SYS_keyctl, 6, serial, text.as_mut_ptr(), text.len())
    })?;
    let n = usize::try_from(n).unwrap_or(1).saturating_sub(1);
    Ok(String::from_utf8_lossy(&text[..n.min(text.len())]).into_owned())
}

/// Process group and session of this process.
pub(crate) fn group_and_session() -> (i32, i32) {
    // SAFETY: no pointers; 0 is this process.
    unsafe { (libc::getpgid(0), libc::getsid(0)) }
}

/// Blocks every signal that can be blocked; the set, for [`next_signal`].
pub(crate) fn block_all() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigfillset fills the set, which sigprocmask then reads.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
        set.assume_init()
    }
}

/// Waits for one of the blocked signals, sigwaitinfo(2).
pub(crate) fn next_signal(set: &libc::sigset_t) -> i32 {
    // SAFETY: the set is initialised and no siginfo is asked for.
    unsafe { libc::sigwaitinfo(set, std::ptr::null_mut()) }
}

/// Ignores a signal, signal(2).
pub(crate) fn ignore(signal: i32) {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// `UFFDIO_API` and `UFFDIO_REGISTER` of linux/userfaultfd.h.
const UFFDIO: [libc::Ioctl; 2] = [
    0xc018_aa3f_u32 as libc::Ioctl,
    0xc020_aa00_u32 as libc::Ioctl,
];

/// Hangs in a system call that only SIGKILL ends, and no freezer: the kernel is to write to a page
/// which nobody will ever provide, userfaultfd(2). Calls `said` just before.
pub(crate) fn hang_in_the_kernel(said: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let failed = |what: &str| format!("{what}: {}", Error::last_os_error());
    // SAFETY: integers and a null pointer.
    let (page, uffd) = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let page = libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0);
        (page, libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC))
    };
    let uffd = i32::try_from(uffd).unwrap_or(-1);
    let mut api = [0xaa_u64, 0, 0];
    // Start, length, mode "missing", and the answer.
    let mut range = [page as u64, 4096, 1, 0];
    for (request, argument) in UFFDIO
        .into_iter()
        .zip([api.as_mut_ptr(), range.as_mut_ptr()])
    {
        // SAFETY: both structs are as long as the requests say.
        check(unsafe { libc::ioctl(uffd, request, argument) }.into())
            .map_err(|_| failed("userfaultfd"))?;
    }
    said()?;
    // SAFETY: the page is ours and mapped; the kernel writes to it.
    unsafe { libc::getrandom(page, 1, 0) };
    Err("the page was provided".to_owned())
}

/// Makes a device node, mknod(2).
pub(crate) fn make_node(path: &str, mode: u32, major: u32, minor: u32) -> io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: the path is NUL-terminated and lives during the call.
    check(unsafe { libc::mknod(path.as_ptr(), mode, libc::makedev(major, minor)) }.into()).map(drop)
}

/// Forks; true in the child.
pub(crate) fn fork() -> io::Result<bool> {
    // SAFETY: this program has one thread.
    Ok(check(unsafe { libc::fork() }.into())? == 0)
}

/// Forks a child that sleeps until it is killed; its pid.
pub(crate) fn fork_sleeper() -> io::Result<i32> {
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        pause_forever();
    }
    check(pid.into()).map(|_| pid)
}

/// Kills a child and takes its status, kill(2) and waitpid(2).
pub(crate) fn end_child(pid: i32) {
    // SAFETY: plain integers; no status is asked for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

/// A system call by number.
pub(crate) fn raw([number, a, b, c, d, e, f]: [u64; 7]) -> io::Result<i64> {
    // SAFETY: none but the caller knows; it passes numbers, no pointers of ours.
    check(unsafe { libc::syscall(number as libc::c_long, a, b, c, d, e, f) })
}

/// A system call of i386 with up to three arguments: what the kernel returns.
#[cfg(target_arch = "x86_64")]
pub(crate) fn interrupt_80([number, a, b, c, ..]: [u32; 7]) -> Option<i32> {
    let returned: i32;
    // SAFETY: the call takes numbers only; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) u64::from(a) => _,
            inlateout("eax") number => returned,
            in("ecx") b,
            in("edx") c,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    Some(returned)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn interrupt_80(_: [u32; 7]) -> Option<i32> {
    None
}
