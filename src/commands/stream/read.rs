//! New entries, waited for if need be: XREAD and XREADGROUP.
//!
//! XREAD sends what comes after the identifiers given. XREADGROUP with `>` sends what no consumer of the group has got yet and
//! notes it as pending; with an identifier, what is pending with this consumer, again. `$` is resolved at the call: a client
//! that waits does so for entries after what was the last one then.

use smallvec::SmallVec;

use super::options::{
    GroupJournal, count, id, integer_or, shown, syntax, write_entries, write_entry, write_id,
};
use crate::config::keyspace_events as event;
use crate::engine::blocking::deadline_from_milliseconds;
use crate::engine::{Args, BlockRequest, CommandError, CommandResult, Context, Reach, TimeoutReply, text};
use crate::resp::Reply;
use crate::value::stream::{ConsumerId, Delivery, Entries, Group, Nack, StreamId};
use crate::value::{Stream, ValueType};

/// What the arguments before the keys say, and where these are.
#[derive(Default)]
struct Request<'a> {
    /// Most entries of each stream, 0 for all.
    count: usize,
    /// BLOCK: until when to wait, if not for ever.
    block: Option<Option<i64>>,
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    noack: bool,
    first_key: usize,
    streams: usize,
}

/// Whose arguments they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Alone,
    Group,
}

impl<'a> Request<'a> {
    fn parse(ctx: &Context<'_, '_>, args: Args<'a>, reader: Reader) -> Result<Self, CommandError> {
        let mut request = Self::default();
        let mut index = 1;
        while index < args.len() && request.first_key == 0 {
            index = request.take(ctx, args, index, reader)?;
        }
        if request.first_key == 0 {
            return Err(syntax());
        }
        if reader == Reader::Group && request.group.is_none() {
            return Err("ERR Missing GROUP option for XREADGROUP".into());
        }
        Ok(request)
    }

    /// Takes the option at `index` and returns where the next one is.
    fn take(
        &mut self,
        ctx: &Context<'_, '_>,
        args: Args<'a>,
        index: usize,
        reader: Reader,
    ) -> Result<usize, CommandError> {
        let following = args.len() - 1 - index;
        if args.is(index, "BLOCK") && following >= 1 {
            let timeout_ms = integer_or(args, index + 1, text::TIMEOUT_NOT_INTEGER)?;
            self.block = Some(deadline_from_milliseconds(timeout_ms, ctx.keys.now_ms())?);
            return Ok(index + 2);
        }
        if args.is(index, "COUNT") && following >= 1 {
            self.count = count(args, index + 1)?;
            return Ok(index + 2);
        }
        if args.is(index, "STREAMS") && following >= 1 {
            self.first_key = index + 1;
            self.streams = following / 2;
            return if following.is_multiple_of(2) { Ok(args.len()) } else { Err(unbalanced(reader)) };
        }
        if args.is(index, "GROUP") && following >= 2 {
            only_for_groups(reader, "GROUP")?;
            self.group = Some((args.at(index + 1), args.at(index + 2)));
            return Ok(index + 3);
        }
        if args.is(index, "NOACK") {
            only_for_groups(reader, "NOACK")?;
            self.noack = true;
            return Ok(index + 1);
        }
        Err(syntax())
    }

    fn keys(&self, args: Args<'a>) -> &'a [&'a [u8]] {
        &args.0[self.first_key..self.first_key + self.streams]
    }

    fn ids(&self, args: Args<'a>) -> &'a [&'a [u8]] {
        args.from(self.first_key + self.streams)
    }
}

fn unbalanced(reader: Reader) -> CommandError {
    let (name, symbol) = if reader == Reader::Group { ("xreadgroup", '>') } else { ("xread", '$') };
    CommandError::new(format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
    ))
}

fn only_for_groups(reader: Reader, option: &str) -> CommandResult {
    if reader == Reader::Group {
        return Ok(());
    }
    Err(CommandError::new(format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    )))
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
pub fn xread<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let request = Request::parse(ctx, args, Reader::Alone)?;
    let mut positions = SmallVec::<[StreamId; 4]>::new();
    for (key, id) in request.keys(args).iter().zip(request.ids(args)) {
        let stream = ctx.keys.read::<Stream>(key)?;
        positions.push(read_after(id, stream)?);
    }
    let mut ready = SmallVec::<[(&[u8], &Stream, StreamId); 4]>::new();
    for (key, after) in request.keys(args).iter().zip(&positions) {
        if let Some(stream) = ctx.keys.read::<Stream>(key)?
            && stream.entries().has_after(*after)
            && let Some(start) = after.incr()
        {
            ready.push((key, stream, start));
        }
    }
    if ready.is_empty() {
        drop(ready);
        wait(ctx, args, &request, &positions);
        return Ok(());
    }
    if !ctx.claim() {
        return Ok(());
    }
    let reply = &mut *ctx.reply;
    if reply.is_resp3() {
        reply.map(ready.len())
    } else {
        reply.array(ready.len())
    }
    for (key, stream, start) in ready {
        write_stream_head(reply, key);
        let entries = stream.entries().range(start, StreamId::MAX);
        write_entries(reply, entries.take(if request.count == 0 { usize::MAX } else { request.count }));
    }
    Ok(())
}

/// The identifier after which XREAD reads.
fn read_after(argument: &[u8], stream: Option<&Stream>) -> Result<StreamId, CommandError> {
    match argument {
        b"$" => Ok(stream.map_or(StreamId::MIN, |stream| stream.entries().last_id())),
        b">" => Err("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.".into()),
        _ => id(argument, 0),
    }
}

/// A stream's part of the reply: an array of two, or in RESP3 a pair of the map.
fn write_stream_head(reply: &mut Reply, key: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Waits for the streams, if BLOCK says so; `positions` are the identifiers that `$` stands for.
fn wait<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, request: &Request<'a>, positions: &[StreamId]) {
    let Some(deadline_ms) = request.block else { return ctx.reply.null_array() };
    let ids = request.ids(args);
    let arguments = ids.contains(&&b"$"[..]).then(|| {
        let mut arguments: Vec<Vec<u8>> = args.0.iter().map(|argument| argument.to_vec()).collect();
        for (argument, position) in arguments[args.len() - ids.len()..].iter_mut().zip(positions) {
            if argument == b"$" {
                *argument = position.text().to_vec();
            }
        }
        arguments
    });
    ctx.block(BlockRequest {
        keys: request.keys(args).to_vec(),
        wants: ValueType::Stream,
        on_removal: request.group.is_some(),
        deadline_ms,
        arguments,
        timeout_reply: TimeoutReply::NullArray,
        is_work: false,
        then: None,
    });
}

/// What of a stream a consumer asks for.
#[derive(Clone, Copy)]
enum From {
    /// `>`
    New,
    /// An identifier: what is pending after it.
    Pending(StreamId),
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
pub fn xreadgroup<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let request = Request::parse(ctx, args, Reader::Group)?;
    let Some((group, _)) = request.group else { return Err(syntax()) };
    let mut wanted = SmallVec::<[From; 4]>::new();
    for (key, id) in request.keys(args).iter().zip(request.ids(args)) {
        let stream = ctx.keys.read::<Stream>(key)?;
        if stream.is_none_or(|stream| stream.groups().get(group).is_none()) {
            return Err(no_group(key, group));
        }
        wanted.push(group_reads(id)?);
    }
    ctx.keys.effects.propagate_nothing();
    let mark = ctx.reply.mark();
    let mut served = 0;
    for (key, from) in request.keys(args).iter().zip(wanted) {
        let is_ready = match from {
            From::Pending(_) => true,
            From::New => ctx.keys.read::<Stream>(key)?.is_some_and(|stream| has_new(stream, group)),
        };
        if is_ready && served == 0 && !ctx.claim() {
            return Ok(());
        }
        read_as_consumer(ctx, key, &request, is_ready.then_some(from))?;
        served += usize::from(is_ready);
    }
    match served {
        0 => wait(ctx, args, &request, &[]),
        _ if ctx.reply.is_resp3() => ctx.reply.map_at(mark, served),
        _ => ctx.reply.array_at(mark, served),
    }
    Ok(())
}

fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::of(&[
        &"NOGROUP No such key '",
        &shown(key),
        &"' or consumer group '",
        &shown(group),
        &"' in XREADGROUP with GROUP option",
    ])
}

fn group_reads(argument: &[u8]) -> Result<From, CommandError> {
    match argument {
        b">" => Ok(From::New),
        b"$" => Err("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.".into()),
        _ => match id(argument, 0)? {
            // Redis keeps `>` as the greatest identifier, and so takes this one for it.
            StreamId::MAX => Ok(From::New),
            after => Ok(From::Pending(after)),
        },
    }
}

fn has_new(stream: &Stream, group: &[u8]) -> bool {
    stream.groups().get(group).is_some_and(|group| stream.entries().has_after(group.last_id))
}

/// Marks the consumer of one stream as seen, and delivers to it what it asks for, if there is any.
fn read_as_consumer<'a>(
    ctx: &mut Context<'_, 'a>,
    key: &'a [u8],
    request: &Request<'a>,
    from: Option<From>,
) -> CommandResult {
    let Some((group_name, consumer_name)) = request.group else { return Ok(()) };
    let now_ms = ctx.keys.now_ms();
    let mut journal = GroupJournal::new(ctx, key, group_name);
    let Some(mut stream) = ctx.keys.write::<Stream>(key)? else { return Ok(()) };
    let (entries, groups) = stream.split_mut();
    let Some(group) = groups.get_mut(group_name) else { return Ok(()) };
    let (consumer, created) = group.see_consumer(consumer_name, now_ms);
    if created && request.noack {
        journal.create_consumer(consumer_name);
    }
    let delivery = Delivery { consumer, count: request.count, noack: request.noack, now_ms };
    if let Some(from) = from {
        write_stream_head(ctx.reply, key);
        match from {
            From::New => deliver_new(ctx.reply, group, entries, &delivery, &mut journal),
            From::Pending(after) => deliver_again(ctx.reply, group, entries, &delivery, after),
        }
    }
    let changes = i64::from(created) + i64::from(from.is_some());
    if created {
        stream.told(Reach::Listeners, event::STREAM, "xgroup-createconsumer", changes);
    } else if changes > 0 {
        stream.changed_untold(changes);
    }
    journal.propagate(ctx);
    Ok(())
}

fn deliver_new(
    reply: &mut Reply,
    group: &mut Group,
    entries: &Entries,
    delivery: &Delivery,
    journal: &mut GroupJournal<'_>,
) {
    let consumer = group.consumer_name(delivery.consumer).to_vec();
    let mark = reply.mark();
    let count = group.deliver_new(entries, delivery, |entry| {
        if !delivery.noack {
            journal.claim_for(
                &consumer,
                &entry.id.text(),
                &delivered(delivery.consumer, delivery.now_ms),
                entry.id,
            );
        }
        write_entry(reply, entry);
    });
    reply.array_at(mark, count);
    if delivery.noack && count > 0 {
        journal.set_id(group);
    }
}

/// The state of an entry that has just been delivered for the first time.
fn delivered(consumer: ConsumerId, now_ms: i64) -> Nack {
    Nack { delivery_time_ms: now_ms, delivery_count: 1, consumer }
}

fn deliver_again(
    reply: &mut Reply,
    group: &mut Group,
    entries: &Entries,
    delivery: &Delivery,
    after: StreamId,
) {
    let mark = reply.mark();
    let count = group.deliver_again(entries, delivery, after, |id, entry| match entry {
        Some(entry) => write_entry(reply, entry),
        None => {
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
        }
    });
    reply.array_at(mark, count);
}
