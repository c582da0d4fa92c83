//! execve(2) and the arrays it takes, prepared before clone.

use std::ffi::{CStr, c_char};
use std::fmt;

use nix::errno::Errno;

/// A NULL-terminated array of NUL-terminated strings, ready for the kernel.
///
/// Each string lives in a buffer of its own that never moves, so the pointers stay valid.
#[derive(Default)]
pub struct StringArray {
    strings: Vec<Box<[u8]>>,
    pointers: Vec<*const c_char>,
}

impl StringArray {
    /// The array of `strings`, each cut at its first NUL.
    pub fn new<T: AsRef<[u8]>>(strings: impl IntoIterator<Item = T>) -> Self {
        let mut array = Self {
            strings: Vec::new(),
            pointers: vec![std::ptr::null()],
        };
        for string in strings {
            array.add(string.as_ref(), 0);
        }
        array
    }

    /// Appends a string with `room` further bytes, to be filled by [`Self::append`] after clone;
    /// returns its place.
    pub fn add(&mut self, string: &[u8], room: usize) -> usize {
        let mut buffer = Vec::with_capacity(string.len() + room + 1);
        buffer.extend_from_slice(string);
        buffer.resize(string.len() + room + 1, 0);
        let buffer = buffer.into_boxed_slice();
        let place = self.strings.len();
        self.pointers.insert(place, buffer.as_ptr().cast());
        self.strings.push(buffer);
        place
    }

    /// Appends bytes to the string at `place`, as far as its room goes. Async-signal-safe.
    pub fn append(&mut self, place: usize, bytes: &[u8]) {
        let Some(buffer) = self.strings.get_mut(place) else {
            return;
        };
        let end = buffer
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(buffer.len());
        let last = buffer.len().saturating_sub(1);
        if let Some(room) = buffer.get_mut(end..last) {
            for (place, byte) in room.iter_mut().zip(bytes) {
                *place = *byte;
            }
        }
        if let (Some(pointer), Some(buffer)) =
            (self.pointers.get_mut(place), self.strings.get(place))
        {
            *pointer = buffer.as_ptr().cast();
        }
    }

    /// The strings.
    pub fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.strings
            .iter()
            .filter_map(|string| CStr::from_bytes_until_nul(string).ok())
    }
}

impl fmt::Debug for StringArray {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// execve(2); returns only on failure. Async-signal-safe.
#[must_use]
pub fn execute(path: &CStr, argv: &StringArray, envp: &StringArray) -> Errno {
    // SAFETY: StringArray keeps its last pointer null and the others at live strings.
    unsafe {
        libc::execve(
            path.as_ptr(),
            argv.pointers.as_ptr(),
            envp.pointers.as_ptr(),
        )
    };
    Errno::last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_room_is_filled_later_and_never_overrun() {
        let mut array = StringArray::new(["A=1"]);
        let home = array.add(b"HOME=", 4);
        array.append(home, b"/root-and-more");
        let strings: Vec<_> = array
            .iter()
            .map(|s| s.to_str().unwrap().to_owned())
            .collect();
        assert_eq!(strings, ["A=1", "HOME=/roo"]);
        assert_eq!(array.pointers.len(), 3);
        assert!(array.pointers[2].is_null());
    }
}
