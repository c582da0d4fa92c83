//! `check` and `plan`: what is wrong with a bundle, and what would be done,
//! without doing anything.
//!
//! No peer has these verbs, so the tests are for Saya alone.

use runtime_tests::oracle::Snapshot;
use runtime_tests::{Bundle, Exit, Kind, Output, Test, Value, Witness, conformance, json};

const ONLY: &str = "no other runtime has check and plan";

#[track_caller]
fn call(t: &Test, verb: &str, bundle: &Bundle, flags: &[&str]) -> Output {
    bundle.save();
    let witness = Witness::of(bundle.dir());
    let before = Snapshot::take();
    let output = t.runtime([verb]).args(flags).args([bundle.dir()]).run();
    assert_eq!(
        Snapshot::take().beyond(&before),
        [],
        "{verb} has side effects"
    );
    witness.assert_unchanged();
    output
}

/// Every string called `name` anywhere in a JSON document.
fn all_named(value: &Value, name: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| match inner {
                Value::String(text) if key == name => vec![text.clone()],
                _ => all_named(inner, name),
            })
            .collect(),
        Value::Array(list) => list
            .iter()
            .flat_map(|inner| all_named(inner, name))
            .collect(),
        _ => Vec::new(),
    }
}

/// A bundle with four faults in four places, and their JSON pointers.
fn faulty(t: &Test) -> (Bundle, [&'static str; 4]) {
    let limit = json!({"type": "RLIMIT_CORE", "soft": 1, "hard": 1});
    let bundle = t
        .bundle()
        .set("/process/rlimits", json!([limit, limit]))
        .set("/process/cwd", json!("not/absolute"))
        .set("/linux/sysctl", json!({"kernel.core_pattern": "|/evil"}))
        .push("/linux/namespaces", json!({"type": "pid"}));
    let pointers = [
        "/process/rlimits/1",
        "/process/cwd",
        "/linux/sysctl/kernel.core_pattern",
        "/linux/namespaces/6",
    ];
    (bundle, pointers)
}

#[test]
fn check_of_a_good_bundle_succeeds() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let _ = call(t, "check", &t.bundle(), &[]).expect_success();
    });
}

#[test]
fn check_names_every_fault_at_once() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let (bundle, pointers) = faulty(t);
        let output = call(t, "check", &bundle, &[]);
        assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
        let text = output.stdout() + &output.stderr();
        for pointer in pointers {
            assert!(text.contains(pointer), "{pointer} is not in\n{text}");
        }
    });
}

#[test]
fn check_json_has_a_record_per_fault() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let (bundle, pointers) = faulty(t);
        let output = call(t, "check", &bundle, &["--json"]);
        assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
        let json = output.json();
        let at = all_named(&json, "at");
        for pointer in pointers {
            assert!(
                at.iter().any(|a| a.starts_with(pointer)),
                "{pointer} is not in {json:#}"
            );
        }
        assert!(all_named(&json, "why").len() >= pointers.len(), "{json:#}");
    });
}

#[test]
fn check_looks_at_the_host() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let bundle = t.bundle().without_namespace("ipc").push(
            "/linux/namespaces",
            json!({"type": "ipc", "path": "/no/such/namespace"}),
        );
        let output = call(t, "check", &bundle, &[]);
        assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
        let text = output.stdout() + &output.stderr();
        assert!(
            text.contains("/no/such/namespace") && text.contains("/linux/namespaces/5"),
            "{text}"
        );
    });
}

#[test]
fn check_agrees_with_create() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let (bundle, pointers) = faulty(t);
        let create = t
            .verb_with_bundle("create", &bundle, &[], &t.new_id())
            .run()
            .expect_failure();
        let named = pointers
            .iter()
            .any(|pointer| create.stderr().contains(pointer));
        assert!(named, "{}", create.describe());
    });
}

#[test]
fn check_of_no_bundle_names_the_file() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let output = t.call(["check", "/no/such/bundle"]).expect_failure();
        let _ = output.expect_stderr("/no/such/bundle");
    });
}

#[test]
fn plan_prints_the_steps_with_their_fields() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let bundle = t.bundle().mount("/first", "tmpfs", "tmpfs", &[]).mount(
            "/second",
            "tmpfs",
            "tmpfs",
            &[],
        );
        let text = call(t, "plan", &bundle, &[]).expect_success().stdout();
        let line = |words: &str, pointer: &str| {
            let found = text
                .lines()
                .position(|l| l.contains(words) && l.contains(pointer));
            found.unwrap_or_else(|| panic!("no step with {words:?} and {pointer:?} in\n{text}"))
        };
        let (first, second) = (line("/first", "/mounts/6"), line("/second", "/mounts/7"));
        assert!(first < second, "mounts are made in their order:\n{text}");
        assert!(second < line("hostname", "/hostname"), "{text}");
        line("cgroup", "/linux/cgroupsPath");
        line("clone", "/linux/namespaces");
        line("/proc/kcore", "/linux/maskedPaths/2");
    });
}

#[test]
fn plan_shows_the_unit_that_systemd_makes_for_init() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let path = json!("a-b.slice:x:y");
        let bundle = t
            .bundle()
            .set("/linux/cgroupsPath", path)
            .set("/linux/resources/pids/limit", json!(5));
        let text = call(t, "plan", &bundle, &[]).expect_success().stdout();
        let line = |words: &str| {
            let found = text.lines().position(|line| line.contains(words));
            found.unwrap_or_else(|| panic!("no step with {words:?} in\n{text}"))
        };
        let unit = line("have systemd make `x-y.scope` in `a-b.slice`");
        assert!(line("clone init") < unit, "{text}");
        assert!(unit < line("/linux/resources/pids/limit"), "{text}");
        assert!(!text.contains("create cgroup `"), "{text}");
    });
}

#[test]
fn plan_json_has_a_record_per_step() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let json = call(t, "plan", &t.bundle(), &["--json"])
            .expect_success()
            .json();
        let steps = all_named(&json, "step");
        assert_eq!(steps.len(), all_named(&json, "at").len(), "{json:#}");
        let text = call(t, "plan", &t.bundle(), &[]).expect_success().stdout();
        for step in steps {
            let head: String = step.chars().take(20).collect();
            assert!(
                text.contains(&head),
                "{step:?} is not in the text form\n{text}"
            );
        }
    });
}

#[test]
fn plan_of_a_faulty_bundle_is_refused_with_the_fault() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        let (bundle, _) = faulty(t);
        let output = call(t, "plan", &bundle, &[]).expect_failure();
        let text = output.stdout() + &output.stderr();
        assert!(
            text.contains("/process/") || text.contains("/linux/"),
            "{text}"
        );
    });
}

/// A machine without resctrl cannot give a share of the cache: said before anything is made.
#[test]
fn check_and_create_want_resctrl_for_intel_rdt() {
    conformance(|t| {
        t.only(Kind::Saya, ONLY);
        if std::path::Path::new("/sys/fs/resctrl/schemata").exists() {
            t.skip("this machine has resctrl");
        }
        let rdt = json!({"closID": "gold", "schemata": ["L3:0=f"], "enableMonitoring": true});
        let bundle = t.bundle().set("/linux/intelRdt", rdt);
        let output = call(t, "check", &bundle, &[]);
        assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
        let run = t.run(&bundle).expect_failure();
        for text in [output.stdout() + &output.stderr(), run.stderr()] {
            for part in [
                "/linux/intelRdt",
                "no resctrl is mounted",
                "mount -t resctrl",
            ] {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
        }
        let plan = call(t, "plan", &bundle, &[]);
        for part in [
            "have resctrl group `gold`",
            "have `L3:0=f`",
            "monitoring group",
        ] {
            assert!(plan.stdout().contains(part), "{}", plan.describe());
        }
    });
}
