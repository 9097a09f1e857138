//! The container of large sets, hashes and sorted sets' members: a trie over the bits of a keyed 64-bit hash.
//!
//! ```text
//! HashTree ─► Inner (hash bits 63..56, 256 slots) ─► Inner (bits 55..48) ─► ... 6 levels at most
//!                 └─► Leaf: up to 32 elements with a 16-bit tag each
//! ```
//!
//! An inner node covers 256 slots, but a child may own any aligned power of two of them: a full leaf splits in two halves
//! inside its node (linear growth, one small step per split), and only a full leaf of a single slot becomes a node of the
//! next level. A table of one byte per slot names the child, so the children are one dense vector. Shrinking is the mirror
//! image: two halves merge, a node that holds few elements collapses to a leaf. A small tree is one leaf without nodes.
//!
//! Rules:
//! 1. Nodes are reference counted. Cloning the tree copies one pointer; a writer copies only the shared nodes on its path.
//! 2. A tag is the 16 hash bits from its node's level on: its upper byte is the slot, so that a split needs no rehashing,
//!    and its lower byte keeps a miss from touching the elements.
//! 3. The upper 48 bits of the hash are the *position* of an element. Elements of equal position never part: when the last
//!    level's single-slot leaf is full, it just grows.
//! 4. A scan cursor is a position: everything before it has been returned. A scan visits the whole leaf that owns the
//!    cursor and goes on where that leaf ends, so what stays in the tree is seen at least once, whatever splits or merges
//!    meanwhile (a merge makes some be seen twice).
//! 5. A child's entry caches how many elements are below it: a uniformly random element is the n-th of a random n.

use std::mem;

use smallvec::SmallVec;
use triomphe::Arc;

/// Elements in a leaf before it splits. The leaf without its elements is then just an allocator size class (96 bytes).
const LEAF_MAX: usize = 32;
/// Elements that a leaf's vector grows by: reallocations against unused memory.
const LEAF_STEP: usize = 4;
/// Two sibling leaves, or all of an inner node, become one leaf at this size. Half of a leaf, against flapping.
const MERGE_MAX: usize = LEAF_MAX / 2;
const LEVEL_BITS: u32 = 8;
const FAN_OUT: usize = 1 << LEVEL_BITS;
const LEVELS: u32 = 6;
/// Positions are below 2 to this power, and so are cursors: exact in a double.
const POSITION_BITS: u32 = LEVELS * LEVEL_BITS;

/// What a tree holds knows its own hash: the tree keeps 16 bits of it and asks again when a leaf changes level.
pub trait Hashed {
    /// The same value that the element is inserted and looked up with.
    fn hash(&self) -> u64;
}

/// A set of elements found by hash and a caller's equality. See the head of the module.
#[derive(Clone)]
pub struct HashTree<E> {
    root: Root<E>,
    len: usize,
}

/// A leaf alone, or a node of level 0. The tags of the leaf are those of level 0.
#[derive(Clone)]
enum Root<E> {
    Leaf(Arc<Leaf<E>>),
    Inner(Arc<Inner<E>>),
}

impl<E: Clone + Hashed> Default for HashTree<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Clone + Hashed> HashTree<E> {
    /// An empty tree.
    pub fn new() -> Self {
        Self { root: Root::Leaf(Arc::new(Leaf::new())), len: 0 }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element with this hash that satisfies `equals`.
    #[inline]
    pub fn find(&self, hash: u64, equals: impl FnMut(&E) -> bool) -> Option<&E> {
        let (leaf, level) = self.leaf_of(hash);
        let index = leaf.position(tag(hash, level), equals)?;
        leaf.elements.get(index)
    }

    /// As [`find`](Self::find), for changing or replacing the element; its hash must stay the same. Copies the shared nodes
    /// on the path even if there is no such element.
    pub fn find_mut(&mut self, hash: u64, equals: impl FnMut(&E) -> bool) -> Option<&mut E> {
        let (leaf, level) = self.leaf_mut_of(hash);
        let index = leaf.position(tag(hash, level), equals)?;
        leaf.elements.get_mut(index)
    }

    /// Adds an element that is known to be absent.
    pub fn insert_new(&mut self, hash: u64, element: E) {
        debug_assert_eq!(hash, element.hash());
        if self.len >= LEAF_MAX {
            self.root.grow();
        }
        match &mut self.root {
            Root::Leaf(leaf) => Arc::make_mut(leaf).push(tag(hash, 0), element),
            Root::Inner(inner) => Arc::make_mut(inner).insert(hash, 0, element),
        }
        self.len += 1;
    }

    /// Takes out the element with this hash that satisfies `equals`. Copies nothing if there is none.
    pub fn remove(&mut self, hash: u64, mut equals: impl FnMut(&E) -> bool) -> Option<E> {
        self.find(hash, &mut equals)?;
        let removed = match &mut self.root {
            Root::Leaf(leaf) => Arc::make_mut(leaf).remove(hash, 0, &mut equals)?,
            Root::Inner(inner) => Arc::make_mut(inner).remove(hash, 0, &mut equals)?,
        };
        self.len -= 1;
        if self.len <= MERGE_MAX {
            self.root.shrink();
        }
        Some(removed)
    }

    /// The `index`-th element in the order of [`iter`](Self::iter). Uniform indices give uniform elements.
    pub fn nth(&self, index: usize) -> Option<&E> {
        if index >= self.len {
            return None;
        }
        match &self.root {
            Root::Leaf(leaf) => leaf.elements.get(index),
            Root::Inner(inner) => inner.nth(index),
        }
    }

    /// A uniformly random element.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&E> {
        if self.is_empty() { None } else { self.nth(rng.usize(..self.len)) }
    }

    /// All elements, in the order of their positions up to leaves.
    pub fn iter(&self) -> Iter<'_, E> {
        let (stack, leaf) = match &self.root {
            Root::Leaf(leaf) => (SmallVec::new(), leaf.elements.iter()),
            Root::Inner(inner) => (SmallVec::from_iter([inner.children.iter()]), [].iter()),
        };
        Iter { stack, leaf, left: self.len }
    }

    /// Visits the few elements of one leaf and returns the cursor to go on with; 0 starts a scan and ends it. Any number
    /// is a valid cursor. A leaf may be empty: callers loop until they have enough or get 0.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&E)) -> u64 {
        let position = cursor & ((1 << POSITION_BITS) - 1);
        let hash = position << (u64::BITS - POSITION_BITS);
        let mut next = match &self.root {
            Root::Leaf(leaf) => {
                leaf.elements.iter().for_each(visit);
                return 0;
            }
            Root::Inner(inner) => inner,
        };
        let mut level = 0;
        loop {
            let slot = slot(hash, level);
            match next.child(slot) {
                Child::Inner(_, inner) => next = inner,
                Child::Leaf(_, leaf) => {
                    leaf.elements.iter().for_each(&mut visit);
                    return position_after(position, level, next.slots.range_of(slot));
                }
            }
            level += 1;
        }
    }

    /// Bytes on the heap: all nodes, plus what `bytes_of` says of the elements, extrapolated from the first `samples` of
    /// them (0 = all).
    pub fn heap_bytes(&self, samples: usize, bytes_of: impl Fn(&E) -> usize) -> usize {
        let samples = if samples == 0 { self.len } else { samples.min(self.len) };
        let sampled: usize = self.iter().take(samples).map(bytes_of).sum();
        let elements =
            if samples == 0 { 0 } else { (sampled as f64 / samples as f64 * self.len as f64) as usize };
        let nodes = match &self.root {
            Root::Leaf(leaf) => leaf.node_bytes(),
            Root::Inner(inner) => inner.node_bytes(),
        };
        nodes + elements
    }

    /// Roughly how many allocations the nodes are (elements not counted), in constant time.
    pub fn effort(&self) -> usize {
        2 + self.len / (LEAF_MAX * 2 / 3)
    }

    #[inline]
    fn leaf_of(&self, hash: u64) -> (&Leaf<E>, u32) {
        let mut next = match &self.root {
            Root::Leaf(leaf) => return (leaf, 0),
            Root::Inner(inner) => inner,
        };
        let mut level = 0;
        loop {
            match next.child(slot(hash, level)) {
                Child::Inner(_, inner) => next = inner,
                Child::Leaf(_, leaf) => return (leaf, level),
            }
            level += 1;
        }
    }

    fn leaf_mut_of(&mut self, hash: u64) -> (&mut Leaf<E>, u32) {
        let mut next = match &mut self.root {
            Root::Leaf(leaf) => return (Arc::make_mut(leaf), 0),
            Root::Inner(inner) => inner,
        };
        let mut level = 0;
        loop {
            match Arc::make_mut(next).child_mut(slot(hash, level)) {
                Child::Inner(_, inner) => next = inner,
                Child::Leaf(_, leaf) => return (Arc::make_mut(leaf), level),
            }
            level += 1;
        }
    }
}

impl<E: Clone + Hashed> Root<E> {
    /// Puts a lone leaf under a node.
    fn grow(&mut self) {
        if let Root::Leaf(leaf) = self {
            let leaf = mem::replace(Arc::make_mut(leaf), Leaf::new());
            *self = Root::Inner(Arc::new(Inner::around(leaf)));
        }
    }

    /// Makes one leaf of a node that holds few elements.
    fn shrink(&mut self) {
        if let Root::Inner(inner) = self {
            let mut leaf = Leaf::new();
            Arc::make_mut(inner).drain_into(&mut leaf, 0);
            *self = Root::Leaf(Arc::new(leaf));
        }
    }
}

impl<'a, E: Clone + Hashed> IntoIterator for &'a HashTree<E> {
    type Item = &'a E;
    type IntoIter = Iter<'a, E>;

    fn into_iter(self) -> Iter<'a, E> {
        self.iter()
    }
}

/// Iterator over the elements of a [`HashTree`].
pub struct Iter<'a, E> {
    stack: SmallVec<[std::slice::Iter<'a, Child<E>>; LEVELS as usize]>,
    leaf: std::slice::Iter<'a, E>,
    left: usize,
}

impl<'a, E> Iterator for Iter<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<&'a E> {
        loop {
            if let Some(element) = self.leaf.next() {
                self.left -= 1;
                return Some(element);
            }
            match self.stack.last_mut()?.next() {
                Some(Child::Leaf(_, leaf)) => self.leaf = leaf.elements.iter(),
                Some(Child::Inner(_, inner)) => self.stack.push(inner.children.iter()),
                None => drop(self.stack.pop()),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<E> ExactSizeIterator for Iter<'_, E> {}

/// The slot of a hash in a node of this level.
fn slot(hash: u64, level: u32) -> usize {
    usize::from((hash >> (u64::BITS - LEVEL_BITS * (level + 1))) as u8)
}

/// Rule 2.
fn tag(hash: u64, level: u32) -> u16 {
    (hash >> (u64::BITS - LEVEL_BITS * (level + 2))) as u16
}

/// Where the slots of `range` end, in the node of this level on the path to `position`; 0 at the end of all positions.
fn position_after(position: u64, level: u32, range: SlotRange) -> u64 {
    let slot_bits = POSITION_BITS - LEVEL_BITS * (level + 1);
    let node_bits = slot_bits + LEVEL_BITS;
    let end = (position >> node_bits << node_bits) + ((range.end() as u64) << slot_bits);
    if end >> POSITION_BITS == 0 { end } else { 0 }
}

#[derive(Clone)]
struct Inner<E> {
    slots: Slots,
    /// In the order of their slots.
    children: Vec<Child<E>>,
}

/// A node with the number of elements in it. A level-0 node holds 256 children from a few thousand elements on, so the
/// count of one child stays below 2^32 up to 2^40 elements.
#[derive(Clone)]
enum Child<E> {
    Leaf(u32, Arc<Leaf<E>>),
    Inner(u32, Arc<Inner<E>>),
}

const _: () = assert!(size_of::<Child<u64>>() == 16);

impl<E> Child<E> {
    fn count(&self) -> usize {
        match self {
            Child::Leaf(count, _) | Child::Inner(count, _) => *count as usize,
        }
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Child::Leaf(..))
    }
}

impl<E: Clone + Hashed> Inner<E> {
    fn around(leaf: Leaf<E>) -> Self {
        Self { slots: Slots([0; FAN_OUT]), children: vec![leaf.into_child()] }
    }

    fn child(&self, slot: usize) -> &Child<E> {
        &self.children[self.slots.index_of(slot)]
    }

    fn child_mut(&mut self, slot: usize) -> &mut Child<E> {
        &mut self.children[self.slots.index_of(slot)]
    }

    fn insert(&mut self, hash: u64, level: u32, element: E) {
        let slot = slot(hash, level);
        while self.make_room(slot, level) {}
        match self.child_mut(slot) {
            Child::Leaf(count, leaf) => {
                *count += 1;
                Arc::make_mut(leaf).push(tag(hash, level), element);
            }
            Child::Inner(count, inner) => {
                *count += 1;
                Arc::make_mut(inner).insert(hash, level + 1, element);
            }
        }
    }

    /// Splits the leaf of this slot if it is full, or puts it under a node of the next level. False if nothing was done.
    fn make_room(&mut self, slot: usize, level: u32) -> bool {
        let index = self.slots.index_of(slot);
        let Child::Leaf(count, leaf) = &mut self.children[index] else { return false };
        if (*count as usize) < LEAF_MAX {
            return false;
        }
        let range = self.slots.range_of(slot);
        if range.width > 1 {
            let middle = range.first + range.width / 2;
            let upper = Arc::make_mut(leaf).split_off(middle);
            *count -= upper.elements.len() as u32;
            self.slots.split(range);
            self.children.insert(index + 1, upper.into_child());
            return true;
        }
        if level + 1 == LEVELS {
            return false;
        }
        let mut lower = Leaf::new();
        lower.take_elements(Arc::make_mut(leaf), level + 1);
        self.children[index] = Child::Inner(*count, Arc::new(Inner::around(lower)));
        true
    }

    fn remove(&mut self, hash: u64, level: u32, equals: &mut impl FnMut(&E) -> bool) -> Option<E> {
        let slot = slot(hash, level);
        let removed = match self.child_mut(slot) {
            Child::Leaf(count, leaf) => {
                let removed = Arc::make_mut(leaf).remove(hash, level, equals)?;
                *count -= 1;
                removed
            }
            Child::Inner(count, inner) => {
                let removed = Arc::make_mut(inner).remove(hash, level + 1, equals)?;
                *count -= 1;
                removed
            }
        };
        self.collapse(slot, level);
        while self.merge(slot) {}
        Some(removed)
    }

    /// Replaces the node under this slot by a leaf if it holds few elements.
    fn collapse(&mut self, slot: usize, level: u32) {
        let child = self.child_mut(slot);
        if child.count() > MERGE_MAX {
            return;
        }
        if let Child::Inner(_, inner) = child {
            let mut leaf = Leaf::new();
            Arc::make_mut(inner).drain_into(&mut leaf, level);
            *child = leaf.into_child();
        }
    }

    fn drain_into(&mut self, target: &mut Leaf<E>, level: u32) {
        for child in &mut self.children {
            match child {
                Child::Leaf(_, leaf) => target.take_elements(Arc::make_mut(leaf), level),
                Child::Inner(_, inner) => Arc::make_mut(inner).drain_into(target, level),
            }
        }
    }

    /// Merges the leaf of this slot with its other half if both are small. False if nothing was done.
    fn merge(&mut self, slot: usize) -> bool {
        if self.child(slot).count() > MERGE_MAX {
            return false;
        }
        let range = self.slots.range_of(slot);
        if range.width == FAN_OUT || self.slots.range_of(range.sibling()) != range.other_half() {
            return false;
        }
        let lower = self.slots.index_of(range.first.min(range.sibling()));
        let upper = lower + 1;
        let both = &self.children[lower..=upper];
        if !both.iter().all(Child::is_leaf) || both.iter().map(Child::count).sum::<usize>() > MERGE_MAX {
            return false;
        }
        self.slots.merge(range.first.max(range.sibling()));
        let taken = self.children.remove(upper);
        if let (Child::Leaf(count, leaf), Child::Leaf(more, mut taken)) = (&mut self.children[lower], taken) {
            *count += more;
            Arc::make_mut(leaf).append(Arc::make_mut(&mut taken));
        }
        true
    }

    fn nth(&self, index: usize) -> Option<&E> {
        let mut rest = index;
        let child = self.children.iter().find(|child| {
            let here = rest < child.count();
            rest -= if here { 0 } else { child.count() };
            here
        })?;
        match child {
            Child::Inner(_, inner) => inner.nth(rest),
            Child::Leaf(_, leaf) => leaf.elements.get(rest),
        }
    }

    fn node_bytes(&self) -> usize {
        let own = size_of::<usize>() + size_of::<Self>() + self.children.capacity() * size_of::<Child<E>>();
        let below = self.children.iter().map(|child| match child {
            Child::Leaf(_, leaf) => leaf.node_bytes(),
            Child::Inner(_, inner) => inner.node_bytes(),
        });
        own + below.sum::<usize>()
    }
}

#[derive(Clone)]
struct Leaf<E> {
    /// Of the first `LEAF_MAX` elements; those beyond (rule 3) have none.
    tags: [u16; LEAF_MAX],
    elements: Vec<E>,
}

impl<E: Clone + Hashed> Leaf<E> {
    fn new() -> Self {
        Self { tags: [0; LEAF_MAX], elements: Vec::new() }
    }

    fn with_capacity(count: usize) -> Self {
        Self { elements: Vec::with_capacity(count.next_multiple_of(LEAF_STEP)), ..Self::new() }
    }

    fn into_child(self) -> Child<E> {
        Child::Leaf(self.elements.len() as u32, Arc::new(self))
    }

    fn position(&self, tag: u16, mut equals: impl FnMut(&E) -> bool) -> Option<usize> {
        let mut candidates = self.candidates(tag);
        while candidates != 0 {
            let index = candidates.trailing_zeros() as usize;
            if equals(&self.elements[index]) {
                return Some(index);
            }
            candidates &= candidates - 1;
        }
        let untagged = self.elements.get(LEAF_MAX..)?;
        untagged.iter().position(equals).map(|index| LEAF_MAX + index)
    }

    /// A bit for each element with this tag. Written without branches: the compiler makes vector code of it.
    fn candidates(&self, tag: u16) -> u32 {
        let matching = (0..LEAF_MAX).fold(0, |bits, i| bits | (u32::from(self.tags[i] == tag) << i));
        let used = self.elements.len().min(LEAF_MAX);
        matching & ((1u64 << used) - 1) as u32
    }

    fn push(&mut self, tag: u16, element: E) {
        if let Some(place) = self.tags.get_mut(self.elements.len()) {
            *place = tag;
        }
        if self.elements.len() == self.elements.capacity() {
            self.elements.reserve_exact(LEAF_STEP);
        }
        self.elements.push(element);
    }

    fn remove(&mut self, hash: u64, level: u32, equals: &mut impl FnMut(&E) -> bool) -> Option<E> {
        let index = self.position(tag(hash, level), equals)?;
        let removed = self.elements.swap_remove(index);
        let last = self.elements.len();
        if self.elements.capacity() > last + 3 * LEAF_STEP {
            self.elements.shrink_to(last + LEAF_STEP);
        }
        if last < LEAF_MAX {
            self.tags[index] = self.tags[last];
        } else if index < LEAF_MAX {
            self.tags[index] = tag(self.elements[index].hash(), level);
        }
        Some(removed)
    }

    fn node_bytes(&self) -> usize {
        size_of::<usize>() + size_of::<Self>() + self.elements.capacity() * size_of::<E>()
    }

    /// Moves the elements from slot `middle` on to a new leaf. Only leaves of exactly `LEAF_MAX` elements split.
    fn split_off(&mut self, middle: usize) -> Self {
        let is_lower = |tag: u16| usize::from(tag >> LEVEL_BITS) < middle;
        let lower_count = self.tags.iter().filter(|tag| is_lower(**tag)).count();
        let mut lower = Self::with_capacity(lower_count);
        let mut upper = Self::with_capacity(LEAF_MAX - lower_count);
        for (tag, element) in self.tags.into_iter().zip(self.elements.drain(..)) {
            let half = if is_lower(tag) { &mut lower } else { &mut upper };
            half.push(tag, element);
        }
        *self = lower;
        upper
    }

    /// Moves all elements of a leaf of the same node here.
    fn append(&mut self, other: &mut Self) {
        self.elements.reserve_exact(other.elements.len());
        for (tag, element) in other.tags.into_iter().zip(mem::take(&mut other.elements)) {
            self.push(tag, element);
        }
    }

    /// Moves all elements of a leaf of any level here, to a leaf of this level.
    fn take_elements(&mut self, other: &mut Self, level: u32) {
        self.elements.reserve_exact(other.elements.len());
        for element in mem::take(&mut other.elements) {
            self.push(tag(element.hash(), level), element);
        }
    }
}

/// Which child owns each slot. A child owns an aligned power of two of neighbors.
#[derive(Clone)]
struct Slots([u8; FAN_OUT]);

#[derive(Clone, Copy, PartialEq, Debug)]
struct SlotRange {
    first: usize,
    /// A power of two; `first` is a multiple of it.
    width: usize,
}

impl Slots {
    /// Index of the child that owns this slot.
    #[inline]
    fn index_of(&self, slot: usize) -> usize {
        usize::from(self.0[slot])
    }

    /// The slots of the child that owns this slot.
    fn range_of(&self, slot: usize) -> SlotRange {
        let mut range = SlotRange { first: slot, width: 1 };
        while range.width < FAN_OUT {
            let twice = SlotRange { first: range.first & !range.width, width: range.width * 2 };
            if self.0[twice.first] != self.0[twice.end() - 1] {
                break;
            }
            range = twice;
        }
        range
    }

    /// Gives the upper half of a child's range to a new child that follows it.
    fn split(&mut self, range: SlotRange) {
        self.0[range.first + range.width / 2..].iter_mut().for_each(|index| *index += 1);
    }

    /// Gives the range that starts at `first` to the child before its owner, which goes.
    fn merge(&mut self, first: usize) {
        self.0[first..].iter_mut().for_each(|index| *index -= 1);
    }
}

impl SlotRange {
    fn end(self) -> usize {
        self.first + self.width
    }

    /// The first slot of the range that this one was split from, or that was split from it.
    fn sibling(self) -> usize {
        self.first ^ self.width
    }

    fn other_half(self) -> Self {
        Self { first: self.sibling(), width: self.width }
    }
}

#[cfg(test)]
mod tests;
