//! Numbers that several controllers share.

use std::ops::RangeInclusive;

use crate::config::Field;
use crate::config::linux::{MAJORS, MINORS};
use crate::config::reader::Cursor;

/// What an `i64` of the specification holds.
pub(super) const SIGNED: RangeInclusive<i128> = i64::MIN as i128..=i64::MAX as i128;
/// What a `u64` of the specification holds.
pub(super) const UNSIGNED: RangeInclusive<i128> = 0..=u64::MAX as i128;

/// The integer `key`, 0 included.
pub(super) fn field<T: TryFrom<i128>>(
    object: &Cursor,
    key: &str,
    range: RangeInclusive<i128>,
) -> Option<Field<T>> {
    let member = object.member(key)?;
    Some(member.field(member.integer(range)?))
}

/// The integer `key`, of which 0 means unset. The range is that of the other values.
pub(super) fn unless_zero<T: TryFrom<i128>>(
    object: &Cursor,
    key: &str,
    range: RangeInclusive<i128>,
) -> Option<Field<T>> {
    let member = object.member(key)?;
    if member.is_zero() {
        return None;
    }
    Some(member.field(member.integer(range)?))
}

/// The integer `key`, of which 0 means unset and any negative number unlimited, as in the
/// kernel's own files.
pub(super) fn unlimited_below_zero(object: &Cursor, key: &str) -> Option<Field<i64>> {
    let mut field: Field<i64> = unless_zero(object, key, SIGNED)?;
    field.value = field.value.max(-1);
    Some(field)
}

/// `major` and `minor`, both required.
pub(super) fn device_numbers(entry: &Cursor) -> Option<(u32, u32)> {
    let [major, minor] = [("major", MAJORS), ("minor", MINORS)].map(|(key, range)| {
        let member = entry.required(key)?;
        member.integer(range)
    });
    Some((major?, minor?))
}
