//! Entries that are delivered and not acknowledged: XACK, XPENDING, XCLAIM, XAUTOCLAIM.

use super::options::{
    GroupJournal, id, ids, integer_or, interval_end, interval_start, no_group, shown, syntax, write_entry,
    write_id,
};
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, Reach};
use crate::resp::Reply;
use crate::value::Stream;
use crate::value::stream::{
    AutoClaimed, Claim, ClaimOutcome, ConsumerId, Entries, Group, PendingFilter, StreamId,
};

/// XACK key group id [id ...]
pub fn xack<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let stream = ctx.keys.read::<Stream>(args.at(1))?;
    if stream.is_none_or(|stream| stream.groups().get(args.at(2)).is_none()) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ids(args, 3)?;
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else { return Ok(()) };
    let Some(group) = stream.groups_mut().get_mut(args.at(2)) else { return Ok(()) };
    let acknowledged = ids.into_iter().filter(|id| group.acknowledge(*id)).count();
    ctx.reply.count(acknowledged);
    ctx.keys.effects.add_dirty(acknowledged as i64);
    Ok(())
}

/// What the long form of XPENDING asks for.
struct PendingQuery<'a> {
    idle_min_ms: i64,
    count: usize,
    start: StreamId,
    end: StreamId,
    consumer: Option<&'a [u8]>,
}

impl<'a> PendingQuery<'a> {
    /// None for the short form.
    fn parse(args: Args<'a>) -> Result<Option<Self>, CommandError> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(syntax());
        }
        let mut first = 3;
        let mut idle_min_ms = 0;
        if args.is(3, "IDLE") {
            idle_min_ms = args.integer(4)?;
            if args.len() < 8 {
                return Err(syntax());
            }
            first += 2;
        }
        let count = super::options::count(args, first + 2)?;
        let (start, end) = (interval_start(args.at(first))?, interval_end(args.at(first + 1))?);
        Ok(Some(Self { idle_min_ms, count, start, end, consumer: args.get(first + 3) }))
    }
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
pub fn xpending<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let query = PendingQuery::parse(args)?;
    let now_ms = ctx.keys.now_ms();
    let stream = ctx.keys.read::<Stream>(args.at(1))?;
    let group = stream.and_then(|stream| stream.groups().get(args.at(2)));
    let group = group.ok_or_else(|| no_group(args.at(1), args.at(2)))?;
    match query {
        None => write_summary(ctx.reply, group),
        Some(query) => write_pending(ctx.reply, group, &query, now_ms),
    }
    Ok(())
}

fn write_summary(reply: &mut Reply, group: &Group) {
    let summary = group.pending_summary();
    reply.array(4);
    reply.count(summary.count);
    let Some((first, last)) = summary.edges else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    write_id(reply, first);
    write_id(reply, last);
    reply.array(summary.consumers.len());
    for (name, count) in summary.consumers {
        reply.array(2);
        reply.bulk(name);
        reply.bulk_integer(count as i64);
    }
}

fn write_pending(reply: &mut Reply, group: &Group, query: &PendingQuery<'_>, now_ms: i64) {
    let consumer = query.consumer.map(|name| group.find_consumer(name));
    if consumer == Some(None) {
        return reply.array(0);
    }
    let filter = PendingFilter {
        start: query.start,
        end: query.end,
        consumer: consumer.flatten(),
        idle_min_ms: query.idle_min_ms,
        now_ms,
    };
    let mark = reply.mark();
    let count = group.pending_in(&filter, query.count, |(id, nack)| {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(group.consumer_name(nack.consumer));
        reply.integer(nack.idle_ms(now_ms));
        reply.integer(nack.delivery_count as i64);
    });
    reply.array_at(mark, count);
}

/// The arguments of XCLAIM behind the consumer.
struct ClaimRequest {
    idle_min_ms: i64,
    ids: Vec<StreamId>,
    delivery_time_ms: Option<i64>,
    retry_count: Option<u64>,
    force: bool,
    justid: bool,
    last_id: StreamId,
}

/// Where the identifiers of XCLAIM begin.
const CLAIMED_AT: usize = 5;

impl ClaimRequest {
    fn parse(args: Args<'_>, now_ms: i64) -> Result<Self, CommandError> {
        let idle_min_ms = integer_or(args, 4, "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
        let ids: Vec<StreamId> =
            args.from(CLAIMED_AT).iter().map_while(|argument| id(argument, 0).ok()).collect();
        let mut index = CLAIMED_AT + ids.len();
        let mut request = Self {
            idle_min_ms,
            ids,
            delivery_time_ms: None,
            retry_count: None,
            force: false,
            justid: false,
            last_id: StreamId::MIN,
        };
        while index < args.len() {
            index = request.take(args, index, now_ms)?;
        }
        Ok(request)
    }

    /// Takes the option at `index` and returns where the next one is.
    fn take(&mut self, args: Args<'_>, index: usize, now_ms: i64) -> Result<usize, CommandError> {
        if args.is(index, "FORCE") {
            self.force = true;
            return Ok(index + 1);
        }
        if args.is(index, "JUSTID") {
            self.justid = true;
            return Ok(index + 1);
        }
        let value = index + 1;
        if value == args.len() {
            return Err(unknown_option(args.at(index)));
        }
        if args.is(index, "IDLE") {
            let idle = integer_or(args, value, "ERR Invalid IDLE option argument for XCLAIM")?;
            self.delivery_time_ms = Some(now_ms.wrapping_sub(idle));
        } else if args.is(index, "TIME") {
            self.delivery_time_ms =
                Some(integer_or(args, value, "ERR Invalid TIME option argument for XCLAIM")?);
        } else if args.is(index, "RETRYCOUNT") {
            let count = integer_or(args, value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
            self.retry_count = u64::try_from(count).ok();
        } else if args.is(index, "LASTID") {
            self.last_id = id(args.at(value), 0)?;
        } else {
            return Err(unknown_option(args.at(index)));
        }
        Ok(index + 2)
    }

    fn claim(&self, consumer: ConsumerId, now_ms: i64) -> Claim {
        Claim {
            delivery_time_ms: self.delivery_time_ms,
            retry_count: self.retry_count,
            force: self.force,
            justid: self.justid,
            ..Claim::new(consumer, self.idle_min_ms, now_ms)
        }
    }
}

fn unknown_option(option: &[u8]) -> CommandError {
    CommandError::of(&[&"ERR Unrecognized XCLAIM option '", &shown(option), &"'"])
}

/// That the group is there, for commands that say so before they look at the other arguments.
fn check_group(ctx: &Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let stream = ctx.keys.read::<Stream>(args.at(1))?;
    match stream.and_then(|stream| stream.groups().get(args.at(2))) {
        Some(_) => Ok(()),
        None => Err(no_group(args.at(1), args.at(2))),
    }
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE]
/// [JUSTID] [LASTID lastid]
pub fn xclaim<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    check_group(ctx, args)?;
    let now_ms = ctx.keys.now_ms();
    let request = ClaimRequest::parse(args, now_ms)?;
    ctx.keys.effects.propagate_nothing();
    let mut journal = GroupJournal::new(ctx, args.at(1), args.at(2));
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else { return Ok(()) };
    let (entries, groups) = stream.split_mut();
    let Some(group) = groups.get_mut(args.at(2)) else { return Ok(()) };
    let mut unsaid = request.last_id > group.last_id;
    group.last_id = group.last_id.max(request.last_id);
    let (consumer, created) = group.see_consumer(args.at(3), now_ms);
    let claim = request.claim(consumer, now_ms);
    let mark = ctx.reply.mark();
    let (mut replied, mut changes) = (0, 0);
    for (&id, text) in request.ids.iter().zip(args.from(CLAIMED_AT)) {
        let nack = match group.claim(entries, id, &claim) {
            ClaimOutcome::Untouched => continue,
            ClaimOutcome::Deleted(nack) => nack,
            ClaimOutcome::Claimed(nack) => {
                write_claimed(ctx.reply, entries, id, request.justid);
                replied += 1;
                nack
            }
        };
        // XCLAIM tells the group's last identifier, too.
        journal.claim(group, text, &nack);
        unsaid = false;
        changes += 1;
    }
    ctx.reply.array_at(mark, replied);
    if unsaid {
        journal.set_id(group);
        changes += 1;
    }
    if created {
        stream.told(Reach::Listeners, event::STREAM, "xgroup-createconsumer", 1);
    }
    ctx.keys.effects.add_dirty(changes);
    journal.propagate(ctx);
    Ok(())
}

fn write_claimed(reply: &mut Reply, entries: &Entries, id: StreamId, justid: bool) {
    match entries.get(id) {
        Some(entry) if !justid => write_entry(reply, entry),
        _ => write_id(reply, id),
    }
}

/// The arguments of XAUTOCLAIM behind the consumer.
struct AutoClaimRequest {
    idle_min_ms: i64,
    start: StreamId,
    count: usize,
    justid: bool,
}

impl AutoClaimRequest {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        /// As many identifiers as Redis has room for in one call.
        const COUNT_MAX: i64 = i64::MAX / 16;
        let idle_min_ms = integer_or(args, 4, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
        let start = interval_start(args.at(5))?;
        let mut request = Self { idle_min_ms, start, count: 100, justid: false };
        let mut index = 6;
        while index < args.len() {
            if args.is(index, "COUNT") && index + 1 < args.len() {
                let count = args.integer(index + 1).ok().filter(|count| (1..=COUNT_MAX).contains(count));
                request.count = count.ok_or("ERR COUNT must be > 0")? as usize;
                index += 2;
            } else if args.is(index, "JUSTID") {
                request.justid = true;
                index += 1;
            } else {
                return Err(syntax());
            }
        }
        Ok(request)
    }
}

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
pub fn xautoclaim<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let request = AutoClaimRequest::parse(args)?;
    check_group(ctx, args)?;
    let now_ms = ctx.keys.now_ms();
    ctx.keys.effects.propagate_nothing();
    let mut journal = GroupJournal::new(ctx, args.at(1), args.at(2));
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else { return Ok(()) };
    let (entries, groups) = stream.split_mut();
    let Some(group) = groups.get_mut(args.at(2)) else { return Ok(()) };
    let (consumer, created) = group.see_consumer(args.at(3), now_ms);
    let claim = Claim { justid: request.justid, ..Claim::new(consumer, request.idle_min_ms, now_ms) };
    let claimed = group.claim_from(entries, request.start, request.count, &claim);
    for (id, outcome) in &claimed.outcomes {
        if let ClaimOutcome::Claimed(nack) | ClaimOutcome::Deleted(nack) = outcome {
            journal.claim(group, &id.text(), nack);
        }
    }
    write_auto_claimed(ctx.reply, entries, &claimed, request.justid);
    if created {
        stream.told(Reach::Listeners, event::STREAM, "xgroup-createconsumer", 1);
    }
    ctx.keys.effects.add_dirty(claimed.outcomes.len() as i64);
    journal.propagate(ctx);
    Ok(())
}

fn write_auto_claimed(reply: &mut Reply, entries: &Entries, claimed: &AutoClaimed, justid: bool) {
    let is_claimed = |outcome: &ClaimOutcome| matches!(outcome, ClaimOutcome::Claimed(_));
    let (kept, gone): (Vec<_>, Vec<_>) =
        claimed.outcomes.iter().partition(|(_, outcome)| is_claimed(outcome));
    reply.array(3);
    write_id(reply, claimed.next);
    reply.array(kept.len());
    kept.iter().for_each(|(id, _)| write_claimed(reply, entries, *id, justid));
    reply.array(gone.len());
    gone.iter().for_each(|(id, _)| write_id(reply, *id));
}
