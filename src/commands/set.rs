//! Sets.

use super::item::ReplyItem;
use super::sample;
use super::scan::{self, Page, ScanOptions};
use super::set_algebra::{difference, intersection, intersection_set, union};
use super::weight;
use crate::base::number;
use crate::config::{Id, keyspace_events as event};
use crate::engine::{
    Args, CommandError, CommandResult, Context, Handling, Keyspace, Row, heavy, keyed, limits, text,
};
use crate::store::NewValue;
use crate::value::compact::listpack::Listpack;
use crate::value::set::{SetLimits, View};
use crate::value::{Collection, Set};

/// SPOP journals the removed members in commands of so many.
const POPPED_PER_RECORD: usize = 1024;
/// SPOP moves the members that stay, instead of those that go, if there are so many times fewer.
const POP_BY_MOVING: usize = 5;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SADD", keyed(sadd)),
    Row::new("SREM", keyed(srem)),
    Row::new("SMEMBERS", heavy(keyed(smembers), weight::of_first)),
    Row::new("SISMEMBER", keyed(sismember)),
    Row::new("SMISMEMBER", keyed(smismember)),
    Row::new("SCARD", keyed(scard)),
    Row::new("SPOP", keyed(spop)),
    Row::new("SRANDMEMBER", keyed(srandmember)),
    Row::new("SMOVE", keyed(smove)),
    Row::new("SINTER", heavy(keyed(sinter), weight::of_all)),
    Row::new("SINTERCARD", heavy(keyed(sintercard), weight::of_counted)),
    Row::new("SINTERSTORE", heavy(keyed(sinterstore), weight::of_sources)),
    Row::new("SUNION", heavy(keyed(sunion), weight::of_all)),
    Row::new("SUNIONSTORE", heavy(keyed(sunionstore), weight::of_sources)),
    Row::new("SDIFF", heavy(keyed(sdiff), weight::of_all)),
    Row::new("SDIFFSTORE", heavy(keyed(sdiffstore), weight::of_sources)),
    Row::new("SSCAN", keyed(sscan)),
];

fn limits(ctx: &Context<'_, '_>) -> SetLimits {
    limits::set(&ctx.node.config)
}

/// SADD key member [member ...]
fn sadd<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (limits, members) = (limits(ctx), args.from(2));
    let count = members.len();
    let mut set = ctx.keys.write_or_create(args.at(1), || Set::with_hint(members[0], count, &limits))?;
    set.prepare(count, &limits);
    let mut added = 0;
    for member in members {
        added += usize::from(set.insert(member, &limits));
    }
    if added > 0 {
        set.changed(event::SET, "sadd", added as i64);
    }
    ctx.reply.count(added);
    Ok(())
}

/// SREM key member [member ...]
fn srem<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut removed = 0;
    if let Some(mut set) = ctx.keys.write::<Set>(args.at(1))? {
        removed = args.from(2).iter().filter(|member| set.remove(member)).count();
        if removed > 0 {
            set.changed(event::SET, "srem", removed as i64);
        }
    }
    ctx.reply.count(removed);
    Ok(())
}

/// SMEMBERS key
fn smembers<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let set = ctx.keys.read::<Set>(args.at(1))?;
    ctx.reply.set(set.map_or(0, Set::len));
    set.into_iter().flatten().for_each(|member| ctx.reply.bulk_item(&member));
    Ok(())
}

/// SISMEMBER key member
fn sismember<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let set = ctx.keys.read::<Set>(args.at(1))?;
    ctx.reply.integer(set.is_some_and(|set| set.contains(args.at(2))).into());
    Ok(())
}

/// SMISMEMBER key member [member ...]
fn smismember<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let set = ctx.keys.read::<Set>(args.at(1))?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        ctx.reply.integer(set.is_some_and(|set| set.contains(member)).into());
    }
    Ok(())
}

/// SCARD key
fn scard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let set = ctx.keys.read::<Set>(args.at(1))?;
    ctx.reply.count(set.map_or(0, Set::len));
    Ok(())
}

/// SPOP key [count]
fn spop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 2 {
        return pop_many(ctx, args);
    }
    let key = args.at(1);
    let Some(mut set) = ctx.keys.write::<Set>(key)? else {
        ctx.reply.null();
        return Ok(());
    };
    if let Some(member) = set.pop(&mut fastrand::Rng::new()) {
        set.changed(event::SET, "spop", 1);
        ctx.keys.effects.propagate_instead([b"SREM", key, &*member]);
        ctx.reply.bulk(&member);
    }
    Ok(())
}

fn pop_many<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 3 {
        return Err(text::SYNTAX.into());
    }
    let (key, limits) = (args.at(1), limits(ctx));
    let count = number::parse_i64(args.at(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(text::NOT_POSITIVE)?;
    let Some(mut set) = ctx.keys.write::<Set>(key)?.filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(());
    };
    if count >= set.len() {
        pop_all(ctx, key);
        return Ok(());
    }
    let popped = if (set.len() - count).saturating_mul(POP_BY_MOVING) > count {
        let mut rng = fastrand::Rng::new();
        (0..count).filter_map(|_| set.pop(&mut rng)).collect()
    } else {
        pop_all_but(&mut set, count, &limits)
    };
    set.changed(event::SET, "spop", popped.len() as i64);
    for popped in popped.chunks(POPPED_PER_RECORD) {
        let members = popped.iter().map(Vec::as_slice);
        ctx.keys.effects.propagate_instead([b"SREM", key].into_iter().chain(members));
    }
    ctx.reply.set(popped.len());
    popped.iter().for_each(|member| ctx.reply.bulk(member));
    Ok(())
}

/// Pops all members, which is to delete the key.
fn pop_all<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8]) {
    let lazily = ctx.node.config.is_on(Id::LazyFreeServerDel);
    let Some(set) = ctx.keys.peek(key).and_then(|entry| Set::from_ref(entry.value())) else { return };
    let len = set.len();
    ctx.reply.set(len);
    set.iter().for_each(|member| ctx.reply.bulk_item(&member));
    ctx.keys.delete(key);
    ctx.keys.changed(key, event::SET, "spop");
    ctx.keys.effects.add_dirty(len as i64 - 1);
    ctx.keys.notify(key, event::GENERIC, "del");
    ctx.keys.effects.propagate_instead([if lazily { &b"UNLINK"[..] } else { b"DEL" }, key]);
}

/// Pops `count` members by moving the few others into a new set; what was a table begins as a listpack again.
fn pop_all_but(set: &mut Set, count: usize, limits: &SetLimits) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::new();
    let mut staying = match set.view() {
        View::Ints(_) => Set::new(),
        View::Packed(_) | View::Table(_) => Set::from(Listpack::new()),
    };
    while set.len() > count {
        let Some(member) = set.pop(&mut rng) else { break };
        staying.insert(&member, limits);
    }
    let popped = set.iter().map(|member| member.to_vec()).collect();
    *set = staying;
    popped
}

/// SRANDMEMBER key [count]
fn srandmember<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 2 {
        return random_members(ctx, args);
    }
    match ctx.keys.read::<Set>(args.at(1))?.and_then(|set| set.random(&mut fastrand::Rng::new())) {
        Some(member) => ctx.reply.bulk_item(&member),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn random_members<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 3 {
        return Err(text::SYNTAX.into());
    }
    let count = args.integer_within(2, -i64::MAX, i64::MAX)?;
    let set = ctx.keys.read::<Set>(args.at(1))?;
    let len = set.map_or(0, Set::len);
    ctx.reply.array(sample::drawn(count, len));
    let Some(set) = set else { return Ok(()) };
    let nth = |index| set.nth(index);
    sample::draw(count, len, set.iter(), nth, |member| {
        ctx.reply.bulk_item(&member);
        sample::enough(ctx.reply)
    });
    Ok(())
}

/// SMOVE source destination member
fn smove<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (source, destination, member) = (args.at(1), args.at(2), args.at(3));
    let limits = limits(ctx);
    let moved = match ctx.keys.write::<Set>(source)?.map(|set| set.contains(member)) {
        None => false,
        Some(found) => {
            ctx.keys.write::<Set>(destination)?;
            found
        }
    };
    if moved && source != destination {
        if let Some(mut set) = ctx.keys.write::<Set>(source)? {
            set.remove(member);
            set.changed(event::SET, "srem", 1);
        }
        let mut set = ctx.keys.write_or_create(destination, || Set::with_hint(member, 1, &limits))?;
        if set.insert(member, &limits) {
            set.changed(event::SET, "sadd", 1);
        }
    }
    ctx.reply.integer(moved.into());
    Ok(())
}

/// The sets of these keys, none where there is no key.
fn sets_of<'k>(keys: &'k Keyspace<'_>, names: &[&[u8]]) -> Result<Vec<Option<&'k Set>>, CommandError> {
    names.iter().map(|name| keys.read::<Set>(name)).collect()
}

fn reply_set(ctx: &mut Context<'_, '_>, set: &Set) {
    ctx.reply.set(set.len());
    set.iter().for_each(|member| ctx.reply.bulk_item(&member));
}

/// Puts the result of a STORE command in place of whatever the destination held.
fn store<'a>(ctx: &mut Context<'_, 'a>, destination: &'a [u8], result: Set, event: &'static str) {
    ctx.reply.count(result.len());
    if !result.is_empty() {
        ctx.keys.set_string(destination, NewValue::Value(result.into_value()), false);
        ctx.keys.changed(destination, event::SET, event);
    } else if ctx.keys.delete(destination) {
        ctx.keys.changed(destination, event::GENERIC, "del");
    }
}

/// SINTER key [key ...]
fn sinter<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let sets = sets_of(ctx.keys, args.from(1))?;
    let (mark, mut count) = (ctx.reply.mark(), 0);
    for member in intersection(sets) {
        ctx.reply.bulk_item(&member);
        count += 1;
    }
    ctx.reply.set_at(mark, count);
    Ok(())
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
fn sintercard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = number::parse_i64(args.at(1)).filter(|count| *count > 0);
    let count = count.ok_or("ERR numkeys should be greater than 0")?;
    if count > args.len() as i64 - 2 {
        return Err("ERR Number of keys can't be greater than number of args".into());
    }
    let options = 2 + count as usize;
    let mut limit = 0;
    for index in (options..args.len()).step_by(2) {
        if !args.is(index, "LIMIT") || index + 1 == args.len() {
            return Err(text::SYNTAX.into());
        }
        let value = args.integer(index + 1).ok().and_then(|limit| usize::try_from(limit).ok());
        limit = value.ok_or("ERR LIMIT can't be negative")?;
    }
    let found = intersection(sets_of(ctx.keys, &args.0[2..options])?);
    ctx.reply.count(if limit == 0 { found.count() } else { found.take(limit).count() });
    Ok(())
}

/// SINTERSTORE destination key [key ...]
fn sinterstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let result = intersection_set(sets_of(ctx.keys, args.from(2))?, &limits(ctx));
    store(ctx, args.at(1), result, "sinterstore");
    Ok(())
}

/// SUNION key [key ...]
fn sunion<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let result = union(&sets_of(ctx.keys, args.from(1))?, &limits(ctx));
    reply_set(ctx, &result);
    Ok(())
}

/// SUNIONSTORE destination key [key ...]
fn sunionstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let result = union(&sets_of(ctx.keys, args.from(2))?, &limits(ctx));
    store(ctx, args.at(1), result, "sunionstore");
    Ok(())
}

/// SDIFF key [key ...]
fn sdiff<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let result = difference(&sets_of(ctx.keys, args.from(1))?, &limits(ctx));
    reply_set(ctx, &result);
    Ok(())
}

/// SDIFFSTORE destination key [key ...]
fn sdiffstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let result = difference(&sets_of(ctx.keys, args.from(2))?, &limits(ctx));
    store(ctx, args.at(1), result, "sdiffstore");
    Ok(())
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
fn sscan<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let cursor = scan::cursor(args.at(2))?;
    let Some(set) = ctx.keys.read::<Set>(args.at(1))? else {
        scan::send_nothing(ctx.reply);
        return Ok(());
    };
    let mut page = Page::new(ScanOptions::of_collection(args, 3)?, ctx.reply);
    let cursor = page.fill(cursor, |cursor, page| {
        set.scan(cursor, |member| {
            member.with_bytes(|member| page.offer(member));
        })
    });
    page.send(ctx.reply, cursor);
    Ok(())
}
