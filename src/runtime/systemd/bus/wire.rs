//! D-Bus values as bytes: the marshalling of the D-Bus specification ("Marshaling").
//!
//! Written is little endian, read are both. A reader trusts nothing: every length is checked
//! against what is there, padding must be zero, strings must be UTF-8 without NUL, nesting has a
//! bound; whatever is wrong is [`Malformed`]. Deliberately absent: file descriptors.

/// Longest message that is sent or taken, in bytes. D-Bus allows 128 MiB; what systemd says to us
/// has some hundred bytes.
pub(in crate::systemd) const MESSAGE_MAX: usize = 16 << 20;

/// Deepest nesting of arrays, structures and variants (the specification's own bound).
const DEPTH_MAX: u8 = 64;

/// What was read is not D-Bus; the word says which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systemd) struct Malformed(pub(in crate::systemd) &'static str);

type Read<T> = Result<T, Malformed>;

/// The multiple of bytes at which a value of a type starts.
fn alignment(code: u8) -> usize {
    match code {
        b'n' | b'q' => 2,
        b'b' | b'i' | b'u' | b's' | b'o' | b'a' | b'h' => 4,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 1,
    }
}

/// Values being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::systemd) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub(in crate::systemd) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Pads with zeroes to a multiple of `to`.
    pub(in crate::systemd) fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    /// `y`
    pub(in crate::systemd) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// A number, as its little-endian bytes.
    pub(in crate::systemd) fn number<const N: usize>(&mut self, bytes: [u8; N]) {
        self.align(N);
        self.bytes.extend_from_slice(&bytes);
    }

    /// `u`
    pub(in crate::systemd) fn u32(&mut self, value: u32) {
        self.number(value.to_le_bytes());
    }

    /// `b`
    pub(in crate::systemd) fn bool(&mut self, value: bool) {
        self.u32(value.into());
    }

    /// `s` or `o`
    pub(in crate::systemd) fn string(&mut self, value: &str) {
        self.u32(length(value.len()));
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
    }

    /// `g`
    pub(in crate::systemd) fn signature(&mut self, value: &str) {
        // A longer one is cut, which the reader refuses; ours have a few letters.
        let text = value.as_bytes().get(..255).unwrap_or(value.as_bytes());
        self.bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
    }

    /// `(`: a structure, whose members follow.
    pub(in crate::systemd) fn structure(&mut self) {
        self.align(8);
    }

    /// `a`: an array of elements of the type `element`, which `fill` writes.
    pub(in crate::systemd) fn array(&mut self, element: &str, fill: impl FnOnce(&mut Self)) {
        self.u32(0);
        let length_at = self.bytes.len() - 4;
        // The padding before the first element does not count.
        self.align(alignment(*element.as_bytes().first().unwrap_or(&b'y')));
        let start = self.bytes.len();
        fill(self);
        let filled = length(self.bytes.len() - start);
        if let Some(place) = self.bytes.get_mut(length_at..length_at + 4) {
            place.copy_from_slice(&filled.to_le_bytes());
        }
    }
}

/// A length; what is too long for it is refused by [`MESSAGE_MAX`] before it is sent.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Values being read.
#[derive(Clone, Debug)]
pub(in crate::systemd) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_big_endian: bool,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the first on: alignment counts from there.
    pub(in crate::systemd) fn new(bytes: &'a [u8], is_big_endian: bool) -> Self {
        Self {
            bytes,
            at: 0,
            is_big_endian,
        }
    }

    /// How many bytes have been read.
    pub(in crate::systemd) fn position(&self) -> usize {
        self.at
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let end = self
            .at
            .checked_add(count)
            .ok_or(Malformed("length overflows"))?;
        let taken = self.bytes.get(self.at..end);
        self.at = end;
        taken.ok_or(Malformed("message ends in a value"))
    }

    /// Skips padding up to a multiple of `to`.
    pub(in crate::systemd) fn align(&mut self, to: usize) -> Read<()> {
        let padding = self.take(self.at.next_multiple_of(to) - self.at)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Malformed("padding is not zero"));
        }
        Ok(())
    }

    /// `y`
    pub(in crate::systemd) fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// `u`
    pub(in crate::systemd) fn u32(&mut self) -> Read<u32> {
        self.align(4)?;
        let bytes: [u8; 4] = self.take(4)?.try_into().unwrap_or_default();
        Ok(if self.is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// `s` or `o`
    pub(in crate::systemd) fn string(&mut self) -> Read<&'a str> {
        let length = self.u32()?;
        self.text(length as usize)
    }

    /// `g`
    pub(in crate::systemd) fn signature(&mut self) -> Read<&'a str> {
        let length = self.byte()?;
        self.text(length.into())
    }

    fn text(&mut self, length: usize) -> Read<&'a str> {
        let bytes = self.take(length)?;
        if self.byte()? != 0 || bytes.contains(&0) {
            return Err(Malformed("string is not ended by its NUL"));
        }
        std::str::from_utf8(bytes).map_err(|_| Malformed("string is not UTF-8"))
    }

    /// The length of an array of elements of the type `element`: where it ends.
    pub(in crate::systemd) fn array_end(&mut self, element: u8) -> Read<usize> {
        let length = self.u32()? as usize;
        self.align(alignment(element))?;
        let end = self.at.checked_add(length);
        end.filter(|end| *end <= self.bytes.len())
            .ok_or(Malformed("array is longer than the message"))
    }

    /// A variant that holds a string.
    pub(in crate::systemd) fn string_variant(&mut self) -> Read<&'a str> {
        match self.signature()? {
            "s" | "o" => self.string(),
            _ => Err(Malformed("variant is not a string")),
        }
    }

    /// Skips one value of each complete type of `signature`.
    pub(in crate::systemd) fn skip(&mut self, signature: &str) -> Read<()> {
        let mut types = signature.as_bytes();
        while !types.is_empty() {
            types = self.skip_one(types, 0)?;
        }
        Ok(())
    }

    /// Skips a value of the first complete type of `types`; returns the types after it.
    fn skip_one<'t>(&mut self, types: &'t [u8], depth: u8) -> Read<&'t [u8]> {
        let (code, rest) = types.split_first().ok_or(BAD_TYPE)?;
        if depth == DEPTH_MAX {
            return Err(Malformed("values are nested too deeply"));
        }
        match code {
            b'y' => self.take(1).map(drop)?,
            b's' | b'o' => self.string().map(drop)?,
            b'g' => self.signature().map(drop)?,
            b'n' | b'q' | b'b' | b'i' | b'u' | b'h' | b'x' | b't' | b'd' => {
                self.align(alignment(*code))?;
                self.take(alignment(*code))?;
            }
            b'v' => {
                let inner = self.signature()?.as_bytes();
                if !self.skip_one(inner, depth + 1)?.is_empty() {
                    return Err(BAD_TYPE);
                }
            }
            b'a' => return self.skip_array(rest, depth),
            b'(' | b'{' => return self.skip_structure(*code, rest, depth),
            _ => return Err(BAD_TYPE),
        }
        Ok(rest)
    }

    fn skip_array<'t>(&mut self, element: &'t [u8], depth: u8) -> Read<&'t [u8]> {
        let end = self.array_end(*element.first().ok_or(BAD_TYPE)?)?;
        let rest = type_end(element, depth + 1)?;
        while self.at < end {
            self.skip_one(element, depth + 1)?;
        }
        if self.at != end {
            return Err(Malformed("array ends in a value"));
        }
        Ok(rest)
    }

    fn skip_structure<'t>(&mut self, open: u8, types: &'t [u8], depth: u8) -> Read<&'t [u8]> {
        self.align(8)?;
        let mut rest = members(open, types)?;
        loop {
            match rest.split_first() {
                Some((code, after)) if *code == closing(open) => return Ok(after),
                _ => rest = self.skip_one(rest, depth + 1)?,
            }
        }
    }
}

const BAD_TYPE: Malformed = Malformed("signature is not one of D-Bus");

fn closing(open: u8) -> u8 {
    if open == b'(' { b')' } else { b'}' }
}

/// The members' types of a structure; one without members takes no room, so that an array could
/// have any number of them: D-Bus forbids it.
fn members(open: u8, types: &[u8]) -> Read<&[u8]> {
    match types.first() {
        Some(code) if *code != closing(open) => Ok(types),
        _ => Err(BAD_TYPE),
    }
}

/// The types after the first complete one.
fn type_end(types: &[u8], depth: u8) -> Read<&[u8]> {
    let (code, mut rest) = types.split_first().ok_or(BAD_TYPE)?;
    if depth >= DEPTH_MAX {
        return Err(Malformed("values are nested too deeply"));
    }
    match code {
        b'a' => type_end(rest, depth + 1),
        b'(' | b'{' => {
            rest = members(*code, rest)?;
            loop {
                match rest.split_first() {
                    Some((end, after)) if *end == closing(*code) => return Ok(after),
                    _ => rest = type_end(rest, depth + 1)?,
                }
            }
        }
        b')' | b'}' => Err(BAD_TYPE),
        _ => Ok(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aligned_from_the_start() {
        let mut writer = Writer::default();
        writer.byte(7);
        writer.number(0x1122_3344_5566_7788_u64.to_le_bytes());
        writer.string("ab");
        assert_eq!(
            writer.into_bytes(),
            [
                7, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2, 0, 0, 0,
                b'a', b'b', 0
            ]
        );
    }

    #[test]
    fn the_padding_before_the_first_element_does_not_count() {
        let mut writer = Writer::default();
        writer.array("t", |array| array.number(1_u64.to_le_bytes()));
        assert_eq!(
            writer.into_bytes(),
            [8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        );
        let mut writer = Writer::default();
        writer.array("(sv)", |_| {});
        assert_eq!(writer.into_bytes(), [0; 8]);
    }

    #[test]
    fn both_endiannesses_are_read() {
        let bytes = [0, 0, 0, 2, b'o', b'k', 0];
        assert_eq!(Reader::new(&bytes, true).string(), Ok("ok"));
        let bytes = [2, 0, 0, 0, b'o', b'k', 0];
        assert_eq!(Reader::new(&bytes, false).string(), Ok("ok"));
    }

    #[test]
    fn what_is_no_string_is_refused() {
        let read = |bytes: &[u8]| Reader::new(bytes, false).string().map(str::to_owned);
        assert_eq!(
            read(&[2, 0, 0, 0, b'o', b'k', 1]),
            Err(Malformed("string is not ended by its NUL"))
        );
        assert_eq!(
            read(&[2, 0, 0, 0, b'o', 0, 0]),
            Err(Malformed("string is not ended by its NUL"))
        );
        assert_eq!(
            read(&[2, 0, 0, 0, 0xff, 0xff, 0]),
            Err(Malformed("string is not UTF-8"))
        );
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, b'o', 0]),
            Err(Malformed("message ends in a value"))
        );
    }

    #[test]
    fn any_value_is_skipped() {
        let mut writer = Writer::default();
        writer.array("{sv}", |dictionary| {
            dictionary.structure();
            dictionary.string("key");
            dictionary.signature("a(uas)");
            dictionary.array("(uas)", |array| {
                array.structure();
                array.u32(1);
                array.array("s", |strings| strings.string("x"));
            });
        });
        writer.u32(42);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes, false);
        reader.skip("a{sv}").unwrap();
        assert_eq!(reader.u32(), Ok(42));
    }

    #[test]
    fn signatures_that_are_none_are_refused() {
        for signature in ["a", "(", "(u", "z", "a(", "}", "aa", "()", "a()"] {
            let outcome = Reader::new(&[0; 64], false).skip(signature);
            assert_eq!(outcome, Err(BAD_TYPE), "{signature}");
        }
        let deep = "a".repeat(200) + "y";
        assert!(Reader::new(&[0; 64], false).skip(&deep).is_err());
        let deep = "(".repeat(200);
        assert!(Reader::new(&[0; 64], false).skip(&deep).is_err());
    }

    #[test]
    fn padding_must_be_zero() {
        let mut reader = Reader::new(&[1, 9, 0, 0, 0, 0, 0, 0], false);
        reader.byte().unwrap();
        assert_eq!(reader.u32(), Err(Malformed("padding is not zero")));
    }
}
