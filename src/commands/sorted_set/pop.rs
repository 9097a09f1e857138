//! Popping from sorted sets, at once or when there is something to pop.

use crate::base::number;
use crate::config::keyspace_events as event;
use crate::engine::blocking::deadline_from_seconds;
use crate::engine::{Args, BlockRequest, CommandError, CommandResult, Context, TimeoutReply, text};
use crate::resp::Reply;
use crate::store::Entry;
use crate::value::{ValueType, ZSet};

const NUMKEYS: &str = "ERR numkeys should be greater than 0";
const COUNT: &str = "ERR count should be greater than 0";

/// The end of a sorted set that members are popped from.
#[derive(Clone, Copy)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }

    /// The command that pops from one key, for the journal.
    fn command(self) -> &'static [u8] {
        match self {
            Self::Min => b"ZPOPMIN",
            Self::Max => b"ZPOPMAX",
        }
    }
}

/// Members with their scores, in the order in which they were popped.
type Popped = Vec<(Vec<u8>, f64)>;

/// ZPOPMIN key [count]
pub(super) fn zpopmin<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_one_key(ctx, args, End::Min)
}

/// ZPOPMAX key [count]
pub(super) fn zpopmax<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_one_key(ctx, args, End::Max)
}

fn pop_one_key<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, end: End) -> CommandResult {
    if args.len() > 3 {
        return Err(text::SYNTAX.into());
    }
    let count = match args.get(2) {
        Some(count) => Some(positive(count, 0).ok_or(text::NOT_POSITIVE)?),
        None => None,
    };
    let popped = pop(ctx, args.at(1), end, count.unwrap_or(1))?;
    match count {
        Some(_) if ctx.reply.is_resp3() => write_nested(ctx.reply, &popped),
        _ => {
            ctx.reply.array(2 * popped.len());
            write_flat(ctx.reply, &popped);
        }
    }
    Ok(())
}

fn pop<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], end: End, count: usize) -> Result<Popped, CommandError> {
    let Some(mut zset) = ctx.keys.write::<ZSet>(key)? else { return Ok(Vec::new()) };
    let popped = match end {
        End::Min => zset.pop_min(count),
        End::Max => zset.pop_max(count),
    };
    if !popped.is_empty() {
        zset.changed(event::ZSET, end.event(), popped.len() as i64);
    }
    Ok(popped)
}

fn write_flat(reply: &mut Reply, popped: &Popped) {
    for (member, score) in popped {
        reply.bulk(member);
        reply.double(*score);
    }
}

fn write_nested(reply: &mut Reply, popped: &Popped) {
    reply.array(popped.len());
    for (member, score) in popped {
        reply.array(2);
        reply.bulk(member);
        reply.double(*score);
    }
}

/// A count of at least `min`.
fn positive(argument: &[u8], min: usize) -> Option<usize> {
    let count = number::parse_i64(argument).and_then(|count| usize::try_from(count).ok())?;
    (count >= min).then_some(count)
}

/// The arguments of ZMPOP and, after its time-out, BZMPOP.
struct ManyKeys<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    count: usize,
}

impl<'a> ManyKeys<'a> {
    /// Reads `numkeys key [key ...] MIN|MAX [COUNT count]` from `first` on.
    fn parse(args: Args<'a>, first: usize) -> Result<Self, CommandError> {
        let key_count = positive(args.at(first), 1).ok_or(NUMKEYS)?;
        let rest = args.from(first + 1);
        let (keys, rest) = rest.split_at_checked(key_count).ok_or(text::SYNTAX)?;
        let rest = Args(rest);
        let end = match () {
            () if rest.is(0, "MIN") => End::Min,
            () if rest.is(0, "MAX") => End::Max,
            () => return Err(text::SYNTAX.into()),
        };
        if rest.len() > 1 && !(rest.len() > 2 && rest.is(1, "COUNT")) {
            return Err(text::SYNTAX.into());
        }
        let count = match rest.get(2) {
            Some(count) => positive(count, 1).ok_or(COUNT)?,
            None => 1,
        };
        if rest.len() > 3 {
            return Err(text::SYNTAX.into());
        }
        Ok(Self { keys, end, count })
    }
}

/// ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]
pub(super) fn zmpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let many = ManyKeys::parse(args, 1)?;
    match first_with_members(ctx, many.keys)? {
        Some(key) => pop_told(ctx, key, &many)?,
        None => ctx.reply.null_array(),
    }
    Ok(())
}

/// BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]
pub(super) fn bzmpop<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let many = ManyKeys::parse(args, 2)?;
    let deadline_ms = deadline_from_seconds(args.at(1), ctx.keys.now_ms())?;
    let Some(key) = first_with_members(ctx, many.keys)? else {
        wait(ctx, many.keys, deadline_ms);
        return Ok(());
    };
    if ctx.claim() {
        pop_told(ctx, key, &many)?;
    }
    Ok(())
}

/// Pops for ZMPOP or BZMPOP and replies with the key and what came from it.
fn pop_told<'a>(ctx: &mut Context<'_, 'a>, key: &'a [u8], many: &ManyKeys<'a>) -> CommandResult {
    let popped = pop(ctx, key, many.end, many.count)?;
    number::with_integer_text(popped.len() as i64, |count| {
        ctx.keys.effects.propagate_instead([many.end.command(), key, count]);
    });
    ctx.reply.array(2);
    ctx.reply.bulk(key);
    write_nested(ctx.reply, &popped);
    Ok(())
}

/// BZPOPMIN key [key ...] timeout
pub(super) fn bzpopmin<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_waiting(ctx, args, End::Min)
}

/// BZPOPMAX key [key ...] timeout
pub(super) fn bzpopmax<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    pop_waiting(ctx, args, End::Max)
}

fn pop_waiting<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, end: End) -> CommandResult {
    let last = args.len() - 1;
    let keys = &args.0[1..last];
    let deadline_ms = deadline_from_seconds(args.at(last), ctx.keys.now_ms())?;
    let Some(key) = first_with_members(ctx, keys)? else {
        wait(ctx, keys, deadline_ms);
        return Ok(());
    };
    if ctx.claim() {
        let popped = pop(ctx, key, end, 1)?;
        ctx.keys.effects.propagate_instead([end.command(), key]);
        ctx.reply.array(1 + 2 * popped.len());
        ctx.reply.bulk(key);
        write_flat(ctx.reply, &popped);
    }
    Ok(())
}

/// The first of the keys that is there.
///
/// # Errors
/// WRONGTYPE if it is no sorted set.
fn first_with_members<'a>(
    ctx: &mut Context<'_, 'a>,
    keys: &[&'a [u8]],
) -> Result<Option<&'a [u8]>, CommandError> {
    for key in keys {
        match ctx.keys.find_mut(key).map(|entry| Entry::value_type(entry)) {
            Some(ValueType::ZSet) => return Ok(Some(key)),
            Some(_) => return Err(text::WRONG_TYPE.into()),
            None => {}
        }
    }
    Ok(None)
}

fn wait<'a>(ctx: &mut Context<'_, 'a>, keys: &[&'a [u8]], deadline_ms: Option<i64>) {
    ctx.block(BlockRequest {
        keys: keys.to_vec(),
        wants: ValueType::ZSet,
        on_removal: false,
        deadline_ms,
        arguments: None,
        timeout_reply: TimeoutReply::NullArray,
        is_work: false,
        then: None,
    });
}
