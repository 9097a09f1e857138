//! The table inside a stripe: linear hashing over cache-line buckets (design 3).
//!
//! A bucket is one 64-byte line: seven one-byte hash tags and a state byte (the low seven bits say which slots are taken, the
//! top bit that the last slot holds a link), then seven slots. A slot is an [`Entry`], that is, one pointer; when a bucket
//! overflows, its last slot becomes a link to another bucket instead.
//!
//! The table has `len` buckets. With `level = floor(log2(len))`, a hash belongs to bucket `hash mod 2^(level+1)` if there is such
//! a bucket, else to `hash mod 2^level`. Growing adds bucket `len` and moves into it what its sibling `len - 2^level` holds
//! for it: one bucket per insert, no rehash pause. Shrinking merges the last bucket back. Buckets stand in segments of
//! [`SEGMENT_BUCKETS`] that never move (but the first, while the table is smaller than one segment).
//!
//! A scan position is the bit-reversed hash, so the buckets, whatever their level, cover disjoint intervals of positions in
//! order: [`Table::scan`] reads the bucket that covers a position and returns the start of the next interval. Splitting or
//! merging never moves an entry across a position that a scan has passed, which is SCAN's guarantee.
#![expect(unsafe_code, reason = "a slot is an entry or a link, told apart by the bucket's state byte")]

use std::mem::ManuallyDrop;

use super::entry::{Entry, prefetch};
use crate::base::hash::hash as hash_of;

const SLOTS: usize = 7;
const LINK: u8 = 0x80;
const SEGMENT_BUCKETS: usize = 16;
/// Split when there are more than this many entries per bucket, on average.
const FILL_MAX: usize = 5;
/// Merge when there are fewer.
const FILL_MIN: usize = 2;

/// Bits of a scan position: enough for 2^32 buckets in one table.
pub const POSITION_BITS: u32 = 32;

union Slot {
    empty: (),
    entry: ManuallyDrop<Entry>,
    link: ManuallyDrop<Box<Bucket>>,
}

/// Rules: (1) slot `i` holds an initialised `entry` exactly when bit `i` of `state` is set; (2) the last slot holds an
/// initialised `link` exactly when the top bit is set, and bit 6 is clear then.
#[repr(C, align(64))]
struct Bucket {
    tags: [u8; SLOTS],
    state: u8,
    slots: [Slot; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// Keys of one database in one stripe.
#[derive(Default)]
pub struct Table {
    segments: Vec<Box<[Bucket]>>,
    buckets: usize,
    len: usize,
}

impl Table {
    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of buckets, overflow buckets not counted.
    pub fn buckets(&self) -> usize {
        self.buckets
    }

    /// The entry of `key`, whose hash is `hash`.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        if self.len == 0 {
            return None;
        }
        let mut bucket = self.bucket(self.index(hash));
        loop {
            if let Some(slot) = bucket.position(tag(hash), key) {
                return Some(bucket.entry(slot));
            }
            bucket = bucket.next()?;
        }
    }

    /// As [`Table::find`], to be changed.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        if self.len == 0 {
            return None;
        }
        let index = self.index(hash);
        let mut bucket = self.bucket_mut(index);
        loop {
            if let Some(slot) = bucket.position(tag(hash), key) {
                return Some(bucket.entry_mut(slot));
            }
            bucket = bucket.next_mut()?;
        }
    }

    /// The first entry whose key has this very hash and that `wanted` accepts.
    pub fn find_by_hash(&self, hash: u64, wanted: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        if self.len == 0 {
            return None;
        }
        let mut bucket = Some(self.bucket(self.index(hash)));
        while let Some(this) = bucket {
            let found = this.tagged(tag(hash)).map(|slot| this.entry(slot));
            if let Some(entry) = found.into_iter().find(|entry| hash_of(entry.key()) == hash && wanted(entry))
            {
                return Some(entry);
            }
            bucket = this.next();
        }
        None
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, hash: u64, entry: Entry) -> &mut Entry {
        if self.len >= self.buckets * FILL_MAX {
            self.grow();
        }
        self.len += 1;
        let index = self.index(hash);
        self.bucket_mut(index).push(tag(hash), entry)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        if self.len == 0 {
            return None;
        }
        let index = self.index(hash);
        let entry = self.bucket_mut(index).remove(tag(hash), key)?;
        self.len -= 1;
        if self.buckets > 1 && self.len < self.buckets * FILL_MIN {
            self.shrink();
        }
        Some(entry)
    }

    /// Makes a table without entries as large as it is with so many.
    pub fn presize(&mut self, entries: usize) {
        let buckets = entries / FILL_MAX;
        if self.len > 0 || buckets <= self.buckets {
            return;
        }
        while self.room() < buckets {
            self.provide(self.room() + 1);
        }
        self.buckets = buckets;
    }

    /// Visits the entries of the bucket that covers `position` and returns the next bucket's position, None after the last.
    pub fn scan(&self, position: u64, visit: &mut dyn FnMut(&Entry)) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        let hash = position.reverse_bits() >> (u64::BITS - POSITION_BITS);
        let index = self.index(hash);
        let low = POSITION_BITS - self.bucket_level(index);
        let next = ((position >> low) + 1) << low;
        let next = (next >> POSITION_BITS == 0).then_some(next);
        // The misses shall overlap: those of the bucket's entries, and that of the next bucket.
        let bucket = self.bucket(index);
        bucket.prefetch_entries();
        if let Some(next) = next {
            self.prefetch_bucket(next.reverse_bits() >> (u64::BITS - POSITION_BITS));
        }
        bucket.each(visit);
        next
    }

    /// Visits the entries of the bucket that a random number falls on; false if it had none.
    pub fn sample(&self, random: u64, visit: &mut dyn FnMut(&Entry)) -> bool {
        if self.buckets == 0 {
            return false;
        }
        let mut any = false;
        self.bucket(random as usize % self.buckets).each(&mut |entry| {
            any = true;
            visit(entry);
        });
        any
    }

    /// Visits every entry.
    pub fn each(&self, visit: &mut dyn FnMut(&Entry)) {
        self.segments.iter().flatten().take(self.buckets).for_each(|bucket| bucket.each(visit));
    }

    /// Hints the processor to fetch the bucket of `hash`.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if self.len != 0 {
            prefetch(std::ptr::from_ref(self.bucket(self.index(hash))).cast());
        }
    }

    /// Hints the processor to fetch the entry that the hash's tag points at, if the bucket is here already.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if self.len == 0 {
            return;
        }
        let bucket = self.bucket(self.index(hash));
        if let Some(slot) = bucket.tagged(tag(hash)).next() {
            bucket.entry(slot).prefetch();
        }
    }

    /// Heap bytes of the table itself, without entries.
    pub fn heap_bytes(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| size_of_val::<[Bucket]>(segment) + size_of::<Box<[Bucket]>>())
            .sum()
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        debug_assert!(self.buckets > 0);
        let half = 1usize << self.level();
        let wide = hash as usize & (2 * half - 1);
        if wide < self.buckets { wide } else { wide & (half - 1) }
    }

    #[inline]
    fn level(&self) -> u32 {
        self.buckets.ilog2()
    }

    /// How many hash bits tell this bucket from the others.
    fn bucket_level(&self, index: usize) -> u32 {
        let level = self.level();
        let half = 1usize << level;
        if index >= half || index < self.buckets - half { level + 1 } else { level }
    }

    #[inline]
    fn bucket(&self, index: usize) -> &Bucket {
        &self.segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
    }

    #[inline]
    fn bucket_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.segments[index / SEGMENT_BUCKETS][index % SEGMENT_BUCKETS]
    }

    fn grow(&mut self) {
        self.provide(self.buckets + 1);
        let new = self.buckets;
        self.buckets += 1;
        if new == 0 {
            return;
        }
        let sibling = new - (1 << new.ilog2());
        let mut moving = self.bucket_mut(sibling).drain();
        // Their keys are to be hashed: the misses shall overlap.
        moving.iter().for_each(|(_, entry)| entry.prefetch());
        while let Some((tag, entry)) = moving.pop() {
            let index = self.index(hash_of(entry.key()));
            debug_assert!(index == sibling || index == new);
            self.bucket_mut(index).push(tag, entry);
        }
    }

    fn shrink(&mut self) {
        let last = self.buckets - 1;
        let moving = self.bucket_mut(last).drain();
        self.buckets = last;
        let sibling = last - (1 << last.ilog2());
        for (tag, entry) in moving {
            self.bucket_mut(sibling).push(tag, entry);
        }
        // One spare segment stays, or a table at the border would allocate and free in turns.
        self.segments.truncate(self.buckets.div_ceil(SEGMENT_BUCKETS) + 1);
    }

    /// Buckets that there is memory for.
    fn room(&self) -> usize {
        match self.segments.as_slice() {
            [] => 0,
            [first] => first.len(),
            segments => segments.len() * SEGMENT_BUCKETS,
        }
    }

    /// Makes room for `buckets` buckets: the first segment doubles up to its full size, later ones are added whole.
    fn provide(&mut self, buckets: usize) {
        let have = self.room();
        if buckets <= have {
            return;
        }
        if have >= SEGMENT_BUCKETS {
            return self.segments.push(fresh(SEGMENT_BUCKETS).into());
        }
        let mut first = self.segments.pop().map_or_else(Vec::new, Vec::from);
        first.reserve_exact(first.len().max(1));
        first.extend(fresh(first.len().max(1)));
        self.segments.push(first.into());
    }
}

fn fresh(count: usize) -> Vec<Bucket> {
    (0..count).map(|_| Bucket::new()).collect()
}

impl Bucket {
    fn new() -> Self {
        Self { tags: [0; SLOTS], state: 0, slots: [const { Slot { empty: () } }; SLOTS] }
    }

    /// The slots whose tag is `tag`, entries or not yet compared.
    #[inline]
    fn tagged(&self, tag: u8) -> impl Iterator<Item = usize> + use<> {
        let mut matches = self.matches(tag);
        std::iter::from_fn(move || {
            let slot = matches.trailing_zeros() as usize;
            matches &= matches.wrapping_sub(1);
            (slot < SLOTS).then_some(slot)
        })
    }

    /// A bit per taken slot with this tag.
    #[inline]
    fn matches(&self, tag: u8) -> u8 {
        let mut found = 0u8;
        for (slot, &have) in self.tags.iter().enumerate() {
            found |= u8::from(have == tag) << slot;
        }
        found & self.state & !LINK
    }

    #[inline]
    fn position(&self, tag: u8, key: &[u8]) -> Option<usize> {
        self.tagged(tag).find(|&slot| self.entry(slot).key() == key)
    }

    #[inline]
    fn entry(&self, slot: usize) -> &Entry {
        assert!(self.state >> slot & 1 == 1 && slot < SLOTS);
        // SAFETY: rule 1, asserted.
        unsafe { &self.slots[slot].entry }
    }

    #[inline]
    fn entry_mut(&mut self, slot: usize) -> &mut Entry {
        assert!(self.state >> slot & 1 == 1 && slot < SLOTS);
        // SAFETY: rule 1, asserted.
        unsafe { &mut self.slots[slot].entry }
    }

    #[inline]
    fn next(&self) -> Option<&Bucket> {
        // SAFETY: rule 2.
        (self.state & LINK != 0).then(|| unsafe { &**self.slots[SLOTS - 1].link })
    }

    #[inline]
    fn next_mut(&mut self) -> Option<&mut Bucket> {
        // SAFETY: rule 2.
        (self.state & LINK != 0).then(|| unsafe { &mut **self.slots[SLOTS - 1].link })
    }

    /// Those of an overflow bucket are left out.
    fn prefetch_entries(&self) {
        (0..SLOTS)
            .filter(|slot| self.state & !LINK & (1 << slot) != 0)
            .for_each(|slot| self.entry(slot).prefetch());
    }

    fn each(&self, visit: &mut dyn FnMut(&Entry)) {
        let mut bucket = self;
        loop {
            for slot in (0..SLOTS).filter(|slot| bucket.state & !LINK & (1 << slot) != 0) {
                visit(bucket.entry(slot));
            }
            match bucket.next() {
                Some(next) => bucket = next,
                None => return,
            }
        }
    }

    /// Adds an entry to the chain.
    fn push(&mut self, tag: u8, entry: Entry) -> &mut Entry {
        let room = if self.state & LINK == 0 { SLOTS } else { SLOTS - 1 };
        let slot = (!self.state & !LINK).trailing_zeros() as usize;
        if slot < room {
            return self.put(slot, tag, entry);
        }
        if self.state & LINK == 0 {
            self.link();
        }
        match self.next_mut() {
            Some(next) => next.push(tag, entry),
            None => unreachable!("linked above"),
        }
    }

    fn put(&mut self, slot: usize, tag: u8, entry: Entry) -> &mut Entry {
        self.tags[slot] = tag;
        self.slots[slot].entry = ManuallyDrop::new(entry);
        self.state |= 1 << slot;
        self.entry_mut(slot)
    }

    fn take(&mut self, slot: usize) -> Entry {
        assert!(self.state >> slot & 1 == 1 && slot < SLOTS);
        self.state &= !(1 << slot);
        // SAFETY: rule 1, asserted; the bit is cleared, so nobody takes it again.
        unsafe { ManuallyDrop::take(&mut self.slots[slot].entry) }
    }

    /// Turns the last slot into a link, its entry moving on.
    fn link(&mut self) {
        let mut next = Box::new(Bucket::new());
        let (tag, entry) = (self.tags[SLOTS - 1], self.take(SLOTS - 1));
        next.put(0, tag, entry);
        self.slots[SLOTS - 1].link = ManuallyDrop::new(next);
        self.state |= LINK;
    }

    fn unlink(&mut self) -> Option<Box<Bucket>> {
        if self.state & LINK == 0 {
            return None;
        }
        self.state &= !LINK;
        // SAFETY: rule 2; the bit is cleared, so nobody takes it again.
        Some(unsafe { ManuallyDrop::take(&mut self.slots[SLOTS - 1].link) })
    }

    fn remove(&mut self, tag: u8, key: &[u8]) -> Option<Entry> {
        if let Some(slot) = self.position(tag, key) {
            let entry = self.take(slot);
            self.refill(slot);
            return Some(entry);
        }
        let next = self.next_mut()?;
        let entry = next.remove(tag, key)?;
        if next.state == 0 {
            self.unlink();
        }
        Some(entry)
    }

    /// Fills a hole from the chain, so that chains stay as short as they can be.
    fn refill(&mut self, hole: usize) {
        let Some(next) = self.next_mut() else { return };
        let Some(slot) = (0..SLOTS).find(|slot| next.state & !LINK & (1 << slot) != 0) else { return };
        let (tag, entry) = (next.tags[slot], next.take(slot));
        next.refill(slot);
        if next.state == 0 {
            self.unlink();
        }
        self.put(hole, tag, entry);
    }

    /// Empties the whole chain.
    fn drain(&mut self) -> smallvec::SmallVec<[(u8, Entry); 16]> {
        let mut out = smallvec::SmallVec::new();
        let mut link = self.unlink();
        self.drain_slots(&mut out);
        while let Some(mut bucket) = link {
            link = bucket.unlink();
            bucket.drain_slots(&mut out);
        }
        out
    }

    fn drain_slots(&mut self, out: &mut smallvec::SmallVec<[(u8, Entry); 16]>) {
        for slot in 0..SLOTS {
            if self.state & !LINK & (1 << slot) != 0 {
                out.push((self.tags[slot], self.take(slot)));
            }
        }
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if self.state != 0 {
            self.drain();
        }
    }
}

#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 40) as u8
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::store::entry::NewValue;

    fn entry(key: &[u8]) -> Entry {
        Entry::new(key, NewValue::Integer(1), None, 0)
    }

    fn name(index: usize) -> Vec<u8> {
        format!("key:{index}").into_bytes()
    }

    fn scan_all(table: &Table, mut each_step: impl FnMut(usize)) -> HashSet<Vec<u8>> {
        let mut seen = HashSet::new();
        let mut position = Some(0);
        let mut steps = 0;
        while let Some(at) = position {
            position = table.scan(at, &mut |entry| {
                seen.insert(entry.key().to_vec());
            });
            steps += 1;
            each_step(steps);
        }
        seen
    }

    #[test]
    fn inserts_finds_removes_and_shrinks() {
        let mut table = Table::default();
        for i in 0..20_000 {
            assert!(table.find(hash_of(&name(i)), &name(i)).is_none());
            table.insert(hash_of(&name(i)), entry(&name(i)));
        }
        assert_eq!(table.len(), 20_000);
        assert!((0..20_000).all(|i| table.find(hash_of(&name(i)), &name(i)).is_some()));
        assert!(table.find_by_hash(hash_of(&name(7)), |_| true).is_some_and(|entry| entry.key() == name(7)));
        assert_eq!(scan_all(&table, |_| {}).len(), 20_000);
        let peak = table.heap_bytes();
        for i in 0..20_000 {
            assert!(table.remove(hash_of(&name(i)), &name(i)).is_some());
            assert!(table.remove(hash_of(&name(i)), &name(i)).is_none());
        }
        assert!(table.is_empty() && table.heap_bytes() < peak / 50, "memory follows the data");
    }

    #[test]
    fn a_presized_table_is_one_that_has_grown() {
        for expected in [0, 4, 5, 79, 80, 81, 1000, 5000] {
            let mut table = Table::default();
            table.presize(expected);
            let before = table.buckets();
            for i in 0..expected {
                table.insert(hash_of(&name(i)), entry(&name(i)));
            }
            assert!(table.buckets() <= before.max(1) + 1, "{expected}");
            assert!((0..expected).all(|i| table.find(hash_of(&name(i)), &name(i)).is_some()));
            assert_eq!(scan_all(&table, |_| {}).len(), expected);
            (0..expected).for_each(|i| drop(table.remove(hash_of(&name(i)), &name(i)).unwrap()));
            assert!(table.is_empty() && table.buckets() <= 1);
        }
    }

    #[test]
    fn a_scan_sees_every_key_that_stays_while_the_table_grows_and_shrinks() {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut table = Table::default();
            for i in 0..2_000 {
                table.insert(hash_of(&name(i)), entry(&name(i)));
            }
            let mut extra = 2_000;
            let mut removed = 0;
            let mut seen = HashSet::new();
            let mut position = Some(0);
            while let Some(at) = position {
                position = table.scan(at, &mut |entry| {
                    seen.insert(entry.key().to_vec());
                });
                for _ in 0..rng.usize(0..30) {
                    table.insert(hash_of(&name(extra)), entry(&name(extra)));
                    extra += 1;
                }
                for _ in 0..rng.usize(0..20) {
                    // The first thousand stay; the rest may go at any time.
                    let victim = 1_000 + removed;
                    removed += usize::from(
                        victim < extra && table.remove(hash_of(&name(victim)), &name(victim)).is_some(),
                    );
                }
            }
            assert!((0..1_000).all(|i| seen.contains(&name(i))), "seed {seed}");
        }
    }
}
