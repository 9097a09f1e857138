//! How far a value reaches, without building it.

use super::cursor::Input;
use super::error::Error;
use super::format::{module, types};

/// Bytes of an identifier in a stream's pending entries.
const RAW_ID_LEN: u64 = 16;

/// Passes over a value of `value_type`.
pub(super) fn skip_value(input: &mut impl Input, value_type: u8) -> Result<(), Error> {
    match value_type {
        types::STRING
        | types::HASH_ZIPMAP
        | types::LIST_ZIPLIST
        | types::SET_INTSET
        | types::ZSET_ZIPLIST
        | types::HASH_ZIPLIST
        | types::HASH_LISTPACK
        | types::ZSET_LISTPACK
        | types::SET_LISTPACK => input.skip_string("a value"),
        types::LIST | types::SET => skip_items(input, |input| input.skip_string("an element")),
        types::LIST_QUICKLIST => skip_items(input, |input| input.skip_string("a list's node")),
        types::LIST_QUICKLIST_2 => skip_items(input, |input| {
            input.count("the kind of a list's node")?;
            input.skip_string("a list's node")
        }),
        types::HASH => skip_items(input, skip_pair),
        types::ZSET => skip_items(input, |input| {
            input.skip_string("a member")?;
            skip_text_score(input)
        }),
        types::ZSET_2 => skip_items(input, |input| {
            input.skip_string("a member")?;
            input.skip(8, "a score")
        }),
        types::HASH_VALKEY_EXPIRY => skip_items(input, |input| {
            skip_pair(input)?;
            input.skip(8, "a field's expiry time")
        }),
        types::HASH_EXPIRY => {
            input.skip(8, "the first expiry time of a hash")?;
            skip_items(input, |input| {
                input.count("a field's expiry time")?;
                skip_pair(input)
            })
        }
        types::HASH_LISTPACK_EXPIRY => {
            input.skip(8, "the first expiry time of a hash")?;
            input.skip_string("a value")
        }
        types::STREAM_LISTPACKS | types::STREAM_LISTPACKS_2 | types::STREAM_LISTPACKS_3 => {
            skip_stream(input, value_type)
        }
        _ => Err(unknown_type(input, value_type)),
    }
}

/// The error for a type that cannot be loaded, in Redis's words where it has some.
pub(super) fn unknown_type(input: &mut impl Input, value_type: u8) -> Error {
    let offset = input.offset();
    match value_type {
        types::MODULE_PRE_GA => Error::unsupported(offset, "Pre-release module format not supported"),
        types::MODULE_2 => match input.count("a module's identifier") {
            Ok(id) => {
                let name = module_name(id);
                let text = "The RDB file contains module data I can't load: no matching module type";
                Error::unsupported(offset, format!("{text} '{name}'"))
            }
            Err(error) => error,
        },
        _ => Error::malformed(offset, format!("Unknown RDB encoding type {value_type}")),
    }
}

/// The name in a module's identifier: nine characters of six bits, above ten bits of a version.
pub(super) fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|index| char::from(CHARACTERS[(id >> (64 - 6 * (index + 1)) & 0x3f) as usize])).collect()
}

/// Passes over a module's data, each item of which says what it is.
pub(super) fn skip_module_data(input: &mut impl Input) -> Result<(), Error> {
    const WHAT: &str = "a module's data";
    loop {
        let offset = input.offset();
        match input.count(WHAT)? {
            module::EOF => return Ok(()),
            module::SIGNED | module::UNSIGNED => input.count(WHAT).map(|_| ())?,
            module::FLOAT => input.skip(4, WHAT)?,
            module::DOUBLE => input.skip(8, WHAT)?,
            module::STRING => input.skip_string(WHAT)?,
            other => return Err(Error::malformed(offset, format!("unknown item {other} in {WHAT}"))),
        }
    }
}

fn skip_items<I: Input>(
    input: &mut I,
    mut skip: impl FnMut(&mut I) -> Result<(), Error>,
) -> Result<(), Error> {
    for _ in 0..input.count("the number of elements")? {
        skip(input)?;
    }
    Ok(())
}

fn skip_pair(input: &mut impl Input) -> Result<(), Error> {
    input.skip_string("a field")?;
    input.skip_string("a field's value")
}

/// A score as text: its length, or one of three lengths that stand for what is no number.
fn skip_text_score(input: &mut impl Input) -> Result<(), Error> {
    match input.byte("a score")? {
        253..=255 => Ok(()),
        len => input.skip(len.into(), "a score"),
    }
}

fn skip_stream(input: &mut impl Input, value_type: u8) -> Result<(), Error> {
    skip_items(input, |input| {
        input.skip_string("the identifier of a stream's node")?;
        input.skip_string("a stream's node")
    })?;
    let counters = if value_type == types::STREAM_LISTPACKS { 3 } else { 8 };
    for _ in 0..counters {
        input.count("the counters of a stream")?;
    }
    skip_items(input, |input| skip_group(input, value_type))
}

fn skip_group<I: Input>(input: &mut I, value_type: u8) -> Result<(), Error> {
    input.skip_string("the name of a group")?;
    let counters = if value_type == types::STREAM_LISTPACKS { 2 } else { 3 };
    for _ in 0..counters {
        input.count("the counters of a group")?;
    }
    skip_items(input, |input| {
        input.skip(RAW_ID_LEN + 8, "a pending entry")?;
        input.count("a delivery count").map(|_| ())
    })?;
    let times = if value_type == types::STREAM_LISTPACKS_3 { 16 } else { 8 };
    skip_items(input, |input: &mut I| {
        input.skip_string("the name of a consumer")?;
        input.skip(times, "the times of a consumer")?;
        skip_items(input, |input| input.skip(RAW_ID_LEN, "a pending entry of a consumer"))
    })
}
