//! The bytes of one listpack element: encoding, decoding, and the check of foreign ones.

use super::Item;
use crate::base::number;

/// An element about to be written: the bytes before the text of a string, or the whole of an integer.
pub(super) struct Encoded<'a> {
    pub(super) head: [u8; 9],
    pub(super) head_len: u8,
    pub(super) text: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn of(element: &'a [u8]) -> Self {
        match number::parse_i64(element) {
            Some(value) => Self::of_integer(value),
            None => Self::of_string(element),
        }
    }

    #[inline]
    fn of_string(text: &'a [u8]) -> Self {
        let [low, second, third, high, ..] = text.len().to_le_bytes();
        match text.len() {
            0..64 => Self::new(&[0x80 | low], text),
            64..4096 => Self::new(&[0xe0 | second, low], text),
            _ => Self::new(&[0xf0, low, second, third, high], text),
        }
    }

    #[inline]
    pub(super) fn of_integer(value: i64) -> Self {
        let [b0, b1, b2, b3, ..] = value.to_le_bytes();
        match value {
            0..128 => Self::new(&[b0], &[]),
            -4096..4096 => Self::new(&[0xc0 | (b1 & 0x1f), b0], &[]),
            -0x8000..0x8000 => Self::new(&[0xf1, b0, b1], &[]),
            -0x80_0000..0x80_0000 => Self::new(&[0xf2, b0, b1, b2], &[]),
            -0x8000_0000..0x8000_0000 => Self::new(&[0xf3, b0, b1, b2, b3], &[]),
            _ => {
                let mut head = [0xf4; 9];
                head[1..].copy_from_slice(&value.to_le_bytes());
                Self { head, head_len: 9, text: &[] }
            }
        }
    }

    #[inline]
    fn new(prefix: &[u8], text: &'a [u8]) -> Self {
        let mut head = [0; 9];
        head[..prefix.len()].copy_from_slice(prefix);
        Self { head, head_len: prefix.len() as u8, text }
    }

    #[inline]
    pub(super) fn content_len(&self) -> usize {
        usize::from(self.head_len) + self.text.len()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        let content = self.content_len();
        content + backlen_len(content)
    }

    #[inline]
    pub(super) fn write(&self, target: &mut [u8]) {
        let content = self.content_len();
        let (head, rest) = target.split_at_mut(usize::from(self.head_len));
        head.copy_from_slice(&self.head[..head.len()]);
        let (text, backlen) = rest.split_at_mut(self.text.len());
        text.copy_from_slice(self.text);
        write_backlen(content, backlen);
    }
}

/// The element at `at` and the offset of what follows it; none at the end.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> Option<(Item<'_>, usize)> {
    let first = bytes[at];
    if first < 0x80 {
        return Some((Item::Integer(i64::from(first)), at + 2));
    }
    if first < 0xc0 {
        let end = at + 1 + usize::from(first & 0x3f);
        return Some((Item::Bytes(&bytes[at + 1..end]), end + 1));
    }
    decode_wide(bytes, at)
}

fn decode_wide(bytes: &[u8], at: usize) -> Option<(Item<'_>, usize)> {
    let first = bytes[at];
    let rest = &bytes[at + 1..];
    let string = |length_bytes: usize, length: usize| {
        (Item::Bytes(&rest[length_bytes..length_bytes + length]), length_bytes + length)
    };
    let integer = |width: usize| (Item::Integer(read_signed(&rest[..width])), width);
    let (item, consumed) = match first {
        0xc0..0xe0 => {
            let value = i64::from(first & 0x1f) << 8 | i64::from(rest[0]);
            (Item::Integer((value << 51) >> 51), 1)
        }
        0xe0..0xf0 => string(1, usize::from(first & 0x0f) << 8 | usize::from(rest[0])),
        0xf0 => string(4, read_u32(rest, 0) as usize),
        0xf1..=0xf3 => integer(usize::from(first - 0xef)),
        0xf4 => integer(8),
        _ => return None,
    };
    let content = 1 + consumed;
    Some((item, at + content + backlen_len(content)))
}

/// Length of the element that `bytes` start with, backlen included, if it is well formed and ends inside.
pub(super) fn checked_element_len(bytes: &[u8]) -> Option<usize> {
    let byte = |index: usize| bytes.get(index).copied().map(usize::from);
    let first = byte(0)?;
    let content = match first {
        0..0x80 => 1,
        0x80..0xc0 => 1 + (first & 0x3f),
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 2 + ((first & 0x0f) << 8 | byte(1)?),
        0xf0 => (read_u32(bytes.get(1..5)?, 0) as usize).checked_add(5)?,
        0xf1..=0xf3 => first - 0xf0 + 2,
        0xf4 => 9,
        _ => return None,
    };
    let backlen = bytes.get(content..content.checked_add(backlen_len(content))?)?;
    let mut expected = [0; 5];
    let expected = &mut expected[..backlen.len()];
    write_backlen(content, expected);
    (backlen == expected).then_some(content + backlen.len())
}

/// Bytes of the backlen of an element of `content` bytes. The odd limits (16383 takes three bytes, not two) are
/// Redis's.
#[inline]
pub(super) fn backlen_len(content: usize) -> usize {
    match content {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

#[inline]
pub(super) fn write_backlen(content: usize, target: &mut [u8]) {
    let mut rest = content;
    for (index, byte) in target.iter_mut().enumerate().rev() {
        *byte = (rest & 0x7f) as u8 | if index > 0 { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// The length that the backlen at the end of `bytes` states.
#[inline]
pub(super) fn read_backlen(bytes: &[u8]) -> usize {
    let (mut length, mut shift) = (0, 0);
    for &byte in bytes.iter().rev().take(5) {
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    length
}

/// A little-endian signed integer of up to eight bytes.
fn read_signed(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * bytes.len())
}

#[inline]
pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
