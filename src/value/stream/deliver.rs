//! XREADGROUP: delivers new entries to a consumer, or again those that it has not acknowledged.

use super::group::{Group, Nack};
use super::{ConsumerId, Entries, Entry, StreamId};

/// To whom entries are delivered, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The consumer, already seen (`Group::see_consumer`).
    pub consumer: ConsumerId,
    /// Most entries, 0 for all.
    pub count: usize,
    /// Whether new entries count as acknowledged at once.
    pub noack: bool,
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
}

impl Group {
    /// Delivers the entries after `last_id` (`>`) to `emit` and returns their number.
    ///
    /// An entry may be pending already, with any consumer, since XGROUP SETID can turn a group back: it changes hands.
    pub fn deliver_new<'e>(
        &mut self,
        entries: &'e Entries,
        delivery: &Delivery,
        mut emit: impl FnMut(Entry<'e>),
    ) -> usize {
        let Some(start) = self.last_id.incr() else { return 0 };
        let Delivery { consumer, now_ms, .. } = *delivery;
        let mut delivered = 0;
        for entry in entries.range(start, StreamId::MAX).take(most(delivery.count)) {
            self.advance(entries, entry.id);
            if !delivery.noack {
                self.assign(entry.id, Nack { delivery_time_ms: now_ms, delivery_count: 1, consumer });
            }
            delivered += 1;
            emit(entry);
        }
        if delivered > 0 && !delivery.noack {
            self.activate(consumer, now_ms);
        }
        delivered
    }

    /// Delivers again what is pending with the consumer and above `after`; an entry that is gone comes as its identifier
    /// alone and keeps its delivery time and count.
    pub fn deliver_again<'e>(
        &mut self,
        entries: &'e Entries,
        delivery: &Delivery,
        after: StreamId,
        mut emit: impl FnMut(StreamId, Option<Entry<'e>>),
    ) -> usize {
        let (Some(start), Some(consumer)) = (after.incr(), self.consumers.get(delivery.consumer)) else {
            return 0;
        };
        let pending = consumer.pending.clone();
        let mut delivered = 0;
        for (id, ()) in pending.iter_from(start).take(most(delivery.count)) {
            let entry = entries.get(id);
            if entry.is_some() {
                self.count_delivery(id, delivery.now_ms);
            }
            delivered += 1;
            emit(id, entry);
        }
        delivered
    }

    fn count_delivery(&mut self, id: StreamId, now_ms: i64) {
        if let Some(nack) = self.pending.get_mut(id) {
            nack.delivery_time_ms = now_ms;
            nack.delivery_count = nack.delivery_count.wrapping_add(1);
        }
    }

    /// Moves `last_id` to an entry just read, and counts it if the count is certain.
    fn advance(&mut self, entries: &Entries, id: StreamId) {
        self.entries_read = match self.entries_read {
            Some(read) if !entries.has_gap_from(id) => Some(read.wrapping_add(1)),
            _ => entries.position(id),
        };
        self.last_id = id;
    }
}

fn most(count: usize) -> usize {
    if count == 0 { usize::MAX } else { count }
}
