//! The small form: a listpack of member, score, member, score, in order.

use std::cmp::Ordering;
use std::ops::Range;

use crate::base::hash::hash;
use crate::base::number;
use crate::value::compact::listpack::{Cursor, Item, Listpack};

/// Members and scores in a listpack, as Redis writes them into RDB files.
#[derive(Clone, Debug)]
pub struct Packed(Listpack);

impl Packed {
    pub(super) fn new() -> Self {
        Self(Listpack::new())
    }

    /// Takes a listpack if it holds pairs in strictly ascending order. Whether members are unique, `has_twins` tells.
    pub(super) fn from_listpack(listpack: Listpack) -> Option<Self> {
        let whole = listpack.len().is_multiple_of(2);
        let scores_valid = listpack.iter().skip(1).step_by(2).all(|(_, item)| read_score(item).is_some());
        let packed = Self(listpack);
        (whole && scores_valid && packed.is_ascending()).then_some(packed)
    }

    pub(super) fn listpack(&self) -> &Listpack {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.score_at(self.0.find(member, 1)?)
    }

    /// Inserts a member that is not there yet.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        let after = |pair: &Pair<'_>| compare(pair, score, member).is_gt();
        let position = self.pairs().find(after).map_or(self.0.end(), |pair| pair.cursor);
        with_score_text(score, |text| self.0.insert_all(position, [member, text]));
    }

    /// Appends a member that comes after all others.
    pub(super) fn push(&mut self, score: f64, member: &[u8]) {
        with_score_text(score, |text| self.0.insert_all(self.0.end(), [member, text]));
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let cursor = self.0.find(member, 1)?;
        let score = self.score_at(cursor);
        self.0.remove(cursor);
        self.0.remove(cursor);
        score
    }

    /// Gives a member another score, in place if it stays between its neighbors.
    pub(super) fn change_score(&mut self, member: &[u8], score: f64) {
        let Some(cursor) = self.0.find(member, 1) else { return };
        match self.0.next(cursor) {
            Some(old) if self.keeps_order(cursor, score, member) => {
                with_score_text(score, |text| self.0.replace(old, text));
            }
            _ => {
                self.remove(member);
                self.insert(score, member);
            }
        }
    }

    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        self.0.remove_range(2 * ranks.start, 2 * ranks.len());
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let mut ranked = self.pairs().enumerate();
        ranked.find(|(_, pair)| pair.member == *member).map(|(rank, pair)| (rank, pair.score))
    }

    pub(super) fn count_while(&self, before: impl Fn(&Pair<'_>) -> bool) -> usize {
        self.pairs().take_while(before).count()
    }

    /// Whether two members seem to be the same: their hashes are, which is certain enough to look closer.
    pub(super) fn has_twins(&self) -> bool {
        let mut hashes: Vec<u64> = self.pairs().map(|pair| pair.member.with_bytes(hash)).collect();
        hashes.sort_unstable();
        hashes.windows(2).any(|pair| pair[0] == pair[1])
    }

    pub(super) fn pairs(&self) -> Iter<'_> {
        Iter { listpack: &self.0, front: self.0.first(), back: self.0.end(), left: self.len() }
    }

    pub(super) fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        let cursor = |rank: usize| self.0.cursor_at(2 * rank as isize);
        let back = cursor(ranks.end).unwrap_or(self.0.end());
        Iter { listpack: &self.0, front: cursor(ranks.start), back, left: ranks.len() }
    }

    fn score_at(&self, member: Cursor) -> Option<f64> {
        read_score(self.0.at(self.0.next(member)?)?)
    }

    fn keeps_order(&self, cursor: Cursor, score: f64, member: &[u8]) -> bool {
        let mut before = Iter { back: cursor, left: 1, ..self.pairs() };
        let mut after = Iter { front: Some(cursor), ..self.pairs() };
        before.next_back().is_none_or(|pair| compare(&pair, score, member).is_lt())
            && after.nth(1).is_none_or(|pair| compare(&pair, score, member).is_gt())
    }

    fn is_ascending(&self) -> bool {
        let mut pairs = self.pairs();
        let Some(mut previous) = pairs.next() else { return true };
        pairs.all(|pair| {
            let before = std::mem::replace(&mut previous, pair);
            pair.member.with_bytes(|member| compare(&before, pair.score, member).is_lt())
        })
    }
}

/// A member and its score where they lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    cursor: Cursor,
    pub(super) member: Item<'a>,
    pub(super) score: f64,
}

/// Iterator over pairs from both ends.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    listpack: &'a Listpack,
    front: Option<Cursor>,
    back: Cursor,
    left: usize,
}

impl<'a> Iter<'a> {
    fn pair(&self, cursor: Cursor, score: Cursor) -> Option<Pair<'a>> {
        let member = self.listpack.at(cursor)?;
        Some(Pair { cursor, member, score: read_score(self.listpack.at(score)?)? })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        self.left = self.left.checked_sub(1)?;
        let cursor = self.front?;
        let score = self.listpack.next(cursor)?;
        self.front = self.listpack.next(score);
        self.pair(cursor, score)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let score = self.listpack.prev(self.back)?;
        self.back = self.listpack.prev(score)?;
        self.pair(self.back, score)
    }
}

fn compare(pair: &Pair<'_>, score: f64, member: &[u8]) -> Ordering {
    let by_score = pair.score.partial_cmp(&score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| pair.member.with_bytes(|bytes| bytes.cmp(member)))
}

fn read_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Integer(value) => Some(value as f64),
        Item::Bytes(text) => number::parse_f64(text),
    }
}

/// Integers get their text quickly, and negative zero loses its sign, as in Redis.
fn with_score_text(score: f64, action: impl FnOnce(&[u8])) {
    let integer = score as i64;
    if integer.unsigned_abs() < 1 << 52 && integer as f64 == score {
        number::with_integer_text(integer, action);
    } else {
        action(number::format_f64(score).as_bytes());
    }
}
