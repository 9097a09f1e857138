//! The large form: an index from member to score, and the same members in order. Both share each member's bytes.

use std::ops::Range;

use crate::base::hash::hash;
use crate::value::compact::hash_tree::{HashTree, Hashed};
use crate::value::compact::rank_tree::{Entry, Iter, Member, RankTree, member as shared};
use crate::value::compact::thin_bytes::thin_arc_bytes;

/// A member in the index.
#[derive(Clone)]
pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) member: Member,
}

impl Hashed for Scored {
    fn hash(&self) -> u64 {
        hash(&self.member.slice)
    }
}

/// Members by hash and by order. Both halves hold the same members with the same scores.
#[derive(Clone, Default)]
pub struct Ranked {
    index: HashTree<Scored>,
    order: RankTree,
}

impl Ranked {
    /// Builds both halves from entries in order; none if a member comes twice.
    pub(super) fn from_sorted(entries: Vec<(f64, Member)>) -> Option<Self> {
        let mut index = HashTree::new();
        for (score, member) in &entries {
            let hash = hash(&member.slice);
            if index.find(hash, is(&member.slice)).is_some() {
                return None;
            }
            index.insert_new(hash, Scored { score: *score, member: member.clone() });
        }
        Some(Self { index, order: RankTree::from_sorted(entries) })
    }

    /// The ordered half.
    pub(super) fn in_order(&self) -> Self {
        Self { index: HashTree::new(), order: self.order.clone() }
    }

    pub(super) fn forget(&mut self, ranks: Range<usize>) {
        debug_assert!(self.index.is_empty(), "made by `in_order`");
        self.order.remove_range(ranks);
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.index.find(hash(member), is(member)).map(|found| found.score)
    }

    /// Inserts a member that is not there yet.
    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        let member = shared(member);
        self.index.insert_new(hash(&member.slice), Scored { score, member: member.clone() });
        self.order.insert(score, member);
    }

    pub(super) fn change_score(&mut self, member: &[u8], score: f64) {
        let Some(found) = self.index.find_mut(hash(member), is(member)) else { return };
        let old = std::mem::replace(&mut found.score, score);
        self.order.change_score(old, score, member);
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let removed = self.index.remove(hash(member), is(member))?;
        self.order.remove(removed.score, member);
        Some(removed.score)
    }

    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        if ranks.len() == self.len() {
            *self = Self::default();
            return;
        }
        for entry in self.order.range(ranks.clone()) {
            self.index.remove(hash(entry.member()), is(entry.member()));
        }
        self.order.remove_range(ranks);
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.order.rank(score, member)?, score))
    }

    pub(super) fn partition_point(&self, before: impl Fn(Entry<'_>) -> bool) -> usize {
        self.order.partition_point(before)
    }

    pub(super) fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        self.order.range(ranks)
    }

    pub(super) fn scan(&self, cursor: u64, visit: impl FnMut(&Scored)) -> u64 {
        self.index.scan(cursor, visit)
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let bytes_of = |scored: &Scored| thin_arc_bytes(&scored.member);
        size_of::<Self>() + self.index.heap_bytes(samples, bytes_of) + self.order.node_bytes()
    }

    pub(super) fn effort(&self) -> usize {
        1 + self.index.effort() + self.order.effort() + self.len()
    }
}

fn is(member: &[u8]) -> impl FnMut(&Scored) -> bool {
    move |scored| scored.member.slice == *member
}
