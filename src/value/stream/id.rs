//! Identifiers of stream entries: milliseconds and a sequence number within the millisecond.
//!
//! The text forms are those that Redis 7.2 takes, `strtoull` spellings and the end at a NUL byte included.

use std::fmt;

use crate::base::number;

/// Identifier of an entry, ordered by milliseconds, then by sequence number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct StreamId {
    /// Milliseconds since the epoch, by convention.
    pub ms: u64,
    /// Number within the millisecond.
    pub seq: u64,
}

/// The ID argument of XADD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewId {
    /// `*`: the current time, or the successor of the last identifier.
    Automatic,
    /// `ms-*`: the next sequence number within these milliseconds.
    AutomaticSequence(u64),
    /// `ms-seq`, or `ms` for `ms-0`.
    Explicit(StreamId),
}

/// Longest identifier argument that Redis looks at, in bytes.
const TEXT_LEN_MAX: usize = 127;

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The greatest identifier.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The identifier `ms-seq`.
    #[inline]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Parses `ms-seq`, or `ms` standing for `ms-missing_seq`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let (ms, seq) = split(text)?;
        let seq = seq.map_or(Some(missing_seq), number::parse_u64)?;
        Some(Self { ms, seq })
    }

    /// As `parse`; `-` and `+` are the least and the greatest identifier.
    pub fn parse_bound(text: &[u8], missing_seq: u64) -> Option<Self> {
        match text {
            b"-" => Some(Self::MIN),
            b"+" => Some(Self::MAX),
            _ => Self::parse(text, missing_seq),
        }
    }

    /// The next identifier; none after the greatest.
    #[inline]
    pub fn incr(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The previous identifier; none before the least.
    #[inline]
    pub fn decr(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }

    /// The sixteen bytes by which Redis orders identifiers in its radix trees and in RDB files.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The identifier of `to_bytes`.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let joined = u128::from_be_bytes(bytes);
        Self { ms: (joined >> 64) as u64, seq: joined as u64 }
    }

    /// Appends the text `ms-seq`.
    pub fn push_text(self, target: &mut Vec<u8>) {
        target.extend_from_slice(&self.text());
    }

    /// The text `ms-seq`, without allocating.
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; IdText::LEN_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

impl NewId {
    /// Parses `*`, `ms-*`, `ms-seq` or `ms`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text == b"*" {
            return Some(Self::Automatic);
        }
        match split(text)? {
            (ms, Some(b"*")) => Some(Self::AutomaticSequence(ms)),
            _ => StreamId::parse(text, 0).map(Self::Explicit),
        }
    }
}

/// The milliseconds, and what follows the first `-`.
fn split(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let text = text.split(|byte| *byte == 0).next()?;
    match text.iter().position(|byte| *byte == b'-') {
        Some(at) => Some((number::parse_u64(&text[..at])?, Some(&text[at + 1..]))),
        None => Some((number::parse_u64(text)?, None)),
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.ms, self.seq)
    }
}

/// The text of an identifier.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; Self::LEN_MAX],
    len: u8,
}

impl IdText {
    const LEN_MAX: usize = 2 * 20 + 1;

    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }
}

impl std::ops::Deref for IdText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(ms: u64, seq: u64) -> StreamId {
        StreamId::new(ms, seq)
    }

    #[test]
    fn texts_are_read_as_redis_does() {
        let check = |text: &str, expected: Option<StreamId>| {
            assert_eq!(StreamId::parse(text.as_bytes(), 7), expected, "{text:?}");
        };
        check("1-2", Some(id(1, 2)));
        check("5", Some(id(5, 7)));
        check("0-0", Some(id(0, 0)));
        check(" 1", Some(id(1, 7)));
        check("+5", Some(id(5, 7)));
        check("5-+6", Some(id(5, 6)));
        check("01-1", Some(id(1, 1)));
        check("1-1\0z", Some(id(1, 1)));
        check("18446744073709551615-18446744073709551615", Some(StreamId::MAX));
        for wrong in ["", "-", "+", "1-", "-1", "1-*", "*", "1-1-1", "18446744073709551616", "0x1", "a-1"] {
            check(wrong, None);
        }
        check(&"0".repeat(127), Some(id(0, 7)));
        check(&"0".repeat(128), None);
    }

    #[test]
    fn bounds_have_their_own_signs() {
        assert_eq!(StreamId::parse_bound(b"-", 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse_bound(b"+", 0), Some(StreamId::MAX));
        assert_eq!(StreamId::parse_bound(b"3", u64::MAX), Some(id(3, u64::MAX)));
    }

    #[test]
    fn new_identifiers_come_in_three_forms() {
        assert_eq!(NewId::parse(b"*"), Some(NewId::Automatic));
        assert_eq!(NewId::parse(b"12-*"), Some(NewId::AutomaticSequence(12)));
        assert_eq!(NewId::parse(b"12"), Some(NewId::Explicit(id(12, 0))));
        assert_eq!(NewId::parse(b"12-3"), Some(NewId::Explicit(id(12, 3))));
        for wrong in [&b"**"[..], b"*-1", b"1-**", b"+", b"-"] {
            assert_eq!(NewId::parse(wrong), None);
        }
    }

    #[test]
    fn neighbours() {
        assert_eq!(id(1, u64::MAX).incr(), Some(id(2, 0)));
        assert_eq!(id(2, 0).decr(), Some(id(1, u64::MAX)));
        assert_eq!(StreamId::MAX.incr(), None);
        assert_eq!(StreamId::MIN.decr(), None);
    }

    #[test]
    fn text_and_bytes() {
        for one in [StreamId::MIN, id(1_526_919_030_474, 55), StreamId::MAX] {
            assert_eq!(&*one.text(), one.to_string().as_bytes());
            assert_eq!(StreamId::from_bytes(one.to_bytes()), one);
        }
        assert!(id(1, 5).to_bytes() < id(2, 0).to_bytes());
    }
}
