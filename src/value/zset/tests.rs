//! Every case runs in both forms: the small one comes from the default limits, the large one from limits of zero.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SMALL: ZSetLimits = ZSetLimits { listpack_entries_max: 128, listpack_value_bytes_max: 64 };
const LARGE: ZSetLimits = ZSetLimits { listpack_entries_max: 0, listpack_value_bytes_max: 0 };
const PLAIN: AddFlags = AddFlags { nx: false, xx: false, gt: false, lt: false, incr: false };

fn of(pairs: &[(f64, &str)], limits: &ZSetLimits) -> ZSet {
    let mut set = ZSet::new(0, 0, limits);
    for (score, member) in pairs {
        set.add(*score, member.as_bytes(), PLAIN, limits);
    }
    set
}

fn both(pairs: &[(f64, &str)]) -> [ZSet; 2] {
    let sets = [of(pairs, &SMALL), of(pairs, &LARGE)];
    assert_eq!(sets.each_ref().map(ZSet::encoding), ["listpack", "skiplist"]);
    sets
}

fn text(item: Item<'_>) -> String {
    String::from_utf8(item.to_vec()).unwrap()
}

fn members<'a>(pairs: impl IntoIterator<Item = (Item<'a>, f64)>) -> String {
    pairs.into_iter().map(|(item, _)| text(item)).collect::<Vec<_>>().join(" ")
}

#[test]
fn grows_where_redis_does() {
    let check = |pairs: &[(f64, &str)], limits: &ZSetLimits, encoding: &str| {
        assert_eq!(of(pairs, limits).encoding(), encoding, "{pairs:?}");
    };
    let (at_limit, above) = ("x".repeat(64), "x".repeat(65));
    check(&[(1.0, &at_limit)], &SMALL, "listpack");
    check(&[(1.0, "a"), (1.0, &above)], &SMALL, "skiplist");
    let two = ZSetLimits { listpack_entries_max: 2, ..SMALL };
    check(&[(1.0, "a"), (1.0, "b"), (2.0, "a")], &two, "listpack");
    check(&[(1.0, "a"), (1.0, "b"), (1.0, "c")], &two, "skiplist");
    assert_eq!(ZSet::new(128, 64, &SMALL).encoding(), "listpack");
    assert_eq!(ZSet::new(129, 1, &SMALL).encoding(), "skiplist");
    assert_eq!(ZSet::new(1, 65, &SMALL).encoding(), "skiplist");
}

#[test]
fn never_goes_back_to_the_small_form() {
    let mut set = both(&[(1.0, "a"), (2.0, "b")])[1].clone();
    set.remove(b"a");
    set.remove_range(0..1);
    assert_eq!((set.len(), set.encoding()), (0, "skiplist"));
}

#[test]
fn add_obeys_its_flags() {
    use AddOutcome::*;
    const NX: AddFlags = AddFlags { nx: true, ..PLAIN };
    const XX: AddFlags = AddFlags { xx: true, ..PLAIN };
    const GT: AddFlags = AddFlags { gt: true, ..PLAIN };
    const LT: AddFlags = AddFlags { lt: true, ..PLAIN };
    const INCR: AddFlags = AddFlags { incr: true, ..PLAIN };
    let check = |member: &str, score: f64, flags: AddFlags, outcome: AddOutcome, after: Option<f64>| {
        for mut set in both(&[(2.0, "a"), (f64::INFINITY, "i")]) {
            let limits = if set.encoding() == "listpack" { SMALL } else { LARGE };
            assert_eq!(
                set.add(score, member.as_bytes(), flags, &limits),
                outcome,
                "{member} {score} {flags:?}"
            );
            assert_eq!(set.score(member.as_bytes()), after, "{member} {score} {flags:?}");
        }
    };
    check("a", 3.0, PLAIN, Updated(3.0), Some(3.0));
    check("a", 2.0, PLAIN, Unchanged(2.0), Some(2.0));
    check("b", 3.0, PLAIN, Added(3.0), Some(3.0));
    check("a", f64::NAN, PLAIN, NotANumber, Some(2.0));
    check("b", f64::NAN, XX, NotANumber, None);
    check("a", 3.0, NX, Skipped, Some(2.0));
    check("b", 3.0, NX, Added(3.0), Some(3.0));
    check("a", 3.0, XX, Updated(3.0), Some(3.0));
    check("b", 3.0, XX, Skipped, None);
    check("a", 3.0, GT, Updated(3.0), Some(3.0));
    check("a", 2.0, GT, Skipped, Some(2.0));
    check("a", 1.0, GT, Skipped, Some(2.0));
    check("b", 1.0, GT, Added(1.0), Some(1.0));
    check("a", 1.0, LT, Updated(1.0), Some(1.0));
    check("a", 2.0, LT, Skipped, Some(2.0));
    check("a", 3.0, LT, Skipped, Some(2.0));
    check("a", 3.0, INCR, Updated(5.0), Some(5.0));
    check("a", 0.0, INCR, Unchanged(2.0), Some(2.0));
    check("b", 3.0, INCR, Added(3.0), Some(3.0));
    check("a", -1.0, AddFlags { gt: true, ..INCR }, Skipped, Some(2.0));
    check("a", 1.0, AddFlags { gt: true, ..INCR }, Updated(3.0), Some(3.0));
    check("i", f64::NEG_INFINITY, INCR, NotANumber, Some(f64::INFINITY));
    check("i", f64::NEG_INFINITY, AddFlags { nx: true, ..INCR }, Skipped, Some(f64::INFINITY));
}

#[test]
fn scores_are_written_as_redis_writes_them() {
    let check = |score: f64, expected: &str| {
        let set = of(&[(score, "m")], &SMALL);
        let written = set.as_listpack().and_then(|listpack| listpack.get(1)).map(text);
        assert_eq!(written.as_deref(), Some(expected), "{score}");
        assert_eq!(set.score(b"m"), Some(score), "{score}");
    };
    check(3.0, "3");
    check(-0.0, "0");
    check(1.5, "1.5");
    check(0.1, "0.1");
    check(1e-7, "1e-7");
    check(1e17, "100000000000000000");
    check(1e19, "1e+19");
    check(1e25, "1e+25");
    check(4_503_599_627_370_497.0, "4503599627370497");
    check(f64::INFINITY, "inf");
    check(f64::NEG_INFINITY, "-inf");
    check(123_456_789.123, "123456789.123");
}

#[test]
fn orders_by_score_then_bytes() {
    let pairs =
        [(2.0, "b"), (2.0, "a"), (0.0, "y"), (-0.0, "x"), (-0.0, "z"), (1.0, "10"), (1.0, "9"), (1.0, "é")];
    for mut set in both(&pairs) {
        assert_eq!(members(set.iter()), "x y z 10 9 é a b");
        assert_eq!(members(set.iter().rev()), "b a é 9 10 z y x");
        assert_eq!(set.rank(b"9"), Some((4, 1.0)));
        assert_eq!(set.reverse_rank(b"9"), Some((3, 1.0)));
        assert_eq!(set.rank(b"q"), None);
        assert_eq!(members(set.range(2..4)), "z 10");
        assert_eq!(members(set.range(6..100).rev()), "b a");
        assert_eq!(set.pop_min(2), [(b"x".to_vec(), 0.0), (b"y".to_vec(), 0.0)]);
        assert_eq!(set.pop_max(1), [(b"b".to_vec(), 2.0)]);
        assert_eq!(set.remove_range(1..3), 2);
        assert_eq!(members(set.iter()), "z é a");
        assert_eq!(set.pop_max(100).len(), 3);
        assert!(set.is_empty());
    }
}

#[test]
fn an_iterator_ends_where_its_ends_meet() {
    let names: Vec<String> = (100..228).map(|index| index.to_string()).collect();
    let pairs: Vec<(f64, &str)> = names.iter().map(|name| (1.0, name.as_str())).collect();
    for set in both(&pairs) {
        for (start, end, back) in [(0, 128, 64), (3, 120, 1), (60, 70, 9), (5, 5, 3), (0, 128, 128)] {
            let mut pairs = set.range(start..end);
            let expected_back = (end - start).min(back);
            let taken = (0..back).map_while(|_| pairs.next_back()).map(|(item, _)| text(item));
            assert!(taken.eq(names[end - expected_back..end].iter().rev().cloned()));
            assert_eq!(pairs.len(), end - start - expected_back);
            assert!(pairs.map(|(item, _)| text(item)).eq(names[start..end - expected_back].iter().cloned()));
        }
    }
}

#[test]
fn ranges_by_score() {
    let sets = both(&[(f64::NEG_INFINITY, "a"), (1.0, "b"), (2.0, "c"), (2.0, "d"), (f64::INFINITY, "e")]);
    let check = |min: &str, max: &str, expected: &str| {
        let range = ScoreRange::parse(min.as_bytes(), max.as_bytes()).unwrap();
        for set in &sets {
            assert_eq!(members(set.range(set.score_range(&range))), expected, "{min} {max}");
        }
    };
    check("-inf", "+inf", "a b c d e");
    check("(-inf", "(+inf", "b c d");
    check("1", "2", "b c d");
    check("(1", "2", "c d");
    check("1", "(2", "b");
    check("2", "2", "c d");
    check("(2", "2", "");
    check("3", "1", "");
    check("-inf", "-inf", "a");
}

#[test]
fn ranges_by_member() {
    let sets = both(&[(0.0, "a"), (0.0, "ab"), (0.0, "b"), (0.0, "c"), (0.0, "1")]);
    let check = |min: &str, max: &str, expected: &str| {
        let range = LexRange::parse(min.as_bytes(), max.as_bytes()).unwrap();
        for set in &sets {
            assert_eq!(members(set.range(set.lex_range(&range))), expected, "{min} {max}");
        }
    };
    check("-", "+", "1 a ab b c");
    check("[a", "[b", "a ab b");
    check("(a", "(b", "ab");
    check("[aa", "+", "ab b c");
    check("-", "(a", "1");
    check("+", "-", "");
    check("[b", "[a", "");
    check("[", "[1", "1");
    check("-", "-", "");
}

#[test]
fn takes_only_listpacks_in_order() {
    let check = |elements: &[&str], expected: Option<usize>| {
        let mut listpack = Listpack::new();
        elements.iter().for_each(|element| listpack.push_back(element.as_bytes()));
        for (limits, encoding) in [(SMALL, "listpack"), (LARGE, "skiplist")] {
            let set = ZSet::from_listpack(listpack.clone(), &limits).ok();
            assert_eq!(set.as_ref().map(ZSet::len), expected, "{elements:?}");
            assert!(set.is_none_or(|set| set.is_empty() || set.encoding() == encoding));
        }
    };
    check(&[], Some(0));
    check(&["a", "1", "b", "1", "c", "1.5"], Some(3));
    check(&["a"], None);
    check(&["a", "1", "b"], None);
    check(&["a", "x"], None);
    check(&["a", "nan"], None);
    check(&["b", "1", "a", "1"], None);
    check(&["a", "2", "b", "1"], None);
    check(&["a", "1", "a", "1"], None);
    check(&["a", "1", "b", "2", "a", "3"], None);
}

#[test]
fn builds_from_entries_in_any_order() {
    let entries = |pairs: &[(f64, &str)]| -> Vec<(f64, Member)> {
        pairs.iter().map(|(score, member)| (*score, rank_tree::member(member.as_bytes()))).collect()
    };
    for (limits, encoding) in [(SMALL, "listpack"), (LARGE, "skiplist")] {
        let build = |pairs: &[(f64, &str)]| ZSet::from_entries(entries(pairs), &limits);
        let set = build(&[(2.0, "c"), (0.0, "a"), (-0.0, "b"), (1.0, "d")]).unwrap();
        assert_eq!((members(set.iter()).as_str(), set.encoding()), ("a b d c", encoding));
        assert_eq!(set.rank(b"b"), Some((1, 0.0)));
        assert!(build(&[(1.0, "a"), (2.0, "a")]).is_err());
        assert!(build(&[(f64::NAN, "a")]).is_err());
    }
}

#[test]
fn random_members_are_members() {
    let mut rng = fastrand::Rng::with_seed(7);
    let names: Vec<String> = (0..100).map(|index| format!("m{index}")).collect();
    let pairs: Vec<(f64, &str)> = names.iter().map(|name| (1.0, name.as_str())).collect();
    for set in both(&pairs) {
        let drawn: BTreeSet<String> =
            (0..2000).filter_map(|_| set.random(&mut rng)).map(|(item, _)| text(item)).collect();
        assert_eq!(drawn.len(), 100);
        for count in [0, 1, 5, 50, 100, 200] {
            let distinct: BTreeSet<_> =
                set.random_distinct(count, &mut rng).iter().map(|(item, _)| text(*item)).collect();
            assert_eq!(distinct.len(), count.min(100));
        }
    }
    assert!(ZSet::default().random(&mut rng).is_none());
}

#[test]
fn a_scan_sees_every_member() {
    let names: Vec<String> = (0..5000).map(|index| format!("m{index}")).collect();
    let mut set = ZSet::default();
    for name in &names {
        set.add(1.0, name.as_bytes(), PLAIN, &SMALL);
    }
    let (mut seen, mut cursor) = (BTreeSet::new(), 0);
    loop {
        cursor = set.scan(cursor, |item, _| seen.extend([text(item)]));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), names.len());
    assert!(set.effort() > names.len() && set.heap_bytes(5) > 40 * names.len());
}

#[derive(Clone, Debug)]
enum Step {
    Add(i8, u16),
    Increment(i8, u16),
    Remove(u16),
    RemoveRange(u8, u8),
    Pop(bool, u8),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (any::<i8>(), 0..2000u16).prop_map(|(score, name)| Step::Add(score, name)),
        20 => (any::<i8>(), 0..2000u16).prop_map(|(score, name)| Step::Increment(score, name)),
        20 => (0..2000u16).prop_map(Step::Remove),
        2 => (any::<u8>(), 0..20u8).prop_map(|(start, len)| Step::RemoveRange(start, len)),
        2 => (any::<bool>(), 0..10u8).prop_map(|(min, count)| Step::Pop(min, count)),
        1 => Just(Step::Snapshot),
    ]
}

/// (score in quarters, member)
type Model = BTreeSet<(i32, String)>;

fn take(model: &mut Model, name: &str) -> Option<(i32, String)> {
    let found = model.iter().find(|(_, member)| member == name).cloned()?;
    model.take(&found)
}

fn apply(set: &mut ZSet, model: &mut Model, step: &Step, limits: &ZSetLimits) {
    match *step {
        Step::Add(score, name) | Step::Increment(score, name) => {
            let name = name.to_string();
            let incr = matches!(step, Step::Increment(..));
            set.add(f64::from(score) / 4.0, name.as_bytes(), AddFlags { incr, ..PLAIN }, limits);
            let old = take(model, &name);
            let base = old.filter(|_| incr).map_or(0, |(score, _)| score);
            model.insert((base + i32::from(score), name));
        }
        Step::Remove(name) => {
            let old = take(model, &name.to_string());
            let expected = old.map(|(score, _)| f64::from(score) / 4.0);
            assert_eq!(set.remove(name.to_string().as_bytes()), expected);
        }
        Step::RemoveRange(start, len) => {
            let gone: Vec<_> = model.iter().skip(start.into()).take(len.into()).cloned().collect();
            model.retain(|entry| !gone.contains(entry));
            assert_eq!(set.remove_range(start.into()..usize::from(start) + usize::from(len)), gone.len());
        }
        Step::Pop(min, count) => {
            let popped = if min { set.pop_min(count.into()) } else { set.pop_max(count.into()) };
            let pop = |_| if min { model.pop_first() } else { model.pop_last() };
            let expected: Vec<_> = (0..count).map_while(pop).collect();
            let expected =
                expected.into_iter().map(|(score, name)| (name.into_bytes(), f64::from(score) / 4.0));
            assert!(popped.into_iter().eq(expected));
        }
        Step::Snapshot => {}
    }
}

fn assert_same(set: &ZSet, model: &Model) {
    let expected = || model.iter().map(|(score, name)| (name.clone(), f64::from(*score) / 4.0));
    let pair = |(item, score): (Item<'_>, f64)| (text(item), score);
    assert_eq!(set.len(), model.len());
    assert!(set.iter().map(pair).eq(expected()));
    assert!(set.iter().rev().map(pair).eq(expected().rev()));
    for (rank, (name, score)) in expected().enumerate() {
        assert_eq!(set.score(name.as_bytes()), Some(score));
        assert_eq!(set.rank(name.as_bytes()), Some((rank, score)));
    }
    for (min, max) in [(-10.0, 10.0), (0.25, 3.0), (5.0, 1.0)] {
        let end = |score: f64, exclusive: bool| ScoreBound { score, exclusive };
        let range = ScoreRange { min: end(min, false), max: end(max, true) };
        let within = expected().filter(|(_, score)| *score >= min && *score < max).count();
        assert_eq!(set.score_range(&range).len(), within);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn agrees_with_a_tree_set(steps in prop::collection::vec(step(), 0..600), limit in 0..3_usize) {
        let limits = [SMALL, LARGE, ZSetLimits { listpack_entries_max: 20, ..SMALL }][limit];
        let (mut set, mut model) = (ZSet::new(0, 0, &limits), Model::new());
        let mut snapshots = Vec::new();
        for step in &steps {
            if matches!(step, Step::Snapshot) {
                snapshots.push((set.clone(), model.clone()));
            }
            apply(&mut set, &mut model, step, &limits);
        }
        assert_same(&set, &model);
        for (set, model) in &snapshots {
            assert_same(set, model);
        }
    }
}
