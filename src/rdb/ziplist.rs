//! Ziplist: what Redis had before listpacks, up to 6.2.
//!
//! ```text
//! u32 total bytes | u32 offset of the last entry | u16 count | entry ... | 0xff        (little-endian)
//! entry = length of the entry before it | encoding and data
//! ```
//!
//! The length before is one byte, or 254 and four bytes. Strings have lengths of 6, 14 or 32 bits, these big-endian, integers
//! 8 to 64 bits; 0 to 12 are part of the encoding byte. A count of 65535 means "unknown, walk".

use crate::value::compact::Malformed;
use crate::value::compact::listpack::{GrowingListpack, Item, Listpack};

const HEADER: usize = 10;
const END: u8 = 0xff;
const LONG_PREVIOUS: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Visits the elements of a ziplist, checking as it goes: what was visited means nothing if it ends in an error.
pub(super) fn visit<'a>(bytes: &'a [u8], mut visit: impl FnMut(Item<'a>)) -> Result<(), Malformed> {
    let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed)?;
    let (end, body) = body.split_last().ok_or(Malformed)?;
    let stated_len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let stated_last = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let stated_count = u16::from_le_bytes([header[8], header[9]]);
    if *end != END || usize::try_from(stated_len) != Ok(bytes.len()) {
        return Err(Malformed);
    }
    let (mut rest, mut previous_len, mut last, mut count) = (body, 0, HEADER, 0_usize);
    while !rest.is_empty() {
        let (item, len) = entry(rest, previous_len).ok_or(Malformed)?;
        visit(item);
        last = bytes.len() - 1 - rest.len();
        previous_len = len;
        rest = &rest[len..];
        count += 1;
    }
    let counted = stated_count == COUNT_UNKNOWN || usize::from(stated_count) == count;
    if counted && usize::try_from(stated_last) == Ok(last) { Ok(()) } else { Err(Malformed) }
}

/// The same elements in a listpack.
pub(super) fn to_listpack(bytes: &[u8]) -> Result<Listpack, Malformed> {
    // No element takes more than twice its bytes.
    if bytes.len() > Listpack::BYTES_MAX {
        return Err(Malformed);
    }
    let (mut listpack, mut outcome) = (GrowingListpack::new(), Ok(()));
    listpack.append(|to| {
        outcome = visit(bytes, |item| match item {
            Item::Bytes(bytes) => to.push(bytes),
            Item::Integer(value) => to.push_integer(value),
        });
    });
    outcome.map(|()| listpack.into_listpack())
}

/// The element that `bytes` start with, after one of `previous_len` bytes, and the length of its entry.
fn entry(bytes: &[u8], previous_len: usize) -> Option<(Item<'_>, usize)> {
    let (stated, rest) = match bytes.split_first()? {
        (&LONG_PREVIOUS, rest) => {
            let (long, rest) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*long) as usize, rest)
        }
        (&END, _) => return None,
        (short, rest) => (usize::from(*short), rest),
    };
    if stated != previous_len {
        return None;
    }
    let (item, rest) = content(rest)?;
    Some((item, bytes.len() - rest.len()))
}

/// The element whose encoding `bytes` start with, and what follows it.
fn content(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let low = usize::from(first & 0x3f);
    match *first {
        0..0x40 => string(low, rest),
        0x40..0x80 => {
            let (next, rest) = rest.split_first()?;
            string(low << 8 | usize::from(*next), rest)
        }
        0x80 => {
            let (len, rest) = rest.split_first_chunk()?;
            string(u32::from_be_bytes(*len) as usize, rest)
        }
        0xc0 => integer::<2>(rest),
        0xd0 => integer::<4>(rest),
        0xe0 => integer::<8>(rest),
        0xf0 => integer::<3>(rest),
        0xfe => integer::<1>(rest),
        0xf1..=0xfd => Some((Item::Integer(i64::from(first & 0x0f) - 1), rest)),
        _ => None,
    }
}

fn string(len: usize, bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    bytes.split_at_checked(len).map(|(string, rest)| (Item::Bytes(string), rest))
}

fn integer<const N: usize>(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (bytes, rest) = bytes.split_first_chunk::<N>()?;
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(bytes);
    Some((Item::Integer(i64::from_le_bytes(wide) >> (64 - 8 * N)), rest))
}
