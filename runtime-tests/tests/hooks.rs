//! Hooks: when they run, where, and what they are told.

use runtime_tests::{Bundle, Exit, Test, Value, conformance, json, process};
use std::fs;
use std::path::PathBuf;

const KINDS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// A bundle whose `/log` is the directory that hooks of every kind write to:
/// on the host at its own path, inside at the same one.
struct Logged {
    bundle: Bundle,
    dir: PathBuf,
}

impl Logged {
    fn new(t: &Test) -> Self {
        let dir = t.dir().join("log");
        fs::create_dir(&dir).expect("make the log directory");
        let path = dir.to_str().expect("UTF-8");
        let bundle = t.bundle().mount(path, "bind", path, &["bind"]);
        Self { bundle, dir }
    }

    /// A hook that runs `script` in the log directory.
    fn hook(&self, kind: &str, script: &str) -> Value {
        // A startContainer hook is found inside the container.
        let busybox = match kind {
            "startContainer" => PathBuf::from("/bin/busybox"),
            _ => self.bundle.rootfs().join("bin/busybox"),
        };
        let script = format!("cd {} && {script}", self.dir.display());
        json!({"path": busybox, "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]})
    }

    /// Adds a hook of each kind that runs `script`, with `KIND` replaced.
    fn with_each(mut self, script: &str) -> Self {
        for kind in KINDS {
            let hook = self.hook(kind, &script.replace("KIND", kind));
            self.bundle = self.bundle.hook(kind, hook);
        }
        self
    }

    fn with(mut self, kind: &str, script: &str) -> Self {
        let hook = self.hook(kind, script);
        self.bundle = self.bundle.hook(kind, hook);
        self
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join(file)).unwrap_or_default()
    }

    fn lines(&self, file: &str) -> Vec<String> {
        self.read(file).lines().map(str::to_owned).collect()
    }

    fn state(&self, kind: &str) -> Value {
        let text = self.read(&format!("state.{kind}"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("state of {kind}: {e}: {text:?}"))
    }
}

/// The whole life of a container that ends by itself; its pid.
fn live(t: &Test, bundle: &Bundle) -> (String, i32) {
    let container = t.create(bundle);
    let _ = container.call("start").expect_success();
    assert_eq!(container.wait(), Exit::Code(0));
    let _ = container.call("delete").expect_success();
    (container.id.clone(), container.pid)
}

#[test]
fn hooks_of_every_kind_run_once_and_in_order() {
    conformance(|t| {
        let logged = Logged::new(t).with_each("echo KIND >> order");
        let program = format!("echo program >> {}/order", logged.dir.display());
        let bundle = logged.bundle.clone().shell(&program);
        let container = t.create(&bundle);
        assert_eq!(logged.lines("order"), &KINDS[..3], "at the end of create");
        let _ = container.call("start").expect_success();
        assert_eq!(container.wait(), Exit::Code(0));
        let mut started = logged.lines("order");
        assert_eq!(started.first().map(String::as_str), Some("prestart"));
        // The program and the poststart hooks run at the same time.
        let program = started.iter().position(|word| word == "program").unwrap();
        assert!(program > 3, "before startContainer: {started:?}");
        started.remove(program);
        assert_eq!(started, &KINDS[..5], "after start");
        let _ = container.call("delete").expect_success();
        assert_eq!(
            logged.lines("order").last().map(String::as_str),
            Some("poststop")
        );
    });
}

#[test]
fn hooks_of_a_kind_run_in_the_listed_order() {
    conformance(|t| {
        let mut logged = Logged::new(t);
        for kind in KINDS {
            for number in ["1", "2", "3"] {
                logged = logged.with(kind, &format!("echo {number} >> order.{kind}"));
            }
        }
        let _ = live(t, &logged.bundle);
        for kind in KINDS {
            assert_eq!(
                logged.lines(&format!("order.{kind}")),
                ["1", "2", "3"],
                "{kind}"
            );
        }
    });
}

#[test]
fn hooks_get_the_state_on_stdin() {
    conformance(|t| {
        let logged = Logged::new(t).with_each("cat > state.KIND");
        let bundle = logged
            .bundle
            .clone()
            .set("/annotations", json!({"org.example.a": "ü"}));
        let (id, pid) = live(t, &bundle);
        let statuses = [
            "creating", "creating", "creating", "created", "running", "stopped",
        ];
        for (kind, status) in KINDS.into_iter().zip(statuses) {
            let state = logged.state(kind);
            assert_eq!(state["status"], status, "{kind}");
            assert_eq!(state["id"], id.as_str(), "{kind}");
            assert_eq!(state["bundle"], bundle.dir().to_str().unwrap(), "{kind}");
            assert_eq!(
                state["annotations"],
                json!({"org.example.a": "ü"}),
                "{kind}"
            );
            assert!(
                state["ociVersion"].as_str().unwrap().starts_with("1."),
                "{kind}"
            );
            let told = state["pid"].as_i64().unwrap_or(0);
            let wanted = if kind == "poststop" {
                0
            } else {
                i64::from(pid)
            };
            // Hooks in the container's pid namespace may be told its own.
            let inside = matches!(kind, "createContainer" | "startContainer") && told == 1;
            assert!(told == wanted || inside, "{kind}: pid {told}, not {wanted}");
        }
    });
}

#[test]
fn hooks_run_in_the_runtimes_or_the_containers_namespaces() {
    conformance(|t| {
        let script = "for n in net uts ipc mnt; do readlink /proc/self/ns/$n; done > ns.KIND";
        let logged = Logged::new(t).with_each(script);
        let container = t.start(&logged.bundle.clone().args(["/bin/probe", "sleep"]));
        let inside = process::namespaces(container.pid);
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        for kind in KINDS {
            let wanted: Vec<String> = ["net", "uts", "ipc", "mnt"]
                .map(|name| match kind {
                    "createContainer" | "startContainer" => inside[name].clone(),
                    _ => {
                        let link = fs::read_link(format!("/proc/thread-self/ns/{name}"));
                        link.unwrap().to_string_lossy().into_owned()
                    }
                })
                .to_vec();
            assert_eq!(logged.lines(&format!("ns.{kind}")), wanted, "{kind}");
        }
    });
}

#[test]
fn create_container_hooks_see_the_mounts_below_the_rootfs_of_the_host() {
    conformance(|t| {
        let logged = Logged::new(t);
        let rootfs = logged.bundle.rootfs().display().to_string();
        let script =
            format!("grep -c ' {rootfs}/proc ' /proc/self/mountinfo > count; test -e /etc/passwd");
        let logged = logged.with("createContainer", &script);
        let _ = live(t, &logged.bundle);
        assert_eq!(logged.read("count"), "1\n");
    });
}

#[test]
fn what_a_create_container_hook_mounts_is_in_the_container() {
    conformance(|t| {
        let logged = Logged::new(t);
        let rootfs = logged.bundle.rootfs().display().to_string();
        let script = format!("mount -t tmpfs of-the-hook {rootfs}/mnt");
        let logged = logged.with("createContainer", &script);
        let bundle = logged
            .bundle
            .clone()
            .shell("grep -c of-the-hook /proc/self/mountinfo");
        assert_eq!(t.run(&bundle).expect_success().stdout(), "1\n");
    });
}

#[test]
fn what_a_runtime_hook_does_to_the_network_is_in_the_container() {
    conformance(|t| {
        // As engines set up networks: by the pid in the state.
        let logged = Logged::new(t);
        let busybox = logged
            .bundle
            .rootfs()
            .join("bin/busybox")
            .display()
            .to_string();
        let script = format!(
            "pid=$({busybox} sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | head -n 1); \
             {busybox} nsenter -n/proc/$pid/ns/net {busybox} ip link add hooked type bridge"
        );
        let logged = logged.with("createRuntime", &script);
        let bundle = logged.bundle.clone().args(["/bin/probe", "facts"]);
        let run = t.run(&bundle);
        let devices = runtime_tests::facts::words(&run.expect_success().json()["network"]);
        assert!(devices.contains(&"hooked".to_owned()), "{devices:?}");
    });
}

#[test]
fn a_start_container_hook_runs_inside() {
    conformance(|t| {
        let bundle = t.bundle().hook(
            "startContainer",
            json!({"path": "/bin/sh", "args": ["sh", "-c", "hostname > /tmp/seen; pwd >> /tmp/seen"]}),
        );
        let _ = t.run(&bundle).expect_success();
        let seen = fs::read_to_string(bundle.rootfs().join("tmp/seen")).unwrap();
        assert_eq!(seen, "box\n/\n");
    });
}

#[test]
fn arguments_and_environment_are_those_of_the_hook() {
    conformance(|t| {
        let logged = Logged::new(t);
        let file = logged.dir.join("seen").display().to_string();
        let busybox = logged.bundle.rootfs().join("bin/busybox");
        let tr = busybox.display();
        let script = format!(
            "{{ echo $0 $#; printf '%s\\n' \"$@\"; {tr} tr '\\0' '\\n' < /proc/$$/environ; }} > {file}"
        );
        let hook = json!({
            "path": busybox,
            "args": ["sh", "-c", script, "name", "one", "two words", ""],
            "env": ["FIRST=1", "SECOND=b c"]
        });
        let _ = live(t, &logged.bundle.clone().hook("createRuntime", hook));
        let lines = logged.lines("seen");
        assert_eq!(&lines[..4], ["name 3", "one", "two words", ""]);
        let mut env = lines[4..].to_vec();
        env.sort();
        assert_eq!(env, ["FIRST=1", "SECOND=b c"]);
    });
}

#[test]
fn without_args_the_path_is_the_only_argument() {
    conformance(|t| {
        let logged = Logged::new(t);
        let script = logged.dir.join("hook");
        let text = format!(
            "#!{} sh\necho $0 $# > {}/seen\n",
            logged.bundle.rootfs().join("bin/busybox").display(),
            logged.dir.display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let _ = live(
            t,
            &logged
                .bundle
                .clone()
                .hook("createRuntime", json!({"path": script})),
        );
        assert_eq!(logged.read("seen"), format!("{} 0\n", script.display()));
    });
}

#[test]
fn a_hook_need_not_read_its_stdin() {
    conformance(|t| {
        let logged = Logged::new(t).with_each("true");
        let large = "x".repeat(300_000);
        let _ = live(
            t,
            &logged
                .bundle
                .clone()
                .set("/annotations", json!({"large": large})),
        );
    });
}

#[test]
fn what_a_hook_prints_is_not_the_containers_output() {
    conformance(|t| {
        let logged = Logged::new(t).with("createRuntime", "echo noise; echo noise >&2");
        let run = t
            .run(&logged.bundle.clone().shell("echo program"))
            .expect_success();
        assert_eq!(run.stdout(), "program\n");
    });
}

#[test]
fn a_hook_in_time_is_left_alone() {
    conformance(|t| {
        let logged = Logged::new(t);
        let mut hook = logged.hook("createRuntime", "echo done > seen");
        hook["timeout"] = json!(30);
        let _ = live(t, &logged.bundle.clone().hook("createRuntime", hook));
        assert_eq!(logged.read("seen"), "done\n");
    });
}

#[test]
fn poststop_hooks_run_for_a_container_that_was_never_started() {
    conformance(|t| {
        let logged = Logged::new(t).with("poststop", "echo stopped >> order");
        let container = t.create(&logged.bundle);
        let _ = t
            .call(["delete", "--force", &container.id])
            .expect_success();
        assert_eq!(logged.lines("order"), ["stopped"]);
    });
}

#[test]
fn poststop_hooks_have_run_when_run_returns() {
    conformance(|t| {
        let logged = Logged::new(t).with_each("echo KIND >> order");
        let _ = t.run(&logged.bundle).expect_success();
        let order = logged.lines("order");
        assert_eq!(order.len(), KINDS.len(), "{order:?}");
        assert_eq!(order.last().map(String::as_str), Some("poststop"));
    });
}
