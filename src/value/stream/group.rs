//! A consumer group: how far it has read, and what it delivered that is not acknowledged.
//!
//! 1. A pending entry is in the group's map, with the number of its consumer, and in that consumer's set: both or neither.
//! 2. `entries_read` counts the entries that the group has read of all that were ever added. It is unknown when the group was
//!    set to an arbitrary identifier, or when a deleted entry makes the count ambiguous; where the identifier is one of the
//!    stream's edges it can be told again (`Entries::position`).

use super::consumers::{Consumer, ConsumerId, Consumers};
use super::{Entries, StreamId};
use crate::value::compact::Malformed;
use crate::value::compact::ordered_tree::OrderedTree;

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last identifier delivered.
    pub last_id: StreamId,
    /// Rule 2; none when unknown.
    pub entries_read: Option<u64>,
    pub(super) pending: OrderedTree<StreamId, Nack>,
    pub(super) consumers: Consumers,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nack {
    /// When it was last delivered, in milliseconds since the epoch.
    pub delivery_time_ms: i64,
    /// How often it was delivered.
    pub delivery_count: u64,
    /// To whom.
    pub consumer: ConsumerId,
}

impl Group {
    /// A group that reads what comes after `last_id`.
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self { last_id, entries_read, pending: OrderedTree::new(), consumers: Consumers::default() }
    }

    /// The consumer of this name.
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.consumers.find(name)
    }

    /// Creates a consumer that was seen now; nothing if the name is taken.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<ConsumerId> {
        self.consumers.create(name, now_ms)
    }

    /// The consumer of this name, marked as seen now, and whether it had to be created.
    pub fn see_consumer(&mut self, name: &[u8], now_ms: i64) -> (ConsumerId, bool) {
        if let Some(id) = self.consumers.find(name) {
            if let Some(consumer) = self.consumers.get_mut(id) {
                consumer.seen_time_ms = now_ms;
            }
            return (id, false);
        }
        (self.consumers.create(name, now_ms).unwrap_or(ConsumerId::NONE), true)
    }

    /// Removes a consumer with its pending entries and returns their number.
    pub fn delete_consumer(&mut self, id: ConsumerId) -> usize {
        let Some(consumer) = self.consumers.remove(id) else { return 0 };
        for pending in consumer.pending_ids() {
            self.pending.remove(pending);
        }
        consumer.pending_count()
    }

    /// The consumer `id`.
    #[inline]
    pub fn consumer(&self, id: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(id)
    }

    /// The name of the consumer `id`.
    #[inline]
    pub fn consumer_name(&self, id: ConsumerId) -> &[u8] {
        self.consumers.get(id).map_or(&[], Consumer::name)
    }

    /// All consumers, in the order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        self.consumers.iter()
    }

    /// Number of consumers.
    pub fn consumer_count(&self) -> usize {
        self.consumers.len()
    }

    /// Number of pending entries.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// All pending entries.
    pub fn pending(&self) -> impl Iterator<Item = (StreamId, &Nack)> {
        self.pending.iter()
    }

    /// The pending entry `id`.
    pub fn nack(&self, id: StreamId) -> Option<&Nack> {
        self.pending.get(id)
    }

    /// XACK: forgets a pending entry; false if it was none.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        self.release(id).is_some()
    }

    /// XGROUP SETID.
    pub fn set_id(&mut self, last_id: StreamId, entries_read: Option<u64>) {
        self.last_id = last_id;
        self.entries_read = entries_read;
    }

    /// Number of entries still to be delivered, as XINFO GROUPS estimates it; none when it cannot be told.
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        let added = entries.state().entries_added;
        if added == 0 {
            return Some(0);
        }
        let certain = self.entries_read.filter(|_| !entries.has_gap_from(self.last_id));
        let read = certain.or_else(|| entries.position(self.last_id))?;
        Some((added as i64).wrapping_sub(read as i64))
    }

    /// Restores a consumer from a file; nothing if the name is taken.
    pub fn restore_consumer(
        &mut self,
        name: &[u8],
        seen_time_ms: i64,
        active_time_ms: Option<i64>,
    ) -> Option<ConsumerId> {
        let id = self.consumers.create(name, seen_time_ms)?;
        self.consumers.get_mut(id)?.active_time_ms = active_time_ms;
        Some(id)
    }

    /// Restores a pending entry from a file; its consumer comes later, by `restore_owner`.
    pub fn restore_pending(
        &mut self,
        id: StreamId,
        delivery_time_ms: i64,
        delivery_count: u64,
    ) -> Result<(), Malformed> {
        let nack = Nack { delivery_time_ms, delivery_count, consumer: ConsumerId::NONE };
        self.pending.insert(id, nack).map_or(Ok(()), |_| Err(Malformed))
    }

    /// Restores whose pending entry `id` is; an error if there is no such entry or it has an owner.
    pub fn restore_owner(&mut self, id: StreamId, owner: ConsumerId) -> Result<(), Malformed> {
        let nack =
            self.pending.get_mut(id).filter(|nack| nack.consumer == ConsumerId::NONE).ok_or(Malformed)?;
        nack.consumer = owner;
        self.consumers.get_mut(owner).ok_or(Malformed)?.pending.insert(id, ());
        Ok(())
    }

    /// Whether every restored pending entry got its owner: to be asked when a group is loaded.
    pub fn is_complete(&self) -> bool {
        self.pending.iter().all(|(_, nack)| nack.consumer != ConsumerId::NONE)
    }

    /// Makes `nack` the state of the pending entry `id` (rule 1).
    pub(super) fn assign(&mut self, id: StreamId, nack: Nack) {
        let old = self.pending.insert(id, nack);
        if old.is_some_and(|old| old.consumer == nack.consumer) {
            return;
        }
        if let Some(owner) = old.and_then(|old| self.consumers.get_mut(old.consumer)) {
            owner.pending.remove(id);
        }
        if let Some(owner) = self.consumers.get_mut(nack.consumer) {
            owner.pending.insert(id, ());
        }
    }

    /// Forgets the pending entry `id` (rule 1).
    pub(super) fn release(&mut self, id: StreamId) -> Option<Nack> {
        let nack = self.pending.remove(id)?;
        if let Some(owner) = self.consumers.get_mut(nack.consumer) {
            owner.pending.remove(id);
        }
        Some(nack)
    }

    /// Marks a consumer as active now.
    pub(super) fn activate(&mut self, id: ConsumerId, now_ms: i64) {
        if let Some(consumer) = self.consumers.get_mut(id) {
            consumer.active_time_ms = Some(now_ms);
        }
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        self.pending.heap_bytes() + self.consumers.heap_bytes(samples)
    }

    pub(super) fn effort(&self) -> usize {
        3 + 2 * self.pending.effort() + 2 * self.consumers.len()
    }
}

impl Entries {
    /// How many of the entries ever added come up to `id`, this one included, where that is certain (rule 2).
    pub fn position(&self, id: StreamId) -> Option<u64> {
        let state = self.state();
        let added = state.entries_added;
        if added == 0 {
            return Some(0);
        }
        if (state.length == 0 && id <= state.last_id) || id == state.last_id {
            return Some(added);
        }
        if id > state.last_id || id > state.first_id || self.has_gap() {
            return None;
        }
        let before_first = added.wrapping_sub(state.length);
        Some(if id < state.first_id { before_first } else { before_first + 1 })
    }

    /// Whether XDEL may have removed an entry from `id` on that is not before the first one left.
    pub fn has_gap_from(&self, id: StreamId) -> bool {
        self.state().length > 0 && self.has_gap() && id <= self.state().max_deleted_entry_id
    }

    fn has_gap(&self) -> bool {
        let state = self.state();
        state.max_deleted_entry_id != StreamId::MIN && state.max_deleted_entry_id >= state.first_id
    }
}
