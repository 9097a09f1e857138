//! The process allocator: mimalloc, with every byte counted.
//!
//! `used_memory` must be exact enough to enforce `maxmemory` within 1% under eight writers (design 7), so the count is kept
//! here, where nothing can be forgotten: each thread adds the size classes it takes and gives back to a counter of its own and
//! folds that into the process's total when it has moved by `FOLD_BYTES`. The hot path is one thread-local addition.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use mimalloc::MiMalloc;

/// How far a thread's own count may run ahead of the total, in bytes.
const FOLD_BYTES: i64 = 32 * 1024;

/// The same where it matters, near a limit.
const FOLD_NEAR_LIMIT_BYTES: i64 = 1024;

/// What a thread that goes to sleep may keep to itself, in bytes.
const FOLD_IDLE_BYTES: i64 = 4096;

/// Allocations up to this size are moved when they shrink by a size class.
const MOVED_BYTES_MAX: usize = 128 * 1024;

static USED: Apart<AtomicI64> = Apart(AtomicI64::new(0));
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Alone in its cache line (pair): every thread writes the total now and then, and what stands beside it, the clock among
/// other things, is read by every command.
#[repr(align(128))]
struct Apart<T>(T);

thread_local! {
    static DELTA: Cell<i64> = const { Cell::new(0) };
}

/// mimalloc with a running count of the bytes in use.
pub struct CountingAllocator;

/// Bytes in use by the whole process, within `FOLD_BYTES` per thread.
pub fn used_bytes() -> usize {
    USED.0.load(Ordering::Relaxed).max(0) as usize
}

/// As [`used_bytes`], with all that the calling thread has taken so far.
pub fn used_bytes_now() -> usize {
    settle_thread();
    used_bytes()
}

/// Bytes in use above a limit, 0 below it. Near the limit each thread that asks folds its count sooner, so that a small limit
/// is not passed by what writers have not told yet.
#[inline]
pub fn bytes_above(limit: usize) -> usize {
    if used_bytes().saturating_add(FOLD_BYTES as usize) < limit {
        return 0;
    }
    bytes_above_near(limit)
}

#[cold]
fn bytes_above_near(limit: usize) -> usize {
    if DELTA.get().abs() >= FOLD_NEAR_LIMIT_BYTES {
        settle_thread();
    }
    used_bytes().saturating_sub(limit)
}

/// The most that [`used_bytes`] has been when [`note_peak`] looked.
pub fn peak_bytes() -> usize {
    PEAK.load(Ordering::Relaxed).max(used_bytes())
}

/// Records the present use as the peak if it is one. Called by the server's clock tick.
pub fn note_peak() {
    PEAK.fetch_max(used_bytes(), Ordering::Relaxed);
}

/// Forgets the peak (CONFIG RESETSTAT).
pub fn reset_peak() {
    PEAK.store(used_bytes(), Ordering::Relaxed);
}

/// Gives what the calling thread has free back to the system. mimalloc does so by itself only while a thread allocates, so after
/// a big value has gone an idle server would keep its memory.
pub fn give_back() {
    settle_thread();
    // SAFETY: may be called by any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// What mimalloc tells about its heaps, for people.
pub fn statistics() -> String {
    unsafe extern "C" fn append(piece: *const c_char, text: *mut c_void) {
        // SAFETY: mimalloc hands over a string that ends with a zero, and the pointer that `statistics` has given it.
        let (piece, text) = unsafe { (CStr::from_ptr(piece), &mut *text.cast::<String>()) };
        text.push_str(&piece.to_string_lossy());
    }
    let mut text = String::new();
    // SAFETY: the text outlives the call, and nobody else touches it meanwhile.
    unsafe { libmimalloc_sys::mi_stats_print_out(Some(append), (&raw mut text).cast()) };
    text
}

/// The bytes that a request of `size` really takes: mimalloc's size classes, multiples of 16 up to 128 and then four to each
/// doubling.
#[inline]
pub const fn class_size(size: usize) -> usize {
    if size <= 8 {
        8
    } else if size <= 128 {
        (size + 15) & !15
    } else {
        let step = 1 << ((usize::BITS - 1 - (size - 1).leading_zeros()) - 2);
        (size + step - 1) & !(step - 1)
    }
}

#[inline]
fn count(bytes: i64) {
    // A thread that is being torn down has no counter any more: its last frees go straight to the total.
    let folded = DELTA.try_with(|delta| {
        let sum = delta.get() + bytes;
        if sum.abs() < FOLD_BYTES {
            delta.set(sum);
            0
        } else {
            delta.set(0);
            sum
        }
    });
    match folded {
        Ok(0) => {}
        Ok(sum) => fold(sum),
        Err(_) => fold(bytes),
    }
}

#[cold]
fn fold(bytes: i64) {
    USED.0.fetch_add(bytes, Ordering::Relaxed);
}

/// The calling thread goes to sleep: what it has not told yet nobody would learn for long.
pub fn settle_idle_thread() {
    if DELTA.get().abs() >= FOLD_IDLE_BYTES {
        settle_thread();
    }
}

/// Folds the calling thread's count into the total, so that a quiet moment reads exactly.
pub fn settle_thread() {
    let sum = DELTA.with(|delta| delta.replace(0));
    fold(sum);
}

/// Does the work of a thread that ends with it: what it had counted and not told would be lost.
pub fn told_at_end<R>(work: impl FnOnce() -> R) -> R {
    let result = work();
    settle_thread();
    result
}

// SAFETY: (1) every call is handed to mimalloc unchanged, which upholds the contract of `GlobalAlloc`;
// (2) `count` neither allocates nor unwinds: it touches a const-initialised `Cell` and an atomic.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(class_size(layout.size()) as i64);
        // SAFETY: (1) above.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(class_size(layout.size()) as i64);
        // SAFETY: (1) above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(class_size(layout.size()) as i64));
        // SAFETY: (1) above.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if class_size(new_size) < class_size(layout.size()) && layout.size() <= MOVED_BYTES_MAX {
            // SAFETY: (1) above.
            return unsafe { shrink(pointer, layout, new_size) };
        }
        count(class_size(new_size) as i64 - class_size(layout.size()) as i64);
        // SAFETY: (1) above.
        unsafe { MiMalloc.realloc(pointer, layout, new_size) }
    }
}

/// Moves an allocation into a smaller one. mimalloc would leave it where it is as long as half of it is in use: a stream's
/// nodes, grown by doubling and then cut to size, took 1.7 times the memory that was counted.
///
/// # Safety
/// As for `GlobalAlloc::realloc`.
unsafe fn shrink(pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: the caller's `new_size` is not zero and, rounded up to the alignment, no greater than the old size; both
    // allocations hold `new_size` bytes and are distinct; the old one is given back with its own layout.
    unsafe {
        let smaller = CountingAllocator.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
        if !smaller.is_null() {
            std::ptr::copy_nonoverlapping(pointer, smaller, new_size);
            CountingAllocator.dealloc(pointer, layout);
        }
        smaller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_mimalloc() {
        for (size, class) in
            [(1, 8), (9, 16), (17, 32), (48, 48), (65, 80), (125, 128), (129, 160), (257, 320), (4097, 5120)]
        {
            assert_eq!(class_size(size), class, "class of {size}");
        }
    }

    #[test]
    fn a_thread_that_ends_has_told_what_it_took() {
        let allocate = || (vec![1_u8; 5000], DELTA.get());
        let ((_, untold), left) =
            std::thread::spawn(move || (told_at_end(allocate), DELTA.get())).join().unwrap();
        assert!(untold >= 5000, "{untold}");
        assert_eq!(left, 0);
    }

    #[test]
    fn statistics_can_be_read() {
        let text = statistics();
        assert!(text.contains("committed") && text.contains("threads"), "{text}");
    }

    #[test]
    fn what_is_cut_moves_to_its_class() {
        let check = |grown: usize, cut: usize, moves: bool| {
            let mut bytes = Vec::with_capacity(grown);
            bytes.extend((0..cut).map(|number| number as u8));
            let before = bytes.as_ptr();
            bytes.shrink_to_fit();
            assert_eq!(bytes.as_ptr() != before, moves, "{grown} cut to {cut}");
            assert!(bytes.iter().enumerate().all(|(number, &byte)| byte == number as u8));
        };
        check(7168, 3600, true);
        check(512, 300, true);
        check(64, 33, true);
        check(4096, 4000, false);
        check(1 << 20, 600_000, false);
    }
}
