//! `SCMP_ACT_NOTIFY`: an agent decides.

use crate::with_rules;
use libc::{SYS_getpgid, SYS_getsid};
use std::io::Read;

use runtime_tests::{Agent, Answer, Bundle, Exit, Kind, Test, Value, conformance, json};

/// getsid(2) and getpgid(2) are the agent's.
fn notifying(t: &Test, agent: &Agent) -> Bundle {
    let rules = json!([{"names": ["getsid", "getpgid"], "action": "SCMP_ACT_NOTIFY"}]);
    with_rules(t, rules)
        .set("/linux/seccomp/listenerPath", json!(agent.path()))
        .set("/linux/seccomp/listenerMetadata", json!("to the agent"))
        .set("/annotations/org.example", json!("kept"))
}

fn agent(t: &Test, name: &str) -> Agent {
    Agent::new(&t.dir().join(name))
}

#[test]
fn an_agent_answers_and_is_told_of_the_container() {
    conformance(|t| {
        for no_new_privileges in [true, false] {
            let agent = agent(t, &format!("agent-{no_new_privileges}"));
            let bundle = notifying(t, &agent)
                .set("/process/noNewPrivileges", json!(no_new_privileges))
                .args(["/bin/probe", "syscall", &SYS_getpgid.to_string(), "123"]);
            let decided = agent.decide(|number, arguments| {
                if number == SYS_getpgid {
                    Answer::Return(arguments[0].cast_signed() + 4000)
                } else {
                    Answer::Continue
                }
            });
            let run = t.run(&bundle).expect_success();
            assert_eq!(run.json()["returned"], 4123);
            let (state, seen) = decided.join().unwrap();
            assert!(seen.contains(&SYS_getpgid), "{seen:?}");
            assert_eq!(state["fds"], json!(["seccompFd"]));
            assert_eq!(state["metadata"], "to the agent");
            assert!(state["pid"].as_i64().unwrap() > 1);
            let container = &state["state"];
            assert_eq!(container["status"], "creating");
            assert_eq!(container["pid"], state["pid"]);
            assert_eq!(container["annotations"]["org.example"], "kept");
            assert_eq!(container["bundle"], bundle.dir().to_str().unwrap());
            assert!(container["id"].as_str().unwrap().starts_with("saya-test-"));
        }
    });
}

#[test]
fn an_agent_may_refuse_or_let_pass() {
    conformance(|t| {
        let agent = agent(t, "agent");
        let bundle = notifying(t, &agent).shell(&format!(
            "probe syscall {SYS_getsid}; probe syscall {SYS_getpgid}"
        ));
        let decided = agent.decide(|number, _| {
            if number == SYS_getsid {
                Answer::Fail(libc::ENOTNAM)
            } else {
                Answer::Continue
            }
        });
        let run = t.run(&bundle).expect_success();
        let lines: Vec<Value> = run
            .stdout()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["errno"], libc::ENOTNAM);
        assert!(lines[1]["errno"].is_null());
        decided.join().unwrap();
    });
}

#[test]
fn exec_comes_to_the_agent_by_itself() {
    conformance(|t| {
        let agent = agent(t, "agent");
        let bundle = notifying(t, &agent).args(["/bin/probe", "sleep"]);
        let container = t.start(&bundle);
        let first = agent.accept();
        assert_eq!(first.state["pid"], container.state()["pid"]);
        let decided = agent.decide(|_, _| Answer::Return(31));
        let exec = container.exec(["/bin/probe", "syscall", &SYS_getsid.to_string()]);
        assert_eq!(exec.expect_success().json()["returned"], 31);
        let (state, _) = decided.join().unwrap();
        assert_ne!(state["pid"], first.state["pid"]);
        assert_eq!(state["state"]["id"], first.state["state"]["id"]);
    });
}

#[test]
fn a_connection_carries_one_state_and_is_closed() {
    conformance(|t| {
        t.only(
            Kind::Saya,
            "crun waits for the agent to close the connection",
        );
        let agent = agent(t, "agent");
        let bundle = notifying(t, &agent).args(["/bin/probe", "sleep"]);
        let container = t.create(&bundle);
        let (_listener, mut connection) = agent.accept_open();
        connection.set_nonblocking(true).unwrap();
        let rest = connection.read(&mut [0; 1]);
        assert!(matches!(rest, Ok(0)), "after the state: {rest:?}");
        assert_eq!(container.status(), "created");
    });
}

#[test]
fn an_agent_that_is_gone_makes_its_calls_missing() {
    conformance(|t| {
        t.only(Kind::Saya, "crun's create never ends then");
        let agent = agent(t, "agent");
        let number = SYS_getsid.to_string();
        let bundle = notifying(t, &agent).args(["/bin/probe", "syscall", &number]);
        let container = t.create(&bundle);
        drop(agent.accept());
        container.call("start").expect_success();
        assert_eq!(container.wait(), Exit::Code(0));
        let printed: Value = serde_json::from_str(&container.stdout()).unwrap();
        assert_eq!(printed["errno"], libc::ENOSYS);
    });
}
