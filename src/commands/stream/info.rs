//! XINFO: what a stream, its groups and their consumers are like.

use super::options::{self, no_group_for_key, write_entries, write_entry, write_id};
use crate::engine::{Args, CommandError, CommandResult, Context, text};
use crate::resp::Reply;
use crate::value::Stream;
use crate::value::stream::{Consumer, Entry, Group, StreamId};

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Describe the consumers of the group.",
    "GROUPS <key>",
    "    Describe the groups of the stream.",
    "STREAM <key> [FULL [COUNT <count>]]",
    "    Describe the stream.",
    "HELP",
    "    Print this help.",
];

/// Entries of each list that XINFO STREAM FULL shows, if not told otherwise.
const FULL_COUNT: usize = 10;

/// XINFO STREAM key [FULL [COUNT count]]
pub fn stream<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let stream = ctx.keys.read::<Stream>(args.at(2))?.ok_or(text::NO_SUCH_KEY)?;
    match full_count(args)? {
        None => write_stream(ctx.reply, stream),
        Some(count) => write_stream_full(ctx.reply, stream, if count == 0 { usize::MAX } else { count }),
    }
    Ok(())
}

/// COUNT of FULL, 0 for all; none without FULL.
fn full_count(args: Args<'_>) -> Result<Option<usize>, CommandError> {
    match args.len() {
        3 => Ok(None),
        4 if args.is(3, "FULL") => Ok(Some(FULL_COUNT)),
        6 if args.is(3, "FULL") && args.is(4, "COUNT") => {
            Ok(Some(usize::try_from(args.integer(5)?).unwrap_or(FULL_COUNT)))
        }
        _ => Err(args.wrong_subcommand()),
    }
}

fn write_stream(reply: &mut Reply, stream: &Stream) {
    let entries = stream.entries();
    reply.map(10);
    write_state(reply, stream);
    reply.bulk(b"groups");
    reply.count(stream.groups().len());
    reply.bulk(b"first-entry");
    write_entry_or_null(reply, entries.first());
    reply.bulk(b"last-entry");
    write_entry_or_null(reply, entries.last());
}

/// The first seven pairs.
fn write_state(reply: &mut Reply, stream: &Stream) {
    let entries = stream.entries();
    let state = entries.state();
    let number = |reply: &mut Reply, name: &[u8], value: u64| {
        reply.bulk(name);
        reply.integer(value as i64);
    };
    number(reply, b"length", state.length);
    number(reply, b"radix-tree-keys", entries.node_count() as u64);
    number(reply, b"radix-tree-nodes", entries.radix_node_count() as u64);
    reply.bulk(b"last-generated-id");
    write_id(reply, state.last_id);
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, state.max_deleted_entry_id);
    number(reply, b"entries-added", state.entries_added);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, state.first_id);
}

fn write_entry_or_null(reply: &mut Reply, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => write_entry(reply, entry),
        None => reply.null(),
    }
}

fn write_stream_full(reply: &mut Reply, stream: &Stream, count: usize) {
    reply.map(9);
    write_state(reply, stream);
    reply.bulk(b"entries");
    let all = stream.entries().range(StreamId::MIN, StreamId::MAX);
    write_entries(reply, all.take(count));
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        write_group_full(reply, stream, name, group, count);
    }
}

fn write_group_full(reply: &mut Reply, stream: &Stream, name: &[u8], group: &Group, count: usize) {
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    write_progress(reply, stream, group);
    reply.bulk(b"pel-count");
    reply.count(group.pending_count());
    reply.bulk(b"pending");
    reply.array(group.pending_count().min(count));
    for (id, nack) in group.pending().take(count) {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(group.consumer_name(nack.consumer));
        reply.integer(nack.delivery_time_ms);
        reply.integer(nack.delivery_count as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumer_count());
    for (_, consumer) in group.consumers() {
        write_consumer_full(reply, group, consumer, count);
    }
}

/// How far a group has read: three pairs.
fn write_progress(reply: &mut Reply, stream: &Stream, group: &Group) {
    let number_or_null = |reply: &mut Reply, value: Option<i64>| match value {
        Some(value) => reply.integer(value),
        None => reply.null(),
    };
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    number_or_null(reply, group.entries_read.map(|read| read as i64));
    reply.bulk(b"lag");
    number_or_null(reply, group.lag(stream.entries()));
}

fn write_consumer_full(reply: &mut Reply, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen_time_ms);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_time_ms.unwrap_or(-1));
    reply.bulk(b"pel-count");
    reply.count(consumer.pending_count());
    reply.bulk(b"pending");
    reply.array(consumer.pending_count().min(count));
    for id in consumer.pending_ids().take(count) {
        let nack = group.nack(id);
        reply.array(3);
        write_id(reply, id);
        reply.integer(nack.map_or(0, |nack| nack.delivery_time_ms));
        reply.integer(nack.map_or(0, |nack| nack.delivery_count as i64));
    }
}

/// XINFO GROUPS key
pub fn groups<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let stream = ctx.keys.read::<Stream>(args.at(2))?.ok_or(text::NO_SUCH_KEY)?;
    let reply = &mut *ctx.reply;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"consumers");
        reply.count(group.consumer_count());
        reply.bulk(b"pending");
        reply.count(group.pending_count());
        write_progress(reply, stream, group);
    }
    Ok(())
}

/// XINFO CONSUMERS key group
pub fn consumers<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let now_ms = ctx.keys.now_ms();
    let stream = ctx.keys.read::<Stream>(args.at(2))?.ok_or(text::NO_SUCH_KEY)?;
    let group = stream.groups().get(args.at(3));
    let group = group.ok_or_else(|| no_group_for_key(args.at(2), args.at(3)))?;
    ctx.reply.array(group.consumer_count());
    for (_, consumer) in group.consumers() {
        write_consumer(ctx.reply, consumer, now_ms);
    }
    Ok(())
}

fn write_consumer(reply: &mut Reply, consumer: &Consumer, now_ms: i64) {
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"pending");
    reply.count(consumer.pending_count());
    reply.bulk(b"idle");
    reply.integer(now_ms.saturating_sub(consumer.seen_time_ms).max(0));
    reply.bulk(b"inactive");
    let inactive = consumer.active_time_ms.map(|active| now_ms.saturating_sub(active).max(0));
    reply.integer(inactive.unwrap_or(-1));
}

/// XINFO HELP
pub fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    options::help(ctx, HELP)
}
