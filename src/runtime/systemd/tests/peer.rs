//! A peer that plays systemd, after a script.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::systemd::bus::message::{Kind, Message};
use crate::systemd::bus::wire::Writer;

/// The job of every call that makes one.
pub(super) const JOB: &str = "/org/freedesktop/systemd1/job/7";

/// What the peer answers a call with.
pub(super) type Script = Box<dyn FnMut(&Message) -> Vec<Answer> + Send>;

/// One thing that the peer sends.
#[derive(Clone)]
pub(super) enum Answer {
    /// A message; serial and addressee are set.
    Message(Message),
    /// Bytes that need not be one.
    Bytes(Vec<u8>),
    /// The end of the connection.
    End,
}

/// The peer's end of the conversation.
pub(super) struct Peer {
    calls: Receiver<Message>,
    thread: JoinHandle<()>,
}

impl Peer {
    /// Plays systemd on `stream`, which is authenticated, until its end.
    pub(super) fn play(stream: UnixStream, script: Script) -> Self {
        let (sender, calls) = channel();
        let thread = std::thread::spawn(move || serve(stream, script, &sender));
        Self { calls, thread }
    }

    /// The same on a stream that is still to be authenticated, by a peer that takes anybody.
    pub(super) fn greet(mut stream: UnixStream, script: Script) -> Self {
        let (sender, calls) = channel();
        let thread = std::thread::spawn(move || {
            let mut commands = [0; b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n".len()];
            stream.read_exact(&mut commands).unwrap();
            stream
                .write_all(b"DATA\r\nOK 0123456789abcdef\r\n")
                .unwrap();
            serve(stream, script, &sender);
        });
        Self { calls, thread }
    }

    /// The members that were called, in order, once the other end is closed.
    pub(super) fn finish(self) -> Vec<Message> {
        self.thread.join().unwrap();
        self.calls.iter().collect()
    }
}

fn serve(mut stream: UnixStream, mut script: Script, calls: &Sender<Message>) {
    let mut serial = 100;
    while let Some(call) = read(&mut stream) {
        if call.kind != Kind::Call {
            continue;
        }
        let answers = property(&call).map_or_else(|| script(&call), |answer| vec![answer]);
        calls.send(call.clone()).unwrap();
        for answer in answers {
            let bytes = match answer {
                Answer::Message(mut message) => {
                    serial += 1;
                    message.serial = serial;
                    if message.kind != Kind::Signal {
                        message.reply_serial.get_or_insert(call.serial);
                        message.destination = call.sender.clone();
                    }
                    message.encode()
                }
                Answer::Bytes(bytes) => bytes,
                Answer::End => return,
            };
            // The other end may have heard enough.
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// The next message; none at the end.
pub(super) fn read(stream: &mut UnixStream) -> Option<Message> {
    let mut bytes = vec![0; 16];
    stream.read_exact(&mut bytes).ok()?;
    let length = Message::length(bytes.first_chunk().unwrap()).unwrap();
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[16..]).ok()?;
    Message::decode(&bytes).unwrap()
}

/// The answers that are always the same.
fn property(call: &Message) -> Option<Answer> {
    if call.member.as_deref() != Some("Get") {
        return None;
    }
    let mut body = call.body();
    body.string().unwrap();
    let value = match body.string().unwrap() {
        "Version" => "252.38-1~deb12u1",
        "ControlGroup" => "/user.slice/user@7.service/init.scope",
        "ActiveState" => "failed",
        _ => return None,
    };
    let mut body = Writer::default();
    body.signature("s");
    body.string(value);
    let reply = Message::new(Kind::Return).with("v", body);
    Some(Answer::Message(reply))
}

/// An empty reply.
pub(super) fn done() -> Answer {
    Answer::Message(Message::new(Kind::Return))
}

/// A reply with the path of an object.
pub(super) fn object(path: &str) -> Answer {
    let mut body = Writer::default();
    body.string(path);
    Answer::Message(Message::new(Kind::Return).with("o", body))
}

/// An error reply of systemd's.
pub(super) fn refusal(name: &str, message: &str) -> Answer {
    let mut body = Writer::default();
    body.string(message);
    let mut reply = Message::new(Kind::Error).with("s", body);
    reply.error = Some(format!("org.freedesktop.systemd1.{name}"));
    Answer::Message(reply)
}

/// The signal that the job `path` has ended.
pub(super) fn job_removed(path: &str, result: &str) -> Answer {
    let mut body = Writer::default();
    body.u32(7);
    body.string(path);
    body.string("web.scope");
    body.string(result);
    let (path, interface) = (
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
    );
    let mut signal = Message::call(path, interface, "JobRemoved").with("uoss", body);
    signal.kind = Kind::Signal;
    Answer::Message(signal)
}
