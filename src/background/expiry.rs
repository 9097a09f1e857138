//! Active expiry: deletes keys whose time has come, though nobody asks for them.
//!
//! Unlike Redis there is nothing to sample: a stripe's index knows what is due, and the store knows which stripes to look at.
//! So a key outlives its time by a beat, or by as long as a backlog takes at the share of the processor that
//! `active-expire-effort` allows: 25% at 1 up to 43% at 10, as in Redis.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::base::clock;
use crate::config::Id;
use crate::engine::Node;
use crate::engine::blocking::serve_ready;
use crate::engine::settle::{Removal, remove_told};
use crate::engine::worker::Worker;
use crate::store::{Mode, Stripe};
use crate::value::Value;

/// Length of a slice of work, after which the loop pauses for its share.
const SLICE_US: u64 = 1000;
/// Index records taken under one lock: some microseconds.
const RECORDS_PER_LOCK: usize = 16;

/// Whether a stripe may hold something due.
pub(super) fn is_due(node: &Node) -> bool {
    is_allowed(node) && node.store.next_due(0, clock::unix_ms()).is_some()
}

/// While the data is loaded nothing expires: what comes later in the log may have reached it.
fn is_allowed(node: &Node) -> bool {
    let may_change = !node.is_loading() && !node.is_closing() && !node.pause.is_on();
    node.active_expire.load(Ordering::Relaxed) && may_change
}

/// Expires whatever is due whenever `due` says so.
pub(super) async fn run(worker: Worker, due: Arc<Notify>) {
    loop {
        due.notified().await;
        let mut next = Some(0);
        while let Some(stripe) = next {
            let (started_us, started_ns) = (clock::monotonic_us(), clock::monotonic_ns());
            next = slice(&worker, stripe, started_us + SLICE_US);
            worker.node.latency.note_since("expire-cycle", started_ns);
            let worked_us = clock::monotonic_us() - started_us;
            let upkeep = &worker.node.upkeep;
            upkeep.expiry_us.fetch_add(worked_us, Ordering::Relaxed);
            if next.is_some() {
                upkeep.expiry_cut.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(pause(worked_us, share_percent(&worker.node))).await;
            }
        }
    }
}

/// The share of one processor that expiry may take.
fn share_percent(node: &Node) -> u64 {
    25 + 2 * (node.config.get(Id::ActiveExpireEffort).clamp(1, 10) as u64 - 1)
}

fn pause(worked_us: u64, share_percent: u64) -> Duration {
    Duration::from_micros(worked_us * (100 - share_percent) / share_percent)
}

/// Works from stripe `start` on until nothing is due or the time is over. Returns the stripe to go on with in the latter case.
fn slice(worker: &Worker, start: usize, deadline_us: u64) -> Option<usize> {
    let node = &worker.node;
    let mut next = start;
    while is_allowed(node) {
        let now_ms = clock::unix_ms();
        let index = node.store.next_due(next, now_ms)?;
        next = if expire_some(worker, index, now_ms) { index } else { index + 1 };
        if clock::monotonic_us() >= deadline_us {
            return Some(next);
        }
    }
    None
}

/// Takes some records that are due out of a stripe; true if there may be more.
fn expire_some(worker: &Worker, index: usize, now_ms: i64) -> bool {
    let store = &worker.node.store;
    // What a script holds is due later, too.
    let Ok(mut guard) = store.locks().lock_soon(index, Mode::Write) else { return false };
    let Some(stripe) = guard.stripe_mut().filter(|_| is_allowed(&worker.node)) else { return false };
    let mut removed = Vec::new();
    let more = expire_records(worker, stripe, now_ms, &mut removed);
    if !more {
        store.set_due(index, stripe.next_expiry_ms());
    }
    drop(guard);
    removed.into_iter().for_each(|value| worker.node.free(value));
    serve_ready(worker);
    worker.end_turn();
    more
}

fn expire_records(worker: &Worker, stripe: &mut Stripe, now_ms: i64, removed: &mut Vec<Value>) -> bool {
    let mut left = RECORDS_PER_LOCK;
    let dbs: SmallVec<[usize; 4]> = stripe.dbs().map(|(db, _)| db).collect();
    for db in dbs {
        while let Some(found) = stripe.db_mut(db).pop_expired(now_ms) {
            if let Some(key) = found {
                removed.extend(remove_told(worker, stripe, db, &key, Removal::Expired));
            }
            left -= 1;
            if left == 0 {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::hash as hash_of;
    use crate::config::{Config, Sources};
    use crate::engine::table::CommandTable;
    use crate::store::NewValue;

    fn worker() -> Worker {
        let config = Config::load(&Sources::default()).unwrap();
        let node = Arc::new(Node::new(config, CommandTable::new(&[]).unwrap(), 1));
        Worker::new(1, node)
    }

    fn insert(worker: &Worker, db: usize, name: &str, expiry_ms: Option<i64>) {
        let (store, hash) = (&worker.node.store, hash_of(name.as_bytes()));
        let mut guard = store.locks().lock(store.stripe_of(hash), Mode::Write);
        let part = guard.stripe_mut().unwrap().db_mut(db);
        part.insert(hash, name.as_bytes(), NewValue::Integer(1), expiry_ms, 0);
        if let Some(at) = expiry_ms {
            store.note_expiry(store.stripe_of(hash), at);
        }
    }

    fn count(worker: &Worker, db: usize) -> usize {
        let store = &worker.node.store;
        let stripes = (0..store.stripes()).map(|index| store.locks().lock(index, Mode::Read));
        stripes.map(|guard| guard.stripe().db(db).map_or(0, |part| part.table().len())).sum()
    }

    #[test]
    fn what_is_due_goes_and_nothing_else() {
        let worker = worker();
        let now_ms = clock::unix_ms();
        for number in 0..3000 {
            insert(&worker, number % 3, &format!("due{number}"), Some(now_ms - 1));
            insert(&worker, number % 3, &format!("later{number}"), Some(now_ms + 600_000));
            insert(&worker, number % 3, &format!("never{number}"), None);
        }
        assert!(is_due(&worker.node));
        assert_eq!(slice(&worker, 0, u64::MAX), None);
        assert_eq!((count(&worker, 0), count(&worker, 1), count(&worker, 2)), (2000, 2000, 2000));
        assert_eq!(worker.stats.expired.get(), 3000);
        assert!(!is_due(&worker.node));
    }

    #[test]
    fn a_slice_ends_and_goes_on_where_it_was() {
        let worker = worker();
        (0..3000).for_each(|number| insert(&worker, 0, &format!("due{number}"), Some(1)));
        let mut slices = 0;
        let mut next = Some(0);
        while let Some(stripe) = next {
            // The time is over at once: each slice takes one lock.
            next = slice(&worker, stripe, 0);
            slices += 1;
        }
        assert_eq!(count(&worker, 0), 0);
        assert!(slices > 500, "{slices}");
    }

    #[test]
    fn nothing_expires_while_it_is_switched_off() {
        let worker = worker();
        insert(&worker, 0, "due", Some(1));
        worker.node.active_expire.store(false, Ordering::Relaxed);
        assert!(!is_due(&worker.node));
        assert_eq!(slice(&worker, 0, u64::MAX), None);
        assert_eq!(count(&worker, 0), 1);
    }

    #[test]
    fn pauses_leave_expiry_its_share() {
        let check = |worked, percent, expected| assert_eq!(pause(worked, percent).as_micros(), expected);
        check(1000, 25, 3000);
        check(1000, 43, 1325);
        check(0, 25, 0);
    }
}
