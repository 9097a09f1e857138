//! A point-in-time image of the store, made while writers go on (design 5).
//!
//! *The cut*: every stripe is held; each non-empty table gets a [`Share`] in the [`Image`]. From then on the image wants each entry
//! once, as it was at the cut. Entries carry the epoch of the last image that has had them:
//! - The walk takes some buckets at a time under the stripe's lock, and the entries in them that the image has not had.
//! - A writer that reaches for such an entry first hands it over, as a copy when it is small and as an O(1) clone when it is large.
//! - An entry made after the cut is born with the image's epoch, so neither ever takes it.
//! - FLUSHALL detaches a whole table: it goes to the image as it is. SWAPDB exchanges tables with their shares: each knows
//!   which database it was at the cut. Growing and shrinking move entries, which carry their epoch along, within what a scan
//!   position has or has not passed (`store::table`).
//!
//! Epochs are 1 to 31 and go round; 0 is "no image". After an image that was not finished some entries carry its epoch and
//! others older ones, none of which can come up again before [`FAILURES_MAX`] more have failed: then all are set back.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::entry::EPOCH_MAX;
use super::{Db, Entry, Held, Mode, Store, Stripes};
use crate::value::{Value, ValueRef};

/// Bytes handed over and not yet taken at which writers are slowed down.
const HANDED_BYTES_MAX: usize = 32 << 20;
const FAILURES_MAX: u8 = EPOCH_MAX - 2;
/// What an O(1) clone is counted as.
const CLONE_BYTES: usize = 64;

/// An entry as it was at the cut, that a writer has handed over.
pub struct HandedOver {
    /// Its database at the cut.
    pub db: usize,
    /// Its key.
    pub key: Box<[u8]>,
    /// Its value.
    pub value: Value,
    /// Its expiry in Unix milliseconds.
    pub expiry_ms: Option<i64>,
    /// Its access bits.
    pub access: u32,
}

/// What writers have given to an image.
#[derive(Default)]
pub struct Left {
    /// Entries.
    pub entries: Vec<HandedOver>,
    /// Whole tables, to be walked.
    pub tables: Vec<Db>,
}

/// An image being made.
pub struct Image {
    epoch: u8,
    left: Mutex<Left>,
    handed_bytes: AtomicUsize,
    /// The store's: writers hand over faster than is taken.
    pressed: Arc<AtomicBool>,
    /// The store's: bytes handed over so far.
    copied_bytes: Arc<AtomicUsize>,
    over: AtomicBool,
}

/// A table's share in an image.
pub(super) struct Share {
    image: Arc<Image>,
    /// The table's database at the cut.
    db: usize,
    /// Up to where the walk has come.
    position: u64,
}

/// The epochs of a store's images.
#[derive(Default)]
pub(super) struct Epochs {
    last: u8,
    failures: u8,
}

impl Image {
    /// Takes what writers have handed over so far.
    pub fn take_left(&self) -> Left {
        let mut left = self.left.lock();
        self.handed_bytes.store(0, Ordering::Relaxed);
        self.pressed.store(false, Ordering::Relaxed);
        mem::take(&mut *left)
    }
}

impl HandedOver {
    /// An entry of a table that was database `db` at the cut.
    pub fn of(entry: &Entry, db: usize) -> Self {
        Self {
            db,
            key: entry.key().into(),
            value: match entry.value() {
                // It is read in order only: the index, which has half of the nodes, need not be copied for it.
                ValueRef::ZSet(zset) => Value::ZSet(zset.in_order()),
                _ => entry.clone_value(),
            },
            expiry_ms: entry.expiry(),
            access: entry.access(),
        }
    }

    fn bytes(&self) -> usize {
        let value = match &self.value {
            Value::Text { bytes, .. } => bytes.len(),
            _ => CLONE_BYTES,
        };
        size_of::<Self>() + self.key.len() + value
    }
}

impl Share {
    pub fn new(image: Arc<Image>, db: usize) -> Self {
        Self { image, db, position: 0 }
    }

    /// An entry made now is none of the image's.
    #[inline]
    pub fn born(&self, entry: &Entry) {
        entry.set_epoch(self.image.epoch);
    }

    /// Hands an entry over before it changes, unless the image has had it.
    #[inline]
    pub fn preserve(&self, entry: &Entry) {
        if entry.epoch() != self.image.epoch {
            self.hand_over(entry);
        }
    }

    #[cold]
    fn hand_over(&self, entry: &Entry) {
        entry.set_epoch(self.image.epoch);
        if self.image.over.load(Ordering::Relaxed) {
            return;
        }
        let handed = HandedOver::of(entry, self.db);
        let bytes = handed.bytes();
        let mut left = self.image.left.lock();
        // Looked at again: whatever comes after the end would stay for ever.
        if self.image.over.load(Ordering::Relaxed) {
            return;
        }
        left.entries.push(handed);
        self.image.copied_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.image.handed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > HANDED_BYTES_MAX {
            self.image.pressed.store(true, Ordering::Relaxed);
        }
    }
}

impl Db {
    /// Takes part in an image from now on.
    pub(super) fn join(&mut self, image: &Arc<Image>, db: usize) {
        self.share = (!self.table().is_empty()).then(|| Box::new(Share::new(image.clone(), db)));
    }

    /// Gives itself to the image that it has a share in, or is given back.
    pub fn detach(self) -> Option<Self> {
        let Some(image) = self.share.as_ref().map(|share| share.image.clone()) else { return Some(self) };
        let mut left = image.left.lock();
        if image.over.load(Ordering::Relaxed) {
            return Some(self);
        }
        left.tables.push(self);
        None
    }

    /// Shows the image entries that it has not had, with their database at the cut: of the next buckets, until `enough` says
    /// so or there are no more. Returns whether there are more.
    pub fn walk(&mut self, visit: &mut dyn FnMut(usize, &Entry), enough: &mut dyn FnMut() -> bool) -> bool {
        let Some(mut share) = self.share.take() else { return false };
        while !share.image.over.load(Ordering::Relaxed) {
            let next = self.table().scan(share.position, &mut |entry| {
                if entry.epoch() != share.image.epoch {
                    entry.set_epoch(share.image.epoch);
                    visit(share.db, entry);
                }
            });
            let Some(next) = next else { return false };
            share.position = next;
            if enough() {
                self.share = Some(share);
                return true;
            }
        }
        false
    }
}

impl Store {
    /// Makes the cut: locks everything, begins an image and runs `at_cut` under the locks. There must be no other image.
    pub fn cut<R>(&self, at_cut: impl FnOnce(&Held<'_>) -> R) -> (Arc<Image>, R) {
        if self.epochs.lock().failures >= FAILURES_MAX {
            self.set_epochs_back();
        }
        let epoch = {
            let mut epochs = self.epochs.lock();
            epochs.last = epochs.last % EPOCH_MAX + 1;
            epochs.last
        };
        self.copied_bytes.store(0, Ordering::Relaxed);
        let image = Arc::new(Image {
            epoch,
            left: Mutex::default(),
            handed_bytes: AtomicUsize::new(0),
            pressed: self.pressed.clone(),
            copied_bytes: self.copied_bytes.clone(),
            over: AtomicBool::new(false),
        });
        let mut held = self.locks().hold_all(Mode::Write);
        held.each_mut(&mut |stripe| stripe.join(&image));
        let result = at_cut(&held);
        drop(held);
        (image, result)
    }

    /// Shows entries of a stripe as [`Db::walk`] does. Returns whether there are more.
    pub fn walk_stripe(
        &self,
        index: usize,
        visit: &mut dyn FnMut(usize, &Entry),
        enough: &mut dyn FnMut() -> bool,
    ) -> bool {
        let mut guard = self.locks().lock(index, Mode::Write);
        let Some(stripe) = guard.stripe_mut() else { return false };
        stripe.walk(visit, enough)
    }

    /// Ends an image. One that is not `finished` leaves entries behind that it has not had.
    pub fn end_image(&self, image: &Image, finished: bool) {
        let left = {
            let mut left = image.left.lock();
            image.over.store(true, Ordering::Relaxed);
            self.pressed.store(false, Ordering::Relaxed);
            mem::take(&mut *left)
        };
        drop(left);
        let mut epochs = self.epochs.lock();
        epochs.failures = if finished { 0 } else { epochs.failures + 1 };
    }

    /// Whether writers should wait for the image.
    #[inline]
    pub fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// Bytes that writers have copied for the image that is being made, or for the last one. What large values copy of
    /// themselves does not count.
    pub fn copied_bytes(&self) -> usize {
        self.copied_bytes.load(Ordering::Relaxed)
    }

    fn set_epochs_back(&self) {
        for index in 0..self.stripes() {
            let mut guard = self.locks().lock(index, Mode::Write);
            if let Some(stripe) = guard.stripe_mut() {
                stripe.each_db_mut(&mut |_, db| db.table().each(&mut |entry| entry.set_epoch(0)));
            }
        }
        self.epochs.lock().failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::base::hash::hash as hash_of;
    use crate::store::NewValue;

    type Data = HashMap<(usize, Vec<u8>), (i64, Option<i64>)>;

    struct Model {
        store: Store,
        data: Data,
        rng: fastrand::Rng,
    }

    impl Model {
        fn change(&mut self) {
            let (db, key) = (self.rng.usize(0..3), format!("key:{}", self.rng.u32(0..3000)).into_bytes());
            match self.rng.u32(0..2000) {
                0 => return self.flush(db),
                1 => {
                    let other = self.rng.usize(0..3);
                    return self.swap(db, other);
                }
                _ => {}
            }
            let hash = hash_of(&key);
            let mut guard = self.store.locks().lock(self.store.stripe_of(hash), Mode::Write);
            let part = guard.stripe_mut().unwrap().db_mut(db);
            let number = self.rng.i64(0..1_000_000);
            match self.rng.u8(0..4) {
                0 => {
                    part.remove(hash, &key);
                    self.data.remove(&(db, key));
                }
                1 if part.set_expiry(hash, &key, Some(number)) => {
                    self.data.get_mut(&(db, key)).unwrap().1 = Some(number);
                }
                _ => {
                    part.set_value(hash, &key, NewValue::Integer(number), 0);
                    self.data.entry((db, key)).or_insert((0, None)).0 = number;
                }
            }
        }

        fn flush(&mut self, db: usize) {
            for index in 0..self.store.stripes() {
                let mut guard = self.store.locks().lock(index, Mode::Write);
                drop(guard.stripe_mut().unwrap().take_db(db).detach());
            }
            self.data.retain(|(of, _), _| *of != db);
        }

        fn swap(&mut self, one: usize, other: usize) {
            if one == other {
                return;
            }
            for index in 0..self.store.stripes() {
                let mut guard = self.store.locks().lock(index, Mode::Write);
                guard.stripe_mut().unwrap().swap_dbs(one, other);
            }
            let other_of = |db| {
                if db == one {
                    other
                } else if db == other {
                    one
                } else {
                    db
                }
            };
            self.data = self.data.drain().map(|((db, key), value)| ((other_of(db), key), value)).collect();
        }

        /// Makes an image while changes go on; aborted half way if so asked.
        fn image(&mut self, aborts: bool) -> Option<Data> {
            let expected = self.data.clone();
            let (image, ()) = self.store.cut(|_| ());
            let seen = std::cell::RefCell::new(Data::new());
            let put = |db: usize, key: &[u8], value: i64, expiry: Option<i64>| {
                let before = seen.borrow_mut().insert((db, key.to_vec()), (value, expiry));
                assert!(before.is_none(), "{} twice", String::from_utf8_lossy(key));
            };
            let mut visit = |db: usize, entry: &Entry| {
                let ValueRef::Integer(value) = entry.value() else { panic!("not an integer") };
                put(db, entry.key(), value, entry.expiry());
            };
            let mut tables = Vec::new();
            for index in 0..self.store.stripes() {
                while self.store.walk_stripe(index, &mut visit, &mut || true) {
                    (0..self.rng.u8(0..4)).for_each(|_| self.change());
                }
                if aborts && index == self.store.stripes() / 2 {
                    self.store.end_image(&image, false);
                    return None;
                }
                let left = image.take_left();
                tables.extend(left.tables);
                for entry in left.entries {
                    let Value::Integer(value) = entry.value else { panic!("not an integer") };
                    put(entry.db, &entry.key, value, entry.expiry_ms);
                }
            }
            let mut visit = |db: usize, entry: &Entry| {
                let ValueRef::Integer(value) = entry.value() else { panic!("not an integer") };
                put(db, entry.key(), value, entry.expiry());
            };
            tables.iter_mut().for_each(|table: &mut Db| while table.walk(&mut visit, &mut || false) {});
            self.store.end_image(&image, true);
            assert!(image.take_left().tables.is_empty());
            let seen = seen.into_inner();
            assert_eq!(seen.len(), expected.len());
            assert!(seen == expected);
            Some(seen)
        }
    }

    #[test]
    fn an_image_has_every_entry_once_as_it_was_at_the_cut() {
        let seed = fastrand::u64(..);
        crate::base::log::notice!("seed {seed}");
        let mut model =
            Model { store: Store::new(1), data: Data::new(), rng: fastrand::Rng::with_seed(seed) };
        (0..5000).for_each(|_| model.change());
        for round in 0..40 {
            // Longer than epochs last, with runs of failures.
            let aborts = (5..36).contains(&round);
            model.image(aborts);
            (0..200).for_each(|_| model.change());
        }
    }
}
