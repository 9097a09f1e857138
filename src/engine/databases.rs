//! Whole databases: emptying and exchanging them while every stripe is held.
//!
//! The tables are detached under the locks and dropped when no lock is held any more (design 2.4): in the background, unless
//! they are small or the client wants to wait for it.

use smallvec::SmallVec;

use super::context::Context;
use super::worker::Worker;
use crate::base::hash::hash as hash_of;
use crate::store::{Db, Held, Stripe, Stripes};

impl Context<'_, '_> {
    /// Empties a database, or all, and returns the number of keys that were in it. Every stripe must be held for writing.
    pub fn flush(&mut self, db: Option<usize>, frees_in_place: bool) -> usize {
        let (keys, tables) = empty(self.worker, self.keys.held_mut(), db);
        self.keys.effects.discard_tables(tables, frees_in_place);
        keys
    }

    /// Exchanges the contents of two databases. Every stripe must be held for writing.
    pub fn swap_dbs(&mut self, one: usize, other: usize) {
        tell_caches(self.worker);
        let now_ms = self.keys.now_ms();
        for index in 0..self.keys.store().stripes() {
            let Some(stripe) = self.keys.held_mut().stripe_mut(index) else { continue };
            // What had expired when it was watched went then; what comes in expired is no key.
            let changes = |db, source, key: &[u8]| has(stripe, db, key) || lives(stripe, source, key, now_ms);
            stripe.touch_where(one, |key| changes(one, other, key));
            stripe.touch_where(other, |key| changes(other, one, key));
            stripe.swap_dbs(one, other);
            for db in [one, other] {
                self.worker.ready.borrow_mut().extend(stripe.awaited_keys(db));
            }
        }
    }
}

/// Takes the tables of a database, or of all, out of the store. Returns the number of their keys, and those that no image still
/// needs.
pub(super) fn empty(worker: &Worker, held: &mut Held<'_>, db: Option<usize>) -> (usize, Vec<Db>) {
    let (mut tables, mut keys) = (Vec::new(), 0);
    tell_caches(worker);
    held.each_mut(&mut |stripe| {
        let dbs: SmallVec<[usize; 4]> = match db {
            Some(db) => SmallVec::from_elem(db, 1),
            None => stripe.dbs().map(|(db, _)| db).collect(),
        };
        for db in dbs {
            tell_flushed(worker, stripe, db);
            let table = stripe.take_db(db);
            keys += table.table().len();
            tables.extend(table.detach());
        }
    });
    tables.retain(|table: &Db| !table.table().is_empty());
    (keys, tables)
}

/// Clients that cache what they read must forget all of it. Redis leaves them their old values after SWAPDB.
fn tell_caches(worker: &Worker) {
    if worker.node.tracking.is_on() {
        worker.tracked.change_all(&worker.node);
    }
}

/// Watchers learn of the keys that go, and so do those who wait for a stream's end (XREADGROUP).
fn tell_flushed(worker: &Worker, stripe: &Stripe, db: usize) {
    stripe.touch_where(db, |key| has(stripe, db, key));
    let gone = stripe.awaited_keys(db).into_iter().filter(|(_, key)| has(stripe, db, key));
    worker.ready.borrow_mut().extend(gone);
}

fn has(stripe: &Stripe, db: usize, key: &[u8]) -> bool {
    stripe.db(db).is_some_and(|part| part.find(hash_of(key), key).is_some())
}

fn lives(stripe: &Stripe, db: usize, key: &[u8], now_ms: i64) -> bool {
    let found = stripe.db(db).and_then(|part| part.find(hash_of(key), key));
    found.is_some_and(|entry| entry.expiry().is_none_or(|at_ms| at_ms > now_ms))
}
