//! Hashes: field-value pairs, in a listpack while small, in a [`HashTree`] of one allocation per pair after.
//!
//! The encodings switch where Redis 7.2 switches, and never back:
//! 1. A field or value longer than the limit, or one pair more than the limit, makes a table.
//! 2. So does a command that brings more pairs than the limit, even if they repeat the same field ([`Hash::prepare`]).

use smallvec::SmallVec;
use triomphe::{Arc, ThinArc};

use super::compact::Malformed;
use super::compact::hash_tree::{self, HashTree, Hashed};
use super::compact::listpack::{self, Item, Listpack};
use super::compact::thin_bytes::thin_arc_bytes;
use crate::base::hash::hash;

/// When a hash is small: `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// Pairs in a listpack.
    pub listpack_entries_max: usize,
    /// Bytes of a field or value in a listpack.
    pub listpack_value_bytes_max: usize,
}

impl Default for HashLimits {
    fn default() -> Self {
        Self { listpack_entries_max: 512, listpack_value_bytes_max: 64 }
    }
}

/// A hash value. Matching on it is for serialization; all else goes through the methods.
#[derive(Clone)]
pub enum Hash {
    /// Fields and values alternating.
    Packed(Listpack),
    /// Any size.
    Table(Box<HashTree<Pair>>),
}

const _: () = assert!(size_of::<Hash>() <= 16);

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl Hash {
    /// An empty hash in the smallest encoding.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// An empty hash that is a table from the start.
    pub fn new_table() -> Self {
        Self::Table(Box::default())
    }

    /// A hash of a listpack from outside, as a table if it has more pairs than a listpack may; an error if a field comes twice
    /// or without a value. Lengths don't matter, as in Redis.
    pub fn from_listpack(pack: Listpack, limits: &HashLimits) -> Result<Self, Malformed> {
        if !pack.len().is_multiple_of(2) || !pack.all_distinct(2) {
            return Err(Malformed);
        }
        let mut hash = Self::Packed(pack);
        if hash.len() > limits.listpack_entries_max {
            hash.convert_to_table();
        }
        Ok(hash)
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.len() / 2,
            Self::Table(table) => table.len(),
        }
    }

    /// Whether there is no pair: such a hash is no longer a key's value.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Packed(pack) => pack.is_empty(),
            Self::Table(table) => table.is_empty(),
        }
    }

    /// Converts to a table if the fields and values that a command is about to set call for it. To be called once before
    /// the first [`set`](Self::set) of a command that sets several.
    pub fn prepare<'a>(&mut self, arguments: impl ExactSizeIterator<Item = &'a [u8]>, limits: &HashLimits) {
        let Self::Packed(pack) = self else { return };
        let pairs = arguments.len() / 2;
        let (mut longest, mut total) = (0, 0);
        for argument in arguments {
            longest = longest.max(argument.len());
            total += argument.len();
        }
        let fits = pairs <= limits.listpack_entries_max && longest <= limits.listpack_value_bytes_max;
        if !fits || !pack.fits(total) {
            self.convert_to_table();
        }
    }

    /// Sets a field; true if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        if let Self::Packed(pack) = self {
            let longest = field.len().max(value.len());
            if longest <= limits.listpack_value_bytes_max && pack.fits(field.len() + value.len()) {
                let is_new = set_packed(pack, field, value);
                if is_new && self.len() > limits.listpack_entries_max {
                    self.convert_to_table();
                }
                return is_new;
            }
        }
        set_in_table(self.convert_to_table(), field, value)
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        match self {
            Self::Packed(pack) => pack.at(pack.next(pack.find(field, 1)?)?),
            Self::Table(table) => find(table, field).map(|pair| Item::Bytes(pair.value())),
        }
    }

    /// Whether a field exists.
    pub fn contains(&self, field: &[u8]) -> bool {
        match self {
            Self::Packed(pack) => pack.find(field, 1).is_some(),
            Self::Table(table) => find(table, field).is_some(),
        }
    }

    /// Length of the value of a field in bytes.
    pub fn value_len(&self, field: &[u8]) -> Option<usize> {
        self.get(field).map(|value| value.len())
    }

    /// Removes a field; false if it does not exist.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Self::Packed(pack) => match pack.find(field, 1) {
                Some(cursor) => {
                    pack.remove(cursor);
                    pack.remove(cursor);
                    true
                }
                None => false,
            },
            Self::Table(table) => table.remove(hash(field), |pair| pair.field() == field).is_some(),
        }
    }

    /// All pairs; in a listpack, in the order of insertion.
    pub fn iter(&self) -> Iter<'_> {
        match self {
            Self::Packed(pack) => Iter::Packed(pack.iter()),
            Self::Table(table) => Iter::Table(table.iter()),
        }
    }

    /// The `index`-th pair in the order of [`iter`](Self::iter): distinct indices give distinct pairs.
    pub fn nth(&self, index: usize) -> Option<(Item<'_>, Item<'_>)> {
        match self {
            Self::Packed(pack) => {
                let cursor = pack.cursor_at(isize::try_from(index).ok()?.checked_mul(2)?)?;
                Some((pack.at(cursor)?, pack.at(pack.next(cursor)?)?))
            }
            Self::Table(table) => table.nth(index).map(Pair::items),
        }
    }

    /// A uniformly random pair.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(Item<'_>, Item<'_>)> {
        match self.len() {
            0 => None,
            len => self.nth(rng.usize(..len)),
        }
    }

    /// Visits some pairs and returns the cursor to go on with; 0 starts and ends. A listpack is visited whole, as in Redis.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Item<'_>, Item<'_>)) -> u64 {
        match self {
            Self::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Self::Table(table) => table.scan(cursor, |pair| visit(pair.items().0, pair.items().1)),
        }
    }

    /// What OBJECT ENCODING calls it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Table(_) => "hashtable",
        }
    }

    /// Bytes on the heap, estimated from the first `samples` pairs (0 = all).
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Self::Packed(pack) => pack.byte_len(),
            Self::Table(table) => {
                size_of::<HashTree<Pair>>() + table.heap_bytes(samples, |pair| thin_arc_bytes(&pair.0))
            }
        }
    }

    /// Roughly the number of allocations to free.
    pub fn effort(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Table(table) => table.len() + table.effort(),
        }
    }

    fn convert_to_table(&mut self) -> &mut HashTree<Pair> {
        if let Self::Packed(_) = self {
            let mut table = HashTree::new();
            for (field, value) in self.iter() {
                field.with_bytes(|field| {
                    value.with_bytes(|value| insert_new(&mut table, hash(field), field, value))
                });
            }
            *self = Self::Table(Box::new(table));
        }
        match self {
            Self::Table(table) => table,
            Self::Packed(_) => unreachable!("converted above"),
        }
    }
}

impl<'a> IntoIterator for &'a Hash {
    type Item = (Item<'a>, Item<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterator over the pairs of a [`enum@Hash`].
pub enum Iter<'a> {
    /// Of a listpack.
    Packed(listpack::Iter<'a>),
    /// Of a table.
    Table(hash_tree::Iter<'a, Pair>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Packed(items) => Some((items.next()?.1, items.next()?.1)),
            Iter::Table(pairs) => pairs.next().map(Pair::items),
        }
    }
}

/// A field and its value in one allocation: the length of the field (one byte, or 255 and four bytes), the field, the value.
#[derive(Clone)]
pub struct Pair(ThinArc<(), u8>);

/// First byte of a pair whose field length takes four more.
const LONG_FIELD: u8 = u8::MAX;

impl Pair {
    /// Copies of both.
    pub fn new(field: &[u8], value: &[u8]) -> Self {
        let mut bytes = SmallVec::<[u8; 256]>::with_capacity(5 + field.len() + value.len());
        match u8::try_from(field.len()) {
            Ok(len) if len < LONG_FIELD => bytes.push(len),
            _ => {
                bytes.push(LONG_FIELD);
                bytes.extend_from_slice(&(field.len() as u32).to_le_bytes());
            }
        }
        bytes.extend_from_slice(field);
        bytes.extend_from_slice(value);
        Self(ThinArc::from_header_and_slice((), &bytes))
    }

    /// The field.
    #[inline]
    pub fn field(&self) -> &[u8] {
        self.parts().0
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        self.parts().1
    }

    fn items(&self) -> (Item<'_>, Item<'_>) {
        let (field, value) = self.parts();
        (Item::Bytes(field), Item::Bytes(value))
    }

    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        match &self.0.slice {
            [LONG_FIELD, a, b, c, d, rest @ ..] => {
                rest.split_at(u32::from_le_bytes([*a, *b, *c, *d]) as usize)
            }
            [len, rest @ ..] => rest.split_at(usize::from(*len)),
            [] => (&[], &[]),
        }
    }

    /// Writes in place if the length stays and no clone shares the pair.
    fn set_value(&mut self, value: &[u8]) {
        let (field, old) = self.parts();
        if old.len() == value.len() {
            let start = self.0.slice.len() - value.len();
            let write = |bytes: &mut [u8]| bytes[start..].copy_from_slice(value);
            if self.0.with_arc_mut(|arc| Arc::get_mut(arc).map(|owned| write(owned.slice_mut()))).is_none() {
                *self = Self::new(self.field(), value);
            }
        } else {
            *self = Self::new(field, value);
        }
    }
}

impl Hashed for Pair {
    fn hash(&self) -> u64 {
        hash(self.field())
    }
}

fn set_packed(pack: &mut Listpack, field: &[u8], value: &[u8]) -> bool {
    match pack.find(field, 1).and_then(|cursor| pack.next(cursor)) {
        Some(cursor) => pack.replace(cursor, value),
        None => {
            pack.insert_all(pack.end(), [field, value]);
            return true;
        }
    }
    false
}

fn set_in_table(table: &mut HashTree<Pair>, field: &[u8], value: &[u8]) -> bool {
    let hash = hash(field);
    if let Some(pair) = table.find_mut(hash, |pair| pair.field() == field) {
        pair.set_value(value);
        return false;
    }
    insert_new(table, hash, field, value);
    true
}

fn insert_new(table: &mut HashTree<Pair>, hash: u64, field: &[u8], value: &[u8]) {
    table.insert_new(hash, Pair::new(field, value));
}

fn find<'a>(table: &'a HashTree<Pair>, field: &[u8]) -> Option<&'a Pair> {
    table.find(hash(field), |pair| pair.field() == field)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    type Model = HashMap<Vec<u8>, Vec<u8>>;

    fn contents(hash: &Hash) -> Model {
        let pairs: Vec<_> = hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        assert_eq!(pairs.len(), hash.len());
        pairs.into_iter().collect()
    }

    fn check(hash: &Hash, model: &Model) {
        assert_eq!(&contents(hash), model);
        assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
        for (field, value) in model {
            assert!(hash.contains(field) && hash.get(field).is_some_and(|found| found == value[..]));
            assert_eq!(hash.value_len(field), Some(value.len()));
        }
        let by_index: Model =
            (0..hash.len()).filter_map(|i| hash.nth(i)).map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
        assert_eq!(&by_index, model);
        assert!(hash.nth(hash.len()).is_none());
    }

    /// Runs one HSET of `fields` on a hash of `before` fields, and says how it is encoded then.
    fn encoding_after(before: usize, pairs: &[(&[u8], &[u8])]) -> &'static str {
        let (mut hash, limits) = (Hash::new(), HashLimits::default());
        (0..before).for_each(|n| assert!(hash.set(format!("f{n}").as_bytes(), b"v", &limits)));
        let arguments: Vec<&[u8]> = pairs.iter().flat_map(|(field, value)| [*field, *value]).collect();
        hash.prepare(arguments.into_iter(), &limits);
        for (field, value) in pairs {
            hash.set(field, value, &limits);
        }
        hash.encoding()
    }

    #[test]
    fn switches_encoding_where_redis_does() {
        let (fits, long) = ([b'x'; 64], [b'x'; 65]);
        let same = |count| vec![(&b"same"[..], &b"v"[..]); count];
        assert_eq!(encoding_after(0, &[(b"f", &fits)]), "listpack");
        assert_eq!(encoding_after(0, &[(b"f", &long)]), "hashtable");
        assert_eq!(encoding_after(0, &[(&fits, b"v")]), "listpack");
        assert_eq!(encoding_after(0, &[(&long, b"v")]), "hashtable");
        assert_eq!(encoding_after(511, &same(1)), "listpack");
        assert_eq!(encoding_after(512, &same(1)), "hashtable");
        assert_eq!(encoding_after(512, &[(b"f1", b"v2")]), "listpack");
        assert_eq!(encoding_after(0, &same(512)), "listpack");
        assert_eq!(encoding_after(0, &same(513)), "hashtable");
    }

    #[test]
    fn a_single_set_checks_lengths_too() {
        let limits = HashLimits { listpack_entries_max: 2, listpack_value_bytes_max: 3 };
        let mut hash = Hash::new();
        assert!(hash.set(b"a", b"123", &limits));
        assert_eq!(hash.encoding(), "listpack");
        assert!(!hash.set(b"a", b"1234", &limits));
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 1));
        assert!(hash.get(b"a").is_some_and(|value| value == b"1234"[..]));
    }

    #[test]
    fn pairs_keep_any_lengths() {
        let text = vec![b'x'; 300_000];
        for field_len in [0, 1, 254, 255, 256, 70_000] {
            for value_len in [0, 1, 14, 300_000] {
                let (field, value) = (&text[..field_len], &text[..value_len]);
                let mut pair = Pair::new(field, value);
                assert!(pair.field() == field && pair.value() == value);
                let shared = pair.clone();
                let other = vec![b'y'; value_len];
                pair.set_value(&other);
                pair.set_value(&other);
                assert!(pair.field() == field && pair.value() == other && shared.value() == value);
                pair.set_value(b"short");
                assert!(pair.field() == field && pair.value() == b"short");
            }
        }
    }

    #[test]
    fn equal_lengths_are_written_in_place() {
        let mut hash = Hash::new_table();
        hash.set(b"field", b"old", &HashLimits::default());
        let address = |hash: &Hash| {
            hash.get(b"field").map(|value| match value {
                Item::Bytes(bytes) => bytes.as_ptr(),
                Item::Integer(_) => std::ptr::null(),
            })
        };
        let before = address(&hash);
        hash.set(b"field", b"new", &HashLimits::default());
        assert_eq!(address(&hash), before);
        let clone = hash.clone();
        hash.set(b"field", b"two", &HashLimits::default());
        assert!(clone.get(b"field").is_some_and(|value| value == b"new"[..]));
    }

    #[test]
    fn scans_every_pair_in_each_encoding() {
        for count in [0usize, 1, 100, 512, 513, 5000] {
            let mut hash = Hash::new();
            (0..count)
                .for_each(|n| assert!(hash.set(n.to_string().as_bytes(), b"v", &HashLimits::default())));
            let (mut cursor, mut seen) = (0, Model::new());
            loop {
                cursor = hash.scan(cursor, |field, value| drop(seen.insert(field.to_vec(), value.to_vec())));
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(seen, contents(&hash));
            assert_eq!(hash.random(&mut fastrand::Rng::with_seed(1)).is_some(), count > 0);
        }
    }

    #[test]
    fn estimates_size_and_effort() {
        let mut hash = Hash::new();
        hash.set(b"field", b"value", &HashLimits::default());
        assert_eq!((hash.heap_bytes(5), hash.effort()), (7 + 7 + 7, 1));
        (0..10_000).for_each(|n| {
            assert!(hash.set(format!("field:{n:05}").as_bytes(), b"value", &HashLimits::default()))
        });
        let (estimate, exact) = (hash.heap_bytes(5), hash.heap_bytes(0));
        assert!((600_000..900_000).contains(&exact), "{exact}");
        assert!(estimate.abs_diff(exact) < exact / 10);
        assert!(hash.effort() > 10_000);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(Vec<u8>, Vec<u8>),
        Remove(Vec<u8>),
        Clone,
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => (0..200i64).prop_map(|n| n.to_string().into_bytes()),
            4 => (0..100i64).prop_map(|n| format!("text:{n}").into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..30),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (text(), text()).prop_map(|(field, value)| Step::Set(field, value)),
            4 => text().prop_map(Step::Remove),
            1 => Just(Step::Clone),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec(step(), 1..600), entries_max in prop::sample::select(vec![0usize, 16, 1000])) {
            let limits = HashLimits { listpack_entries_max: entries_max, listpack_value_bytes_max: 25 };
            let mut now = (Hash::new(), Model::new());
            let mut kept = now.clone();
            for step in steps {
                match step {
                    Step::Set(field, value) => {
                        let is_new = now.0.set(&field, &value, &limits);
                        prop_assert_eq!(is_new, now.1.insert(field, value).is_none());
                    }
                    Step::Remove(field) => prop_assert_eq!(now.0.remove(&field), now.1.remove(&field).is_some()),
                    Step::Clone => kept = now.clone(),
                }
            }
            check(&now.0, &now.1);
            check(&kept.0, &kept.1);
        }
    }
}
