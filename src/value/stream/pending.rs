//! XPENDING: what of a group is delivered and not acknowledged.

use super::group::{Group, Nack};
use super::{ConsumerId, StreamId};

/// The short form of XPENDING.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingSummary<'a> {
    /// Number of pending entries.
    pub count: usize,
    /// The least and the greatest of their identifiers.
    pub edges: Option<(StreamId, StreamId)>,
    /// The consumers that have any, by name, with their numbers.
    pub consumers: Vec<(&'a [u8], usize)>,
}

/// Which pending entries the long form of XPENDING lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingFilter {
    /// From this identifier on.
    pub start: StreamId,
    /// Up to this identifier.
    pub end: StreamId,
    /// Of this consumer only.
    pub consumer: Option<ConsumerId>,
    /// Idle for at least this long; 0 for all.
    pub idle_min_ms: i64,
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
}

impl Nack {
    /// Milliseconds since the delivery, as XPENDING shows them: never negative.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.delivery_time_ms).max(0)
    }
}

impl Group {
    /// The short form of XPENDING.
    pub fn pending_summary(&self) -> PendingSummary<'_> {
        let edges = self.pending.first().zip(self.pending.last());
        let shares = self.consumers().map(|(_, consumer)| (consumer.name(), consumer.pending_count()));
        PendingSummary {
            count: self.pending.len(),
            edges: edges.map(|((first, _), (last, _))| (first, last)),
            consumers: shares.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Calls `emit` with up to `count` pending entries that `filter` lets through, and returns their number.
    pub fn pending_in(
        &self,
        filter: &PendingFilter,
        count: usize,
        emit: impl FnMut((StreamId, &Nack)),
    ) -> usize {
        let Some(consumer) = filter.consumer else {
            return filter.list(self.pending.iter_from(filter.start), count, emit);
        };
        let Some(consumer) = self.consumer(consumer) else { return 0 };
        let ids = consumer.pending.iter_from(filter.start);
        filter.list(ids.filter_map(|(id, ())| self.pending.get(id).map(|nack| (id, nack))), count, emit)
    }
}

impl PendingFilter {
    /// The filter but for the start and the consumer.
    fn list<'a>(
        &self,
        pending: impl Iterator<Item = (StreamId, &'a Nack)>,
        count: usize,
        emit: impl FnMut((StreamId, &'a Nack)),
    ) -> usize {
        let within = pending.take_while(|(id, _)| *id <= self.end);
        within.filter(|(_, nack)| self.lets_through(nack)).take(count).map(emit).count()
    }

    fn lets_through(&self, nack: &Nack) -> bool {
        self.idle_min_ms <= 0 || self.now_ms.saturating_sub(nack.delivery_time_ms) >= self.idle_min_ms
    }
}
