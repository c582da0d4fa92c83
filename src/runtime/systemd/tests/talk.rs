//! The conversation over a socket pair: every answer that systemd may give, and none.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::peer::{Answer, JOB, Peer, Script, done, job_removed, object, refusal};
use crate::error::Kind;
use crate::systemd::bus::message::{self, Message};
use crate::systemd::bus::stream::Stream;
use crate::systemd::bus::{Connection, LIMIT};
use crate::systemd::{Property, Systemd, Value};

fn connected(limit: Duration, script: Script) -> (Systemd, Peer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let peer = Peer::greet(theirs, script);
    let connection = Connection::over(Stream::over(ours), limit).unwrap();
    (Systemd::over(connection, true).unwrap(), peer)
}

/// systemd, once its peer answers each call after the questions of the greeting with the next of
/// `answers`.
fn talk(answers: Vec<Vec<Answer>>) -> (Systemd, Peer) {
    let mut answers = answers.into_iter();
    connected(
        LIMIT,
        Box::new(move |_| answers.next().expect("an answer is left")),
    )
}

/// The same with a systemd that is soon given up.
fn talk_shortly(answers: Vec<Vec<Answer>>) -> (Systemd, Peer) {
    let mut answers = answers.into_iter();
    let limit = Duration::from_millis(100);
    connected(limit, Box::new(move |_| answers.next().unwrap_or_default()))
}

/// What was called, but the questions for properties.
fn members(systemd: Systemd, peer: Peer) -> Vec<String> {
    drop(systemd);
    let calls = peer.finish().into_iter().filter_map(|call| call.member);
    calls.filter(|member| member != "Get").collect()
}

fn start(systemd: &mut Systemd) -> crate::error::Result<()> {
    let properties = [Property::new("PIDs", Value::numbers([42]))];
    let job = systemd.start_transient("web.scope", &properties)?;
    systemd.finish("web.scope", &job)
}

#[test]
fn systemd_says_who_it_is() {
    let (systemd, peer) = talk(Vec::new());
    assert_eq!(systemd.version(), 252);
    assert_eq!(systemd.control_group(), "/user.slice/user@7.service");
    assert!(members(systemd, peer).is_empty());
}

#[test]
fn a_unit_is_started_when_its_job_is_done() {
    let other = job_removed("/org/freedesktop/systemd1/job/8", "failed");
    let (mut systemd, peer) = talk(vec![vec![other, object(JOB), job_removed(JOB, "done")]]);
    start(&mut systemd).unwrap();
    drop(systemd);
    let call = peer.finish().pop().unwrap();
    assert_eq!(call.member.as_deref(), Some("StartTransientUnit"));
    assert_eq!(call.signature, "ssa(sv)a(sa(sv))");
    let mut body = call.body();
    assert_eq!(body.string(), Ok("web.scope"));
    assert_eq!(body.string(), Ok("replace"));
    body.skip("a(sv)a(sa(sv))").unwrap();
}

#[test]
fn a_job_may_end_before_the_call_returns() {
    let (mut systemd, peer) = talk(vec![vec![job_removed(JOB, "done"), object(JOB)]]);
    start(&mut systemd).unwrap();
    assert_eq!(members(systemd, peer), ["StartTransientUnit"]);
}

#[test]
fn a_job_that_fails_is_named() {
    for result in ["failed", "canceled", "timeout", "dependency"] {
        let (mut systemd, _peer) = talk(vec![vec![object(JOB), job_removed(JOB, result)]]);
        let error = start(&mut systemd).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("start the systemd unit `web.scope`: job failed: {result}")
        );
        assert!(
            error
                .advice()
                .unwrap()
                .contains("systemctl status web.scope")
        );
    }
}

#[test]
fn a_unit_that_is_left_over_is_reset_once() {
    let exists = || vec![refusal("UnitExists", "Unit web.scope was already loaded")];
    let started = vec![object(JOB), job_removed(JOB, "done")];
    let (mut systemd, peer) = talk(vec![exists(), vec![done()], started]);
    start(&mut systemd).unwrap();
    let thrice = [
        "StartTransientUnit",
        "ResetFailedUnit",
        "StartTransientUnit",
    ];
    assert_eq!(members(systemd, peer), thrice);

    let (mut systemd, peer) = talk(vec![exists(), vec![done()], exists()]);
    let error = start(&mut systemd).unwrap_err();
    assert_eq!(
        error.to_string(),
        "start the systemd unit `web.scope`: UnitExists: Unit web.scope was already loaded"
    );
    assert_eq!(members(systemd, peer), thrice);
}

#[test]
fn a_systemd_that_is_silent_is_given_up() {
    let (mut systemd, peer) = talk_shortly(Vec::new());
    let error = start(&mut systemd).unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(
        error.to_string(),
        "start the systemd unit `web.scope`: systemd did not answer StartTransientUnit within 100ms"
    );
    assert_eq!(
        error.advice(),
        Some("look at `systemctl status` and `systemctl list-jobs`")
    );
    assert_eq!(members(systemd, peer), ["StartTransientUnit"]);
}

#[test]
fn a_job_that_does_not_end_is_given_up_and_can_be_rolled_back() {
    let other_job = "/org/freedesktop/systemd1/job/8";
    let (mut systemd, peer) = talk_shortly(vec![
        vec![object(JOB)],
        // The job that was given up ends now, cancelled by the one that stops the unit.
        vec![
            job_removed(JOB, "canceled"),
            object(other_job),
            job_removed(other_job, "done"),
        ],
        vec![refusal("NoSuchUnit", "Unit web.scope not loaded.")],
    ]);
    let error = start(&mut systemd).unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    let why = "systemd did not answer StartTransientUnit with the end of its job within 100ms";
    assert_eq!(error.why(), why);
    systemd.stop("web.scope").unwrap();
    systemd.reset_failed("web.scope").unwrap();
    assert_eq!(
        members(systemd, peer),
        ["StartTransientUnit", "StopUnit", "ResetFailedUnit"]
    );
}

#[test]
fn an_answer_that_comes_late_is_not_taken_for_another() {
    let late = |serial| {
        let mut reply = Message::new(message::Kind::Error);
        reply.reply_serial = Some(serial);
        reply.error = Some("org.example.Late".to_owned());
        Answer::Message(reply)
    };
    // The questions of the greeting have the serials 1 and 2.
    let (mut systemd, _peer) = talk_shortly(vec![Vec::new(), vec![late(3), done()]]);
    start(&mut systemd).unwrap_err();
    systemd.reset_failed("web.scope").unwrap();
}

#[test]
fn a_unit_that_is_gone_is_stopped_and_reset() {
    let gone = || vec![refusal("NoSuchUnit", "Unit web.scope not loaded.")];
    let (mut systemd, _peer) = talk(vec![gone(), gone(), gone()]);
    systemd.stop("web.scope").unwrap();
    systemd.reset_failed("web.scope").unwrap();
    assert_eq!(systemd.active_state("web.scope").unwrap(), None);
}

#[test]
fn a_unit_has_a_state() {
    let path = "/org/freedesktop/systemd1/unit/web_2escope";
    let (mut systemd, _peer) = talk(vec![vec![object(path)]]);
    let state = systemd.active_state("web.scope").unwrap();
    assert_eq!(state.as_deref(), Some("failed"));
}

#[test]
fn properties_are_changed_for_this_boot() {
    let (mut systemd, peer) = talk(vec![vec![done()]]);
    let properties = [Property::new("MemoryMax", Value::U64(1 << 20))];
    systemd.set_properties("web.scope", &properties).unwrap();
    drop(systemd);
    let mut calls = peer.finish();
    // A question that systemd takes when it has written the files.
    assert_eq!(calls.pop().unwrap().member.as_deref(), Some("Get"));
    let call = calls.pop().unwrap();
    assert_eq!(call.signature, "sba(sv)");
    let mut body = call.body();
    assert_eq!(body.string(), Ok("web.scope"));
    assert_eq!(body.u32(), Ok(1));
}

#[test]
fn a_refusal_is_told_in_systemds_words() {
    let text = "Cannot set property MemoryMix,\nor unknown property.";
    let (mut systemd, _peer) = talk(vec![vec![refusal("PropertyReadOnly", text)]]);
    let error = start(&mut systemd).unwrap_err();
    assert_eq!(
        error.to_string(),
        "start the systemd unit `web.scope`: PropertyReadOnly: Cannot set property \
         MemoryMix, or unknown property."
    );
}

#[test]
fn a_systemd_that_goes_away_is_told() {
    for answers in [vec![Answer::End], vec![object(JOB), Answer::End]] {
        let (mut systemd, _peer) = talk(vec![answers]);
        let error = start(&mut systemd).unwrap_err();
        assert!(
            error.why().starts_with("the connection ended before"),
            "{error}"
        );
    }
}

#[test]
fn garbage_is_told() {
    let mut endless = Message::new(message::Kind::Return).encode();
    endless[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    for (bytes, why) in [
        (vec![b'x'; 64], "message has no byte order"),
        (endless, "message is longer than 16 MiB"),
        // The start of a message whose rest never comes.
        (
            vec![b'l', 2, 0, 1],
            "the connection ended before the answer to StartTransientUnit",
        ),
    ] {
        let (mut systemd, _peer) = talk(vec![vec![Answer::Bytes(bytes), Answer::End]]);
        assert_eq!(start(&mut systemd).unwrap_err().why(), why);
    }
    // A message of another type than the call's.
    let (mut systemd, _peer) = talk(vec![vec![done()]]);
    let why = start(&mut systemd).unwrap_err();
    assert_eq!(why.why(), "message ends in a value");
}

#[test]
fn a_flood_ends() {
    let flood = vec![job_removed("/another/job", "done"); 2000];
    let (mut systemd, _peer) = talk(vec![flood]);
    let error = start(&mut systemd).unwrap_err();
    assert!(
        error.why().starts_with("more than 1024 messages"),
        "{error}"
    );
}

#[test]
fn a_peer_that_takes_no_hello_is_told() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let error = Connection::over(Stream::over(ours), LIMIT).unwrap_err();
    assert!(error.why().contains("connection ended before"), "{error}");
}
