//! Which keys of a stripe were last changed by a record that may not be shown yet (design 4.2).
//!
//! A reader of such a key waits with its reply until the journal has released the record. Only what is in flight is kept, by the
//! hash of the key, so that almost no read waits: two keys of one hash wait for each other, which is harmless.

/// Looked through for what has been released when there are this many.
const KEPT_MIN: usize = 8;

/// The journal's numbers of the last writes in a stripe.
#[derive(Default)]
pub struct Unreleased {
    newest: u64,
    /// Of the last write that concerned every key.
    whole: u64,
    keys: Vec<(u64, u64)>,
}

impl Unreleased {
    /// The key of this hash was changed by record `sequence`, when everything up to `released` was released.
    pub fn note(&mut self, hash: u64, sequence: u64, released: u64) {
        self.newest = sequence;
        if let Some(known) = self.keys.iter_mut().find(|(of, _)| *of == hash) {
            known.1 = sequence;
            return;
        }
        if self.keys.len() >= KEPT_MIN && self.keys.len() == self.keys.capacity() {
            self.keys.retain(|(_, of)| *of > released);
        }
        self.keys.push((hash, sequence));
    }

    /// Any key may have been changed by record `sequence`.
    pub fn note_whole(&mut self, sequence: u64) {
        (self.newest, self.whole) = (sequence, sequence);
        self.keys = Vec::new();
    }

    /// The record that a reader of the key waits for, 0 for none.
    #[inline]
    pub fn of(&self, hash: u64, released: u64) -> u64 {
        if self.newest <= released { 0 } else { self.look_up(hash, released) }
    }

    /// The record that a reader of any key waits for, 0 for none.
    #[inline]
    pub fn of_any(&self, released: u64) -> u64 {
        if self.newest <= released { 0 } else { self.newest }
    }

    #[cold]
    fn look_up(&self, hash: u64, released: u64) -> u64 {
        let own = self.keys.iter().find(|(of, _)| *of == hash).map_or(0, |(_, sequence)| *sequence);
        let found = own.max(self.whole);
        if found <= released { 0 } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_flight_is_waited_for() {
        let mut stripe = Unreleased::default();
        assert_eq!((stripe.of(1, 0), stripe.of_any(0)), (0, 0));
        stripe.note(1, 10, 9);
        stripe.note(2, 11, 9);
        assert_eq!((stripe.of(1, 9), stripe.of(2, 9), stripe.of(3, 9)), (10, 11, 0));
        assert_eq!((stripe.of(1, 10), stripe.of(2, 10), stripe.of_any(10)), (0, 11, 11));
        stripe.note(1, 12, 10);
        assert_eq!((stripe.of(1, 11), stripe.of_any(12)), (12, 0));
        stripe.note_whole(13);
        assert_eq!((stripe.of(3, 12), stripe.of(1, 12), stripe.of(1, 13)), (13, 13, 0));
    }

    #[test]
    fn released_keys_are_forgotten() {
        let mut stripe = Unreleased::default();
        for sequence in 1..10_000 {
            stripe.note(sequence, sequence, sequence - 1);
        }
        assert!(stripe.keys.len() <= 2 * KEPT_MIN, "{}", stripe.keys.len());
    }
}
