//! A listpack with room to grow, for a structure that appends many elements at a time and rarely changes one.
//!
//! The bytes are those of a `Listpack`; only the allocation may be larger than they are. Several elements are appended
//! under one update of the header.

use super::element::{Encoded, backlen_len, decode, read_backlen, write_backlen};
use super::{COUNT_UNKNOWN, Cursor, END, HEADER, Item, Iter, Listpack, Malformed};

/// A listpack whose allocation grows in steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrowingListpack(Vec<u8>);

/// Where `GrowingListpack::append` writes its elements.
#[derive(Debug)]
pub struct Appender<'a> {
    bytes: &'a mut Vec<u8>,
    count: usize,
}

impl GrowingListpack {
    /// An empty listpack.
    pub fn new() -> Self {
        Self(Listpack::new().0.into_vec())
    }

    /// Takes `bytes` if they are a well-formed listpack to the last byte.
    pub fn from_bytes_checked(bytes: Box<[u8]>) -> Result<Self, Malformed> {
        Listpack::from_bytes_checked(bytes).map(|listpack| Self(listpack.0.into_vec()))
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

    /// Bytes allocated.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Gives back the room to grow.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The same without room to grow.
    pub fn into_listpack(self) -> Listpack {
        Listpack(self.0.into_boxed_slice())
    }

    /// Appends the elements that `write` pushes.
    #[inline]
    pub fn append(&mut self, write: impl FnOnce(&mut Appender<'_>)) {
        self.0.pop();
        let mut appender = Appender { bytes: &mut self.0, count: 0 };
        write(&mut appender);
        let added = appender.count;
        self.0.push(END);
        let total = self.0.len() as u32;
        self.0[..4].copy_from_slice(&total.to_le_bytes());
        let stated = u16::from_le_bytes([self.0[4], self.0[5]]);
        let count = u16::try_from(usize::from(stated) + added).unwrap_or(COUNT_UNKNOWN);
        self.0[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }

    /// Replaces the element at `position`, which stays valid; later cursors do when the encoded lengths are equal.
    pub fn replace_integer(&mut self, position: Cursor, value: i64) {
        let at = position.offset();
        let Some((_, next)) = decode(&self.0, at) else { return };
        let element = Encoded::of_integer(value);
        if element.len() != next - at {
            self.0.splice(at..next, std::iter::repeat_n(0, element.len()));
            let total = self.0.len() as u32;
            self.0[..4].copy_from_slice(&total.to_le_bytes());
        }
        element.write(&mut self.0[at..at + element.len()]);
    }

    /// The element at `cursor`; none at the end.
    #[inline]
    pub fn at(&self, cursor: Cursor) -> Option<Item<'_>> {
        decode(&self.0, cursor.offset()).map(|(item, _)| item)
    }

    /// The position of the first element, or the end.
    #[inline]
    pub fn start(&self) -> Cursor {
        Cursor(HEADER as u32)
    }

    /// The position after the last element.
    #[inline]
    pub fn end(&self) -> Cursor {
        Cursor((self.0.len() - 1) as u32)
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

    /// The elements from `start` to the last.
    #[inline]
    pub fn iter_from(&self, start: Cursor) -> Iter<'_> {
        Iter { bytes: &self.0, at: start.offset() }
    }
}

impl Default for GrowingListpack {
    fn default() -> Self {
        Self::new()
    }
}

impl Appender<'_> {
    /// Appends a string, as an integer if it is the canonical text of one.
    #[inline]
    pub fn push(&mut self, element: &[u8]) {
        self.encode(&Encoded::of(element));
    }

    /// Appends an integer.
    #[inline]
    pub fn push_integer(&mut self, value: i64) {
        self.encode(&Encoded::of_integer(value));
    }

    #[inline]
    fn encode(&mut self, element: &Encoded<'_>) {
        let content = element.content_len();
        self.bytes.extend_from_slice(&element.head[..usize::from(element.head_len)]);
        self.bytes.extend_from_slice(element.text);
        let at = self.bytes.len();
        self.bytes.resize(at + backlen_len(content), 0);
        write_backlen(content, &mut self.bytes[at..]);
        self.count += 1;
    }
}

impl<'a> Iter<'a> {
    /// Where the next element starts, or the end.
    #[inline]
    pub fn position(&self) -> Cursor {
        Cursor(self.at as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_a_listpack() {
        let (mut plain, mut growing) = (Listpack::new(), GrowingListpack::new());
        let long = vec![b'x'; 5000];
        for elements in [&[&b"a"[..], b"12"][..], &[b""], &[&long, b"-70000", b"077"], &[]] {
            elements.iter().for_each(|element| plain.push_back(element));
            growing.append(|to| elements.iter().for_each(|element| to.push(element)));
            assert_eq!(growing.as_bytes(), plain.as_bytes());
        }
    }

    #[test]
    fn an_integer_is_replaced_by_one_of_any_width() {
        for (old, new) in [(1, 2), (127, 128), (128, 127), (5, i64::MIN), (i64::MAX, 0)] {
            let (mut plain, mut growing) = (Listpack::new(), GrowingListpack::new());
            growing.append(|to| [b"a", b"b"].iter().for_each(|element| to.push(*element)));
            let position = growing.end();
            growing.append(|to| to.push_integer(old));
            growing.append(|to| to.push(b"end"));
            growing.replace_integer(position, new);
            let text = new.to_string();
            [b"a", b"b", text.as_bytes(), b"end"].iter().for_each(|element| plain.push_back(element));
            assert_eq!(growing.as_bytes(), plain.as_bytes(), "{old} by {new}");
        }
    }

    #[test]
    fn more_elements_than_the_header_counts() {
        let mut growing = GrowingListpack::new();
        for _ in 0..7 {
            growing.append(|to| (0..10_000).for_each(|value| to.push_integer(value)));
        }
        assert_eq!(growing.iter_from(growing.start()).count(), 70_000);
        assert!(Listpack::from_bytes_checked(growing.as_bytes().into()).is_ok());
    }
}
