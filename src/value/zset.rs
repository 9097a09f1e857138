//! Sorted set: unique members, ordered by score, then by the members' bytes.
//!
//! 1. Small sets are a listpack, large ones an index by member plus a tree in order (`listpack` and `skiplist` to OBJECT
//!    ENCODING). A set grows into the large form when Redis's does, and never goes back while it lives.
//! 2. Scores are never NaN. The two zeros are equal: changing one into the other changes nothing.
//! 3. Ranges by score and by member become ranges of ranks; these are counted, read in both directions, or removed.

use std::cmp::Ordering;
use std::ops::Range;

pub use self::packed::Packed;
pub use self::range::{LexBound, LexRange, ScoreBound, ScoreRange, index_range, limited, reversed};
pub use self::ranked::Ranked;
use super::compact::Malformed;
use super::compact::listpack::{Item, Listpack};
use super::compact::rank_tree;
pub use super::compact::rank_tree::{Member, member as shared_member};

mod packed;
mod range;
mod ranked;

/// When a sorted set leaves its small form (`zset-max-listpack-entries`, `zset-max-listpack-value`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZSetLimits {
    /// Most members of the small form.
    pub listpack_entries_max: usize,
    /// Longest member of the small form, in bytes.
    pub listpack_value_bytes_max: usize,
}

impl Default for ZSetLimits {
    fn default() -> Self {
        Self { listpack_entries_max: 128, listpack_value_bytes_max: 64 }
    }
}

/// Most bytes that a pair takes in a listpack beyond its member's text: the score's text and the two frames.
const PAIR_OVERHEAD_MAX: usize = 40;

/// ZADD's options. The combinations that ZADD refuses are refused by the command.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AddFlags {
    /// Only add members.
    pub nx: bool,
    /// Only change scores.
    pub xx: bool,
    /// Change a score only to a greater one.
    pub gt: bool,
    /// Change a score only to a lesser one.
    pub lt: bool,
    /// The score is added to the one there is.
    pub incr: bool,
}

/// What [`ZSet::add`] did. Scores are the ones the member has now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AddOutcome {
    /// The member is new.
    Added(f64),
    /// The member has another score.
    Updated(f64),
    /// The member had this score already.
    Unchanged(f64),
    /// The flags forbade it.
    Skipped,
    /// The score, or the sum, is not a number; nothing was changed.
    NotANumber,
}

/// A sorted set. See the head of the file.
#[derive(Clone)]
pub enum ZSet {
    /// The small form.
    Packed(Packed),
    /// The large form.
    Ranked(Box<Ranked>),
}

const _: () = assert!(size_of::<ZSet>() <= 16);

impl Default for ZSet {
    fn default() -> Self {
        Self::Packed(Packed::new())
    }
}

impl ZSet {
    /// An empty set for about `len_hint` members, the first of them of `member_len_hint` bytes. ZADD gives the number of its
    /// pairs, and if that is above the limit the set starts in its large form, whatever happens to the pairs.
    pub fn new(len_hint: usize, member_len_hint: usize, limits: &ZSetLimits) -> Self {
        if len_hint <= limits.listpack_entries_max && member_len_hint <= limits.listpack_value_bytes_max {
            Self::default()
        } else {
            Self::Ranked(Box::default())
        }
    }

    /// Takes the large form if the `count` pairs that a ZADD brings are more than the small form may hold, whatever happens to
    /// them.
    pub fn prepare(&mut self, count: usize, limits: &ZSetLimits) {
        if count > limits.listpack_entries_max {
            self.enlarge();
        }
    }

    /// Takes the large form.
    pub fn enlarge(&mut self) {
        if let Self::Packed(packed) = self {
            *self = Self::Ranked(Box::new(ranked_from(packed).unwrap_or_default()));
        }
    }

    /// A set of these entries, in the form that fits them; an error if a member comes twice or a score is NaN.
    pub fn from_entries(mut entries: Vec<(f64, Member)>, limits: &ZSetLimits) -> Result<Self, Malformed> {
        if entries.iter().any(|(score, _)| score.is_nan()) {
            return Err(Malformed);
        }
        entries.sort_unstable_by(|(left, a), (right, b)| {
            left.partial_cmp(right).unwrap_or(Ordering::Equal).then_with(|| a.slice.cmp(&b.slice))
        });
        if !fit_small_form(&entries, limits) {
            return Ok(Self::Ranked(Box::new(Ranked::from_sorted(entries).ok_or(Malformed)?)));
        }
        let mut packed = Packed::new();
        entries.iter().for_each(|(score, member)| packed.push(*score, &member.slice));
        refuse_twins(&packed)?;
        Ok(Self::Packed(packed))
    }

    /// A set from a listpack of members and scores, as RDB files hold it; an error if it isn't one in order. Takes the large
    /// form if there are too many members for the small one; their lengths don't matter, as in Redis.
    pub fn from_listpack(listpack: Listpack, limits: &ZSetLimits) -> Result<Self, Malformed> {
        let packed = Packed::from_listpack(listpack).ok_or(Malformed)?;
        if packed.len() > limits.listpack_entries_max {
            return Ok(Self::Ranked(Box::new(ranked_from(&packed).ok_or(Malformed)?)));
        }
        refuse_twins(&packed)?;
        Ok(Self::Packed(packed))
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len(),
            Self::Ranked(ranked) => ranked.len(),
        }
    }

    /// Whether there are no members; then the key must go.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name for OBJECT ENCODING.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Ranked(_) => "skiplist",
        }
    }

    /// The listpack of the small form, for writing it as it is.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self {
            Self::Packed(packed) => Some(packed.listpack()),
            Self::Ranked(_) => None,
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(packed) => packed.score(member),
            Self::Ranked(ranked) => ranked.score(member),
        }
    }

    /// Adds a member or changes its score, as ZADD with these flags.
    pub fn add(&mut self, score: f64, member: &[u8], flags: AddFlags, limits: &ZSetLimits) -> AddOutcome {
        if score.is_nan() {
            return AddOutcome::NotANumber;
        }
        let Some(current) = self.score(member) else {
            if flags.xx {
                return AddOutcome::Skipped;
            }
            self.insert(score, member, limits);
            return AddOutcome::Added(score);
        };
        if flags.nx {
            return AddOutcome::Skipped;
        }
        let score = if flags.incr { current + score } else { score };
        if score.is_nan() {
            return AddOutcome::NotANumber;
        }
        if (flags.lt && score >= current) || (flags.gt && score <= current) {
            return AddOutcome::Skipped;
        }
        if score == current {
            return AddOutcome::Unchanged(score);
        }
        self.change_score(member, score);
        AddOutcome::Updated(score)
    }

    /// Removes a member and returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(packed) => packed.remove(member),
            Self::Ranked(ranked) => ranked.remove(member),
        }
    }

    /// Removes the members of these ranks and returns how many there were.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> usize {
        let ranks = self.clamp(ranks);
        let count = ranks.len();
        match self {
            Self::Packed(packed) => packed.remove_range(ranks),
            Self::Ranked(ranked) => ranked.remove_range(ranks),
        }
        count
    }

    /// Removes up to `count` members with the lowest scores; lowest first.
    pub fn pop_min(&mut self, count: usize) -> Vec<(Vec<u8>, f64)> {
        let ranks = 0..count.min(self.len());
        let popped = self.range(ranks.clone()).map(owned).collect();
        self.remove_range(ranks);
        popped
    }

    /// Removes up to `count` members with the highest scores; highest first.
    pub fn pop_max(&mut self, count: usize) -> Vec<(Vec<u8>, f64)> {
        let ranks = self.len().saturating_sub(count)..self.len();
        let popped = self.range(ranks.clone()).rev().map(owned).collect();
        self.remove_range(ranks);
        popped
    }

    /// How many members come before this one, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::Packed(packed) => packed.rank(member),
            Self::Ranked(ranked) => ranked.rank(member),
        }
    }

    /// How many members come after this one, and its score.
    pub fn reverse_rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        self.rank(member).map(|(rank, score)| (self.len() - 1 - rank, score))
    }

    /// The ranks of the members with scores in `range`.
    pub fn score_range(&self, range: &ScoreRange) -> Range<usize> {
        match self {
            Self::Packed(packed) => span(
                packed.count_while(|pair| range.is_above(pair.score)),
                packed.count_while(|pair| range.reaches(pair.score)),
            ),
            Self::Ranked(ranked) => span(
                ranked.partition_point(|entry| range.is_above(entry.score())),
                ranked.partition_point(|entry| range.reaches(entry.score())),
            ),
        }
    }

    /// The ranks of the members in `range`. As in Redis, this means something only if all scores are the same; if they are
    /// not, there are none when the last member is too low.
    pub fn lex_range(&self, range: &LexRange<'_>) -> Range<usize> {
        if self.iter().next_back().is_none_or(|(last, _)| last.with_bytes(|last| range.is_above(last))) {
            return 0..0;
        }
        match self {
            Self::Packed(packed) => span(
                packed.count_while(|pair| pair.member.with_bytes(|member| range.is_above(member))),
                packed.count_while(|pair| pair.member.with_bytes(|member| range.reaches(member))),
            ),
            Self::Ranked(ranked) => span(
                ranked.partition_point(|entry| range.is_above(entry.member())),
                ranked.partition_point(|entry| range.reaches(entry.member())),
            ),
        }
    }

    /// A copy, in constant time, that can be read in order and [forgotten](Self::forget) piece by piece, and nothing else:
    /// its index by member is empty.
    pub fn in_order(&self) -> Self {
        match self {
            Self::Packed(packed) => Self::Packed(packed.clone()),
            Self::Ranked(ranked) => Self::Ranked(Box::new(ranked.in_order())),
        }
    }

    /// Lets go of these ranks of a set that is only read in order.
    pub fn forget(&mut self, ranks: Range<usize>) {
        match self {
            Self::Packed(packed) => packed.remove_range(ranks),
            Self::Ranked(ranked) => ranked.forget(ranks),
        }
    }

    /// All members with their scores, in order; from both ends.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// The members of these ranks with their scores, in order; from both ends.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        let ranks = self.clamp(ranks);
        Iter(match self {
            Self::Packed(packed) => Inner::Packed(packed.range(ranks)),
            Self::Ranked(ranked) => Inner::Ranked(ranked.range(ranks)),
        })
    }

    /// The member of that rank and its score.
    pub fn get(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        self.range(rank..rank.saturating_add(1)).next()
    }

    /// A uniformly random member.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(Item<'_>, f64)> {
        if self.is_empty() { None } else { self.get(rng.usize(..self.len())) }
    }

    /// Up to `count` different members, every choice of that many equally likely. Their order means nothing.
    pub fn random_distinct(&self, count: usize, rng: &mut fastrand::Rng) -> Vec<(Item<'_>, f64)> {
        if count >= self.len() / 8 || matches!(self, Self::Packed(_)) {
            return rng.choose_multiple(self.iter(), count);
        }
        let mut seen = std::collections::HashSet::with_capacity(count);
        while seen.len() < count {
            seen.insert(rng.usize(..self.len()));
        }
        seen.into_iter().filter_map(|rank| self.get(rank)).collect()
    }

    /// Visits the members at `cursor` and returns the next cursor; 0 starts and ends a scan. The small form is visited whole.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Item<'_>, f64)) -> u64 {
        match self {
            Self::Packed(packed) => {
                packed.pairs().for_each(|pair| visit(pair.member, pair.score));
                0
            }
            Self::Ranked(ranked) => {
                ranked.scan(cursor, |scored| visit(Item::Bytes(&scored.member.slice), scored.score))
            }
        }
    }

    /// Bytes on the heap, members estimated from up to `samples` of them (0 = all).
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Self::Packed(packed) => packed.listpack().byte_len(),
            Self::Ranked(ranked) => ranked.heap_bytes(samples),
        }
    }

    /// About how many allocations it takes to drop the set.
    pub fn effort(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Ranked(ranked) => ranked.effort(),
        }
    }

    fn insert(&mut self, score: f64, member: &[u8], limits: &ZSetLimits) {
        if let Self::Packed(packed) = self {
            let fits = packed.len() < limits.listpack_entries_max
                && member.len() <= limits.listpack_value_bytes_max
                && packed.listpack().fits(member.len());
            if fits {
                return packed.insert(score, member);
            }
            self.enlarge();
        }
        if let Self::Ranked(ranked) = self {
            ranked.insert(score, member);
        }
    }

    fn change_score(&mut self, member: &[u8], score: f64) {
        match self {
            Self::Packed(packed) => packed.change_score(member, score),
            Self::Ranked(ranked) => ranked.change_score(member, score),
        }
    }

    fn clamp(&self, ranks: Range<usize>) -> Range<usize> {
        let end = ranks.end.min(self.len());
        ranks.start.min(end)..end
    }
}

/// Iterator over members and scores, from both ends.
#[derive(Clone)]
pub struct Iter<'a>(Inner<'a>);

#[derive(Clone)]
enum Inner<'a> {
    Packed(packed::Iter<'a>),
    Ranked(rank_tree::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Packed(pairs) => pairs.next().map(|pair| (pair.member, pair.score)),
            Inner::Ranked(entries) => entries.next().map(entry_item),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Inner::Packed(pairs) => pairs.size_hint(),
            Inner::Ranked(entries) => entries.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Packed(pairs) => pairs.next_back().map(|pair| (pair.member, pair.score)),
            Inner::Ranked(entries) => entries.next_back().map(entry_item),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

fn entry_item(entry: rank_tree::Entry<'_>) -> (Item<'_>, f64) {
    (Item::Bytes(entry.member()), entry.score())
}

fn owned((member, score): (Item<'_>, f64)) -> (Vec<u8>, f64) {
    (member.to_vec(), score)
}

/// Whether the entries make a set of the small form.
fn fit_small_form(entries: &[(f64, Member)], limits: &ZSetLimits) -> bool {
    let lengths = || entries.iter().map(|(_, member)| member.slice.len());
    entries.len() <= limits.listpack_entries_max
        && lengths().all(|len| len <= limits.listpack_value_bytes_max)
        && Listpack::new().fits(lengths().map(|len| len + PAIR_OVERHEAD_MAX).sum())
}

fn refuse_twins(packed: &Packed) -> Result<(), Malformed> {
    if packed.has_twins() && ranked_from(packed).is_none() { Err(Malformed) } else { Ok(()) }
}

/// The large form of a small set; none if a member comes twice.
fn ranked_from(packed: &Packed) -> Option<Ranked> {
    let shared = |pair: packed::Pair<'_>| (pair.score, pair.member.with_bytes(rank_tree::member));
    Ranked::from_sorted(packed.pairs().map(shared).collect())
}

/// From `start` to `end`, empty if these are the wrong way round.
fn span(start: usize, end: usize) -> Range<usize> {
    start..end.max(start)
}

#[cfg(test)]
mod tests;
