//! The tree against a sorted vector.

use proptest::prelude::*;

use super::*;

type Model = Vec<(f64, Vec<u8>)>;

fn place(model: &Model, score: f64, name: &[u8]) -> Result<usize, usize> {
    model.binary_search_by(|(s, m)| s.total_cmp(&score).then_with(|| m.as_slice().cmp(name)))
}

fn filled(count: usize) -> (RankTree, Model) {
    let mut tree = RankTree::new();
    let mut model = Model::new();
    for index in 0..count {
        let (score, name) = ((index * 7919 % 101) as f64, format!("m{index}").into_bytes());
        let at = place(&model, score, &name).unwrap_err();
        tree.insert(score, member(&name));
        model.insert(at, (score, name));
    }
    (tree, model)
}

#[track_caller]
fn assert_same(tree: &RankTree, model: &Model) {
    let entry = |entry: Entry<'_>| (entry.score(), entry.member().to_vec());
    assert_eq!(tree.len(), model.len());
    assert!(tree.iter().map(entry).eq(model.iter().cloned()), "forward");
    assert!(tree.iter().rev().map(entry).eq(model.iter().rev().cloned()), "backward");
    for (rank, (score, name)) in model.iter().enumerate() {
        assert_eq!(tree.rank(*score, name), Some(rank));
        assert_eq!(tree.get(rank).map(entry), Some((*score, name.clone())));
    }
    assert!(tree.get(model.len()).is_none());
}

#[test]
fn inserts_in_every_order() {
    fn check(scores: impl Iterator<Item = u32>, entries_per_node_min: usize) {
        let mut tree = RankTree::new();
        for score in scores {
            tree.insert(f64::from(score), member(&score.to_be_bytes()));
        }
        let in_order = |(rank, entry): (usize, Entry<'_>)| entry.score() == rank as f64;
        assert!(tree.iter().enumerate().all(in_order));
        assert!(tree.len() / tree.node_count() >= entries_per_node_min, "{} nodes", tree.node_count());
    }
    check(0..5000, 55);
    check((0..5000).rev(), 55);
    check((0..5000).map(|i| i * 3001 % 5000), 30);
    check((0..100).chain((100..5000).rev()), 28);
    check((0..2500).flat_map(|i| [2499 - i, 2500 + i]), 55);
}

#[test]
fn bulk_build_equals_insertion() {
    for count in [0, 1, 61, 62, 63, 124, 62 * 31, 62 * 31 + 1, 5000] {
        let (_, model) = filled(count);
        let tree = RankTree::from_sorted(model.iter().map(|(score, name)| (*score, member(name))));
        assert_same(&tree, &model);
    }
}

#[test]
fn removes_any_range_and_leaves_clones_alone() {
    let (original, model) = filled(3000);
    for (start, end) in
        [(0, 1), (0, 2999), (1, 3000), (100, 162), (700, 2300), (2999, 3000), (0, 3000), (5, 5)]
    {
        let (mut tree, mut rest) = (original.clone(), model.clone());
        tree.remove_range(start..end);
        rest.drain(start..end);
        assert_same(&tree, &rest);
    }
    assert_same(&original, &model);
}

#[test]
fn a_writer_copies_only_its_path() {
    let (original, _) = filled(5000);
    let mut tree = original.clone();
    tree.insert(50.0, member(b"new"));
    let (Some(Node::Branch(new)), Some(Node::Branch(old))) = (tree.root.as_deref(), original.root.as_deref())
    else {
        panic!("5000 entries need a branch")
    };
    let copied = new.children().zip(old.children()).filter(|(new, old)| !std::ptr::eq(*new, *old)).count();
    assert_eq!((copied, new.firsts().len()), (1, old.firsts().len()));
}

#[test]
fn removing_one_by_one_gives_the_nodes_back() {
    let (mut tree, model) = filled(3000);
    for (index, (score, name)) in model.iter().enumerate() {
        assert!(tree.remove(*score, name));
        assert!(!tree.remove(*score, name));
        let left = model.len() - index - 1;
        assert!(tree.node_count() <= 4 + left / 10, "{left} entries in {} nodes", tree.node_count());
    }
    assert_eq!((tree.len(), tree.node_count()), (0, 0));
}

#[test]
fn zeros_are_equal_and_infinities_are_ends() {
    let mut tree = RankTree::new();
    for (score, name) in
        [(0.0, "b"), (-0.0, "a"), (f64::INFINITY, "c"), (f64::NEG_INFINITY, "d"), (-0.0, "c")]
    {
        tree.insert(score, member(name.as_bytes()));
    }
    let names: Vec<_> = tree.iter().map(|entry| entry.member()[0]).collect();
    assert_eq!(names, b"dabcc");
    assert_eq!(tree.rank(-0.0, b"b"), Some(2));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u16),
    Remove(u16),
    RemoveRange(u16, u16),
    ChangeScore(u16, u8),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (any::<u8>(), any::<u16>()).prop_map(|(score, name)| Step::Insert(score, name)),
        20 => any::<u16>().prop_map(Step::Remove),
        1 => (any::<u16>(), 0..200u16).prop_map(|(start, len)| Step::RemoveRange(start, len)),
        20 => (any::<u16>(), any::<u8>()).prop_map(|(rank, score)| Step::ChangeScore(rank, score)),
        1 => Just(Step::Snapshot),
    ]
}

fn apply(tree: &mut RankTree, model: &mut Model, step: &Step) {
    let rank_of = |pick: u16, len: usize| usize::from(pick) % len.max(1);
    match *step {
        Step::Insert(score, name) => {
            let (score, name) = (f64::from(score), name.to_be_bytes());
            if let Err(at) = place(model, score, &name) {
                tree.insert(score, member(&name));
                model.insert(at, (score, name.to_vec()));
            }
        }
        Step::Remove(pick) if !model.is_empty() => {
            let (score, name) = model.remove(rank_of(pick, model.len()));
            assert!(tree.remove(score, &name));
        }
        Step::RemoveRange(start, len) => {
            let start = rank_of(start, model.len());
            tree.remove_range(start..start + usize::from(len));
            model.drain(start..(start + usize::from(len)).min(model.len()));
        }
        Step::ChangeScore(pick, score) if !model.is_empty() => {
            let rank = rank_of(pick, model.len());
            let (old, name) = model[rank].clone();
            let new = if pick % 2 == 0 { old } else { f64::from(score) };
            if place(model, new, &name).is_err() || new == old {
                assert!(tree.change_score(old, new, &name));
                model.remove(rank);
                let at = place(model, new, &name).unwrap_err();
                model.insert(at, (new, name));
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_a_sorted_vector(steps in prop::collection::vec(step(), 0..2000)) {
        let (mut tree, mut model) = (RankTree::new(), Model::new());
        let mut snapshots = Vec::new();
        for step in &steps {
            if matches!(step, Step::Snapshot) {
                snapshots.push((tree.clone(), model.clone()));
            }
            apply(&mut tree, &mut model, step);
        }
        assert_same(&tree, &model);
        for (tree, model) in &snapshots {
            assert_same(tree, model);
        }
        for bound in [0.0, 7.0, 255.0] {
            let expected = model.iter().filter(|(score, _)| *score < bound).count();
            prop_assert_eq!(tree.partition_point(|entry| entry.score() < bound), expected);
        }
    }
}
