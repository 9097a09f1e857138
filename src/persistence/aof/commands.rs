//! Values as the commands that make them: the base of the log with `aof-use-rdb-preamble no`.
//!
//! Any server with Redis's commands can load it. What no command can say is left out, as in Redis: access times, and when a
//! consumer was last active. An entry that is still pending though it has been deleted from its stream can only be claimed
//! while it is there, so it is added, claimed and taken away again (Redis's own rewrite loses it).

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::base::number;
use crate::value::compact::listpack::Item;
use crate::value::stream::{Group, StreamId};
use crate::value::{LargeString, Stream, Value, ValueRef};

/// Elements in one command, as in Redis.
const ELEMENTS_MAX: usize = 64;
/// Members of a sorted set that are let go at once: whole commands.
const LET_GO_MEMBERS: usize = 16 * ELEMENTS_MAX;

/// Writes a key: its value, and when it expires.
///
/// # Errors
/// Those of writing.
pub fn write_key(
    out: &mut impl Write,
    key: &[u8],
    value: ValueRef<'_>,
    expiry_ms: Option<i64>,
) -> io::Result<()> {
    match value {
        ValueRef::Integer(value) => {
            write_words(out, 3, &[b"SET", key])?;
            write_integer(out, value)?;
        }
        ValueRef::Text(bytes) => write_words(out, 3, &[b"SET", key, bytes])?,
        ValueRef::Large(large) => write_large(out, key, large.clone())?,
        ValueRef::List(list) => write_elements(out, b"RPUSH", key, list.len(), 1, list.iter(), write_item)?,
        ValueRef::Set(set) => write_elements(out, b"SADD", key, set.len(), 1, set.iter(), write_item)?,
        ValueRef::Hash(hash) => {
            write_elements(out, b"HSET", key, hash.len(), 2, hash.iter(), |out, (field, value)| {
                write_item(out, field)?;
                write_item(out, value)
            })?;
        }
        ValueRef::ZSet(zset) => write_members(out, key, zset.iter())?,
        ValueRef::Stream(stream) => write_stream(out, key, stream)?,
    }
    write_expiry(out, key, expiry_ms)
}

/// As [`write_key`] for a value that nobody else needs any more: of large ones, what is written is let go at once.
///
/// # Errors
/// Those of writing.
pub fn write_key_with(
    out: &mut impl Write,
    key: &[u8],
    value: Value,
    expiry_ms: Option<i64>,
) -> io::Result<()> {
    match value {
        Value::Large(large) => write_large(out, key, large)?,
        Value::ZSet(mut zset) => {
            while !zset.is_empty() {
                let first = 0..zset.len().min(LET_GO_MEMBERS);
                write_members(out, key, zset.range(first.clone()))?;
                zset.forget(first);
            }
        }
        value => return write_key(out, key, value.as_ref(), expiry_ms),
    }
    write_expiry(out, key, expiry_ms)
}

fn write_expiry(out: &mut impl Write, key: &[u8], expiry_ms: Option<i64>) -> io::Result<()> {
    let Some(at) = expiry_ms else { return Ok(()) };
    write_words(out, 3, &[b"PEXPIREAT", key])?;
    write_integer(out, at)
}

/// Selects a database.
///
/// # Errors
/// Those of writing.
pub fn write_select(out: &mut impl Write, db: usize) -> io::Result<()> {
    write_words(out, 2, &[b"SELECT"])?;
    write_integer(out, db as i64)
}

/// Loads a library of functions.
///
/// # Errors
/// Those of writing.
pub fn write_function(out: &mut impl Write, code: &[u8]) -> io::Result<()> {
    write_words(out, 3, &[b"FUNCTION", b"LOAD", code])
}

/// Begins a command of `count` words with the first ones.
fn write_words(out: &mut impl Write, count: usize, words: &[&[u8]]) -> io::Result<()> {
    write!(out, "*{count}\r\n")?;
    words.iter().try_for_each(|word| write_bulk(out, word))
}

fn write_bulk(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    write!(out, "${}\r\n", bytes.len())?;
    out.write_all(bytes)?;
    out.write_all(b"\r\n")
}

fn write_integer(out: &mut impl Write, value: i64) -> io::Result<()> {
    number::with_integer_text(value, |text| write_bulk(out, text))
}

fn write_item(out: &mut impl Write, item: Item<'_>) -> io::Result<()> {
    match item {
        Item::Bytes(bytes) => write_bulk(out, bytes),
        Item::Integer(value) => write_integer(out, value),
    }
}

fn write_large(out: &mut impl Write, key: &[u8], large: LargeString) -> io::Result<()> {
    write_words(out, 3, &[b"SET", key])?;
    write!(out, "${}\r\n", large.len())?;
    large.into_chunks().try_for_each(|chunk| out.write_all(&chunk))?;
    out.write_all(b"\r\n")
}

fn write_members<'a>(
    out: &mut impl Write,
    key: &[u8],
    members: impl ExactSizeIterator<Item = (Item<'a>, f64)>,
) -> io::Result<()> {
    write_elements(out, b"ZADD", key, members.len(), 2, members, |out, (member, score)| {
        write_bulk(out, number::format_f64_17(score).as_bytes())?;
        write_item(out, member)
    })
}

/// `count` elements of `width` words each, in commands of at most [`ELEMENTS_MAX`] elements.
fn write_elements<W: Write, T>(
    out: &mut W,
    name: &[u8],
    key: &[u8],
    count: usize,
    width: usize,
    elements: impl Iterator<Item = T>,
    write: impl Fn(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    for (index, element) in elements.enumerate() {
        if index % ELEMENTS_MAX == 0 {
            write_words(out, 2 + width * (count - index).min(ELEMENTS_MAX), &[name, key])?;
        }
        write(out, element)?;
    }
    Ok(())
}

/// Entries, groups, what is only there to be claimed away again, and the counters.
fn write_stream(out: &mut impl Write, key: &[u8], stream: &Stream) -> io::Result<()> {
    let (entries, state) = (stream.entries(), stream.entries().state());
    let passing = passing_entries(stream);
    write_entries(out, key, stream, &passing)?;
    stream.groups().iter().try_for_each(|(name, group)| write_group(out, key, name, group))?;
    match entries.first() {
        // What came before the first entry was trimmed, which max_deleted_entry_id does not count.
        Some(first) if passing.first().is_some_and(|id| *id < first.id) => {
            write_words(out, 4, &[b"XTRIM", key, b"MINID", &first.id.text()])?;
        }
        None => write_words(out, 4, &[b"XTRIM", key, b"MAXLEN", b"0"])?,
        _ => {}
    }
    if let Some(first) = entries.first() {
        for id in passing.range(first.id..) {
            write_words(out, 3, &[b"XDEL", key, &id.text()])?;
        }
    }
    write_words(out, 7, &[b"XSETID", key, &state.last_id.text(), b"ENTRIESADDED"])?;
    write_integer(out, state.entries_added as i64)?;
    write_bulk(out, b"MAXDELETEDID")?;
    write_bulk(out, &state.max_deleted_entry_id.text())
}

/// Identifiers that are no entries and must be for a while: those that are pending, and one for a stream without entries.
fn passing_entries(stream: &Stream) -> BTreeSet<StreamId> {
    let entries = stream.entries();
    let pending = stream.groups().iter().flat_map(|(_, group)| group.pending().map(|(id, _)| id));
    let mut passing: BTreeSet<StreamId> = pending.filter(|id| !entries.contains(*id)).collect();
    if entries.is_empty() {
        passing.insert(entries.last_id().max(StreamId { ms: 0, seq: 1 }));
    }
    // No entry can have it.
    passing.remove(&StreamId::MIN);
    passing
}

fn write_entries(
    out: &mut impl Write,
    key: &[u8],
    stream: &Stream,
    passing: &BTreeSet<StreamId>,
) -> io::Result<()> {
    let add_passing =
        |out: &mut _, id: &StreamId| write_words(out, 5, &[b"XADD", key, &id.text(), b"x", b"y"]);
    let mut passing = passing.iter().peekable();
    for entry in stream.entries().range(StreamId::MIN, StreamId::MAX) {
        while let Some(id) = passing.next_if(|id| **id < entry.id) {
            add_passing(out, id)?;
        }
        write_words(out, 3 + 2 * entry.fields.len(), &[b"XADD", key, &entry.id.text()])?;
        for (field, value) in entry.fields {
            write_item(out, field)?;
            write_item(out, value)?;
        }
    }
    passing.try_for_each(|id| add_passing(out, id))
}

fn write_group(out: &mut impl Write, key: &[u8], name: &[u8], group: &Group) -> io::Result<()> {
    let count = if group.entries_read.is_some() { 7 } else { 5 };
    write_words(out, count, &[b"XGROUP", b"CREATE", key, name, &group.last_id.text()])?;
    if let Some(read) = group.entries_read {
        write_bulk(out, b"ENTRIESREAD")?;
        write_integer(out, read as i64)?;
    }
    for (_, consumer) in group.consumers() {
        write_words(out, 5, &[b"XGROUP", b"CREATECONSUMER", key, name, consumer.name()])?;
        for id in consumer.pending_ids() {
            let Some(nack) = group.nack(id) else { continue };
            write_words(out, 12, &[b"XCLAIM", key, name, consumer.name(), b"0", &id.text(), b"TIME"])?;
            write_integer(out, nack.delivery_time_ms)?;
            write_bulk(out, b"RETRYCOUNT")?;
            write_integer(out, nack.delivery_count as i64)?;
            write_bulk(out, b"JUSTID")?;
            write_bulk(out, b"FORCE")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::list::ListLimits;
    use crate::value::stream::Stream;
    use crate::value::zset::{AddFlags, ZSetLimits};
    use crate::value::{Hash, List, ZSet};

    /// The commands of a key `k`, words apart by spaces.
    fn commands(value: ValueRef<'_>, expiry_ms: Option<i64>) -> Vec<String> {
        let mut out = Vec::new();
        write_key(&mut out, b"k", value, expiry_ms).unwrap();
        let mut commands = Vec::new();
        for line in String::from_utf8(out).unwrap().split_terminator("\r\n") {
            match line.as_bytes()[0] {
                b'*' => commands.push((line[1..].parse::<usize>().unwrap(), Vec::new())),
                b'$' => {}
                _ => commands.last_mut().unwrap().1.push(line.to_owned()),
            }
        }
        let joined = |(count, words): (usize, Vec<String>)| {
            assert_eq!(count, words.len(), "{words:?}");
            words.join(" ")
        };
        commands.into_iter().map(joined).collect()
    }

    #[test]
    fn strings_and_times() {
        assert_eq!(commands(ValueRef::Integer(-5), None), ["SET k -5"]);
        assert_eq!(commands(ValueRef::Text(b"text"), Some(17)), ["SET k text", "PEXPIREAT k 17"]);
        let large = LargeString::new(&[b'x'; 300_000]);
        assert_eq!(commands(ValueRef::Large(&large), None), [format!("SET k {}", "x".repeat(300_000))]);
    }

    #[test]
    fn elements_come_in_chunks() {
        let check = |count: usize, expected: &[usize]| {
            let mut list = List::new();
            let elements: Vec<String> = (0..count).map(|number| format!("e{number}")).collect();
            let limits = ListLimits { max_listpack_size: -2 };
            elements.iter().for_each(|element| list.push_back(element.as_bytes(), limits));
            let commands = commands(ValueRef::List(&list), None);
            let counts: Vec<usize> = commands.iter().map(|command| command.split(' ').count() - 2).collect();
            assert_eq!(counts, expected);
            let all: Vec<&str> = commands.iter().flat_map(|command| command.split(' ').skip(2)).collect();
            assert_eq!(all, elements);
        };
        check(1, &[1]);
        check(64, &[64]);
        check(65, &[64, 1]);
        check(130, &[64, 64, 2]);
    }

    #[test]
    fn pairs_keep_their_order() {
        let mut hash = Hash::new();
        hash.set(b"f", b"1", &Default::default());
        assert_eq!(commands(ValueRef::Hash(&hash), None), ["HSET k f 1"]);
        let limits = ZSetLimits::default();
        let mut zset = ZSet::new(1, 1, &limits);
        zset.add(0.1, b"m", AddFlags::default(), &limits);
        zset.add(f64::NEG_INFINITY, b"n", AddFlags::default(), &limits);
        assert_eq!(commands(ValueRef::ZSet(&zset), None), ["ZADD k -inf n 0.10000000000000001 m"]);
    }

    #[test]
    fn a_stream_without_entries_has_one_for_a_while() {
        let expected = ["XADD k 0-1 x y", "XTRIM k MAXLEN 0", "XSETID k 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0"];
        assert_eq!(commands(ValueRef::Stream(&Stream::new()), None), expected);
    }
}
