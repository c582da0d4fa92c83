//! `process.user`, `process.capabilities`, `process.noNewPrivileges`.

use runtime_tests::{Bundle, Test, Value, conformance, json};

/// Numbers of capabilities(7).
const KILL: u32 = 5;
const NET_BIND_SERVICE: u32 = 10;
const NET_RAW: u32 = 13;
const CHOWN: u32 = 0;

fn mask(numbers: &[u32]) -> String {
    let mask = numbers.iter().fold(0u64, |mask, number| mask | 1 << number);
    format!("{mask:016x}")
}

fn with_user(t: &Test, user: Value) -> Bundle {
    t.bundle().set("/process/user", user)
}

#[test]
fn uid_and_gid_are_those_of_the_config() {
    conformance(|t| {
        let facts = t.facts(with_user(t, json!({"uid": 1234, "gid": 5678})));
        let identity = &facts["identity"];
        assert_eq!(identity["uid"], json!([1234, 1234, 1234]));
        assert_eq!(identity["gid"], json!([5678, 5678, 5678]));
        assert_eq!(
            facts["status"]["Uid"], "1234 1234 1234 1234",
            "with the file system uid"
        );
        assert_eq!(facts["status"]["Gid"], "5678 5678 5678 5678");
    });
}

#[test]
fn additional_gids_are_set_and_no_others() {
    conformance(|t| {
        let user = json!({"uid": 1, "gid": 7, "additionalGids": [50, 7, 2_000_000_000]});
        let facts = t.facts(with_user(t, user));
        let mut found = groups(&facts);
        found.dedup();
        assert_eq!(found, [7, 50, 2_000_000_000]);
        for user in [json!({"uid": 1, "gid": 7}), json!({"uid": 0, "gid": 0})] {
            assert_eq!(groups(&t.facts(with_user(t, user))), [0u64; 0]);
        }
    });
}

fn groups(facts: &Value) -> Vec<u64> {
    let groups = facts["identity"]["groups"].as_array().expect("groups");
    let mut groups: Vec<u64> = groups.iter().filter_map(Value::as_u64).collect();
    groups.sort_unstable();
    groups
}

#[test]
fn ids_above_two_to_the_31_are_ids() {
    conformance(|t| {
        let (uid, gid) = (4_000_000_000u32, 4_294_967_294u32);
        let user = json!({"uid": uid, "gid": gid, "additionalGids": [gid]});
        let facts = t.facts(with_user(t, user));
        assert_eq!(facts["identity"]["uid"], json!([uid, uid, uid]));
        assert_eq!(facts["identity"]["gid"], json!([gid, gid, gid]));
        assert_eq!(groups(&facts), [u64::from(gid)]);
    });
}

#[test]
fn umask_is_set() {
    conformance(|t| {
        for (umask, shown) in [
            (0o077, "0077"),
            (0, "0000"),
            (0o22, "0022"),
            (0o777, "0777"),
        ] {
            let user = json!({"uid": 0, "gid": 0, "umask": umask});
            assert_eq!(t.facts(with_user(t, user))["identity"]["umask"], shown);
        }
    });
}

#[test]
fn a_umask_does_not_touch_what_the_runtime_makes() {
    conformance(|t| {
        let bundle = with_user(t, json!({"uid": 0, "gid": 0, "umask": 0o777}))
            .set("/process/cwd", json!("/made"))
            .args(["/bin/probe", "stat", "/made", "/dev/null", "/dev/shm"]);
        let seen = t.run(&bundle).expect_success().json();
        assert_eq!(seen["/made"]["mode"], "0755");
        assert_eq!(seen["/dev/null"]["mode"], "0666");
        assert_eq!(seen["/dev/shm"]["mode"], "1777");
    });
}

#[test]
fn numbers_that_are_no_ids_are_refused() {
    conformance(|t| {
        for user in [
            json!({"uid": -1, "gid": 0}),
            json!({"uid": 0, "gid": 4_294_967_296u64}),
        ] {
            let _ = t.run(&with_user(t, user)).expect_failure();
        }
        let user = json!({"uid": 0, "gid": 0, "additionalGids": ["staff"]});
        let _ = t.run(&with_user(t, user)).expect_failure();
    });
}

fn with_sets(t: &Test, sets: &Value) -> Bundle {
    t.bundle().set("/process/capabilities", sets.clone())
}

fn assert_sets(facts: &Value, wanted: [(&str, &[u32]); 5]) {
    for (name, numbers) in wanted {
        assert_eq!(facts["status"][name], mask(numbers), "{name}");
    }
}

#[test]
fn each_capability_set_is_set() {
    conformance(|t| {
        // As user 1000: for root execve fills permitted from bounding.
        let bundle = with_sets(
            t,
            &json!({
                "bounding": ["CAP_KILL", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"],
                "permitted": ["CAP_KILL", "CAP_NET_RAW"],
                "effective": ["CAP_KILL"],
                "inheritable": ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
                "ambient": ["CAP_KILL"]
            }),
        );
        let facts = t.facts(bundle.set("/process/user", json!({"uid": 1000, "gid": 1000})));
        let wanted: [(&str, &[u32]); 5] = [
            ("CapBnd", &[KILL, NET_RAW, NET_BIND_SERVICE, CHOWN]),
            ("CapInh", &[KILL, NET_BIND_SERVICE]),
            ("CapAmb", &[KILL]),
            ("CapPrm", &[KILL]),
            ("CapEff", &[KILL]),
        ];
        assert_sets(&facts, wanted);
    });
}

#[test]
fn root_has_what_the_bounding_set_allows() {
    conformance(|t| {
        let caps = json!(["CAP_NET_RAW", "CAP_CHOWN"]);
        let sets = json!({"bounding": caps, "permitted": caps, "effective": caps});
        let facts = t.facts(with_sets(t, &sets));
        let all: &[u32] = &[NET_RAW, CHOWN];
        let wanted = [("CapBnd", all), ("CapPrm", all), ("CapEff", all)];
        for (name, numbers) in wanted {
            assert_eq!(facts["status"][name], mask(numbers), "{name}");
        }
        assert_eq!(facts["status"]["CapInh"], mask(&[]));
        assert_eq!(facts["status"]["CapAmb"], mask(&[]));
    });
}

#[test]
fn without_capabilities_there_are_none() {
    conformance(|t| {
        let all = ["CapBnd", "CapInh", "CapAmb", "CapPrm", "CapEff"];
        for bundle in [
            with_sets(t, &json!({})),
            t.bundle().remove("/process/capabilities"),
        ] {
            assert_sets(&t.facts(bundle), all.map(|name| (name, [].as_slice())));
        }
    });
}

#[test]
fn a_user_other_than_root_keeps_only_ambient_capabilities() {
    conformance(|t| {
        let caps = json!(["CAP_KILL", "CAP_NET_RAW"]);
        let bundle = with_sets(
            t,
            &json!({"bounding": caps, "permitted": caps, "effective": caps}),
        );
        let bundle = bundle.set("/process/user/uid", json!(1000));
        let facts = t.facts(bundle.clone());
        let none: &[u32] = &[];
        for name in ["CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(facts["status"][name], mask(none), "{name}");
        }
        let bundle = bundle
            .set("/process/capabilities/inheritable", caps)
            .set("/process/capabilities/ambient", json!(["CAP_NET_RAW"]));
        let facts = t.facts(bundle);
        for name in ["CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(facts["status"][name], mask(&[NET_RAW]), "{name}");
        }
    });
}

#[test]
fn an_unknown_capability_is_a_warning() {
    conformance(|t| {
        let caps = json!(["CAP_KILL", "CAP_OF_THE_FUTURE"]);
        let sets = json!({"bounding": caps, "permitted": caps, "effective": caps});
        let run = t.run(&with_sets(t, &sets).args(["/bin/probe", "facts"]));
        let run = run.expect_success().expect_stderr("CAP_OF_THE_FUTURE");
        assert_eq!(run.json()["status"]["CapBnd"], mask(&[KILL]));
    });
}

#[test]
fn an_ambient_capability_that_cannot_be_raised_is_a_warning() {
    conformance(|t| {
        let caps = json!(["CAP_KILL"]);
        let sets = json!({"bounding": caps, "permitted": caps, "effective": caps, "ambient": caps});
        let run = t.run(&with_sets(t, &sets).args(["/bin/probe", "facts"]));
        let run = run.expect_success().expect_stderr("CAP_KILL");
        assert_eq!(run.json()["status"]["CapAmb"], mask(&[]));
    });
}

#[test]
fn a_capability_allows_what_it_should() {
    conformance(|t| {
        let script = "chown 5:5 /tmp/file; echo $?";
        for (caps, code) in [(json!(["CAP_CHOWN"]), "0\n"), (json!(["CAP_KILL"]), "1\n")] {
            let sets = json!({"bounding": caps, "permitted": caps, "effective": caps});
            let script = format!("touch /tmp/file; busybox {script}");
            let run = t.run(&with_sets(t, &sets).shell(&script)).expect_success();
            assert_eq!(run.stdout(), code, "{caps}");
        }
    });
}

#[test]
fn no_new_privileges_is_set_and_only_when_asked_for() {
    conformance(|t| {
        let with = |value| t.bundle().set("/process/noNewPrivileges", value);
        let cases = [
            (with(json!(true)), "1"),
            (with(json!(false)), "0"),
            (t.bundle().remove("/process/noNewPrivileges"), "0"),
        ];
        for (bundle, wanted) in cases {
            assert_eq!(t.facts(bundle)["status"]["NoNewPrivs"], wanted);
        }
    });
}

#[test]
fn the_process_leads_a_session_and_dies_with_nobody() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        let process = &facts["process"];
        assert_eq!(
            (&process["session"], &process["group"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(process["parent_death_signal"], 0);
        assert_eq!(process["securebits"], 0);
    });
}

#[test]
fn signals_are_as_a_shell_would_leave_them() {
    conformance(|t| {
        let bundle = t.bundle().args(["/bin/cat", "/proc/self/status"]);
        let status = t.run(&bundle).expect_success().stdout();
        for (name, mask) in [("SigBlk", 0u64), ("SigCgt", 0)] {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            let found = u64::from_str_radix(line[1..].trim(), 16).unwrap();
            assert_eq!(found, mask, "{name}");
        }
    });
}
