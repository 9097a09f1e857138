//! XCLAIM and XAUTOCLAIM: pending entries change hands.
//!
//! A pending entry whose entry is gone is forgotten instead, whoever has it and however long.

use super::group::{Group, Nack};
use super::{ConsumerId, Entries, StreamId};

/// Attempts of XAUTOCLAIM for each entry it may return.
const ATTEMPTS_PER_ENTRY: usize = 10;

/// The arguments of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Who claims, already seen (`Group::see_consumer`).
    pub consumer: ConsumerId,
    /// Entries delivered more recently are left alone; 0 or less for none.
    pub idle_min_ms: i64,
    /// The delivery time to set (IDLE or TIME); `now_ms` when not given, negative or in the future.
    pub delivery_time_ms: Option<i64>,
    /// The delivery count to set; otherwise it grows by one, unless `justid`.
    pub retry_count: Option<u64>,
    /// Whether an entry that is not pending becomes so.
    pub force: bool,
    /// Whether this counts as no delivery.
    pub justid: bool,
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
}

/// What became of an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimOutcome {
    /// Not pending, or not idle for long enough.
    Untouched,
    /// The consumer has it; its new state.
    Claimed(Nack),
    /// It was pending and its entry is gone: forgotten; its last state.
    Deleted(Nack),
}

/// What XAUTOCLAIM did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AutoClaimed {
    /// Entries claimed or forgotten, in the order of their identifiers.
    pub outcomes: Vec<(StreamId, ClaimOutcome)>,
    /// Where the next call is to start; `0-0` at the end.
    pub next: StreamId,
}

impl Claim {
    /// A claim with no option but the least idle time.
    pub fn new(consumer: ConsumerId, idle_min_ms: i64, now_ms: i64) -> Self {
        Self {
            consumer,
            idle_min_ms,
            delivery_time_ms: None,
            retry_count: None,
            force: false,
            justid: false,
            now_ms,
        }
    }

    fn is_idle_for_long_enough(&self, nack: &Nack) -> bool {
        self.idle_min_ms <= 0 || self.now_ms.saturating_sub(nack.delivery_time_ms) >= self.idle_min_ms
    }

    /// The state of a pending entry after this claim.
    fn applied_to(&self, nack: &Nack) -> Nack {
        let time = self.delivery_time_ms.filter(|time| (0..=self.now_ms).contains(time));
        let counted = nack.delivery_count.wrapping_add(u64::from(!self.justid));
        Nack {
            delivery_time_ms: time.unwrap_or(self.now_ms),
            delivery_count: self.retry_count.unwrap_or(counted),
            consumer: self.consumer,
        }
    }
}

impl Group {
    /// XCLAIM of one identifier.
    pub fn claim(&mut self, entries: &Entries, id: StreamId, claim: &Claim) -> ClaimOutcome {
        if !entries.contains(id) {
            return self.release(id).map_or(ClaimOutcome::Untouched, ClaimOutcome::Deleted);
        }
        let claimed = match self.pending.get(id) {
            Some(nack) if claim.is_idle_for_long_enough(nack) => claim.applied_to(nack),
            None if claim.force => claim.applied_to(&Nack {
                delivery_time_ms: claim.now_ms,
                delivery_count: 1,
                consumer: claim.consumer,
            }),
            _ => return ClaimOutcome::Untouched,
        };
        self.assign(id, claimed);
        self.activate(claim.consumer, claim.now_ms);
        ClaimOutcome::Claimed(claimed)
    }

    /// XAUTOCLAIM of up to `count` entries from `start` on; of `claim` only the consumer, the least idle time and `justid`
    /// have a say.
    pub fn claim_from(
        &mut self,
        entries: &Entries,
        start: StreamId,
        count: usize,
        claim: &Claim,
    ) -> AutoClaimed {
        let claim =
            Claim { justid: claim.justid, ..Claim::new(claim.consumer, claim.idle_min_ms, claim.now_ms) };
        let mut outcomes = Vec::new();
        let mut next = self.pending_from(start);
        for _ in 0..count.saturating_mul(ATTEMPTS_PER_ENTRY) {
            let Some(id) = next.filter(|_| outcomes.len() < count) else { break };
            match self.claim(entries, id, &claim) {
                ClaimOutcome::Untouched => {}
                outcome => outcomes.push((id, outcome)),
            }
            next = id.incr().and_then(|after| self.pending_from(after));
        }
        AutoClaimed { outcomes, next: next.unwrap_or(StreamId::MIN) }
    }

    fn pending_from(&self, start: StreamId) -> Option<StreamId> {
        self.pending.ceiling(start).map(|(id, _)| id)
    }
}
