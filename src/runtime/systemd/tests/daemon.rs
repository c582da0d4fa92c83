//! The conversation over a real bus: a dbus-daemon of the test's own, on which a peer of the
//! test's plays systemd. Skipped where there is no dbus-daemon.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::peer::{JOB, Peer, Script, done, job_removed, object, read};
use crate::systemd::bus::LIMIT;
use crate::systemd::bus::address::Target;
use crate::systemd::bus::message::{Kind, Message};
use crate::systemd::bus::wire::Writer;
use crate::systemd::sockets::Sockets;
use crate::systemd::{Property, Systemd, Value};

/// A bus on which anybody may do anything.
struct Bus {
    daemon: Child,
    dir: PathBuf,
}

impl Bus {
    fn start(name: &str) -> Option<Self> {
        let dir = std::env::temp_dir().join(format!("saya-bus-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("config");
        let listen = dir.join("bus").display().to_string();
        let text = format!(
            "<busconfig><listen>unix:path={listen}</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow send_destination='*'/><allow receive_sender='*'/>\
             <allow own='*'/><allow user='*'/></policy></busconfig>"
        );
        std::fs::write(&file, text).unwrap();
        let daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", file.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            // It complains where it may not raise its limit of descriptors.
            .stderr(Stdio::null())
            .spawn();
        let mut daemon = match daemon {
            Ok(daemon) => daemon,
            Err(error) => {
                eprintln!("skipped: dbus-daemon cannot be run: {error}");
                std::fs::remove_dir_all(&dir).unwrap();
                return None;
            }
        };
        // It listens once it has told where.
        let mut address = String::new();
        let mut output = BufReader::new(daemon.stdout.take().unwrap());
        output.read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:path="), "{address}");
        Some(Self { daemon, dir })
    }

    fn sockets(&self) -> Sockets {
        Sockets {
            bus: vec![Target::Path(self.dir.join("bus").display().to_string())],
            private: None,
            hint: "none",
        }
    }

    /// A peer that is systemd on this bus.
    fn play(&self, script: Script) -> Peer {
        let mut stream = self.stranger();
        let mut body = Writer::default();
        body.string("org.freedesktop.systemd1");
        body.u32(0);
        ask(&mut stream, "RequestName", "su", body);
        Peer::play(stream, script)
    }

    /// A peer that is nobody yet.
    fn stranger(&self) -> UnixStream {
        let mut stream = UnixStream::connect(self.dir.join("bus")).unwrap();
        stream
            .write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
            .unwrap();
        let mut byte = [0];
        let mut ends = 0;
        while ends < 2 {
            stream.read_exact(&mut byte).unwrap();
            ends += u32::from(byte == *b"\n");
        }
        ask(&mut stream, "Hello", "", Writer::default());
        stream
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A call on the bus itself, and its reply.
fn ask(stream: &mut UnixStream, member: &str, signature: &str, body: Writer) -> Message {
    let bus = "org.freedesktop.DBus";
    let mut call = Message::call("/org/freedesktop/DBus", bus, member)
        .to(bus)
        .with(signature, body);
    call.serial = 77;
    stream.write_all(&call.encode()).unwrap();
    loop {
        let message = read(stream).unwrap();
        if message.reply_serial == Some(77) {
            assert_eq!(message.kind, Kind::Return, "{message:?}");
            return message;
        }
    }
}

#[test]
fn a_unit_is_started_and_stopped_over_a_bus() {
    let Some(bus) = Bus::start("unit") else {
        return;
    };
    let peer = bus.play(Box::new(|call| match call.member.as_deref() {
        Some("ResetFailedUnit") => vec![done()],
        _ => vec![object(JOB), job_removed(JOB, "done")],
    }));
    let mut systemd = Systemd::connect_to(&bus.sockets(), LIMIT).unwrap();
    assert_eq!(systemd.version(), 252);
    let properties = [
        Property::new("PIDs", Value::numbers([42])),
        Property::new(
            "DeviceAllow",
            Value::pairs([("a".to_owned(), "r".to_owned())]),
        ),
        Property::new("AllowedCPUs", Value::bytes(&[1])),
        Property::new("CPUWeight", Value::U64(100)),
    ];
    let job = systemd.start_transient("web.scope", &properties).unwrap();
    systemd.finish("web.scope", &job).unwrap();
    systemd.set_properties("web.scope", &properties).unwrap();
    systemd.stop("web.scope").unwrap();
    systemd.reset_failed("web.scope").unwrap();
    drop(systemd);
    drop(bus);
    let members: Vec<_> = peer
        .finish()
        .into_iter()
        .filter_map(|call| call.member)
        .collect();
    assert_eq!(
        members,
        [
            "Get",
            "Get",
            "StartTransientUnit",
            "SetUnitProperties",
            "Get",
            "StopUnit",
            "ResetFailedUnit"
        ]
    );
}

#[test]
fn a_stranger_cannot_end_a_job() {
    let Some(bus) = Bus::start("stranger") else {
        return;
    };
    let mut stranger = bus.stranger();
    let peer = bus.play(Box::new(move |call| {
        // A signal to the caller alone passes every match rule.
        if let super::peer::Answer::Message(mut signal) = job_removed(JOB, "failed") {
            signal.serial = 78;
            signal.destination = call.sender.clone();
            stranger.write_all(&signal.encode()).unwrap();
            // The bus has passed it on once it answers the stranger.
            ask(&mut stranger, "GetId", "", Writer::default());
        }
        vec![object(JOB), job_removed(JOB, "done")]
    }));
    let mut systemd = Systemd::connect_to(&bus.sockets(), LIMIT).unwrap();
    let job = systemd.start_transient("web.scope", &[]).unwrap();
    systemd.finish("web.scope", &job).unwrap();
    drop(systemd);
    drop(bus);
    peer.finish();
}

#[test]
fn a_bus_without_systemd_is_told() {
    let Some(bus) = Bus::start("empty") else {
        return;
    };
    let error = Systemd::connect_to(&bus.sockets(), LIMIT).unwrap_err();
    let text =
        "connect to systemd: NameHasNoOwner: Name \"org.freedesktop.systemd1\" does not exist";
    assert_eq!(error.to_string(), text);
    assert_eq!(
        error.advice(),
        Some("systemd is not on this bus; the cgroupfs driver works without it")
    );
}

#[test]
fn systemds_own_socket_is_taken_where_there_is_no_bus() {
    let dir = std::env::temp_dir().join(format!("saya-private-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = |name: &str| Target::Path(dir.join(name).display().to_string());
    let listener = std::os::unix::net::UnixListener::bind(dir.join("private")).unwrap();
    let sockets = |private: &str| Sockets {
        bus: vec![path("bus")],
        private: Some(path(private)),
        hint: "start it",
    };
    let systemd = std::thread::spawn({
        let sockets = sockets("private");
        move || Systemd::connect_to(&sockets, LIMIT).unwrap()
    });
    let (stream, _) = listener.accept().unwrap();
    let peer = Peer::greet(stream, Box::new(|_| Vec::new()));
    drop(systemd.join().unwrap());
    assert_eq!(peer.finish().len(), 2);

    let error = Systemd::connect_to(&sockets("none"), LIMIT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "connect to systemd: ENOENT: no such file or directory"
    );
    assert_eq!(error.advice(), Some("start it"));
    std::fs::remove_dir_all(&dir).unwrap();
}
