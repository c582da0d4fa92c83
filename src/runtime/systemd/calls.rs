//! The calls on systemd (org.freedesktop.systemd1(5)): making, changing and stopping units.
//!
//! Making and stopping are jobs: the call returns one, and a signal tells how it ended. A start
//! that ran into its deadline may still happen: whoever asked for it ends the process that was to
//! be in the unit, stops the unit if there was a job ([`Systemd::stop`]) and does not go on.

use std::time::Duration;

use nix::errno::Errno;

use super::Property;
use super::bus::message::Message;
use super::bus::wire::{Malformed, Writer};
use super::bus::{Connection, Failure, LIMIT, malformed};
use super::sockets::{self, Sockets};
use super::unit::Instance;
use crate::error::{Error, Kind, Result};

/// systemd's name on a bus, its object, and the interface of that.
const NAME: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
/// The interface of every unit, and that of properties.
const UNIT_INTERFACE: &str = "org.freedesktop.systemd1.Unit";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The signals that tell the end of jobs.
const JOB_REMOVED: &str = "type='signal',sender='org.freedesktop.systemd1',\
    path='/org/freedesktop/systemd1',interface='org.freedesktop.systemd1.Manager',\
    member='JobRemoved'";

const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";
/// There is no such unit: systemd's answer to a name, and to the object of one that went away.
const NO_SUCH_UNIT: [&str; 2] = [
    "org.freedesktop.systemd1.NoSuchUnit",
    "org.freedesktop.DBus.Error.UnknownObject",
];

/// A job that systemd has taken.
#[derive(Debug)]
pub struct Job {
    path: String,
    /// Who has it, on a bus.
    owner: Option<String>,
}

/// A connection to systemd.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    /// Without a bus between.
    is_direct: bool,
    version: u32,
    control_group: String,
}

impl Systemd {
    /// Connects to the machine's systemd, or the user's.
    ///
    /// # Errors
    /// It is not found, or does not answer; named with what to do.
    pub fn connect(instance: Instance) -> Result<Self> {
        let is_root = nix::unistd::geteuid().is_root();
        let sockets = sockets::of(instance, is_root, |name| std::env::var(name).ok())?;
        Self::connect_to(&sockets, LIMIT)
    }

    pub(super) fn connect_to(sockets: &Sockets, limit: Duration) -> Result<Self> {
        let is_absent =
            |error: &Error| matches!(error.errno(), Some(Errno::ENOENT | Errno::ECONNREFUSED));
        let connected = match Connection::open(&sockets.bus, limit) {
            Err(no_bus) if is_absent(&no_bus) => match &sockets.private {
                None => Err(no_bus),
                Some(private) => match Connection::open(std::slice::from_ref(private), limit) {
                    Err(error) if is_absent(&error) => Err(no_bus),
                    connection => connection.and_then(|connection| Self::over(connection, true)),
                },
            },
            connection => connection.and_then(|connection| Self::over(connection, false)),
        };
        connected.map_err(|error| error.during("connect to systemd").hint(sockets.hint))
    }

    /// Takes up the conversation on a connection.
    pub(super) fn over(connection: Connection, is_direct: bool) -> Result<Self> {
        let mut systemd = Self {
            connection,
            is_direct,
            version: 0,
            control_group: String::new(),
        };
        let read = systemd.greet();
        read.map_err(|failure| named(failure, ""))?;
        Ok(systemd)
    }

    fn greet(&mut self) -> Result<(), Failure> {
        if !self.is_direct {
            self.connection.enter(JOB_REMOVED)?;
        }
        // Both questions go out before the first answer is awaited.
        let version = self.ask(OBJECT, INTERFACE, "Version")?;
        let group = self.ask(OBJECT, INTERFACE, "ControlGroup")?;
        let text = self.answer(version, "Version")?;
        self.version = parse_version(&text)
            .ok_or_else(|| Failure::Unanswered(malformed(Malformed("it has no version"))))?;
        let group = self.answer(group, "ControlGroup")?;
        let root = group.strip_suffix("/init.scope").unwrap_or(&group);
        root.trim_end_matches('/')
            .clone_into(&mut self.control_group);
        Ok(())
    }

    /// Its version: 252.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The cgroup that its units are below, with a leading slash; empty for the hierarchy's root.
    #[must_use]
    pub fn control_group(&self) -> &str {
        &self.control_group
    }

    /// How long systemd has for each further answer.
    pub fn set_limit(&mut self, limit: Duration) {
        self.connection.set_limit(limit);
    }

    /// Has systemd make the unit; it is started when its job ends ([`Systemd::finish`]). A unit
    /// that is left over from an earlier failure is forgotten first.
    ///
    /// # Errors
    /// What systemd refuses, or `Timeout`.
    pub fn start_transient(&mut self, unit: &str, properties: &[Property]) -> Result<Job> {
        let what = format!("start the systemd unit `{unit}`");
        let mut started = self.start_once(unit, properties);
        if matches!(&started, Err(Failure::Refused { name, .. }) if name == UNIT_EXISTS) {
            self.reset_failed(unit)?;
            started = self.start_once(unit, properties);
        }
        started.map_err(|failure| named(failure, &what))
    }

    /// Awaits the end of the job that starts the unit.
    ///
    /// # Errors
    /// How else it ended, or `Timeout`.
    pub fn finish(&mut self, unit: &str, job: &Job) -> Result<()> {
        let finished = self.end_of(unit, "StartTransientUnit", job);
        finished.map_err(|failure| named(failure, &format!("start the systemd unit `{unit}`")))
    }

    fn start_once(&mut self, unit: &str, properties: &[Property]) -> Result<Job, Failure> {
        let mut body = Writer::default();
        body.string(unit);
        body.string("replace");
        write_properties(&mut body, properties);
        // No auxiliary units.
        body.array("(sa(sv))", |_| {});
        self.job("StartTransientUnit", "ssa(sv)a(sa(sv))", body)
    }

    /// Changes properties of the unit until it ends, and awaits that they hold.
    ///
    /// # Errors
    /// What systemd refuses, or `Timeout`.
    pub fn set_properties(&mut self, unit: &str, properties: &[Property]) -> Result<()> {
        let mut body = Writer::default();
        body.string(unit);
        // Not beyond this boot.
        body.bool(true);
        write_properties(&mut body, properties);
        // systemd writes the control files after its answer, and before it takes another question.
        let set = self
            .call("SetUnitProperties", "sba(sv)", body)
            .and_then(|_| {
                let after = self.ask(OBJECT, INTERFACE, "Version")?;
                self.answer(after, "Version")
            });
        set.map(drop)
            .map_err(|failure| named(failure, &format!("change the systemd unit `{unit}`")))
    }

    /// Stops the unit and awaits its end; one that is not there has ended.
    ///
    /// # Errors
    /// What systemd refuses, how its job ended, or `Timeout`.
    pub fn stop(&mut self, unit: &str) -> Result<()> {
        let mut body = Writer::default();
        body.string(unit);
        body.string("replace");
        let stopped = self
            .job("StopUnit", "ss", body)
            .and_then(|job| self.end_of(unit, "StopUnit", &job));
        unless_gone(stopped)
            .map(drop)
            .map_err(|failure| named(failure, &format!("stop the systemd unit `{unit}`")))
    }

    /// Has a failed unit forgotten; one that is not there is.
    ///
    /// # Errors
    /// What systemd refuses, or `Timeout`.
    pub fn reset_failed(&mut self, unit: &str) -> Result<()> {
        let mut body = Writer::default();
        body.string(unit);
        let reset = self.call("ResetFailedUnit", "s", body);
        unless_gone(reset)
            .map(drop)
            .map_err(|failure| named(failure, &format!("reset the systemd unit `{unit}`")))
    }

    /// The state of a unit that systemd has loaded: `active`, `failed`, ….
    ///
    /// # Errors
    /// What systemd refuses, or `Timeout`.
    pub fn active_state(&mut self, unit: &str) -> Result<Option<String>> {
        unless_gone(self.state_of(unit))
            .map_err(|failure| named(failure, &format!("look at the systemd unit `{unit}`")))
    }

    fn state_of(&mut self, unit: &str) -> Result<String, Failure> {
        let mut body = Writer::default();
        body.string(unit);
        let reply = self.call("GetUnit", "s", body)?;
        let object = reply.body().string().map_err(broken)?;
        let state = self.ask(object, UNIT_INTERFACE, "ActiveState")?;
        self.answer(state, "ActiveState")
    }

    /// Calls a method that returns a job.
    fn job(&mut self, member: &str, signature: &str, body: Writer) -> Result<Job, Failure> {
        // Those of this job have not come yet.
        self.connection.forget_signals();
        let reply = self.call(member, signature, body)?;
        let path = reply.body().string().map_err(broken)?.to_owned();
        let owner = reply.sender;
        Ok(Job { path, owner })
    }

    /// Awaits the end of the job that the method `member` has returned.
    fn end_of(&mut self, unit: &str, member: &str, job: &Job) -> Result<(), Failure> {
        let deadline = self.connection.deadline();
        let subject = format!("{member} with the end of its job");
        loop {
            let signal = self.connection.signal(&subject, deadline, |message| {
                message.member.as_deref() == Some("JobRemoved")
                    && ended(message).is_ok_and(|(ended, _)| ended == job.path)
            })?;
            // Anybody on a bus may send signals.
            if !self.is_from_owner(&signal, job)? {
                continue;
            }
            return match ended(&signal).map_err(broken)? {
                (_, "done") => Ok(()),
                (_, result) => Err(Failure::Unanswered(job_failed(unit, result))),
            };
        }
    }

    /// Whether the signal came from who has the job, or from who has taken over its name (as
    /// systemd does when it executes itself anew).
    fn is_from_owner(&mut self, signal: &Message, job: &Job) -> Result<bool, Failure> {
        match &signal.sender {
            sender if *sender == job.owner => Ok(true),
            Some(sender) if !self.is_direct => self.connection.owns(sender, NAME),
            _ => Ok(false),
        }
    }

    fn call(&mut self, member: &str, signature: &str, body: Writer) -> Result<Message, Failure> {
        let call = Message::call(OBJECT, INTERFACE, member).with(signature, body);
        let call = self.addressed(call);
        self.connection.call(call)
    }

    /// Asks for a property that is a string; returns the serial for [`Systemd::answer`].
    fn ask(&mut self, object: &str, interface: &str, property: &str) -> Result<u32, Failure> {
        let mut body = Writer::default();
        body.string(interface);
        body.string(property);
        let call = Message::call(object, PROPERTIES, "Get").with("ss", body);
        let call = self.addressed(call);
        self.connection.send(call)
    }

    fn answer(&mut self, serial: u32, property: &str) -> Result<String, Failure> {
        let reply = self.connection.reply(serial, property)?;
        let value = reply.body().string_variant().map(str::to_owned);
        value.map_err(broken)
    }

    fn addressed(&self, call: Message) -> Message {
        if self.is_direct { call } else { call.to(NAME) }
    }
}

fn write_properties(body: &mut Writer, properties: &[Property]) {
    body.array("(sv)", |array| {
        for property in properties {
            array.structure();
            array.string(&property.name);
            property.value.write_variant(array);
        }
    });
}

/// The job and the result that a JobRemoved (`uoss`) tells.
fn ended(signal: &Message) -> Result<(&str, &str), Malformed> {
    let mut body = signal.body();
    body.u32()?;
    let job = body.string()?;
    body.string()?;
    Ok((job, body.string()?))
}

/// `252.38-1~deb12u1`, `v255` or `257~rc1`.
fn parse_version(text: &str) -> Option<u32> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn unless_gone<T>(outcome: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match outcome {
        Err(Failure::Refused { name, .. }) if NO_SUCH_UNIT.contains(&name.as_str()) => Ok(None),
        other => other.map(Some),
    }
}

fn broken(why: Malformed) -> Failure {
    Failure::Unanswered(malformed(why))
}

fn job_failed(unit: &str, result: &str) -> Error {
    let why = format!("job failed: {}", result.escape_debug());
    let hint = format!("look at `systemctl status {unit}` and `journalctl --unit {unit}`");
    Error::new(Kind::System, "", why).hint(hint)
}

/// A failure in the operation `what`.
fn named(failure: Failure, what: &str) -> Error {
    let (name, message) = match failure {
        Failure::Unanswered(error) => return error.during(what),
        Failure::Refused { name, message } => (name, message),
    };
    let short = name.rsplit('.').next().unwrap_or_default();
    let error = Error::new(Kind::System, what, format!("{short}: {message}"));
    match short {
        "UnitExists" => {
            error.hint("another container or service has this name: `systemctl status`")
        }
        "AccessDenied" | "InteractiveAuthorizationRequired" => {
            error.hint("only root, or a user with his own systemd, may make units")
        }
        "ServiceUnknown" | "NameHasNoOwner" => {
            error.hint("systemd is not on this bus; the cgroupfs driver works without it")
        }
        _ => error,
    }
}
