//! The tree against a set, with hashes that spread, cluster and collide.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Element {
    hash: u64,
    number: u32,
}

impl Hashed for Element {
    fn hash(&self) -> u64 {
        self.hash
    }
}

fn spread(number: u32) -> Element {
    Element { hash: crate::base::hash::hash(&number.to_le_bytes()), number }
}

/// All hashes equal in the bits above `shared_from_below`.
fn clustered(number: u32, free_bits: u32) -> Element {
    let low = crate::base::hash::hash(&number.to_le_bytes()) & ((1u64 << free_bits) - 1);
    Element { hash: 0xabcd_ef01_2345_6789 >> free_bits << free_bits | low, number }
}

fn insert(tree: &mut HashTree<Element>, element: Element) -> bool {
    let absent = tree.find(element.hash, |e| *e == element).is_none();
    if absent {
        tree.insert_new(element.hash, element);
    }
    absent
}

fn remove(tree: &mut HashTree<Element>, element: Element) -> bool {
    tree.remove(element.hash, |e| *e == element).is_some()
}

fn contents(tree: &HashTree<Element>) -> HashSet<Element> {
    let all: Vec<_> = tree.iter().copied().collect();
    let set: HashSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), set.len()), (tree.len(), tree.len()));
    set
}

/// Rules 2, 3, 5 and the alignment of ranges, for the node and all below; returns its number of elements.
fn check_node(inner: &Inner<Element>, level: u32, prefix: u64) -> usize {
    let mut first = 0;
    for (index, child) in inner.children.iter().enumerate() {
        let range = inner.slots.range_of(first);
        assert!(range.first == first && range.width.is_power_of_two() && first % range.width == 0);
        assert!((first..range.end()).all(|slot| inner.slots.index_of(slot) == index));
        match child {
            Child::Inner(count, node) => {
                assert!(range.width == 1 && *count as usize > MERGE_MAX);
                assert_eq!(check_node(node, level + 1, prefix << 8 | first as u64), *count as usize);
            }
            Child::Leaf(count, leaf) => {
                assert_eq!(leaf.elements.len(), *count as usize);
                assert!(*count as usize <= LEAF_MAX || (level + 1 == LEVELS && range.width == 1));
                for (i, element) in leaf.elements.iter().enumerate() {
                    assert!(level == 0 || element.hash >> (64 - 8 * level) == prefix);
                    assert!((first..range.end()).contains(&slot(element.hash, level)));
                    assert!(i >= LEAF_MAX || leaf.tags[i] == tag(element.hash, level));
                }
            }
        }
        first = range.end();
    }
    assert_eq!(first, FAN_OUT);
    inner.children.iter().map(Child::count).sum()
}

fn check(tree: &HashTree<Element>, model: &HashSet<Element>) {
    match &tree.root {
        Root::Inner(inner) => assert_eq!(check_node(inner, 0, 0), tree.len()),
        Root::Leaf(leaf) => assert!(leaf.elements.len() == tree.len() && tree.len() <= LEAF_MAX),
    }
    assert_eq!(&contents(tree), model);
    assert!(model.iter().all(|e| tree.find(e.hash, |x| x == e) == Some(e)));
}

fn grow_and_shrink(make: impl Fn(u32) -> Element, count: u32) {
    let (mut tree, mut model) = (HashTree::new(), HashSet::new());
    for number in 0..count {
        assert!(insert(&mut tree, make(number)) && model.insert(make(number)));
        assert!(!insert(&mut tree, make(number)));
    }
    check(&tree, &model);
    for number in 0..count {
        assert!(remove(&mut tree, make(number)) && model.remove(&make(number)));
        assert!(!remove(&mut tree, make(number)));
        if number % (count / 16) == 0 {
            check(&tree, &model);
        }
    }
    assert!(tree.is_empty() && matches!(tree.root, Root::Leaf(_)));
}

#[test]
fn grows_and_shrinks_with_any_distribution() {
    grow_and_shrink(spread, 20_000);
    grow_and_shrink(|n| clustered(n, 30), 3000);
    grow_and_shrink(|n| clustered(n, 17), 300);
    grow_and_shrink(|n| clustered(n, 10), 300);
    grow_and_shrink(|n| clustered(n, 0), 300);
}

#[test]
fn replaces_in_place() {
    let mut tree = HashTree::new();
    (0..1000).for_each(|n| tree.insert_new(spread(n).hash, spread(n)));
    let before = tree.clone();
    for n in 0..1000 {
        let found = tree.find_mut(spread(n).hash, |e| e.number == n).unwrap();
        found.number += 5000;
    }
    assert!(tree.find_mut(spread(1000).hash, |e| e.number == 1000).is_none());
    let numbers = |tree: &HashTree<Element>| tree.iter().map(|e| e.number).collect::<HashSet<_>>();
    assert_eq!(numbers(&tree), (5000..6000).collect());
    assert_eq!(numbers(&before), (0..1000).collect());
}

#[test]
fn clones_share_what_is_not_written() {
    let mut tree = HashTree::new();
    (0..10_000).for_each(|n| tree.insert_new(spread(n).hash, spread(n)));
    let clone = tree.clone();
    let node = |tree: &HashTree<Element>| match &tree.root {
        Root::Inner(inner) => inner.clone(),
        Root::Leaf(_) => panic!("too many for a leaf"),
    };
    assert!(!remove(&mut tree, spread(10_000)));
    assert!(Arc::ptr_eq(&node(&tree), &node(&clone)), "a remove that finds nothing copies nothing");
    tree.insert_new(spread(10_000).hash, spread(10_000));
    let same = |(a, b): (&Child<Element>, &Child<Element>)| match (a, b) {
        (Child::Leaf(_, a), Child::Leaf(_, b)) => Arc::ptr_eq(a, b),
        (Child::Inner(_, a), Child::Inner(_, b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    let (written, kept) = (node(&tree), node(&clone));
    assert_eq!(written.children.iter().zip(&kept.children).filter(|&pair| !same(pair)).count(), 1);
    assert_eq!((tree.len(), clone.len()), (10_001, 10_000));
}

#[test]
fn random_elements_are_uniform() {
    let mut tree = HashTree::new();
    (0..200).for_each(|n| tree.insert_new(spread(n).hash, spread(n)));
    let mut rng = fastrand::Rng::with_seed(7);
    let mut hits = HashMap::new();
    (0..200_000).for_each(|_| *hits.entry(tree.random(&mut rng).unwrap().number).or_insert(0) += 1);
    assert_eq!(hits.len(), 200);
    assert!(hits.values().all(|&n| (800..1200).contains(&n)), "{hits:?}");
    let in_order: Vec<_> = (0..200).map(|i| tree.nth(i).unwrap()).collect();
    assert_eq!(in_order, tree.iter().collect::<Vec<_>>());
    assert!(tree.nth(200).is_none() && HashTree::<Element>::new().random(&mut rng).is_none());
}

/// Scans while `change` grows or shrinks the tree between the steps; `stay` must all be seen.
fn scan_during(
    make: impl Fn(u32) -> Element,
    start: u32,
    mut change: impl FnMut(&mut HashTree<Element>, u32),
) {
    let mut tree = HashTree::new();
    (0..start).for_each(|n| tree.insert_new(make(n).hash, make(n)));
    let (mut cursor, mut seen, mut steps) = (0, HashSet::new(), 0);
    loop {
        let next = tree.scan(cursor, |e| seen.extend([e.number]));
        assert!(next == 0 || (next > cursor && next < 1 << 53));
        cursor = next;
        if cursor == 0 {
            break;
        }
        change(&mut tree, steps);
        steps += 1;
    }
    assert!((0..start).step_by(10).all(|n| seen.contains(&n)));
}

#[test]
fn scan_returns_what_stays() {
    fn remove_some(tree: &mut HashTree<Element>, step: u32, make: impl Fn(u32) -> Element) {
        for n in (step * 97..(step + 1) * 97).filter(|n| n % 10 != 0) {
            remove(tree, make(n));
        }
    }
    for start in [0, 10, 100, 1000, 9000] {
        scan_during(spread, start, |_, _| ());
        scan_during(spread, start, |tree, step| remove_some(tree, step, spread));
        scan_during(spread, start, |tree, step| {
            (0..50).map(|n| spread(100_000 + step * 50 + n)).for_each(|e| tree.insert_new(e.hash, e));
        });
    }
    for free_bits in [0, 8, 17, 30] {
        let make = |n| clustered(n, free_bits);
        scan_during(make, 1000, |tree, step| remove_some(tree, step, make));
    }
}

#[test]
fn any_number_is_a_cursor() {
    let mut tree = HashTree::new();
    (0..1000).for_each(|n| tree.insert_new(spread(n).hash, spread(n)));
    for cursor in [1, u64::MAX, 1 << 48, (1 << 48) - 1, 1 << 53, 12345] {
        assert!(tree.scan(cursor, |_| ()) < 1 << 48);
    }
}

#[test]
fn takes_less_than_redis_dict() {
    let mut tree = HashTree::new();
    (0..50_000u32).for_each(|n| tree.insert_new(spread(n).hash, spread(n)));
    let bytes_per_element = tree.heap_bytes(5, |_| 0) / 50_000;
    assert!(bytes_per_element < 40, "{bytes_per_element} with 16-byte elements");
    assert_eq!(tree.heap_bytes(0, |_| 100) - tree.heap_bytes(0, |_| 0), 5_000_000);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    Remove(u32),
    Clone,
    /// Goes on with the clone, and keeps the other for the comparison at the end.
    Swap,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u32..400).prop_map(Step::Insert),
        5 => (0u32..400).prop_map(Step::Remove),
        1 => Just(Step::Clone),
        1 => Just(Step::Swap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn scan_returns_what_stays_whatever_changes(
        stay in 0u32..300,
        changes in prop::collection::vec((any::<bool>(), 0u32..2000, 0u32..800), 1..60),
        free_bits in prop::sample::select(vec![9u32, 18, 40, 63]),
    ) {
        let mut tree = HashTree::new();
        let change = |tree: &mut HashTree<Element>, grow: bool, from: u32, count: u32| {
            for number in (from..from + count).map(|n| 1000 + n) {
                let element = clustered(number, free_bits);
                if grow { insert(tree, element); } else { remove(tree, element); }
            }
        };
        (0..stay).map(|n| clustered(n, free_bits)).for_each(|e| tree.insert_new(e.hash, e));
        change(&mut tree, true, 0, 1500);
        let (mut cursor, mut seen, mut changes) = (0, HashSet::new(), changes.into_iter().cycle());
        loop {
            cursor = tree.scan(cursor, |e| seen.extend([e.number]));
            if cursor == 0 {
                break;
            }
            let (grow, from, count) = changes.next().unwrap_or_default();
            change(&mut tree, grow, from, count);
        }
        prop_assert!((0..stay).all(|n| seen.contains(&n)));
    }

    #[test]
    fn behaves_like_a_set(steps in prop::collection::vec(step(), 1..1500), free_bits in prop::sample::select(vec![0u32, 9, 18, 26, 40, 63])) {
        let mut now = (HashTree::new(), HashSet::new());
        let mut kept = now.clone();
        for step in steps {
            match step {
                Step::Insert(n) => {
                    let element = clustered(n, free_bits);
                    prop_assert_eq!(insert(&mut now.0, element), now.1.insert(element));
                }
                Step::Remove(n) => {
                    let element = clustered(n, free_bits);
                    prop_assert_eq!(remove(&mut now.0, element), now.1.remove(&element));
                }
                Step::Clone => kept = now.clone(),
                Step::Swap => mem::swap(&mut now, &mut kept),
            }
        }
        check(&now.0, &now.1);
        check(&kept.0, &kept.1);
    }
}
