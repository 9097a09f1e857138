//! One stripe of the key space: what its lock guards.
//!
//! A key's stripe is chosen by the key alone, not by its database, so MOVE and SWAPDB stay within a stripe (design 2.1).
//! Databases above 0 get their tables when something is first written to them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::expiry::ExpiryIndex;
use super::image::{Image, Share};
use super::{Entry, NewValue, Table, Unreleased};
use crate::value::Value;

/// A key in a database, as the registries of blocked and watching clients know it.
pub type DbKey = (usize, Box<[u8]>);

/// Clients by key; none where nobody is registered, so that looking costs one comparison.
type Registry<T> = Option<Box<HashMap<DbKey, T>>>;

/// Somebody who wants to be told that a key has changed (WATCH).
pub trait Watcher: Send + Sync {
    /// The key has changed, or has gone.
    fn touch(&self);
    /// Which watcher it is, for taking it out again.
    fn id(&self) -> u64;
}

/// Somebody who waits for a key to be ready (BLPOP and its kin).
pub trait Waiter: Send + Sync {
    /// Which waiter it is, for taking it out again.
    fn id(&self) -> u64;
    /// Whether it also waits for the key to go.
    fn on_removal(&self) -> bool;
    /// For the engine, which knows what its waiters are.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// One database's part of a stripe.
#[derive(Default)]
pub struct Db {
    table: Table,
    pub(super) expiry: ExpiryIndex,
    /// While an image is made of it.
    pub(super) share: Option<Box<Share>>,
}

/// Everything that a stripe's lock guards.
#[derive(Default)]
pub struct Stripe {
    first: Db,
    /// The other databases that something has been written to, in order of their numbers.
    others: Vec<(usize, Box<Db>)>,
    watchers: Registry<Vec<Arc<dyn Watcher>>>,
    waiters: Registry<VecDeque<Arc<dyn Waiter>>>,
    /// Which keys' last writes may not be shown yet.
    pub unreleased: Unreleased,
}

impl Db {
    /// The entries.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Makes room for so many entries, unless there are some.
    pub fn presize(&mut self, entries: usize) {
        self.table.presize(entries);
    }

    /// The expiry index.
    pub fn expiry(&self) -> &ExpiryIndex {
        &self.expiry
    }

    /// An entry, expired or not.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.table.find(hash, key)
    }

    /// An entry to be changed. Its expiry must only be changed by [`Db::set_expiry`].
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let entry = self.table.find_mut(hash, key)?;
        if let Some(share) = &self.share {
            share.preserve(entry);
        }
        Some(entry)
    }

    /// Adds an entry whose key is not there.
    pub fn insert(
        &mut self,
        hash: u64,
        key: &[u8],
        value: NewValue<'_>,
        expiry_ms: Option<i64>,
        access: u32,
    ) {
        let entry = Entry::new(key, value, expiry_ms, access);
        if let Some(share) = &self.share {
            share.born(&entry);
        }
        self.table.insert(hash, entry);
        if let Some(at) = expiry_ms {
            self.expiry.added(hash, at, &self.table);
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let entry = self.table.remove(hash, key)?;
        if let Some(share) = &self.share {
            share.preserve(&entry);
        }
        if entry.expiry().is_some() {
            self.expiry.removed();
        }
        Some(entry)
    }

    /// Gives the table's memory back if nothing is left in it: eviction must free what keys have taken. Not while an image walks it.
    pub fn release_empty(&mut self) {
        if self.table.is_empty() && self.share.is_none() {
            self.table = Table::default();
        }
    }

    /// Sets or clears a key's expiry; false if there is no such key.
    pub fn set_expiry(&mut self, hash: u64, key: &[u8], expiry_ms: Option<i64>) -> bool {
        let Some(entry) = self.find_mut(hash, key) else { return false };
        let before = entry.expiry();
        entry.set_expiry(expiry_ms);
        match (before, expiry_ms) {
            (None, Some(at)) => self.expiry.added(hash, at, &self.table),
            (Some(_), Some(at)) => self.expiry.moved(hash, at, &self.table),
            (Some(_), None) => self.expiry.removed(),
            (None, None) => {}
        }
        true
    }

    /// The key of a record that is due, if its entry has really expired.
    pub fn pop_expired(&mut self, now_ms: i64) -> Option<Option<Box<[u8]>>> {
        let hash = self.expiry.pop_due(now_ms)?;
        let due = |entry: &Entry| entry.expiry().is_some_and(|at| at <= now_ms);
        Some(self.table.find_by_hash(hash, due).map(|entry| entry.key().into()))
    }

    /// Replaces the value of a key that is there, or adds it. Returns an old value that is worth freeing elsewhere.
    pub fn set_value(&mut self, hash: u64, key: &[u8], value: NewValue<'_>, access: u32) -> Option<Value> {
        match self.find_mut(hash, key) {
            Some(entry) => entry.set_value(value),
            None => {
                self.insert(hash, key, value, None, access);
                None
            }
        }
    }
}

impl Stripe {
    /// A database's part, None when nothing was ever written to it here.
    #[inline]
    pub fn db(&self, index: usize) -> Option<&Db> {
        if index == 0 {
            Some(&self.first)
        } else {
            self.other(index).ok().map(|place| &*self.others[place].1)
        }
    }

    /// A database's part, made when missing.
    #[inline]
    pub fn db_mut(&mut self, index: usize) -> &mut Db {
        if index == 0 { &mut self.first } else { self.other_mut(index) }
    }

    fn other_mut(&mut self, index: usize) -> &mut Db {
        let place = self.other(index).unwrap_or_else(|place| {
            self.others.reserve_exact(1);
            self.others.insert(place, (index, Box::default()));
            place
        });
        &mut self.others[place].1
    }

    /// Where a database above 0 is among the others, or belongs.
    fn other(&self, index: usize) -> Result<usize, usize> {
        self.others.binary_search_by_key(&index, |(other, _)| *other)
    }

    /// Detaches a database's part, leaving an empty one (FLUSHDB).
    pub fn take_db(&mut self, index: usize) -> Db {
        if index == 0 {
            return std::mem::take(&mut self.first);
        }
        self.other(index).map_or_else(|_| Db::default(), |place| *self.others.remove(place).1)
    }

    /// Exchanges two databases' parts.
    pub fn swap_dbs(&mut self, one: usize, other: usize) {
        let (first, second) = (self.take_db(one), self.take_db(other));
        for (index, db) in [(one, second), (other, first)] {
            if index == 0 || !db.table.is_empty() {
                *self.db_mut(index) = db;
            }
        }
    }

    /// All databases' tables take part in an image.
    pub(super) fn join(&mut self, image: &Arc<Image>) {
        self.each_db_mut(&mut |index, db| db.join(image, index));
    }

    /// As [`Db::walk`], over all databases.
    pub(super) fn walk(
        &mut self,
        visit: &mut dyn FnMut(usize, &Entry),
        enough: &mut dyn FnMut() -> bool,
    ) -> bool {
        let mut more = false;
        self.each_db_mut(&mut |_, db| more = more || db.walk(visit, enough));
        more
    }

    /// Visits every database's part that there is.
    pub(super) fn each_db_mut(&mut self, visit: &mut dyn FnMut(usize, &mut Db)) {
        visit(0, &mut self.first);
        self.others.iter_mut().for_each(|(index, db)| visit(*index, db));
    }

    /// When the next key of any database is due, `i64::MAX` for never.
    pub fn next_expiry_ms(&self) -> i64 {
        self.dbs().filter_map(|(_, db)| db.expiry.first_ms()).min().unwrap_or(i64::MAX)
    }

    /// The databases that have a part here, with their numbers, in order.
    pub fn dbs(&self) -> impl Iterator<Item = (usize, &Db)> {
        std::iter::once((0, &self.first)).chain(self.others.iter().map(|(index, db)| (*index, &**db)))
    }

    /// Registers a watcher of a key.
    pub fn watch(&mut self, key: DbKey, watcher: Arc<dyn Watcher>) {
        self.watchers.get_or_insert_default().entry(key).or_default().push(watcher);
    }

    /// Takes a watcher of a key out.
    pub fn unwatch(&mut self, key: &DbKey, id: u64) {
        let Some(map) = self.watchers.as_mut() else { return };
        if let Some(list) = map.get_mut(key) {
            list.retain(|watcher| watcher.id() != id);
            if list.is_empty() {
                map.remove(key);
            }
        }
        if map.is_empty() {
            self.watchers = None;
        }
    }

    /// Tells a key's watchers that it has changed.
    #[inline]
    pub fn touch(&self, db: usize, key: &[u8]) {
        if let Some(map) = &self.watchers {
            let list = map.get(&(db, key.into()));
            list.into_iter().flatten().for_each(|watcher| watcher.touch());
        }
    }

    /// Tells the watchers of each key of `db` for which `changed` holds (FLUSHDB, SWAPDB).
    pub fn touch_where(&self, db: usize, changed: impl Fn(&[u8]) -> bool) {
        let map = self.watchers.iter().flat_map(|map| map.iter());
        map.filter(|((index, key), _)| *index == db && changed(key))
            .for_each(|(_, list)| list.iter().for_each(|watcher| watcher.touch()));
    }

    /// Puts a waiter at the end of a key's queue.
    pub fn wait(&mut self, key: DbKey, waiter: Arc<dyn Waiter>) {
        self.waiters.get_or_insert_default().entry(key).or_default().push_back(waiter);
    }

    /// Takes a waiter out of a key's queue.
    pub fn unwait(&mut self, key: &DbKey, id: u64) {
        let Some(map) = self.waiters.as_mut() else { return };
        if let Some(queue) = map.get_mut(key) {
            queue.retain(|waiter| waiter.id() != id);
            if queue.is_empty() {
                map.remove(key);
            }
        }
        if map.is_empty() {
            self.waiters = None;
        }
    }

    /// Whether anyone waits for a key.
    #[inline]
    pub fn awaited(&self, db: usize, key: &[u8]) -> bool {
        self.waiters.as_ref().is_some_and(|map| map.contains_key(&(db, key.into())))
    }

    /// The keys of `db` that someone waits for.
    pub fn awaited_keys(&self, db: usize) -> Vec<DbKey> {
        let map = self.waiters.iter().flat_map(|map| map.keys());
        map.filter(|(index, _)| *index == db).cloned().collect()
    }

    /// All keys that someone waits for.
    pub fn all_awaited_keys(&self) -> Vec<DbKey> {
        self.waiters.iter().flat_map(|map| map.keys()).cloned().collect()
    }

    /// A key's waiters, first come first.
    pub fn waiters(&self, key: &DbKey) -> Vec<Arc<dyn Waiter>> {
        self.waiters
            .as_ref()
            .and_then(|map| map.get(key))
            .map_or_else(Vec::new, |queue| queue.iter().cloned().collect())
    }

    /// Number of keys that someone watches.
    pub fn watched_count(&self) -> usize {
        self.watchers.as_ref().map_or(0, |map| map.len())
    }

    /// Numbers of keys that someone waits for, and of those whose removal someone waits for.
    pub fn awaited_counts(&self) -> (usize, usize) {
        let Some(map) = &self.waiters else { return (0, 0) };
        let on_removal = map.values().filter(|queue| queue.iter().any(|waiter| waiter.on_removal()));
        (map.len(), on_removal.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_database_costs_one_part() {
        let mut stripe = Stripe::default();
        let numbers = |stripe: &Stripe| stripe.dbs().map(|(index, _)| index).collect::<Vec<_>>();
        for index in [9999, 3, 15] {
            stripe.db_mut(index).insert(1, b"key", NewValue::Integer(index as i64), None, 0);
        }
        assert_eq!(numbers(&stripe), [0, 3, 15, 9999]);
        stripe.swap_dbs(3, 4);
        stripe.swap_dbs(15, 0);
        stripe.swap_dbs(20, 21);
        assert_eq!(numbers(&stripe), [0, 4, 9999]);
        assert!(stripe.db(0).unwrap().find(1, b"key").is_some());
        assert!(stripe.db(4).unwrap().find(1, b"key").is_some());
        assert_eq!(stripe.take_db(9999).table().len(), 1);
        assert!(stripe.db(9999).is_none() && stripe.take_db(9999).table().is_empty());
    }
}
