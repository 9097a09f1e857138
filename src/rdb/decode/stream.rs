//! Streams, in three versions of the format.

use super::broken;
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::error::Error;
use crate::rdb::format::types;
use crate::value::compact::Malformed;
use crate::value::stream::{Entries, EntriesState, Group, Groups, StreamId};
use crate::value::{Stream, Value};

/// The stream of any of the three types; a stream without entries is a value.
pub(super) fn stream(input: &mut Cursor<'_>, value_type: u8) -> Result<Value, Error> {
    let entries = entries(input, value_type)?;
    let mut groups = Groups::default();
    for _ in 0..input.count("the number of groups")? {
        let offset = input.offset();
        let name = input.string("the name of a group")?;
        let group = group(input, value_type, &entries)?;
        if !groups.insert(&name, group) {
            return Err(Error::malformed(offset, "Duplicated consumer group name"));
        }
    }
    Ok(Value::Stream(Stream::from_parts(entries, groups)))
}

fn entries(input: &mut Cursor<'_>, value_type: u8) -> Result<Entries, Error> {
    let offset = input.offset();
    let mut nodes = Vec::new();
    for _ in 0..input.count("the number of a stream's nodes")? {
        let offset = input.offset();
        let first = input.string("the identifier of a stream's node")?;
        let first = <[u8; 16]>::try_from(&*first)
            .map_err(|_| Error::malformed(offset, "Stream node key entry is not the size of a stream ID"))?;
        let bytes = input.string("a stream's node")?.into_vec().into_boxed_slice();
        nodes.push((StreamId::from_bytes(first), bytes));
    }
    let length = input.count("the length of a stream")?;
    let mut state =
        EntriesState { length, last_id: id(input)?, entries_added: length, ..EntriesState::default() };
    if value_type != types::STREAM_LISTPACKS {
        state.first_id = id(input)?;
        state.max_deleted_entry_id = id(input)?;
        state.entries_added = input.count("the entries ever added to a stream")?;
    }
    let mut entries =
        Entries::from_parts(nodes, state).map_err(|Malformed| broken(offset, "Stream listpack"))?;
    if value_type == types::STREAM_LISTPACKS {
        state.first_id = entries.first().map_or(StreamId::MIN, |entry| entry.id);
        entries.set_state(state);
    }
    Ok(entries)
}

fn group(input: &mut Cursor<'_>, value_type: u8, entries: &Entries) -> Result<Group, Error> {
    let last_id = id(input)?;
    let entries_read = match value_type {
        types::STREAM_LISTPACKS => entries.position(last_id),
        _ => Some(input.count("the entries read by a group")?).filter(|read| *read != u64::MAX),
    };
    let mut group = Group::new(last_id, entries_read);
    for _ in 0..input.count("the number of pending entries")? {
        let offset = input.offset();
        let id = raw_id(input)?;
        let (time_ms, count) = (input.signed("a delivery time")?, input.count("a delivery count")?);
        group.restore_pending(id, time_ms, count).map_err(|Malformed| {
            Error::malformed(offset, "Duplicated global PEL entry loading stream consumer group")
        })?;
    }
    for _ in 0..input.count("the number of consumers")? {
        consumer(input, value_type, &mut group)?;
    }
    if group.is_complete() {
        Ok(group)
    } else {
        Err(Error::malformed(input.offset(), "Stream CG PEL entry without consumer"))
    }
}

fn consumer(input: &mut Cursor<'_>, value_type: u8, group: &mut Group) -> Result<(), Error> {
    let offset = input.offset();
    let name = input.string("the name of a consumer")?;
    let seen_ms = input.signed("when a consumer was seen")?;
    // Redis's own estimate for files that do not know.
    let active_ms = match value_type {
        types::STREAM_LISTPACKS_3 => input.signed("when a consumer was active")?,
        _ => seen_ms,
    };
    let consumer = group
        .restore_consumer(&name, seen_ms, (active_ms != -1).then_some(active_ms))
        .ok_or_else(|| Error::malformed(offset, "Duplicate stream consumer detected."))?;
    for _ in 0..input.count("the number of a consumer's pending entries")? {
        let offset = input.offset();
        let id = raw_id(input)?;
        group.restore_owner(id, consumer).map_err(|Malformed| {
            Error::malformed(offset, "Consumer entry not found in group global PEL, or another's")
        })?;
    }
    Ok(())
}

fn id(input: &mut Cursor<'_>) -> Result<StreamId, Error> {
    Ok(StreamId::new(input.count("a stream identifier")?, input.count("a stream identifier")?))
}

fn raw_id(input: &mut Cursor<'_>) -> Result<StreamId, Error> {
    input.array("a pending entry").map(StreamId::from_bytes)
}
