//! Sorted sets: adding, removing, asking for single members. Ranges, set algebra and popping have files of their own.

mod algebra;
mod pop;
pub(super) mod range;

use smallvec::SmallVec;

use super::item::ReplyItem;
use super::sample;
use super::scan::{self, Page, ScanOptions};
use crate::base::number;
use crate::commands::weight;
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, heavy, keyed, limits, text};
use crate::resp::Reply;
use crate::store::NewValue;
use crate::value::compact::listpack::Item;
use crate::value::zset::{AddFlags, AddOutcome, Member, ZSetLimits};
use crate::value::{Value, ZSet};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("ZADD", keyed(zadd)),
    Row::new("ZINCRBY", keyed(zincrby)),
    Row::new("ZREM", keyed(zrem)),
    Row::new("ZSCORE", keyed(zscore)),
    Row::new("ZMSCORE", keyed(zmscore)),
    Row::new("ZCARD", keyed(zcard)),
    Row::new("ZRANK", keyed(zrank)),
    Row::new("ZREVRANK", keyed(zrevrank)),
    Row::new("ZRANDMEMBER", keyed(zrandmember)),
    Row::new("ZSCAN", keyed(zscan)),
    Row::new("ZCOUNT", keyed(range::zcount)),
    Row::new("ZLEXCOUNT", keyed(range::zlexcount)),
    Row::new("ZRANGE", heavy(keyed(range::zrange), weight::of_range)),
    Row::new("ZRANGESTORE", keyed(range::zrangestore)),
    Row::new("ZREVRANGE", heavy(keyed(range::zrevrange), weight::of_range)),
    Row::new("ZRANGEBYSCORE", keyed(range::zrangebyscore)),
    Row::new("ZREVRANGEBYSCORE", keyed(range::zrevrangebyscore)),
    Row::new("ZRANGEBYLEX", keyed(range::zrangebylex)),
    Row::new("ZREVRANGEBYLEX", keyed(range::zrevrangebylex)),
    Row::new("ZREMRANGEBYRANK", keyed(range::zremrangebyrank)),
    Row::new("ZREMRANGEBYSCORE", keyed(range::zremrangebyscore)),
    Row::new("ZREMRANGEBYLEX", keyed(range::zremrangebylex)),
    Row::new("ZPOPMIN", keyed(pop::zpopmin)),
    Row::new("ZPOPMAX", keyed(pop::zpopmax)),
    Row::new("ZMPOP", keyed(pop::zmpop)),
    Row::new("BZPOPMIN", keyed(pop::bzpopmin)),
    Row::new("BZPOPMAX", keyed(pop::bzpopmax)),
    Row::new("BZMPOP", keyed(pop::bzmpop)),
    Row::new("ZUNION", heavy(keyed(algebra::zunion), weight::of_counted)),
    Row::new("ZINTER", heavy(keyed(algebra::zinter), weight::of_counted)),
    Row::new("ZDIFF", heavy(keyed(algebra::zdiff), weight::of_counted)),
    Row::new("ZUNIONSTORE", heavy(keyed(algebra::zunionstore), weight::of_counted_sources)),
    Row::new("ZINTERSTORE", heavy(keyed(algebra::zinterstore), weight::of_counted_sources)),
    Row::new("ZDIFFSTORE", heavy(keyed(algebra::zdiffstore), weight::of_counted_sources)),
    Row::new("ZINTERCARD", heavy(keyed(algebra::zintercard), weight::of_counted)),
];

const NX_WITH_XX: &str = "ERR XX and NX options at the same time are not compatible";
const GT_WITH_LT: &str = "ERR GT, LT, and/or NX options at the same time are not compatible";
const INCR_PAIRS: &str = "ERR INCR option supports a single increment-element pair";
const SUM_NOT_A_NUMBER: &str = "ERR resulting score is not a number (NaN)";
const OUT_OF_RANGE: &str = "ERR value is out of range";

/// The settings that decide about the small form.
fn limits(ctx: &Context<'_, '_>) -> ZSetLimits {
    limits::zset(&ctx.node.config)
}

/// Writes members, each followed by its score if asked for: in RESP3 both as a pair, in RESP2 all in one row.
fn write_members<'v>(
    reply: &mut Reply,
    members: impl ExactSizeIterator<Item = (Item<'v>, f64)>,
    with_scores: bool,
) {
    write_head(reply, members.len(), with_scores);
    members.for_each(|member| write_member(reply, member, with_scores));
}

fn write_head(reply: &mut Reply, len: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.is_resp3() { 2 * len } else { len });
}

fn write_member(reply: &mut Reply, (member, score): (Item<'_>, f64), with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk_item(&member);
    if with_scores {
        reply.double(score);
    }
}

/// A sorted set of the members that a command has found, in the form that fits them.
pub(super) fn result_of(ctx: &Context<'_, '_>, entries: Vec<(f64, Member)>) -> ZSet {
    ZSet::from_entries(entries, &limits(ctx)).expect("members found are distinct and their scores numbers")
}

/// Puts a result where a STORE command wants it, in place of what was there, and replies with its size. An empty result
/// deletes the key.
pub(super) fn store<'a>(ctx: &mut Context<'_, 'a>, destination: &'a [u8], result: ZSet, event: &'static str) {
    ctx.reply.count(result.len());
    if !result.is_empty() {
        ctx.keys.set_string(destination, NewValue::Value(Value::ZSet(result)), false);
        ctx.keys.changed(destination, event::ZSET, event);
    } else if ctx.keys.delete(destination) {
        ctx.keys.changed(destination, event::GENERIC, "del");
    }
}

/// What stands between ZADD's key and its pairs.
struct AddOptions {
    flags: AddFlags,
    /// Whether CH was given: changed scores count, too.
    counts_changed: bool,
    /// Where the pairs begin.
    pairs_at: usize,
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
fn zadd<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    add(ctx, args, &AddOptions::parse(args, AddFlags::default())?)
}

/// ZINCRBY key increment member. ZADD's options are known to it, too, but with one of them a pair is never complete.
fn zincrby<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    add(ctx, args, &AddOptions::parse(args, AddFlags { incr: true, ..AddFlags::default() })?)
}

impl AddOptions {
    fn parse(args: Args<'_>, mut flags: AddFlags) -> Result<Self, CommandError> {
        let (mut counts_changed, mut pairs_at) = (false, 2);
        loop {
            match () {
                () if args.is(pairs_at, "NX") => flags.nx = true,
                () if args.is(pairs_at, "XX") => flags.xx = true,
                () if args.is(pairs_at, "GT") => flags.gt = true,
                () if args.is(pairs_at, "LT") => flags.lt = true,
                () if args.is(pairs_at, "CH") => counts_changed = true,
                () if args.is(pairs_at, "INCR") => flags.incr = true,
                () => break,
            }
            pairs_at += 1;
        }
        let left = args.len() - pairs_at;
        if left == 0 || left % 2 == 1 {
            return Err(text::SYNTAX.into());
        }
        if flags.nx && flags.xx {
            return Err(NX_WITH_XX.into());
        }
        if (flags.gt && flags.lt) || (flags.nx && (flags.gt || flags.lt)) {
            return Err(GT_WITH_LT.into());
        }
        if flags.incr && left > 2 {
            return Err(INCR_PAIRS.into());
        }
        Ok(Self { flags, counts_changed, pairs_at })
    }
}

/// ZADD and ZINCRBY. All scores are read before anything is touched, so that a bad one leaves no half of the work.
fn add<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, options: &AddOptions) -> CommandResult {
    let flags = options.flags;
    let pairs =
        (options.pairs_at..args.len()).step_by(2).map(|index| Ok((args.float(index)?, args.at(index + 1))));
    let pairs = pairs.collect::<Result<SmallVec<[_; 4]>, CommandError>>()?;
    let added = add_pairs(ctx, args.at(1), &pairs, flags)?;
    match added.score {
        _ if !flags.incr => {
            ctx.reply.count(added.new + if options.counts_changed { added.changed } else { 0 });
        }
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// What has come of ZADD's pairs.
#[derive(Default)]
pub(super) struct Added {
    /// Members that were not there.
    pub(super) new: usize,
    /// Members that have another score.
    pub(super) changed: usize,
    /// The score of the last member, unless the flags have passed it over.
    score: Option<f64>,
}

/// Adds one or more scores with their members.
pub(super) fn add_pairs<'a>(
    ctx: &mut Context<'_, 'a>,
    key: &'a [u8],
    pairs: &[(f64, &[u8])],
    flags: AddFlags,
) -> Result<Added, CommandError> {
    let limits = limits(ctx);
    let zset = if flags.xx {
        ctx.keys.write::<ZSet>(key)?
    } else {
        let first_len = pairs.first().map_or(0, |(_, member)| member.len());
        Some(ctx.keys.write_or_create(key, || ZSet::new(pairs.len(), first_len, &limits))?)
    };
    let mut added = Added::default();
    let Some(mut zset) = zset else { return Ok(added) };
    zset.prepare(pairs.len(), &limits);
    for (score, member) in pairs {
        added.score = match zset.add(*score, member, flags, &limits) {
            AddOutcome::Added(score) => {
                added.new += 1;
                Some(score)
            }
            AddOutcome::Updated(score) => {
                added.changed += 1;
                Some(score)
            }
            AddOutcome::Unchanged(score) => Some(score),
            AddOutcome::Skipped => None,
            AddOutcome::NotANumber => return Err(SUM_NOT_A_NUMBER.into()),
        };
    }
    let changes = added.new + added.changed;
    if changes > 0 {
        zset.changed(event::ZSET, if flags.incr { "zincr" } else { "zadd" }, changes as i64);
    }
    Ok(added)
}

/// ZREM key member [member ...]
fn zrem<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut removed = 0;
    if let Some(mut zset) = ctx.keys.write::<ZSet>(args.at(1))? {
        removed = args.from(2).iter().filter(|member| zset.remove(member).is_some()).count();
        if removed > 0 {
            zset.changed(event::ZSET, "zrem", removed as i64);
        }
    }
    ctx.reply.count(removed);
    Ok(())
}

/// ZSCORE key member
fn zscore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    write_score(ctx.reply, zset, args.at(2));
    Ok(())
}

/// ZMSCORE key member [member ...]
fn zmscore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    ctx.reply.array(args.len() - 2);
    args.from(2).iter().for_each(|member| write_score(ctx.reply, zset, member));
    Ok(())
}

fn write_score(reply: &mut Reply, zset: Option<&ZSet>, member: &[u8]) {
    match zset.and_then(|zset| zset.score(member)) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// ZCARD key
fn zcard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let count = ctx.keys.read::<ZSet>(args.at(1))?.map_or(0, ZSet::len);
    ctx.reply.count(count);
    Ok(())
}

/// ZRANK key member [WITHSCORE]
fn zrank<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    rank(ctx, args, "zrank", ZSet::rank)
}

/// ZREVRANK key member [WITHSCORE]
fn zrevrank<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    rank(ctx, args, "zrevrank", ZSet::reverse_rank)
}

fn rank<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    command: &str,
    find: impl FnOnce(&ZSet, &[u8]) -> Option<(usize, f64)>,
) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::new(format!("ERR wrong number of arguments for '{command}' command")));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "WITHSCORE") {
        return Err(text::SYNTAX.into());
    }
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    match zset.and_then(|zset| find(zset, args.at(2))) {
        Some((rank, score)) if with_score => {
            ctx.reply.array(2);
            ctx.reply.count(rank);
            ctx.reply.double(score);
        }
        Some((rank, _)) => ctx.reply.count(rank),
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// ZRANDMEMBER key [count [WITHSCORES]]
fn zrandmember<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    if args.len() > 2 {
        return random_members(ctx, args);
    }
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    match zset.and_then(|zset| zset.random(&mut fastrand::Rng::new())) {
        Some((member, _)) => ctx.reply.bulk_item(&member),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// A positive count asks for that many different members, a negative one for as many picks that may repeat.
fn random_members<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    const COUNT_MAX: i64 = i64::MAX / 2;
    let count = args.integer_within(2, -i64::MAX, i64::MAX)?;
    let with_scores = args.len() > 3;
    if args.len() > 4 || (with_scores && !args.is(3, "WITHSCORES")) {
        return Err(text::SYNTAX.into());
    }
    if with_scores && !(-COUNT_MAX..=COUNT_MAX).contains(&count) {
        return Err(OUT_OF_RANGE.into());
    }
    let Some(zset) = ctx.keys.read::<ZSet>(args.at(1))? else {
        ctx.reply.array(0);
        return Ok(());
    };
    write_head(ctx.reply, sample::drawn(count, zset.len()), with_scores);
    // Where all are wanted they come from the highest to the lowest, as in Redis.
    let (all, nth) = (zset.iter().rev(), |rank| zset.get(rank));
    sample::draw(count, zset.len(), all, nth, |member| {
        write_member(ctx.reply, member, with_scores);
        sample::enough(ctx.reply)
    });
    Ok(())
}

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
fn zscan<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let cursor = scan::cursor(args.at(2))?;
    let Some(zset) = ctx.keys.read::<ZSet>(args.at(1))? else {
        scan::send_nothing(ctx.reply);
        return Ok(());
    };
    // The small form holds texts and sends them; the large form holds doubles and prints all their digits.
    let score_text = if zset.as_listpack().is_some() { number::format_f64 } else { number::format_f64_17 };
    let mut page = Page::new(ScanOptions::of_collection(args, 3)?, ctx.reply);
    let cursor = page.fill(cursor, |cursor, page| {
        zset.scan(cursor, |member, score| {
            if member.with_bytes(|member| page.offer(member)) {
                page.push(score_text(score).as_bytes());
            }
        })
    });
    page.send(ctx.reply, cursor);
    Ok(())
}
