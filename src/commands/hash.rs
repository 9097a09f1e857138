//! Hashes.

use super::item::ReplyItem;
use super::weight;
use crate::base::extended::Extended;
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, heavy, keyed, limits, text};
use crate::resp::Reply;
use crate::value::Hash;
use crate::value::compact::listpack::Item;
use crate::value::hash::HashLimits;

use super::sample;
use super::scan::{self, Page, ScanOptions};

/// Beyond this, half of the range, twice as many elements as asked for could not be counted.
const PAIRS_MAX: i64 = i64::MAX / 2;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("HSET", keyed(hset)),
    Row::new("HSETNX", keyed(hsetnx)),
    Row::new("HMSET", keyed(hmset)),
    Row::new("HGET", keyed(hget)),
    Row::new("HMGET", keyed(hmget)),
    Row::new("HGETALL", heavy(keyed(hgetall), weight::of_first)),
    Row::new("HDEL", keyed(hdel)),
    Row::new("HLEN", keyed(hlen)),
    Row::new("HEXISTS", keyed(hexists)),
    Row::new("HKEYS", heavy(keyed(hkeys), weight::of_first)),
    Row::new("HVALS", heavy(keyed(hvals), weight::of_first)),
    Row::new("HSTRLEN", keyed(hstrlen)),
    Row::new("HINCRBY", keyed(hincrby)),
    Row::new("HINCRBYFLOAT", keyed(hincrbyfloat)),
    Row::new("HRANDFIELD", keyed(hrandfield)),
    Row::new("HSCAN", keyed(hscan)),
];

fn limits(ctx: &Context<'_, '_>) -> HashLimits {
    limits::hash(&ctx.node.config)
}

/// Sets the pairs of HSET and HMSET; returns how many fields are new.
fn set_pairs<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, command: &str) -> Result<usize, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::new(format!("ERR wrong number of arguments for '{command}' command")));
    }
    let (limits, pairs) = (limits(ctx), args.from(2));
    let mut hash = ctx.keys.write_or_create(args.at(1), Hash::new)?;
    hash.prepare(pairs.iter().copied(), &limits);
    let mut added = 0;
    for pair in pairs.chunks_exact(2) {
        added += usize::from(hash.set(pair[0], pair[1], &limits));
    }
    hash.changed(event::HASH, "hset", (pairs.len() / 2) as i64);
    Ok(added)
}

/// HSET key field value [field value ...]
fn hset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let added = set_pairs(ctx, args, "hset")?;
    ctx.reply.count(added);
    Ok(())
}

/// HMSET key field value [field value ...]
fn hmset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// HSETNX key field value
fn hsetnx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let limits = limits(ctx);
    let mut hash = ctx.keys.write_or_create(args.at(1), Hash::new)?;
    let absent = !hash.contains(args.at(2));
    if absent {
        hash.set(args.at(2), args.at(3), &limits);
        hash.changed(event::HASH, "hset", 1);
    }
    ctx.reply.integer(absent.into());
    Ok(())
}

fn reply_value(reply: &mut Reply, hash: Option<&Hash>, field: &[u8]) {
    match hash.and_then(|hash| hash.get(field)) {
        Some(value) => reply.bulk_item(&value),
        None => reply.null(),
    }
}

/// HGET key field
fn hget<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    reply_value(ctx.reply, hash, args.at(2));
    Ok(())
}

/// HMGET key field [field ...]
fn hmget<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    let fields = args.from(2);
    ctx.reply.array(fields.len());
    for field in fields {
        reply_value(ctx.reply, hash, field);
        if ctx.reply.is_too_long() {
            break;
        }
    }
    Ok(())
}

/// HGETALL key
fn hgetall<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flatten() {
        ctx.reply.bulk_item(&field);
        ctx.reply.bulk_item(&value);
    }
    Ok(())
}

/// HDEL key field [field ...]
fn hdel<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut removed = 0;
    if let Some(mut hash) = ctx.keys.write::<Hash>(args.at(1))? {
        removed = args.from(2).iter().filter(|field| hash.remove(field)).count();
        if removed > 0 {
            hash.changed(event::HASH, "hdel", removed as i64);
        }
    }
    ctx.reply.count(removed);
    Ok(())
}

/// HLEN key
fn hlen<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.count(hash.map_or(0, Hash::len));
    Ok(())
}

/// HEXISTS key field
fn hexists<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.integer(hash.is_some_and(|hash| hash.contains(args.at(2))).into());
    Ok(())
}

/// HKEYS key
fn hkeys<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flatten().for_each(|(field, _)| ctx.reply.bulk_item(&field));
    Ok(())
}

/// HVALS key
fn hvals<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flatten().for_each(|(_, value)| ctx.reply.bulk_item(&value));
    Ok(())
}

/// HSTRLEN key field
fn hstrlen<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    ctx.reply.count(hash.and_then(|hash| hash.value_len(args.at(2))).unwrap_or(0));
    Ok(())
}

/// HINCRBY key field increment
fn hincrby<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (field, increment, limits) = (args.at(2), args.integer(3)?, limits(ctx));
    let mut hash = ctx.keys.write_or_create(args.at(1), Hash::new)?;
    let old = match hash.get(field) {
        Some(value) => value.integer().ok_or("ERR hash value is not an integer")?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(text::OVERFLOW)?;
    hash.set(field, itoa::Buffer::new().format(new).as_bytes(), &limits);
    hash.changed(event::HASH, "hincrby", 1);
    ctx.reply.integer(new);
    Ok(())
}

/// HINCRBYFLOAT key field increment
fn hincrbyfloat<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (key, field, limits) = (args.at(1), args.at(2), limits(ctx));
    let increment = Extended::parse(args.at(3)).ok_or(text::NOT_FLOAT)?;
    if !increment.is_finite() {
        return Err("ERR value is NaN or Infinity".into());
    }
    let mut hash = ctx.keys.write_or_create(key, Hash::new)?;
    let old = match hash.get(field) {
        Some(value) => value.with_bytes(Extended::parse),
        None => Extended::parse(b"0"),
    };
    let sum = old.ok_or("ERR hash value is not a float")?.checked_add(increment);
    let sum = sum.filter(|sum| sum.is_finite()).ok_or("ERR increment would produce NaN or Infinity")?;
    let result = sum.to_text();
    hash.set(field, result.as_bytes(), &limits);
    hash.changed(event::HASH, "hincrbyfloat", 1);
    ctx.keys.effects.propagate_instead([b"HSET", key, field, result.as_bytes()]);
    ctx.reply.bulk(result.as_bytes());
    Ok(())
}

/// HRANDFIELD key [count [WITHVALUES]]
fn hrandfield<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 2 {
        return random_fields(ctx, args);
    }
    match ctx.keys.read::<Hash>(args.at(1))?.and_then(|hash| hash.random(&mut fastrand::Rng::new())) {
        Some((field, _)) => ctx.reply.bulk_item(&field),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn random_fields<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = args.integer_within(2, -i64::MAX, i64::MAX)?;
    let with_values = args.is(3, "WITHVALUES");
    if args.len() > 4 || (args.len() == 4 && !with_values) {
        return Err(text::SYNTAX.into());
    }
    if with_values && !(-PAIRS_MAX..=PAIRS_MAX).contains(&count) {
        return Err("ERR value is out of range".into());
    }
    let hash = ctx.keys.read::<Hash>(args.at(1))?;
    let len = hash.map_or(0, Hash::len);
    let drawn = sample::drawn(count, len);
    ctx.reply.array(if with_values && !ctx.reply.is_resp3() { 2 * drawn } else { drawn });
    let Some(hash) = hash else { return Ok(()) };
    let nth = |index| hash.nth(index);
    sample::draw(count, len, hash.iter(), nth, |pair| {
        reply_pair(ctx.reply, &pair, with_values);
        sample::enough(ctx.reply)
    });
    Ok(())
}

/// A field, with its value as an array of two in RESP3.
fn reply_pair(reply: &mut Reply, (field, value): &(Item<'_>, Item<'_>), with_value: bool) {
    if with_value && reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk_item(field);
    if with_value {
        reply.bulk_item(value);
    }
}

/// HSCAN key cursor [MATCH pattern] [COUNT count]
fn hscan<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let cursor = scan::cursor(args.at(2))?;
    let Some(hash) = ctx.keys.read::<Hash>(args.at(1))? else {
        scan::send_nothing(ctx.reply);
        return Ok(());
    };
    let mut page = Page::new(ScanOptions::of_collection(args, 3)?, ctx.reply);
    let cursor = page.fill(cursor, |cursor, page| {
        hash.scan(cursor, |field, value| {
            if field.with_bytes(|field| page.offer(field)) {
                value.with_bytes(|value| page.push(value));
            }
        })
    });
    page.send(ctx.reply, cursor);
    Ok(())
}
