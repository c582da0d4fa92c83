//! The allocator: an arena for the short life of a verb, musl's own allocator behind it.
//!
//! A start makes some hundred small allocations, for which musl's allocator asks the kernel for
//! pages about fifty times. The arena is a part of the binary's zeroed memory, handed out from
//! front to back; only the newest allocation is ever given back. What does not fit goes to the
//! system's allocator, so that a long life (`run` in the foreground) does not grow without bound.
//!
//! With the feature `trap-allocator` it proves that init allocates nothing between clone and
//! exec: [`arm`] is called first there, and any allocation after it aborts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of the arena; memory that is not touched costs nothing.
const SIZE: usize = 512 * 1024;

/// The process's allocator.
#[global_allocator]
static ALLOCATOR: Arena = Arena {
    memory: UnsafeCell::new([0; SIZE]),
    next: AtomicUsize::new(0),
    armed: AtomicBool::new(false),
};

#[repr(C, align(64))]
struct Arena {
    memory: UnsafeCell<[u8; SIZE]>,
    /// Offset of the first byte that is free.
    next: AtomicUsize,
    armed: AtomicBool,
}

// SAFETY: disjoint parts of the memory are handed out by an atomic counter.
unsafe impl Sync for Arena {}

/// From now on an allocation aborts the process (test builds). Async-signal-safe.
pub fn arm() {
    ALLOCATOR.armed.store(true, Ordering::Relaxed);
}

impl Arena {
    fn base(&self) -> usize {
        self.memory.get() as usize
    }

    fn holds(&self, pointer: *mut u8) -> bool {
        (pointer as usize).wrapping_sub(self.base()) < SIZE
    }

    /// Takes `layout` from the arena; `None` when it is full.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let mut next = self.next.load(Ordering::Relaxed);
        loop {
            let start = (self.base() + next).next_multiple_of(layout.align()) - self.base();
            let end = start
                .checked_add(layout.size())
                .filter(|end| *end <= SIZE)?;
            match self
                .next
                .compare_exchange_weak(next, end, Ordering::Relaxed, Ordering::Relaxed)
            {
                // SAFETY: start lies in the memory, and nobody else was given these bytes.
                Ok(_) => return Some(unsafe { self.memory.get().cast::<u8>().add(start) }),
                Err(seen) => next = seen,
            }
        }
    }

    /// Moves the end of the newest allocation; false if `pointer` is not the newest.
    fn resize_newest(&self, pointer: *mut u8, old: usize, new: usize) -> bool {
        let start = pointer as usize - self.base();
        let fits = start.checked_add(new).is_some_and(|end| end <= SIZE);
        fits && self
            .next
            .compare_exchange(
                start + old,
                start + new,
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    fn refuse_if_armed(&self) {
        if cfg!(feature = "trap-allocator") && self.armed.load(Ordering::Relaxed) {
            // SAFETY: ends the process.
            unsafe { libc::abort() };
        }
    }
}

// SAFETY: memory is handed out once and aligned; the rest is the system's allocator.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.refuse_if_armed();
        // SAFETY: the caller's layout is passed on unchanged.
        self.take(layout)
            .unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if self.holds(pointer) {
            self.resize_newest(pointer, layout.size(), 0);
        } else {
            // SAFETY: what is not ours came from the system's allocator, with this layout.
            unsafe { System.dealloc(pointer, layout) };
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.refuse_if_armed();
        if !self.holds(pointer) {
            // SAFETY: what is not ours came from the system's allocator, with this layout.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        if self.resize_newest(pointer, layout.size(), size) {
            return pointer;
        }
        // SAFETY: the size is the caller's, the alignment was valid before.
        let larger = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the layout is not empty, as the caller's is not.
        let moved = unsafe { self.alloc(larger) };
        if !moved.is_null() {
            // SAFETY: both are valid for the smaller size and do not overlap.
            unsafe { moved.copy_from_nonoverlapping(pointer, layout.size().min(size)) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_aligned_distinct_and_survives_growth() {
        let mut kept: Vec<Vec<u64>> = Vec::new();
        for number in 0..2000_u64 {
            let mut list = vec![number; 3];
            list.extend(std::iter::repeat_n(number, (number % 90) as usize));
            assert_eq!(list.as_ptr() as usize % align_of::<u64>(), 0);
            kept.push(list);
        }
        for (number, list) in kept.iter().enumerate() {
            assert!(list.iter().all(|value| *value == number as u64));
        }
        let large = vec![7_u8; super::SIZE * 2];
        assert!(large.iter().all(|byte| *byte == 7));
    }
}
