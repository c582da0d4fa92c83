//! All that a process can learn about itself, as JSON.

use crate::{devices, sys};
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::ffi::OsStringExt;

/// Names of the resource limits with their numbers, getrlimit(2).
const LIMITS: [(&str, u32); 16] = [
    ("RLIMIT_CPU", 0),
    ("RLIMIT_FSIZE", 1),
    ("RLIMIT_DATA", 2),
    ("RLIMIT_STACK", 3),
    ("RLIMIT_CORE", 4),
    ("RLIMIT_RSS", 5),
    ("RLIMIT_NPROC", 6),
    ("RLIMIT_NOFILE", 7),
    ("RLIMIT_MEMLOCK", 8),
    ("RLIMIT_AS", 9),
    ("RLIMIT_LOCKS", 10),
    ("RLIMIT_SIGPENDING", 11),
    ("RLIMIT_MSGQUEUE", 12),
    ("RLIMIT_NICE", 13),
    ("RLIMIT_RTPRIO", 14),
    ("RLIMIT_RTTIME", 15),
];

/// Everything; `what` adds `sysctl=NAME` and `path=PATH`.
pub(crate) fn all(what: &[&str]) -> Value {
    // The list of fds first, before anything else here opens files.
    let fds = fds();
    let named = |prefix: &str| -> Vec<&str> {
        what.iter()
            .filter_map(|word| word.strip_prefix(prefix)?.strip_prefix('='))
            .collect()
    };
    json!({
        "fds": fds,
        "identity": identity(),
        "status": status(),
        "process": process(),
        "scheduling": scheduling(),
        "rlimits": rlimits(),
        "args": strings(std::env::args_os()),
        "env": strings(std::env::vars_os().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        })),
        "names": names(),
        "namespaces": namespaces(),
        "time": time(),
        "mounts": mounts(),
        "terminal": terminal(),
        "keyring": keyring(),
        "network": lines("/proc/net/dev").iter().skip(2).filter_map(|line| device_name(line))
            .collect::<Vec<_>>(),
        "cgroup": lines("/proc/self/cgroup"),
        "sysctl": sysctls(&named("sysctl")),
        "paths": devices::describe_all(&named("path")),
    })
}

fn lines(path: &str) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn strings(items: impl Iterator<Item = std::ffi::OsString>) -> Vec<String> {
    items
        .map(|s| String::from_utf8_lossy(&s.into_vec()).into_owned())
        .collect()
}

fn or_error<T: Into<Value>>(result: std::io::Result<T>) -> Value {
    result.map_or_else(|e| json!({"error": e.to_string()}), Into::into)
}

fn identity() -> Value {
    let [ruid, euid, suid, rgid, egid, sgid] = sys::ids();
    json!({
        "uid": [ruid, euid, suid],
        "gid": [rgid, egid, sgid],
        "groups": or_error(sys::groups()),
        "umask": format!("{:04o}", sys::umask()),
    })
}

/// The lines of `/proc/self/status`: capability sets, NoNewPrivs, Seccomp,
/// signal masks.
fn status() -> Value {
    let pairs = lines("/proc/self/status").into_iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((
            name.to_owned(),
            json!(value.split_whitespace().collect::<Vec<_>>().join(" ")),
        ))
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn process() -> Value {
    let (group, session) = sys::group_and_session();
    json!({
        "pid": std::process::id(),
        "group": group,
        "session": session,
        "cwd": std::env::current_dir().map(|d| d.to_string_lossy().into_owned()).ok(),
        "cwd_link": link("/proc/self/cwd"),
        "root_link": link("/proc/self/root"),
        "exe": link("/proc/self/exe"),
        "oom_score_adj": lines("/proc/self/oom_score_adj").concat(),
        "timer_slack_ns": or_error(sys::prctl(libc::PR_GET_TIMERSLACK)),
        "parent_death_signal": or_error(sys::parent_death_signal()),
        "dumpable": or_error(sys::prctl(libc::PR_GET_DUMPABLE)),
        "personality": or_error(sys::personality()),
        "securebits": or_error(sys::prctl(libc::PR_GET_SECUREBITS)),
    })
}

fn link(path: &str) -> Option<String> {
    fs::read_link(path)
        .ok()
        .map(|target| target.to_string_lossy().into_owned())
}

fn scheduling() -> Value {
    let attr = sys::scheduler().unwrap_or_default();
    let io = sys::io_priority().unwrap_or(-1);
    let (mode, nodes) = sys::memory_policy().unwrap_or((-1, Vec::new()));
    json!({
        "policy": attr.policy,
        "flags": attr.flags,
        "nice": attr.nice,
        "priority": attr.priority,
        "runtime": attr.runtime,
        "deadline": attr.deadline,
        "period": attr.period,
        "io_class": io >> 13,
        "io_level": io & 0x1fff,
        "affinity": or_error(sys::affinity()),
        "memory_policy": mode,
        "memory_nodes": nodes,
    })
}

fn rlimits() -> Value {
    let one = |(name, number): (&str, u32)| {
        let value = sys::limit(number).map(|(soft, hard)| json!([soft, hard]));
        (name.to_owned(), or_error(value))
    };
    Value::Object(LIMITS.into_iter().map(one).collect())
}

fn names() -> Value {
    let (host, domain, machine) = sys::names().unwrap_or_default();
    json!({"hostname": host, "domainname": domain, "machine": machine})
}

fn namespaces() -> Value {
    let entries = fs::read_dir("/proc/self/ns")
        .into_iter()
        .flatten()
        .flatten();
    let pairs = entries.map(|entry| {
        (
            entry.file_name().to_string_lossy().into_owned(),
            json!(link(&entry.path().to_string_lossy())),
        )
    });
    Value::Object(pairs.collect())
}

/// Clocks in nanoseconds. CLOCK_MONOTONIC is subject to a time namespace.
fn time() -> Value {
    json!({
        "monotonic": sys::clock(libc::CLOCK_MONOTONIC),
        "boottime": sys::clock(libc::CLOCK_BOOTTIME),
        "offsets": lines("/proc/self/timens_offsets"),
    })
}

/// `/proc/self/mountinfo`, proc_pid_mountinfo(5).
fn mounts() -> Vec<Value> {
    lines("/proc/self/mountinfo")
        .iter()
        .filter_map(|line| mount(line))
        .collect()
}

fn mount(line: &str) -> Option<Value> {
    let (head, tail) = line.split_once(" - ")?;
    let head: Vec<&str> = head.split(' ').collect();
    let tail: Vec<&str> = tail.split(' ').collect();
    Some(json!({
        "id": head.first()?,
        "parent": head.get(1)?,
        "device": head.get(2)?,
        "root": head.get(3)?,
        "point": head.get(4)?,
        "options": head.get(5)?.split(',').collect::<Vec<_>>(),
        "propagation": head.get(6..).unwrap_or_default(),
        "type": tail.first()?,
        "source": tail.get(1)?,
        "super_options": tail.get(2)?.split(',').collect::<Vec<_>>(),
    }))
}

/// fd → target. The fd used for reading the directory is left out.
fn fds() -> Value {
    let Ok(dir) = fs::read_dir("/proc/self/fd") else {
        return Value::Null;
    };
    let found: Vec<(String, Option<String>)> = dir
        .flatten()
        .map(|e| {
            (
                e.file_name().to_string_lossy().into_owned(),
                link(&e.path().to_string_lossy()),
            )
        })
        .collect();
    let own = |target: &Option<String>| {
        target
            .as_deref()
            .is_some_and(|t| t.starts_with("/proc/") && t.ends_with("/fd"))
    };
    let rest = found.into_iter().filter(|(_, target)| !own(target));
    Value::Object(rest.map(|(fd, target)| (fd, json!(target))).collect())
}

fn terminal() -> Value {
    let one = |fd: i32| {
        let size = sys::window_size(fd)?;
        Some(json!({"rows": size.0, "columns": size.1}))
    };
    json!({"stdin": one(0), "stdout": one(1), "stderr": one(2),
           "controlling": fs::File::open("/dev/tty").is_ok()})
}

fn keyring() -> Value {
    match sys::session_keyring() {
        Ok(serial) => json!({"serial": serial, "description": or_error(sys::describe_key(serial))}),
        Err(e) => json!({"error": e.to_string()}),
    }
}

fn sysctls(names: &[&str]) -> Value {
    let one = |name: &&str| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        let value = fs::read_to_string(path).map(|text| text.trim_end().to_owned());
        ((*name).to_owned(), or_error(value))
    };
    Value::Object(names.iter().map(one).collect())
}

fn device_name(line: &str) -> Option<&str> {
    Some(line.split_once(':')?.0.trim())
}
