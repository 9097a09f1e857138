//! OBJECT: inner properties of a value. None of its questions counts as an access.

use crate::config::Id;
use crate::engine::evict::Policy;
use crate::engine::keyspace::{idle_seconds, lfu_counter};
use crate::engine::{Args, CommandResult, Context};
use crate::store::Entry;
use crate::value::ValueRef;

/// The longest string that Redis keeps within its object.
const EMBEDDED_BYTES_MAX: usize = 44;
/// Redis shares the integers below this one between all keys, and says so by this count.
const SHARED_INTEGERS: i64 = 10_000;
const SHARED_COUNT: i64 = i32::MAX as i64;

const NOT_LFU: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const LFU: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

/// OBJECT ENCODING key
pub(super) fn encoding<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let name = ctx.keys.look_quietly(args.at(2)).map(encoding_of);
    ctx.reply.bulk_or_null(name.map(str::as_bytes));
    Ok(())
}

/// The name of the encoding that Redis would use for this value.
pub fn encoding_of(entry: &Entry) -> &'static str {
    match entry.value() {
        ValueRef::Integer(_) => "int",
        ValueRef::Text(bytes) if bytes.len() <= EMBEDDED_BYTES_MAX && !entry.is_raw() => "embstr",
        ValueRef::Text(_) | ValueRef::Large(_) => "raw",
        ValueRef::List(list) => list.encoding(),
        ValueRef::Set(set) => set.encoding(),
        ValueRef::Hash(hash) => hash.encoding(),
        ValueRef::ZSet(zset) => zset.encoding(),
        ValueRef::Stream(_) => "stream",
    }
}

/// OBJECT FREQ key
pub(super) fn freq<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some(entry) = ctx.keys.look_quietly(args.at(2)) else {
        ctx.reply.null();
        return Ok(());
    };
    if !Policy::of(&ctx.node.config).is_lfu() {
        return Err(NOT_LFU.into());
    }
    let decay_minutes = ctx.node.config.get(Id::LfuDecayTime) as u32;
    ctx.reply.integer(lfu_counter(entry.access(), decay_minutes).into());
    Ok(())
}

/// OBJECT IDLETIME key
pub(super) fn idletime<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some(entry) = ctx.keys.look_quietly(args.at(2)) else {
        ctx.reply.null();
        return Ok(());
    };
    if Policy::of(&ctx.node.config).is_lfu() {
        return Err(LFU.into());
    }
    ctx.reply.integer(idle_seconds(entry.access()).into());
    Ok(())
}

/// OBJECT REFCOUNT key: values are not shared, but small integers look as they do in Redis, which shares them unless a policy
/// asks for each one's access.
pub(super) fn refcount<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let config = &ctx.node.config;
    let shares = config.get(Id::MaxMemory) == 0 || !Policy::of(config).looks_at_access();
    match ctx.keys.look_quietly(args.at(2)).map(Entry::value) {
        None => ctx.reply.null(),
        Some(ValueRef::Integer(number)) if shares && (0..SHARED_INTEGERS).contains(&number) => {
            ctx.reply.integer(SHARED_COUNT);
        }
        Some(_) => ctx.reply.integer(1),
    }
    Ok(())
}

/// OBJECT HELP
pub(super) fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(&[
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    How the value of <key> is stored.",
        "FREQ <key>",
        "    How often <key> is used, as a logarithmic counter (LFU policies only).",
        "IDLETIME <key>",
        "    Seconds since <key> was last used (all but LFU policies).",
        "REFCOUNT <key>",
        "    How many references there are to the value of <key>.",
        "HELP",
        "    This text.",
    ]);
    Ok(())
}
