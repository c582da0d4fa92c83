//! A cursor over a JSON document that remembers where it is and what was wrong.
//!
//! Reading goes on after a fault: a reader returns `None` for a value that is absent (`null`
//! counts as absent, as it does for every engine) *and* for one that it has reported. So each
//! field of the specification is one line, and all faults come out of one walk. Places are
//! kept as a chain on the stack; a [`Pointer`] is only written out when somebody asks.

mod values;

use std::cell::RefCell;

use serde_json::Value;

use crate::config::{Fault, Field};
use crate::error::Pointer;

/// What a walk has found to say.
#[derive(Debug, Default)]
pub(in crate::config) struct Findings {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<String>>,
}

impl Findings {
    /// Faults and warnings, in the order of the walk.
    pub(in crate::config) fn into_parts(self) -> (Vec<Fault>, Vec<String>) {
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
pub(in crate::config) struct Cursor<'d, 'p> {
    value: &'d Value,
    place: Place<'p>,
    findings: &'p Findings,
}

/// Reporting.
impl Cursor<'_, '_> {
    /// Where the cursor stands.
    pub(in crate::config) fn at(&self) -> Pointer {
        self.place.pointer()
    }

    /// A value with this place.
    pub(in crate::config) fn field<T>(&self, value: T) -> Field<T> {
        Field {
            value,
            at: self.at(),
        }
    }

    /// How many faults have been recorded on the whole walk.
    pub(in crate::config) fn fault_count(&self) -> usize {
        self.findings.faults.borrow().len()
    }

    /// Records a fault, wherever it is.
    pub(in crate::config) fn report(&self, fault: Fault) {
        self.findings.faults.borrow_mut().push(fault);
    }

    /// The value here is wrong.
    pub(in crate::config) fn refuse(&self, why: impl Into<String>) {
        self.report(Fault::invalid(self.at(), why));
    }

    /// The value here is wrong, and this would mend it.
    pub(in crate::config) fn refuse_with_hint(
        &self,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report(Fault::invalid(self.at(), why).hint(hint));
    }

    /// The member `key` is wrong, or it is wrong that it is absent.
    pub(in crate::config) fn refuse_at(&self, key: &str, why: impl Into<String>) {
        self.report(Fault::invalid(self.at().key(key), why));
    }

    /// The value here is right, but `what` cannot be had yet.
    pub(in crate::config) fn unsupported(&self, what: &str) {
        self.report(Fault::unsupported(
            self.at(),
            format!("{what} not supported yet"),
        ));
    }

    /// Something to be said that does not stop the container.
    pub(in crate::config) fn warn(&self, why: &str) {
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
    pub(in crate::config) fn new(document: &'d Value, findings: &'p Findings) -> Self {
        Self {
            value: document,
            place: Place::Root,
            findings,
        }
    }

    /// The member `key`, if it is there and not null.
    pub(in crate::config) fn member<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.stand_in(key, value))
    }

    /// The member `key`; reported if it is absent.
    pub(in crate::config) fn required<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        let member = self.member(key);
        if member.is_none() && self.value.is_object() {
            self.report(Fault::invalid(self.at().key(key), "required, but missing"));
        }
        member
    }

    /// The member `key`, which must be an object.
    pub(in crate::config) fn object<'c>(&'c self, key: &'c str) -> Option<Cursor<'d, 'c>> {
        self.member(key).filter(Cursor::is_object)
    }

    /// A cursor on `value` at the place of an absent member `key`.
    pub(in crate::config) fn stand_in<'c>(
        &'c self,
        key: &'c str,
        value: &'d Value,
    ) -> Cursor<'d, 'c> {
        Cursor {
            value,
            place: Place::Key(&self.place, key),
            findings: self.findings,
        }
    }

    /// Reads each element of the array `key`.
    pub(in crate::config) fn list<T>(
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
    pub(in crate::config) fn map<T>(
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
