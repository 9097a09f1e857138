//! What the commands for streams have in common: identifiers among the arguments, error texts, entries in replies, and the
//! journal's form of what a group has done.

use crate::engine::error::echoed;
use crate::engine::{Args, CommandError, CommandResult, Context, text};
use crate::resp::Reply;
use crate::value::compact::listpack::Item;
use crate::value::stream::{Entry, Group, Nack, StreamId};

/// An argument is no identifier.
const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";

/// An identifier; `missing_seq` stands for a sequence number that is not given.
pub fn id(argument: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    StreamId::parse(argument, missing_seq).ok_or(INVALID_ID.into())
}

/// The identifiers from `index` on. Commands take all of them or none.
pub fn ids(args: Args<'_>, index: usize) -> Result<Vec<StreamId>, CommandError> {
    args.from(index).iter().map(|argument| id(argument, 0)).collect()
}

/// The error of an argument that is no identifier.
pub fn invalid_id() -> CommandError {
    INVALID_ID.into()
}

/// The start of an interval: an identifier, `-`, `+`, or one with `(` before it that is not itself included.
pub fn interval_start(argument: &[u8]) -> Result<StreamId, CommandError> {
    let (argument, excluded) = bound(argument);
    let start = excluded_or_not(argument, excluded, 0)?;
    if !excluded {
        return Ok(start);
    }
    start.incr().ok_or("ERR invalid start ID for the interval".into())
}

/// The end of an interval, as [`interval_start`].
pub fn interval_end(argument: &[u8]) -> Result<StreamId, CommandError> {
    let (argument, excluded) = bound(argument);
    let end = excluded_or_not(argument, excluded, u64::MAX)?;
    if !excluded {
        return Ok(end);
    }
    end.decr().ok_or("ERR invalid end ID for the interval".into())
}

fn bound(argument: &[u8]) -> (&[u8], bool) {
    match argument.split_first() {
        Some((b'(', rest)) if !rest.is_empty() => (rest, true),
        _ => (argument, false),
    }
}

/// `-` and `+` are no identifiers that could be excluded.
fn excluded_or_not(argument: &[u8], excluded: bool, missing_seq: u64) -> Result<StreamId, CommandError> {
    if excluded {
        return id(argument, missing_seq);
    }
    StreamId::parse_bound(argument, missing_seq).ok_or(INVALID_ID.into())
}

/// An argument in an error text.
pub fn shown(argument: &[u8]) -> &[u8] {
    echoed(argument, usize::MAX)
}

/// No such group, in the words of most commands.
pub fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::of(&[&"NOGROUP No such key '", &shown(key), &"' or consumer group '", &shown(group), &"'"])
}

/// No such group, in the words of XGROUP and XINFO.
pub fn no_group_for_key(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::of(&[
        &"NOGROUP No such consumer group '",
        &shown(group),
        &"' for key name '",
        &shown(key),
        &"'",
    ])
}

/// The value of an option, if it is an integer; else an error with this text.
pub fn integer_or(args: Args<'_>, index: usize, text: &'static str) -> Result<i64, CommandError> {
    args.integer(index).map_err(|_| text.into())
}

/// `COUNT` as entries to reply with: negative counts as none.
pub fn count(args: Args<'_>, index: usize) -> Result<usize, CommandError> {
    Ok(args.integer(index)?.max(0) as usize)
}

/// Writes an identifier.
#[inline]
pub fn write_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(&id.text());
}

/// Writes an entry: its identifier, and its fields and values.
pub fn write_entry(reply: &mut Reply, entry: Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    reply.array(2 * entry.fields.len());
    for (name, value) in entry.fields {
        write_item(reply, name);
        write_item(reply, value);
    }
}

/// Writes entries as an array; returns how many there were.
pub fn write_entries<'e>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'e>>) -> usize {
    let mark = reply.mark();
    let count = entries.map(|entry| write_entry(reply, entry)).count();
    reply.array_at(mark, count);
    count
}

#[inline]
fn write_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_integer(number),
    }
}

/// A command for the journal.
pub type Record = Vec<Vec<u8>>;

/// The place of a group, and what is to be journaled of it once it is not borrowed any more.
pub struct GroupJournal<'a> {
    key: &'a [u8],
    group: &'a [u8],
    is_on: bool,
    records: Vec<Record>,
}

impl<'a> GroupJournal<'a> {
    /// Nothing so far. Builds nothing as long as nobody reads the journal.
    pub fn new(ctx: &Context<'_, 'a>, key: &'a [u8], group: &'a [u8]) -> Self {
        Self { key, group, is_on: ctx.node.journal.is_on(), records: Vec::new() }
    }

    /// That an entry is pending with a consumer, and how far the group has read.
    pub fn claim(&mut self, group: &Group, id: &[u8], nack: &Nack) {
        self.claim_for(group.consumer_name(nack.consumer), id, nack, group.last_id);
    }

    /// As [`GroupJournal::claim`] while the group is borrowed.
    pub fn claim_for(&mut self, consumer: &[u8], id: &[u8], nack: &Nack, last_id: StreamId) {
        if !self.is_on {
            return;
        }
        let (time, count) = (nack.delivery_time_ms.to_string(), nack.delivery_count.to_string());
        let last_id = last_id.text();
        let head: [&[u8]; 6] = [b"XCLAIM", self.key, self.group, consumer, b"0", id];
        let state: [&[u8]; 4] = [b"TIME", time.as_bytes(), b"RETRYCOUNT", count.as_bytes()];
        let tail: [&[u8]; 4] = [b"FORCE", b"JUSTID", b"LASTID", &last_id];
        self.push(&[&head[..], &state, &tail].concat());
    }

    /// How far the group has read.
    pub fn set_id(&mut self, group: &Group) {
        let read = group.entries_read.map_or("-1".to_owned(), |read| read.to_string());
        let last_id = group.last_id.text();
        self.push(&[b"XGROUP", b"SETID", self.key, self.group, &last_id, b"ENTRIESREAD", read.as_bytes()]);
    }

    /// That a consumer has been made.
    pub fn create_consumer(&mut self, consumer: &[u8]) {
        self.push(&[b"XGROUP", b"CREATECONSUMER", self.key, self.group, consumer]);
    }

    /// Hands the records over, in place of the command.
    pub fn propagate(self, ctx: &mut Context<'_, '_>) {
        for record in self.records {
            ctx.keys.effects.propagate_instead(record.iter().map(Vec::as_slice));
        }
    }

    fn push(&mut self, record: &[&[u8]]) {
        if self.is_on {
            self.records.push(record.iter().map(|argument| argument.to_vec()).collect());
        }
    }
}

/// Replies with the lines of a HELP subcommand.
pub fn help(ctx: &mut Context<'_, '_>, lines: &[&str]) -> CommandResult {
    ctx.reply.help(lines);
    Ok(())
}

/// An argument that no option can be.
pub fn syntax() -> CommandError {
    text::SYNTAX.into()
}
