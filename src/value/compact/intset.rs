//! Intset: a sorted array of distinct integers, all of the width that the widest of them needs.
//!
//! Layout, all little-endian, as Redis writes it into RDB files:
//!
//! ```text
//! u32 width in bytes (2, 4 or 8) | u32 count | count integers of that width, ascending
//! ```
//!
//! Inserting a value that needs more width rewrites the array once at the new width; the value then lies outside the range
//! of all the others, so it goes to one of the ends. Widths never shrink.

use super::Malformed;

const HEADER: usize = 8;

/// A set of integers in Redis's intset format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intset(Box<[u8]>);

impl Intset {
    /// An empty set of the smallest width.
    pub fn new() -> Self {
        Self(Box::new([2, 0, 0, 0, 0, 0, 0, 0]))
    }

    /// Takes `bytes` if they are a well-formed, non-empty intset (Redis counts an empty one as corrupt).
    pub fn from_bytes_checked(bytes: Box<[u8]>) -> Result<Self, Malformed> {
        if bytes.len() < HEADER {
            return Err(Malformed);
        }
        let set = Self(bytes);
        let width = read_u32(&set.0, 0);
        let expected = u64::from(width) * set.len() as u64 + HEADER as u64;
        if !matches!(width, 2 | 4 | 8) || set.is_empty() || expected != set.0.len() as u64 {
            return Err(Malformed);
        }
        if set.iter().zip(set.iter().skip(1)).any(|(left, right)| left >= right) {
            return Err(Malformed);
        }
        Ok(set)
    }

    /// The bytes that go into an RDB file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Size of the encoding, header included.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Number of integers.
    #[inline]
    pub fn len(&self) -> usize {
        read_u32(&self.0, 4) as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `value`; false if it was there.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = width_of(value);
        if width > self.width() {
            self.widen(width);
        }
        match self.search(value) {
            Ok(_) => false,
            Err(index) => {
                self.insert_at(index, value);
                true
            }
        }
    }

    /// Removes `value`; false if it was not there.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.search(value) else { return false };
        let (width, count) = (self.width(), self.len());
        let at = HEADER + index * width;
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        bytes.copy_within(at + width.., at);
        bytes.truncate(bytes.len() - width);
        self.0 = bytes.into_boxed_slice();
        self.set_count(count - 1);
        true
    }

    /// Whether `value` is in the set.
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The integer at `index` in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.read(index))
    }

    /// All integers, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.read(index))
    }

    /// Any member, each with the same chance.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<i64> {
        if self.is_empty() { None } else { Some(self.read(random.usize(..self.len()))) }
    }

    fn width(&self) -> usize {
        usize::from(self.0[0])
    }

    #[inline]
    fn read(&self, index: usize) -> i64 {
        let width = self.width();
        let at = HEADER + index * width;
        read_integer(&self.0[at..at + width])
    }

    /// Position of `value`, or the one where it belongs.
    #[inline]
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // Ascending insertion is common, and so is asking for what lies outside.
        if high > 0 && value > self.read(high - 1) {
            return Err(high);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.read(middle).cmp(&value) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn insert_at(&mut self, index: usize, value: i64) {
        let (width, count) = (self.width(), self.len());
        let (at, end) = (HEADER + index * width, self.0.len());
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        bytes.reserve_exact(width);
        bytes.resize(end + width, 0);
        bytes.copy_within(at..end, at + width);
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        self.0 = bytes.into_boxed_slice();
        self.set_count(count + 1);
    }

    fn widen(&mut self, width: usize) {
        let mut bytes = Vec::with_capacity(HEADER + self.len() * width);
        bytes.extend_from_slice(&self.0[..HEADER]);
        bytes[0] = width as u8;
        self.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()[..width]));
        self.0 = bytes.into_boxed_slice();
    }

    fn set_count(&mut self, count: usize) {
        self.0[4..HEADER].copy_from_slice(&(count as u32).to_le_bytes());
    }
}

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[inline]
fn read_integer(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("a width is 2, 4 or 8"),
    }
}

#[inline]
fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set_of(values: &[i64]) -> Intset {
        let mut set = Intset::new();
        values.iter().for_each(|&value| assert!(set.insert(value)));
        set
    }

    #[test]
    fn bytes_are_those_of_redis() {
        let check = |values: &[i64], expected: &[u8]| assert_eq!(set_of(values).as_bytes(), expected);
        check(&[], &[2, 0, 0, 0, 0, 0, 0, 0]);
        check(&[2, 1], &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0]);
        check(&[1, -32769], &[4, 0, 0, 0, 2, 0, 0, 0, 0xff, 0x7f, 0xff, 0xff, 1, 0, 0, 0]);
        check(&[1, 32768], &[4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0, 0]);
        check(&[1 << 32], &[8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let check = |bytes: &[u8], good: bool| {
            assert_eq!(Intset::from_bytes_checked(bytes.into()).is_ok(), good, "{bytes:?}");
        };
        check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0], true);
        check(&[], false);
        check(&[2, 0, 0, 0, 0, 0, 0], false);
        check(&[2, 0, 0, 0, 0, 0, 0, 0], false);
        check(&[3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], false);
        check(&[2, 1, 0, 0, 1, 0, 0, 0, 1, 0], false);
        check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0], false);
        check(&[2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0], false);
        check(&[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0], false);
        check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0], false);
        check(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0], false);
    }

    #[test]
    fn random_reaches_every_member() {
        let (set, mut random) = (set_of(&[1, 2, 3]), fastrand::Rng::with_seed(1));
        let seen: BTreeSet<_> = (0..100).filter_map(|_| set.random(&mut random)).collect();
        assert_eq!(seen, BTreeSet::from([1, 2, 3]));
        assert_eq!(Intset::new().random(&mut random), None);
    }

    fn any_width() -> impl Strategy<Value = i64> {
        prop_oneof![
            -20..20_i64,
            any::<i16>().prop_map(i64::from),
            any::<i32>().prop_map(i64::from),
            any::<i64>()
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_set(steps in prop::collection::vec((any::<bool>(), any_width()), 0..80)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (insert, value) in steps {
                if insert {
                    prop_assert_eq!(set.insert(value), model.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), model.remove(&value));
                }
                prop_assert_eq!(set.contains(value), model.contains(&value));
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert_eq!(set.get(0), model.first().copied());
                prop_assert_eq!(set.get(model.len()), None);
            }
            let checked = Intset::from_bytes_checked(set.as_bytes().into());
            prop_assert_eq!(checked.is_ok(), !model.is_empty());
        }

        #[test]
        fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(set) = Intset::from_bytes_checked(bytes.into()) {
                prop_assert_eq!(set.iter().count(), set.len());
            }
        }
    }
}
