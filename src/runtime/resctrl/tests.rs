//! The life of groups in a plain directory, as an unprivileged user too. What only the kernel does
//! (its files in a new directory, refusals) is made by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::mounted::Resctrl;
use super::{Assignment, Groups};
use crate::config::IntelRdt;
use crate::error::{At, Error, Kind, Pointer};

struct Fake(Resctrl);

impl Fake {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saya-resctrl-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("mon_groups")).unwrap();
        Self(Resctrl { root })
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.root.join(path)
    }

    /// A group of somebody else's.
    fn group(&self, name: &str, schemata: &str) {
        fs::create_dir_all(self.path(name).join("mon_groups")).unwrap();
        fs::write(self.path(name).join("schemata"), schemata).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// The files of a group go with it, as in the kernel.
    fn remove(&self, groups: &Groups) {
        for path in &groups.made {
            for file in ["schemata", "tasks"] {
                let _ = fs::remove_file(self.path(path).join(file));
            }
        }
        self.0.remove(groups).unwrap();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0.root);
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn new() -> Self {
        let cat = Command::new("cat").stdin(Stdio::piped()).spawn();
        Self(cat.unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn rdt(clos_id: Option<&str>, schemas: &[&str], schemata: &[&str]) -> IntelRdt {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    IntelRdt {
        clos_id: clos_id.map(str::to_owned),
        schemas: lines(schemas),
        schemata: lines(schemata),
        monitoring: false,
        at: Pointer::new("/linux/intelRdt"),
    }
}

fn monitored(rdt: IntelRdt) -> Assignment {
    let monitoring = true;
    Assignment::of(&IntelRdt { monitoring, ..rdt }, "web")
}

fn at(error: &Error) -> &str {
    match error.location() {
        Some(At::Field(pointer)) => pointer.as_str(),
        _ => "",
    }
}

#[test]
fn a_group_of_its_own_is_named_after_the_container_and_goes_with_it() {
    let fake = Fake::new();
    let mut web = Assignment::of(&rdt(None, &["L3:0=f", "MB:0=20"], &[]), "web");
    web.check_in(&fake.0).unwrap();
    assert_eq!(web.groups.made, ["web"]);
    assert!(!fake.0.has("web"), "check makes nothing");
    web.enter_in(&fake.0, 71).unwrap();
    assert_eq!(fake.read("web/schemata"), "L3:0=f\nMB:0=20\n");
    assert_eq!(fake.read("web/tasks"), "71");
    fake.0.enter(&web.groups, 72).unwrap();
    assert_eq!(fake.read("web/tasks"), "72", "exec enters it too");
    fake.remove(&web.groups);
    assert!(!fake.0.has("web"));
    fake.0.remove(&web.groups).unwrap();
}

#[test]
fn the_groups_survive_as_json() {
    let mut web = monitored(rdt(Some("/"), &[], &[]));
    let text = serde_json::to_string(&web.groups).unwrap();
    assert_eq!(text, r#"{"control":"/","monitor":"web"}"#);
    web.groups.made.push("mon_groups/web".into());
    let text = serde_json::to_string(&web.groups).unwrap();
    assert_eq!(serde_json::from_str::<Groups>(&text).unwrap(), web.groups);
}

#[test]
fn a_group_named_after_the_container_that_exists_is_not_taken_over() {
    let fake = Fake::new();
    fake.group("web", "L3:0=f\n");
    let mut web = Assignment::of(&rdt(None, &["L3:0=3"], &[]), "web");
    let error = web.enter_in(&fake.0, 71).unwrap_err();
    assert_eq!(error.why(), "it exists already");
    assert_eq!(fake.read("web/schemata"), "L3:0=f\n");
    fake.0.remove(&web.groups).unwrap();
    assert!(fake.0.has("web"), "it is not ours to remove");
}

#[test]
fn an_existing_class_is_joined_if_it_is_as_wanted_and_stays() {
    let fake = Fake::new();
    fake.group("gold", "    L3:0=000f;1=00f0\n    MB:0= 20\n");
    let mut web = monitored(rdt(Some("gold"), &["L3:0=f"], &[]));
    web.enter_in(&fake.0, 71).unwrap();
    assert_eq!(
        fake.read("gold/schemata"),
        "    L3:0=000f;1=00f0\n    MB:0= 20\n"
    );
    assert_eq!(fake.read("gold/tasks"), "71");
    assert_eq!(fake.read("gold/mon_groups/web/tasks"), "71");
    assert_eq!(web.groups.made, ["gold/mon_groups/web"]);
    fake.remove(&web.groups);
    assert!(fake.0.has("gold") && !fake.0.has("gold/mon_groups/web"));
}

#[test]
fn an_existing_class_that_differs_is_refused_untouched() {
    let fake = Fake::new();
    fake.group("gold", "L3:0=f\n");
    let mut web = monitored(rdt(Some("gold"), &["L3:0=ff"], &["L3:0=3"]));
    let error = web.enter_in(&fake.0, 71).unwrap_err();
    assert_eq!(
        error.to_string(),
        "join resctrl group `gold`: `L3:0=ff` is wanted, but the group has `L3:0=f`"
    );
    let mut web = Assignment::of(&rdt(Some("gold"), &["MB:0=10"], &[]), "web");
    let error = web.check_in(&fake.0).unwrap_err();
    let why = "`MB:0=10` is wanted, but the group has no resource `MB`";
    assert_eq!(error.why(), why);
    assert_eq!(fake.read("gold/schemata"), "L3:0=f\n");
    assert!(!fake.path("gold/tasks").exists() && !fake.0.has("gold/mon_groups/web"));
}

#[test]
fn the_lines_of_schemata_are_written_to_an_existing_class() {
    let fake = Fake::new();
    fake.group("gold", "L3:0=f\n");
    let mut web = Assignment::of(
        &rdt(Some("gold"), &["L3:0=f"], &["L3:0=3", "MB:0=9"]),
        "web",
    );
    web.enter_in(&fake.0, 71).unwrap();
    assert_eq!(fake.read("gold/schemata"), "L3:0=3\nMB:0=9\n");
}

#[test]
fn a_missing_class_is_made_only_if_something_says_what_it_is() {
    let fake = Fake::new();
    let mut web = Assignment::of(&rdt(Some("gold"), &[], &[]), "web");
    let error = web.check_in(&fake.0).unwrap_err();
    assert_eq!(at(&error), "/linux/intelRdt/closID");
    let mut web = Assignment::of(&rdt(Some("gold"), &[], &["L2:0=3"]), "web");
    web.enter_in(&fake.0, 71).unwrap();
    assert_eq!(fake.read("gold/schemata"), "L2:0=3\n");
    assert_eq!(web.groups.made, ["gold"]);
}

#[test]
fn a_class_that_we_made_stays_while_others_are_in_it() {
    let fake = Fake::new();
    let mut web = Assignment::of(&rdt(Some("gold"), &["L3:0=f"], &[]), "web");
    web.enter_in(&fake.0, 71).unwrap();
    let process = Process::new();
    fs::write(fake.path("gold/tasks"), format!("{}\n", process.0.id())).unwrap();
    fake.0.remove(&web.groups).unwrap();
    assert!(fake.0.has("gold"));
    drop(process);
    fs::remove_file(fake.path("gold/schemata")).unwrap();
    // The kernel does not list the ended process any more.
    fs::remove_file(fake.path("gold/tasks")).unwrap();
    fake.0.remove(&web.groups).unwrap();
    assert!(!fake.0.has("gold"));
}

#[test]
fn the_root_group_is_entered_and_never_made_or_removed() {
    let fake = Fake::new();
    let mut web = monitored(rdt(Some("/"), &[], &[]));
    web.enter_in(&fake.0, 71).unwrap();
    assert_eq!(fake.read("tasks"), "71");
    assert_eq!(fake.read("mon_groups/web/tasks"), "71");
    assert!(!fake.path("schemata").exists());
    assert_eq!(web.groups.made, ["mon_groups/web"]);
    fake.remove(&web.groups);
    assert!(fake.0.has("") && fake.0.has("mon_groups") && !fake.0.has("mon_groups/web"));
}

#[test]
fn what_a_failed_entry_made_is_known() {
    let fake = Fake::new();
    // A plain new directory has no mon_groups, as on a kernel that changed its mind.
    let mut web = monitored(rdt(None, &["L3:0=f"], &[]));
    let error = web.enter_in(&fake.0, 71).unwrap_err();
    assert_eq!(error.operation(), "make resctrl group `web/mon_groups/web`");
    assert_eq!(web.groups.made, ["web"]);
    fake.remove(&web.groups);
    assert!(!fake.0.has("web"));
}

#[test]
fn a_refusal_comes_with_the_kernels_explanation() {
    let fake = Fake::new();
    fs::create_dir_all(fake.path("info")).unwrap();
    fs::write(
        fake.path("info/last_cmd_status"),
        "mask f0f is not contiguous\n",
    )
    .unwrap();
    // A directory in the file's place refuses every write.
    fs::create_dir_all(fake.path("gold/schemata")).unwrap();
    let mut web = Assignment::of(&rdt(Some("gold"), &[], &["L3:0=f0f"]), "web");
    let error = web.enter_in(&fake.0, 71).unwrap_err();
    assert_eq!(error.operation(), "set `L3:0=f0f` in resctrl group `gold`");
    assert_eq!(
        error.advice(),
        Some("the kernel says: mask f0f is not contiguous")
    );
}

#[test]
fn monitoring_needs_a_machine_that_can() {
    let fake = Fake::new();
    fs::remove_dir(fake.path("mon_groups")).unwrap();
    let mut web = monitored(rdt(None, &[], &[]));
    let error = web.check_in(&fake.0).unwrap_err();
    assert_eq!(at(&error), "/linux/intelRdt/enableMonitoring");
}

#[test]
fn a_directory_of_another_file_system_is_no_resctrl() {
    let error = Resctrl::at(Path::new("/proc")).unwrap_err();
    assert_eq!(error.kind(), Kind::System);
    assert_eq!(error.why(), "no resctrl is mounted at `/proc`");
    let hint = error.advice().unwrap();
    assert!(
        hint.starts_with("`mount -t resctrl resctrl /proc`"),
        "{hint}"
    );
    Resctrl::at(Path::new("/no/such/directory")).unwrap_err();
}

#[test]
fn groups_are_changed_by_one_program_at_a_time() {
    let fake = Fake::new();
    let lock = fake.0.lock().unwrap();
    let dir = crate::sys::directory::open(&fake.0.root).unwrap();
    let held = crate::sys::directory::try_lock(std::os::fd::AsFd::as_fd(&dir)).unwrap();
    assert!(held.is_none());
    drop(lock);
    fake.0.lock().unwrap();
}
