//! Strings.

use std::borrow::Cow;

use crate::base::extended::Extended;
use crate::base::number;
use crate::config::{Id, keyspace_events as event};
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyed, text};
use crate::store::{Entry, NewValue};
use crate::value::string::INLINE_BYTES_MAX;
use crate::value::{LargeString, Value, ValueRef};

/// Longest text that can be an integer in its canonical form.
const INTEGER_TEXT_MAX: usize = 20;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("GET", keyed(get)),
    Row::new("SET", keyed(set)),
    Row::new("SETNX", keyed(setnx)),
    Row::new("SETEX", keyed(setex)),
    Row::new("PSETEX", keyed(psetex)),
    Row::new("GETSET", keyed(getset)),
    Row::new("GETDEL", keyed(getdel)),
    Row::new("GETEX", keyed(getex)),
    Row::new("MGET", keyed(mget)),
    Row::new("MSET", keyed(mset)),
    Row::new("MSETNX", keyed(msetnx)),
    Row::new("INCR", keyed(incr)),
    Row::new("DECR", keyed(decr)),
    Row::new("INCRBY", keyed(incrby)),
    Row::new("DECRBY", keyed(decrby)),
    Row::new("INCRBYFLOAT", keyed(incrbyfloat)),
    Row::new("APPEND", keyed(append)),
    Row::new("STRLEN", keyed(strlen)),
    Row::new("GETRANGE", keyed(getrange)),
    Row::new("SUBSTR", keyed(getrange)),
    Row::new("SETRANGE", keyed(setrange)),
    Row::new("LCS", keyed(lcs)),
];

/// The form a string is stored in: an integer where its text is canonical.
pub(super) fn stored(bytes: &[u8]) -> NewValue<'_> {
    if bytes.len() <= INTEGER_TEXT_MAX
        && let Some(number) = number::parse_i64(bytes)
    {
        return NewValue::Integer(number);
    }
    NewValue::Text { bytes, raw: false }
}

/// Writes a string value as a bulk reply; false if it is no string.
#[inline]
fn write_string(
    ctx: &mut Context<'_, '_>,
    key: &[u8],
    missing: impl FnOnce(&mut crate::resp::Reply),
) -> CommandResult {
    match ctx.keys.find(key).map(Entry::value) {
        None => missing(ctx.reply),
        Some(ValueRef::Text(bytes)) => ctx.reply.bulk(bytes),
        Some(ValueRef::Integer(number)) => ctx.reply.bulk_integer(number),
        Some(ValueRef::Large(large)) => ctx.reply.bulk_chunks(large.len(), large.chunks()),
        Some(_) => return Err(text::WRONG_TYPE.into()),
    }
    Ok(())
}

/// A string's bytes, empty for an absent key.
///
/// # Errors
/// WRONGTYPE.
pub(super) fn bytes_of(entry: Option<&Entry>) -> Result<Cow<'_, [u8]>, CommandError> {
    match entry.map(Entry::value) {
        None => Ok(Cow::Borrowed(b"")),
        Some(ValueRef::Text(bytes)) => Ok(Cow::Borrowed(bytes)),
        Some(ValueRef::Integer(number)) => Ok(Cow::Owned(number.to_string().into_bytes())),
        Some(ValueRef::Large(large)) => Ok(Cow::Owned(large.to_vec(0, usize::MAX))),
        Some(_) => Err(text::WRONG_TYPE.into()),
    }
}

/// A string's length, 0 for an absent key.
///
/// # Errors
/// WRONGTYPE.
pub(super) fn length_of(entry: Option<&Entry>) -> Result<usize, CommandError> {
    match entry.map(Entry::value) {
        None => Ok(0),
        Some(ValueRef::Text(bytes)) => Ok(bytes.len()),
        Some(ValueRef::Integer(number)) => Ok(itoa::Buffer::new().format(number).len()),
        Some(ValueRef::Large(large)) => Ok(large.len()),
        Some(_) => Err(text::WRONG_TYPE.into()),
    }
}

/// GET key
fn get<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    write_string(ctx, args.at(1), crate::resp::Reply::null)
}

/// What SET's and GETEX's options say about the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    Unsaid,
    Keep,
    Persist,
    At(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Always,
    Absent,
    Present,
}

struct SetOptions<'a> {
    expiry: Expiry,
    /// How PXAT is written in the journal: as the client has it, if it has.
    unit: &'a [u8],
    condition: Condition,
    get: bool,
}

fn invalid_expire(command: &str) -> CommandError {
    CommandError::new(format!("ERR invalid expire time in '{command}' command"))
}

/// A time argument as an absolute Unix time in milliseconds.
fn absolute_ms(
    ctx: &Context<'_, '_>,
    args: Args<'_>,
    index: usize,
    unit: &[u8],
    command: &str,
) -> Result<i64, CommandError> {
    let value = args.integer(index)?;
    let seconds = unit.eq_ignore_ascii_case(b"EX") || unit.eq_ignore_ascii_case(b"EXAT");
    let relative = unit.len() == 2;
    if value <= 0 {
        return Err(invalid_expire(command));
    }
    let milliseconds = if seconds { value.checked_mul(1000) } else { Some(value) };
    let milliseconds = milliseconds.ok_or_else(|| invalid_expire(command))?;
    if !relative {
        return Ok(milliseconds);
    }
    milliseconds.checked_add(ctx.keys.now_ms()).ok_or_else(|| invalid_expire(command))
}

fn is_time_unit(argument: &[u8]) -> bool {
    [&b"EX"[..], b"PX", b"EXAT", b"PXAT"].iter().any(|unit| argument.eq_ignore_ascii_case(unit))
}

fn set_options<'a>(ctx: &Context<'_, '_>, args: Args<'a>) -> Result<SetOptions<'a>, CommandError> {
    let mut options =
        SetOptions { expiry: Expiry::Unsaid, unit: b"PXAT", condition: Condition::Always, get: false };
    let mut time = None;
    let mut index = 3;
    while index < args.len() {
        // A unit may be said again, but not another one beside it.
        let unsaid = options.expiry == Expiry::Unsaid
            && time.is_none_or(|said: usize| args.at(said).eq_ignore_ascii_case(args.at(index)));
        if args.is(index, "NX") && options.condition != Condition::Present {
            options.condition = Condition::Absent;
        } else if args.is(index, "XX") && options.condition != Condition::Absent {
            options.condition = Condition::Present;
        } else if args.is(index, "GET") {
            options.get = true;
        } else if args.is(index, "KEEPTTL") && time.is_none() {
            options.expiry = Expiry::Keep;
        } else if is_time_unit(args.at(index)) && unsaid && index + 1 < args.len() {
            time = Some(index);
            index += 1;
        } else {
            return Err(text::SYNTAX.into());
        }
        index += 1;
    }
    if let Some(index) = time {
        options.expiry = Expiry::At(absolute_ms(ctx, args, index + 1, args.at(index), "set")?);
        if args.is(index, "PXAT") {
            options.unit = args.at(index);
        }
    }
    Ok(options)
}

/// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
fn set<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    if args.len() == 3 {
        ctx.keys.set_string(key, stored(value), false);
        ctx.keys.changed(key, event::STRING, "set");
        ctx.reply.ok();
        return Ok(());
    }
    let options = set_options(ctx, args)?;
    if options.get {
        write_string(ctx, key, crate::resp::Reply::null)?;
    }
    let exists = (options.condition != Condition::Always).then(|| ctx.keys.find_mut(key).is_some());
    if matches!(
        (options.condition, exists),
        (Condition::Absent, Some(true)) | (Condition::Present, Some(false))
    ) {
        if !options.get {
            ctx.reply.null();
        }
        return Ok(());
    }
    set_with_expiry(ctx, key, value, options.expiry, options.unit);
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

/// Sets the string, its expiry, and journals SET with an absolute time.
fn set_with_expiry<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], value: &[u8], expiry: Expiry, unit: &[u8]) {
    ctx.keys.set_string(key, stored(value), expiry == Expiry::Keep);
    ctx.keys.changed(key, event::STRING, "set");
    match expiry {
        Expiry::At(at) => {
            ctx.keys.set_expiry(key, Some(at));
            ctx.keys.notify(key, event::GENERIC, "expire");
            ctx.keys.effects.propagate_instead([b"SET", key, value, unit, at.to_string().as_bytes()]);
        }
        Expiry::Keep => ctx.keys.effects.propagate_instead([b"SET", key, value, b"KEEPTTL"]),
        Expiry::Unsaid | Expiry::Persist => ctx.keys.effects.propagate_instead([b"SET", key, value]),
    }
}

/// SETNX key value
fn setnx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let absent = ctx.keys.find_mut(key).is_none();
    if absent {
        set_with_expiry(ctx, key, args.at(2), Expiry::Unsaid, b"PXAT");
    }
    ctx.reply.integer(absent.into());
    Ok(())
}

/// SETEX key seconds value
fn setex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let at = absolute_ms(ctx, args, 2, b"EX", "setex")?;
    set_with_expiry(ctx, args.at(1), args.at(3), Expiry::At(at), b"PXAT");
    ctx.reply.ok();
    Ok(())
}

/// PSETEX key milliseconds value
fn psetex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let at = absolute_ms(ctx, args, 2, b"PX", "psetex")?;
    set_with_expiry(ctx, args.at(1), args.at(3), Expiry::At(at), b"PXAT");
    ctx.reply.ok();
    Ok(())
}

/// GETSET key value
fn getset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    write_string(ctx, args.at(1), crate::resp::Reply::null)?;
    set_with_expiry(ctx, args.at(1), args.at(2), Expiry::Unsaid, b"PXAT");
    Ok(())
}

/// GETDEL key
fn getdel<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    write_string(ctx, key, crate::resp::Reply::null)?;
    if ctx.keys.delete(key) {
        ctx.keys.changed(key, event::GENERIC, "del");
        ctx.keys.effects.propagate_instead([b"DEL", key]);
    }
    Ok(())
}

/// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]
fn getex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    check_getex_options(args)?;
    write_string(ctx, key, crate::resp::Reply::null)?;
    if !ctx.keys.exists(key) {
        return Ok(());
    }
    let expiry = getex_option(ctx, args)?;
    let Some(entry) = ctx.keys.find_mut(key) else { return Ok(()) };
    let expires = entry.expiry().is_some();
    match expiry {
        Expiry::At(at) if ctx.keys.is_past(at) => {
            ctx.keys.delete(key);
            ctx.keys.changed(key, event::GENERIC, "del");
            ctx.keys.effects.propagate_instead([b"DEL", key]);
        }
        Expiry::At(at) => {
            ctx.keys.set_expiry(key, Some(at));
            ctx.keys.changed(key, event::GENERIC, "expire");
            ctx.keys.effects.propagate_instead([b"PEXPIREAT", key, at.to_string().as_bytes()]);
        }
        Expiry::Persist if expires => {
            ctx.keys.set_expiry(key, None);
            ctx.keys.changed(key, event::GENERIC, "persist");
            ctx.keys.effects.propagate_instead([b"PERSIST", key]);
        }
        _ => {}
    }
    Ok(())
}

/// The form of the options; whether a time is valid matters only where there is a key.
fn check_getex_options(args: Args<'_>) -> CommandResult {
    let options = args.from(2);
    let persists = options.iter().all(|option| option.eq_ignore_ascii_case(b"PERSIST"));
    let times = options
        .chunks(2)
        .all(|pair| pair.len() == 2 && is_time_unit(pair[0]) && pair[0].eq_ignore_ascii_case(options[0]));
    if persists || times { Ok(()) } else { Err(text::SYNTAX.into()) }
}

/// What GETEX shall do: an option may be said again, the last one counts.
fn getex_option(ctx: &Context<'_, '_>, args: Args<'_>) -> Result<Expiry, CommandError> {
    match args.from(2) {
        [] => Ok(Expiry::Unsaid),
        [option, ..] if option.eq_ignore_ascii_case(b"PERSIST") => Ok(Expiry::Persist),
        [unit, ..] => Ok(Expiry::At(absolute_ms(ctx, args, args.len() - 1, unit, "getex")?)),
    }
}

/// MGET key [key ...]
fn mget<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    ctx.reply.array(args.len() - 1);
    for key in args.from(1) {
        if write_string(ctx, key, crate::resp::Reply::null).is_err() {
            ctx.reply.null();
        }
        // The same long value may be asked for any number of times.
        if ctx.reply.is_too_long() {
            break;
        }
    }
    Ok(())
}

fn set_pairs<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) {
    for pair in args.from(1).chunks_exact(2) {
        ctx.keys.set_string(pair[0], stored(pair[1]), false);
        ctx.keys.changed(pair[0], event::STRING, "set");
    }
}

fn check_pairs(args: Args<'_>, command: &str) -> CommandResult {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::new(format!("ERR wrong number of arguments for '{command}' command")));
    }
    Ok(())
}

/// MSET key value [key value ...]
fn mset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    check_pairs(args, "mset")?;
    set_pairs(ctx, args);
    ctx.reply.ok();
    Ok(())
}

/// MSETNX key value [key value ...]
fn msetnx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    check_pairs(args, "msetnx")?;
    let any = args.from(1).iter().step_by(2).any(|key| ctx.keys.find_mut(key).is_some());
    if !any {
        set_pairs(ctx, args);
    }
    ctx.reply.integer((!any).into());
    Ok(())
}

fn add<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], amount: i64) -> CommandResult {
    let new = match ctx.keys.find_mut(key) {
        None => {
            ctx.keys.set_string(key, NewValue::Integer(amount), false);
            amount
        }
        Some(entry) => {
            let new = integer_of(entry)?.checked_add(amount).ok_or(text::OVERFLOW)?;
            // In place, or a short text that makes room for it: nothing is left to free.
            let _ = entry.set_value(NewValue::Integer(new));
            new
        }
    };
    ctx.keys.changed(key, event::STRING, "incrby");
    ctx.reply.integer(new);
    Ok(())
}

fn integer_of(entry: &Entry) -> Result<i64, CommandError> {
    match entry.value() {
        ValueRef::Integer(number) => Ok(number),
        ValueRef::Text(bytes) => number::parse_i64(bytes).ok_or(text::NOT_INTEGER.into()),
        ValueRef::Large(_) => Err(text::NOT_INTEGER.into()),
        _ => Err(text::WRONG_TYPE.into()),
    }
}

/// INCR key
fn incr<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    add(ctx, args.at(1), 1)
}

/// DECR key
fn decr<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    add(ctx, args.at(1), -1)
}

/// INCRBY key increment
fn incrby<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    add(ctx, args.at(1), args.integer(2)?)
}

/// DECRBY key decrement
fn decrby<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let amount = args.integer(2)?.checked_neg().ok_or("ERR decrement would overflow")?;
    add(ctx, args.at(1), amount)
}

/// INCRBYFLOAT key increment
fn incrbyfloat<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let old = match ctx.keys.find_mut(key) {
        Some(entry) => Extended::parse(&bytes_of(Some(entry))?),
        None => Extended::parse(b"0"),
    };
    let (Some(old), Some(amount)) = (old, Extended::parse(args.at(2))) else {
        return Err(text::NOT_FLOAT.into());
    };
    let sum = old.checked_add(amount).filter(|sum| sum.is_finite());
    let result = sum.ok_or("ERR increment would produce NaN or Infinity")?.to_text();
    ctx.keys.set_string(key, NewValue::Text { bytes: result.as_bytes(), raw: false }, true);
    ctx.keys.changed(key, event::STRING, "incrbyfloat");
    ctx.keys.effects.propagate_instead([b"SET", key, result.as_bytes(), b"KEEPTTL"]);
    ctx.reply.bulk(result.as_bytes());
    Ok(())
}

fn check_length(ctx: &Context<'_, '_>, len: usize) -> CommandResult {
    if len as u64 > ctx.node.config.get_unsigned(Id::ProtoMaxBulkLen) {
        return Err(text::STRING_TOO_LONG.into());
    }
    Ok(())
}

/// APPEND key value
fn append<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (key, value) = (args.at(1), args.at(2));
    let old = ctx.keys.find_mut(key).map(|entry| &*entry);
    let absent = old.is_none();
    let len = length_of(old)? + value.len();
    check_length(ctx, len)?;
    if absent {
        ctx.keys.set_string(key, stored(value), false);
    } else {
        append_to(ctx, key, value)?;
    }
    ctx.keys.changed(key, event::STRING, "append");
    ctx.reply.count(len);
    Ok(())
}

fn append_to<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], value: &[u8]) -> CommandResult {
    let Some(entry) = ctx.keys.find_mut(key) else { return Ok(()) };
    if let crate::value::ValueMut::Large(large) = entry.value_mut() {
        large.append(value);
    } else if !entry.append_text(value) {
        let mut whole = bytes_of(Some(entry))?.into_owned();
        whole.extend_from_slice(value);
        ctx.keys.set_string(key, NewValue::Text { bytes: &whole, raw: true }, true);
    }
    Ok(())
}

/// STRLEN key
fn strlen<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let len = length_of(ctx.keys.find(args.at(1)))?;
    ctx.reply.count(len);
    Ok(())
}

/// The bytes that Redis's `start` and `end`, which may count from the end, select of `len`.
fn byte_range(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end || len == 0 { 0..0 } else { start as usize..end as usize + 1 }
}

/// GETRANGE key start end
fn getrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (start, end) = (args.integer(2)?, args.integer(3)?);
    let entry = ctx.keys.find(args.at(1));
    let range = byte_range(start, end, length_of(entry)?);
    match entry.map(Entry::value) {
        Some(ValueRef::Large(large)) => ctx.reply.bulk(&large.to_vec(range.start, range.end)),
        _ => ctx.reply.bulk(&bytes_of(entry)?[range]),
    }
    Ok(())
}

/// SETRANGE key offset value
fn setrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (key, offset, value) = (args.at(1), args.integer(2)?, args.at(3));
    if offset < 0 {
        return Err("ERR offset is out of range".into());
    }
    let len = length_of(ctx.keys.find_mut(key).map(|entry| &*entry))?;
    if value.is_empty() {
        ctx.reply.count(len);
        return Ok(());
    }
    let end = (offset as usize).checked_add(value.len()).ok_or(text::STRING_TOO_LONG)?;
    check_length(ctx, end)?;
    write_at(ctx, key, offset as usize, value)?;
    ctx.keys.changed(key, event::STRING, "setrange");
    ctx.reply.count(len.max(end));
    Ok(())
}

/// Overwrites part of a string, which becomes `raw`, growing it with zero bytes as needed.
pub(super) fn write_at<'a>(
    ctx: &mut Context<'_, 'a>,
    key: &'a [u8],
    offset: usize,
    value: &[u8],
) -> CommandResult {
    let end = offset + value.len();
    if let Some(entry) = ctx.keys.find_mut(key) {
        if let crate::value::ValueMut::Large(large) = entry.value_mut() {
            large.write(offset, value);
            return Ok(());
        }
        if let Some(text) = entry.text_mut()
            && end <= text.len()
        {
            text[offset..end].copy_from_slice(value);
            return Ok(());
        }
        if let ValueRef::Text(text) = entry.value()
            && offset >= text.len()
            && end <= INLINE_BYTES_MAX
        {
            // A string that grows bit by bit gets room to spare.
            let mut tail = vec![0; offset - text.len()];
            tail.extend_from_slice(value);
            entry.append_text(&tail);
            return Ok(());
        }
    }
    let old = bytes_of(ctx.keys.find_mut(key).map(|entry| &*entry))?;
    let new = if end > INLINE_BYTES_MAX {
        let mut large = LargeString::new(&old);
        large.write(offset, value);
        NewValue::Value(Value::Large(large))
    } else {
        let mut bytes = old.into_owned();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset..end].copy_from_slice(value);
        NewValue::Value(Value::Text { bytes: bytes.into(), raw: true })
    };
    ctx.keys.set_string(key, new, true);
    Ok(())
}

struct LcsOptions {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

fn lcs_options(args: Args<'_>) -> Result<LcsOptions, CommandError> {
    let mut options = LcsOptions { len: false, idx: false, with_match_len: false, min_match_len: 0 };
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "IDX") {
            options.idx = true;
        } else if args.is(index, "LEN") {
            options.len = true;
        } else if args.is(index, "WITHMATCHLEN") {
            options.with_match_len = true;
        } else if args.is(index, "MINMATCHLEN") && index + 1 < args.len() {
            options.min_match_len = args.integer(index + 1)?.max(0);
            index += 1;
        } else {
            return Err(text::SYNTAX.into());
        }
        index += 1;
    }
    if options.idx && options.len {
        return Err("ERR If you want both the length and indexes, please just use IDX.".into());
    }
    Ok(options)
}

/// A stretch that both strings have: first and last index in each.
struct Match {
    one: (usize, usize),
    other: (usize, usize),
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]
fn lcs<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let string = |key| {
        bytes_of(ctx.keys.find(key)).map_err(|_| "ERR The specified keys must contain string values".into())
    };
    let (one, other): (Result<_, CommandError>, Result<_, CommandError>) =
        (string(args.at(1)), string(args.at(2)));
    let (one, other) = (one?, other?);
    let options = lcs_options(args)?;
    let bytes = (one.len() as u128 + 1) * (other.len() as u128 + 1) * size_of::<u32>() as u128;
    if bytes > ctx.node.config.get_unsigned(Id::ProtoMaxBulkLen).into() {
        return Err("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len".into());
    }
    let table = lcs_table(&one, &other);
    let total = table[table.len() - 1] as usize;
    if options.len {
        ctx.reply.count(total);
        return Ok(());
    }
    let (common, matches) = lcs_trace(&one, &other, &table);
    if options.idx {
        reply_matches(ctx, &matches, total, &options);
    } else {
        ctx.reply.bulk(&common);
    }
    Ok(())
}

/// Lengths of the longest common subsequence of each pair of prefixes, row by row.
fn lcs_table(one: &[u8], other: &[u8]) -> Vec<u32> {
    let width = other.len() + 1;
    let mut table = vec![0u32; (one.len() + 1) * width];
    for (i, a) in one.iter().enumerate() {
        for (j, b) in other.iter().enumerate() {
            table[(i + 1) * width + j + 1] = if a == b {
                table[i * width + j] + 1
            } else {
                table[i * width + j + 1].max(table[(i + 1) * width + j])
            };
        }
    }
    table
}

/// Walks the table back from its end: the subsequence, and its stretches from the last to the first.
fn lcs_trace(one: &[u8], other: &[u8], table: &[u32]) -> (Vec<u8>, Vec<Match>) {
    let width = other.len() + 1;
    let (mut i, mut j) = (one.len(), other.len());
    let mut common = Vec::new();
    let mut matches: Vec<Match> = Vec::new();
    while i > 0 && j > 0 {
        if one[i - 1] == other[j - 1] {
            common.push(one[i - 1]);
            match matches.last_mut() {
                Some(last) if last.one.0 == i && last.other.0 == j => {
                    last.one.0 = i - 1;
                    last.other.0 = j - 1;
                }
                _ => matches.push(Match { one: (i - 1, i - 1), other: (j - 1, j - 1) }),
            }
            i -= 1;
            j -= 1;
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    common.reverse();
    (common, matches)
}

fn reply_matches(ctx: &mut Context<'_, '_>, matches: &[Match], total: usize, options: &LcsOptions) {
    let len = |found: &Match| found.one.1 - found.one.0 + 1;
    let wanted = || matches.iter().filter(|found| len(found) as i64 >= options.min_match_len);
    ctx.reply.map(2);
    ctx.reply.bulk(b"matches");
    ctx.reply.array(wanted().count());
    for found in wanted() {
        ctx.reply.array(if options.with_match_len { 3 } else { 2 });
        for (first, last) in [found.one, found.other] {
            ctx.reply.array(2);
            ctx.reply.count(first);
            ctx.reply.count(last);
        }
        if options.with_match_len {
            ctx.reply.count(len(found));
        }
    }
    ctx.reply.bulk(b"len");
    ctx.reply.count(total);
}
