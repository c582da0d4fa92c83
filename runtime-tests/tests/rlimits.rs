//! `process.rlimits`, getrlimit(2).

use runtime_tests::{Test, Value, conformance, json};

/// Limits which a process without CAP_SYS_RESOURCE may lower: name, soft, hard.
const LIMITS: [(&str, u64, u64); 16] = [
    ("RLIMIT_AS", 1 << 40, 1 << 41),
    ("RLIMIT_CORE", 0, 4096),
    ("RLIMIT_CPU", 1000, 2000),
    ("RLIMIT_DATA", 1 << 34, 1 << 35),
    ("RLIMIT_FSIZE", 1 << 30, 1 << 31),
    ("RLIMIT_LOCKS", 10, 20),
    ("RLIMIT_MEMLOCK", 4096, 8192),
    ("RLIMIT_MSGQUEUE", 4096, 8192),
    ("RLIMIT_NICE", 0, 0),
    ("RLIMIT_NOFILE", 100, 200),
    ("RLIMIT_NPROC", 1000, 2000),
    ("RLIMIT_RSS", 1 << 34, 1 << 35),
    ("RLIMIT_RTPRIO", 0, 0),
    ("RLIMIT_RTTIME", 1_000_000, 2_000_000),
    ("RLIMIT_SIGPENDING", 100, 200),
    ("RLIMIT_STACK", 1 << 22, 1 << 23),
];

fn limit((kind, soft, hard): (&str, u64, u64)) -> Value {
    json!({"type": kind, "soft": soft, "hard": hard})
}

fn with(t: &Test, limits: Value) -> runtime_tests::Bundle {
    t.bundle().set("/process/rlimits", limits)
}

#[test]
fn every_limit_is_set() {
    conformance(|t| {
        let limits: Vec<Value> = LIMITS.into_iter().map(limit).collect();
        let facts = t.facts(with(t, json!(limits)));
        for (kind, soft, hard) in LIMITS {
            assert_eq!(facts["rlimits"][kind], json!([soft, hard]), "{kind}");
        }
    });
}

#[test]
fn unlimited_is_the_largest_number() {
    conformance(|t| {
        let facts = t.facts(with(t, json!([limit(("RLIMIT_CPU", u64::MAX, u64::MAX))])));
        assert_eq!(facts["rlimits"]["RLIMIT_CPU"], json!([u64::MAX, u64::MAX]));
    });
}

#[test]
fn a_limit_holds() {
    conformance(|t| {
        let bundle = with(t, json!([limit(("RLIMIT_FSIZE", 1024, 4096))]));
        let bundle = bundle.shell("head -c 9999 /dev/zero > /tmp/file; :");
        let _ = t.run(&bundle);
        let written = bundle.rootfs().join("tmp/file");
        assert_eq!(std::fs::metadata(written).unwrap().len(), 1024);
    });
}

#[test]
fn a_second_limit_of_a_type_is_refused() {
    conformance(|t| {
        let twice = json!([limit(("RLIMIT_CORE", 1, 2)), limit(("RLIMIT_CORE", 1, 2))]);
        let _ = t
            .run(&with(t, twice))
            .expect_failure()
            .expect_stderr("RLIMIT_CORE");
    });
}

#[test]
fn an_unknown_type_is_refused() {
    conformance(|t| {
        let unknown = json!([limit(("RLIMIT_NOISE", 1, 2))]);
        let _ = t
            .run(&with(t, unknown))
            .expect_failure()
            .expect_stderr("RLIMIT_NOISE");
    });
}

#[test]
fn a_soft_limit_above_the_hard_limit_is_refused() {
    conformance(|t| {
        let _ = t
            .run(&with(t, json!([limit(("RLIMIT_CORE", 2, 1))])))
            .expect_failure();
    });
}

#[test]
fn other_limits_are_the_callers() {
    conformance(|t| {
        let core = json!([limit(("RLIMIT_CORE", 0, 0))]);
        let (set, unset) = (t.facts(with(t, core)), t.facts(t.bundle()));
        for kind in [
            "RLIMIT_NOFILE",
            "RLIMIT_STACK",
            "RLIMIT_NPROC",
            "RLIMIT_MEMLOCK",
        ] {
            assert_eq!(set["rlimits"][kind], unset["rlimits"][kind], "{kind}");
        }
    });
}
