//! A D-Bus message: its header, and where it ends in a stream ("Message Protocol" of the D-Bus
//! specification).

use super::wire::{MESSAGE_MAX, Malformed, Reader, Writer};

/// Bytes that tell how long a message is: the fixed part of its header and the length of the
/// array of its fields.
pub(in crate::systemd) const PREFIX_LEN: usize = 16;

/// `NO_AUTO_START`: where there is no systemd, the bus is not to look for a service file of it.
const NO_AUTO_START: u8 = 2;
/// The only version of the protocol there is.
const VERSION: u8 = 1;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Kind {
    Call = 1,
    Return = 2,
    Error = 3,
    Signal = 4,
}

/// A message; what does not apply to its kind is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::systemd) struct Message {
    pub(in crate::systemd) kind: Kind,
    pub(in crate::systemd) serial: u32,
    pub(in crate::systemd) reply_serial: Option<u32>,
    pub(in crate::systemd) path: Option<String>,
    pub(in crate::systemd) interface: Option<String>,
    pub(in crate::systemd) member: Option<String>,
    pub(in crate::systemd) error: Option<String>,
    pub(in crate::systemd) destination: Option<String>,
    /// The unique name of who sent it; the bus sets it, a peer without a bus does not.
    pub(in crate::systemd) sender: Option<String>,
    /// Type of the body.
    pub(in crate::systemd) signature: String,
    body: Vec<u8>,
    is_big_endian: bool,
}

impl Message {
    /// A message of `kind` without body.
    pub(in crate::systemd) fn new(kind: Kind) -> Self {
        Self {
            kind,
            serial: 0,
            reply_serial: None,
            path: None,
            interface: None,
            member: None,
            error: None,
            destination: None,
            sender: None,
            signature: String::new(),
            body: Vec::new(),
            is_big_endian: false,
        }
    }

    /// A call of `interface.member` on the object `path`.
    pub(in crate::systemd) fn call(path: &str, interface: &str, member: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            interface: Some(interface.to_owned()),
            member: Some(member.to_owned()),
            ..Self::new(Kind::Call)
        }
    }

    /// The same, to the owner of the bus name `name`.
    pub(in crate::systemd) fn to(self, name: &str) -> Self {
        Self {
            destination: Some(name.to_owned()),
            ..self
        }
    }

    /// The same with a body of the type `signature`.
    pub(in crate::systemd) fn with(self, signature: &str, body: Writer) -> Self {
        Self {
            signature: signature.to_owned(),
            body: body.into_bytes(),
            ..self
        }
    }

    /// A reader of the body.
    pub(in crate::systemd) fn body(&self) -> Reader<'_> {
        Reader::new(&self.body, self.is_big_endian)
    }

    /// The message as it is sent.
    pub(in crate::systemd) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(b'l');
        writer.byte(self.kind as u8);
        writer.byte(NO_AUTO_START);
        writer.byte(VERSION);
        writer.u32(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        writer.u32(self.serial);
        writer.array("(yv)", |fields| self.write_fields(fields));
        writer.align(8);
        let mut bytes = writer.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn write_fields(&self, fields: &mut Writer) {
        let texts = [
            (1, "o", &self.path),
            (2, "s", &self.interface),
            (3, "s", &self.member),
            (4, "s", &self.error),
            (6, "s", &self.destination),
            (7, "s", &self.sender),
        ];
        for (code, signature, text) in texts {
            if let Some(text) = text {
                fields.structure();
                fields.byte(code);
                fields.signature(signature);
                fields.string(text);
            }
        }
        if let Some(serial) = self.reply_serial {
            fields.structure();
            fields.byte(5);
            fields.signature("u");
            fields.u32(serial);
        }
        if !self.signature.is_empty() {
            fields.structure();
            fields.byte(8);
            fields.signature("g");
            fields.signature(&self.signature);
        }
    }

    /// The length of the message that starts with `prefix`.
    ///
    /// # Errors
    /// What is no message, or is longer than [`MESSAGE_MAX`].
    pub(in crate::systemd) fn length(prefix: &[u8; PREFIX_LEN]) -> Result<usize, Malformed> {
        let mut reader = Reader::new(prefix, is_big_endian(prefix[0])?);
        reader.u32()?;
        let body = reader.u32()? as usize;
        reader.u32()?;
        let fields = reader.u32()? as usize;
        let header = fields
            .checked_add(PREFIX_LEN)
            .and_then(|length| length.checked_next_multiple_of(8));
        header
            .and_then(|header| header.checked_add(body))
            .filter(|length| *length <= MESSAGE_MAX)
            .ok_or(Malformed("message is longer than 16 MiB"))
    }

    /// Reads a whole message. `None` for one of an unknown kind, which is to be ignored.
    ///
    /// # Errors
    /// What is no message.
    pub(in crate::systemd) fn decode(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let order = *bytes.first().ok_or(Malformed("message is empty"))?;
        let mut reader = Reader::new(bytes, is_big_endian(order)?);
        reader.byte()?;
        let kind = match reader.byte()? {
            1 => Kind::Call,
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            0 => return Err(Malformed("message has no kind")),
            _ => return Ok(None),
        };
        reader.byte()?;
        if reader.byte()? != VERSION {
            return Err(Malformed("message has another version"));
        }
        let body_length = reader.u32()? as usize;
        let mut message = Self::new(kind);
        message.is_big_endian = order == b'B';
        message.serial = reader.u32()?;
        let end = reader.array_end(b'(')?;
        while reader.position() < end {
            message.read_field(&mut reader)?;
        }
        reader.align(8)?;
        let body = bytes.get(reader.position()..).unwrap_or_default();
        if body.len() != body_length {
            return Err(Malformed("message ends in its body"));
        }
        message.body = body.to_vec();
        Ok(Some(message))
    }

    fn read_field(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        reader.align(8)?;
        let code = reader.byte()?;
        let signature = reader.signature()?;
        let text = match (code, signature) {
            (1, "o") => &mut self.path,
            (2, "s") => &mut self.interface,
            (3, "s") => &mut self.member,
            (4, "s") => &mut self.error,
            (6, "s") => &mut self.destination,
            (7, "s") => &mut self.sender,
            (5, "u") => {
                self.reply_serial = Some(reader.u32()?);
                return Ok(());
            }
            (8, "g") => {
                reader.signature()?.clone_into(&mut self.signature);
                return Ok(());
            }
            (1..=8, _) => return Err(Malformed("header field has another type")),
            // Fields of the future are ignored.
            _ => return reader.skip(signature),
        };
        *text = Some(reader.string()?.to_owned());
        Ok(())
    }
}

fn is_big_endian(order: u8) -> Result<bool, Malformed> {
    match order {
        b'l' => Ok(false),
        b'B' => Ok(true),
        _ => Err(Malformed("message has no byte order")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Message {
        let mut body = Writer::default();
        body.string("web.scope");
        body.array("(sv)", |_| {});
        let call = Message::call("/org/x", "org.x.Y", "Start").to("org.x");
        Message {
            serial: 3,
            reply_serial: Some(9),
            sender: Some(":1.7".to_owned()),
            ..call.with("sa(sv)", body)
        }
    }

    fn length(bytes: &[u8]) -> Result<usize, Malformed> {
        Message::length(bytes[..PREFIX_LEN].try_into().unwrap())
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let bytes = example().encode();
        assert_eq!(length(&bytes), Ok(bytes.len()));
        let read = Message::decode(&bytes).unwrap().unwrap();
        assert_eq!(read, example());
        assert_eq!(read.body().string(), Ok("web.scope"));
    }

    #[test]
    fn a_message_of_another_byte_order_is_read() {
        // Hello's reply by hand: reply serial 1, no body.
        let bytes = [
            b'B', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 8, 5, 1, b'u', 0, 0, 0, 0, 1,
        ];
        assert_eq!(length(&bytes), Ok(bytes.len()));
        let read = Message::decode(&bytes).unwrap().unwrap();
        assert_eq!(
            (read.kind, read.serial, read.reply_serial),
            (Kind::Return, 5, Some(1))
        );
    }

    #[test]
    fn no_truncation_and_no_changed_byte_panics() {
        let bytes = example().encode();
        for end in 0..bytes.len() {
            assert!(Message::decode(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 4, 0x7f, 0x80, 0xff, b'a', b'(', b'v', b'B'] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = length(&changed);
                if let Ok(Some(message)) = Message::decode(&changed) {
                    let _ = message.body().skip(&message.signature);
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_survived() {
        // xorshift64: the same bytes at every run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        for round in 0..20_000 {
            let mut bytes: Vec<u8> = (0..64).map(|_| random()).collect();
            // Most get past the first checks.
            bytes[..4].copy_from_slice(&[b'l', 1 + (round % 4) as u8, 0, 1]);
            bytes[4..8].copy_from_slice(&8_u32.to_le_bytes());
            bytes[12..16].copy_from_slice(&(u32::from(random()) % 48).to_le_bytes());
            let _ = Message::decode(&bytes);
            let signature: String = (0..12)
                .map(|_| char::from(b"yusavg(){}tb"[usize::from(random()) % 12]))
                .collect();
            let _ = Reader::new(&bytes, round % 2 == 0).skip(&signature);
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused() {
        let mut bytes = example().encode();
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            length(&bytes),
            Err(Malformed("message is longer than 16 MiB"))
        );
    }

    #[test]
    fn a_kind_of_the_future_is_ignored_and_a_field_of_it_too() {
        let mut bytes = example().encode();
        bytes[1] = 9;
        assert_eq!(Message::decode(&bytes), Ok(None));
        let bytes = [
            b'l', 2, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 77, 1, b'u', 0, 1, 0, 0, 0,
        ];
        assert_eq!(Message::decode(&bytes).unwrap().unwrap().serial, 5);
    }
}
