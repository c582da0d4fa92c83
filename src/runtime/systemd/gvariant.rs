//! GVariant text (GLib's "GVariant Text Format"), as far as properties of units are written in it.
//!
//! Scalars with or without a type before them, and arrays of scalars of one type. Pure.

use super::bus::value::Value;

/// Most elements that an array may have.
const ELEMENTS_MAX: usize = 4096;

type Parsed<T> = Result<T, &'static str>;

/// Types by their keyword and their letter.
const SCALARS: [(&str, &str); 10] = [
    ("boolean", "b"),
    ("byte", "y"),
    ("int16", "n"),
    ("uint16", "q"),
    ("int32", "i"),
    ("uint32", "u"),
    ("int64", "x"),
    ("uint64", "t"),
    ("double", "d"),
    ("string", "s"),
];

/// Reads one value.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn parse(text: &str) -> Parsed<Value> {
    let mut rest = Text(text);
    let value = rest.value()?;
    rest.blanks();
    if rest.0.is_empty() {
        Ok(value)
    } else {
        Err("something follows the value")
    }
}

/// What is still to be read.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_start();
    }

    /// Whether `start` is next; it is read then.
    fn took(&mut self, start: char) -> bool {
        self.blanks();
        self.0.strip_prefix(start).is_some_and(|rest| {
            self.0 = rest;
            true
        })
    }

    /// The letters up to what ends a word.
    fn word(&mut self) -> &'a str {
        self.blanks();
        let end = self
            .0
            .find(|letter: char| letter.is_whitespace() || "[](){}<>,:'\"".contains(letter))
            .unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn value(&mut self) -> Parsed<Value> {
        if self.took('@') {
            return match self.word().strip_prefix('a') {
                Some(element) => self.array(Some(scalar(element)?)),
                None => Err("only arrays have their type after `@`"),
            };
        }
        self.blanks();
        if self.0.starts_with('[') {
            return self.array(None);
        }
        self.scalar(None)
    }

    fn array(&mut self, element: Option<&'static str>) -> Parsed<Value> {
        if !self.took('[') {
            return Err("an array starts with `[`");
        }
        let mut element = element;
        let mut items = Vec::new();
        while !self.took(']') {
            if !items.is_empty() && !self.took(',') {
                return Err("the elements of an array are parted by commas");
            }
            let item = self.scalar(element)?;
            element = Some(scalar(&item.signature())?);
            items.push(item);
            if items.len() > ELEMENTS_MAX {
                return Err("an array has more than 4096 elements");
            }
        }
        let element = element.ok_or("an empty array needs its type, such as `@as []`")?;
        Ok(Value::Array(element, items))
    }

    /// A scalar, of the type `wanted` if there is one; it may name its type itself.
    fn scalar(&mut self, wanted: Option<&'static str>) -> Parsed<Value> {
        self.blanks();
        let start = self.0;
        let word = self.word();
        match SCALARS.iter().find(|(keyword, _)| *keyword == word) {
            Some((_, named)) if wanted.is_none_or(|wanted| wanted == *named) => {
                self.literal(Some(named))
            }
            Some(_) => Err("the elements of an array have one type"),
            None => {
                self.0 = start;
                self.literal(wanted)
            }
        }
    }

    fn literal(&mut self, wanted: Option<&'static str>) -> Parsed<Value> {
        self.blanks();
        if self.0.starts_with(['\'', '"']) {
            let text = self.string()?;
            return match wanted.unwrap_or("s") {
                "s" => Ok(Value::Str(text)),
                _ => Err("a string stands where another type is expected"),
            };
        }
        match (self.word(), wanted.unwrap_or("b")) {
            ("", _) => Err("a value is missing"),
            ("true", "b") => Ok(Value::Bool(true)),
            ("false", "b") => Ok(Value::Bool(false)),
            (word, _) => number(word, wanted),
        }
    }

    /// A string in its quotes.
    fn string(&mut self) -> Parsed<String> {
        let mut letters = self.0.chars();
        let quote = letters.next();
        let mut text = String::new();
        loop {
            let letter = letters.next().ok_or("a string does not end")?;
            match letter {
                _ if Some(letter) == quote => break,
                '\\' => text.extend(escaped(&mut letters)?),
                '\0' => return Err("a string has no NUL"),
                _ => text.push(letter),
            }
        }
        self.0 = letters.as_str();
        Ok(text)
    }
}

/// What follows a backslash; nothing for the end of a line.
fn escaped(letters: &mut std::str::Chars<'_>) -> Parsed<Option<char>> {
    let letter = letters.next().ok_or("a string does not end")?;
    Ok(Some(match letter {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'u' => code_point(letters, 4)?,
        'U' => code_point(letters, 8)?,
        '\n' => return Ok(None),
        '"' | '\'' | '\\' => letter,
        _ => return Err("a string has an unknown escape"),
    }))
}

fn code_point(letters: &mut std::str::Chars<'_>, digits: usize) -> Parsed<char> {
    let mut number = 0_u32;
    for _ in 0..digits {
        let digit = letters.next().and_then(|letter| letter.to_digit(16));
        // Eight digits fit.
        number = number << 4 | digit.ok_or("a string has an unknown escape")?;
    }
    char::from_u32(number)
        .filter(|letter| *letter != '\0')
        .ok_or("an escape is no character")
}

/// The letter of a scalar type.
fn scalar(signature: &str) -> Parsed<&'static str> {
    SCALARS
        .iter()
        .find(|(_, letter)| *letter == signature)
        .map(|(_, letter)| *letter)
        .ok_or("only scalars can be elements of an array")
}

/// A number of the type `wanted`; without one an int32, or a double where it has a point.
fn number(word: &str, wanted: Option<&'static str>) -> Parsed<Value> {
    const NONE: &str = "the value is none of GVariant text";
    const RANGE: &str = "the number does not fit its type";
    let is_hexadecimal = word.contains(['x', 'X']);
    let is_double = !is_hexadecimal && word.contains(['.', 'e', 'E']);
    let wanted = wanted.unwrap_or(if is_double { "d" } else { "i" });
    if wanted == "d" {
        let starts_well =
            word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
        let double = word
            .parse::<f64>()
            .ok()
            .filter(|_| starts_well)
            .ok_or(NONE)?;
        return Some(Value::F64(double))
            .filter(|_| double.is_finite())
            .ok_or(RANGE);
    }
    let number = integer(word).ok_or(NONE)?;
    let value = match wanted {
        "y" => number.try_into().map(Value::Byte).ok(),
        "n" => number.try_into().map(Value::I16).ok(),
        "q" => number.try_into().map(Value::U16).ok(),
        "i" => number.try_into().map(Value::I32).ok(),
        "u" => number.try_into().map(Value::U32).ok(),
        "x" => number.try_into().map(Value::I64).ok(),
        "t" => number.try_into().map(Value::U64).ok(),
        _ => return Err("a number stands where another type is expected"),
    };
    value.ok_or(RANGE)
}

/// A decimal, hexadecimal (`0x1f`) or octal (`017`) number; none beyond 64 bits.
fn integer(word: &str) -> Option<i128> {
    let (sign, digits) = match word.as_bytes().first()? {
        b'-' => (-1, word.get(1..)?),
        b'+' => (1, word.get(1..)?),
        _ => (1, word),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some(octal) if octal.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    // Of more digits than a u64 has, the value fits no type either.
    let number = u64::from_str_radix(digits, radix).ok()?;
    Some(sign * i128::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    #[test]
    fn scalars() {
        for (written, value) in [
            ("true", Value::Bool(true)),
            (" false ", Value::Bool(false)),
            ("boolean true", Value::Bool(true)),
            ("5", Value::I32(5)),
            ("-5", Value::I32(-5)),
            ("0x1f", Value::I32(31)),
            ("017", Value::I32(15)),
            ("0", Value::I32(0)),
            ("byte 0xff", Value::Byte(255)),
            ("int16 -1", Value::I16(-1)),
            ("uint16 65535", Value::U16(65535)),
            ("uint32 5", Value::U32(5)),
            ("int64 -9223372036854775808", Value::I64(i64::MIN)),
            ("uint64 18446744073709551615", Value::U64(u64::MAX)),
            ("1.5", Value::F64(1.5)),
            ("1e3", Value::F64(1000.0)),
            ("double 2", Value::F64(2.0)),
            ("'x'", text("x")),
            ("string \"x\"", text("x")),
            (r#""it's""#, text("it's")),
            (r"'it\'s \u00e9\t\\'", text("it's é\t\\")),
            ("'a\\\nb'", text("ab")),
        ] {
            assert_eq!(parse(written), Ok(value), "{written}");
        }
    }

    #[test]
    fn arrays() {
        for (written, value) in [
            ("['a', \"b\"]", Value::strings(["a", "b"])),
            ("@as []", Value::strings::<String>([])),
            ("@au [1, 2]", Value::numbers([1, 2])),
            ("[uint32 1, 2]", Value::numbers([1, 2])),
            ("@ay [byte 0x0f]", Value::bytes(&[15])),
            (
                "[true,false]",
                Value::Array("b", vec![Value::Bool(true), Value::Bool(false)]),
            ),
        ] {
            assert_eq!(parse(written), Ok(value), "{written}");
        }
        let long = format!("[{}]", vec!["1"; 5000].join(","));
        assert_eq!(parse(&long), Err("an array has more than 4096 elements"));
    }

    #[test]
    fn what_is_none_of_it_is_refused() {
        let none = "the value is none of GVariant text";
        let range = "the number does not fit its type";
        for (written, why) in [
            ("", "a value is missing"),
            ("  ", "a value is missing"),
            ("uint64", "a value is missing"),
            ("x", none),
            ("inf", none),
            ("nan", none),
            ("double nan", none),
            ("0x", none),
            ("--5", none),
            ("0x-5", none),
            ("5kg", none),
            ("uint64 99999999999999999999", none),
            ("5 5", "something follows the value"),
            ("'x'y", "something follows the value"),
            ("'x", "a string does not end"),
            ("'x\\", "a string does not end"),
            (r"'\q'", "a string has an unknown escape"),
            (r"'\u12'", "a string has an unknown escape"),
            (r"'\u0000'", "an escape is no character"),
            (r"'\ud800'", "an escape is no character"),
            ("'a\0'", "a string has no NUL"),
            ("2147483648", range),
            ("byte 256", range),
            ("uint64 -1", range),
            ("1e999", range),
            (
                "uint64 'x'",
                "a string stands where another type is expected",
            ),
            (
                "boolean 5",
                "a number stands where another type is expected",
            ),
            ("uint64 uint32 5", none),
            ("uint64 uint64 5", none),
            ("[]", "an empty array needs its type, such as `@as []`"),
            ("[1 2]", "the elements of an array are parted by commas"),
            ("[1, 'x']", "a string stands where another type is expected"),
            ("[1, uint64 2]", "the elements of an array have one type"),
            ("[1,", "a value is missing"),
            ("[[1]]", "a value is missing"),
            ("@as", "an array starts with `[`"),
            ("@s 'x'", "only arrays have their type after `@`"),
            ("@aas []", "only scalars can be elements of an array"),
            ("{'a': 1}", "a value is missing"),
            ("<1>", "a value is missing"),
        ] {
            assert_eq!(parse(written), Err(why), "{written:?}");
        }
    }
}
