//! `process`, field by field.

use serde_json::{Value, json};

use super::valid::{accept, minimal};
use crate::config::Process;
use crate::config::process::Scheduler;

/// The process of a minimal document with these members added.
fn process(members: &Value) -> Process {
    accept(&minimal(&json!({"process": members})))
        .process
        .unwrap()
}

#[test]
fn absent_members_have_their_defaults() {
    let process = process(&json!({}));
    assert_eq!(process.args.value, ["true"]);
    assert_eq!(process.cwd.value, "/");
    assert_eq!(process.at.as_str(), "/process");
    assert!(process.env.is_empty() && process.rlimits.is_empty());
    assert!(!process.terminal && !process.no_new_privileges);
    assert_eq!(
        (process.user.uid, process.user.gid, process.user.umask),
        (0, 0, None)
    );
    assert_eq!(process.capabilities, crate::config::Capabilities::default());
    assert!(process.oom_score_adj.is_none() && process.scheduler.is_none());
    assert!(process.io_priority.is_none() && process.exec_affinity.is_none());
}

#[test]
fn of_two_variables_with_one_name_the_last_is_kept() {
    let env = ["A=1", "B=2", "A=3", "C=", "B==x"];
    assert_eq!(process(&json!({"env": env})).env, ["A=3", "C=", "B==x"]);
}

#[test]
fn the_console_size_is_rows_and_columns_of_a_terminal() {
    let size = json!({"height": 24, "width": 80});
    let with = process(&json!({"terminal": true, "consoleSize": size}));
    assert_eq!(with.console_size, Some((24, 80)));
    let without = process(&json!({"terminal": false, "consoleSize": size}));
    assert_eq!(without.console_size, None);
}

#[test]
fn ids_reach_to_the_last_valid_one() {
    let user = process(&json!({"user": {
        "uid": 4_294_967_294u32, "gid": 1, "additionalGids": [2, 2, 4_294_967_294u32], "umask": 0o77,
    }}))
    .user;
    assert_eq!((user.uid, user.gid), (4_294_967_294, 1));
    assert_eq!(user.additional_gids, [2, 2, 4_294_967_294]);
    assert_eq!(user.umask, Some(0o77));
    assert_eq!(user.at.as_str(), "/process/user");
}

#[test]
fn capability_names_become_masks() {
    let capabilities = process(&json!({"capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"],
        "effective": ["CAP_KILL"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "inheritable": ["CAP_CHOWN", "CAP_CHOWN"],
        "ambient": ["CAP_CHOWN"],
    }}))
    .capabilities;
    assert_eq!(capabilities.bounding, 1 | 1 << 40);
    assert_eq!(capabilities.effective, 1 << 5);
    assert_eq!(capabilities.permitted, 1 | 1 << 5);
    assert_eq!(capabilities.inheritable, 1);
    assert_eq!(capabilities.ambient, 1);
}

#[test]
fn all_capabilities_are_named_in_the_kernels_order() {
    let names = crate::config::process::capability_names();
    assert_eq!(names.len(), 41);
    assert_eq!(names[0], "CAP_CHOWN");
    assert_eq!(names[40], "CAP_CHECKPOINT_RESTORE");
}

#[test]
fn unknown_capabilities_are_one_warning() {
    let document = minimal(&json!({"process": {"capabilities": {
        "bounding": ["TEST_CAP", "CAP_KILL"],
        "permitted": ["TEST_CAP", "chown", "CAP_KILL", "a\nb"],
    }}}));
    let config = accept(&document);
    assert_eq!(config.process.unwrap().capabilities.permitted, 1 << 5);
    assert_eq!(
        config.warnings,
        [
            "/process/capabilities: ignoring unknown or unavailable capabilities: \
          [TEST_CAP a\\nb chown]; did you mean CAP_CHOWN?"
        ]
    );
}

#[test]
fn a_process_document_keeps_its_warnings() {
    let document = json!({
        "args": ["sh"], "cwd": "/",
        "capabilities": {"ambient": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"]},
    });
    let process = Process::from_document(&document).unwrap();
    assert_eq!(process.at.as_str(), "");
    assert_eq!(process.args.at.as_str(), "/args");
    assert_eq!(
        process.warnings,
        ["/capabilities: can't raise ambient capability CAP_CHOWN: it is not in the permitted set"]
    );
}

/// The numbers of the table against the C library's.
#[test]
fn rlimits_have_the_kernels_numbers() {
    let table = [
        ("RLIMIT_CPU", libc::RLIMIT_CPU),
        ("RLIMIT_FSIZE", libc::RLIMIT_FSIZE),
        ("RLIMIT_DATA", libc::RLIMIT_DATA),
        ("RLIMIT_STACK", libc::RLIMIT_STACK),
        ("RLIMIT_CORE", libc::RLIMIT_CORE),
        ("RLIMIT_RSS", libc::RLIMIT_RSS),
        ("RLIMIT_NPROC", libc::RLIMIT_NPROC),
        ("RLIMIT_NOFILE", libc::RLIMIT_NOFILE),
        ("RLIMIT_MEMLOCK", libc::RLIMIT_MEMLOCK),
        ("RLIMIT_AS", libc::RLIMIT_AS),
        ("RLIMIT_LOCKS", libc::RLIMIT_LOCKS),
        ("RLIMIT_SIGPENDING", libc::RLIMIT_SIGPENDING),
        ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE),
        ("RLIMIT_NICE", libc::RLIMIT_NICE),
        ("RLIMIT_RTPRIO", libc::RLIMIT_RTPRIO),
        ("RLIMIT_RTTIME", libc::RLIMIT_RTTIME),
    ];
    let entries = table.map(|(name, _)| json!({"type": name, "soft": 1, "hard": u64::MAX}));
    let rlimits = process(&json!({"rlimits": entries})).rlimits;
    for (index, (name, number)) in table.into_iter().enumerate() {
        let limit = &rlimits[index];
        assert_eq!((limit.name, limit.resource), (name, number));
        assert_eq!((limit.soft, limit.hard), (1, u64::MAX));
        assert_eq!(limit.at.as_str(), format!("/process/rlimits/{index}"));
    }
}

#[test]
fn schedulers_are_the_kernels_numbers() {
    let plain = Scheduler::default();
    let table = [
        (
            json!({"policy": "SCHED_OTHER", "nice": -20}),
            Scheduler { nice: -20, ..plain },
        ),
        (
            json!({"policy": "SCHED_FIFO", "priority": 99, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}),
            Scheduler {
                policy: 1,
                priority: 99,
                flags: 1,
                ..plain
            },
        ),
        (
            json!({"policy": "SCHED_RR", "priority": 1}),
            Scheduler {
                policy: 2,
                priority: 1,
                ..plain
            },
        ),
        (
            json!({"policy": "SCHED_BATCH", "nice": 19}),
            Scheduler {
                policy: 3,
                nice: 19,
                ..plain
            },
        ),
        (
            json!({"policy": "SCHED_IDLE"}),
            Scheduler { policy: 5, ..plain },
        ),
        (
            json!({"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 4096, "period": 0,
                   "flags": ["SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
                             "SCHED_FLAG_KEEP_PARAMS"]}),
            Scheduler {
                policy: 6,
                flags: 0x1e,
                runtime: 1024,
                deadline: 4096,
                ..plain
            },
        ),
    ];
    for (written, wanted) in table {
        let found = process(&json!({"scheduler": written})).scheduler.unwrap();
        assert_eq!(found.value, wanted, "{written}");
        assert_eq!(found.at.as_str(), "/process/scheduler");
    }
}

#[test]
fn the_other_attributes_are_numbers_too() {
    let process = process(&json!({
        "oomScoreAdj": -1000,
        "noNewPrivileges": true,
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
        "execCPUAffinity": {"initial": "0-1,65", "final": ""},
    }));
    assert_eq!(process.oom_score_adj.unwrap().value, -1000);
    assert!(process.no_new_privileges);
    assert_eq!(process.io_priority.unwrap().value, 3 << 13 | 7);
    let affinity = process.exec_affinity.unwrap();
    let initial = affinity.initial.unwrap();
    assert_eq!(
        (initial.value, initial.at.as_str()),
        (vec![3, 2], "/process/execCPUAffinity/initial")
    );
    assert_eq!(affinity.last, None);
}
