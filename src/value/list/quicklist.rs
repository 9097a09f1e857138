//! Quicklist: a long list as a sequence of nodes, each a listpack of many elements or one large element by itself.
//!
//! Nodes fill up to the limit before the next one begins; an insertion into a full node splits it at that place. Removals
//! never join nodes, they only drop empty ones. So the number of nodes after pushes and pops is Redis's, which OBJECT ENCODING
//! makes visible: a list goes back to a listpack when a single small node is left.

use std::ops::Range;

use super::{End, ListLimits, remove_backward, remove_forward};
use crate::value::compact::listpack::{self, Item, Listpack};
use crate::value::compact::sequence::{Counted, Location, Sequence};

/// What an element may take beyond its bytes; Redis's estimate.
const ELEMENT_OVERHEAD: usize = 8;

/// A long list. Cloning it copies nothing; a writer copies the nodes it changes.
#[derive(Clone, Debug, Default)]
pub(super) struct QuickList {
    nodes: Sequence<Node>,
}

/// A node of a quicklist, as RDB files hold them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// Several elements.
    Packed(Listpack),
    /// One element too large to share a node.
    Plain(Box<[u8]>),
}

impl Counted for Node {
    #[inline]
    fn count(&self) -> usize {
        match self {
            Node::Packed(listpack) => listpack.len(),
            Node::Plain(_) => 1,
        }
    }
}

impl Node {
    fn of(element: &[u8], limits: ListLimits) -> Self {
        if limits.is_large(element.len()) {
            return Node::Plain(element.into());
        }
        let mut listpack = Listpack::new();
        listpack.push_back(element);
        Node::Packed(listpack)
    }

    #[inline]
    fn has_room(&self, element: &[u8], limits: ListLimits) -> bool {
        match self {
            Node::Packed(listpack) => {
                let byte_len = listpack.byte_len() + element.len() + ELEMENT_OVERHEAD;
                !limits.is_large(element.len()) && limits.allow(byte_len, listpack.len() + 1)
            }
            Node::Plain(_) => false,
        }
    }

    fn get(&self, offset: usize) -> Option<Item<'_>> {
        match self {
            Node::Packed(listpack) => listpack.get(offset),
            Node::Plain(bytes) => (offset == 0).then_some(Item::Bytes(bytes)),
        }
    }

    /// Inserts into a packed node; a plain one has no room.
    fn insert(&mut self, offset: usize, element: &[u8]) {
        if let Node::Packed(listpack) = self {
            let position = listpack.cursor_at(offset as isize).unwrap_or(listpack.end());
            listpack.insert(position, element);
        }
    }

    /// Replaces an element; false if the new one has no room here.
    fn set(&mut self, offset: usize, element: &[u8], limits: ListLimits) -> bool {
        match self {
            Node::Plain(_) => {
                *self = Node::of(element, limits);
                true
            }
            Node::Packed(listpack) => {
                let Some(cursor) = listpack.cursor_at(offset as isize) else { return false };
                let (old_len, new_len) = (listpack.element_len(cursor), Listpack::encoded_len(element));
                let fits = new_len <= old_len
                    || limits.allow(listpack.byte_len() - old_len + new_len, listpack.len());
                if fits {
                    listpack.replace(cursor, element);
                }
                fits
            }
        }
    }

    /// Takes an element from one end. The node may be empty afterwards.
    #[inline]
    fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        match self {
            Node::Packed(listpack) => super::pop(listpack, end),
            Node::Plain(bytes) => {
                let element = std::mem::take(bytes).into_vec();
                *self = Node::Packed(Listpack::new());
                Some(element)
            }
        }
    }

    fn contains(&self, element: &[u8]) -> bool {
        match self {
            Node::Packed(listpack) => listpack.find(element, 0).is_some(),
            Node::Plain(bytes) => **bytes == *element,
        }
    }

    fn remove_range(&mut self, offset: usize, count: usize) {
        match self {
            Node::Packed(listpack) => listpack.remove_range(offset, count),
            Node::Plain(_) => *self = Node::Packed(Listpack::new()),
        }
    }

    /// Cuts off what is behind the first `offset` elements, and returns it.
    fn split_off(&mut self, offset: usize) -> Self {
        let mut right = self.clone();
        right.remove_range(0, offset);
        self.remove_range(offset, usize::MAX);
        right
    }

    fn byte_len(&self) -> usize {
        match self {
            Node::Packed(listpack) => listpack.byte_len(),
            Node::Plain(bytes) => bytes.len(),
        }
    }
}

impl QuickList {
    pub(super) fn of(listpack: Listpack) -> Self {
        let mut list = Self::default();
        list.append(Node::Packed(listpack));
        list
    }

    /// Adds a whole node behind all others, unless it is empty.
    pub(super) fn append(&mut self, node: Node) {
        if node.count() > 0 {
            self.nodes.push_last(node);
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.nodes.elements()
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.chunks()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter_from(0)
    }

    /// The listpack of the only node.
    pub(super) fn single_packed(&self) -> Option<&Listpack> {
        match self.nodes.last() {
            Some(Node::Packed(listpack)) if self.nodes.chunks() == 1 => Some(listpack),
            _ => None,
        }
    }

    pub(super) fn push_front(&mut self, element: &[u8], limits: ListLimits) {
        if self.nodes.first().is_some_and(|node| node.has_room(element, limits)) {
            self.nodes.update_first(|node| node.insert(0, element));
        } else {
            self.nodes.push_first(Node::of(element, limits));
        }
    }

    #[inline]
    pub(super) fn push_back(&mut self, element: &[u8], limits: ListLimits) {
        match self.nodes.last() {
            Some(node) if node.has_room(element, limits) => {
                self.nodes.update_last(|node| {
                    if let Node::Packed(listpack) = node {
                        listpack.push_back(element);
                    }
                });
            }
            _ => self.nodes.push_last(Node::of(element, limits)),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Item<'_>> {
        let Location { ordinal, offset } = self.nodes.locate(index)?;
        self.nodes.get(ordinal)?.get(offset)
    }

    /// Puts `element` where it has `index` elements before it.
    pub(super) fn insert(&mut self, index: usize, element: &[u8], limits: ListLimits) {
        if index == 0 {
            return self.push_front(element, limits);
        }
        let Some(Location { ordinal, offset }) = self.nodes.locate(index) else {
            return self.push_back(element, limits);
        };
        let has_room = |ordinal| self.nodes.get(ordinal).is_some_and(|node| node.has_room(element, limits));
        if has_room(ordinal) {
            self.nodes.update(ordinal, |node| node.insert(offset, element));
        } else if offset > 0 {
            self.insert_splitting(ordinal, offset, element, limits);
        } else if has_room(ordinal - 1) {
            self.nodes.update(ordinal - 1, |node| node.insert(node.count(), element));
        } else {
            self.nodes.insert(ordinal, Node::of(element, limits));
        }
    }

    /// Replaces the element at `index`, if there is one.
    pub(super) fn set(&mut self, index: usize, element: &[u8], limits: ListLimits) {
        let Some(Location { ordinal, offset }) = self.nodes.locate(index) else { return };
        if self.nodes.update(ordinal, |node| node.set(offset, element, limits)) == Some(false) {
            self.insert(index, element, limits);
            self.remove_range(index + 1..index + 2);
        }
    }

    /// Takes the element at `end` out.
    #[inline]
    pub(super) fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let take = |node: &mut Node| node.pop(end);
        let element = match end {
            End::Front => self.nodes.update_first(take),
            End::Back => self.nodes.update_last(take),
        }?;
        let (ordinal, node) = match end {
            End::Front => (0, self.nodes.first()),
            End::Back => (self.nodes.chunks() - 1, self.nodes.last()),
        };
        if node.is_some_and(|node| node.count() == 0) {
            self.nodes.remove(ordinal);
        }
        element
    }

    pub(super) fn remove_range(&mut self, range: Range<usize>) {
        let mut left = range.end.min(self.len()).saturating_sub(range.start);
        let Some(Location { mut ordinal, mut offset }) = self.nodes.locate(range.start) else { return };
        while left > 0 {
            let count = self.nodes.get(ordinal).map_or(0, Counted::count);
            let here = left.min(count - offset);
            if here == count {
                self.nodes.remove(ordinal);
            } else {
                self.nodes.update(ordinal, |node| node.remove_range(offset, here));
                ordinal += 1;
            }
            left -= here;
            offset = 0;
        }
    }

    /// Removes up to `limit` elements equal to `element`, first to last; returns how many. Nodes without one are not touched.
    pub(super) fn remove_forward(&mut self, element: &[u8], limit: usize) -> usize {
        let (mut ordinal, mut removed) = (0, 0);
        while ordinal < self.nodes.chunks() && removed < limit {
            let nodes = self.nodes.chunks();
            let left = limit - removed;
            removed +=
                self.remove_in_node(ordinal, element, |listpack| remove_forward(listpack, element, left));
            // Without this node the next one has its ordinal.
            ordinal += usize::from(self.nodes.chunks() == nodes);
        }
        removed
    }

    /// As `remove_forward`, last to first.
    pub(super) fn remove_backward(&mut self, element: &[u8], limit: usize) -> usize {
        let (mut ordinal, mut removed) = (self.nodes.chunks(), 0);
        while ordinal > 0 && removed < limit {
            ordinal -= 1;
            let left = limit - removed;
            removed +=
                self.remove_in_node(ordinal, element, |listpack| remove_backward(listpack, element, left));
        }
        removed
    }

    pub(super) fn iter_from(&self, index: usize) -> QuickIter<'_> {
        let Location { ordinal, offset } = self.place(index);
        let inside = self.nodes.get(ordinal).map_or(NodeIter::Done, |node| NodeIter::from(node, offset));
        QuickIter { list: self, next: ordinal + 1, inside }
    }

    /// The elements before the one at `end`, last to first.
    pub(super) fn iter_rev_before(&self, end: usize) -> QuickIterRev<'_> {
        let Location { ordinal, offset } = self.place(end);
        let inside =
            self.nodes.get(ordinal).map_or(NodeIterRev::Done, |node| NodeIterRev::before(node, offset));
        QuickIterRev { list: self, next: ordinal, inside }
    }

    /// Bytes of up to `samples` nodes (0: all), scaled up to all of them, and of the tree above them.
    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let nodes = self.nodes.chunks();
        let sampled = if samples == 0 { nodes } else { samples.min(nodes) };
        let bytes: usize = self.nodes().take(sampled).map(Node::byte_len).sum();
        bytes * nodes / sampled.max(1) + nodes * NODE_OVERHEAD + size_of::<Self>()
    }

    fn place(&self, index: usize) -> Location {
        self.nodes.locate(index).unwrap_or(Location { ordinal: self.nodes.chunks(), offset: 0 })
    }

    fn insert_splitting(&mut self, ordinal: usize, offset: usize, element: &[u8], limits: ListLimits) {
        let Some(right) = self.nodes.update(ordinal, |node| node.split_off(offset)) else { return };
        self.nodes.insert(ordinal + 1, right);
        if self.nodes.get(ordinal).is_some_and(|left| left.has_room(element, limits)) {
            self.nodes.update(ordinal, |left| left.insert(offset, element));
        } else {
            self.nodes.insert(ordinal + 1, Node::of(element, limits));
        }
    }

    /// Calls `remove` on a node that holds `element`, and drops the node if nothing is left.
    fn remove_in_node(
        &mut self,
        ordinal: usize,
        element: &[u8],
        remove: impl FnOnce(&mut Listpack) -> usize,
    ) -> usize {
        if !self.nodes.get(ordinal).is_some_and(|node| node.contains(element)) {
            return 0;
        }
        let changed = self.nodes.update(ordinal, |node| {
            let removed = match node {
                Node::Packed(listpack) => remove(listpack),
                Node::Plain(_) => {
                    node.remove_range(0, 1);
                    1
                }
            };
            (removed, node.count() == 0)
        });
        let (removed, emptied) = changed.unwrap_or_default();
        if emptied {
            self.nodes.remove(ordinal);
        }
        removed
    }
}

/// A reference count, a slot in the tree and the node itself.
const NODE_OVERHEAD: usize = 8 + 32 + size_of::<Node>();

/// Elements of a quicklist, first to last.
#[derive(Clone, Debug)]
pub(super) struct QuickIter<'a> {
    list: &'a QuickList,
    next: usize,
    inside: NodeIter<'a>,
}

#[derive(Clone, Debug)]
enum NodeIter<'a> {
    Packed(listpack::Iter<'a>),
    Plain(&'a [u8]),
    Done,
}

impl<'a> NodeIter<'a> {
    fn from(node: &'a Node, offset: usize) -> Self {
        match node {
            Node::Packed(listpack) => {
                let start = listpack.cursor_at(offset as isize).unwrap_or(listpack.end());
                Self::Packed(listpack.iter_from(start))
            }
            Node::Plain(bytes) => Self::Plain(bytes),
        }
    }
}

impl<'a> Iterator for QuickIter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            match &mut self.inside {
                NodeIter::Packed(iter) => {
                    if let Some((_, item)) = iter.next() {
                        return Some(item);
                    }
                }
                NodeIter::Plain(bytes) => {
                    let item = Item::Bytes(bytes);
                    self.inside = NodeIter::Done;
                    return Some(item);
                }
                NodeIter::Done => {}
            }
            self.inside = NodeIter::from(self.list.nodes.get(self.next)?, 0);
            self.next += 1;
        }
    }
}

/// Elements of a quicklist, last to first.
#[derive(Clone, Debug)]
pub(super) struct QuickIterRev<'a> {
    list: &'a QuickList,
    next: usize,
    inside: NodeIterRev<'a>,
}

#[derive(Clone, Debug)]
enum NodeIterRev<'a> {
    Packed(listpack::IterRev<'a>),
    Plain(&'a [u8]),
    Done,
}

impl<'a> NodeIterRev<'a> {
    fn before(node: &'a Node, offset: usize) -> Self {
        match node {
            Node::Packed(listpack) => {
                let end = listpack.cursor_at(offset as isize).unwrap_or(listpack.end());
                Self::Packed(listpack.iter_rev_before(end))
            }
            Node::Plain(bytes) if offset > 0 => Self::Plain(bytes),
            Node::Plain(_) => Self::Done,
        }
    }
}

impl<'a> Iterator for QuickIterRev<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            match &mut self.inside {
                NodeIterRev::Packed(iter) => {
                    if let Some((_, item)) = iter.next() {
                        return Some(item);
                    }
                }
                NodeIterRev::Plain(bytes) => {
                    let item = Item::Bytes(bytes);
                    self.inside = NodeIterRev::Done;
                    return Some(item);
                }
                NodeIterRev::Done => {}
            }
            self.next = self.next.checked_sub(1)?;
            let node = self.list.nodes.get(self.next)?;
            self.inside = NodeIterRev::before(node, node.count());
        }
    }
}
