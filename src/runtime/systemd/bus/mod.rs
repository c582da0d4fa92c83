//! A small, synchronous D-Bus client: what it takes to have systemd make a unit (decision 0012).
//!
//! Calls with their replies by serial, and the signals that systemd announces the end of a job by.
//! Every wait has a deadline; an answer that comes after it is known by its serial and ignored.
//! Deliberately absent: connecting again, objects of our own (calls of others are ignored), file
//! descriptors, and buses that are not Unix sockets.

pub(super) mod address;
mod auth;
pub(super) mod message;
pub(super) mod stream;
pub(super) mod value;
pub(super) mod wire;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{Error, Kind as ErrorKind, Result, errno_in_words};
use address::Target;
use auth::Refusal;
use message::{Kind, Message, PREFIX_LEN};
use stream::Stream;
use wire::{Malformed, Writer};

/// How long the peer has for its answer, or a job for its end.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Most messages that are kept while another one is awaited.
const KEPT_MAX: usize = 1024;

/// The bus itself, as a peer on it.
const BUS: (&str, &str) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");

/// Advice for a systemd that does not answer.
const BUSY: &str = "look at `systemctl status` and `systemctl list-jobs`";

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The peer refused it: the error's name, and its words.
    Refused { name: String, message: String },
    /// It was not answered.
    Unanswered(Error),
}

/// A connection to a bus, or to systemd itself.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    limit: Duration,
    last_serial: u32,
    /// Replies that were not asked for yet, and signals.
    kept: VecDeque<Message>,
    /// What follows the message that was read last.
    received: Vec<u8>,
}

impl Connection {
    /// Connects to the first of `targets` that somebody listens at.
    ///
    /// # Errors
    /// Nobody listens (with the errno of the last target), the peer refuses us or is silent.
    pub(super) fn open(targets: &[Target], limit: Duration) -> Result<Self> {
        let mut refusal = Errno::ENOENT;
        for target in targets {
            match Stream::connect(target, Instant::now() + limit) {
                Ok(stream) => return Self::over(stream, limit),
                Err(errno) => refusal = errno,
            }
        }
        Err(Error::from_errno(refusal, ""))
    }

    /// Authenticates us on a connected stream.
    ///
    /// # Errors
    /// The peer refuses us or is silent.
    pub(super) fn over(stream: Stream, limit: Duration) -> Result<Self> {
        match auth::authenticate(&stream, Instant::now() + limit) {
            Ok(()) => Ok(Self {
                stream,
                limit,
                last_serial: 0,
                kept: VecDeque::new(),
                received: Vec::new(),
            }),
            Err(Refusal::Stream(errno)) => Err(unanswered(errno, "the authentication", limit)),
            Err(Refusal::Rejected(line)) => {
                let why = format!("the peer said `{}`", line.escape_debug());
                let error = Error::new(ErrorKind::System, "authenticate to systemd", why);
                Err(error.hint("the bus takes connections of its own user and of root only"))
            }
        }
    }

    /// Enters a bus, and asks it for the signals that `rule` selects. On a connection to systemd
    /// itself there is nothing to enter.
    ///
    /// # Errors
    /// The bus refuses or is silent.
    pub(super) fn enter(&mut self, rule: &str) -> Result<(), Failure> {
        let hello = self.send(to_bus("Hello"))?;
        let mut body = Writer::default();
        body.string(rule);
        let matching = self.send(to_bus("AddMatch").with("s", body))?;
        self.reply(hello, "Hello")?;
        self.reply(matching, "AddMatch").map(drop)
    }

    /// Whether `sender` owns the name `name` on the bus.
    ///
    /// # Errors
    /// The bus refuses or is silent.
    pub(super) fn owns(&mut self, sender: &str, name: &str) -> Result<bool, Failure> {
        let mut body = Writer::default();
        body.string(name);
        let reply = self.call(to_bus("GetNameOwner").with("s", body))?;
        reply
            .body()
            .string()
            .map(|owner| owner == sender)
            .map_err(|why| Failure::Unanswered(malformed(why)))
    }

    /// Calls a method and awaits its reply.
    ///
    /// # Errors
    /// What the peer refused, or that it did not answer.
    pub(super) fn call(&mut self, call: Message) -> Result<Message, Failure> {
        let member = call.member.clone().unwrap_or_default();
        let serial = self.send(call)?;
        self.reply(serial, &member)
    }

    /// Sends a call whose reply is awaited later; returns its serial.
    ///
    /// # Errors
    /// The peer does not take it.
    pub(super) fn send(&mut self, mut call: Message) -> Result<u32, Failure> {
        // Serials are not zero; so many calls are never made.
        self.last_serial = self.last_serial.saturating_add(1);
        call.serial = self.last_serial;
        let member = call.member.as_deref().unwrap_or_default();
        let bytes = call.encode();
        let sent = if bytes.len() > wire::MESSAGE_MAX {
            Err(Errno::EMSGSIZE)
        } else {
            self.stream.send(&bytes, Instant::now() + self.limit)
        };
        sent.map_err(|errno| Failure::Unanswered(unanswered(errno, member, self.limit)))?;
        Ok(call.serial)
    }

    /// Awaits the reply to the call `serial` of the method `member`.
    ///
    /// # Errors
    /// What the peer refused, or that it did not answer.
    pub(super) fn reply(&mut self, serial: u32, member: &str) -> Result<Message, Failure> {
        let is_reply = |message: &Message| {
            matches!(message.kind, Kind::Return | Kind::Error)
                && message.reply_serial == Some(serial)
        };
        let reply = self.next(is_reply, Instant::now() + self.limit, member)?;
        match reply.kind {
            Kind::Error => Err(refused(&reply)),
            _ => Ok(reply),
        }
    }

    /// Awaits a signal that `accept` selects; `subject` names what it tells, for the error.
    ///
    /// # Errors
    /// It did not come.
    pub(super) fn signal(
        &mut self,
        subject: &str,
        deadline: Instant,
        accept: impl Fn(&Message) -> bool,
    ) -> Result<Message, Failure> {
        let is_signal = |message: &Message| message.kind == Kind::Signal && accept(message);
        self.next(is_signal, deadline, subject)
    }

    /// How long the peer has for each further answer.
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// When a wait that starts now ends.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.limit
    }

    /// Forgets the signals that came so far.
    pub(super) fn forget_signals(&mut self) {
        self.kept.retain(|message| message.kind != Kind::Signal);
    }

    /// The next message that `wanted` selects. Other replies and signals are kept; calls of
    /// others are ignored.
    fn next(
        &mut self,
        wanted: impl Fn(&Message) -> bool,
        deadline: Instant,
        subject: &str,
    ) -> Result<Message, Failure> {
        if let Some(at) = self.kept.iter().position(&wanted)
            && let Some(message) = self.kept.remove(at)
        {
            return Ok(message);
        }
        loop {
            match self.receive(deadline, subject)? {
                Some(message) if wanted(&message) => return Ok(message),
                Some(message) if message.kind != Kind::Call => self.kept.push_back(message),
                _ => {}
            }
            if self.kept.len() > KEPT_MAX {
                let why = format!("more than {KEPT_MAX} messages came instead of {subject}");
                let error = Error::new(ErrorKind::System, "", why).hint(BUSY);
                return Err(Failure::Unanswered(error));
            }
        }
    }

    /// The next message; `None` for one of an unknown kind.
    fn receive(&mut self, deadline: Instant, subject: &str) -> Result<Option<Message>, Failure> {
        let broken = |why| Failure::Unanswered(malformed(why));
        let limit = self.limit;
        let late = |errno| Failure::Unanswered(unanswered(errno, subject, limit));
        self.fill(PREFIX_LEN, deadline).map_err(late)?;
        let prefix = self.received.first_chunk().ok_or(Malformed("no prefix"));
        let length = prefix.and_then(Message::length).map_err(broken)?;
        self.fill(length, deadline).map_err(late)?;
        let rest = self.received.split_off(length);
        let bytes = std::mem::replace(&mut self.received, rest);
        Message::decode(&bytes).map_err(broken)
    }

    /// Receives until at least `length` bytes are there.
    fn fill(&mut self, length: usize, deadline: Instant) -> crate::sys::Result<()> {
        let mut buffer = [0; 4096];
        while self.received.len() < length {
            let count = self.stream.receive(&mut buffer, deadline)?;
            let bytes = buffer.get(..count).unwrap_or_default();
            self.received.extend_from_slice(bytes);
        }
        Ok(())
    }
}

fn to_bus(member: &str) -> Message {
    let (name, path) = BUS;
    Message::call(path, name, member).to(name)
}

/// An error reply, in the peer's words.
fn refused(reply: &Message) -> Failure {
    let message = match reply.signature.as_bytes().first() {
        Some(b's') => reply.body().string().unwrap_or_default(),
        _ => "",
    };
    Failure::Refused {
        name: reply.error.clone().unwrap_or_default(),
        message: on_one_line(message),
    }
}

/// Text of others, without what would end the line of a log.
fn on_one_line(text: &str) -> String {
    let line = text.trim_end().chars();
    line.map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

fn unanswered(errno: Errno, subject: &str, limit: Duration) -> Error {
    // The caller knows what for.
    let what = "";
    match errno {
        Errno::ETIMEDOUT => {
            let why = format!("systemd did not answer {subject} within {limit:?}");
            Error::new(ErrorKind::Timeout, what, why).hint(BUSY)
        }
        Errno::ECONNRESET => {
            let why = format!("the connection ended before the answer to {subject}");
            Error::new(ErrorKind::System, what, why).hint("systemd or its bus was restarted")
        }
        _ => {
            let why = format!("{} ({subject})", errno_in_words(errno));
            Error::new(ErrorKind::System, what, why)
        }
    }
}

/// What came is not D-Bus.
pub(super) fn malformed(Malformed(why): Malformed) -> Error {
    Error::new(ErrorKind::System, "read systemd's answer", why)
}
