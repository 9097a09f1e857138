//! A map ordered by a small key: a B+tree whose nodes are reference-counted and copied when written while shared.
//!
//! Cloning the map is one count up. A writer goes down from the root with `Arc::make_mut`: nodes it owns alone change in
//! place, nodes that a clone still holds are copied, which is at most one node for each level.
//!
//! 1. A branch holds for each child a lower bound of the keys in it; keys less than the first bound go to the first child.
//! 2. A node never holds more than `FANOUT` items. A full node splits in half, except when the new item is its last: then
//!    the new node starts with this item alone, so that keys that only ever grow fill every node.
//! 3. A node that falls below a quarter is merged with a neighbour if both fit into one; an empty one goes. The root is
//!    never a branch of one child.

use std::slice;

use smallvec::SmallVec;
use triomphe::Arc;

const FANOUT: usize = 32;
/// Branches between the root and a leaf that a walk holds without allocating: 32^5 items.
const DEPTH: usize = 4;

/// An ordered map with O(1) clone.
#[derive(Debug)]
pub struct OrderedTree<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Vec<Child<K, V>>),
}

type Child<K, V> = (K, Arc<Node<K, V>>);

impl<K, V> OrderedTree<K, V> {
    /// An empty map, which allocates nothing.
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated for the nodes, without what the values own.
    pub fn heap_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.heap_bytes())
    }

    /// Number of allocations of the nodes, estimated from nodes that are half full.
    pub fn effort(&self) -> usize {
        self.len.div_ceil(FANOUT / 2) * 2
    }

    /// All items in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut walk = Walk::default();
        if let Some(root) = &self.root {
            walk.enter_first(root);
        }
        Iter(walk)
    }

    /// All items, greatest key first.
    pub fn iter_rev(&self) -> IterRev<'_, K, V> {
        let mut walk = Walk::default();
        if let Some(root) = &self.root {
            walk.enter_last(root);
        }
        IterRev(walk)
    }
}

impl<K: Copy + Ord, V> OrderedTree<K, V> {
    /// The value at `key`.
    #[inline]
    pub fn get(&self, key: K) -> Option<&V> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Branch(children) => node = &children[child_of(children, key)].1,
                Node::Leaf(items) => return search(items, key).ok().map(|index| &items[index].1),
            }
        }
    }

    /// Whether `key` is present.
    #[inline]
    pub fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// The item with the least key.
    pub fn first(&self) -> Option<(K, &V)> {
        self.iter().next()
    }

    /// The item with the greatest key.
    pub fn last(&self) -> Option<(K, &V)> {
        self.iter_rev().next()
    }

    /// The item with the greatest key that is not above `key`.
    pub fn floor(&self, key: K) -> Option<(K, &V)> {
        self.iter_rev_to(key).next()
    }

    /// The item with the least key that is not below `key`.
    pub fn ceiling(&self, key: K) -> Option<(K, &V)> {
        self.iter_from(key).next()
    }

    /// The items whose key is not below `start`, in order.
    pub fn iter_from(&self, start: K) -> Iter<'_, K, V> {
        let mut walk = Walk::default();
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            next = match node {
                Node::Branch(children) => {
                    let index = child_of(children, start);
                    walk.branches.push(children[index + 1..].iter());
                    Some(&children[index].1)
                }
                Node::Leaf(items) => {
                    walk.leaf = items[items.partition_point(|(key, _)| *key < start)..].iter();
                    None
                }
            };
        }
        Iter(walk)
    }

    /// The items whose key is not above `end`, greatest first.
    pub fn iter_rev_to(&self, end: K) -> IterRev<'_, K, V> {
        let mut walk = Walk::default();
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            next = match node {
                Node::Branch(children) => {
                    let index = child_of(children, end);
                    walk.branches.push(children[..index].iter());
                    Some(&children[index].1)
                }
                Node::Leaf(items) => {
                    walk.leaf = items[..items.partition_point(|(key, _)| *key <= end)].iter();
                    None
                }
            };
        }
        IterRev(walk)
    }
}

impl<K: Copy + Ord, V: Clone> OrderedTree<K, V> {
    /// The value at `key`, to be changed.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let mut node = self.root.as_mut()?;
        loop {
            match Arc::make_mut(node) {
                Node::Branch(children) => {
                    let index = child_of(children, key);
                    node = &mut children[index].1;
                }
                Node::Leaf(items) => return search(items, key).ok().map(|index| &mut items[index].1),
            }
        }
    }

    /// Puts `value` at `key` and returns the value that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(vec![(key, value)])));
            self.len = 1;
            return None;
        };
        let (old, sibling) = Node::insert(root, key, value);
        self.len += usize::from(old.is_none());
        if let Some(sibling) = sibling {
            let left = (root.first_key(), root.clone());
            self.root = Some(Arc::new(Node::Branch(vec![left, sibling])));
        }
        old
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let removed = Node::remove(self.root.as_mut()?, key)?;
        self.len -= 1;
        self.lower_root();
        Some(removed)
    }

    /// Removes the item with the greatest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let (key, _) = self.last()?;
        self.remove(key).map(|value| (key, value))
    }

    /// Rule 3 for the root.
    fn lower_root(&mut self) {
        if self.len == 0 {
            self.root = None;
        }
        while let Some(Node::Branch(children)) = self.root.as_deref() {
            let [(_, only)] = &children[..] else { return };
            self.root = Some(only.clone());
        }
    }
}

impl<K, V> Clone for OrderedTree<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K, V> Default for OrderedTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + Ord, V: Clone> FromIterator<(K, V)> for OrderedTree<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut tree = Self::new();
        for (key, value) in items {
            tree.insert(key, value);
        }
        tree
    }
}

impl<K, V> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Branch(children) => children.len(),
        }
    }

    fn heap_bytes(&self) -> usize {
        let own = size_of::<Self>() + size_of::<usize>();
        match self {
            Node::Leaf(items) => own + items.capacity() * size_of::<(K, V)>(),
            Node::Branch(children) => {
                let below: usize = children.iter().map(|(_, child)| child.heap_bytes()).sum();
                own + children.capacity() * size_of::<Child<K, V>>() + below
            }
        }
    }
}

impl<K: Copy + Ord, V: Clone> Node<K, V> {
    /// A lower bound of the keys in this node, which is not empty.
    fn first_key(&self) -> K {
        match self {
            Node::Leaf(items) => items[0].0,
            Node::Branch(children) => children[0].0,
        }
    }

    /// Returns the value that was there, and the right part of this node if it had to split.
    fn insert(node: &mut Arc<Self>, key: K, value: V) -> (Option<V>, Option<Child<K, V>>) {
        match Arc::make_mut(node) {
            Node::Leaf(items) => match search(items, key) {
                Ok(index) => (Some(std::mem::replace(&mut items[index].1, value)), None),
                Err(index) => {
                    let right = place(items, index, (key, value));
                    (None, right.map(|right| (right[0].0, Arc::new(Node::Leaf(right)))))
                }
            },
            Node::Branch(children) => {
                let index = child_of(children, key);
                children[index].0 = children[index].0.min(key);
                let (old, sibling) = Self::insert(&mut children[index].1, key, value);
                let right = sibling.and_then(|sibling| place(children, index + 1, sibling));
                (old, right.map(|right| (right[0].0, Arc::new(Node::Branch(right)))))
            }
        }
    }

    fn remove(node: &mut Arc<Self>, key: K) -> Option<V> {
        match Arc::make_mut(node) {
            Node::Leaf(items) => search(items, key).ok().map(|index| items.remove(index).1),
            Node::Branch(children) => {
                let index = child_of(children, key);
                let removed = Self::remove(&mut children[index].1, key)?;
                tidy(children, index);
                Some(removed)
            }
        }
    }

    /// Moves the items of `right`, a node of the same level, behind those of `left`.
    fn absorb(left: &mut Arc<Self>, right: Arc<Self>) {
        match (Arc::make_mut(left), Arc::unwrap_or_clone(right)) {
            (Node::Leaf(items), Node::Leaf(more)) => items.extend(more),
            (Node::Branch(children), Node::Branch(more)) => children.extend(more),
            _ => unreachable!("all leaves are equally deep"),
        }
    }
}

/// Rule 1.
#[inline]
fn child_of<K: Copy + Ord, V>(children: &[Child<K, V>], key: K) -> usize {
    children.partition_point(|(bound, _)| *bound <= key).saturating_sub(1)
}

#[inline]
fn search<K: Copy + Ord, V>(items: &[(K, V)], key: K) -> Result<usize, usize> {
    items.binary_search_by(|(other, _)| other.cmp(&key))
}

/// Rule 2: inserts `item` at `index` and returns the right part if the node was full.
fn place<T>(items: &mut Vec<T>, index: usize, item: T) -> Option<Vec<T>> {
    if items.len() < FANOUT {
        items.insert(index, item);
        return None;
    }
    if index == FANOUT {
        return Some(vec![item]);
    }
    let mut right = items.split_off(FANOUT / 2);
    match index.checked_sub(FANOUT / 2) {
        Some(index) => right.insert(index, item),
        None => items.insert(index, item),
    }
    Some(right)
}

/// Rule 3 for the child at `index`.
fn tidy<K: Copy + Ord, V: Clone>(children: &mut Vec<Child<K, V>>, index: usize) {
    let len = children[index].1.len();
    if len == 0 {
        children.remove(index);
        return;
    }
    let fits =
        |neighbour: Option<&Child<K, V>>| neighbour.is_some_and(|(_, node)| node.len() + len <= FANOUT);
    let left = if len >= FANOUT / 4 {
        return;
    } else if index > 0 && fits(children.get(index - 1)) {
        index - 1
    } else if fits(children.get(index + 1)) {
        index
    } else {
        return;
    };
    let (_, right) = children.remove(left + 1);
    Node::absorb(&mut children[left].1, right);
}

/// What of the leaf and of each branch above it is still to be visited, from either end.
#[derive(Debug)]
struct Walk<'a, K, V> {
    branches: SmallVec<[slice::Iter<'a, Child<K, V>>; DEPTH]>,
    leaf: slice::Iter<'a, (K, V)>,
}

impl<K, V> Default for Walk<'_, K, V> {
    fn default() -> Self {
        Self { branches: SmallVec::new(), leaf: [].iter() }
    }
}

impl<K, V> Clone for Walk<'_, K, V> {
    fn clone(&self) -> Self {
        Self { branches: self.branches.clone(), leaf: self.leaf.clone() }
    }
}

impl<'a, K, V> Walk<'a, K, V> {
    fn enter_first(&mut self, mut node: &'a Node<K, V>) {
        while let Node::Branch(children) = node {
            let mut rest = children.iter();
            let Some((_, child)) = rest.next() else { return };
            self.branches.push(rest);
            node = child;
        }
        if let Node::Leaf(items) = node {
            self.leaf = items.iter();
        }
    }

    fn enter_last(&mut self, mut node: &'a Node<K, V>) {
        while let Node::Branch(children) = node {
            let mut rest = children.iter();
            let Some((_, child)) = rest.next_back() else { return };
            self.branches.push(rest);
            node = child;
        }
        if let Node::Leaf(items) = node {
            self.leaf = items.iter();
        }
    }
}

/// Items in the order of their keys.
#[derive(Debug)]
pub struct Iter<'a, K, V>(Walk<'a, K, V>);

impl<'a, K: Copy, V> Iterator for Iter<'a, K, V> {
    type Item = (K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.0.leaf.next() {
                return Some((*key, value));
            }
            match self.0.branches.last_mut()?.next() {
                Some((_, child)) => self.0.enter_first(child),
                None => drop(self.0.branches.pop()),
            }
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Items, greatest key first.
#[derive(Debug)]
pub struct IterRev<'a, K, V>(Walk<'a, K, V>);

impl<'a, K: Copy, V> Iterator for IterRev<'a, K, V> {
    type Item = (K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.0.leaf.next_back() {
                return Some((*key, value));
            }
            match self.0.branches.last_mut()?.next_back() {
                Some((_, child)) => self.0.enter_last(child),
                None => drop(self.0.branches.pop()),
            }
        }
    }
}

impl<K, V> Clone for IterRev<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<u32, u32>;
    type Tree = OrderedTree<u32, u32>;

    /// Rules 1 to 3, apart from the fill, of the node and all below; returns its depth.
    fn check_node(node: &Node<u32, u32>, from: u32, to: u32) -> usize {
        assert!((1..=FANOUT).contains(&node.len()));
        match node {
            Node::Leaf(items) => {
                assert!(items.windows(2).all(|pair| pair[0].0 < pair[1].0));
                assert!(items.iter().all(|(key, _)| (from..=to).contains(key)));
                1
            }
            Node::Branch(children) => {
                let depths = children.iter().enumerate().map(|(index, (bound, child))| {
                    let next = children.get(index + 1).map_or(to, |(next, _)| next - 1);
                    check_node(child, from.max(*bound), next)
                });
                let depths: Vec<usize> = depths.collect();
                assert!(depths.iter().all(|depth| *depth == depths[0]));
                depths[0] + 1
            }
        }
    }

    fn check_same(tree: &Tree, model: &Model, probe: u32) {
        if let Some(root) = &tree.root {
            check_node(root, 0, u32::MAX);
        }
        assert_eq!(tree.len(), model.len());
        let pair = |(key, value): (&u32, &u32)| (*key, *value);
        let own = |(key, value): (u32, &u32)| (key, *value);
        assert!(tree.iter().map(own).eq(model.iter().map(pair)));
        assert!(tree.iter_rev().map(own).eq(model.iter().rev().map(pair)));
        assert!(tree.iter_from(probe).map(own).eq(model.range(probe..).map(pair)));
        assert!(tree.iter_rev_to(probe).map(own).eq(model.range(..=probe).rev().map(pair)));
        assert_eq!(tree.get(probe), model.get(&probe));
        assert_eq!(tree.first().map(own), model.first_key_value().map(pair));
        assert_eq!(tree.last().map(own), model.last_key_value().map(pair));
        assert_eq!(tree.floor(probe).map(own), model.range(..=probe).next_back().map(pair));
        assert_eq!(tree.ceiling(probe).map(own), model.range(probe..).next().map(pair));
    }

    #[test]
    fn growing_keys_fill_every_leaf() {
        let tree: Tree = (0..32 * 32 * 2).map(|key| (key, key)).collect();
        let Some(Node::Branch(tops)) = tree.root.as_deref() else { panic!("three levels") };
        assert_eq!(tops.len(), 2);
        assert!(tree.heap_bytes() < 32 * 32 * 2 * 8 * 5 / 4);
    }

    #[test]
    fn an_emptied_tree_holds_nothing() {
        let mut tree: Tree = (0..5000).map(|key| (key, key)).collect();
        for key in 0..5000 {
            assert_eq!(tree.remove(key), Some(key));
        }
        assert!(tree.root.is_none());
        assert_eq!(tree.pop_last(), None);
    }

    #[test]
    fn a_thinned_tree_gives_nodes_back() {
        let mut tree: Tree = (0..32_768).map(|key| (key, key)).collect();
        let full = tree.heap_bytes();
        for key in (0..32_768).filter(|key| key % 32 != 0) {
            tree.remove(key);
        }
        assert!(tree.heap_bytes() * 6 < full, "{} of {full}", tree.heap_bytes());
    }

    #[test]
    fn a_write_copies_only_its_path() {
        let mut tree: Tree = (0..32 * 32).map(|key| (key, key)).collect();
        let old = tree.clone();
        tree.insert(5, 99);
        let (Some(Node::Branch(new)), Some(Node::Branch(kept))) = (tree.root.as_deref(), old.root.as_deref())
        else {
            panic!("two levels")
        };
        let shared = new.iter().zip(kept).filter(|(left, right)| Arc::ptr_eq(&left.1, &right.1)).count();
        assert_eq!(shared, 31);
        assert_eq!((tree.get(5), old.get(5)), (Some(&99), Some(&5)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn behaves_like_a_btree_map(
            steps in prop::collection::vec((0..10_u8, 0..3000_u32), 0..4000),
            split in 0..4000_usize,
        ) {
            let (mut tree, mut model) = (Tree::new(), Model::new());
            let mut kept = None;
            for (at, (kind, key)) in steps.into_iter().enumerate() {
                if at == split {
                    kept = Some((tree.clone(), model.clone()));
                }
                match kind {
                    0..5 => assert_eq!(tree.insert(key, at as u32), model.insert(key, at as u32)),
                    5..8 => assert_eq!(tree.remove(key), model.remove(&key)),
                    8 => assert_eq!(tree.pop_last(), model.pop_last()),
                    _ => assert_eq!(tree.get_mut(key).map(|v| *v += 1), model.get_mut(&key).map(|v| *v += 1)),
                }
                if at % 97 == 0 {
                    check_same(&tree, &model, key);
                }
            }
            check_same(&tree, &model, 1500);
            if let Some((tree, model)) = kept {
                check_same(&tree, &model, 1500);
            }
        }
    }
}
