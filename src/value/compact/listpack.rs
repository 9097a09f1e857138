//! Listpack: a sequence of byte strings and integers in one allocation, in the byte format of Redis 7.
//!
//! ```text
//! u32 total bytes | u16 count | element ... | 0xff            (all numbers little-endian)
//! element = encoding byte(s) and data | backlen
//! ```
//!
//! The first byte of an element tells its encoding:
//!
//! | bits       | meaning                                                 |
//! |------------|---------------------------------------------------------|
//! | `0xxxxxxx` | integer 0..=127                                         |
//! | `10xxxxxx` | string of up to 63 bytes                                |
//! | `110xxxxx` | 13-bit signed integer, its low 8 bits follow            |
//! | `1110xxxx` | string of up to 4095 bytes, the low 8 bits of its length follow |
//! | `11110000` | string, a u32 length follows                            |
//! | `11110001` to `11110100` | signed integer of 16, 24, 32, 64 bits     |
//!
//! *Backlen* is the length of encoding and data, in 7-bit groups, most significant first, so that it can be read from
//! its end: every byte but the first carries the high bit. It makes the backward walk possible.
//!
//! 1. A string that is the canonical text of an `i64` is stored as an integer.
//! 2. A count of 65535 means "unknown, walk".
//! 3. Every change moves the tail once and reallocates at most once, never when the encoded length stays.
//! 4. Bytes from outside pass `from_bytes_checked`; after that every element decodes, so the walks need no checks
//!    beyond Rust's own.

mod distinct;
mod element;
mod growing;

use std::ops::Range;

pub use self::growing::{Appender, GrowingListpack};

use self::element::{Encoded, backlen_len, checked_element_len, decode, read_backlen, read_u32};
use super::Malformed;
use crate::base::number;

const HEADER: usize = 6;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A sequence of byte strings and integers in one allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listpack(Box<[u8]>);

/// Where an element starts, or the end. Valid until the listpack changes; changes say which cursors they keep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cursor(u32);

/// One element. An integer stands for its decimal text.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A string that is not the canonical text of an integer.
    Bytes(&'a [u8]),
    /// The text of this integer.
    Integer(i64),
}

impl Listpack {
    /// Beyond this many bytes Redis refuses to grow a listpack; callers keep below (`fits`).
    pub const BYTES_MAX: usize = 1 << 30;

    /// An empty listpack.
    pub fn new() -> Self {
        Self(Box::new([HEADER as u8 + 1, 0, 0, 0, 0, 0, END]))
    }

    /// Takes `bytes` if they are a well-formed listpack to the last byte.
    pub fn from_bytes_checked(bytes: Box<[u8]>) -> Result<Self, Malformed> {
        let framed = bytes.len() > HEADER
            && bytes.last() == Some(&END)
            && u32::try_from(bytes.len()) == Ok(read_u32(&bytes, 0));
        if !framed {
            return Err(Malformed);
        }
        let (body, mut at, mut count) = (&bytes[..bytes.len() - 1], HEADER, 0_usize);
        while at < body.len() {
            at += checked_element_len(&body[at..]).ok_or(Malformed)?;
            count += 1;
        }
        let listpack = Self(bytes);
        let stated = listpack.stated_count();
        if stated != COUNT_UNKNOWN && usize::from(stated) != count { Err(Malformed) } else { Ok(listpack) }
    }

    /// The bytes that go into an RDB file.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Size of the encoding, header and end included.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Number of elements; a walk from 65535 elements on.
    #[inline]
    pub fn len(&self) -> usize {
        match self.stated_count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER + 1
    }

    /// Whether `extra` more bytes of content may be added.
    #[inline]
    pub fn fits(&self, extra: usize) -> bool {
        self.0.len().saturating_add(extra) <= Self::BYTES_MAX
    }

    /// Bytes that `element` takes in a listpack.
    pub fn encoded_len(element: &[u8]) -> usize {
        Encoded::of(element).len()
    }

    /// Bytes that the element at `position` takes; none at the end.
    pub fn element_len(&self, position: Cursor) -> usize {
        decode(&self.0, position.offset()).map_or(0, |(_, next)| next - position.offset())
    }

    /// Appends an element.
    #[inline]
    pub fn push_back(&mut self, element: &[u8]) {
        self.put(self.end(), 0, [Encoded::of(element)]);
    }

    /// Prepends an element.
    pub fn push_front(&mut self, element: &[u8]) {
        self.put(Cursor(HEADER as u32), 0, [Encoded::of(element)]);
    }

    /// Appends an integer without going through its text.
    #[inline]
    pub fn push_back_integer(&mut self, value: i64) {
        self.put(self.end(), 0, [Encoded::of_integer(value)]);
    }

    /// Inserts an element before `position` (or at the end); `position` then points at it.
    pub fn insert(&mut self, position: Cursor, element: &[u8]) {
        self.put(position, 0, [Encoded::of(element)]);
    }

    /// Inserts several neighbours before `position`, moving the tail once; `position` then points at the first.
    pub fn insert_all<const N: usize>(&mut self, position: Cursor, elements: [&[u8]; N]) {
        self.put(position, 0, elements.map(Encoded::of));
    }

    /// Replaces the element at `position`, which stays valid.
    pub fn replace(&mut self, position: Cursor, element: &[u8]) {
        let old_len = self.element_len(position);
        self.put(position, old_len, [Encoded::of(element)]);
        self.adjust_count(-1);
    }

    /// Removes the element at `position`, which then points at the one after it, or the end.
    pub fn remove(&mut self, position: Cursor) {
        let at = position.offset();
        self.cut(at..at + self.element_len(position), 1);
    }

    /// Removes up to `count` elements from `index` on.
    pub fn remove_range(&mut self, index: usize, count: usize) {
        let Some(start) = self.seek(index) else { return };
        let (mut end, mut removed) = (start.offset(), 0);
        while removed < count && self.0[end] != END {
            end += self.element_len(Cursor(end as u32));
            removed += 1;
        }
        self.cut(start.offset()..end, removed);
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        self.seek(index).and_then(|cursor| self.at(cursor))
    }

    /// The element at `cursor`; none at the end.
    #[inline]
    pub fn at(&self, cursor: Cursor) -> Option<Item<'_>> {
        decode(&self.0, cursor.offset()).map(|(item, _)| item)
    }

    /// The cursor of the element at `index`, negative ones counting from the end (-1 is the last).
    pub fn cursor_at(&self, index: isize) -> Option<Cursor> {
        match usize::try_from(index) {
            Ok(index) => self.seek(index),
            Err(_) => self.iter_rev().nth(index.unsigned_abs() - 1).map(|(cursor, _)| cursor),
        }
    }

    /// The position after the last element.
    #[inline]
    pub fn end(&self) -> Cursor {
        Cursor((self.0.len() - 1) as u32)
    }

    /// The first element.
    #[inline]
    pub fn first(&self) -> Option<Cursor> {
        (!self.is_empty()).then_some(Cursor(HEADER as u32))
    }

    /// The last element.
    #[inline]
    pub fn last(&self) -> Option<Cursor> {
        self.prev(self.end())
    }

    /// The element after `cursor`; none after the last one or at the end.
    #[inline]
    pub fn next(&self, cursor: Cursor) -> Option<Cursor> {
        let (_, next) = decode(&self.0, cursor.offset())?;
        (self.0[next] != END).then_some(Cursor(next as u32))
    }

    /// The element before `cursor`, which may be the end; none before the first one.
    #[inline]
    pub fn prev(&self, cursor: Cursor) -> Option<Cursor> {
        let at = cursor.offset();
        if at <= HEADER {
            return None;
        }
        let length = read_backlen(&self.0[..at]);
        Some(Cursor((at - length - backlen_len(length)) as u32))
    }

    /// The first element equal to `needle`, comparing one element and then passing over `skip` of them: with 1 it looks
    /// at the fields of alternating fields and values.
    #[inline]
    pub fn find(&self, needle: &[u8], skip: usize) -> Option<Cursor> {
        self.find_from(Cursor(HEADER as u32), needle, skip)
    }

    /// As `find`, starting with the element at `start`.
    #[inline]
    pub fn find_from(&self, start: Cursor, needle: &[u8], skip: usize) -> Option<Cursor> {
        let wanted = number::parse_i64(needle);
        let (mut at, mut passing) = (start.offset(), 0);
        while let Some((item, next)) = decode(&self.0, at) {
            if passing > 0 {
                passing -= 1;
            } else {
                let equal = match item {
                    Item::Bytes(bytes) => bytes == needle,
                    Item::Integer(value) => wanted == Some(value),
                };
                if equal {
                    return Some(Cursor(at as u32));
                }
                passing = skip;
            }
            at = next;
        }
        None
    }

    /// All elements, first to last.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(Cursor(HEADER as u32))
    }

    /// The elements from `start` to the last.
    #[inline]
    pub fn iter_from(&self, start: Cursor) -> Iter<'_> {
        Iter { bytes: &self.0, at: start.offset() }
    }

    /// All elements, last to first.
    #[inline]
    pub fn iter_rev(&self) -> IterRev<'_> {
        self.iter_rev_before(self.end())
    }

    /// The elements before `end`, last to first.
    #[inline]
    pub fn iter_rev_before(&self, end: Cursor) -> IterRev<'_> {
        IterRev { listpack: self, at: end }
    }

    #[inline]
    fn stated_count(&self) -> u16 {
        u16::from_le_bytes([self.0[4], self.0[5]])
    }

    #[inline]
    fn seek(&self, index: usize) -> Option<Cursor> {
        let count = self.stated_count();
        if count != COUNT_UNKNOWN {
            let count = usize::from(count);
            if index >= count {
                return None;
            }
            if index > count / 2 {
                return self.iter_rev().nth(count - index - 1).map(|(cursor, _)| cursor);
            }
        }
        self.iter().nth(index).map(|(cursor, _)| cursor)
    }

    /// Puts `elements` in place of the `old_len` bytes at `position` and counts them as added.
    #[inline]
    fn put<const N: usize>(&mut self, position: Cursor, old_len: usize, elements: [Encoded<'_>; N]) {
        let at = position.offset();
        let total = elements.iter().map(Encoded::len).sum();
        let mut gap = self.resize_at(at, old_len, total);
        for element in &elements {
            let (target, rest) = gap.split_at_mut(element.len());
            element.write(target);
            gap = rest;
        }
        self.adjust_count(N as isize);
    }

    fn cut(&mut self, range: Range<usize>, count: usize) {
        self.resize_at(range.start, range.len(), 0);
        self.adjust_count(-(count as isize));
    }

    /// Makes the `old_len` bytes at `at` `new_len` bytes long, moving what follows, and returns them to be written.
    #[inline]
    fn resize_at(&mut self, at: usize, old_len: usize, new_len: usize) -> &mut [u8] {
        if new_len != old_len {
            let mut bytes = std::mem::take(&mut self.0).into_vec();
            let (old_end, tail) = (bytes.len(), at + old_len);
            let new_end = old_end - old_len + new_len;
            if new_end > old_end {
                bytes.reserve_exact(new_end - old_end);
                bytes.resize(new_end, END);
                bytes.copy_within(tail..old_end, at + new_len);
            } else {
                bytes.copy_within(tail..old_end, at + new_len);
                bytes.truncate(new_end);
            }
            bytes[..4].copy_from_slice(&(new_end as u32).to_le_bytes());
            self.0 = bytes.into_boxed_slice();
        }
        &mut self.0[at..at + new_len]
    }

    /// Rule 2. An unknown count is taken again when elements go, since it may have become known.
    #[inline]
    fn adjust_count(&mut self, change: isize) {
        let stated = self.stated_count();
        let count = match stated {
            COUNT_UNKNOWN if change > 0 => return,
            COUNT_UNKNOWN => self.iter().count(),
            _ => usize::from(stated).saturating_add_signed(change),
        };
        let stated = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0[4..HEADER].copy_from_slice(&stated.to_le_bytes());
    }
}

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl Cursor {
    #[inline]
    fn offset(self) -> usize {
        self.0 as usize
    }
}

impl<'a> Item<'a> {
    /// Calls `action` with the text of the element.
    #[inline]
    pub fn with_bytes<R>(&self, action: impl FnOnce(&[u8]) -> R) -> R {
        match *self {
            Item::Bytes(bytes) => action(bytes),
            Item::Integer(value) => number::with_integer_text(value, action),
        }
    }

    /// The text of the element, owned.
    pub fn to_vec(&self) -> Vec<u8> {
        self.with_bytes(<[u8]>::to_vec)
    }

    /// Length of the text.
    #[inline]
    pub fn len(&self) -> usize {
        self.with_bytes(<[u8]>::len)
    }

    /// Whether it is the empty string.
    pub fn is_empty(&self) -> bool {
        matches!(self, Item::Bytes([]))
    }

    /// The integer whose canonical text this is.
    #[inline]
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Item::Bytes(bytes) => number::parse_i64(bytes),
            Item::Integer(value) => Some(value),
        }
    }
}

impl PartialEq<[u8]> for Item<'_> {
    #[inline]
    fn eq(&self, other: &[u8]) -> bool {
        self.with_bytes(|bytes| bytes == other)
    }
}

impl PartialEq for Item<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Item::Integer(left), Item::Integer(right)) => left == right,
            _ => self.with_bytes(|bytes| other == bytes),
        }
    }
}

impl Eq for Item<'_> {}

/// Elements with their cursors, first to last.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Cursor, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (item, next) = decode(self.bytes, self.at)?;
        let cursor = Cursor(self.at as u32);
        self.at = next;
        Some((cursor, item))
    }
}

/// Elements with their cursors, last to first.
#[derive(Clone, Debug)]
pub struct IterRev<'a> {
    listpack: &'a Listpack,
    at: Cursor,
}

impl<'a> Iterator for IterRev<'a> {
    type Item = (Cursor, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.at = self.listpack.prev(self.at)?;
        self.listpack.at(self.at).map(|item| (self.at, item))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pack(elements: &[&[u8]]) -> Listpack {
        let mut listpack = Listpack::new();
        elements.iter().for_each(|element| listpack.push_back(element));
        listpack
    }

    fn texts(listpack: &Listpack) -> Vec<Vec<u8>> {
        listpack.iter().map(|(_, item)| item.to_vec()).collect()
    }

    /// What stands between header and end for a single element.
    fn encoding_of(element: &[u8]) -> Vec<u8> {
        let listpack = pack(&[element]);
        listpack.as_bytes()[HEADER..listpack.byte_len() - 1].to_vec()
    }

    #[test]
    fn elements_are_encoded_as_redis_does() {
        let check = |element: &str, expected: &[u8]| {
            assert_eq!(encoding_of(element.as_bytes()), expected, "{element}");
        };
        check("0", &[0, 1]);
        check("127", &[127, 1]);
        check("128", &[0xc0, 0x80, 2]);
        check("-1", &[0xdf, 0xff, 2]);
        check("4095", &[0xcf, 0xff, 2]);
        check("-4096", &[0xd0, 0, 2]);
        check("4096", &[0xf1, 0, 0x10, 3]);
        check("-4097", &[0xf1, 0xff, 0xef, 3]);
        check("32768", &[0xf2, 0, 0x80, 0, 4]);
        check("-8388608", &[0xf2, 0, 0, 0x80, 4]);
        check("8388608", &[0xf3, 0, 0, 0x80, 0, 5]);
        check("2147483648", &[0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]);
        check("-9223372036854775808", &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]);
        check("", &[0x80, 1]);
        check("a", &[0x81, b'a', 2]);
        check("-0", &[0x82, b'-', b'0', 3]);
        check("01", &[0x82, b'0', b'1', 3]);
        check("9223372036854775808", &[&[0x93][..], b"9223372036854775808", &[20]].concat());
    }

    #[test]
    fn lengths_take_the_bytes_redis_gives_them() {
        let check = |length: usize, head: &[u8], backlen: &[u8]| {
            let encoding = encoding_of(&vec![b'x'; length]);
            assert_eq!(&encoding[..head.len()], head, "{length}");
            assert_eq!(&encoding[head.len() + length..], backlen, "{length}");
        };
        check(63, &[0xbf], &[64]);
        check(64, &[0xe0, 64], &[66]);
        check(125, &[0xe0, 125], &[127]);
        check(126, &[0xe0, 126], &[1, 0x80]);
        check(4095, &[0xef, 0xff], &[32, 0x81]);
        check(4096, &[0xf0, 0, 0x10, 0, 0], &[32, 0x85]);
        check(16_377, &[0xf0, 0xf9, 0x3f, 0, 0], &[127, 0xfe]);
        check(16_378, &[0xf0, 0xfa, 0x3f, 0, 0], &[0, 0xff, 0xff]);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let check = |body: &[u8], count: u16, good: bool| {
            let mut bytes = (body.len() as u32 + 7).to_le_bytes().to_vec();
            bytes.extend_from_slice(&count.to_le_bytes());
            bytes.extend_from_slice(body);
            bytes.push(END);
            assert_eq!(Listpack::from_bytes_checked(bytes.into()).is_ok(), good, "{body:?}");
        };
        check(&[], 0, true);
        check(&[], 1, false);
        check(&[1, 1, 2, 1], 2, true);
        check(&[1, 1, 2, 1], COUNT_UNKNOWN, true);
        check(&[1, 1, 2, 1], 1, false);
        check(&[1, 2], 1, false);
        check(&[1], 1, false);
        check(&[0x81], 1, false);
        check(&[0x81, 1], 1, false);
        check(&[0xc0], 1, false);
        check(&[0xe0], 1, false);
        check(&[0xf0, 1, 0], 1, false);
        check(&[0xf0, 0xff, 0xff, 0xff, 0xff, 0], 1, false);
        check(&[0xf0, 1, 0, 0, 0, b'a', 6], 1, true);
        check(&[0xf4, 1, 2, 3, 4, 5, 6, 7, 8, 9], 1, true);
        check(&[0xf4, 1, 2, 3, 4, 5, 6, 7, 9], 1, false);
        check(&[0xf5, 1], 1, false);
        check(&[0xff, 1], 1, false);
        for bytes in [&[][..], &[7, 0, 0, 0, 0, 0], &[8, 0, 0, 0, 0, 0, END], &[7, 0, 0, 0, 0, 0, 0]] {
            assert!(Listpack::from_bytes_checked(bytes.into()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn find_compares_and_skips() {
        let listpack = pack(&[b"a", b"7", b"7", b"b", b"b", b"-12345"]);
        let check = |needle: &str, skip: usize, expected: Option<isize>| {
            let expected = expected.and_then(|index| listpack.cursor_at(index));
            assert_eq!(listpack.find(needle.as_bytes(), skip), expected, "{needle} {skip}");
        };
        check("a", 0, Some(0));
        check("7", 0, Some(1));
        check("7", 1, Some(2));
        check("b", 2, Some(3));
        check("b", 1, Some(4));
        check("07", 0, None);
        check("-12345", 0, Some(5));
        check("-12345", 1, None);
        check("", 0, None);
    }

    #[test]
    fn the_count_is_unknown_from_65535_on() {
        let mut listpack = Listpack::new();
        (0..65_534).for_each(|_| listpack.push_back_integer(5));
        assert_eq!((listpack.stated_count(), listpack.len()), (65_534, 65_534));
        listpack.insert_all(listpack.end(), [b"5", b"x"]);
        assert_eq!((listpack.stated_count(), listpack.len()), (COUNT_UNKNOWN, 65_536));
        assert!(listpack.get(65_535).is_some_and(|item| item == b"x"[..]));
        assert!(listpack.get(65_536).is_none());
        listpack.remove_range(0, 2);
        assert_eq!((listpack.stated_count(), listpack.len()), (65_534, 65_534));
    }

    #[test]
    fn cursors_walk_both_ways() {
        let listpack = pack(&[b"a", &[b'x'; 300], b"70000"]);
        let forward: Vec<_> = listpack.iter().map(|(cursor, _)| cursor).collect();
        let mut backward: Vec<_> = listpack.iter_rev().map(|(cursor, _)| cursor).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(listpack.next(forward[2]), None);
        assert_eq!(listpack.prev(forward[0]), None);
        assert!(listpack.at(listpack.end()).is_none());
        assert_eq!((listpack.first(), listpack.last()), (Some(forward[0]), Some(forward[2])));
        assert_eq!(listpack.cursor_at(-3), Some(forward[0]));
        assert_eq!(listpack.cursor_at(-4), None);
        assert_eq!((Listpack::new().first(), Listpack::new().last()), (None, None));
    }

    fn element() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<i64>().prop_map(|value| value.to_string().into_bytes()),
            (-5000_i64..5000).prop_map(|value| value.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..20),
            (prop::sample::select(vec![63_usize, 64, 126, 4095, 4096, 16_378]))
                .prop_map(|len| vec![b'y'; len]),
        ]
    }

    fn apply(listpack: &mut Listpack, model: &mut Vec<Vec<u8>>, action: u8, index: usize, element: &[u8]) {
        let at = index % (model.len() + 1);
        let cursor = listpack.cursor_at(at as isize);
        match (action % 6, cursor) {
            (0, _) => {
                listpack.push_back(element);
                model.push(element.to_vec());
            }
            (1, _) => {
                listpack.push_front(element);
                model.insert(0, element.to_vec());
            }
            (2, cursor) => {
                listpack.insert(cursor.unwrap_or(listpack.end()), element);
                model.insert(at, element.to_vec());
            }
            (3, Some(cursor)) => {
                listpack.replace(cursor, element);
                model[at] = element.to_vec();
            }
            (4, Some(cursor)) => {
                listpack.remove(cursor);
                model.remove(at);
            }
            _ => {
                let end = (at + element.len() % 4).min(model.len());
                listpack.remove_range(at, end - at);
                model.drain(at..end);
            }
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_vector(steps in prop::collection::vec((any::<u8>(), any::<usize>(), element()), 0..40)) {
            let (mut listpack, mut model) = (Listpack::new(), Vec::new());
            for (action, index, element) in &steps {
                apply(&mut listpack, &mut model, *action, *index, element);
                prop_assert_eq!(&texts(&listpack), &model);
                prop_assert_eq!(listpack.len(), model.len());
                let position = model.iter().position(|known| known == element);
                prop_assert_eq!(listpack.find(element, 0), position.and_then(|at| listpack.cursor_at(at as isize)));
            }
            let checked = Listpack::from_bytes_checked(listpack.as_bytes().into());
            prop_assert_eq!(checked, Ok(listpack));
        }

        #[test]
        fn flipped_bytes_are_safe(
            elements in prop::collection::vec(element(), 0..6), at in any::<usize>(), byte in any::<u8>(),
        ) {
            let mut bytes = pack(&elements.iter().map(Vec::as_slice).collect::<Vec<_>>()).as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(listpack) = Listpack::from_bytes_checked(bytes.into()) {
                prop_assert_eq!(listpack.iter().count(), listpack.len());
                prop_assert_eq!(listpack.iter_rev().count(), listpack.len());
            }
        }
    }
}
