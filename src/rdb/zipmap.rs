//! Zipmap: small hashes before Redis 2.6.
//!
//! ```text
//! u8 pairs | pair ... | 0xff
//! pair = length, field | length, u8 free, value, free bytes
//! ```
//!
//! A length is one byte, or 254 and a u32 (little-endian). From 254 pairs on their number means "unknown, walk".

use crate::value::compact::Malformed;

const LONG: u8 = 254;
const END: u8 = 255;

/// Visits the fields and values of a zipmap, checking as it goes: what was visited means nothing if it ends in an error.
pub(super) fn visit<'a>(bytes: &'a [u8], mut visit: impl FnMut(&'a [u8], &'a [u8])) -> Result<(), Malformed> {
    let (stated, body) = bytes.split_first().ok_or(Malformed)?;
    let (end, mut rest) = body.split_last().ok_or(Malformed)?;
    let mut count = 0_usize;
    while !rest.is_empty() {
        let (field, value, tail) = pair(rest).ok_or(Malformed)?;
        visit(field, value);
        count += 1;
        rest = tail;
    }
    let counted = *stated >= LONG || usize::from(*stated) == count;
    if *end == END && counted { Ok(()) } else { Err(Malformed) }
}

fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (len, rest) = length(bytes)?;
    let (field, rest) = rest.split_at_checked(len)?;
    let (len, rest) = length(rest)?;
    let (free, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(len)?;
    Some((field, value, rest.get(usize::from(*free)..)?))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&END, _) => None,
        (&LONG, rest) => {
            let (long, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*long) as usize, rest))
        }
        (short, rest) => Some((usize::from(*short), rest)),
    }
}
