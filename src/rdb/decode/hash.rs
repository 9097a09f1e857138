//! Hashes.

use super::{Limits, broken, elements, listpack_in};
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::error::Error;
use crate::rdb::{ziplist, zipmap};
use crate::value::compact::Malformed;
use crate::value::compact::listpack::{GrowingListpack, Listpack};
use crate::value::{Hash, Value};

const DUPLICATE: &str = "Duplicate hash fields detected";

/// Fields and values one by one.
pub(super) fn pairs(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    pairs_and(input, limits, 2, |_| Ok(()), |_| Ok(()))
}

/// Valkey's: after each pair the time when it expires, or -1.
pub(super) fn valkey_expiring(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    pairs_and(
        input,
        limits,
        10,
        |_| Ok(()),
        |input| {
            let offset = input.offset();
            match input.signed("a field's expiry time")? {
                -1 => Ok(()),
                _ => Err(field_expiry(offset)),
            }
        },
    )
}

/// Redis 7.4's: before each pair the time when it expires, counted from the first such time, or 0.
pub(super) fn expiring(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    input.signed("the first expiry time of a hash")?;
    let check = |input: &mut Cursor<'_>| {
        let offset = input.offset();
        match input.count("a field's expiry time")? {
            0 => Ok(()),
            _ => Err(field_expiry(offset)),
        }
    };
    pairs_and(input, limits, 3, check, |_| Ok(()))
}

/// Redis 7.4's small form: field, value and expiry time or 0, in a listpack.
pub(super) fn expiring_listpack(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    input.signed("the first expiry time of a hash")?;
    let offset = input.offset();
    let triples = listpack_in(input, "Hash listpack")?;
    if !triples.len().is_multiple_of(3) {
        return Err(broken(offset, "Hash listpack"));
    }
    if triples.iter().skip(2).step_by(3).any(|(_, expiry)| expiry.integer() != Some(0)) {
        return Err(field_expiry(offset));
    }
    let mut pack = GrowingListpack::new();
    pack.append(|to| {
        let kept = triples.iter().enumerate().filter(|(index, _)| index % 3 != 2);
        kept.for_each(|(_, (_, item))| item.with_bytes(|bytes| to.push(bytes)));
    });
    from_listpack(pack.into_listpack(), offset, limits, "Hash listpack")
}

/// Fields and values in a zipmap, which Redis converts when one of them is too long.
pub(super) fn zipmap(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let bytes = input.string("a zipmap")?;
    let (mut hash, mut unique) = (Hash::new(), true);
    zipmap::visit(&bytes, |field, value| unique &= hash.set(field, value, &limits.hash))
        .map_err(|Malformed| broken(offset, "Zipmap"))?;
    if unique { Ok(filled(hash)) } else { Err(Error::malformed(offset, DUPLICATE)) }
}

/// Fields and values in a ziplist.
pub(super) fn ziplist(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let bytes = input.string("a ziplist")?;
    let pack = ziplist::to_listpack(&bytes).map_err(|Malformed| broken(offset, "Hash ziplist"))?;
    from_listpack(pack, offset, limits, "Hash ziplist")
}

/// Fields and values in a listpack.
pub(super) fn listpack(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let pack = listpack_in(input, "Hash listpack")?;
    from_listpack(pack, offset, limits, "Hash listpack")
}

fn from_listpack(
    pack: Listpack,
    offset: u64,
    limits: &Limits,
    what: &'static str,
) -> Result<Option<Value>, Error> {
    let hash = Hash::from_listpack(pack, &limits.hash).map_err(|Malformed| broken(offset, what))?;
    Ok(filled(hash))
}

/// Pairs of at least `len_min` bytes, with something before and after each.
fn pairs_and(
    input: &mut Cursor<'_>,
    limits: &Limits,
    len_min: usize,
    before: impl Fn(&mut Cursor<'_>) -> Result<(), Error>,
    after: impl Fn(&mut Cursor<'_>) -> Result<(), Error>,
) -> Result<Option<Value>, Error> {
    let count = elements(input, len_min)?;
    let small = count <= limits.hash.listpack_entries_max;
    let mut hash = if small { Hash::new() } else { Hash::new_table() };
    for _ in 0..count {
        before(input)?;
        let offset = input.offset();
        let (field, value) = (input.string("a field")?, input.string("a field's value")?);
        if !hash.set(&field, &value, &limits.hash) {
            return Err(Error::malformed(offset, DUPLICATE));
        }
        after(input)?;
    }
    Ok(filled(hash))
}

fn filled(hash: Hash) -> Option<Value> {
    (!hash.is_empty()).then_some(Value::Hash(hash))
}

fn field_expiry(offset: u64) -> Error {
    Error::unsupported(
        offset,
        "a hash has fields with expiry times (HEXPIRE), which this server does not have,",
    )
}
