//! The foreground loop against real children, pseudoterminals and signals.

use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread::{JoinHandle, spawn};

use nix::fcntl::OFlag;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::raise;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::sys::time::TimeValLike;
use nix::unistd::pipe;

use super::*;
use crate::sys::exec::{StringArray, execute};
use crate::sys::tty::Size;
use crate::sys::{clone, file, process, tty};
use crate::terminal::HostConsole;

/// A shell on the given streams, in a session of its own; with a terminal, it controls it.
fn shell(script: &str, streams: [BorrowedFd<'_>; 3]) -> Child {
    let path = CString::new("/bin/sh").unwrap();
    let argv = StringArray::new(["sh", "-c", script]);
    let envp = StringArray::new(["PATH=/bin:/usr/bin"]);
    clone::spawn(0, None, || {
        let _ = process::new_session();
        // A test that fails leaves nothing.
        let _ = process::set_parent_death_signal(libc::SIGKILL);
        let _ = tty::set_controlling(streams[0]);
        for (number, stream) in (0..).zip(streams) {
            let _ = file::replace_stream(stream, number);
        }
        let _ = file::close_on_exec_from(3);
        process::default_signals(u64::MAX);
        process::unblock_signals();
        let _ = execute(&path, &argv, &envp);
        process::exit_now(127)
    })
    .unwrap()
}

fn null() -> File {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).open("/dev/null").unwrap()
}

/// Runs a script without a terminal; `signals` are sent to us once it says it is ready.
fn run_plainly(script: &str, signals: &[Signal]) -> End {
    let (ready, output) = pipe().unwrap();
    let null = null();
    let child = shell(script, [null.as_fd(), output.as_fd(), null.as_fd()]);
    drop(output);
    let mut foreground = Foreground::new(Orphans::Leave).unwrap();
    if !signals.is_empty() {
        let mut line = String::new();
        BufReader::new(File::from(ready))
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
    }
    for signal in signals {
        raise(*signal).unwrap();
    }
    foreground.supervise(&child, None).unwrap()
}

#[test]
fn the_end_of_the_child_is_told_exactly() {
    assert_eq!(run_plainly("exit 3", &[]), End::Code(3));
    assert_eq!(run_plainly("kill -KILL $$", &[]), End::Signal(9));
    assert_eq!(run_plainly("kill -35 $$", &[]), End::Signal(35));
}

#[test]
fn signals_go_to_the_child() {
    let script = "trap 'exit 5' TERM; echo ready; while :; do :; done";
    assert_eq!(run_plainly(script, &[Signal::SIGTERM]), End::Code(5));
    let script = "trap 'got=1' HUP; trap 'exit 6$got' USR1; echo ready; while :; do :; done";
    assert_eq!(
        run_plainly(script, &[Signal::SIGHUP, Signal::SIGUSR1]),
        End::Code(61)
    );
}

#[test]
fn signals_that_mean_us_are_kept_from_the_child() {
    // SIGWINCH would interrupt the wait with a status above 128, SIGCHLD is the child's own affair.
    let script = "trap 'exit 9' WINCH; trap 'exit 8' INT; echo ready; while :; do :; done";
    let ended = run_plainly(script, &[Signal::SIGWINCH, Signal::SIGCHLD, Signal::SIGINT]);
    assert_eq!(ended, End::Code(8));
}

#[test]
fn the_signal_mask_is_restored() {
    let before = SigSet::thread_get_mask().unwrap();
    let foreground = Foreground::new(Orphans::Leave).unwrap();
    assert!(SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    drop(foreground);
    assert_eq!(SigSet::thread_get_mask().unwrap(), before);
}

/// A script on a pseudoterminal, relayed to a host terminal in another thread.
struct Attached {
    thread: JoinHandle<(End, i64)>,
    /// The user's side of the host terminal.
    user: File,
    /// The host terminal itself.
    console: OwnedFd,
    pidfd: OwnedFd,
}

fn attach(script: &str, stdin: Option<OwnedFd>, stdout: Option<OwnedFd>) -> Attached {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    tty::clear_onlcr(slave.as_fd()).unwrap();
    let child = shell(script, [slave.as_fd(); 3]);
    drop(slave);
    let host = openpty(None, None).unwrap();
    tty::set_size(
        host.master.as_fd(),
        Size {
            rows: 33,
            columns: 77,
        },
    )
    .unwrap();
    let console = host.slave;
    let terminal = Terminal {
        console: HostConsole::new(console.as_fd()).unwrap(),
        master,
    };
    let stdin = stdin.unwrap_or_else(|| console.try_clone().unwrap());
    let stdout = stdout.unwrap_or_else(|| console.try_clone().unwrap());
    let pidfd = child.pidfd.try_clone().unwrap();
    let thread = spawn(move || {
        let mut foreground = Foreground::new(Orphans::Leave).unwrap();
        let session = Session::new(terminal, stdin.as_fd(), stdout.as_fd()).unwrap();
        drop((stdin, stdout));
        let ended = foreground.attend(&child, Some(session)).unwrap();
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let busy = usage.user_time() + usage.system_time();
        (ended, busy.num_milliseconds())
    });
    Attached {
        thread,
        user: File::from(host.master),
        console,
        pidfd,
    }
}

impl Attached {
    /// What the user sees until the last holder of the host terminal is gone.
    fn read_to_end(self) -> (String, End) {
        let (ended, _) = self.thread.join().unwrap();
        drop(self.console);
        let mut seen = Vec::new();
        // EIO is how a master says that nobody is left.
        let _ = (&self.user).read_to_end(&mut seen);
        (String::from_utf8(seen).unwrap(), ended)
    }
}

fn read_line(file: &File) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") {
        assert_eq!((&*file).read(&mut byte).unwrap(), 1);
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn keys_output_and_window_size_are_relayed_and_the_mode_is_restored() {
    let script = "stty -echo; echo ready; read line; echo \"got $line\"; stty size; exit 4";
    let attached = attach(script, None, None);
    // The relay adds the carriage return that the container's own terminal leaves out.
    assert_eq!(read_line(&attached.user), "ready\r\n");
    let raw = tcgetattr(&attached.console).unwrap();
    assert!(
        !raw.local_flags
            .intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    );
    (&attached.user).write_all(b"hello\n").unwrap();
    let console = attached.console.try_clone().unwrap();
    assert_eq!(read_line(&attached.user), "got hello\r\n");
    assert_eq!(read_line(&attached.user), "33 77\r\n");
    let (ended, _) = attached.thread.join().unwrap();
    assert_eq!(ended, End::Code(4));
    let restored = tcgetattr(&console).unwrap();
    assert!(
        restored
            .local_flags
            .contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    );
}

#[test]
fn everything_written_before_the_end_arrives() {
    let attached = attach(
        "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done",
        None,
        None,
    );
    // The host terminal is read only now and then: its buffer is smaller than the output.
    let mut user = attached.user.try_clone().unwrap();
    let reader = spawn(move || {
        let mut seen = Vec::new();
        let _ = user.read_to_end(&mut seen);
        seen
    });
    let (ended, _) = attached.thread.join().unwrap();
    // Its last holder: the reader sees the end.
    drop(attached.console);
    assert_eq!(ended, End::Code(0));
    let seen = String::from_utf8(reader.join().unwrap()).unwrap();
    let expected: String = (0..400).map(|n| format!("line {n}\r\n")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_end_of_the_input_does_not_end_the_session() {
    let (input, writer) = pipe().unwrap();
    File::from(writer).write_all(b"one\n").unwrap();
    let script = "stty -echo; echo ready; read a; sleep 0.2; echo \"$a and on\"; exit 2";
    let attached = attach(script, Some(input), None);
    let (seen, ended) = attached.read_to_end();
    assert_eq!(ended, End::Code(2));
    assert!(seen.contains("one and on\r\n"), "{seen:?}");
}

#[test]
fn a_stalled_reader_holds_the_writer_without_spinning() {
    let (reader, output) = pipe().unwrap();
    let attached = attach("head -c 400000 /dev/zero; exit 3", None, Some(output));
    // A pipe and the buffers hold less than what it writes, so the child cannot end before it is
    // read; nothing else may happen in the meantime.
    let mut end = [PollFd::new(attached.pidfd.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut end, 400_u16).unwrap(), 0);
    let mut seen = Vec::new();
    File::from(reader).read_to_end(&mut seen).unwrap();
    assert_eq!(seen.len(), 400_000);
    let (ended, busy) = attached.thread.join().unwrap();
    assert_eq!(ended, End::Code(3));
    assert!(busy < 200, "{busy} ms of processor time");
}

#[test]
fn output_that_nobody_reads_any_more_does_not_stop_the_child() {
    let (reader, output) = pipe().unwrap();
    drop(reader);
    let attached = attach("head -c 400000 /dev/zero; exit 3", None, Some(output));
    let (ended, _) = attached.thread.join().unwrap();
    assert_eq!(ended, End::Code(3));
}

#[test]
fn the_callers_streams_stay_blocking() {
    let (reader, output) = pipe().unwrap();
    let kept = output.try_clone().unwrap();
    let attached = attach("exit 0", None, Some(output));
    attached.thread.join().unwrap();
    let flags = nix::fcntl::fcntl(&kept, nix::fcntl::FcntlArg::F_GETFL).unwrap();
    assert!(!OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK));
    drop(reader);
}

/// Reaping takes every child of the process, and SIGCHLD goes to any of its threads, so this runs
/// in a process of one thread, made where no other test holds a lock.
#[test]
fn orphans_are_reaped() {
    const ALONE: &str = "SAYA_TEST_ORPHANS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let alone = clone::spawn(0, None, || process::exit_now(i32::from(!reaps_an_orphan())));
        let end = pidfd::reap(alone.unwrap().pidfd.as_fd()).unwrap();
        assert_eq!(end, End::Code(0));
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--test-threads=1"])
        .arg("terminal::foreground::tests::orphans_are_reaped")
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

fn reaps_an_orphan() -> bool {
    // The grandchild loses its parent at once; its entry in /proc is gone when it is reaped.
    let script = "orphan=$( (sh -c 'echo $$' &) ); n=0; \
        while [ -d /proc/$orphan ] && [ $n -lt 1000000 ]; do n=$((n+1)); done; \
        test -n \"$orphan\" && test ! -d /proc/$orphan && exit 7; exit 9";
    let null = null();
    let mut foreground = Foreground::new(Orphans::Adopt).unwrap();
    let child = shell(script, [null.as_fd(); 3]);
    let ended = foreground.supervise(&child, None).unwrap();
    drop(foreground);
    ended == End::Code(7) && !nix::sys::prctl::get_child_subreaper().unwrap()
}
