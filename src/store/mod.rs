//! Layer 2: the striped key space.
//!
//! `stripe` holds a stripe's tables and registries, `locks` says how several are taken, `table` and `entry` are the memory
//! under a stripe, `expiry` knows what is due, `image` shows the whole as it was at one moment.

mod entry;
mod expiry;
mod image;
mod locks;
mod stripe;
mod table;
mod unreleased;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use parking_lot::Mutex;

pub use entry::{Entry, NewValue};
pub use expiry::ExpiryIndex;
pub use image::{HandedOver, Image, Left};
pub use locks::{Busy, Guard, Held, Locks, Mode, Owned, Ownership, Parked, Patience, Stripes, Wanted};
pub use stripe::{Db, DbKey, Stripe, Waiter, Watcher};
pub use table::{POSITION_BITS, Table};
pub use unreleased::Unreleased;

/// The fewest stripes (design 2.1).
const STRIPES_MIN: usize = 1024;
const STRIPES_PER_WORKER: usize = 64;

/// The key space of all databases.
pub struct Store {
    locks: Locks,
    /// Per stripe, a time before which nothing in it is due: lets the expiry task pass over it without the lock.
    due_ms: Box<[AtomicI64]>,
    shift: u32,
    epochs: Mutex<image::Epochs>,
    /// Writers are to wait for the image being made.
    pressed: Arc<AtomicBool>,
    copied_bytes: Arc<AtomicUsize>,
}

impl Store {
    /// An empty store with stripes for this many workers.
    pub fn new(workers: usize) -> Self {
        let stripes = (workers * STRIPES_PER_WORKER).max(STRIPES_MIN).next_power_of_two();
        Self {
            locks: Locks::new(stripes),
            due_ms: (0..stripes).map(|_| AtomicI64::new(i64::MAX)).collect(),
            shift: u64::BITS - stripes.ilog2(),
            epochs: Mutex::default(),
            pressed: Arc::default(),
            copied_bytes: Arc::default(),
        }
    }

    /// Number of stripes, a power of two.
    #[inline]
    pub fn stripes(&self) -> usize {
        self.locks.len()
    }

    /// The stripe that a key with this hash belongs to.
    #[inline]
    pub fn stripe_of(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    /// The locks.
    #[inline]
    pub fn locks(&self) -> &Locks {
        &self.locks
    }

    /// About how many keys a database has, from a few stripes.
    pub fn estimated_keys(&self, db: usize) -> usize {
        const SAMPLE: usize = 8;
        let step = self.stripes() / SAMPLE;
        let keys = |index: usize| {
            let stripe = self.locks.try_read(index * step)?;
            stripe.db(db).map(|part| part.table().len())
        };
        (0..SAMPLE).filter_map(keys).sum::<usize>() * step
    }

    /// A key of this stripe has been given this expiry.
    #[inline]
    pub fn note_expiry(&self, stripe: usize, at_ms: i64) {
        self.due_ms[stripe].fetch_min(at_ms, Ordering::Relaxed);
    }

    /// The next stripe from `start` on that may hold something due, before the end.
    pub fn next_due(&self, start: usize, now_ms: i64) -> Option<usize> {
        (start..self.stripes()).find(|&index| self.due_ms[index].load(Ordering::Relaxed) <= now_ms)
    }

    /// What the expiry task found to be the next time of a stripe, under its lock.
    pub fn set_due(&self, stripe: usize, at_ms: i64) {
        self.due_ms[stripe].store(at_ms, Ordering::Relaxed);
    }
}
