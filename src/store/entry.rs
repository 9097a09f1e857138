//! One key and its value in one allocation.
//!
//! ```text
//! offset 0                          4      6      7        8
//!        access(24)+epoch(5)+kind(3) units  flags  key_len  [huge: u64 size] [expiry: i64] body... key bytes, text bytes
//! ```
//! - `access`: the 24 LRU/LFU bits, the only part that changes under a shared lock (relaxed atomic); `kind` is what the body is;
//!   `epoch` says which image has it already (`store::image`).
//! - `units`: size of the allocation in 16-byte units; entries above 1 MB (a huge key) keep it in the `huge` word instead.
//! - `key_len`: 255 means that a `u32` length stands before the key bytes.
//! - body: for short strings a `u32` length (the text follows the key), for integers the `i64`, else the value's own
//!   16-byte struct ([`LargeString`], [`List`], ...).
//!
//! Rules that the unsafe code rests on:
//! 1. `Entry` owns its allocation alone; it is only reached through `&Entry` or `&mut Entry`, so Rust's aliasing rules hold for
//!    the bytes behind the pointer as for a field, but for the atomic `access` word.
//! 2. The header, written once by `allocate`, always describes the allocation: `size()`, `body()`, `key()` and `text()` lie
//!    within it. Whoever changes a length stays within `size()`.
//! 3. `kind` says which struct lives in the body; it was written by `ptr::write` of that struct and is dropped exactly once.
#![expect(unsafe_code, reason = "one allocation with a layout chosen at run time; rules above")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::alloc::class_size;
use crate::value::string::{INLINE_BYTES_MAX, LargeString};
use crate::value::{Hash, List, Set, Stream, Value, ValueMut, ValueRef, ValueType, ZSet};

const HEADER_BYTES: usize = 8;
const LONG_KEY: u8 = 255;
const UNITS_MAX: usize = u16::MAX as usize;

const FLAG_EXPIRY: u8 = 1;
const FLAG_HUGE: u8 = 2;
/// The string was built by a command that leaves `raw` strings behind (APPEND, SETRANGE, ...), however short it is.
const FLAG_RAW: u8 = 4;

const KIND_TEXT: u8 = 0;
const KIND_INTEGER: u8 = 1;
const KIND_LARGE: u8 = 2;
const KIND_LIST: u8 = 3;
const KIND_SET: u8 = 4;
const KIND_HASH: u8 = 5;
const KIND_ZSET: u8 = 6;
const KIND_STREAM: u8 = 7;

const ACCESS_MASK: u32 = 0xff_ffff;
const KIND_MASK: u32 = 7;
const EPOCH_SHIFT: u32 = 3;

/// The highest epoch of an image that an entry can carry.
pub const EPOCH_MAX: u8 = 31;

#[repr(C)]
struct Header {
    access_kind: AtomicU32,
    units: u16,
    flags: u8,
    key_len: u8,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

/// What a new entry holds.
pub enum NewValue<'a> {
    /// String bytes; `raw` as OBJECT ENCODING shall report it.
    Text {
        /// The bytes.
        bytes: &'a [u8],
        /// Whether it counts as `raw` even if short.
        raw: bool,
    },
    /// A string that is an integer.
    Integer(i64),
    /// A value made elsewhere.
    Value(Value),
}

/// An owned key with its value, expiry and access bits.
pub struct Entry(NonNull<Header>);

// SAFETY: rule 1; all that is inside is itself Send and Sync.
unsafe impl Send for Entry {}
// SAFETY: as above; `&Entry` gives out shared references and an atomic only.
unsafe impl Sync for Entry {}

impl Entry {
    /// Builds an entry in one allocation.
    pub fn new(key: &[u8], value: NewValue<'_>, expiry_ms: Option<i64>, access: u32) -> Self {
        match value {
            NewValue::Text { bytes, raw } if bytes.len() <= INLINE_BYTES_MAX => {
                let mut entry = Self::allocate(key, KIND_TEXT, 4 + bytes.len(), 4, expiry_ms, access);
                entry.set_raw(raw);
                entry.write_text(bytes);
                entry
            }
            NewValue::Text { bytes, .. } => {
                Self::with_body(key, KIND_LARGE, LargeString::new(bytes), expiry_ms, access)
            }
            NewValue::Integer(number) => Self::with_body(key, KIND_INTEGER, number, expiry_ms, access),
            NewValue::Value(value) => Self::from_value(key, value, expiry_ms, access),
        }
    }

    fn from_value(key: &[u8], value: Value, expiry_ms: Option<i64>, access: u32) -> Self {
        match value {
            Value::Integer(number) => Self::with_body(key, KIND_INTEGER, number, expiry_ms, access),
            Value::Text { bytes, raw } => {
                Self::new(key, NewValue::Text { bytes: &bytes, raw }, expiry_ms, access)
            }
            Value::Large(large) => Self::with_body(key, KIND_LARGE, large, expiry_ms, access),
            Value::List(list) => Self::with_body(key, KIND_LIST, list, expiry_ms, access),
            Value::Set(set) => Self::with_body(key, KIND_SET, set, expiry_ms, access),
            Value::Hash(hash) => Self::with_body(key, KIND_HASH, hash, expiry_ms, access),
            Value::ZSet(zset) => Self::with_body(key, KIND_ZSET, zset, expiry_ms, access),
            Value::Stream(stream) => Self::with_body(key, KIND_STREAM, stream, expiry_ms, access),
        }
    }

    /// The key's bytes.
    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: rule 2.
        unsafe { std::slice::from_raw_parts(self.base().add(self.key_offset()), self.key_len()) }
    }

    /// The type of the value, as TYPE names it.
    #[inline]
    pub fn value_type(&self) -> ValueType {
        match self.kind() {
            KIND_LIST => ValueType::List,
            KIND_SET => ValueType::Set,
            KIND_HASH => ValueType::Hash,
            KIND_ZSET => ValueType::ZSet,
            KIND_STREAM => ValueType::Stream,
            _ => ValueType::String,
        }
    }

    /// The value, shared.
    #[inline]
    pub fn value(&self) -> ValueRef<'_> {
        // SAFETY: rule 3 for each arm.
        unsafe {
            match self.kind() {
                KIND_TEXT => ValueRef::Text(self.text()),
                KIND_INTEGER => ValueRef::Integer(*self.body().cast::<i64>()),
                KIND_LARGE => ValueRef::Large(&*self.body().cast()),
                KIND_LIST => ValueRef::List(&*self.body().cast()),
                KIND_SET => ValueRef::Set(&*self.body().cast()),
                KIND_HASH => ValueRef::Hash(&*self.body().cast()),
                KIND_ZSET => ValueRef::ZSet(&*self.body().cast()),
                _ => ValueRef::Stream(&*self.body().cast()),
            }
        }
    }

    /// The value, to be changed in place; short strings and integers are replaced by [`Entry::set_value`] instead.
    #[inline]
    pub fn value_mut(&mut self) -> ValueMut<'_> {
        // SAFETY: rule 3 for each arm, and `&mut self` is exclusive.
        unsafe {
            match self.kind() {
                KIND_TEXT | KIND_INTEGER => ValueMut::Scalar,
                KIND_LARGE => ValueMut::Large(&mut *self.body().cast()),
                KIND_LIST => ValueMut::List(&mut *self.body().cast()),
                KIND_SET => ValueMut::Set(&mut *self.body().cast()),
                KIND_HASH => ValueMut::Hash(&mut *self.body().cast()),
                KIND_ZSET => ValueMut::ZSet(&mut *self.body().cast()),
                _ => ValueMut::Stream(&mut *self.body().cast()),
            }
        }
    }

    /// A copy of the value: O(1) for a large one (design 3).
    pub fn clone_value(&self) -> Value {
        match self.value() {
            ValueRef::Text(bytes) => Value::Text { bytes: bytes.into(), raw: self.is_raw() },
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Large(large) => Value::Large(large.clone()),
            ValueRef::List(list) => Value::List(list.clone()),
            ValueRef::Set(set) => Value::Set(set.clone()),
            ValueRef::Hash(hash) => Value::Hash(hash.clone()),
            ValueRef::ZSet(zset) => Value::ZSet(zset.clone()),
            ValueRef::Stream(stream) => Value::Stream(stream.clone()),
        }
    }

    /// Takes the entry apart; the allocation is given back.
    pub fn into_value(self) -> Value {
        // SAFETY: rule 3; the struct is moved out and `kind` set so that dropping the entry does not drop it again.
        let value = unsafe {
            match self.kind() {
                KIND_TEXT => Value::Text { bytes: self.text().into(), raw: self.is_raw() },
                KIND_INTEGER => Value::Integer(ptr::read(self.body().cast())),
                KIND_LARGE => Value::Large(ptr::read(self.body().cast())),
                KIND_LIST => Value::List(ptr::read(self.body().cast())),
                KIND_SET => Value::Set(ptr::read(self.body().cast())),
                KIND_HASH => Value::Hash(ptr::read(self.body().cast())),
                KIND_ZSET => Value::ZSet(ptr::read(self.body().cast())),
                _ => Value::Stream(ptr::read(self.body().cast())),
            }
        };
        self.forget_body();
        value
    }

    /// Replaces the value, keeping key, expiry and access bits; in place when it fits. Returns the old value when dropping it
    /// may take long (anything but a short string).
    pub fn set_value(&mut self, value: NewValue<'_>) -> Option<Value> {
        match value {
            NewValue::Text { bytes, raw } if self.kind() == KIND_TEXT && self.text_fits(bytes.len()) => {
                self.set_raw(raw);
                self.write_text(bytes);
                None
            }
            NewValue::Integer(number) if self.kind() == KIND_INTEGER => {
                // SAFETY: rule 3.
                unsafe { *self.body().cast::<i64>() = number };
                None
            }
            value => {
                let new = Self::new(self.key(), value, self.expiry(), self.access());
                new.set_epoch(self.epoch());
                let old = std::mem::replace(self, new);
                (old.kind() > KIND_INTEGER).then(|| old.into_value())
            }
        }
    }

    /// Appends to a short string, growing the allocation with room to spare. The text becomes `raw`.
    /// Returns false when the value is not a short string or would pass [`INLINE_BYTES_MAX`]: nothing has changed then.
    pub fn append_text(&mut self, bytes: &[u8]) -> bool {
        if self.kind() != KIND_TEXT || self.text().len() + bytes.len() > INLINE_BYTES_MAX {
            return false;
        }
        let old_len = self.text().len();
        let start = self.key_offset() + self.key_len();
        self.reserve(start + old_len + bytes.len());
        // SAFETY: rule 2: `reserve` made the allocation long enough.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.base().add(start + old_len), bytes.len());
            *self.body().cast::<u32>() = (old_len + bytes.len()) as u32;
        }
        self.set_raw(true);
        true
    }

    /// The bytes of a short string, to be changed in place; it becomes `raw`. None for any other value.
    pub fn text_mut(&mut self) -> Option<&mut [u8]> {
        if self.kind() != KIND_TEXT {
            return None;
        }
        self.set_raw(true);
        let len = self.text().len();
        // SAFETY: rule 2, and `&mut self` is exclusive.
        Some(unsafe {
            std::slice::from_raw_parts_mut(self.base().add(self.key_offset() + self.key_len()), len)
        })
    }

    /// Whether a short string is to be reported as `raw`.
    pub fn is_raw(&self) -> bool {
        self.header().flags & FLAG_RAW != 0
    }

    /// When the key expires, in Unix milliseconds.
    #[inline]
    pub fn expiry(&self) -> Option<i64> {
        let header = self.header();
        if header.flags & FLAG_EXPIRY == 0 {
            return None;
        }
        // SAFETY: rule 2: the flag says that the word is there.
        Some(unsafe { *self.base().add(self.expiry_offset()).cast::<i64>() })
    }

    /// Sets or clears the expiry; the entry moves when the word has to be added or taken away.
    pub fn set_expiry(&mut self, expiry_ms: Option<i64>) {
        match (self.expiry().is_some(), expiry_ms) {
            (true, Some(at)) => {
                let offset = self.expiry_offset();
                // SAFETY: rule 2.
                unsafe { *self.base().add(offset).cast::<i64>() = at };
            }
            (false, None) => {}
            _ => self.rebuild(expiry_ms),
        }
    }

    /// The 24 LRU or LFU bits.
    #[inline]
    pub fn access(&self) -> u32 {
        self.header().access_kind.load(Ordering::Relaxed) >> 8
    }

    /// Stores the access bits if they differ, so that readers do not dirty the cache line for nothing.
    #[inline]
    pub fn set_access(&self, access: u32) {
        let word = &self.header().access_kind;
        let old = word.load(Ordering::Relaxed);
        let new = (access & ACCESS_MASK) << 8 | (old & 0xff);
        if new != old {
            word.store(new, Ordering::Relaxed);
        }
    }

    /// The epoch of the image that has this entry, 0 for none.
    #[inline]
    pub fn epoch(&self) -> u8 {
        (self.header().access_kind.load(Ordering::Relaxed) as u8) >> EPOCH_SHIFT
    }

    /// Notes that the image of this epoch has the entry, as it was or not at all. The stripe is held alone.
    #[inline]
    pub fn set_epoch(&self, epoch: u8) {
        let word = &self.header().access_kind;
        let old = word.load(Ordering::Relaxed) & !(u32::from(EPOCH_MAX) << EPOCH_SHIFT);
        word.store(old | u32::from(epoch & EPOCH_MAX) << EPOCH_SHIFT, Ordering::Relaxed);
    }

    /// Bytes of the entry's own allocation.
    pub fn entry_bytes(&self) -> usize {
        self.size()
    }

    /// Hints the processor to fetch the start of the entry.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.0.as_ptr().cast());
    }

    fn allocate(key: &[u8], kind: u8, rest: usize, body: usize, expiry_ms: Option<i64>, access: u32) -> Self {
        let long_key = if key.len() >= usize::from(LONG_KEY) { 4 } else { 0 };
        let words = if expiry_ms.is_some() { 8 } else { 0 };
        let plain = class_size(HEADER_BYTES + words + long_key + key.len() + rest);
        let huge = plain / 16 > UNITS_MAX;
        let size = if huge { class_size(plain + 8) } else { plain.max(16) };
        let layout = Self::layout(size);
        // SAFETY: the size is not zero.
        let Some(pointer) = NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) else {
            handle_alloc_error(layout)
        };
        let flags = if expiry_ms.is_some() { FLAG_EXPIRY } else { 0 } | if huge { FLAG_HUGE } else { 0 };
        let header = Header {
            access_kind: AtomicU32::new((access & ACCESS_MASK) << 8 | u32::from(kind)),
            units: if huge { 0 } else { (size / 16) as u16 },
            flags,
            key_len: key.len().min(LONG_KEY.into()) as u8,
        };
        // SAFETY: the allocation is at least `size` long: header, words, body, key length and key were added up above.
        unsafe {
            pointer.write(header);
            let entry = Self(pointer);
            if huge {
                *entry.base().add(HEADER_BYTES).cast::<u64>() = size as u64;
            }
            if let Some(at) = expiry_ms {
                *entry.base().add(entry.expiry_offset()).cast::<i64>() = at;
            }
            let mut at = entry.body_offset() + body;
            if long_key != 0 {
                entry.base().add(at).cast::<u32>().write_unaligned(key.len() as u32);
                at += 4;
            }
            ptr::copy_nonoverlapping(key.as_ptr(), entry.base().add(at), key.len());
            entry
        }
    }

    fn with_body<T>(key: &[u8], kind: u8, body: T, expiry_ms: Option<i64>, access: u32) -> Self {
        const { assert!(size_of::<T>() <= 16 && align_of::<T>() <= 8) };
        let entry = Self::allocate(key, kind, body_bytes(kind), body_bytes(kind), expiry_ms, access);
        // SAFETY: rule 3; the body has room for 16 bytes (8 for an integer).
        unsafe { ptr::write(entry.body().cast(), body) };
        entry
    }

    /// Copies the entry with another expiry; the body is moved, not cloned.
    fn rebuild(&mut self, expiry_ms: Option<i64>) {
        let kind = self.kind();
        let raw = self.is_raw();
        let text = if kind == KIND_TEXT { self.text().len() } else { 0 };
        let mut new = Self::allocate(
            self.key(),
            kind,
            body_bytes(kind) + text,
            body_bytes(kind),
            expiry_ms,
            self.access(),
        );
        new.set_raw(raw);
        new.set_epoch(self.epoch());
        if kind == KIND_TEXT {
            new.write_text(self.text());
        } else {
            // SAFETY: rule 3: the struct moves from one body to the other, and the old one is marked as holding none.
            unsafe { ptr::copy_nonoverlapping(self.body(), new.body(), body_bytes(kind)) };
            self.forget_body();
        }
        *self = new;
    }

    /// Marks the body as one that holds nothing to be dropped (rule 3).
    fn forget_body(&self) {
        let word = &self.header().access_kind;
        word.store(word.load(Ordering::Relaxed) & !KIND_MASK | u32::from(KIND_INTEGER), Ordering::Relaxed);
    }

    fn reserve(&mut self, size: usize) {
        if size <= self.size() {
            return;
        }
        let old = Self::layout(self.size());
        let new_size = class_size(size);
        debug_assert!(new_size / 16 <= UNITS_MAX || self.header().flags & FLAG_HUGE != 0);
        if new_size / 16 > UNITS_MAX && self.header().flags & FLAG_HUGE == 0 {
            return self.rebuild_larger(new_size);
        }
        // SAFETY: rule 1; the pointer came from `alloc` with the layout that the header states.
        let pointer = unsafe { realloc(self.0.as_ptr().cast(), old, new_size) };
        let Some(pointer) = NonNull::new(pointer.cast::<Header>()) else {
            handle_alloc_error(Self::layout(new_size))
        };
        self.0 = pointer;
        if self.header().flags & FLAG_HUGE != 0 {
            // SAFETY: rule 2: the flag says that the word is there.
            unsafe { *self.base().add(HEADER_BYTES).cast::<u64>() = new_size as u64 };
        } else {
            self.header_mut().units = (new_size / 16) as u16;
        }
    }

    /// A text entry whose key is so long that growing passes what `units` can say.
    #[cold]
    fn rebuild_larger(&mut self, size: usize) {
        let text = self.text().to_vec();
        let rest = 4 + text.len() + size - self.size();
        let mut new = Self::allocate(self.key(), KIND_TEXT, rest, 4, self.expiry(), self.access());
        new.write_text(&text);
        new.set_epoch(self.epoch());
        *self = new;
    }

    fn text_fits(&self, len: usize) -> bool {
        let needed = self.key_offset() + self.key_len() + len;
        // A much shorter text is given a smaller allocation, or memory would never come back.
        needed <= self.size() && (self.size() <= 64 || needed > self.size() / 2)
    }

    fn write_text(&mut self, bytes: &[u8]) {
        let start = self.key_offset() + self.key_len();
        debug_assert!(start + bytes.len() <= self.size());
        // SAFETY: rule 2; callers have checked the room.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.base().add(start), bytes.len());
            *self.body().cast::<u32>() = bytes.len() as u32;
        }
    }

    #[inline]
    fn text(&self) -> &[u8] {
        // SAFETY: rule 2; the body of a text entry is its length.
        unsafe {
            let len = *self.body().cast::<u32>() as usize;
            std::slice::from_raw_parts(self.base().add(self.key_offset() + self.key_len()), len)
        }
    }

    fn set_raw(&mut self, raw: bool) {
        let header = self.header_mut();
        header.flags = if raw { header.flags | FLAG_RAW } else { header.flags & !FLAG_RAW };
    }

    #[inline]
    fn kind(&self) -> u8 {
        (self.header().access_kind.load(Ordering::Relaxed) & KIND_MASK) as u8
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: rules 1 and 2.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: rules 1 and 2.
        unsafe { self.0.as_mut() }
    }

    #[inline]
    fn base(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    #[inline]
    fn expiry_offset(&self) -> usize {
        HEADER_BYTES + if self.header().flags & FLAG_HUGE != 0 { 8 } else { 0 }
    }

    #[inline]
    fn body_offset(&self) -> usize {
        let flags = usize::from(self.header().flags);
        HEADER_BYTES + (flags & 1) * 8 + (flags & 2) * 4
    }

    #[inline]
    fn body(&self) -> *mut u8 {
        // SAFETY: rule 2.
        unsafe { self.base().add(self.body_offset()) }
    }

    #[inline]
    fn key_offset(&self) -> usize {
        let long = if self.header().key_len == LONG_KEY { 4 } else { 0 };
        self.body_offset() + body_bytes(self.kind()) + long
    }

    #[inline]
    fn key_len(&self) -> usize {
        match self.header().key_len {
            LONG_KEY => self.long_key_len(),
            len => usize::from(len),
        }
    }

    #[cold]
    fn long_key_len(&self) -> usize {
        let offset = self.body_offset() + body_bytes(self.kind());
        // SAFETY: rule 2: 255 says that the length is there.
        unsafe { self.base().add(offset).cast::<u32>().read_unaligned() as usize }
    }

    fn size(&self) -> usize {
        if self.header().flags & FLAG_HUGE == 0 {
            return usize::from(self.header().units) * 16;
        }
        // SAFETY: rule 2: the flag says that the word is there.
        unsafe { *self.base().add(HEADER_BYTES).cast::<u64>() as usize }
    }

    fn layout(size: usize) -> Layout {
        // SAFETY: 8 is a power of two and sizes stay far below isize::MAX.
        unsafe { Layout::from_size_align_unchecked(size, 8) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: rules 1 and 3.
        unsafe {
            match self.kind() {
                KIND_LARGE => ptr::drop_in_place(self.body().cast::<LargeString>()),
                KIND_LIST => ptr::drop_in_place(self.body().cast::<List>()),
                KIND_SET => ptr::drop_in_place(self.body().cast::<Set>()),
                KIND_HASH => ptr::drop_in_place(self.body().cast::<Hash>()),
                KIND_ZSET => ptr::drop_in_place(self.body().cast::<ZSet>()),
                KIND_STREAM => ptr::drop_in_place(self.body().cast::<Stream>()),
                _ => {}
            }
            dealloc(self.base(), Self::layout(self.size()));
        }
    }
}

#[inline]
const fn body_bytes(kind: u8) -> usize {
    match kind {
        KIND_TEXT => 4,
        KIND_INTEGER => 8,
        _ => 16,
    }
}

/// Hints the processor that the line at `pointer` will be wanted. Any address is harmless.
#[inline]
pub(super) fn prefetch(pointer: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults and reads nothing into the program.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(pointer.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pointer;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> NewValue<'_> {
        NewValue::Text { bytes, raw: false }
    }

    fn bytes_of(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            ValueRef::Text(bytes) => bytes.to_vec(),
            ValueRef::Large(large) => large.to_vec(0, usize::MAX),
            ValueRef::Integer(number) => number.to_string().into_bytes(),
            _ => panic!("not a string"),
        }
    }

    #[test]
    fn sizes_are_those_of_the_memory_goal() {
        let key = b"key:000000000001";
        for (len, size) in [(3, 32), (32, 64), (100, 128)] {
            assert_eq!(
                Entry::new(key, text(&vec![b'x'; len]), None, 0).entry_bytes(),
                size,
                "value of {len}"
            );
        }
    }

    #[test]
    fn every_key_length_and_value_length_reads_back() {
        for key_len in [0, 1, 16, 254, 255, 256, 70_000, 1_200_000] {
            for value_len in [0, 3, 44, 1000, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 200_000] {
                for expiry in [None, Some(77)] {
                    let key = vec![b'k'; key_len];
                    let value = vec![b'v'; value_len];
                    let mut entry = Entry::new(&key, text(&value), expiry, 5);
                    check(&entry, &key, &value, expiry);
                    entry.set_expiry(Some(99));
                    check(&entry, &key, &value, Some(99));
                    entry.set_expiry(None);
                    check(&entry, &key, &value, None);
                }
            }
        }
    }

    fn check(entry: &Entry, key: &[u8], value: &[u8], expiry: Option<i64>) {
        assert_eq!((entry.key(), entry.expiry(), entry.access()), (key, expiry, 5));
        assert_eq!(bytes_of(entry), value);
    }

    #[test]
    fn appending_grows_and_stops_at_the_inline_limit() {
        for key_len in [3, 1_048_000] {
            let mut entry = Entry::new(&vec![b'k'; key_len], text(b""), Some(1), 0);
            let mut model = Vec::new();
            while entry.append_text(b"0123456789abc") {
                model.extend_from_slice(b"0123456789abc");
                assert_eq!(bytes_of(&entry), model);
            }
            assert_eq!(model.len() / 13, INLINE_BYTES_MAX / 13);
        }
    }

    #[test]
    fn values_are_replaced_and_taken_out() {
        let mut entry = Entry::new(b"k", NewValue::Integer(5), Some(3), 9);
        assert!(entry.set_value(text(b"abc")).is_none());
        assert!(entry.set_value(text(&[b'z'; 20_000])).is_none());
        assert!(
            matches!(entry.set_value(NewValue::Integer(7)), Some(Value::Large(large)) if large.len() == 20_000)
        );
        assert_eq!((entry.expiry(), entry.access(), bytes_of(&entry)), (Some(3), 9, b"7".to_vec()));
        assert!(matches!(entry.into_value(), Value::Integer(7)));
    }
}
