//! Sets.

use super::{Limits, broken, elements, listpack_in};
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::error::Error;
use crate::value::compact::Malformed;
use crate::value::compact::intset::Intset;
use crate::value::{Set, Value};

/// The members one by one. As in Redis their number and not only their kind decides about the encoding to begin with.
pub(super) fn members(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let count = elements(input, 1)?;
    let mut set = Set::new();
    set.prepare(count, &limits.set);
    for _ in 0..count {
        let offset = input.offset();
        if !set.insert(&input.string("a member")?, &limits.set) {
            return Err(Error::malformed(offset, "Duplicate set members detected"));
        }
    }
    Ok((count > 0).then_some(Value::Set(set)))
}

/// Integers in order. An empty one counts as broken, as in Redis.
pub(super) fn intset(input: &mut Cursor<'_>, limits: &Limits) -> Result<Value, Error> {
    let offset = input.offset();
    let bytes = input.string("an intset")?.into_vec().into_boxed_slice();
    let ints = Intset::from_bytes_checked(bytes).map_err(|Malformed| broken(offset, "Intset"))?;
    let mut set = Set::from(ints);
    set.prepare(set.len(), &limits.set);
    Ok(Value::Set(set))
}

/// The members in a listpack.
pub(super) fn listpack(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let pack = listpack_in(input, "Set listpack")?;
    let set = Set::from_listpack(pack, &limits.set).map_err(|Malformed| broken(offset, "Set listpack"))?;
    Ok((!set.is_empty()).then_some(Value::Set(set)))
}
