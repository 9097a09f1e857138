//! The consumers of a group, by name and by the number under which pending entries refer to them.
//!
//! The number of a removed consumer is given to the next new one; all its pending entries went with it.

use triomphe::Arc;

use super::{StreamId, estimate};
use crate::value::compact::ordered_tree::OrderedTree;

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last tried to read or claim, in milliseconds since the epoch.
    pub seen_time_ms: i64,
    /// When it last got an entry.
    pub active_time_ms: Option<i64>,
    pub(super) pending: OrderedTree<StreamId, ()>,
}

/// Refers to a consumer of one group as long as the consumer is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerId(u32);

#[derive(Clone, Default, Debug)]
pub(super) struct Consumers {
    slots: Vec<Option<Arc<Consumer>>>,
    /// Those in use, in the order of the names.
    by_name: Vec<ConsumerId>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Number of entries delivered to it and not acknowledged.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The identifiers of its pending entries.
    pub fn pending_ids(&self) -> impl Iterator<Item = StreamId> {
        self.pending.iter().map(|(id, _)| id)
    }
}

impl ConsumerId {
    /// No consumer: the state of a pending entry while it is loaded or forced.
    pub(super) const NONE: Self = Self(u32::MAX);
}

impl Consumers {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.search(name).ok().map(|index| self.by_name[index])
    }

    /// Adds a consumer; nothing if the name is taken.
    pub(super) fn create(&mut self, name: &[u8], seen_time_ms: i64) -> Option<ConsumerId> {
        let index = self.search(name).err()?;
        // Most groups never lose a consumer: no search then, which a file of many consumers would feel.
        let free = self.by_name.len() < self.slots.len();
        let free = free.then(|| self.slots.iter().position(Option::is_none)).flatten();
        let slot = free.unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        let consumer =
            Consumer { name: name.into(), seen_time_ms, active_time_ms: None, pending: OrderedTree::new() };
        self.slots[slot] = Some(Arc::new(consumer));
        self.by_name.insert(index, ConsumerId(slot as u32));
        Some(ConsumerId(slot as u32))
    }

    pub(super) fn remove(&mut self, id: ConsumerId) -> Option<Arc<Consumer>> {
        self.by_name.retain(|other| *other != id);
        self.slots.get_mut(id.0 as usize)?.take()
    }

    #[inline]
    pub(super) fn get(&self, id: ConsumerId) -> Option<&Consumer> {
        self.slots.get(id.0 as usize)?.as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        self.slots.get_mut(id.0 as usize)?.as_mut().map(Arc::make_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        self.by_name.iter().filter_map(|id| self.get(*id).map(|consumer| (*id, consumer)))
    }

    /// Bytes allocated, estimated from up to `samples` consumers.
    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let all = estimate(self.iter().map(|(_, consumer)| consumer.heap_bytes()), self.len(), samples);
        all + self.slots.capacity() * size_of::<usize>() + self.by_name.capacity() * size_of::<ConsumerId>()
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|id| self.get(*id).map_or(&[][..], Consumer::name).cmp(name))
    }
}

impl Consumer {
    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<usize>() + self.name.len() + self.pending.heap_bytes()
    }
}
