//! Bytes to values.

mod hash;
mod list;
mod set;
mod stream;
mod zset;

use std::borrow::Cow;

use super::cursor::{Cursor, Input, Length, decompress};
use super::error::Error;
use super::extent::unknown_type;
use super::format::{encodings, types};
use crate::base::number;
use crate::value::compact::Malformed;
use crate::value::compact::listpack::Listpack;
use crate::value::hash::HashLimits;
use crate::value::list::ListLimits;
use crate::value::set::SetLimits;
use crate::value::string::INLINE_BYTES_MAX;
use crate::value::zset::ZSetLimits;
use crate::value::{LargeString, Value};

/// The limits of compact forms.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of lists.
    pub list: ListLimits,
    /// Of sets.
    pub set: SetLimits,
    /// Of hashes.
    pub hash: HashLimits,
    /// Of sorted sets.
    pub zset: ZSetLimits,
}

/// What a payload comes to.
pub enum Decoded {
    /// A value.
    Value(Value),
    /// A collection without elements, as some versions of Redis left behind: no key can hold it. Loading a file passes over
    /// such keys, RESTORE refuses them.
    Empty,
}

/// The value of `value_type` in `payload`, which must be used to the last byte.
///
/// # Errors
/// Whatever is wrong with it, with its offset in the payload.
pub fn decode_value(value_type: u8, payload: &[u8], limits: &Limits) -> Result<Decoded, Error> {
    let mut cursor = Cursor::new(payload);
    let input = &mut cursor;
    let value = match value_type {
        types::STRING => Some(string(input)?),
        types::LIST => list::linked(input, limits)?,
        types::LIST_ZIPLIST => list::ziplist(input, limits)?,
        types::LIST_QUICKLIST => list::ziplists(input, limits)?,
        types::LIST_QUICKLIST_2 => list::nodes(input, limits)?,
        types::SET => set::members(input, limits)?,
        types::SET_INTSET => Some(set::intset(input, limits)?),
        types::SET_LISTPACK => set::listpack(input, limits)?,
        types::HASH => hash::pairs(input, limits)?,
        types::HASH_ZIPMAP => hash::zipmap(input, limits)?,
        types::HASH_ZIPLIST => hash::ziplist(input, limits)?,
        types::HASH_LISTPACK => hash::listpack(input, limits)?,
        types::HASH_VALKEY_EXPIRY => hash::valkey_expiring(input, limits)?,
        types::HASH_EXPIRY => hash::expiring(input, limits)?,
        types::HASH_LISTPACK_EXPIRY => hash::expiring_listpack(input, limits)?,
        types::ZSET => zset::text_scores(input, limits)?,
        types::ZSET_2 => zset::binary_scores(input, limits)?,
        types::ZSET_ZIPLIST => zset::ziplist(input, limits)?,
        types::ZSET_LISTPACK => zset::listpack(input, limits)?,
        types::STREAM_LISTPACKS | types::STREAM_LISTPACKS_2 | types::STREAM_LISTPACKS_3 => {
            Some(stream::stream(input, value_type)?)
        }
        _ => return Err(unknown_type(input, value_type)),
    };
    cursor.finish()?;
    Ok(value.map_or(Decoded::Empty, Decoded::Value))
}

/// The bytes of a string that is no integer and short enough to lie in its entry: the value that most keys have, without the
/// allocation that a [`Value`] takes. None for everything else, and for what is broken.
pub fn short_text(value_type: u8, payload: &[u8]) -> Option<Cow<'_, [u8]>> {
    const WHAT: &str = "a string";
    if value_type != types::STRING {
        return None;
    }
    let mut input = Cursor::new(payload);
    let text = match input.length(WHAT).ok()? {
        Length::Plain(len) => Cow::Borrowed(input.take(len, WHAT).ok()?),
        Length::Encoded(encodings::LZF) => {
            let (compressed, len) = (input.count(WHAT).ok()?, input.count(WHAT).ok()?);
            let bytes = input.take(compressed, WHAT).ok().filter(|_| len <= INLINE_BYTES_MAX as u64)?;
            Cow::Owned(decompress(bytes, len, 0, WHAT).ok()?)
        }
        Length::Encoded(_) => return None,
    };
    let is_short = input.remaining() == 0 && text.len() <= INLINE_BYTES_MAX;
    (is_short && number::parse_i64(&text).is_none()).then_some(text)
}

fn string(input: &mut Cursor<'_>) -> Result<Value, Error> {
    let bytes = input.string("a string")?;
    Ok(match number::parse_i64(&bytes) {
        Some(value) => Value::Integer(value),
        None if bytes.len() > INLINE_BYTES_MAX => Value::Large(LargeString::new(&bytes)),
        None => Value::Text { bytes: bytes.into_vec().into_boxed_slice(), raw: false },
    })
}

/// The number of elements that follow, which take at least `len_min` bytes each: no more than fit are announced.
fn elements(input: &mut Cursor<'_>, len_min: usize) -> Result<usize, Error> {
    let offset = input.offset();
    let count = input.count("the number of elements")?;
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= input.remaining() / len_min)
        .ok_or_else(|| Error::malformed(offset, format!("{count} elements, more than there are bytes for")))
}

/// A listpack that lies in a string.
fn listpack_in(input: &mut Cursor<'_>, what: &'static str) -> Result<Listpack, Error> {
    let offset = input.offset();
    let bytes = input.string(what)?.into_vec().into_boxed_slice();
    Listpack::from_bytes_checked(bytes).map_err(|Malformed| broken(offset, what))
}

/// `what` is not what it should be.
fn broken(offset: u64, what: &'static str) -> Error {
    Error::malformed(offset, format!("{what} integrity check failed"))
}
