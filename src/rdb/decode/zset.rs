//! Sorted sets.

use super::{Limits, broken, elements, listpack_in};
use crate::base::number;
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::error::Error;
use crate::rdb::ziplist;
use crate::value::compact::Malformed;
use crate::value::compact::listpack::Listpack;
use crate::value::zset::shared_member;
use crate::value::{Value, ZSet};

/// Members with scores as text.
pub(super) fn text_scores(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    entries(input, limits, 2, text_score)
}

/// Members with binary scores.
pub(super) fn binary_scores(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    entries(input, limits, 9, |input| input.array("a score").map(f64::from_le_bytes))
}

/// Members and scores in a ziplist.
pub(super) fn ziplist(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let bytes = input.string("a ziplist")?;
    let pack = ziplist::to_listpack(&bytes).map_err(|Malformed| broken(offset, "Zset ziplist"))?;
    from_listpack(pack, offset, limits, "Zset ziplist")
}

/// Members and scores in a listpack.
pub(super) fn listpack(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let pack = listpack_in(input, "Zset listpack")?;
    from_listpack(pack, offset, limits, "Zset listpack")
}

fn entries<'a>(
    input: &mut Cursor<'a>,
    limits: &Limits,
    len_min: usize,
    score: impl Fn(&mut Cursor<'a>) -> Result<f64, Error>,
) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let mut entries = Vec::new();
    for _ in 0..elements(input, len_min)? {
        let member = shared_member(&input.string("a member")?);
        entries.push((score(input)?, member));
    }
    let zset = ZSet::from_entries(entries, &limits.zset).map_err(|Malformed| {
        Error::malformed(offset, "Zset with duplicate members or scores that are not numbers")
    })?;
    Ok((!zset.is_empty()).then_some(Value::ZSet(zset)))
}

fn text_score(input: &mut Cursor<'_>) -> Result<f64, Error> {
    let offset = input.offset();
    match input.byte("a score")? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => {
            let text = input.take(len.into(), "a score")?;
            number::parse_f64(text).ok_or_else(|| Error::malformed(offset, "a score that is not a number"))
        }
    }
}

fn from_listpack(
    pack: Listpack,
    offset: u64,
    limits: &Limits,
    what: &'static str,
) -> Result<Option<Value>, Error> {
    let zset = ZSet::from_listpack(pack, &limits.zset).map_err(|Malformed| broken(offset, what))?;
    Ok((!zset.is_empty()).then_some(Value::ZSet(zset)))
}
