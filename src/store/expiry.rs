//! When keys expire: an index per stripe and database.
//!
//! A min-heap of (time, key hash), 16 bytes a key. It is not told when a key is deleted, overwritten or given another time: such
//! a record is stale and is recognised when it comes up, because the entry that its hash leads to does not expire then. When
//! more than half of the heap is stale it is rebuilt from the table, so its size stays within twice the keys that expire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Table;
use crate::base::hash::hash as hash_of;

/// Rebuilding is not worth its while below this size.
const REBUILD_MIN: usize = 64;

/// The expiry index of one table.
#[derive(Default)]
pub struct ExpiryIndex {
    heap: BinaryHeap<Reverse<(i64, u64)>>,
    live: usize,
}

impl ExpiryIndex {
    /// Number of keys of the table that expire.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no key expires.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// When the first record is due, in Unix milliseconds.
    pub fn first_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// A key has got a time it did not have.
    pub fn added(&mut self, hash: u64, at_ms: i64, table: &Table) {
        self.live += 1;
        self.record(hash, at_ms, table);
    }

    /// A key's time has changed.
    pub fn moved(&mut self, hash: u64, at_ms: i64, table: &Table) {
        self.record(hash, at_ms, table);
    }

    /// A key that expires is gone or has lost its time.
    pub fn removed(&mut self) {
        self.live -= 1;
        if self.live == 0 {
            self.heap = BinaryHeap::new();
        }
    }

    /// Takes the first record if it is due: the hash of a key that may have expired.
    pub fn pop_due(&mut self, now_ms: i64) -> Option<u64> {
        if self.first_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, hash))| hash)
    }

    /// The hash in the record that a random number falls on: a key that expires, unless the record is stale.
    pub fn sample(&self, random: u64) -> Option<u64> {
        let records = self.heap.as_slice();
        records.get((random % records.len().max(1) as u64) as usize).map(|Reverse((_, hash))| *hash)
    }

    fn record(&mut self, hash: u64, at_ms: i64, table: &Table) {
        self.heap.push(Reverse((at_ms, hash)));
        if self.heap.len() > REBUILD_MIN && self.heap.len() > 2 * self.live {
            self.rebuild(table);
        }
    }

    fn rebuild(&mut self, table: &Table) {
        let mut records = Vec::with_capacity(self.live);
        table.each(&mut |entry| {
            if let Some(at) = entry.expiry() {
                records.push(Reverse((at, hash_of(entry.key()))));
            }
        });
        self.heap = BinaryHeap::from(records);
    }
}
