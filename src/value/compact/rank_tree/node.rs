//! The nodes: fixed arrays of slots, of which the first `len` are filled.

use std::ops::Range;

use triomphe::Arc;

use super::{Entry, Member};

pub(super) const LEAF_MAX: usize = 62;
const BRANCH_MAX: usize = 31;

/// Leaves hold entries; branches hold, as their keys, the first entry below each child.
pub(super) type Leaf = Keys<LEAF_MAX>;

#[derive(Clone)]
pub(super) enum Node {
    Leaf(Leaf),
    Branch(Branch),
}

// With the reference count, 1024 bytes at most (rule at the head of `rank_tree`).
const _: () = assert!(size_of::<Node>() <= 1016);

/// Packs sorted entries into full leaves.
pub(super) fn leaves(entries: impl IntoIterator<Item = (f64, Member)>) -> Vec<Arc<Node>> {
    let mut nodes = Vec::new();
    let mut leaf = Leaf::new();
    for (score, member) in entries {
        if leaf.len == LEAF_MAX {
            nodes.push(Arc::new(Node::Leaf(std::mem::replace(&mut leaf, Leaf::new()))));
        }
        leaf.insert(leaf.len, score, member);
    }
    if leaf.len > 0 {
        nodes.push(Arc::new(Node::Leaf(leaf)));
    }
    nodes
}

/// Packs nodes of one level into the branches above them, as full as can be.
pub(super) fn branches(nodes: Vec<Arc<Node>>) -> Vec<Arc<Node>> {
    let mut parents = Vec::with_capacity(nodes.len().div_ceil(BRANCH_MAX));
    let mut parent = Branch::new();
    for node in nodes {
        if parent.firsts.len == BRANCH_MAX {
            parents.push(Arc::new(Node::Branch(std::mem::replace(&mut parent, Branch::new()))));
        }
        parent.insert_child(parent.firsts.len, node);
    }
    parents.push(Arc::new(Node::Branch(parent)));
    parents
}

impl Node {
    /// Inserts below this node. A node that was full keeps the lower part; the upper part is returned.
    /// `last`: no entry of the tree comes after this node's.
    pub(super) fn insert(&mut self, score: f64, member: Member, last: bool) -> Option<Self> {
        match self {
            Self::Leaf(leaf) => leaf.insert_or_split(score, member, last).map(Self::Leaf),
            Self::Branch(branch) => branch.insert(score, member, last).map(Self::Branch),
        }
    }

    /// Removes the entries of these ranks below this node; at least one entry stays.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        match self {
            Self::Leaf(leaf) => leaf.remove_range(ranks),
            Self::Branch(branch) => branch.remove_range(ranks),
        }
    }

    /// Number of entries below.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len,
            Self::Branch(branch) => branch.count_before(branch.firsts.len),
        }
    }

    /// Number of nodes from here down.
    pub(super) fn node_count(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Branch(branch) if branch.is_above_leaves() => 1 + branch.firsts.len,
            Self::Branch(branch) => 1 + branch.children().map(Self::node_count).sum::<usize>(),
        }
    }

    /// The leaf that holds the entry of that rank, and its index there.
    pub(super) fn leaf_mut(&mut self, rank: usize) -> (&mut Leaf, usize) {
        match self {
            Self::Leaf(leaf) => (leaf, rank),
            Self::Branch(branch) => {
                let (index, inner) = branch.child_of_rank(rank);
                branch.child_mut(index).leaf_mut(inner)
            }
        }
    }

    /// The child of a branch with no other.
    pub(super) fn only_child(&self) -> Option<Arc<Self>> {
        match self {
            Self::Branch(branch) if branch.firsts.len == 1 => branch.children[0].clone(),
            _ => None,
        }
    }

    fn first(&self) -> Entry<'_> {
        match self {
            Self::Leaf(leaf) => leaf.get(0),
            Self::Branch(branch) => branch.firsts.get(0),
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.len < LEAF_MAX / 4,
            Self::Branch(branch) => branch.firsts.len < BRANCH_MAX / 4,
        }
    }

    fn fits_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(left), Self::Leaf(right)) => left.len + right.len <= LEAF_MAX,
            (Self::Branch(left), Self::Branch(right)) => left.firsts.len + right.firsts.len <= BRANCH_MAX,
            _ => false,
        }
    }

    fn append(&mut self, next: Self) {
        match (self, next) {
            (Self::Leaf(left), Self::Leaf(mut right)) => left.append(&mut right),
            (Self::Branch(left), Self::Branch(mut right)) => left.append(&mut right),
            _ => debug_assert!(false, "neighbors are of one level"),
        }
    }
}

/// Up to `N` entries in order.
#[derive(Clone)]
pub(super) struct Keys<const N: usize> {
    len: usize,
    scores: [f64; N],
    members: [Option<Member>; N],
}

impl<const N: usize> Keys<N> {
    pub(super) fn new() -> Self {
        Self { len: 0, scores: [0.0; N], members: [const { None }; N] }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Entry<'_> {
        Entry { score: self.scores[index], slot: &self.members[index] }
    }

    pub(super) fn partition_point(&self, before: impl Fn(Entry<'_>) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = (low + high) / 2;
            if before(self.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether the entry at `index` could have this score and stay between its neighbors in this node.
    pub(super) fn admits(&self, index: usize, score: f64, member: &[u8]) -> bool {
        index > 0
            && index + 1 < self.len
            && self.get(index - 1).is_before(score, member)
            && self.get(index + 1).is_after(score, member)
    }

    pub(super) fn set_score(&mut self, index: usize, score: f64) {
        self.scores[index] = score;
    }

    fn insert_or_split(&mut self, score: f64, member: Member, last: bool) -> Option<Self> {
        let index = self.partition_point(|entry| entry.is_before(score, &member.slice));
        if self.len < N {
            self.insert(index, score, member);
            return None;
        }
        let cut = cut(index, self.len, last);
        let mut right = self.split_off(cut);
        if index > cut || index == N {
            right.insert(index - cut, score, member);
        } else {
            self.insert(index, score, member);
        }
        Some(right)
    }

    fn insert(&mut self, index: usize, score: f64, member: Member) {
        self.scores.copy_within(index..self.len, index + 1);
        self.scores[index] = score;
        self.members[index..=self.len].rotate_right(1);
        self.members[index] = Some(member);
        self.len += 1;
    }

    fn set(&mut self, index: usize, score: f64, member: Member) {
        self.scores[index] = score;
        self.members[index] = Some(member);
    }

    fn remove_range(&mut self, range: Range<usize>) {
        self.scores.copy_within(range.end..self.len, range.start);
        close_gap(&mut self.members[..self.len], range.clone());
        self.len -= range.len();
    }

    fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::new();
        right.len = self.len - at;
        right.scores[..right.len].copy_from_slice(&self.scores[at..self.len]);
        move_slots(&mut self.members[at..self.len], &mut right.members);
        self.len = at;
        right
    }

    fn append(&mut self, next: &mut Self) {
        let end = self.len + next.len;
        self.scores[self.len..end].copy_from_slice(&next.scores[..next.len]);
        move_slots(&mut next.members[..next.len], &mut self.members[self.len..]);
        self.len = end;
    }
}

/// A node above leaves or other branches.
#[derive(Clone)]
pub(super) struct Branch {
    firsts: Keys<BRANCH_MAX>,
    counts: [usize; BRANCH_MAX],
    children: [Option<Arc<Node>>; BRANCH_MAX],
}

impl Branch {
    fn new() -> Self {
        Self { firsts: Keys::new(), counts: [0; BRANCH_MAX], children: [const { None }; BRANCH_MAX] }
    }

    pub(super) fn firsts(&self) -> &Keys<BRANCH_MAX> {
        &self.firsts
    }

    pub(super) fn child(&self, index: usize) -> &Node {
        self.children[index].as_deref().expect("a slot below the length is filled")
    }

    /// Number of entries below the children before `index`.
    pub(super) fn count_before(&self, index: usize) -> usize {
        self.counts[..index].iter().sum()
    }

    /// The child that holds the entry of that rank, and the rank within the child.
    pub(super) fn child_of_rank(&self, rank: usize) -> (usize, usize) {
        let (mut index, mut rest) = (0, rank);
        while rest >= self.counts[index] {
            rest -= self.counts[index];
            index += 1;
        }
        (index, rest)
    }

    fn is_above_leaves(&self) -> bool {
        matches!(self.child(0), Node::Leaf(_))
    }

    pub(super) fn children(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().flatten().map(|child| &**child)
    }

    fn child_mut(&mut self, index: usize) -> &mut Node {
        Arc::make_mut(self.children[index].as_mut().expect("a slot below the length is filled"))
    }

    fn insert(&mut self, score: f64, member: Member, last: bool) -> Option<Self> {
        let index = self.firsts.partition_point(|first| first.is_before(score, &member.slice));
        if index == 0 {
            self.firsts.set(0, score, member.clone());
        }
        let index = index.saturating_sub(1);
        let last = last && index + 1 == self.firsts.len;
        self.counts[index] += 1;
        let right = self.child_mut(index).insert(score, member, last)?;
        self.counts[index] -= right.count();
        self.insert_or_split(index + 1, Arc::new(right), last)
    }

    fn insert_or_split(&mut self, index: usize, child: Arc<Node>, last: bool) -> Option<Self> {
        if self.firsts.len < BRANCH_MAX {
            self.insert_child(index, child);
            return None;
        }
        let cut = cut(index, BRANCH_MAX, last);
        let mut right = self.split_off(cut);
        if index > cut || index == BRANCH_MAX {
            right.insert_child(index - cut, child);
        } else {
            self.insert_child(index, child);
        }
        Some(right)
    }

    fn insert_child(&mut self, index: usize, child: Arc<Node>) {
        let len = self.firsts.len;
        let first = child.first();
        self.firsts.insert(index, first.score, first.shared_member().clone());
        self.counts.copy_within(index..len, index + 1);
        self.counts[index] = child.count();
        self.children[index..=len].rotate_right(1);
        self.children[index] = Some(child);
    }

    /// Drops the children that lie wholly in `ranks`, cuts the one or two that lie partly in it, and mends these.
    fn remove_range(&mut self, ranks: Range<usize>) {
        let mut whole: Option<Range<usize>> = None;
        let mut start = 0;
        let mut cut = 0;
        for index in 0..self.firsts.len {
            let count = self.counts[index];
            let inner = ranks.start.max(start) - start..ranks.end.clamp(start, start + count) - start;
            start += count;
            if inner.len() == count {
                whole = Some(whole.map_or(index, |whole| whole.start)..index + 1);
            } else if !inner.is_empty() {
                self.remove_below(index, inner);
                cut = index;
            }
        }
        let whole = whole.unwrap_or(cut..cut);
        let at = whole.start;
        self.remove_children(whole);
        self.merge_if_small(at);
        if let Some(before) = at.checked_sub(1) {
            self.merge_if_small(before);
        }
    }

    fn remove_below(&mut self, index: usize, ranks: Range<usize>) {
        let first_goes = ranks.start == 0;
        self.counts[index] -= ranks.len();
        self.child_mut(index).remove_range(ranks);
        if first_goes {
            self.refresh_first(index);
        }
    }

    fn refresh_first(&mut self, index: usize) {
        let first = self.child(index).first();
        let (score, member) = (first.score, first.shared_member().clone());
        self.firsts.set(index, score, member);
    }

    fn remove_children(&mut self, range: Range<usize>) {
        let len = self.firsts.len;
        self.firsts.remove_range(range.clone());
        self.counts.copy_within(range.end..len, range.start);
        close_gap(&mut self.children[..len], range);
    }

    /// Merges the child at `index`, if there is one and it is small, with a neighbor that has room (rule 5).
    fn merge_if_small(&mut self, index: usize) {
        if index >= self.firsts.len || !self.child(index).is_small() {
            return;
        }
        if index > 0 && self.child(index - 1).fits_with(self.child(index)) {
            self.merge(index - 1);
        } else if index + 1 < self.firsts.len && self.child(index).fits_with(self.child(index + 1)) {
            self.merge(index);
        }
    }

    fn merge(&mut self, left: usize) {
        let Some(right) = self.children[left + 1].take() else { return };
        let right = Arc::try_unwrap(right).unwrap_or_else(|shared| (*shared).clone());
        self.child_mut(left).append(right);
        self.counts[left] += self.counts[left + 1];
        self.remove_children(left + 1..left + 2);
    }

    fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::new();
        let len = self.firsts.len;
        right.firsts = self.firsts.split_off(at);
        right.counts[..len - at].copy_from_slice(&self.counts[at..len]);
        move_slots(&mut self.children[at..len], &mut right.children);
        right
    }

    fn append(&mut self, next: &mut Self) {
        let (len, more) = (self.firsts.len, next.firsts.len);
        self.firsts.append(&mut next.firsts);
        self.counts[len..len + more].copy_from_slice(&next.counts[..more]);
        move_slots(&mut next.children[..more], &mut self.children[len..]);
    }
}

/// Where to split a full node of `len` slots for an insertion at `index` (rule 4).
fn cut(index: usize, len: usize, last: bool) -> usize {
    match index {
        0 => 0,
        _ if last && index == len => len,
        _ => len / 2,
    }
}

fn close_gap<T>(slots: &mut [Option<T>], gap: Range<usize>) {
    slots[gap.clone()].fill_with(|| None);
    slots[gap.start..].rotate_left(gap.len());
}

fn move_slots<T>(from: &mut [Option<T>], to: &mut [Option<T>]) {
    from.swap_with_slice(&mut to[..from.len()]);
}
