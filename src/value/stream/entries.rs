//! The entries of a stream and what Redis remembers about those that are gone.

use super::node::{NODE_BYTES_MAX, Node};
use super::nodes::Nodes;
use super::range::{Entry, Range, RangeRev};
use super::{NewId, StreamId, StreamLimits, radix};
use crate::value::compact::Malformed;

/// Entries in ascending order of their identifiers, and counters.
#[derive(Clone, Default, Debug)]
pub struct Entries {
    pub(super) nodes: Nodes,
    pub(super) state: EntriesState,
}

/// The counters of a stream, as they are in an RDB file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EntriesState {
    /// Number of entries.
    pub length: u64,
    /// The last identifier given, whether its entry is still there or not.
    pub last_id: StreamId,
    /// Identifier of the first entry; `0-0` when there is none.
    pub first_id: StreamId,
    /// The greatest identifier that XDEL removed (trimming does not count).
    pub max_deleted_entry_id: StreamId,
    /// Number of entries ever added.
    pub entries_added: u64,
}

/// Why XADD cannot append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendError {
    /// The identifier is `0-0`.
    Zero,
    /// The last identifier is the greatest there is.
    Exhausted,
    /// The identifier is not above the last one.
    NotGreater,
    /// Names and values together are beyond what a node may hold.
    TooLarge,
}

/// Why XSETID is refused. The order is that of Redis's checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetIdError {
    /// Below the `max_deleted_entry_id` that the stream has.
    BelowMaxDeleted,
    /// Below the last entry.
    BelowLastEntry,
    /// The given number of added entries is below the length.
    AddedBelowLength,
}

impl Entries {
    /// Entries as they come from an RDB file: `nodes` in ascending order.
    pub fn from_parts(
        nodes: impl IntoIterator<Item = (StreamId, Box<[u8]>)>,
        state: EntriesState,
    ) -> Result<Self, Malformed> {
        let mut entries = Self { nodes: Nodes::default(), state };
        let (mut previous, mut length) = (None, 0);
        for (first, bytes) in nodes {
            let node = Node::from_bytes_checked(bytes)?;
            if previous >= Some(first) {
                return Err(Malformed);
            }
            previous = Some(first);
            length += node.master().count as u64;
            entries.nodes.push(first, node);
        }
        if length == state.length { Ok(entries) } else { Err(Malformed) }
    }

    /// The counters.
    #[inline]
    pub fn state(&self) -> &EntriesState {
        &self.state
    }

    /// Replaces all counters but the length: for files older than Redis 7, which lack some of them.
    pub fn set_state(&mut self, state: EntriesState) {
        self.state = EntriesState { length: self.state.length, ..state };
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> u64 {
        self.state.length
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.state.length == 0
    }

    /// The last identifier given.
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.state.last_id
    }

    /// The identifier that XADD would give, as far as it is not the caller's choice.
    pub fn resolve(&self, id: NewId, now_ms: u64) -> Result<StreamId, AppendError> {
        let last = self.state.last_id;
        if id == NewId::Explicit(StreamId::MIN) {
            return Err(AppendError::Zero);
        }
        let next = last.incr().ok_or(AppendError::Exhausted)?;
        let id = match id {
            NewId::Automatic if now_ms > last.ms => StreamId::new(now_ms, 0),
            NewId::Automatic => next,
            NewId::AutomaticSequence(ms) if ms == last.ms && next.ms == ms => next,
            NewId::AutomaticSequence(ms) => StreamId::new(ms, 0),
            NewId::Explicit(id) => id,
        };
        if id > last { Ok(id) } else { Err(AppendError::NotGreater) }
    }

    /// Appends an entry of at least one field and returns its identifier.
    pub fn append<'a>(
        &mut self,
        id: NewId,
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
        now_ms: u64,
        limits: &StreamLimits,
    ) -> Result<StreamId, AppendError> {
        let id = self.resolve(id, now_ms)?;
        let bytes: usize = fields.clone().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > NODE_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        match self.nodes.tail_mut() {
            Some((first, node)) if node.has_room(bytes, limits) => node.append(*first, id, fields),
            _ => {
                let mut node = Node::new(fields.clone());
                node.append(id, id, fields);
                self.nodes.push(id, node);
            }
        }
        self.count_added(id);
        Ok(id)
    }

    /// Removes the entry `id`; false if there is none.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((first, node)) = self.nodes.floor(id) else { return false };
        let Some(at) = node.find(first, id).map(|record| record.at) else { return false };
        if node.master().count == 1 {
            self.nodes.remove(first);
        } else if let Some(node) = self.nodes.get_mut(first) {
            node.mark_deleted(&[at]);
        }
        self.state.length -= 1;
        self.state.max_deleted_entry_id = self.state.max_deleted_entry_id.max(id);
        if id == self.state.first_id {
            self.find_first();
        }
        true
    }

    /// Whether there is an entry `id`.
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The entry `id`.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let (first, node) = self.nodes.floor(id)?;
        node.find(first, id).map(Entry::from)
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::new(&self.nodes, start, end)
    }

    /// The entries from `end` back to `start`, both included.
    pub fn range_rev(&self, start: StreamId, end: StreamId) -> RangeRev<'_> {
        RangeRev::new(&self.nodes, start, end)
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.range(StreamId::MIN, StreamId::MAX).next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        self.range_rev(StreamId::MIN, StreamId::MAX).next()
    }

    /// Whether there is an entry after `id`: what XREAD waits for.
    pub fn has_after(&self, id: StreamId) -> bool {
        !self.is_empty() && self.last().is_some_and(|entry| entry.id > id)
    }

    /// XSETID: `entries_added` and `max_deleted` stay when not given. That `id` is not below the given `max_deleted` is
    /// checked by whoever parses the arguments.
    pub fn set_id(
        &mut self,
        id: StreamId,
        entries_added: Option<u64>,
        max_deleted: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        if id < self.state.max_deleted_entry_id {
            return Err(SetIdError::BelowMaxDeleted);
        }
        if let Some(last) = self.last() {
            if id < last.id {
                return Err(SetIdError::BelowLastEntry);
            }
            if entries_added.is_some_and(|added| added < self.state.length) {
                return Err(SetIdError::AddedBelowLength);
            }
        }
        self.state.last_id = id;
        self.state.entries_added = entries_added.unwrap_or(self.state.entries_added);
        let max_deleted = max_deleted.filter(|max_deleted| *max_deleted != StreamId::MIN);
        self.state.max_deleted_entry_id = max_deleted.unwrap_or(self.state.max_deleted_entry_id);
        Ok(())
    }

    /// The nodes as they go into an RDB file.
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, &[u8])> {
        self.nodes.iter().map(|(first, node)| (first, node.as_bytes()))
    }

    /// Number of nodes: `radix-tree-keys` of XINFO STREAM.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Nodes that Redis's radix tree would have: `radix-tree-nodes` of XINFO STREAM.
    pub fn radix_node_count(&self) -> usize {
        radix::node_count(self.nodes.iter().map(|(first, _)| first))
    }

    /// Sets `first_id` from the entries.
    pub(super) fn find_first(&mut self) {
        self.state.first_id = self.first().map_or(StreamId::MIN, |entry| entry.id);
    }

    fn count_added(&mut self, id: StreamId) {
        let state = &mut self.state;
        state.length += 1;
        state.entries_added = state.entries_added.wrapping_add(1);
        state.last_id = id;
        if state.length == 1 {
            state.first_id = id;
        }
    }
}
