//! Hooks against the real kernel, with busybox as the hook's program.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};

use super::*;
use crate::error::Pointer;
use crate::sys::clone::{self, Child};
use crate::sys::{namespace, process, wait};

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("saya-hooks-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn shell(script: &str) -> Hook {
    Hook {
        path: "/bin/sh".into(),
        args: Some(vec!["sh".into(), "-c".into(), script.into()]),
        env: Some(vec!["PATH=/bin:/usr/bin".into()]),
        timeout: Some(Duration::from_secs(20)),
        at: Pointer::new("/hooks/createRuntime/0"),
    }
}

fn run_in(directory: &Directory, hook: Hook) -> Result<()> {
    let entry = Entry::Runtime {
        bundle: &directory.0,
    };
    run(HookKind::CreateRuntime, &[hook], b"{\"id\":\"x\"}", entry)
}

#[test]
fn a_hook_reads_the_state_in_the_bundle_with_its_own_environment_only() {
    let directory = Directory::new("state");
    let mut hook = shell("cat > state; pwd > pwd; env > env; ls /proc/self/fd > fds");
    hook.env = Some(vec!["A=1".into(), "PATH=/bin:/usr/bin".into()]);
    let long = format!("{{\"annotations\":\"{}\"}}", "x".repeat(300_000));
    let entry = Entry::Runtime {
        bundle: &directory.0,
    };
    run(HookKind::Prestart, &[hook], long.as_bytes(), entry).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.0.join(name)).unwrap();
    assert_eq!(read("state"), long);
    assert_eq!(read("pwd").trim(), directory.0.to_str().unwrap());
    let mut env: Vec<String> = read("env").lines().map(str::to_owned).collect();
    // The shell's own: PWD, and what some shells add.
    env.retain(|line| {
        !line.starts_with("PWD=")
            && !line.starts_with("_=")
            && !line.starts_with("SHLVL=")
            && !line.starts_with("OLDPWD=")
    });
    env.sort();
    assert_eq!(env, ["A=1", "PATH=/bin:/usr/bin"]);
    // 3 is the directory that ls itself reads.
    assert_eq!(
        read("fds").split_whitespace().collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
}

#[test]
fn without_env_a_runtime_hook_inherits_the_callers() {
    let directory = Directory::new("inherit");
    let mut hook = shell("echo \"$PATH\" > path");
    hook.env = None;
    run_in(&directory, hook).unwrap();
    let path = std::fs::read_to_string(directory.0.join("path")).unwrap();
    assert_eq!(path.trim(), std::env::var("PATH").unwrap());
}

#[test]
fn a_hook_that_ignores_its_input_and_floods_its_output_succeeds() {
    let directory = Directory::new("flood");
    let entry = Entry::Runtime {
        bundle: &directory.0,
    };
    let hooks = [
        shell("exec <&-; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"),
        shell("exec >&- 2>&- <&-; exit 0"),
    ];
    run(HookKind::Prestart, &hooks, &vec![b' '; 1_000_000], entry).unwrap();
}

#[test]
fn a_failure_names_kind_index_path_status_and_stderr() {
    let directory = Directory::new("fail");
    let error = run_in(
        &directory,
        shell("echo out; printf 'bad\\033[0m\\nworse\\n' >&2; exit 3"),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "(config.json: /hooks/createRuntime/0): error running createRuntime hook #0: `/bin/sh`: \
         exit status 3; stderr: bad\\u{1b}[0m | worse"
    );
    assert_eq!(error.kind(), Kind::Hook);
    let error = run_in(&directory, shell("echo out; kill -KILL $$")).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("killed by SIGKILL; stdout: out"),
        "{error}"
    );
}

#[test]
fn a_program_that_cannot_run_says_why() {
    let directory = Directory::new("start");
    let script = directory.0.join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let mut hook = shell("");
    hook.path = script.to_str().unwrap().into();
    let error = run_in(&directory, hook.clone()).unwrap_err();
    assert!(
        error.why().contains("execute: EACCES: permission denied"),
        "{error}"
    );
    let mode = PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let error = run_in(&directory, hook.clone()).unwrap_err();
    assert!(
        error.why().contains("execute: ENOENT: no such file"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("interpreter"));
    hook.path = "/no/such/hook".into();
    let error = run_in(&directory, hook).unwrap_err();
    assert!(error.advice().unwrap().contains("on the host"));
}

#[test]
fn the_time_limit_kills_the_whole_group() {
    let directory = Directory::new("timeout");
    let fifo = directory.0.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Parent and child hold the fifo open; its end of file proves that both are gone.
    let mut hook = shell("exec 9<>fifo; sleep 1000 & echo working >&2; : > ready; wait");
    hook.timeout = Some(Duration::from_millis(700));
    let begin = Instant::now();
    let error = run_in(&directory, hook).unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(
        error
            .why()
            .contains("killed after its timeout of 0.7 s; stderr: working"),
        "{error}"
    );
    assert!(begin.elapsed() >= Duration::from_millis(700));
    assert!(begin.elapsed() < Duration::from_secs(15));
    assert!(directory.0.join("ready").exists());
    assert_nobody_holds(&fifo);
}

/// Waits until the last process that holds the fifo open for writing is gone.
fn assert_nobody_holds(fifo: &Path) {
    let mut reader = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(fifo)
        .unwrap();
    // EAGAIN: a killed process is still on its way out; its end is a hang-up.
    if reader.read(&mut [0]).is_err() {
        let mut hang_up = [PollFd::new(reader.as_fd(), PollFlags::empty())];
        assert_eq!(poll(&mut hang_up, 10_000_u16).unwrap(), 1, "it is alive");
    }
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_successful_hook_may_leave_a_daemon_that_is_not_waited_for() {
    let directory = Directory::new("daemon");
    let begin = Instant::now();
    run_in(&directory, shell("sleep 1000 & echo $! > pid")).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(15));
    let pid = std::fs::read_to_string(directory.0.join("pid")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_failed_hook_takes_its_group_with_it() {
    let directory = Directory::new("group");
    let fifo = directory.0.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = run_in(&directory, shell("exec 9<>fifo; sleep 1000 & exit 4")).unwrap_err();
    assert!(error.why().ends_with("exit status 4"), "{error}");
    assert_nobody_holds(&fifo);
}

#[test]
fn poststop_hooks_all_run() {
    let directory = Directory::new("poststop");
    let entry = Entry::Runtime {
        bundle: &directory.0,
    };
    let hooks = [shell("exit 1"), shell(": > ran"), shell("exit 2")];
    let errors = run_all(HookKind::Poststop, &hooks, b"{}", entry);
    assert!(directory.0.join("ran").exists());
    let texts: Vec<&str> = errors.iter().map(Error::why).collect();
    assert_eq!(
        texts,
        [
            "error running poststop hook #0: `/bin/sh`: exit status 1",
            "error running poststop hook #2: `/bin/sh`: exit status 2"
        ]
    );
}

#[test]
fn a_missing_bundle_does_not_keep_a_hook_from_running() {
    let directory = Directory::new("gone");
    let path = directory.0.clone();
    drop(directory);
    let entry = Entry::Runtime { bundle: &path };
    run(HookKind::Poststop, &[shell("test $PWD = /")], b"{}", entry).unwrap();
}

/// A process in new namespaces that waits until it is killed.
struct Container(Child);

impl Container {
    /// `None` where the kernel does not let us make namespaces.
    fn new(kinds: u64) -> Option<Self> {
        let child = clone::spawn(kinds, None, || {
            let _ = namespace::set_host_name(c"inside");
            let _ = process::set_parent_death_signal(libc::SIGKILL);
            process::default_signals(u64::MAX);
            process::unblock_signals();
            loop {
                nix::unistd::pause();
            }
        });
        match child {
            Ok(child) => Some(Self(child)),
            Err(errno) => {
                println!("skipped: no new namespaces here: {errno}");
                None
            }
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = wait::kill_group(self.0.pid);
        let _ = pidfd::reap(self.0.pidfd.as_fd());
    }
}

const INSIDE: u64 = (libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC) as u64;

#[test]
fn a_container_hook_runs_in_the_containers_namespaces_with_an_empty_environment() {
    let Some(container) = Container::new(INSIDE) else {
        return;
    };
    let directory = Directory::new("inside");
    let names = ["pid", "mnt", "uts", "net", "ipc"];
    let script = format!(
        "cd {}; /usr/bin/env > env; for n in {}; do /bin/readlink /proc/self/ns/$n; done > ns; \
         /bin/hostname > host",
        directory.0.display(),
        names.join(" "),
    );
    let mut hook = shell(&script);
    hook.env = None;
    let entry = Entry::Container {
        init: container.0.pidfd.as_fd(),
        namespaces: INSIDE,
        root: Path::new("/"),
    };
    run(HookKind::CreateContainer, &[hook], b"{}", entry).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.0.join(name)).unwrap();
    assert!(!read("env").contains("PATH="), "{}", read("env"));
    assert!(!read("env").contains("CARGO"), "{}", read("env"));
    assert_eq!(read("host").trim(), "inside");
    let own = |name: &str| std::fs::read_link(format!("/proc/thread-self/ns/{name}")).unwrap();
    let of =
        |name: &str| std::fs::read_link(format!("/proc/{}/ns/{name}", container.0.pid)).unwrap();
    let links = read("ns");
    assert_eq!(links.lines().count(), names.len());
    for (name, link) in names.iter().zip(links.lines()) {
        assert_ne!(link, own(name).to_str().unwrap());
        assert_eq!(link, of(name).to_str().unwrap());
    }
}

#[test]
fn in_a_user_namespace_a_hook_is_the_containers_root() {
    let kinds = INSIDE | libc::CLONE_NEWUSER as u64;
    let Some(container) = Container::new(kinds) else {
        return;
    };
    let proc = format!("/proc/{}", container.0.pid);
    std::fs::write(format!("{proc}/uid_map"), "0 100000 10").unwrap();
    std::fs::write(format!("{proc}/gid_map"), "0 200000 10").unwrap();
    let entry = Entry::Container {
        init: container.0.pidfd.as_fd(),
        namespaces: kinds,
        root: Path::new("/"),
    };
    let hook = shell("test \"$(id -u) $(id -G)\" = '0 0'");
    run(HookKind::CreateContainer, &[hook], b"{}", entry).unwrap();
}

#[test]
fn the_runtime_stays_in_its_own_pid_namespace() {
    let Some(container) = Container::new(INSIDE) else {
        return;
    };
    let entry = Entry::Container {
        init: container.0.pidfd.as_fd(),
        namespaces: INSIDE,
        root: Path::new("/no/such/root"),
    };
    let hook = shell("test $$ = 2 && test $PWD = /");
    run(HookKind::CreateContainer, &[hook], b"{}", entry).unwrap();
    let children = std::fs::read_link("/proc/thread-self/ns/pid_for_children").unwrap();
    assert_eq!(
        children,
        std::fs::read_link("/proc/thread-self/ns/pid").unwrap()
    );
}

#[test]
fn entering_a_dead_container_fails_by_name() {
    let Some(container) = Container::new(INSIDE) else {
        return;
    };
    wait::kill_group(container.0.pid).unwrap();
    pidfd::reap(container.0.pidfd.as_fd()).unwrap();
    let entry = Entry::Container {
        init: container.0.pidfd.as_fd(),
        namespaces: INSIDE,
        root: Path::new("/"),
    };
    let error = run(HookKind::CreateContainer, &[shell("")], b"{}", entry).unwrap_err();
    assert!(
        error
            .why()
            .contains("enter the container's pid namespace: ESRCH"),
        "{error}"
    );
    std::mem::forget(container);
}

#[test]
fn the_state_has_the_specs_members() {
    let annotations = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let mut state = State {
        oci_version: "1.3.0",
        id: "web",
        status: "creating",
        pid: Some(7),
        bundle: "/b",
        annotations: &annotations,
    };
    assert_eq!(
        String::from_utf8(state.to_json().unwrap()).unwrap(),
        r#"{"ociVersion":"1.3.0","id":"web","status":"creating","pid":7,"bundle":"/b","annotations":{"k":"v"}}"#
    );
    let none = BTreeMap::new();
    state.pid = None;
    state.annotations = &none;
    assert_eq!(
        String::from_utf8(state.to_json().unwrap()).unwrap(),
        r#"{"ociVersion":"1.3.0","id":"web","status":"creating","bundle":"/b"}"#
    );
}
