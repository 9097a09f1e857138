use super::*;
use proptest::prelude::*;

const ANY_LEN: usize = usize::MAX;

fn of(elements: &[&str]) -> Vec<u8> {
    let mut bytes = new();
    for element in elements {
        raise(&mut bytes, Mark::of(element.as_bytes()), ANY_LEN).unwrap();
    }
    bytes
}

/// A sparse string of these runs.
fn of_runs(runs: &[u8]) -> Vec<u8> {
    [&new()[..HEADER_LEN], runs].concat()
}

#[test]
fn the_empty_one() {
    let bytes = new();
    assert_eq!(bytes, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!(known_estimate(&bytes), Some(0));
    assert_eq!(estimate(&bytes), Ok(0));
    assert_eq!(describe(&bytes), "Z:16384");
}

#[test]
fn bytes_of_known_elements() {
    let bytes = of(&["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(known_estimate(&bytes), None);
    let expected =
        "Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603";
    assert_eq!(describe(&bytes), expected);
    assert_eq!(estimate(&bytes), Ok(7));
    let (at, kept) = estimate_bytes(7);
    let mut counted = bytes;
    counted[at..at + 8].copy_from_slice(&kept);
    assert_eq!(known_estimate(&counted), Some(7));
}

#[test]
fn runs_are_split_and_joined() {
    let mut bytes = new();
    let mut check = |register: u16, rank: u8, expected: &str| {
        raise(&mut bytes, Mark { register, rank }, ANY_LEN).unwrap();
        assert_eq!(describe(&bytes), expected);
    };
    check(0, 3, "v:3,1 Z:16383");
    check(2, 3, "v:3,1 z:1 v:3,1 Z:16381");
    check(1, 3, "v:3,3 Z:16381");
    check(3, 3, "v:3,4 Z:16380");
    check(4, 3, "v:3,4 v:3,1 Z:16379");
    check(1, 5, "v:3,1 v:5,1 v:3,3 Z:16379");
    check(16_383, 1, "v:3,1 v:5,1 v:3,3 Z:16378 v:1,1");
    check(60, 2, "v:3,1 v:5,1 v:3,3 z:55 v:2,1 Z:16322 v:1,1");
    check(60, 1, "v:3,1 v:5,1 v:3,3 z:55 v:2,1 Z:16322 v:1,1");
}

#[test]
fn what_does_not_fit_becomes_dense() {
    let mut bytes = of_runs(&[0x7f, 0xff]);
    assert_eq!(raise(&mut bytes, Mark { register: 5, rank: 1 }, HEADER_LEN + 4), Ok(true));
    assert_eq!(raise(&mut bytes, Mark { register: 4, rank: 33 }, ANY_LEN), Ok(true));
    assert_eq!(Form::of(&bytes), Some(Form::Dense));
    assert_eq!(registers(&bytes).take(7).collect::<Vec<_>>(), [0, 0, 0, 0, 33, 1, 0]);

    let mut bytes = new();
    assert_eq!(raise(&mut bytes, Mark { register: 5, rank: 1 }, 3), Ok(true));
    assert_eq!(Form::of(&bytes), Some(Form::Dense));
    assert_eq!(raise(&mut bytes, Mark { register: 5, rank: 1 }, 3), Ok(false));
}

#[test]
fn strings_that_are_none() {
    let valid = |bytes: &[u8]| Form::of(bytes);
    assert_eq!(valid(&new()), Some(Form::Sparse));
    assert_eq!(valid(&new()[..15]), None);
    assert_eq!(valid(b""), None);
    assert_eq!(valid(b"HYLX\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"), None);
    assert_eq!(valid(b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"), None);
    assert_eq!(valid(b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"), None);
}

#[test]
fn runs_that_are_not_those_of_all_registers() {
    let check = |runs: &[u8], valid: bool| {
        let bytes = of_runs(runs);
        assert_eq!(estimate(&bytes).is_ok(), valid, "{runs:?}");
        assert_eq!(Union::default().add(&bytes).is_ok(), valid, "{runs:?}");
        assert_eq!(to_dense(&bytes).is_ok(), valid, "{runs:?}");
    };
    check(&[0x7f, 0xff], true);
    check(&[], false);
    check(&[0x7f], false);
    check(&[0x7f, 0xfe], false);
    check(&[0x7f, 0xff, 0x00], false);
    check(&[0x7f, 0xff, 0x80], false);
    check(&[0x80, 0x7f, 0xfe], true);
    check(&[0x81, 0x7f, 0xfe], false);
    check(&[0x7f, 0xfe, 0x81], false);
    check(&[0xff; 16_384], false);
    check(&[0x7f, 0xbf, 0x40], false);

    let raised = |runs: &[u8]| raise(&mut of_runs(runs), Mark { register: 16_383, rank: 1 }, ANY_LEN);
    assert_eq!(raised(&[]), Err(Corrupt));
    assert_eq!(raised(&[0x3f]), Err(Corrupt));
    assert_eq!(raised(&[0x7f]), Err(Corrupt));
    assert_eq!(raised(&[0x7f, 0xff]), Ok(true));
}

#[test]
fn dense_registers_of_any_bits_have_an_estimate() {
    let mut bytes = to_dense(&new()).unwrap();
    assert_eq!(estimate(&bytes), Ok(0));
    bytes[HEADER_LEN..].fill(0xff);
    assert_eq!(estimate(&bytes), Ok(1 << 63));
}

#[test]
fn estimates_are_close() {
    let mut bytes = new();
    for number in 0_u64..100_000 {
        raise(&mut bytes, Mark::of(&number.to_le_bytes()), 3000).unwrap();
        if matches!(number + 1, 10 | 100 | 1000 | 10_000 | 100_000) {
            let (exact, estimated) = ((number + 1) as f64, estimate(&bytes).unwrap() as f64);
            assert!((estimated - exact).abs() <= (exact * 0.04).max(0.5), "{exact} {estimated}");
        }
    }
    assert_eq!(Form::of(&bytes), Some(Form::Dense));
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    let mark = (prop_oneof![0u16..40, 0u16..16_384], prop_oneof![1u8..4, 1u8..34]);
    prop::collection::vec(mark.prop_map(|(register, rank)| Mark { register, rank }), 0..300)
}

proptest! {
    #[test]
    fn both_forms_hold_what_a_table_holds(marks in marks(), bytes_max in prop_oneof![0usize..600, Just(ANY_LEN)]) {
        let mut model = vec![0; REGISTERS];
        let mut bytes = new();
        for mark in marks {
            let target = &mut model[usize::from(mark.register)];
            prop_assert_eq!(raise(&mut bytes, mark, bytes_max), Ok(mark.rank > *target));
            *target = mark.rank.max(*target);
        }
        let dense = if Form::of(&bytes) == Some(Form::Dense) { bytes.clone() } else { to_dense(&bytes).unwrap() };
        prop_assert_eq!(registers(&dense).collect::<Vec<_>>(), model);
        prop_assert_eq!(estimate(&dense), estimate(&bytes));
        let mut union = Union::default();
        union.add(&bytes).unwrap();
        prop_assert_eq!(Ok(union.estimate()), estimate(&bytes));
        let mut written = to_dense(&new()).unwrap();
        union.write_to(&mut written, bytes_max).unwrap();
        prop_assert_eq!(&written[HEADER_LEN..], &dense[HEADER_LEN..]);
    }

    #[test]
    fn no_runs_make_it_panic(runs in prop::collection::vec(any::<u8>(), 0..300), register in 0u16..16_384, rank in 1u8..52) {
        let mut bytes = of_runs(&runs);
        let _ = (estimate(&bytes), to_dense(&bytes), Union::default().add(&bytes), describe(&bytes));
        let before = bytes.clone();
        if raise(&mut bytes, Mark { register, rank }, ANY_LEN).is_err() {
            prop_assert_eq!(bytes, before);
        }
    }
}
