//! Which clients have read a key. By its name alone: what changes in one database is told to who has read it in another.

use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;
use indexmap::IndexMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::base::hash::hash as hash_of;

/// Enough for threads to get by without waiting for each other; a power of two.
const SHARDS: usize = 256;
/// Shards that one sweep goes through.
const SHARDS_PER_SWEEP: usize = 64;

/// Ids of clients, ascending.
pub(super) type Clients = SmallVec<[u64; 2]>;

/// In an order that lets any be picked.
pub(super) type Shard = IndexMap<Box<[u8]>, Clients, RandomState>;

/// The table.
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    keys: AtomicUsize,
    items: AtomicUsize,
    /// Shards that may hold clients which have gone, and where the sweep goes on.
    unswept: AtomicUsize,
    next: AtomicUsize,
}

impl Default for Table {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::with_hasher(RandomState::new()))).collect();
        let zero = AtomicUsize::default;
        Self { shards, keys: zero(), items: zero(), unswept: zero(), next: zero() }
    }
}

impl Table {
    /// Number of keys.
    pub fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Number of clients, counted for each key.
    pub fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// Notes that a client has read a key, whose stripe is held.
    pub fn note(&self, key: &[u8], client: u64) {
        let mut shard = self.shard(key).lock();
        let Some(clients) = shard.get_mut(key) else {
            shard.insert(key.into(), Clients::from_elem(client, 1));
            self.keys.fetch_add(1, Ordering::Relaxed);
            self.items.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if let Err(place) = clients.binary_search(&client) {
            clients.insert(place, client);
            self.items.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes out who has read a key, whose stripe is held for writing.
    pub fn take(&self, key: &[u8]) -> Clients {
        if self.keys() == 0 {
            // Who has read this very key has counted it under the stripe's lock.
            return Clients::new();
        }
        let taken = self.shard(key).lock().swap_remove(key);
        taken.inspect(|clients| self.uncount(1, clients.len())).unwrap_or_default()
    }

    /// Takes out a random key.
    pub fn evict(&self) -> Option<(Box<[u8]>, Clients)> {
        let start = fastrand::usize(..SHARDS);
        (0..SHARDS).find_map(|offset| {
            let mut shard = self.shards[(start + offset) % SHARDS].lock();
            let place = fastrand::usize(..shard.len().max(1));
            let (key, clients) = shard.swap_remove_index(place)?;
            self.uncount(1, clients.len());
            Some((key, clients))
        })
    }

    /// Forgets everything, and returns it: to be dropped where that may take its time.
    pub fn clear(&self) -> Vec<Shard> {
        let taken = self.shards.iter().filter(|_| self.keys() > 0).map(|shard| {
            let forgotten = std::mem::replace(&mut *shard.lock(), Shard::with_hasher(RandomState::new()));
            self.uncount(forgotten.len(), forgotten.values().map(SmallVec::len).sum());
            forgotten
        });
        taken.collect()
    }

    /// A client has gone: the next sweeps go through all shards.
    pub fn note_departure(&self) {
        self.unswept.store(SHARDS, Ordering::Relaxed);
    }

    /// Goes through some of the shards that may hold clients which have gone, and forgets those.
    pub fn sweep(&self, is_there: impl Fn(u64) -> bool) {
        for _ in 0..SHARDS_PER_SWEEP {
            let count_down = |left: usize| left.checked_sub(1);
            if self.unswept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down).is_err() {
                return;
            }
            let place = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
            let mut shard = self.shards[place].lock();
            let keys = shard.len();
            let mut items = 0;
            shard.retain(|_, clients| {
                let before = clients.len();
                clients.retain(|id| is_there(*id));
                items += before - clients.len();
                !clients.is_empty()
            });
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
            self.uncount(keys - shard.len(), items);
        }
    }

    fn uncount(&self, keys: usize, items: usize) {
        self.keys.fetch_sub(keys, Ordering::Relaxed);
        self.items.fetch_sub(items, Ordering::Relaxed);
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        &self.shards[hash_of(key) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_kept_once_and_taken_out_together() {
        let table = Table::default();
        for client in [3, 1, 3, 2] {
            table.note(b"key", client);
        }
        table.note(b"other", 1);
        assert_eq!((table.keys(), table.items()), (2, 4));
        assert_eq!(table.take(b"key").as_slice(), [1, 2, 3]);
        assert!(table.take(b"key").is_empty() && table.take(b"none").is_empty());
        assert_eq!((table.keys(), table.items()), (1, 1));
        drop(table.clear());
        assert_eq!((table.keys(), table.items()), (0, 0));
    }

    #[test]
    fn every_key_can_be_evicted() {
        let table = Table::default();
        (0..1000).for_each(|number: u64| table.note(&number.to_le_bytes(), number));
        let mut keys: Vec<_> = std::iter::from_fn(|| table.evict()).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((keys.len(), table.keys(), table.items()), (1000, 0, 0));
    }

    #[test]
    fn clients_that_have_gone_are_swept_away() {
        let table = Table::default();
        for number in 0..1000u64 {
            table.note(&number.to_le_bytes(), 1);
            table.note(&(number * 2).to_le_bytes(), 2);
        }
        let sweeps = |count: usize| (0..count).for_each(|_| table.sweep(|id| id != 1));
        sweeps(100);
        assert_eq!(table.items(), 2000, "nobody has gone");
        table.note_departure();
        sweeps(SHARDS / SHARDS_PER_SWEEP);
        assert_eq!((table.keys(), table.items()), (1000, 1000));
        assert_eq!(table.take(&2u64.to_le_bytes()).as_slice(), [2]);
        assert!(table.take(&1u64.to_le_bytes()).is_empty());
    }
}
