//! A plan in words: for `saya plan`, and for naming the step that failed.

use std::ffi::CStr;
use std::fmt::Write as _;

use serde::Serialize;

use super::identity::Identity;
use super::process::Attribute;
use super::{
    Attempt, Attributes, EnterRoot, FsOption, MountStep, NamespacePlan, Node, Op, Plan,
    RemountStep, Request, Tree,
};
use crate::cgroup::settings::{Need, Setting, Write};
use crate::config::process::capability_name;
use crate::config::{DeviceAccess, DeviceKind, DeviceRule};
use crate::error::Pointer;
use crate::resctrl::Assignment;
use crate::sys::mount::attr;

/// One step for programs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who does it: `parent` or `init`.
    pub by: &'static str,
    /// What is done.
    pub step: String,
    /// JSON pointer of the field it comes from; empty for what every container gets.
    pub at: String,
}

/// All steps of a plan in their order.
#[must_use]
pub fn lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    if plan.cgroup.unit.is_none() {
        lines.extend(cgroup_lines(plan));
    }
    lines.extend(parent_lines(plan));
    for step in &plan.steps {
        lines.push(Line {
            by: "init",
            step: operation(&step.op, &plan.namespaces),
            at: step.at.as_str().to_owned(),
        });
        if matches!(step.op, Op::Request(Request::Unit)) {
            lines.extend(cgroup_lines(plan));
        }
    }
    lines
}

/// A step of the parent's.
fn by_parent(step: String, at: &str) -> Line {
    Line {
        by: "parent",
        step,
        at: at.to_owned(),
    }
}

/// The cgroups and what is set in them: before init is there, or when it asks for its unit.
fn cgroup_lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |step: String, at: &str| lines.push(by_parent(step, at));
    match &plan.cgroup.unit {
        Some(unit) => add(
            format!("have systemd make `{}` in `{}`", unit.name, unit.slice),
            "/linux/cgroupsPath",
        ),
        None => {
            for directory in &plan.cgroup.directories {
                let step = format!("create cgroup `{}`", directory.host_path());
                add(step, "/linux/cgroupsPath");
            }
        }
    }
    for rule in &plan.device_rules {
        add(rule_text(rule), rule.at.as_str());
    }
    for setting in &plan.settings {
        add(setting_text(setting), setting.at.as_str());
    }
    if let Some((uid, at)) = &plan.cgroup_owner {
        add(format!("give the cgroup to user {uid}"), at.as_str());
    }
    lines
}

fn parent_lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |step: String, at: &str| lines.push(by_parent(step, at));
    for join in &plan.namespaces.joins {
        let path = text(&join.path);
        add(
            format!("open {} namespace `{path}`", join.kind.name()),
            join.at.as_str(),
        );
    }
    if let Some((_, at)) = &plan.namespaces.new_time {
        add("create time namespace".to_owned(), at.as_str());
    }
    let kinds: Vec<&str> = crate::config::NamespaceKind::ALL
        .iter()
        .filter(|kind| plan.namespaces.clone_flags & kind.clone_flag() != 0)
        .map(|kind| kind.name())
        .collect();
    let new = if kinds.is_empty() {
        String::new()
    } else {
        format!(" in new {}", kinds.join(", "))
    };
    add(format!("clone init{new}"), "/linux/namespaces");
    if let Some((score, at)) = &plan.oom_score_adj {
        add(format!("set oom_score_adj {score}"), at.as_str());
    }
    if let Some(assignment) = &plan.resctrl {
        lines.extend(resctrl_lines(assignment));
    }
    lines
}

/// What happens below resctrl, in the order of the kernel's files.
fn resctrl_lines(assignment: &Assignment) -> Vec<Line> {
    let Assignment { groups, rdt } = assignment;
    let line = |step: String, at: Pointer| Line {
        by: "parent",
        step,
        at: at.as_str().to_owned(),
    };
    let name = &groups.control;
    let id_at = rdt.clos_id.as_ref().map(|_| rdt.at.key("closID"));
    let id_at = id_at.unwrap_or_else(|| rdt.at.clone());
    let mut lines = vec![line(format!("have resctrl group `{name}`"), id_at)];
    let schemas = rdt.schemas.iter().map(|text| (text, rdt.at.clone()));
    let schemata = rdt.schemata.iter().enumerate();
    let schemata = schemata.map(|(index, text)| (text, rdt.at.key("schemata").index(index)));
    for (text, at) in schemas.chain(schemata) {
        lines.push(line(format!("have `{text}` in resctrl group `{name}`"), at));
    }
    let at = &rdt.at;
    lines.push(line(
        format!("move init into resctrl group `{name}`"),
        at.clone(),
    ));
    if let Some(monitor) = &groups.monitor {
        let step = format!("move init into monitoring group `{monitor}` of `{name}`");
        lines.push(line(step, at.key("enableMonitoring")));
    }
    lines
}

/// A setting, such as ``set memory.max to `1000` ``.
fn setting_text(setting: &Setting) -> String {
    let text = |write: &Write| format!("{} to `{}`", write.file, write.value);
    let writes: Vec<String> = setting.writes.iter().map(text).collect();
    let condition = match setting.need {
        Need::Required => "",
        Need::IfThere => " if it is there",
    };
    format!("set {}{condition}", writes.join(", else "))
}

/// A rule in the words of the devices controller, such as `allow c 1:3 rwm`.
fn rule_text(rule: &DeviceRule) -> String {
    let access = match rule.access {
        DeviceAccess::Allow => "allow",
        DeviceAccess::Deny => "deny",
    };
    let kind = match rule.kind {
        Some(DeviceKind::Block) => 'b',
        Some(_) => 'c',
        None => 'a',
    };
    let number = |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
    let letter = |set, letter| if set { letter } else { "" };
    format!(
        "{access} devices {kind} {}:{} {}{}{}",
        number(rule.major),
        number(rule.minor),
        letter(rule.read, "r"),
        letter(rule.write, "w"),
        letter(rule.mknod, "m")
    )
}

/// The plan as text: number, step, field.
#[must_use]
pub fn text_form(plan: &Plan) -> String {
    let lines = lines(plan);
    let width = lines
        .iter()
        .map(|line| line.step.chars().count())
        .max()
        .unwrap_or(0)
        .min(72);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let row = format!(
            "{:3}  {:6}  {:width$}  {}",
            number + 1,
            line.by,
            line.step,
            line.at
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn text(bytes: &CStr) -> String {
    bytes.to_string_lossy().into_owned()
}

fn absolute(path: &CStr) -> String {
    format!("/{}", path.to_string_lossy().trim_start_matches('/'))
}

/// An operation in words, as errors begin with.
#[must_use]
pub fn operation(op: &Op, namespaces: &NamespacePlan) -> String {
    match op {
        Op::Join(number) => match namespaces.joins.get(*number) {
            Some(join) => format!("join {} namespace `{}`", join.kind.name(), text(&join.path)),
            None => "join namespace".to_owned(),
        },
        Op::JoinContainer(_) => "join the container's namespaces".to_owned(),
        Op::JoinCgroups => "join the container's cgroups".to_owned(),
        Op::NewCgroupNamespace => "create cgroup namespace".to_owned(),
        Op::SessionKeyring(name) => format!("create session keyring `{}`", text(name)),
        Op::Request(request) => ask(*request).to_owned(),
        Op::LoopbackUp => "set `lo` up".to_owned(),
        Op::HostPropagation(flags) => format!("make `/` {}", propagation(*flags)),
        Op::OpenProc => "mount a private procfs".to_owned(),
        Op::OpenSource(source) => format!("open mount source `{}`", text(&source.path)),
        Op::OpenRoot(root) => format!("open root `{}`", text(&root.path)),
        Op::OpenContainerRoot(path) => format!("open root `{}`", text(path)),
        Op::Mount(mount) => mount_text(mount),
        Op::Remount(remount) => remount_text(remount),
        Op::EnsureDirectory(path) => format!("create directory `{}`", absolute(path)),
        Op::Device(node) => device_text(node),
        Op::Symlink(link) => {
            format!(
                "create link `{}` to `{}`",
                absolute(&link.path),
                text(&link.target)
            )
        }
        Op::Console(_) => "set up the terminal".to_owned(),
        Op::ReadonlyPath(path) => format!("make `{}` read-only", absolute(path)),
        Op::MaskPath(path) => format!("mask `{}`", absolute(path)),
        Op::ReadonlyRoot => "make the root read-only".to_owned(),
        Op::EnterRoot(how) => enter_text(*how).to_owned(),
        Op::RootPropagation(flags) => format!("make the root {}", propagation(*flags)),
        Op::Hostname(name) => format!("set hostname `{}`", text(name)),
        Op::Domainname(name) => format!("set domain name `{}`", text(name)),
        Op::Sysctl(sysctl) => {
            let path = text(&sysctl.path);
            let key = path.strip_prefix("sys/").unwrap_or(&path);
            format!("set sysctl `{key}` to `{}`", text(&sysctl.value))
        }
        Op::Process(attribute) => attribute_text(attribute),
        Op::Home => "look up the home directory".to_owned(),
        Op::CloseDescriptors => "close descriptors".to_owned(),
        Op::Identity(identity) => identity_text(identity),
        Op::WorkingDirectory(path, Attempt::First) => {
            format!("enter working directory `{}`", text(path))
        }
        Op::WorkingDirectory(path, Attempt::Last) => {
            format!(
                "enter working directory `{}` as the user, if refused before",
                text(path)
            )
        }
        Op::FindProgram => "find the program".to_owned(),
        Op::Seccomp(filter) => format!("load the seccomp filter ({})", filter.summary),
        Op::Ready => "report that the container is created".to_owned(),
        Op::AwaitStart => "wait for start".to_owned(),
        Op::Execute => "execute the program".to_owned(),
    }
}

const fn ask(request: Request) -> &'static str {
    match request {
        Request::NetDevices => "have the network devices moved in",
        Request::RuntimeHooks => "have the prestart and createRuntime hooks run",
        Request::ContainerHooks => "have the createContainer hooks run",
        Request::Unit => "have the container's systemd unit made",
    }
}

fn propagation(flags: u64) -> String {
    let recursive = if flags & libc::MS_REC != 0 { "r" } else { "" };
    let kind = match flags & !libc::MS_REC {
        libc::MS_PRIVATE => "private",
        libc::MS_SLAVE => "slave",
        libc::MS_SHARED => "shared",
        _ => "unbindable",
    };
    format!("{recursive}{kind}")
}

const fn enter_text(how: EnterRoot) -> &'static str {
    match how {
        EnterRoot::Pivot => "pivot into the root",
        EnterRoot::Move => "move the root onto `/` and chroot",
        EnterRoot::Chroot => "chroot",
    }
}

fn mount_text(mount: &MountStep) -> String {
    let target = absolute(&mount.target);
    let head = match &mount.tree {
        Tree::Bind { source, .. } => format!("bind mount `{}` on `{target}`", text(source)),
        Tree::New { fstype, .. } => format!("mount `{}` on `{target}`", text(fstype)),
    };
    let mut words = attribute_words(mount.attributes);
    if let Tree::New { options, .. } = &mount.tree {
        words.extend(options.iter().map(option_text));
    }
    words.extend(
        mount
            .propagation
            .iter()
            .map(|(kind, recursive)| propagation(kind | if *recursive { libc::MS_REC } else { 0 })),
    );
    with_words(head, &words)
}

fn remount_text(remount: &RemountStep) -> String {
    let mut words = attribute_words(remount.attributes);
    words.extend(remount.options.iter().flatten().map(option_text));
    with_words(format!("remount `{}`", absolute(&remount.target)), &words)
}

fn with_words(head: String, words: &[String]) -> String {
    if words.is_empty() {
        head
    } else {
        format!("{head} ({})", words.join(","))
    }
}

fn option_text(option: &FsOption) -> String {
    match &option.value {
        Some(value) => format!("{}={}", text(&option.key), text(value)),
        None => text(&option.key),
    }
}

/// Attribute bits as mount(8) calls them; a cleared bit by its opposite.
fn attribute_words(attributes: Attributes) -> Vec<String> {
    const WORDS: [(u64, &str, &str); 8] = [
        (attr::RDONLY, "ro", "rw"),
        (attr::NOSUID, "nosuid", "suid"),
        (attr::NODEV, "nodev", "dev"),
        (attr::NOEXEC, "noexec", "exec"),
        (attr::NOATIME, "noatime", ""),
        (attr::STRICTATIME, "strictatime", ""),
        (attr::NODIRATIME, "nodiratime", "diratime"),
        (attr::NOSYMFOLLOW, "nosymfollow", "symfollow"),
    ];
    let mut words = Vec::new();
    for (prefix, set, clear) in [
        ("", attributes.set, attributes.clear),
        ("r", attributes.recursive_set, attributes.recursive_clear),
    ] {
        for (bit, on, off) in WORDS {
            if set & bit != 0 {
                words.push(format!("{prefix}{on}"));
            } else if clear & bit != 0 && !off.is_empty() {
                words.push(format!("{prefix}{off}"));
            }
        }
        if clear & attr::ATIME != 0 && set & attr::ATIME == 0 {
            words.push(format!("{prefix}relatime"));
        }
    }
    words
}

fn device_text(node: &Node) -> String {
    let kind = match node.mode & libc::S_IFMT {
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        _ => 'p',
    };
    let (major, minor) = (libc::major(node.device), libc::minor(node.device));
    let mode = node.mode & 0o7777;
    let mut words = format!(
        "create device `{}` ({kind} {major}:{minor} {mode:04o}",
        absolute(&node.path)
    );
    if (node.uid, node.gid) != (0, 0) {
        let _ = write!(words, " owner {}:{}", node.uid, node.gid);
    }
    words + ")"
}

fn attribute_text(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Umask(mask) => format!("set umask {mask:04o}"),
        Attribute::Rlimit(rlimit) => {
            format!(
                "set {} to {}:{}",
                rlimit.name,
                limit(rlimit.soft),
                limit(rlimit.hard)
            )
        }
        Attribute::Scheduler(scheduler) => format!("set scheduler policy {}", scheduler.policy),
        Attribute::IoPriority(priority) => format!("set I/O priority {priority:#06x}"),
        Attribute::Personality(domain) => format!("set personality {domain:#x}"),
        Attribute::MemoryPolicy(mode, _) => format!("set memory policy {mode:#x}"),
        Attribute::Affinity(mask) => format!("set CPU affinity {mask:x?}"),
        Attribute::Session => "start a session".to_owned(),
    }
}

fn limit(value: u64) -> String {
    if value == libc::RLIM_INFINITY {
        "unlimited".to_owned()
    } else {
        value.to_string()
    }
}

fn identity_text(identity: &Identity) -> String {
    let caps = identity.capabilities;
    let mut text = format!("become {}:{}", identity.uid, identity.gid);
    if !identity.groups.is_empty() {
        let _ = write!(text, " groups {:?}", identity.groups);
    }
    let _ = write!(text, " with capabilities {}", names(caps.effective));
    for (set, mask) in [
        ("permitted", caps.permitted),
        ("bounding", caps.bounding),
        ("inheritable", caps.inheritable),
        ("ambient", caps.ambient),
    ] {
        // An ordinary configuration has the same in three sets and nothing in the others.
        let usual = if matches!(set, "permitted" | "bounding") {
            caps.effective
        } else {
            0
        };
        if mask != usual {
            let _ = write!(text, ", {set} {}", names(mask));
        }
    }
    if identity.no_new_privileges {
        text.push_str(", no new privileges");
    }
    text
}

/// Capabilities by name, without their prefix.
fn names(mask: u64) -> String {
    let names: Vec<String> = (0..u64::BITS)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(|bit| capability_name(bit).trim_start_matches("CAP_").to_owned())
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}
