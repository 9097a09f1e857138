//! Lists. The commands that wait are in [`super::blocking_list`].

use super::weight;
use crate::config::keyspace_events as event;
use crate::engine::{
    Args, CommandError, CommandResult, Context, Editor, Handling, Node, Row, heavy, keyed, limits, text,
};
use crate::resp::Reply;
use crate::value::List;
use crate::value::list::{End, ListLimits, Search};

/// The rows of this family that never wait.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("LPUSH", keyed(lpush)),
    Row::new("RPUSH", keyed(rpush)),
    Row::new("LPUSHX", keyed(lpushx)),
    Row::new("RPUSHX", keyed(rpushx)),
    Row::new("LPOP", keyed(lpop)),
    Row::new("RPOP", keyed(rpop)),
    Row::new("LLEN", keyed(llen)),
    Row::new("LINDEX", keyed(lindex)),
    Row::new("LSET", keyed(lset)),
    Row::new("LRANGE", heavy(keyed(lrange), weight::of_range)),
    Row::new("LTRIM", keyed(ltrim)),
    Row::new("LREM", keyed(lrem)),
    Row::new("LINSERT", keyed(linsert)),
    Row::new("LPOS", keyed(lpos)),
    Row::new("LMOVE", keyed(lmove)),
    Row::new("RPOPLPUSH", keyed(rpoplpush)),
    Row::new("LMPOP", keyed(lmpop)),
];

/// The limits of the listpack encoding, as configured.
pub(super) fn limits(node: &Node) -> ListLimits {
    limits::list(&node.config)
}

/// LPUSH key element [element ...]
fn lpush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    push(ctx, args, End::Front)
}

/// RPUSH key element [element ...]
fn rpush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    push(ctx, args, End::Back)
}

fn push<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, end: End) -> CommandResult {
    let limits = limits(ctx.node);
    let list = ctx.keys.write_or_create(args.at(1), List::new)?;
    push_into(list, ctx.reply, args, end, limits);
    Ok(())
}

/// LPUSHX key element [element ...]
fn lpushx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    push_if_present(ctx, args, End::Front)
}

/// RPUSHX key element [element ...]
fn rpushx<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    push_if_present(ctx, args, End::Back)
}

fn push_if_present<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, end: End) -> CommandResult {
    let limits = limits(ctx.node);
    match ctx.keys.write(args.at(1))? {
        Some(list) => push_into(list, ctx.reply, args, end, limits),
        None => ctx.reply.integer(0),
    }
    Ok(())
}

fn push_into(
    mut list: Editor<'_, '_, List>,
    reply: &mut Reply,
    args: Args<'_>,
    end: End,
    limits: ListLimits,
) {
    let elements = args.from(2);
    list.push_all(end, elements.iter().copied(), limits);
    reply.count(list.len());
    list.changed(event::LIST, pushed(end), elements.len() as i64);
}

/// LPOP key [count]
fn lpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop(ctx, args, "lpop", End::Front)
}

/// RPOP key [count]
fn rpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop(ctx, args, "rpop", End::Back)
}

fn pop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, name: &str, end: End) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::new(format!("ERR wrong number of arguments for '{name}' command")));
    }
    let count = if args.len() == 3 { Some(positive(args, 2, 0, text::NOT_POSITIVE)?) } else { None };
    let limits = limits(ctx.node);
    match (ctx.keys.write::<List>(args.at(1))?, count) {
        (None, None) => ctx.reply.null(),
        (None, Some(_)) => ctx.reply.null_array(),
        (Some(_), Some(0)) => ctx.reply.array(0),
        (Some(list), None) => pop_one(list, ctx.reply, end, limits),
        (Some(list), Some(count)) => pop_many(list, ctx.reply, end, count, limits),
    }
    Ok(())
}

/// Takes one element out and replies it. The list must have one.
pub(super) fn pop_one(mut list: Editor<'_, '_, List>, reply: &mut Reply, end: End, limits: ListLimits) {
    reply.bulk_or_null(list.pop(end, limits).as_deref());
    list.changed(event::LIST, popped(end), 1);
}

/// Takes up to `count` elements out, one after the other, and replies them as an array.
pub(super) fn pop_many(
    mut list: Editor<'_, '_, List>,
    reply: &mut Reply,
    end: End,
    count: usize,
    limits: ListLimits,
) {
    let len = list.len();
    let count = count.min(len);
    reply.array(count);
    let write = |item: crate::value::compact::listpack::Item<'_>| item.with_bytes(|bytes| reply.bulk(bytes));
    match end {
        End::Front => list.iter().take(count).for_each(write),
        End::Back => list.iter_rev().take(count).for_each(write),
    }
    let taken = if end == End::Front { 0..count } else { len - count..len };
    list.remove_range(taken, limits);
    list.changed(event::LIST, popped(end), count as i64);
}

/// LLEN key
fn llen<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let len = ctx.keys.read::<List>(args.at(1))?.map_or(0, List::len);
    ctx.reply.count(len);
    Ok(())
}

/// LINDEX key index
fn lindex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some(list) = ctx.keys.read::<List>(args.at(1))? else {
        ctx.reply.null();
        return Ok(());
    };
    match list.get(args.integer(2)?) {
        Some(item) => item.with_bytes(|bytes| ctx.reply.bulk(bytes)),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// LSET key index element
fn lset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let limits = limits(ctx.node);
    let mut list = ctx.keys.write::<List>(args.at(1))?.ok_or(text::NO_SUCH_KEY)?;
    if !list.set(args.integer(2)?, args.at(3), limits) {
        return Err(text::INDEX_RANGE.into());
    }
    list.changed(event::LIST, "lset", 1);
    ctx.reply.ok();
    Ok(())
}

/// LRANGE key start stop
fn lrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let Some(list) = ctx.keys.read::<List>(args.at(1))? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let range = list.bounds(start, stop);
    ctx.reply.array(range.len());
    for item in list.iter_from(range.start).take(range.len()) {
        item.with_bytes(|bytes| ctx.reply.bulk(bytes));
    }
    Ok(())
}

/// LTRIM key start stop
fn ltrim<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let limits = limits(ctx.node);
    if let Some(mut list) = ctx.keys.write::<List>(args.at(1))? {
        let before = list.len();
        list.trim(start, stop, limits);
        let removed = before - list.len();
        // Listeners hear of it even if everything stays.
        list.changed(event::LIST, "ltrim", removed as i64);
    }
    ctx.reply.ok();
    Ok(())
}

/// LREM key count element
fn lrem<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = args.integer(2)?;
    let limits = limits(ctx.node);
    let mut removed = 0;
    if let Some(mut list) = ctx.keys.write::<List>(args.at(1))? {
        removed = list.remove(count, args.at(3), limits);
        if removed > 0 {
            list.changed(event::LIST, "lrem", removed as i64);
        }
    }
    ctx.reply.count(removed);
    Ok(())
}

/// LINSERT key BEFORE | AFTER pivot element
fn linsert<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let after = args.is(2, "AFTER");
    if !after && !args.is(2, "BEFORE") {
        return Err(text::SYNTAX.into());
    }
    let limits = limits(ctx.node);
    let Some(mut list) = ctx.keys.write::<List>(args.at(1))? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let (pivot, element) = (args.at(3), args.at(4));
    let inserted = if after {
        list.insert_after(pivot, element, limits)
    } else {
        list.insert_before(pivot, element, limits)
    };
    if inserted {
        ctx.reply.count(list.len());
        list.changed(event::LIST, "linsert", 1);
    } else {
        ctx.reply.integer(-1);
    }
    Ok(())
}

/// What LPOS's options say: the search, and whether all matches are wanted as an array.
fn lpos_options(args: Args<'_>) -> Result<(Search, bool), CommandError> {
    let mut search = Search { rank: 1, count: 1, max_len: 0 };
    let mut as_array = false;
    let mut index = 3;
    while index < args.len() {
        if index + 1 == args.len() {
            return Err(text::SYNTAX.into());
        } else if args.is(index, "RANK") {
            search.rank = args.integer_within(index + 1, -i64::MAX, i64::MAX)?;
            if search.rank == 0 {
                return Err(RANK_ZERO.into());
            }
        } else if args.is(index, "COUNT") {
            search.count = positive(args, index + 1, 0, "ERR COUNT can't be negative")?;
            as_array = true;
        } else if args.is(index, "MAXLEN") {
            search.max_len = positive(args, index + 1, 0, "ERR MAXLEN can't be negative")?;
        } else {
            return Err(text::SYNTAX.into());
        }
        index += 2;
    }
    Ok((search, as_array))
}

const RANK_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";

/// A number that must not be below `min`; whatever is wrong with it, this is what the client is told.
fn positive(args: Args<'_>, index: usize, min: i64, complaint: &'static str) -> Result<usize, CommandError> {
    let number = args.integer(index).ok().filter(|number| *number >= min).ok_or(complaint)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
fn lpos<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (search, as_array) = lpos_options(args)?;
    let list = ctx.keys.read::<List>(args.at(1))?;
    let found = list.map_or_else(Vec::new, |list| list.positions(args.at(2), search));
    match (as_array, found.first()) {
        (true, _) => {
            ctx.reply.array(found.len());
            found.iter().for_each(|&position| ctx.reply.count(position));
        }
        (false, Some(&position)) => ctx.reply.count(position),
        (false, None) => ctx.reply.null(),
    }
    Ok(())
}

/// LMOVE source destination LEFT | RIGHT LEFT | RIGHT
fn lmove<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let ends = (end_at(args, 3)?, end_at(args, 4)?);
    move_or_null(ctx, args, ends)
}

/// RPOPLPUSH source destination
fn rpoplpush<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    move_or_null(ctx, args, (End::Back, End::Front))
}

fn move_or_null<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, ends: (End, End)) -> CommandResult {
    if move_element(ctx, args, ends)? == Outcome::NothingFound {
        ctx.reply.null();
    }
    Ok(())
}

/// What has come of a command that takes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has taken something and replied it.
    Taken,
    /// There is nothing to take.
    NothingFound,
    /// It was to be taken for a client that no longer waits.
    Unwanted,
}

/// Moves an element from the list at argument 1 to the one at argument 2, which may be the same, and replies it.
///
/// # Errors
/// WRONGTYPE of the source; then, if there is something to move, of the destination.
pub(super) fn move_element<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    (from, to): (End, End),
) -> Result<Outcome, CommandError> {
    let (source, destination) = (args.at(1), args.at(2));
    let limits = limits(ctx.node);
    if ctx.keys.write::<List>(source)?.is_none() {
        return Ok(Outcome::NothingFound);
    }
    ctx.keys.write::<List>(destination)?;
    if !ctx.claim() {
        return Ok(Outcome::Unwanted);
    }
    let element =
        ctx.keys.write::<List>(source)?.and_then(|mut list| list.pop(from, limits)).unwrap_or_default();
    let mut list = ctx.keys.write_or_create(destination, List::new)?;
    list.push_all(to, [element.as_slice()], limits);
    // One change for the two keys, and the push is told before the pop, as Redis does.
    list.changed(event::LIST, pushed(to), 0);
    if let Some(list) = ctx.keys.write::<List>(source)? {
        list.changed(event::LIST, popped(from), 1);
    }
    ctx.reply.bulk(&element);
    Ok(Outcome::Taken)
}

/// LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]
fn lmpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let request = MultiPop::parse(args, 1)?;
    if pop_from_first(ctx, request.keys, request.end, Some(request.count))? == Outcome::NothingFound {
        ctx.reply.null_array();
    }
    Ok(())
}

/// The arguments that LMPOP and BLMPOP have in common.
pub(super) struct MultiPop<'a> {
    pub keys: &'a [&'a [u8]],
    pub end: End,
    pub count: usize,
}

impl<'a> MultiPop<'a> {
    /// Reads them from the number of keys, which is at `index`, to the last.
    pub(super) fn parse(args: Args<'a>, index: usize) -> Result<Self, CommandError> {
        let key_count = positive(args, index, 1, "ERR numkeys should be greater than 0")?;
        let first = index + 1;
        let place = first.checked_add(key_count).filter(|place| *place < args.len()).ok_or(text::SYNTAX)?;
        let end = end_at(args, place)?;
        let given = args.is(place + 1, "COUNT") && args.len() > place + 2;
        let count =
            if given { positive(args, place + 2, 1, "ERR count should be greater than 0")? } else { 1 };
        if args.len() > place + if given { 3 } else { 1 } {
            return Err(text::SYNTAX.into());
        }
        Ok(Self { keys: &args.from(first)[..key_count], end, count })
    }
}

/// Takes from the first of the lists that is there and replies its key with the element, or with an array of elements if a
/// count is given. What is journaled is the pop.
///
/// # Errors
/// WRONGTYPE of a key before that one.
pub(super) fn pop_from_first<'a>(
    ctx: &mut Context<'_, 'a>,
    keys: &[&'a [u8]],
    end: End,
    count: Option<usize>,
) -> Result<Outcome, CommandError> {
    for &key in keys {
        let limits = limits(ctx.node);
        let Some(list) = ctx.keys.write::<List>(key)? else { continue };
        if !ctx.call.claim() {
            return Ok(Outcome::Unwanted);
        }
        let len = list.len();
        ctx.reply.array(2);
        ctx.reply.bulk(key);
        match count {
            None => pop_one(list, ctx.reply, end, limits),
            Some(count) => pop_many(list, ctx.reply, end, count, limits),
        }
        propagate_pop(ctx, key, end, count.map(|count| count.min(len)));
        return Ok(Outcome::Taken);
    }
    Ok(Outcome::NothingFound)
}

fn propagate_pop(ctx: &mut Context<'_, '_>, key: &[u8], end: End, count: Option<usize>) {
    let name: &[u8] = if end == End::Front { b"LPOP" } else { b"RPOP" };
    match count {
        None => ctx.keys.effects.propagate_instead([name, key]),
        Some(count) => {
            ctx.keys.effects.propagate_instead([name, key, itoa::Buffer::new().format(count).as_bytes()]);
        }
    }
}

/// LEFT or RIGHT.
///
/// # Errors
/// A syntax error for anything else.
pub(super) fn end_at(args: Args<'_>, index: usize) -> Result<End, CommandError> {
    if args.is(index, "LEFT") {
        Ok(End::Front)
    } else if args.is(index, "RIGHT") {
        Ok(End::Back)
    } else {
        Err(text::SYNTAX.into())
    }
}

fn pushed(end: End) -> &'static str {
    if end == End::Front { "lpush" } else { "rpush" }
}

fn popped(end: End) -> &'static str {
    if end == End::Front { "lpop" } else { "rpop" }
}
