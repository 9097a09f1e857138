//! A counted B+tree of (score, member): the ordered half of a large sorted set.
//!
//! Entries are ordered by score, then by the bytes of the member. Leaves hold up to 62 of them, branches up to 31 children, so
//! that a node with its reference count is just below 1024 bytes, a size class of the allocator. Scores lie apart from members:
//! a search reads dense scores and follows a member's pointer only where scores are equal. A member is one shared allocation,
//! which the index by member holds too.
//!
//! 1. Nodes are reference counted. Cloning the tree is O(1); a writer copies the shared nodes on its path, no others.
//! 2. A branch knows the number of entries below each child, hence ranks; and the first entry below each child, exactly.
//! 3. Everything but insertion goes by rank: bounds are turned into ranks by one search, and ranges of ranks are read or removed.
//! 4. A full node splits in halves, but at an end of the tree the new entry gets a node of its own: ascending (descending)
//!    insertion leaves full nodes behind. Elsewhere that would leave many nodes of one entry.
//! 5. A node that falls below a quarter merges with a neighbor if both fit in one. Nothing is borrowed: two neighbors together
//!    are at least about half full, which is all that depth and memory need.

use std::ops::Range;

use triomphe::{Arc, ThinArc};

use self::node::{Leaf, Node};

mod node;

/// The bytes of a member, shared by all that refer to it.
pub type Member = ThinArc<(), u8>;

/// Makes a shared member of `bytes`.
pub fn member(bytes: &[u8]) -> Member {
    ThinArc::from_header_and_slice((), bytes)
}

/// One entry of the tree.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    score: f64,
    slot: &'a Option<Member>,
}

impl<'a> Entry<'a> {
    /// The score.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// The bytes of the member.
    pub fn member(&self) -> &'a [u8] {
        &self.shared_member().slice
    }

    /// The member as the tree holds it.
    pub fn shared_member(&self) -> &'a Member {
        self.slot.as_ref().expect("a slot below the length is filled")
    }

    fn is_before(&self, score: f64, member: &[u8]) -> bool {
        self.score < score || (self.score == score && self.member() < member)
    }

    fn is_after(&self, score: f64, member: &[u8]) -> bool {
        self.score > score || (self.score == score && self.member() > member)
    }
}

/// Scores and members in order. See the head of the file.
#[derive(Clone, Default)]
pub struct RankTree {
    root: Option<Arc<Node>>,
    len: usize,
}

impl RankTree {
    /// An empty tree; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds a tree of full nodes from entries in strictly ascending order.
    pub fn from_sorted(entries: impl IntoIterator<Item = (f64, Member)>) -> Self {
        let mut nodes = node::leaves(entries);
        let len = nodes.iter().map(|leaf| leaf.count()).sum();
        while nodes.len() > 1 {
            nodes = node::branches(nodes);
        }
        Self { root: nodes.pop(), len }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts an entry that is not there yet. `score` is not NaN.
    pub fn insert(&mut self, score: f64, member: Member) {
        debug_assert!(self.rank(score, &member.slice).is_none() && !score.is_nan());
        self.len += 1;
        let root = self.root.get_or_insert_with(|| Arc::new(Node::Leaf(Leaf::new())));
        if let Some(right) = Arc::make_mut(root).insert(score, member, true) {
            let children = vec![root.clone(), Arc::new(right)];
            self.root = node::branches(children).pop();
        }
    }

    /// Removes an entry; false if it is not there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        let rank = self.rank(score, member);
        if let Some(rank) = rank {
            self.remove_range(rank..rank + 1);
        }
        rank.is_some()
    }

    /// Removes the entries whose ranks are in `ranks`, cut to those that exist.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let ranks = self.clamp(ranks);
        let Some(root) = self.root.as_mut().filter(|_| !ranks.is_empty()) else { return };
        self.len -= ranks.len();
        if self.len == 0 {
            self.root = None;
            return;
        }
        Arc::make_mut(root).remove_range(ranks);
        while let Some(child) = root.only_child() {
            *root = child;
        }
    }

    /// Gives an entry another score; false if it is not there. Cheap if its leaf keeps its order.
    pub fn change_score(&mut self, old: f64, new: f64, member: &[u8]) -> bool {
        let Some(position) = self.find(old, member) else { return false };
        let rank = position.rank;
        if position.leaf.admits(position.index, new, member) {
            let (leaf, index) = self.leaf_mut(rank);
            leaf.set_score(index, new);
            return true;
        }
        let shared = position.leaf.get(position.index).shared_member().clone();
        self.remove_range(rank..rank + 1);
        self.insert(new, shared);
        true
    }

    /// Number of entries before this one, if it is there.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<usize> {
        self.find(score, member).map(|position| position.rank)
    }

    /// The entry of that rank.
    pub fn get(&self, rank: usize) -> Option<Entry<'_>> {
        let position = self.position(rank)?;
        Some(position.leaf.get(position.index))
    }

    /// Number of entries for which `before` holds; it must hold for none after the first for which it doesn't.
    pub fn partition_point(&self, before: impl Fn(Entry<'_>) -> bool) -> usize {
        self.search(before).map_or(0, |position| position.rank)
    }

    /// All entries, in order, from both ends.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len)
    }

    /// The entries whose ranks are in `ranks`, cut to those that exist.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        Iter { tree: self, ranks: self.clamp(ranks), front: None, back: None }
    }

    /// Bytes of the nodes. Members are not counted, since the index by member shares them. Visits branches, not leaves.
    pub fn node_bytes(&self) -> usize {
        self.node_count() * (size_of::<Node>() + size_of::<usize>())
    }

    /// Roughly how many allocations the nodes are, in constant time.
    pub fn effort(&self) -> usize {
        self.len / (node::LEAF_MAX * 2 / 3) + 1
    }

    fn node_count(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.node_count())
    }

    fn clamp(&self, ranks: Range<usize>) -> Range<usize> {
        let end = ranks.end.min(self.len);
        ranks.start.min(end)..end
    }

    fn find(&self, score: f64, member: &[u8]) -> Option<Position<'_>> {
        let after = self.search(|entry| !entry.is_after(score, member))?;
        let index = after.index.checked_sub(1)?;
        let entry = after.leaf.get(index);
        let same = entry.score == score && entry.member() == member;
        same.then(|| Position { leaf: after.leaf, index, rank: after.rank - 1 })
    }

    /// The position after the last entry for which `before` holds, in that entry's leaf.
    fn search(&self, before: impl Fn(Entry<'_>) -> bool) -> Option<Position<'_>> {
        let mut node = &**self.root.as_ref()?;
        let mut rank = 0;
        loop {
            match node {
                Node::Branch(branch) => {
                    let index = branch.firsts().partition_point(&before).saturating_sub(1);
                    rank += branch.count_before(index);
                    node = branch.child(index);
                }
                Node::Leaf(leaf) => {
                    let index = leaf.partition_point(&before);
                    return Some(Position { leaf, index, rank: rank + index });
                }
            }
        }
    }

    fn position(&self, rank: usize) -> Option<Position<'_>> {
        let mut node = &**self.root.as_ref().filter(|_| rank < self.len)?;
        let mut rest = rank;
        while let Node::Branch(branch) = node {
            let (index, inner) = branch.child_of_rank(rest);
            node = branch.child(index);
            rest = inner;
        }
        let Node::Leaf(leaf) = node else { return None };
        Some(Position { leaf, index: rest, rank })
    }

    fn leaf_mut(&mut self, rank: usize) -> (&mut Leaf, usize) {
        let root = self.root.as_mut().expect("the rank was found in the tree");
        Arc::make_mut(root).leaf_mut(rank)
    }
}

struct Position<'a> {
    leaf: &'a Leaf,
    index: usize,
    rank: usize,
}

/// Iterator over a range of ranks. It looks for a leaf by rank when it has used up the last one: once in some 40 entries.
#[derive(Clone)]
pub struct Iter<'a> {
    tree: &'a RankTree,
    ranks: Range<usize>,
    front: Option<(&'a Leaf, usize)>,
    back: Option<(&'a Leaf, usize)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let rank = self.ranks.next()?;
        let (leaf, index) = match self.front {
            Some((leaf, index)) if index < leaf.len() => (leaf, index),
            _ => self.tree.position(rank).map(|at| (at.leaf, at.index))?,
        };
        self.front = Some((leaf, index + 1));
        Some(leaf.get(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        let (leaf, index) = match self.back {
            Some((leaf, after)) if after > 0 => (leaf, after - 1),
            _ => self.tree.position(rank).map(|at| (at.leaf, at.index))?,
        };
        self.back = Some((leaf, index));
        Some(leaf.get(index))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests;
