//! HyperLogLogs: strings of a certain form, changed in place where their length stays.

use std::borrow::Cow;

use crate::config::{Id, keyspace_events as event};
use crate::engine::error::echoed;
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyed, keyless, text};
use crate::store::{Entry, NewValue};
use crate::value::hyperloglog::{self, Corrupt, Form, Mark, Union};
use crate::value::{ValueMut, ValueRef};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("PFADD", keyed(pfadd)),
    Row::new("PFCOUNT", keyed(pfcount)),
    Row::new("PFMERGE", keyed(pfmerge)),
    Row::new("PFDEBUG", keyed(pfdebug)),
    Row::new("PFSELFTEST", keyless(pfselftest)),
];

const NONE: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";

/// A change that no key-space event tells of.
const UNTOLD: i64 = 0;

impl From<Corrupt> for CommandError {
    fn from(_: Corrupt) -> Self {
        CORRUPT.into()
    }
}

/// The bytes of a HyperLogLog and its form.
///
/// # Errors
/// WRONGTYPE, also for other strings.
fn open(entry: &Entry) -> Result<(Cow<'_, [u8]>, Form), CommandError> {
    let bytes = match entry.value() {
        ValueRef::Text(bytes) => Cow::Borrowed(bytes),
        ValueRef::Large(large) => Cow::Owned(large.to_vec(0, usize::MAX)),
        ValueRef::Integer(_) => return Err(NONE.into()),
        _ => return Err(text::WRONG_TYPE.into()),
    };
    let form = Form::of(&bytes).ok_or(NONE)?;
    Ok((bytes, form))
}

fn sparse_bytes_max(ctx: &Context<'_, '_>) -> usize {
    ctx.node.config.get_unsigned(Id::HllSparseMaxBytes) as usize
}

/// Puts a string in place of the one there is.
fn replace<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], bytes: &[u8]) {
    let old = ctx.keys.find_mut(key).and_then(|entry| entry.set_value(NewValue::Text { bytes, raw: true }));
    if let Some(old) = old {
        ctx.keys.effects.discard(old);
    }
}

/// PFADD key [element [element ...]]
fn pfadd<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let elements = args.from(2);
    let bytes_max = sparse_bytes_max(ctx);
    let changes = match ctx.keys.find_mut(key) {
        None => {
            let mut bytes = hyperloglog::new();
            let raised = raise_all(&mut bytes, elements, bytes_max)?;
            hyperloglog::forget_estimate(&mut bytes);
            ctx.keys.set_string(key, NewValue::Text { bytes: &bytes, raw: true }, false);
            1 + raised
        }
        Some(entry) => {
            let (bytes, form) = open(entry)?;
            if form == Form::Dense {
                let dense = entry.text_mut().unwrap_or_default();
                elements.iter().filter(|element| hyperloglog::raise_dense(dense, Mark::of(element))).count()
            } else {
                let mut bytes = bytes.into_owned();
                let raised = raise_all(&mut bytes, elements, bytes_max);
                if raised.is_err() {
                    // What is found broken stays as it is, but as in Redis it is embedded no more.
                    bytes = open(entry)?.0.into_owned();
                }
                if !matches!(raised, Ok(0)) || !entry.is_raw() {
                    replace(ctx, key, &bytes);
                }
                raised?
            }
        }
    };
    if changes > 0 {
        ctx.keys.changed(key, event::STRING, "pfadd");
        ctx.keys.effects.add_dirty(changes as i64 - 1);
    }
    ctx.reply.integer((changes > 0).into());
    Ok(())
}

/// Adds elements and returns how many have raised a register.
fn raise_all(bytes: &mut Vec<u8>, elements: &[&[u8]], bytes_max: usize) -> Result<usize, Corrupt> {
    elements.iter().try_fold(0, |raised, element| {
        Ok(raised + usize::from(hyperloglog::raise(bytes, Mark::of(element), bytes_max)?))
    })
}

/// PFCOUNT key [key ...]
fn pfcount<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let keys = args.from(1);
    let count = match keys {
        [key] => count_one(ctx, key)?,
        keys => {
            let (union, _) = unite(ctx, keys)?;
            union.estimate()
        }
    };
    // What no elements give may be beyond what the reply can tell.
    ctx.reply.integer(count as i64);
    Ok(())
}

/// The estimate for one key, which is kept in its value. A string that was set as a whole becomes `raw`, as one that is written.
fn count_one<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8]) -> Result<u64, CommandError> {
    let Some(entry) = ctx.keys.find(key) else { return Ok(0) };
    let (bytes, _) = open(entry)?;
    let known = hyperloglog::known_estimate(&bytes);
    if let (Some(known), true) = (known, entry.is_raw() || matches!(entry.value(), ValueRef::Large(_))) {
        return Ok(known);
    }
    let count = match known {
        Some(known) => known,
        None => hyperloglog::estimate(&bytes)?,
    };
    let (at, kept) = hyperloglog::estimate_bytes(count);
    if let Some(entry) = ctx.keys.find_mut(key) {
        if let Some(text) = entry.text_mut() {
            text[at..at + kept.len()].copy_from_slice(&kept);
        } else if let ValueMut::Large(large) = entry.value_mut() {
            large.write(at, &kept);
        }
    }
    if known.is_none() {
        ctx.keys.changed(key, UNTOLD, "");
    }
    Ok(count)
}

/// The union of the keys that are there, and whether the first of them is.
fn unite(ctx: &Context<'_, '_>, keys: &[&[u8]]) -> Result<(Union, bool), CommandError> {
    let mut union = Union::default();
    let mut has_first = false;
    for (place, key) in keys.iter().enumerate() {
        if let Some(entry) = ctx.keys.find(key) {
            union.add(&open(entry)?.0)?;
            has_first |= place == 0;
        }
    }
    Ok((union, has_first))
}

/// PFMERGE destkey [sourcekey [sourcekey ...]]
fn pfmerge<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let (union, exists) = unite(ctx, args.from(1))?;
    let mut bytes = match ctx.keys.find_mut(key) {
        Some(entry) if exists => open(entry)?.0.into_owned(),
        _ => hyperloglog::new(),
    };
    union.write_to(&mut bytes, sparse_bytes_max(ctx))?;
    if exists {
        replace(ctx, key, &bytes);
    } else {
        ctx.keys.set_string(key, NewValue::Text { bytes: &bytes, raw: true }, false);
    }
    ctx.keys.changed(key, event::STRING, "pfadd");
    ctx.reply.ok();
    Ok(())
}

/// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
fn pfdebug<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(2);
    let entry = ctx.keys.find_mut(key).ok_or("ERR The specified key does not exist")?;
    let (bytes, form) = open(entry)?;
    let bytes = bytes.into_owned();
    // Redis makes it ready to be written, whatever is asked for then: a short one is no longer embedded.
    replace(ctx, key, &bytes);
    match () {
        () if args.is(1, "GETREG") => {
            let dense = if form == Form::Dense { bytes } else { hyperloglog::to_dense(&bytes)? };
            ctx.reply.array(hyperloglog::REGISTERS);
            hyperloglog::registers(&dense).for_each(|rank| ctx.reply.integer(rank.into()));
            if form == Form::Sparse {
                keep_dense(ctx, key, &dense);
            }
        }
        () if args.is(1, "DECODE") && form == Form::Dense => {
            return Err("ERR HLL encoding is not sparse".into());
        }
        () if args.is(1, "DECODE") => ctx.reply.bulk(hyperloglog::describe(&bytes).as_bytes()),
        () if args.is(1, "ENCODING") => {
            ctx.reply.simple(if form == Form::Dense { "dense" } else { "sparse" })
        }
        () if args.is(1, "TODENSE") => {
            if form == Form::Sparse {
                let dense = hyperloglog::to_dense(&bytes)?;
                keep_dense(ctx, key, &dense);
            }
            ctx.reply.integer((form == Form::Sparse).into());
        }
        () => {
            let shown = echoed(args.at(1), usize::MAX);
            return Err(CommandError::of(&[&"ERR Unknown PFDEBUG subcommand '", &shown, &"'"]));
        }
    }
    Ok(())
}

/// Keeps the dense form of what was sparse. The key counts as unchanged, yet followers are told to do the same.
fn keep_dense<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], dense: &[u8]) {
    replace(ctx, key, dense);
    ctx.keys.effects.add_dirty(1);
}

/// PFSELFTEST: both forms hold the same, and estimates are as good as they should be.
fn pfselftest<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    const ELEMENTS: u64 = 1_000_000;
    /// Six times the standard error.
    const ERROR_SHARE_MAX: f64 = 6.0 * 1.04 / 128.0;
    let bytes_max = sparse_bytes_max(ctx);
    let mut dense = hyperloglog::to_dense(&hyperloglog::new())?;
    let mut either = hyperloglog::new();
    let seed = fastrand::u64(..);
    let mut checkpoint = 1;
    for number in 1..=ELEMENTS {
        let mark = Mark::of(&(number ^ seed).to_le_bytes());
        let raised = hyperloglog::raise_dense(&mut dense, mark);
        if hyperloglog::raise(&mut either, mark, bytes_max)? != raised {
            return Err("TESTFAILED the forms disagree about an element".into());
        }
        if number != checkpoint {
            continue;
        }
        let estimate = hyperloglog::estimate(&dense)?;
        if hyperloglog::estimate(&either)? != estimate {
            return Err("TESTFAILED the forms disagree about the estimate".into());
        }
        let error_max = (ERROR_SHARE_MAX * number as f64).ceil() as u64;
        if estimate.abs_diff(number) > error_max {
            return Err(CommandError::new(format!(
                "TESTFAILED {number} elements were estimated to be {estimate}"
            )));
        }
        checkpoint *= 10;
    }
    ctx.reply.ok();
    Ok(())
}
