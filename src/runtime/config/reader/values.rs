//! From a JSON value to a string, a number, a word with a meaning.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::Cursor;
use crate::config::suggestion;

/// Reading the value under the cursor.
impl<'d> Cursor<'d, '_> {
    pub(super) fn typed<T>(&self, what: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(format!("expected {what}, found {}", kind(self.value)));
        }
        value
    }

    /// Whether it is an object; reported if not.
    pub(in crate::config) fn is_object(&self) -> bool {
        self.typed("an object", self.value.as_object()).is_some()
    }

    /// Whether it is an array with elements.
    pub(in crate::config) fn has_elements(&self) -> bool {
        self.value.as_array().is_some_and(|array| !array.is_empty())
    }

    /// Whether it is an array without elements.
    pub(in crate::config) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(Vec::is_empty)
    }

    pub(super) fn without_nul(&self, what: &str, text: &'d str) -> Option<&'d str> {
        if text.contains('\0') {
            self.refuse(format!("the {what} holds a NUL byte"));
            return None;
        }
        Some(text)
    }

    /// A string without NUL, which no kernel interface could carry.
    pub(in crate::config) fn text(&self) -> Option<&'d str> {
        let text = self.typed("a string", self.value.as_str())?;
        self.without_nul("string", text)
    }

    /// Whether it is the number 0, which engines written in Go send for many unset members.
    pub(in crate::config) fn is_zero(&self) -> bool {
        self.value.as_i64() == Some(0)
    }

    /// A boolean.
    pub(in crate::config) fn boolean(&self) -> Option<bool> {
        self.typed("true or false", self.value.as_bool())
    }

    /// An integer of the range, which `T` must hold.
    pub(in crate::config) fn integer<T: TryFrom<i128>>(
        &self,
        range: RangeInclusive<i128>,
    ) -> Option<T> {
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
    pub(in crate::config) fn word<T: Copy>(&self, why: &str, table: &[(&str, T)]) -> Option<T> {
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
    pub(in crate::config) fn text_at(&self, key: &str) -> Option<&'d str> {
        self.member(key)?.text().filter(|text| !text.is_empty())
    }

    /// Whether the member `key` is a string and not empty. Reports nothing.
    pub(in crate::config) fn has_text(&self, key: &str) -> bool {
        let text = self.value.get(key).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    }

    /// The boolean `key`; `false` where absent.
    pub(in crate::config) fn flag_at(&self, key: &str) -> bool {
        self.member(key)
            .and_then(|member| member.boolean())
            .unwrap_or(false)
    }

    /// The integer `key`.
    pub(in crate::config) fn integer_at<T: TryFrom<i128>>(
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
