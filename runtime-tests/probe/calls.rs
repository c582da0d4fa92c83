//! System calls by number, with plain numbers as arguments.

use crate::sys;
use serde_json::{Value, json};

fn numbers(number: &str, arguments: &[&str]) -> Result<[u64; 7], String> {
    let mut numbers = [0; 7];
    let words = std::iter::once(&number).chain(arguments);
    for (place, word) in numbers.iter_mut().zip(words) {
        *place = word.parse().map_err(|e| format!("{word}: {e}"))?;
    }
    Ok(numbers)
}

/// The machine's own way; the result, and the errno or null.
pub(crate) fn native(number: &str, arguments: &[&str]) -> Result<Value, String> {
    let returned = sys::raw(numbers(number, arguments)?);
    let errno = returned
        .as_ref()
        .err()
        .and_then(std::io::Error::raw_os_error);
    Ok(json!({"returned": returned.ok(), "errno": errno}))
}

/// The way of i386 (`int 0x80`), on x86-64.
pub(crate) fn old(number: &str, arguments: &[&str]) -> Result<Value, String> {
    let numbers = numbers(number, arguments)?;
    let returned = sys::interrupt_80(numbers.map(|number| number as u32))
        .ok_or_else(|| "only x86-64 has them".to_owned())?;
    let errno = (-4095..0).contains(&returned).then_some(-returned);
    Ok(json!({"returned": returned, "errno": errno}))
}
