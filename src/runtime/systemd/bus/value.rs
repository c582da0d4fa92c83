//! A value of a unit's property: what a D-Bus variant can hold, as far as systemd's units need it.

use super::wire::Writer;

/// A value with its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `b`
    Bool(bool),
    /// `y`
    Byte(u8),
    /// `n`
    I16(i16),
    /// `q`
    U16(u16),
    /// `i`
    I32(i32),
    /// `u`
    U32(u32),
    /// `x`
    I64(i64),
    /// `t`
    U64(u64),
    /// `d`
    F64(f64),
    /// `s`
    Str(String),
    /// `a…`: the type of the elements, which an empty array has too, and the elements.
    Array(&'static str, Vec<Value>),
    /// `(…)`
    Struct(Vec<Value>),
}

impl Value {
    /// `as`, such as `After=`.
    #[must_use]
    pub fn strings<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|item| Self::Str(item.into()));
        Self::Array("s", items.collect())
    }

    /// `au`, such as `PIDs=`.
    #[must_use]
    pub fn numbers(items: impl IntoIterator<Item = u32>) -> Self {
        Self::Array("u", items.into_iter().map(Self::U32).collect())
    }

    /// `ay`: a bit mask, such as `AllowedCPUs=`.
    #[must_use]
    pub fn bytes(items: &[u8]) -> Self {
        Self::Array("y", items.iter().copied().map(Self::Byte).collect())
    }

    /// `a(ss)`, such as `DeviceAllow=`.
    #[must_use]
    pub fn pairs(items: impl IntoIterator<Item = (String, String)>) -> Self {
        let pair = |(first, second)| Self::Struct(vec![Self::Str(first), Self::Str(second)]);
        Self::Array("(ss)", items.into_iter().map(pair).collect())
    }

    /// `a(st)`: a number for each device, such as `IOReadBandwidthMax=`.
    #[must_use]
    pub fn per_device(items: impl IntoIterator<Item = (String, u64)>) -> Self {
        let pair = |(path, number)| Self::Struct(vec![Self::Str(path), Self::U64(number)]);
        Self::Array("(st)", items.into_iter().map(pair).collect())
    }

    /// The D-Bus type.
    #[must_use]
    pub fn signature(&self) -> String {
        let code = match self {
            Self::Bool(_) => "b",
            Self::Byte(_) => "y",
            Self::I16(_) => "n",
            Self::U16(_) => "q",
            Self::I32(_) => "i",
            Self::U32(_) => "u",
            Self::I64(_) => "x",
            Self::U64(_) => "t",
            Self::F64(_) => "d",
            Self::Str(_) => "s",
            Self::Array(element, _) => return format!("a{element}"),
            Self::Struct(members) => {
                let members: String = members.iter().map(Self::signature).collect();
                return format!("({members})");
            }
        };
        code.to_owned()
    }

    /// Writes the value with its type: `v`.
    pub(in crate::systemd) fn write_variant(&self, writer: &mut Writer) {
        writer.signature(&self.signature());
        self.write(writer);
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Bool(value) => writer.bool(*value),
            Self::Byte(value) => writer.byte(*value),
            Self::I16(value) => writer.number(value.to_le_bytes()),
            Self::U16(value) => writer.number(value.to_le_bytes()),
            Self::I32(value) => writer.number(value.to_le_bytes()),
            Self::U32(value) => writer.number(value.to_le_bytes()),
            Self::I64(value) => writer.number(value.to_le_bytes()),
            Self::U64(value) => writer.number(value.to_le_bytes()),
            Self::F64(value) => writer.number(value.to_le_bytes()),
            Self::Str(value) => writer.string(value),
            Self::Array(element, items) => {
                writer.array(element, |array| {
                    items.iter().for_each(|item| item.write(array));
                });
            }
            Self::Struct(members) => {
                writer.structure();
                members.iter().for_each(|member| member.write(writer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Reader;
    use super::*;

    #[test]
    fn every_value_has_its_type_and_is_as_long_as_it() {
        let one_of_each = [
            (Value::Bool(true), "b"),
            (Value::Byte(1), "y"),
            (Value::I16(-1), "n"),
            (Value::U16(1), "q"),
            (Value::I32(-1), "i"),
            (Value::U32(1), "u"),
            (Value::I64(-1), "x"),
            (Value::U64(1), "t"),
            (Value::F64(0.5), "d"),
            (Value::Str("x".to_owned()), "s"),
            (Value::strings(["a", "b"]), "as"),
            (Value::numbers([1, 2]), "au"),
            (Value::bytes(&[1, 2, 3]), "ay"),
            (Value::pairs([("a".to_owned(), "rw".to_owned())]), "a(ss)"),
            (Value::per_device([("/dev/x".to_owned(), 5)]), "a(st)"),
            (Value::Array("t", Vec::new()), "at"),
        ];
        for (value, signature) in one_of_each {
            assert_eq!(value.signature(), signature);
            let mut writer = Writer::default();
            value.write_variant(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes, false);
            reader.skip("v").unwrap();
            assert_eq!(reader.position(), bytes.len(), "{value:?}");
        }
    }
}
