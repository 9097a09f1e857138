//! When keys expire: an index per stripe and database.
//!
//! A min-heap of (time, key hash), 16 bytes a key. It is not told when a key is deleted, overwritten or given another time: such
//! a record is stale and is recognised when it comes up, because the entry that its hash leads to does not expire then. When
//! more than half of the heap is stale these records are taken out, so its size stays within twice the keys that expire.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Table;

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

    /// Bytes of the records.
    pub fn heap_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(i64, u64)>>()
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

    /// Keeps the records that tell what the table says, each once.
    fn rebuild(&mut self, table: &Table) {
        let mut records = std::mem::take(&mut self.heap).into_vec();
        records.retain(|Reverse((at, hash))| {
            table.find_by_hash(*hash, |entry| entry.expiry() == Some(*at)).is_some()
        });
        records.sort_unstable();
        records.dedup();
        self.heap = BinaryHeap::from(records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::hash as hash_of;
    use crate::store::{Db, NewValue};

    /// Keys that get times again and again, lose them, go and come back, beside many that never expire.
    #[test]
    fn a_rebuilt_index_knows_every_key_once() {
        const TIMES: i64 = 20;
        let name = |number: i64| format!("key:{number}").into_bytes();
        let mut db = Db::default();
        let mut expected = vec![None; 500];
        for number in 0..5000 {
            db.insert(hash_of(&name(number)), &name(number), NewValue::Integer(number), None, 0);
        }
        for step in 0..20_000 {
            let number = fastrand::usize(..expected.len());
            let (key, at) = (name(number as i64), fastrand::i64(1..=TIMES));
            let hash = hash_of(&key);
            expected[number] = match step % 4 {
                0 => {
                    drop(db.remove(hash, &key));
                    db.insert(hash, &key, NewValue::Integer(0), Some(at), 0);
                    Some(at)
                }
                1 => {
                    db.set_expiry(hash, &key, None);
                    None
                }
                _ => {
                    db.set_expiry(hash, &key, Some(at));
                    Some(at)
                }
            };
            let bound = (2 * db.expiry().len()).max(REBUILD_MIN);
            let records = db.expiry.heap.len();
            assert!(step % 4 == 1 || records <= bound, "{records} records, at most {bound}");
        }
        for now in 1..=TIMES {
            while let Some(found) = db.pop_expired(now) {
                if let Some(key) = found {
                    drop(db.remove(hash_of(&key), &key));
                }
            }
            let left = expected.iter().flatten().filter(|at| **at > now).count();
            assert_eq!(db.expiry().len(), left, "after {now}");
        }
    }
}
