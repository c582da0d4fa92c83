//! A cursor over a JSON document that remembers where it is and what was wrong.
//!
//! Reading goes on after a fault: a reader returns `None` for a value that is absent (`null`
//! counts as absent, as it does for every engine) *and* for one that it has reported. So each
//! field of the specification is one line, and all faults come out of one walk. Places are
//! kept as a chain on the stack; a [`Pointer`] is only written out when somebody asks.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::suggestion;
use crate::config::{Fault, Field};
use crate::error::Pointer;

/// What a walk has found to say.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<String>>,
}

impl Findings {
    /// Faults and warnings, in the order of the walk.
    pub(super) fn into_parts(self) -> (Vec<Fault>, Vec<String>) {
        (self.faults.into_inner(), self.warnings.into_inner())
    }
}

#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Key(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> Pointer {
        // Room for nearly every place of a configuration: one allocation for each pointer.
        let mut pointer = Pointer::new(String::with_capacity(32));
        self.write(&mut pointer);
        pointer
    }

    fn write(&self, pointer: &mut Pointer) {
        match self {
            Self::Root => {}
            Self::Key(above, key) => {
                above.write(pointer);
                pointer.push_key(key);
            }
            Self::Index(above, index) => {
                above.write(pointer);
                pointer.push_index(*index);
            }
        }
    }
}

/// One value of the document and its place.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'d, 'p> {
    value: &'d Value,
    place: Place<'p>,
    findings: &'p Findings,
}

/// Reporting.
impl Cursor<'_, '_> {
    /// Where the cursor stands.
    pub(super) fn at(&self) -> Pointer {
        self.place.pointer()
    }

    /// A value with this place.
    pub(super) fn field<T>(&self, value: T) -> Field<T> {
        Field {
            value,
            at: self.at(),
        }
    }

    /// Records a fault, wherever it is.
    pub(super) fn report(&self, fault: Fault) {
        self.findings.faults.borrow_mut().push(fault);
    }

    /// The value here is wrong.
    pub(super) fn refuse(&self, why: impl Into<String>) {
        self.report(Fault::invalid(self.at(), why));
    }

    /// The value here is wrong, and this would mend it.
    pub(super) fn refuse_with_hint(&self, why: impl Into<String>, hint: impl Into<String>) {
        self.report(Fault::invalid(self.at(), why).hint(hint));
    }

    /// The member `key` is wrong, or it is wrong that it is absent.
    pub(super) fn refuse_at(&self, key: &str, why: impl Into<String>) {
        self.report(Fault::invalid(self.at().key(key), why));
    }

    /// The value here is right, but `what` cannot be had yet.
    pub(super) fn unsupported(&self, what: &str) {
        self.report(Fault::unsupported(
            self.at(),
            format!("{what} not supported yet"),
        ));
    }

    /// Something to be said that does not stop the container.
    pub(super) fn warn(&self, why: &str) {
        // As in a fault, what is quoted must not end the line of a log.
        let why = if why.contains(char::is_control) {
            why.escape_debug().to_string()
        } else {
            why.to_owned()
        };
        let warning = format!("{}: {why}", self.at());
        self.findings.warnings.borrow_mut().push(warning);
    }
}

/// Moving.
impl<'d, 'p> Cursor<'d, 'p> {
    /// A cursor on the whole document.
    pub(super) fn new(document: &'d Value, findings: &'p Findings) -> Self {
        Self {
            value: document,
            place: Place::Root,
            findings,
        }
    }

    /// The member `key`, if it is there and not null.
    pub(super) fn member<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.stand_in(key, value))
    }

    /// The member `key`; reported if it is absent.
    pub(super) fn required<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        let member = self.member(key);
        if member.is_none() && self.value.is_object() {
            self.report(Fault::invalid(self.at().key(key), "required, but missing"));
        }
        member
    }

    /// The member `key`, which must be an object.
    pub(super) fn object<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        self.member(key).filter(Cursor::is_object)
    }

    /// A cursor on `value` at the place of an absent member `key`.
    pub(super) fn stand_in<'c>(&'c self, key: &'c str, value: &'d Value) -> Cursor<'d, 'c> {
        Cursor {
            value,
            place: Place::Key(&self.place, key),
            findings: self.findings,
        }
    }

    /// Reads each element of the array `key`.
    pub(super) fn list<T>(
        &self,
        key: &str,
        mut read: impl FnMut(&Cursor<'d, '_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(list) = self.member(key) else {
            return Vec::new();
        };
        let Some(values) = list.typed("an array", list.value.as_array()) else {
            return Vec::new();
        };
        let elements = values.iter().enumerate().filter_map(|(index, value)| {
            read(&Cursor {
                value,
                place: Place::Index(&list.place, index),
                findings: self.findings,
            })
        });
        elements.collect()
    }

    /// Reads each member of the map `key`, in the order of the names.
    pub(super) fn map<T>(
        &self,
        key: &str,
        mut read: impl FnMut(&'d str, &Cursor<'d, '_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(map) = self.member(key) else {
            return Vec::new();
        };
        let Some(members) = map.typed("an object", map.value.as_object()) else {
            return Vec::new();
        };
        let entries = members.iter().filter_map(|(name, value)| {
            let entry = Cursor {
                value,
                place: Place::Key(&map.place, name),
                findings: self.findings,
            };
            entry.without_nul("name", name)?;
            read(name, &entry)
        });
        entries.collect()
    }
}

/// Reading the value under the cursor.
impl<'d> Cursor<'d, '_> {
    fn typed<T>(&self, what: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(format!("expected {what}, found {}", kind(self.value)));
        }
        value
    }

    /// Whether it is an object; reported if not.
    pub(super) fn is_object(&self) -> bool {
        self.typed("an object", self.value.as_object()).is_some()
    }

    /// Whether it is an array with elements.
    pub(super) fn has_elements(&self) -> bool {
        self.value.as_array().is_some_and(|array| !array.is_empty())
    }

    /// Whether it is an array without elements.
    pub(super) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(Vec::is_empty)
    }

    fn without_nul(&self, what: &str, text: &'d str) -> Option<&'d str> {
        if text.contains('\0') {
            self.refuse(format!("the {what} holds a NUL byte"));
            return None;
        }
        Some(text)
    }

    /// A string without NUL, which no kernel interface could carry.
    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.typed("a string", self.value.as_str())?;
        self.without_nul("string", text)
    }

    /// A boolean.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.typed("true or false", self.value.as_bool())
    }

    /// An integer of the range, which `T` must hold.
    pub(super) fn integer<T: TryFrom<i128>>(&self, range: RangeInclusive<i128>) -> Option<T> {
        let number = self.value.as_i64().map(i128::from);
        let number = number.or_else(|| self.value.as_u64().map(i128::from));
        let number = self.typed("an integer", number)?;
        if !range.contains(&number) {
            let (low, high) = range.into_inner();
            self.refuse(format!("{number} is not in the range {low} to {high}"));
            return None;
        }
        T::try_from(number).ok()
    }

    /// The value that a word stands for; `why` begins the fault's text, as `unknown policy`.
    pub(super) fn word<T: Copy>(&self, why: &str, table: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = table.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names = || table.iter().map(|(name, _)| *name);
            let hint = suggestion::nearest(text, names()).map_or_else(
                || format!("known are {}", names().collect::<Vec<_>>().join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            self.refuse_with_hint(format!("{why} `{text}`"), hint);
        }
        found.map(|(_, value)| *value)
    }
}

/// Reading members of the object under the cursor.
impl<'d> Cursor<'d, '_> {
    /// The string `key`, absent where it is empty: engines written in Go cannot tell the two.
    pub(super) fn text_at(&self, key: &str) -> Option<&'d str> {
        self.member(key)?.text().filter(|text| !text.is_empty())
    }

    /// Whether the member `key` is a string and not empty. Reports nothing.
    pub(super) fn has_text(&self, key: &str) -> bool {
        let text = self.value.get(key).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    }

    /// The boolean `key`; `false` where absent.
    pub(super) fn flag_at(&self, key: &str) -> bool {
        self.member(key)
            .and_then(|member| member.boolean())
            .unwrap_or(false)
    }

    /// The integer `key`.
    pub(super) fn integer_at<T: TryFrom<i128>>(
        &self,
        key: &str,
        range: RangeInclusive<i128>,
    ) -> Option<T> {
        self.member(key)?.integer(range)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(document: &Value, walk: impl FnOnce(&Cursor)) -> Vec<String> {
        let findings = Findings::default();
        walk(&Cursor::new(document, &findings));
        let (faults, _) = findings.into_parts();
        let lines = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.at, fault.why));
        lines.collect()
    }

    #[test]
    fn wrong_types_are_named_with_their_places() {
        let document = json!({"a": [1, "x", null, 1.5], "b": {"c/d": 7}});
        let found = faults(&document, |cursor| {
            let numbers: Vec<u8> = cursor.list("a", |element| element.integer(0..=255));
            assert_eq!(numbers, [1]);
            cursor.map("b", |_, entry| entry.text());
        });
        assert_eq!(
            found,
            [
                "/a/1: expected an integer, found a string",
                "/a/2: expected an integer, found null",
                "/a/3: expected an integer, found a fraction",
                "/b/c~1d: expected a string, found a number",
            ]
        );
    }

    #[test]
    fn null_and_absent_are_the_same_and_nothing_to_report() {
        let document = json!({"a": null});
        let found = faults(&document, |cursor| {
            assert_eq!(cursor.text_at("a"), None);
            assert_eq!(cursor.text_at("b"), None);
            assert!(!cursor.flag_at("a"));
        });
        assert!(found.is_empty());
    }

    #[test]
    fn nul_is_refused_in_values_and_names() {
        let document = json!({"a": "x\0y", "m": {"k\0": "v"}});
        let found = faults(&document, |cursor| {
            cursor.text_at("a");
            cursor.map("m", |_, entry| entry.text());
        });
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|line| line.ends_with("holds a NUL byte")));
    }

    #[test]
    fn the_largest_unsigned_number_is_an_integer() {
        let document = json!({"a": u64::MAX});
        let found = faults(&document, |cursor| {
            let limit = cursor.integer_at::<u64>("a", 0..=i128::from(u64::MAX));
            assert_eq!(limit, Some(u64::MAX));
        });
        assert!(found.is_empty());
    }
}
