//! Sets: sorted integers, a listpack, or a [`HashTree`].
//!
//! The encodings switch where Redis 7.2 switches:
//! 1. A new set is an intset if its first member is an integer and the command brings no more members than an intset may
//!    hold, else a listpack if it brings no more than that may hold, else a table ([`Set::with_hint`]).
//! 2. A later command that brings more members than the encoding may hold makes a table, whatever they are
//!    ([`Set::prepare`]).
//! 3. An intset that outgrows its limit becomes a table. One that gets a text becomes a listpack if the text and every
//!    integer keep the listpack's limits, else a table.
//! 4. Nothing turns back but the result of an intersection ([`Set::shrink_to_ints`]).

use super::compact::Malformed;
use super::compact::hash_tree::{self, HashTree, Hashed};
use super::compact::intset::Intset;
use super::compact::listpack::{self, Item, Listpack};
use super::compact::thin_bytes::ThinBytes;
use crate::base::hash::hash;
use crate::base::number;

/// When a set is small: `set-max-intset-entries`, `set-max-listpack-entries`, `set-max-listpack-value`.
#[derive(Clone, Copy, Debug)]
pub struct SetLimits {
    /// Members of an intset.
    pub intset_entries_max: usize,
    /// Members of a listpack.
    pub listpack_entries_max: usize,
    /// Bytes of a member of a listpack.
    pub listpack_value_bytes_max: usize,
}

impl Default for SetLimits {
    fn default() -> Self {
        Self { intset_entries_max: 512, listpack_entries_max: 128, listpack_value_bytes_max: 64 }
    }
}

impl SetLimits {
    /// Redis's own bound on intsets, above any configured one.
    const INTSET_ENTRIES_CAP: usize = 1 << 30;

    fn intset_entries(&self) -> usize {
        self.intset_entries_max.min(Self::INTSET_ENTRIES_CAP)
    }
}

/// A set value.
#[derive(Clone)]
pub struct Set(Form);

/// The listpack is in place, the others behind a pointer: two of three variants must be thin for the set to take 16 bytes.
#[derive(Clone)]
enum Form {
    Packed(Listpack),
    Boxed(Box<Boxed>),
}

#[derive(Clone)]
enum Boxed {
    Ints(Intset),
    Table(HashTree<ThinBytes>),
}

const _: () = assert!(size_of::<Set>() <= 16);

/// The encoding of a set with its data, for serialization and for algorithms that differ by encoding.
pub enum View<'a> {
    /// Integers, sorted.
    Ints(&'a Intset),
    /// In the order of insertion.
    Packed(&'a Listpack),
    /// Any size.
    Table(&'a HashTree<ThinBytes>),
}

impl Hashed for ThinBytes {
    fn hash(&self) -> u64 {
        hash(self.as_bytes())
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Intset> for Set {
    fn from(ints: Intset) -> Self {
        Self(Form::Boxed(Box::new(Boxed::Ints(ints))))
    }
}

/// The elements must be distinct.
impl From<Listpack> for Set {
    fn from(pack: Listpack) -> Self {
        Self(Form::Packed(pack))
    }
}

impl From<HashTree<ThinBytes>> for Set {
    fn from(table: HashTree<ThinBytes>) -> Self {
        Self(Form::Boxed(Box::new(Boxed::Table(table))))
    }
}

impl Set {
    /// An empty intset: what the results of union, difference and SPOP's remainder start as.
    pub fn new() -> Self {
        Intset::new().into()
    }

    /// An empty set that is a table from the start.
    pub fn new_table() -> Self {
        HashTree::new().into()
    }

    /// An empty set in the encoding for `first` and `count` members altogether (rule 1).
    pub fn with_hint(first: &[u8], count: usize, limits: &SetLimits) -> Self {
        if count <= limits.intset_entries_max && number::parse_i64(first).is_some() {
            Self::new()
        } else if count <= limits.listpack_entries_max {
            Listpack::new().into()
        } else {
            Self::new_table()
        }
    }

    /// A set of a listpack from outside, as a table if it has more members than a listpack may; an error if a member comes
    /// twice. Their lengths don't matter, as in Redis.
    pub fn from_listpack(pack: Listpack, limits: &SetLimits) -> Result<Self, Malformed> {
        if !pack.all_distinct(1) {
            return Err(Malformed);
        }
        let mut set = Self::from(pack);
        set.prepare(set.len(), limits);
        Ok(set)
    }

    /// Converts if the `count` members that a command is about to add call for it (rule 2).
    pub fn prepare(&mut self, count: usize, limits: &SetLimits) {
        let entries_max = match self.view() {
            View::Ints(_) => limits.intset_entries_max,
            View::Packed(_) => limits.listpack_entries_max,
            View::Table(_) => return,
        };
        if count > entries_max {
            self.convert_to_table();
        }
    }

    /// The encoding and its data.
    #[inline]
    pub fn view(&self) -> View<'_> {
        match &self.0 {
            Form::Packed(pack) => View::Packed(pack),
            Form::Boxed(boxed) => match &**boxed {
                Boxed::Ints(ints) => View::Ints(ints),
                Boxed::Table(table) => View::Table(table),
            },
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self.view() {
            View::Ints(ints) => ints.len(),
            View::Packed(pack) => pack.len(),
            View::Table(table) => table.len(),
        }
    }

    /// Whether there is no member: such a set is no longer a key's value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a member; false if it was there.
    pub fn insert(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        match &mut self.0 {
            Form::Packed(pack) => {
                if pack.find(member, 0).is_some() {
                    return false;
                }
                if pack.len() < limits.listpack_entries_max && fits_listpack(pack, member, limits) {
                    pack.push_back(member);
                    return true;
                }
            }
            Form::Boxed(boxed) => match &mut **boxed {
                Boxed::Table(table) => return insert_in_table(table, member),
                Boxed::Ints(ints) => match number::parse_i64(member) {
                    Some(value) => return self.insert_integer(value, limits),
                    None => {
                        if let Some(pack) = pack_with(ints, member, limits) {
                            *self = pack.into();
                            return true;
                        }
                    }
                },
            },
        }
        insert_in_table(self.convert_to_table(), member)
    }

    /// Removes a member; false if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(pack) => match pack.find(member, 0) {
                Some(cursor) => {
                    pack.remove(cursor);
                    true
                }
                None => false,
            },
            Form::Boxed(boxed) => match &mut **boxed {
                Boxed::Ints(ints) => number::parse_i64(member).is_some_and(|value| ints.remove(value)),
                Boxed::Table(table) => {
                    table.remove(hash(member), |found| found.as_bytes() == member).is_some()
                }
            },
        }
    }

    /// Whether `member` is in the set.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.view() {
            View::Ints(ints) => number::parse_i64(member).is_some_and(|value| ints.contains(value)),
            View::Packed(pack) => pack.find(member, 0).is_some(),
            View::Table(table) => table.find(hash(member), |found| found.as_bytes() == member).is_some(),
        }
    }

    /// As [`contains`](Self::contains), for the member of another set: integers meet integers without becoming text.
    pub fn contains_item(&self, member: &Item<'_>) -> bool {
        match (self.view(), member) {
            (View::Ints(ints), Item::Integer(value)) => ints.contains(*value),
            _ => member.with_bytes(|member| self.contains(member)),
        }
    }

    /// All members.
    pub fn iter(&self) -> Iter<'_> {
        match self.view() {
            View::Ints(ints) => Iter::Ints(ints, 0),
            View::Packed(pack) => Iter::Packed(pack.iter()),
            View::Table(table) => Iter::Table(table.iter()),
        }
    }

    /// The `index`-th member in the order of [`iter`](Self::iter): distinct indices give distinct members.
    pub fn nth(&self, index: usize) -> Option<Item<'_>> {
        match self.view() {
            View::Ints(ints) => ints.get(index).map(Item::Integer),
            View::Packed(pack) => pack.get(index),
            View::Table(table) => table.nth(index).map(|member| Item::Bytes(member.as_bytes())),
        }
    }

    /// A uniformly random member.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<Item<'_>> {
        match self.len() {
            0 => None,
            len => self.nth(rng.usize(..len)),
        }
    }

    /// Removes a uniformly random member and returns it.
    pub fn pop(&mut self, rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        let member = self.random(rng)?.to_vec();
        self.remove(&member);
        Some(member)
    }

    /// Visits some members and returns the cursor to go on with; 0 starts and ends. All but a table are visited whole, as in
    /// Redis.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Item<'_>)) -> u64 {
        match self.view() {
            View::Table(table) => table.scan(cursor, |member| visit(Item::Bytes(member.as_bytes()))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// Turns a result of integers only, within the limit, into an intset (rule 4).
    pub fn shrink_to_ints(&mut self, limits: &SetLimits) {
        if matches!(self.view(), View::Ints(_)) || self.len() > limits.intset_entries() {
            return;
        }
        let mut ints = Intset::new();
        let all_integers = self.iter().all(|member| match member.integer() {
            Some(value) => ints.insert(value),
            None => false,
        });
        if all_integers {
            *self = ints.into();
        }
    }

    /// What OBJECT ENCODING calls it.
    pub fn encoding(&self) -> &'static str {
        match self.view() {
            View::Ints(_) => "intset",
            View::Packed(_) => "listpack",
            View::Table(_) => "hashtable",
        }
    }

    /// Bytes on the heap, estimated from the first `samples` members (0 = all).
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match self.view() {
            View::Ints(ints) => size_of::<Boxed>() + ints.byte_len(),
            View::Packed(pack) => pack.byte_len(),
            View::Table(table) => size_of::<Boxed>() + table.heap_bytes(samples, ThinBytes::heap_bytes),
        }
    }

    /// Roughly the number of allocations to free, as if every member of a table had its own.
    pub fn effort(&self) -> usize {
        match self.view() {
            View::Packed(_) => 1,
            View::Ints(_) => 2,
            View::Table(table) => table.len() + table.effort(),
        }
    }

    /// Only called for an intset; any other set takes the text.
    fn insert_integer(&mut self, value: i64, limits: &SetLimits) -> bool {
        let Form::Boxed(boxed) = &mut self.0 else { return false };
        let Boxed::Ints(ints) = &mut **boxed else { return false };
        let is_new = ints.insert(value);
        if is_new && ints.len() > limits.intset_entries() {
            self.convert_to_table();
        }
        is_new
    }

    fn convert_to_table(&mut self) -> &mut HashTree<ThinBytes> {
        if !matches!(self.view(), View::Table(_)) {
            let mut table = HashTree::new();
            for member in self.iter() {
                member.with_bytes(|member| table.insert_new(hash(member), ThinBytes::new(member)));
            }
            *self = table.into();
        }
        match &mut self.0 {
            Form::Boxed(boxed) => match &mut **boxed {
                Boxed::Table(table) => table,
                Boxed::Ints(_) => unreachable!("converted above"),
            },
            Form::Packed(_) => unreachable!("converted above"),
        }
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterator over the members of a [`Set`].
pub enum Iter<'a> {
    /// Of an intset, with the next index.
    Ints(&'a Intset, usize),
    /// Of a listpack.
    Packed(listpack::Iter<'a>),
    /// Of a table.
    Table(hash_tree::Iter<'a, ThinBytes>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Iter::Ints(ints, index) => {
                let value = ints.get(*index)?;
                *index += 1;
                Some(Item::Integer(value))
            }
            Iter::Packed(items) => items.next().map(|(_, item)| item),
            Iter::Table(members) => members.next().map(|member| Item::Bytes(member.as_bytes())),
        }
    }
}

fn fits_listpack(pack: &Listpack, member: &[u8], limits: &SetLimits) -> bool {
    member.len() <= limits.listpack_value_bytes_max && pack.fits(member.len())
}

/// An intset and a text as a listpack, if that keeps the limits (rule 3).
fn pack_with(ints: &Intset, member: &[u8], limits: &SetLimits) -> Option<Listpack> {
    let ends = [ints.get(0), ints.len().checked_sub(1).and_then(|last| ints.get(last))];
    let longest = ends.into_iter().flatten().map(|value| Item::Integer(value).len()).max().unwrap_or(0);
    if ints.len() >= limits.listpack_entries_max || longest > limits.listpack_value_bytes_max {
        return None;
    }
    let mut pack = Listpack::new();
    if !fits_listpack(&pack, member, limits) || !pack.fits(ints.len() * 11 + member.len()) {
        return None;
    }
    ints.iter().for_each(|value| pack.push_back_integer(value));
    pack.push_back(member);
    Some(pack)
}

fn insert_in_table(table: &mut HashTree<ThinBytes>, member: &[u8]) -> bool {
    let hash = hash(member);
    let is_new = table.find(hash, |found| found.as_bytes() == member).is_none();
    if is_new {
        table.insert_new(hash, ThinBytes::new(member));
    }
    is_new
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    type Model = HashSet<Vec<u8>>;

    fn contents(set: &Set) -> Model {
        let members: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
        assert_eq!(members.len(), set.len());
        members.into_iter().collect()
    }

    fn check(set: &Set, model: &Model) {
        assert_eq!(&contents(set), model);
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert!(model.iter().all(|member| set.contains(member) && set.contains_item(&Item::Bytes(member))));
        assert!(set.iter().all(|member| set.contains_item(&member)));
        let by_index: Model =
            (0..set.len()).filter_map(|i| set.nth(i)).map(|member| member.to_vec()).collect();
        assert_eq!(&by_index, model);
        assert!(set.nth(set.len()).is_none());
    }

    /// One SADD.
    fn add(set: &mut Option<Set>, members: &[Vec<u8>], limits: &SetLimits) {
        match set {
            Some(set) => set.prepare(members.len(), limits),
            None => *set = Some(Set::with_hint(&members[0], members.len(), limits)),
        }
        members.iter().for_each(|member| assert!(set.as_mut().unwrap().insert(member, limits)));
    }

    fn ints(from: i64, count: i64) -> Vec<Vec<u8>> {
        (from..from + count).map(|n| n.to_string().into_bytes()).collect()
    }

    fn text(len: usize) -> Vec<Vec<u8>> {
        vec![vec![b'x'; len]]
    }

    /// The encoding after these SADDs; the expectations are the answers of redis-server 7.2.4.
    fn encoding_after(commands: &[&[Vec<u8>]], limits: SetLimits) -> &'static str {
        let mut set = None;
        commands.iter().for_each(|members| add(&mut set, members, &limits));
        let all: Model = commands.iter().flat_map(|members| members.iter().cloned()).collect();
        check(set.as_ref().unwrap(), &all);
        set.unwrap().encoding()
    }

    #[test]
    fn switches_encoding_where_redis_does() {
        let after = |commands: &[&[Vec<u8>]]| encoding_after(commands, SetLimits::default());
        assert_eq!(after(&[&ints(1, 2)]), "intset");
        assert_eq!(after(&[&[ints(1, 2), text(1)].concat()]), "listpack");
        assert_eq!(after(&[&text(1), &ints(1, 1)]), "listpack");
        assert_eq!(after(&[&ints(1, 512)]), "intset");
        assert_eq!(after(&[&ints(1, 600)]), "hashtable");
        assert_eq!(after(&[&ints(1, 512), &ints(513, 1)]), "hashtable");
        assert_eq!(after(&[&ints(-10, 10), &ints(1, 600)]), "hashtable");
        assert_eq!(after(&[&text(1), &ints(1, 127)]), "listpack");
        assert_eq!(after(&[&text(1), &ints(1, 128)]), "hashtable");
        assert_eq!(after(&[&text(1), &ints(1, 129)]), "hashtable");
        assert_eq!(after(&[&[text(1), ints(1, 128)].concat()]), "hashtable");
        assert_eq!(after(&[&ints(1, 127), &text(1)]), "listpack");
        assert_eq!(after(&[&ints(1, 128), &text(1)]), "hashtable");
        assert_eq!(after(&[&[ints(1, 127), text(1)].concat()]), "listpack");
        assert_eq!(after(&[&text(64)]), "listpack");
        assert_eq!(after(&[&text(65)]), "hashtable");
        assert_eq!(after(&[&ints(1, 1), &text(65)]), "hashtable");
    }

    #[test]
    fn obeys_configured_limits() {
        let short = SetLimits { listpack_value_bytes_max: 5, ..SetLimits::default() };
        assert_eq!(encoding_after(&[&ints(12345, 1), &text(1)], short), "listpack");
        assert_eq!(encoding_after(&[&ints(1_234_567, 1), &text(1)], short), "hashtable");
        assert_eq!(encoding_after(&[&text(1), &ints(1_234_567, 1)], short), "hashtable");
        assert_eq!(encoding_after(&[&ints(-12345, 1), &text(1)], short), "hashtable");
        let no_ints = SetLimits { intset_entries_max: 0, ..SetLimits::default() };
        assert_eq!(encoding_after(&[&ints(1, 1)], no_ints), "listpack");
        let nothing = SetLimits { listpack_entries_max: 0, ..no_ints };
        assert_eq!(encoding_after(&[&ints(1, 1)], nothing), "hashtable");
    }

    #[test]
    fn shrinks_to_ints() {
        let shrunk = |members: &[Vec<u8>]| {
            let (mut set, limits) = (Set::new_table(), SetLimits::default());
            members.iter().for_each(|member| assert!(set.insert(member, &limits)));
            set.shrink_to_ints(&limits);
            check(&set, &members.iter().cloned().collect());
            set.encoding()
        };
        assert_eq!(shrunk(&ints(-250, 512)), "intset");
        assert_eq!(shrunk(&ints(-250, 513)), "hashtable");
        assert_eq!(shrunk(&[ints(1, 9), text(1)].concat()), "hashtable");
    }

    #[test]
    fn only_canonical_integers_are_integers() {
        let mut set = Set::new();
        for member in ["1", "01", "+1", " 1", "1 ", "-0", "", "9223372036854775807", "9223372036854775808"] {
            assert!(!set.contains(member.as_bytes()));
            assert!(set.insert(member.as_bytes(), &SetLimits::default()), "{member}");
            assert!(!set.insert(member.as_bytes(), &SetLimits::default()), "{member}");
        }
        assert_eq!(set.len(), 9);
    }

    #[test]
    fn pops_every_member_once_in_each_encoding() {
        for members in [ints(0, 100), [text(1), ints(0, 100)].concat(), ints(0, 1000)] {
            let mut set = None;
            add(&mut set, &members, &SetLimits::default());
            let (mut set, mut rng) = (set.unwrap(), fastrand::Rng::with_seed(3));
            let popped: Model = (0..members.len()).map(|_| set.pop(&mut rng).unwrap()).collect();
            assert!(popped.len() == members.len() && set.is_empty() && set.pop(&mut rng).is_none());
        }
    }

    #[test]
    fn random_members_are_uniform_in_each_encoding() {
        let small =
            SetLimits { intset_entries_max: 10, listpack_entries_max: 10, listpack_value_bytes_max: 10 };
        for (members, limits) in [(20, SetLimits::default()), (20, small)] {
            for first in [vec![], text(1)] {
                let mut set = None;
                add(&mut set, &[first, ints(0, members)].concat(), &limits);
                let (set, mut rng) = (set.unwrap(), fastrand::Rng::with_seed(5));
                let mut hits = HashMap::new();
                let draws = set.len() * 1000;
                (0..draws)
                    .for_each(|_| *hits.entry(set.random(&mut rng).unwrap().to_vec()).or_insert(0) += 1);
                assert_eq!(hits.len(), set.len());
                assert!(hits.values().all(|&n| (850..1150).contains(&n)), "{hits:?}");
            }
        }
    }

    #[test]
    fn scans_return_members_that_stay() {
        for count in [0, 1, 100, 512, 513, 5000] {
            let (mut set, limits) = (Set::new(), SetLimits::default());
            ints(0, count).iter().for_each(|member| assert!(set.insert(member, &limits)));
            let (mut cursor, mut seen, mut added) = (0, Model::new(), count);
            loop {
                cursor = set.scan(cursor, |member| seen.extend([member.to_vec()]));
                if cursor == 0 {
                    break;
                }
                added += 20;
                ints(added, 20).iter().for_each(|member| assert!(set.insert(member, &limits)));
            }
            assert!(ints(0, count).iter().all(|member| seen.contains(member)));
        }
    }

    #[test]
    fn estimates_size_and_effort() {
        let mut set = Set::new();
        assert!(set.insert(b"1", &SetLimits::default()));
        assert_eq!((set.heap_bytes(5), set.effort()), (size_of::<Boxed>() + 10, 2));
        (0..10_000).for_each(|n| {
            assert!(set.insert(format!("member:number:{n:05}").as_bytes(), &SetLimits::default()))
        });
        let (estimate, exact) = (set.heap_bytes(5), set.heap_bytes(0));
        assert!((600_000..900_000).contains(&exact), "{exact}");
        assert!(estimate.abs_diff(exact) < exact / 10);
        assert!(set.effort() > 10_000);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Vec<u8>),
        Remove(Vec<u8>),
        Pop,
        Clone,
    }

    fn member(ints_only: bool) -> BoxedStrategy<Vec<u8>> {
        let number = prop_oneof![(0..300i64), any::<i64>()].prop_map(|n| n.to_string().into_bytes());
        if ints_only {
            return number.boxed();
        }
        let text = (0..100i64).prop_map(|n| format!("a longer member {n}").into_bytes());
        prop_oneof![6 => number, 3 => text, 1 => prop::collection::vec(any::<u8>(), 0..30)].boxed()
    }

    fn steps(ints_only: bool) -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            10 => member(ints_only).prop_map(Step::Insert),
            4 => member(ints_only).prop_map(Step::Remove),
            1 => Just(Step::Pop),
            1 => Just(Step::Clone),
        ];
        prop::collection::vec(step, 1..600)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn behaves_like_a_set(
            steps in any::<bool>().prop_flat_map(steps),
            intset_entries_max in prop::sample::select(vec![0usize, 16, 1000]),
            listpack_entries_max in prop::sample::select(vec![0usize, 16, 1000]),
        ) {
            let limits = SetLimits { intset_entries_max, listpack_entries_max, listpack_value_bytes_max: 25 };
            let mut now = (Set::new(), Model::new());
            let mut kept = now.clone();
            let mut rng = fastrand::Rng::with_seed(1);
            for step in steps {
                match step {
                    Step::Insert(member) => {
                        prop_assert_eq!(now.0.insert(&member, &limits), now.1.insert(member));
                    }
                    Step::Remove(member) => prop_assert_eq!(now.0.remove(&member), now.1.remove(&member)),
                    Step::Pop => {
                        let popped = now.0.pop(&mut rng);
                        prop_assert!(popped.map_or(now.1.is_empty(), |member| now.1.remove(&member)));
                    }
                    Step::Clone => kept = now.clone(),
                }
            }
            check(&now.0, &now.1);
            check(&kept.0, &kept.1);
        }
    }
}
