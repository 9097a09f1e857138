//! The list type: a listpack while it is small, then a quicklist.
//!
//! Encodings change as in Redis 7.2, which OBJECT ENCODING shows:
//!
//! 1. Before elements are added, the bytes of all of them together and their number are compared with
//!    `list-max-listpack-size`; beyond it the listpack becomes the first node of a quicklist.
//! 2. After a removal or replacement, a quicklist of a single packed node that is within half the limit becomes a listpack.
//!
//! An element larger than a node may be is a node by itself, and may be as long as any string.

mod quicklist;

use std::ops::Range;

pub use self::quicklist::Node;
use self::quicklist::{QuickIter, QuickIterRev, QuickList};
use super::compact::listpack::{self, Item, Listpack};

/// A list of byte strings.
#[derive(Clone, Debug)]
pub enum List {
    /// A short list.
    Packed(Listpack),
    /// A long list.
    Quick(Box<Quick>),
}

/// A long list, in nodes.
#[derive(Clone, Debug)]
pub struct Quick(QuickList);

// Stored inline in the key's entry.
const _: () = assert!(size_of::<List>() <= 16);

/// The limits of a listpack node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// `list-max-listpack-size`: a number of elements, or -1 to -5 for 4, 8, 16, 32, 64 KB.
    pub max_listpack_size: i32,
}

/// An end of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Where LPUSH and LPOP work.
    Front,
    /// Where RPUSH and RPOP work.
    Back,
}

/// What LPOS asks for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The match to begin with, from 1; negative ones count from the end and search backwards. Not 0.
    pub rank: i64,
    /// Number of matches wanted at most; 0 means all.
    pub count: usize,
    /// Number of elements compared at most; 0 means all.
    pub max_len: usize,
}

/// With a limit in elements, nodes have this many bytes at most.
const COUNTED_NODE_BYTES_MAX: usize = 8192;

impl ListLimits {
    /// Whether a node of `byte_len` bytes and `count` elements is within the limits.
    #[inline]
    pub fn allow(self, byte_len: usize, count: usize) -> bool {
        byte_len <= self.node_bytes_max() && self.node_count_max().is_none_or(|max| count <= max)
    }

    /// Whether an element of `len` bytes must be a node by itself.
    #[inline]
    fn is_large(self, len: usize) -> bool {
        len > self.node_bytes_max()
    }

    /// Whether the only node of a quicklist is within the limit divided by `divisor`, and may become a listpack. With a limit
    /// in elements the bytes do not matter here.
    fn allow_alone(self, byte_len: usize, count: usize, divisor: usize) -> bool {
        match self.node_count_max() {
            Some(max) => count <= max / divisor,
            None => byte_len <= self.node_bytes_max() / divisor,
        }
    }

    #[inline]
    fn node_bytes_max(self) -> usize {
        match self.max_listpack_size {
            0.. => COUNTED_NODE_BYTES_MAX,
            size => 4096 << (-1 - size.max(-5)),
        }
    }

    #[inline]
    fn node_count_max(self) -> Option<usize> {
        usize::try_from(self.max_listpack_size).ok().map(|max| max.max(1))
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// A list of the nodes of an RDB file. Empty ones are passed over; a single one becomes a listpack if it may be one.
    pub fn from_nodes(nodes: impl IntoIterator<Item = Node>, limits: ListLimits) -> Self {
        let mut quick = QuickList::default();
        nodes.into_iter().for_each(|node| quick.append(node));
        match quick.single_packed() {
            Some(listpack) if limits.allow_alone(listpack.byte_len(), listpack.len(), 1) => {
                Self::Packed(listpack.clone())
            }
            None if quick.len() == 0 => Self::new(),
            _ => Self::Quick(Box::new(Quick(quick))),
        }
    }

    /// The name of the encoding for OBJECT ENCODING.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Quick(_) => "quicklist",
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(listpack) => listpack.len(),
            Self::Quick(quick) => quick.0.len(),
        }
    }

    /// Whether there is none; such a list's key must go.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an element in front of all others.
    pub fn push_front(&mut self, element: &[u8], limits: ListLimits) {
        self.push_all(End::Front, [element], limits);
    }

    /// Adds an element behind all others.
    #[inline]
    pub fn push_back(&mut self, element: &[u8], limits: ListLimits) {
        self.push_all(End::Back, [element], limits);
    }

    /// Adds the elements of one command one after the other (rule 1).
    #[inline]
    pub fn push_all<'a, I>(&mut self, end: End, elements: I, limits: ListLimits)
    where
        I: IntoIterator<Item = &'a [u8], IntoIter: Clone>,
    {
        let elements = elements.into_iter();
        self.make_room(elements.clone(), limits);
        for element in elements {
            match (&mut *self, end) {
                (Self::Packed(listpack), End::Front) => listpack.push_front(element),
                (Self::Packed(listpack), End::Back) => listpack.push_back(element),
                (Self::Quick(quick), End::Front) => quick.0.push_front(element, limits),
                (Self::Quick(quick), End::Back) => quick.0.push_back(element, limits),
            }
        }
    }

    /// Takes the first element out.
    pub fn pop_front(&mut self, limits: ListLimits) -> Option<Vec<u8>> {
        self.pop(End::Front, limits)
    }

    /// Takes the last element out.
    pub fn pop_back(&mut self, limits: ListLimits) -> Option<Vec<u8>> {
        self.pop(End::Back, limits)
    }

    /// Takes the element at `end` out.
    #[inline]
    pub fn pop(&mut self, end: End, limits: ListLimits) -> Option<Vec<u8>> {
        match self {
            Self::Packed(listpack) => pop(listpack, end),
            Self::Quick(quick) => {
                let element = quick.0.pop(end);
                self.shrink(limits);
                element
            }
        }
    }

    /// The element at `index`; negative ones count from the end, -1 being the last.
    #[inline]
    pub fn get(&self, index: i64) -> Option<Item<'_>> {
        let index = self.index(index)?;
        match self {
            Self::Packed(listpack) => listpack.get(index),
            Self::Quick(quick) => quick.0.get(index),
        }
    }

    /// Replaces the element at `index`, counted as in `get`; false if there is none.
    pub fn set(&mut self, index: i64, element: &[u8], limits: ListLimits) -> bool {
        self.make_room([element].into_iter(), limits);
        let Some(index) = self.index(index) else { return false };
        match self {
            Self::Packed(listpack) => {
                if let Some(cursor) = listpack.cursor_at(index as isize) {
                    listpack.replace(cursor, element);
                }
            }
            Self::Quick(quick) => quick.0.set(index, element, limits),
        }
        self.shrink(limits);
        true
    }

    /// Inserts `element` before the first `pivot`; false if there is none.
    pub fn insert_before(&mut self, pivot: &[u8], element: &[u8], limits: ListLimits) -> bool {
        self.insert_beside(pivot, 0, element, limits)
    }

    /// Inserts `element` behind the first `pivot`; false if there is none.
    pub fn insert_after(&mut self, pivot: &[u8], element: &[u8], limits: ListLimits) -> bool {
        self.insert_beside(pivot, 1, element, limits)
    }

    /// Removes elements equal to `element`, as LREM does: the first `count`, the last `-count`, or all if it is 0. Returns
    /// how many.
    pub fn remove(&mut self, count: i64, element: &[u8], limits: ListLimits) -> usize {
        let most = match usize::try_from(count.unsigned_abs()) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(most) => most,
        };
        let removed = match (&mut *self, count < 0) {
            (Self::Packed(listpack), false) => remove_forward(listpack, element, most),
            (Self::Packed(listpack), true) => remove_backward(listpack, element, most),
            (Self::Quick(quick), false) => quick.0.remove_forward(element, most),
            (Self::Quick(quick), true) => quick.0.remove_backward(element, most),
        };
        self.shrink(limits);
        removed
    }

    /// Keeps the elements from `start` to `stop`, both included and counted as in `get`.
    pub fn trim(&mut self, start: i64, stop: i64, limits: ListLimits) {
        let kept = self.bounds(start, stop);
        self.remove_range(kept.end..self.len(), limits);
        self.remove_range(0..kept.start, limits);
    }

    /// Removes the elements with these indexes, as far as they exist.
    pub fn remove_range(&mut self, range: Range<usize>, limits: ListLimits) {
        if range.is_empty() {
            return;
        }
        match self {
            Self::Packed(listpack) => listpack.remove_range(range.start, range.len()),
            Self::Quick(quick) => quick.0.remove_range(range),
        }
        self.shrink(limits);
    }

    /// The indexes that `start` and `stop` (both included, negative ones counting from the end) mean here; an empty range
    /// at the end if none.
    pub fn bounds(&self, start: i64, stop: i64) -> Range<usize> {
        let len = self.len() as i64;
        let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
        let (start, stop) = (absolute(start).max(0), absolute(stop).min(len - 1));
        if start > stop { self.len()..self.len() } else { start as usize..stop as usize + 1 }
    }

    /// All elements, first to last.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The elements from the one at `index` on.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        let index = index.min(self.len());
        Iter(match self {
            Self::Packed(listpack) => {
                let start = listpack.cursor_at(index as isize).unwrap_or(listpack.end());
                Forward::Packed(listpack.iter_from(start))
            }
            Self::Quick(quick) => Forward::Quick(quick.0.iter_from(index)),
        })
    }

    /// All elements, last to first.
    pub fn iter_rev(&self) -> IterRev<'_> {
        self.iter_rev_before(usize::MAX)
    }

    /// The elements before the one at `end`, last to first.
    pub fn iter_rev_before(&self, end: usize) -> IterRev<'_> {
        let end = end.min(self.len());
        IterRev(match self {
            Self::Packed(listpack) => {
                let end = listpack.cursor_at(end as isize).unwrap_or(listpack.end());
                Backward::Packed(listpack.iter_rev_before(end))
            }
            Self::Quick(quick) => Backward::Quick(quick.0.iter_rev_before(end)),
        })
    }

    /// The indexes of elements equal to `element`, in the order of the search.
    pub fn positions(&self, element: &[u8], search: Search) -> Vec<usize> {
        let unlimited = |number: usize| if number == 0 { usize::MAX } else { number };
        let skipped = usize::try_from(search.rank.unsigned_abs().saturating_sub(1)).unwrap_or(usize::MAX);
        let wanted = Wanted { skipped, count: unlimited(search.count), max_len: unlimited(search.max_len) };
        if search.rank < 0 {
            let last = self.len().wrapping_sub(1);
            wanted.among(self.iter_rev(), element).map(|index| last - index).collect()
        } else {
            wanted.among(self.iter(), element).collect()
        }
    }

    /// The listpack of a short list, which has no nodes.
    pub fn as_packed(&self) -> Option<&Listpack> {
        match self {
            Self::Packed(listpack) => Some(listpack),
            Self::Quick(_) => None,
        }
    }

    /// The nodes of a long list in their order; none for a short one.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        match self {
            Self::Packed(_) => None,
            Self::Quick(quick) => Some(quick.0.nodes()),
        }
        .into_iter()
        .flatten()
    }

    /// Number of nodes; a short list counts as one.
    pub fn node_count(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Quick(quick) => quick.0.node_count(),
        }
    }

    /// Heap bytes of the list, estimated from up to `samples` nodes (0: all).
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Self::Packed(listpack) => listpack.byte_len(),
            Self::Quick(quick) => quick.0.heap_bytes(samples),
        }
    }

    /// Number of allocations, which is what freeing the list costs.
    pub fn effort(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Quick(quick) => 1 + 2 * quick.0.node_count(),
        }
    }

    fn index(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let absolute = if index < 0 { index.checked_add_unsigned(len as u64)? } else { index };
        usize::try_from(absolute).ok().filter(|&index| index < len)
    }

    fn insert_beside(&mut self, pivot: &[u8], beyond: usize, element: &[u8], limits: ListLimits) -> bool {
        self.make_room([element].into_iter(), limits);
        let Some(index) = self.iter().position(|item| item == *pivot) else { return false };
        let index = index + beyond;
        match self {
            Self::Packed(listpack) => {
                let position = listpack.cursor_at(index as isize).unwrap_or(listpack.end());
                listpack.insert(position, element);
            }
            Self::Quick(quick) => quick.0.insert(index, element, limits),
        }
        true
    }

    /// Rule 1.
    #[inline]
    fn make_room<'a>(&mut self, elements: impl Iterator<Item = &'a [u8]>, limits: ListLimits) {
        let Self::Packed(listpack) = self else { return };
        let start = (listpack.byte_len(), listpack.len());
        let (byte_len, count) =
            elements.fold(start, |(byte_len, count), element| (byte_len + element.len(), count + 1));
        if !limits.allow(byte_len, count) {
            let listpack = std::mem::take(listpack);
            *self = Self::Quick(Box::new(Quick(QuickList::of(listpack))));
        }
    }

    /// Rule 2.
    #[inline]
    fn shrink(&mut self, limits: ListLimits) {
        let Self::Quick(quick) = self else { return };
        let Some(listpack) = quick.0.single_packed() else { return };
        if limits.allow_alone(listpack.byte_len(), listpack.len(), 2) {
            *self = Self::Packed(listpack.clone());
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn pop(listpack: &mut Listpack, end: End) -> Option<Vec<u8>> {
    let cursor = match end {
        End::Front => listpack.first(),
        End::Back => listpack.last(),
    }?;
    let element = listpack.at(cursor)?.to_vec();
    listpack.remove(cursor);
    Some(element)
}

/// Removes up to `limit` elements equal to `element`, first to last.
fn remove_forward(listpack: &mut Listpack, element: &[u8], limit: usize) -> usize {
    let (mut removed, mut found) = (0, listpack.find(element, 0));
    while let Some(cursor) = found.filter(|_| removed < limit) {
        listpack.remove(cursor);
        removed += 1;
        found = listpack.find_from(cursor, element, 0);
    }
    removed
}

/// Removes up to `limit` elements equal to `element`, last to first.
fn remove_backward(listpack: &mut Listpack, element: &[u8], limit: usize) -> usize {
    let (mut removed, mut before) = (0, listpack.end());
    while removed < limit {
        let found = listpack.iter_rev_before(before).find(|(_, item)| *item == *element);
        let Some((cursor, _)) = found else { break };
        listpack.remove(cursor);
        removed += 1;
        before = cursor;
    }
    removed
}

struct Wanted {
    skipped: usize,
    count: usize,
    max_len: usize,
}

impl Wanted {
    fn among<'a>(self, items: impl Iterator<Item = Item<'a>>, element: &[u8]) -> impl Iterator<Item = usize> {
        items
            .take(self.max_len)
            .enumerate()
            .filter(move |(_, item)| *item == *element)
            .map(|(index, _)| index)
            .skip(self.skipped)
            .take(self.count)
    }
}

/// Elements of a list, first to last.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Forward<'a>);

#[derive(Clone, Debug)]
enum Forward<'a> {
    Packed(listpack::Iter<'a>),
    Quick(QuickIter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match &mut self.0 {
            Forward::Packed(iter) => iter.next().map(|(_, item)| item),
            Forward::Quick(iter) => iter.next(),
        }
    }
}

/// Elements of a list, last to first.
#[derive(Clone, Debug)]
pub struct IterRev<'a>(Backward<'a>);

#[derive(Clone, Debug)]
enum Backward<'a> {
    Packed(listpack::IterRev<'a>),
    Quick(QuickIterRev<'a>),
}

impl<'a> Iterator for IterRev<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match &mut self.0 {
            Backward::Packed(iter) => iter.next().map(|(_, item)| item),
            Backward::Quick(iter) => iter.next(),
        }
    }
}

#[cfg(test)]
mod tests;
