//! The nodes of a stream by the identifiers of their first entries.
//!
//! The last node, to which XADD appends, is kept apart from the tree of the others, so that appending goes nowhere near the
//! tree, and a node enters the tree when it is full. There is always a last node unless there is none at all.

use std::iter::Chain;
use std::option;

use super::node::Node;
use super::{StreamId, estimate};
use crate::value::compact::ordered_tree::{self, OrderedTree};

/// An ordered sequence of nodes with cheap clone.
#[derive(Clone, Default, Debug)]
pub struct Nodes {
    full: OrderedTree<StreamId, Node>,
    tail: Option<(StreamId, Node)>,
}

/// Nodes in ascending order.
pub type Iter<'a> = Chain<ordered_tree::Iter<'a, StreamId, Node>, option::IntoIter<(StreamId, &'a Node)>>;

/// Nodes in descending order.
pub type IterRev<'a> =
    Chain<option::IntoIter<(StreamId, &'a Node)>, ordered_tree::IterRev<'a, StreamId, Node>>;

impl Nodes {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.full.len() + usize::from(self.tail.is_some())
    }

    /// The node that entries are appended to.
    #[inline]
    pub fn tail_mut(&mut self) -> Option<&mut (StreamId, Node)> {
        self.tail.as_mut()
    }

    /// Adds a node behind all others.
    pub fn push(&mut self, first: StreamId, node: Node) {
        if let Some((id, mut full)) = self.tail.replace((first, node)) {
            full.seal();
            self.full.insert(id, full);
        }
    }

    /// The first node.
    pub fn first(&self) -> Option<(StreamId, &Node)> {
        self.full.first().or_else(|| self.tail_pair())
    }

    /// The node in which `id` would be.
    pub fn floor(&self, id: StreamId) -> Option<(StreamId, &Node)> {
        self.tail_pair().filter(|(first, _)| *first <= id).or_else(|| self.full.floor(id))
    }

    /// The node kept under `first`.
    pub fn get_mut(&mut self, first: StreamId) -> Option<&mut Node> {
        match &mut self.tail {
            Some((id, node)) if *id == first => Some(node),
            _ => self.full.get_mut(first),
        }
    }

    /// Removes the node kept under `first`.
    pub fn remove(&mut self, first: StreamId) {
        if self.tail.as_ref().is_some_and(|(id, _)| *id == first) {
            self.tail = self.full.pop_last();
        } else {
            self.full.remove(first);
        }
    }

    /// All nodes.
    pub fn iter(&self) -> Iter<'_> {
        self.full.iter().chain(self.tail_pair())
    }

    /// The nodes that may hold entries from `start` on.
    pub fn iter_from(&self, start: StreamId) -> Iter<'_> {
        let first = self.floor(start).map_or(start, |(first, _)| first);
        self.full.iter_from(first).chain(self.tail_pair())
    }

    /// The nodes that may hold entries up to `end`, last to first.
    pub fn iter_rev_to(&self, end: StreamId) -> IterRev<'_> {
        let tail = self.tail_pair().filter(|(first, _)| *first <= end);
        tail.into_iter().chain(self.full.iter_rev_to(end))
    }

    /// Bytes allocated, estimated from up to `samples` nodes.
    pub fn heap_bytes(&self, samples: usize) -> usize {
        let full = estimate(self.full.iter().map(|(_, node)| node.heap_bytes()), self.full.len(), samples);
        self.full.heap_bytes() + full + self.tail.as_ref().map_or(0, |(_, node)| node.heap_bytes())
    }

    /// Number of allocations.
    pub fn effort(&self) -> usize {
        self.full.effort() + 2 * self.len()
    }

    #[inline]
    fn tail_pair(&self) -> Option<(StreamId, &Node)> {
        self.tail.as_ref().map(|(id, node)| (*id, node))
    }
}
