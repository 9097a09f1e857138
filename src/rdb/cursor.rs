//! Reading the format's primitives: from a payload in memory, or from a file in steps.

use std::ops::Deref;

use super::error::Error;
use super::format::encodings;
use super::lzf;

/// Where bytes come from, one after the other.
pub(super) trait Input {
    /// Bytes read so far.
    fn offset(&self) -> u64;
    /// The next `N` bytes; `what` is for the error.
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error>;
    /// Passes over the next `count` bytes.
    fn skip(&mut self, count: u64, what: &'static str) -> Result<(), Error>;

    /// One byte.
    #[inline]
    fn byte(&mut self, what: &'static str) -> Result<u8, Error> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// A length, or the encoding of a string that has none.
    #[inline]
    fn length(&mut self, what: &'static str) -> Result<Length, Error> {
        let offset = self.offset();
        let first = self.byte(what)?;
        Ok(match (first >> 6, first & 0x3f) {
            (0, low) => Length::Plain(low.into()),
            (1, high) => Length::Plain(u64::from(high) << 8 | u64::from(self.byte(what)?)),
            (2, 0) => Length::Plain(u32::from_be_bytes(self.array(what)?).into()),
            (2, 1) => Length::Plain(u64::from_be_bytes(self.array(what)?)),
            (3, encoding) if encoding <= encodings::LZF => Length::Encoded(encoding),
            _ => return Err(Error::malformed(offset, format!("unknown length byte {first:#04x} of {what}"))),
        })
    }

    /// A number, or the number of items that follow.
    #[inline]
    fn count(&mut self, what: &'static str) -> Result<u64, Error> {
        let offset = self.offset();
        match self.length(what)? {
            Length::Plain(count) => Ok(count),
            Length::Encoded(_) => Err(Error::malformed(offset, format!("{what} is not a number"))),
        }
    }

    /// A time or another number of 64 bits.
    fn signed(&mut self, what: &'static str) -> Result<i64, Error> {
        self.array(what).map(i64::from_le_bytes)
    }

    /// Passes over a string.
    #[inline]
    fn skip_string(&mut self, what: &'static str) -> Result<(), Error> {
        match self.length(what)? {
            Length::Plain(len) => self.skip(len, what),
            Length::Encoded(encodings::LZF) => {
                let compressed = self.count(what)?;
                self.count(what)?;
                self.skip(compressed, what)
            }
            Length::Encoded(encoding) => self.skip(1 << encoding, what),
        }
    }

    /// An integer that stands for a string.
    fn integer(&mut self, encoding: u8, what: &'static str) -> Result<i64, Error> {
        Ok(match encoding {
            encodings::INT8 => i8::from_le_bytes(self.array(what)?).into(),
            encodings::INT16 => i16::from_le_bytes(self.array(what)?).into(),
            _ => i32::from_le_bytes(self.array(what)?).into(),
        })
    }
}

/// What a length byte begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// A length or a number.
    Plain(u64),
    /// A string in one of the `encodings`.
    Encoded(u8),
}

/// A string: where it lies if it lies there as it is.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Slice(&'a [u8]),
    /// An integer's text, and how many bytes of it count.
    Integer([u8; INTEGER_TEXT_MAX], u8),
    Owned(Vec<u8>),
}

/// Longest text of an encoded integer: -2147483648.
const INTEGER_TEXT_MAX: usize = 11;

impl Text<'_> {
    pub(super) fn of_integer(value: i64) -> Self {
        let (mut text, mut buffer) = ([0; INTEGER_TEXT_MAX], itoa::Buffer::new());
        let digits = buffer.format(value).as_bytes();
        text[..digits.len()].copy_from_slice(digits);
        Self::Integer(text, digits.len() as u8)
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Owned(bytes) => bytes,
            other => other.to_vec(),
        }
    }
}

impl Deref for Text<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Integer(text, len) => &text[..usize::from(*len)],
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A payload being read.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], Error> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| Error::truncated(self.bytes.len() as u64, what))?;
        self.at += taken.len();
        Ok(taken)
    }

    /// A string.
    #[inline]
    pub(super) fn string(&mut self, what: &'static str) -> Result<Text<'a>, Error> {
        match self.length(what)? {
            Length::Plain(len) => self.take(len, what).map(Text::Slice),
            Length::Encoded(encodings::LZF) => {
                let (compressed, len) = (self.count(what)?, self.count(what)?);
                let offset = self.offset();
                decompress(self.take(compressed, what)?, len, offset, what).map(Text::Owned)
            }
            Length::Encoded(encoding) => self.integer(encoding, what).map(Text::of_integer),
        }
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Result<(), Error> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(Error::malformed(self.offset(), format!("{left} bytes too many"))),
        }
    }
}

impl Input for Cursor<'_> {
    #[inline]
    fn offset(&self) -> u64 {
        self.at as u64
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let taken = self.bytes[self.at..].first_chunk::<N>();
        let taken = taken.ok_or_else(|| Error::truncated(self.bytes.len() as u64, what))?;
        self.at += N;
        Ok(*taken)
    }

    #[inline]
    fn skip(&mut self, count: u64, what: &'static str) -> Result<(), Error> {
        self.take(count, what).map(|_| ())
    }
}

/// The `len` bytes that were compressed; `offset` is for the error.
pub(super) fn decompress(
    compressed: &[u8],
    len: u64,
    offset: u64,
    what: &'static str,
) -> Result<Vec<u8>, Error> {
    let bytes = usize::try_from(len).ok().and_then(|len| lzf::decompress(compressed, len));
    bytes.ok_or_else(|| Error::malformed(offset, format!("compressed data of {what} is broken")))
}
