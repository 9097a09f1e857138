use proptest::prelude::*;

use super::*;

const SMALL: ListLimits = ListLimits { max_listpack_size: 4 };
const BYTES_4K: ListLimits = ListLimits { max_listpack_size: -1 };

fn list_of(elements: &[&str], limits: ListLimits) -> List {
    let mut list = List::new();
    elements.iter().for_each(|element| list.push_back(element.as_bytes(), limits));
    list
}

fn texts(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(|item| item.to_vec()).collect()
}

fn numbered(count: usize, limits: ListLimits, end: End) -> List {
    let mut list = List::new();
    for number in 0..count {
        list.push_all(end, [format!("e{number:06}").as_bytes()], limits);
    }
    list
}

/// Where redis-server 7.2.4 changes the encoding of a list of seven-byte elements: growing by RPUSH, shrinking by RPOP
/// from four times that length, and the same for a list made by LPUSH.
#[test]
fn encodings_change_where_those_of_redis_do() {
    let check = |max_listpack_size: i32, up: usize, down: usize, down_reversed: usize| {
        let limits = ListLimits { max_listpack_size };
        assert_eq!(numbered(up - 1, limits, End::Back).encoding(), "listpack", "{max_listpack_size}");
        assert_eq!(numbered(up, limits, End::Back).encoding(), "quicklist", "{max_listpack_size}");
        for (end, expected) in [(End::Back, down), (End::Front, down_reversed)] {
            let mut list = numbered(up * 4, limits, end);
            while list.encoding() == "quicklist" && list.len() > 1 {
                list.pop_back(limits);
            }
            assert_eq!(list.len(), expected, "{max_listpack_size} {end:?}");
        }
    };
    check(-1, 455, 226, 7);
    check(-2, 910, 454, 7);
    check(0, 2, 1, 1);
    check(1, 2, 1, 1);
    check(2, 3, 1, 1);
    check(10, 11, 5, 4);
    check(128, 129, 64, 4);
    check(5000, 910, 909, 7);
}

#[test]
fn the_elements_of_a_command_count_together() {
    let mut list = List::new();
    list.push_all(End::Back, vec![&b"xxxxxxxxxx"[..]; 400], BYTES_4K);
    assert_eq!(list.encoding(), "listpack");
    let check = |len: usize, encoding: &str| {
        assert_eq!(list_of(&[&"x".repeat(len)], BYTES_4K).encoding(), encoding, "{len}");
    };
    check(4089, "listpack");
    check(4090, "quicklist");
    check(4097, "quicklist");
}

#[test]
fn shrinking_changes_make_a_listpack_again() {
    let large = "y".repeat(5000);
    let long = list_of(&[&["x"; 100][..], &[&large]].concat(), BYTES_4K);
    let check = |change: fn(&mut List, &[u8])| {
        let mut list = long.clone();
        assert_eq!(list.encoding(), "quicklist");
        change(&mut list, large.as_bytes());
        assert_eq!(list.encoding(), "listpack");
    };
    check(|list, large| assert_eq!(list.remove(0, large, BYTES_4K), 1));
    check(|list, _| list.trim(0, 5, BYTES_4K));
    check(|list, _| assert!(list.pop_back(BYTES_4K).is_some()));
    check(|list, _| list.remove_range(50..200, BYTES_4K));
    let mut single = list_of(&[&large], BYTES_4K);
    assert!(single.set(0, b"a", BYTES_4K));
    assert_eq!((single.encoding(), texts(&single)), ("listpack", vec![b"a".to_vec()]));
}

#[test]
fn a_large_element_is_a_node_by_itself() {
    let large = "y".repeat(5000);
    let list = list_of(&["a", &large, "b", "c"], BYTES_4K);
    let nodes: Vec<_> = list.nodes().map(|node| matches!(node, Node::Plain(_))).collect();
    assert_eq!(nodes, [false, true, false]);
    let rebuilt = List::from_nodes(list.nodes().cloned(), BYTES_4K);
    assert_eq!((rebuilt.encoding(), texts(&rebuilt)), ("quicklist", texts(&list)));
    let rebuilt = List::from_nodes(list.nodes().take(1).cloned(), BYTES_4K);
    assert_eq!((rebuilt.encoding(), rebuilt.len()), ("listpack", 1));
    assert!(List::from_nodes([Node::Packed(Listpack::new())], BYTES_4K).is_empty());
}

/// What redis-server 7.2.4 answers to OBJECT ENCODING after a RESTORE.
#[test]
fn a_large_only_node_is_a_listpack_if_the_limit_counts_elements() {
    let mut listpack = Listpack::new();
    [b'x', b'y'].iter().for_each(|byte| listpack.push_back(&[*byte; 5000]));
    for (max_listpack_size, expected) in
        [(3, "listpack"), (1, "quicklist"), (-2, "quicklist"), (-5, "listpack")]
    {
        let list = List::from_nodes([Node::Packed(listpack.clone())], ListLimits { max_listpack_size });
        assert_eq!(list.encoding(), expected, "{max_listpack_size}");
    }
}

#[test]
fn replacing_in_a_full_node_keeps_it() {
    let mut list = numbered(10_000, BYTES_4K, End::Back);
    let nodes = list.node_count();
    (0..10_000).for_each(|index| assert!(list.set(index, b"E999999", BYTES_4K)));
    assert_eq!(list.node_count(), nodes);
}

#[test]
fn bounds_are_those_of_lrange() {
    let list = list_of(&["a", "b", "c"], SMALL);
    let check =
        |start: i64, stop: i64, expected: Range<usize>| assert_eq!(list.bounds(start, stop), expected);
    check(0, -1, 0..3);
    check(-2, -1, 1..3);
    check(-100, 100, 0..3);
    check(0, -3, 0..1);
    check(0, -4, 3..3);
    check(2, 1, 3..3);
    check(3, 5, 3..3);
    check(i64::MIN, i64::MAX, 0..3);
    check(i64::MIN, i64::MIN, 3..3);
    assert!(List::new().bounds(0, -1).is_empty());
}

#[test]
fn positions_are_those_of_lpos() {
    let list = list_of(&["a", "b", "c", "1", "2", "3", "c", "c"], SMALL);
    let check = |rank: i64, count: usize, max_len: usize, expected: &[usize]| {
        assert_eq!(
            list.positions(b"c", Search { rank, count, max_len }),
            expected,
            "{rank} {count} {max_len}"
        );
    };
    check(1, 1, 0, &[2]);
    check(2, 1, 0, &[6]);
    check(-1, 1, 0, &[7]);
    check(1, 0, 0, &[2, 6, 7]);
    check(-1, 2, 0, &[7, 6]);
    check(-3, 0, 0, &[2]);
    check(4, 0, 0, &[]);
    check(1, 0, 7, &[2, 6]);
    check(-1, 0, 2, &[7, 6]);
    check(i64::MIN, 0, 0, &[]);
    assert!(List::new().positions(b"c", Search { rank: -1, count: 0, max_len: 0 }).is_empty());
}

#[test]
fn cost_estimates_follow_the_size() {
    let list = numbered(10_000, BYTES_4K, End::Back);
    assert!((90_000..130_000).contains(&list.heap_bytes(0)), "{}", list.heap_bytes(0));
    assert!(list.heap_bytes(3).abs_diff(list.heap_bytes(0)) < 5000);
    assert!(list.effort() > list.node_count());
    assert_eq!(List::new().effort(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Push(End, Vec<Vec<u8>>),
    Pop(End),
    Set(i64, Vec<u8>),
    Insert { pivot: Vec<u8>, element: Vec<u8>, after: bool },
    Remove(i64, Vec<u8>),
    Trim(i64, i64),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0_u8..12).prop_map(|number| number.to_string().into_bytes()),
        3 => prop::sample::select(vec!["a", "b", "long enough to differ", ""]).prop_map(|text| text.into()),
        1 => prop::sample::select(vec![900_usize, 5000, 9000]).prop_map(|len| vec![b'y'; len]),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::Front, End::Back])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (end(), prop::collection::vec(element(), 1..12)).prop_map(|(end, elements)| Step::Push(end, elements)),
        3 => end().prop_map(Step::Pop),
        2 => (-60_i64..60, element()).prop_map(|(index, element)| Step::Set(index, element)),
        3 => (element(), element(), any::<bool>())
            .prop_map(|(pivot, element, after)| Step::Insert { pivot, element, after }),
        1 => (-4_i64..4, element()).prop_map(|(count, element)| Step::Remove(count, element)),
        1 => (-8_i64..8, -8_i64..80).prop_map(|(start, stop)| Step::Trim(start, stop)),
    ]
}

fn apply(list: &mut List, step: &Step, limits: ListLimits) {
    match step {
        Step::Push(end, elements) => list.push_all(*end, elements.iter().map(Vec::as_slice), limits),
        Step::Pop(end) => drop(list.pop(*end, limits)),
        Step::Set(index, element) => drop(list.set(*index, element, limits)),
        Step::Insert { pivot, element, after: true } => drop(list.insert_after(pivot, element, limits)),
        Step::Insert { pivot, element, after: false } => drop(list.insert_before(pivot, element, limits)),
        Step::Remove(count, element) => drop(list.remove(*count, element, limits)),
        Step::Trim(start, stop) => list.trim(*start, *stop, limits),
    }
}

fn apply_to_model(model: &mut Vec<Vec<u8>>, step: &Step, kept: Range<usize>) {
    match step.clone() {
        Step::Push(End::Back, elements) => model.extend(elements),
        Step::Push(End::Front, elements) => elements.into_iter().for_each(|element| model.insert(0, element)),
        Step::Pop(End::Back) => drop(model.pop()),
        Step::Pop(End::Front) => drop((!model.is_empty()).then(|| model.remove(0))),
        Step::Set(index, element) => {
            let index = if index < 0 { index + model.len() as i64 } else { index };
            if let Some(slot) = usize::try_from(index).ok().and_then(|index| model.get_mut(index)) {
                *slot = element;
            }
        }
        Step::Insert { pivot, element, after } => {
            if let Some(index) = model.iter().position(|known| *known == pivot) {
                model.insert(index + usize::from(after), element);
            }
        }
        Step::Remove(count, element) => remove_from_model(model, count, &element),
        Step::Trim(..) => *model = model[kept].to_vec(),
    }
}

fn remove_from_model(model: &mut Vec<Vec<u8>>, count: i64, element: &[u8]) {
    let mut left = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let mut keep = |known: &Vec<u8>| {
        let removed = known == element && left > 0;
        left -= usize::from(removed);
        !removed
    };
    if count < 0 {
        model.reverse();
        model.retain(&mut keep);
        model.reverse();
    } else {
        model.retain(&mut keep);
    }
}

fn check_against(list: &List, model: &[Vec<u8>]) {
    assert_eq!(texts(list), model);
    assert_eq!(list.len(), model.len());
    let backward: Vec<_> = list.iter_rev().map(|item| item.to_vec()).collect();
    assert!(backward.iter().eq(model.iter().rev()));
    for index in (0..model.len()).step_by(7) {
        assert!(list.get(index as i64).is_some_and(|item| item == model[index][..]));
        assert!(list.iter_from(index).map(|item| item.to_vec()).eq(model[index..].iter().cloned()));
        assert!(
            list.iter_rev_before(index).map(|item| item.to_vec()).eq(model[..index].iter().rev().cloned())
        );
    }
    assert!(list.get(model.len() as i64).is_none() && list.get(-1 - model.len() as i64).is_none());
    assert_eq!(
        list.nodes().map(|node| sizes(node).1).sum::<usize>(),
        if list.encoding() == "listpack" { 0 } else { model.len() }
    );
}

fn sizes(node: &Node) -> (usize, usize) {
    match node {
        Node::Packed(listpack) => (listpack.byte_len(), listpack.len()),
        Node::Plain(_) => (0, 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn behaves_like_a_vector(
        steps in prop::collection::vec(step(), 0..80),
        size in prop::sample::select(vec![1, 3, 4, 16, -1, -2]),
    ) {
        let limits = ListLimits { max_listpack_size: size };
        let (mut list, mut model) = (List::new(), Vec::new());
        let mut kept = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            if number % 10 == 0 {
                kept.push((list.clone(), model.clone()));
            }
            let bounds = if let Step::Trim(start, stop) = step { list.bounds(*start, *stop) } else { 0..0 };
            apply(&mut list, step, limits);
            apply_to_model(&mut model, step, bounds);
            prop_assert_eq!(list.len(), model.len());
            // Rule 1 counts the bytes of the elements, without what the encoding adds.
            prop_assert!(list.nodes().map(sizes).all(|(bytes, count)| count == 1 || limits.allow(bytes / 2, count)));
        }
        kept.push((list, model));
        kept.iter().for_each(|(list, model)| check_against(list, model));
    }
}

/// Redis makes room before it looks for the place.
#[test]
fn failed_changes_may_change_the_encoding() {
    let full = list_of(&["a", "b", "c", "d"], SMALL);
    let check = |change: fn(&mut List) -> bool| {
        let mut list = full.clone();
        assert_eq!((list.encoding(), change(&mut list), list.encoding()), ("listpack", false, "quicklist"));
    };
    check(|list| list.set(4, b"x", SMALL));
    check(|list| list.insert_before(b"x", b"x", SMALL));
}
