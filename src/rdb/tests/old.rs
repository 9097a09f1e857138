//! Encodings that nobody writes any more, put together by hand.

use proptest::prelude::*;

use super::*;
use crate::rdb::format::types;
use crate::rdb::ziplist;
use crate::value::compact::listpack::{Item, Listpack};

/// An element of a ziplist: what is between the length before it and the next one.
fn ziplist_element(element: &[u8]) -> Vec<u8> {
    match element.len() {
        len @ 0..0x40 => [&[len as u8], element].concat(),
        len @ 0x40..0x4000 => [&[0x40 | (len >> 8) as u8, len as u8], element].concat(),
        len => [&[0x80], &(len as u32).to_be_bytes()[..], element].concat(),
    }
}

fn ziplist_integer(value: i64) -> Vec<u8> {
    let bytes = value.to_le_bytes();
    match value {
        0..=12 => vec![0xf1 + value as u8],
        -0x80..=0x7f => vec![0xfe, bytes[0]],
        -0x8000..=0x7fff => [&[0xc0], &bytes[..2]].concat(),
        -0x80_0000..=0x7f_ffff => [&[0xf0], &bytes[..3]].concat(),
        -0x8000_0000..=0x7fff_ffff => [&[0xd0], &bytes[..4]].concat(),
        _ => [&[0xe0], &bytes[..]].concat(),
    }
}

/// A ziplist of encoded elements. From `long_from` bytes on, the length before takes five bytes (254 is what must be).
fn ziplist_of(elements: &[Vec<u8>], long_from: usize) -> Vec<u8> {
    let (mut body, mut previous, mut last) = (Vec::new(), 0_usize, 10);
    for element in elements {
        last = 10 + body.len();
        if previous < long_from {
            body.push(previous as u8);
        } else {
            body.push(254);
            body.extend_from_slice(&(previous as u32).to_le_bytes());
        }
        body.extend_from_slice(element);
        previous = 10 + body.len() - last;
    }
    let count = u16::try_from(elements.len()).unwrap_or(u16::MAX);
    let total = 11 + body.len() as u32;
    let header = [&total.to_le_bytes()[..], &(last as u32).to_le_bytes(), &count.to_le_bytes()].concat();
    [&header[..], &body, &[0xff]].concat()
}

fn ziplist_of_texts(elements: &[&str]) -> Vec<u8> {
    let encoded = elements.iter().map(|element| match element.parse() {
        Ok(value) => ziplist_integer(value),
        Err(_) => ziplist_element(element.as_bytes()),
    });
    ziplist_of(&encoded.collect::<Vec<_>>(), 254)
}

/// `bytes` as a string of the format.
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::write_length(&mut out, bytes.len() as u64).unwrap();
    out.extend_from_slice(bytes);
    out
}

fn check(value_type: u8, payload: &[u8], expected: &str) {
    assert_eq!(shown(value_type, payload, &limits()), expected);
}

#[test]
fn element_by_element() {
    check(types::LIST, b"\x03\x01a\xc0\x05\x01b", "listpack: a 5 b");
    check(types::LIST, b"\0", "empty");
    check(types::SET, b"\x02\xc0\x05\xc0\x04", "intset: 4 5");
    check(types::SET, b"\x02\xc0\x05\x01a", "listpack: 5 a");
    check(types::SET, b"\x02\x01a\x01a", "Duplicate set members detected at byte 3");
    check(types::SET, b"\x03\x01a", "3 elements, more than there are bytes for at byte 0");
    check(types::HASH, b"\x01\x01f\x01v", "listpack: f=v");
    check(types::HASH, b"\x02\x01f\x01v\x01f\x01w", "Duplicate hash fields detected at byte 5");
    check(types::ZSET, b"\x03\x01a\x031.5\x01b\xfe\x01c\xff", "listpack: c=-inf a=1.5 b=inf");
    let refused = "Zset with duplicate members or scores that are not numbers at byte 0";
    check(types::ZSET, b"\x01\x01a\xfd", refused);
    check(types::ZSET, b"\x02\x01a\x011\x01a\x012", refused);
    check(types::ZSET, b"\x01\x01a\x01x", "a score that is not a number at byte 3");
    check(types::ZSET_2, b"\x01\x01a\0\0\0\0\0\0\xf8\x7f", refused);
}

#[test]
fn ziplists() {
    let list = ziplist_of_texts(&["a", "0", "12", "13", "-129", "-40000", "9000000", "5000000000", "z"]);
    let shown = "a 0 12 13 -129 -40000 9000000 5000000000 z";
    check(types::LIST_ZIPLIST, &string(&list), &format!("listpack: {shown}"));
    check(types::LIST_QUICKLIST, &[&[1][..], &string(&list)].concat(), &format!("listpack: {shown}"));
    let two = [&[2][..], &string(&list), &string(&list)].concat();
    check(types::LIST_QUICKLIST, &two, &format!("quicklist: {shown} {shown}"));
    check(types::HASH_ZIPLIST, &string(&ziplist_of_texts(&["f", "v", "g", "7"])), "listpack: f=v g=7");
    check(types::ZSET_ZIPLIST, &string(&ziplist_of_texts(&["b", "1", "a", "1.5"])), "listpack: b=1 a=1.5");
    for value_type in [types::LIST_ZIPLIST, types::HASH_ZIPLIST, types::ZSET_ZIPLIST] {
        check(value_type, &string(&ziplist_of(&[], 254)), "empty");
    }
    check(types::LIST_QUICKLIST, &[&[1][..], &string(&ziplist_of(&[], 254))].concat(), "empty");
}

#[test]
fn broken_ziplists() {
    let hash = |elements: &[&str]| string(&ziplist_of_texts(elements));
    let refused = "Hash ziplist integrity check failed at byte 0";
    check(types::HASH_ZIPLIST, &hash(&["f", "v", "g"]), refused);
    check(types::HASH_ZIPLIST, &hash(&["f", "v", "f", "w"]), refused);
    let refused = "Zset ziplist integrity check failed at byte 0";
    check(types::ZSET_ZIPLIST, &hash(&["b", "2", "a", "1.5"]), refused);
    check(types::ZSET_ZIPLIST, &hash(&["b", "x"]), refused);
    check(types::ZSET_ZIPLIST, &hash(&["b", "1", "b", "2"]), refused);
    let good = ziplist_of_texts(&["a", "500", "b"]);
    assert!(ziplist::visit(&good, |_| ()).is_ok());
    for at in [0, 4, 8, 10, 11, 13, 14, 17, good.len() - 1] {
        let mut broken = good.clone();
        broken[at] ^= 0x40;
        assert!(ziplist::visit(&broken, |_| ()).is_err(), "byte {at}");
    }
    (0..good.len()).for_each(|len| assert!(ziplist::visit(&good[..len], |_| ()).is_err(), "{len}"));
}

#[test]
fn zipmaps() {
    let zipmap = |bytes: &[u8]| string(bytes);
    check(types::HASH_ZIPMAP, &zipmap(b"\x02\x01f\x01\0v\x02gg\x01\x03w...\xff"), "listpack: f=v gg=w");
    check(types::HASH_ZIPMAP, &zipmap(b"\xfe\x01f\xfe\x01\0\0\0\0v\xff"), "listpack: f=v");
    check(types::HASH_ZIPMAP, &zipmap(b"\0\xff"), "empty");
    check(
        types::HASH_ZIPMAP,
        &zipmap(b"\x02\x01f\x01\0v\x01f\x01\0w\xff"),
        "Duplicate hash fields detected at byte 0",
    );
    let refused = "Zipmap integrity check failed at byte 0";
    for broken in [
        &b"\x03\x01f\x01\0v\xff"[..],
        b"\x01\x01f\x01\0v\xfe",
        b"\x01\x01f\x01\x01v\xff",
        b"\x01\x01f\x09\0v\xff",
        b"\x01\xfe\x01\0\0",
        b"\x01",
        b"",
    ] {
        check(types::HASH_ZIPMAP, &zipmap(broken), refused);
    }
}

#[test]
fn compact_forms_above_the_limits() {
    let small = Limits {
        list: ListLimits { max_listpack_size: 1 },
        set: SetLimits { intset_entries_max: 1, listpack_entries_max: 1, ..SetLimits::default() },
        hash: HashLimits { listpack_entries_max: 1, ..HashLimits::default() },
        zset: ZSetLimits { listpack_entries_max: 1, ..ZSetLimits::default() },
    };
    let check = |value_type, payload: &str, expected: &str| {
        assert_eq!(shown(value_type, &bytes_of(payload), &small), expected);
    };
    check(types::SET_INTSET, "0c0200000002000000feff0100", "hashtable: -2 1");
    check(types::SET_LISTPACK, "0d0d0000000200816102816202ff", "hashtable: a b");
    check(types::LIST_QUICKLIST_2, "01020d0d0000000200816102816202ff", "quicklist: a b");
    let four = "13130000000400816102816202816302816402ff";
    check(types::HASH_LISTPACK, four, "hashtable: a=b c=d");
    let scored = "1111000000040081610201018162020201ff";
    check(types::ZSET_LISTPACK, scored, "skiplist: a=1 b=2");
}

#[test]
fn hashes_of_redis_7_4() {
    let zeros = [0; 8];
    let check = |value_type, body: &[u8], expected: &str| {
        check(value_type, &[&zeros[..], body].concat(), expected);
    };
    let refused = "a hash has fields with expiry times (HEXPIRE), which this server does not have, at byte";
    check(types::HASH_EXPIRY, b"\x02\0\x01f\x01v\0\x01g\x01w", "listpack: f=v g=w");
    check(types::HASH_EXPIRY, b"\x02\0\x01f\x01v\x01\x01g\x01w", &format!("{refused} 14"));
    let triples = |elements: &[&str]| {
        let mut pack = Listpack::new();
        elements.iter().for_each(|element| pack.push_back(element.as_bytes()));
        string(pack.as_bytes())
    };
    check(types::HASH_LISTPACK_EXPIRY, &triples(&["f", "v", "0", "g", "7", "0"]), "listpack: f=v g=7");
    check(types::HASH_LISTPACK_EXPIRY, &triples(&["f", "v", "9"]), &format!("{refused} 8"));
    let broken = "Hash listpack integrity check failed at byte 8";
    check(types::HASH_LISTPACK_EXPIRY, &triples(&["f", "v"]), broken);
    check(types::HASH_LISTPACK_EXPIRY, &triples(&["f", "v", "0", "f", "w", "0"]), broken);
}

/// Stream and group of Redis 5: no counters but length and last identifiers, no active times.
#[test]
fn streams_of_redis_5() {
    let mut node = Listpack::new();
    for element in ["1", "0", "1", "a", "0", "2", "0", "0", "1", "4"] {
        node.push_back(element.as_bytes());
    }
    let id = [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut payload = vec![1];
    payload.extend(string(&id));
    payload.extend(string(node.as_bytes()));
    payload.extend([1, 5, 1]);
    // A group that has read all, with one pending entry of one consumer.
    payload.extend(b"\x01\x01g\x05\x01\x01");
    payload.extend(id);
    payload.extend(b"\x10\0\0\0\0\0\0\0\x03");
    payload.extend(b"\x01\x01c\x20\0\0\0\0\0\0\0\x01");
    payload.extend(id);
    let Ok(Decoded::Value(Value::Stream(stream))) =
        decode_value(types::STREAM_LISTPACKS, &payload, &limits())
    else {
        panic!("{}", shown(types::STREAM_LISTPACKS, &payload, &limits()))
    };
    let state = stream.entries().state();
    assert_eq!((state.length, state.entries_added, state.first_id), (1, 1, state.last_id));
    let group = stream.groups().get(b"g").expect("the group");
    assert_eq!((group.entries_read, group.pending_count()), (Some(1), 1));
    let (_, consumer) = group.consumers().next().expect("the consumer");
    assert_eq!((consumer.seen_time_ms, consumer.active_time_ms), (0x20, Some(0x20)));
}

#[test]
fn modules_and_unknown_types() {
    check(types::MODULE_PRE_GA, b"", "Pre-release module format not supported at byte 0");
    let id = "ReJSON-RL".bytes().fold(0_u64, |id, character| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        id << 6 | alphabet.iter().position(|other| *other == character).unwrap() as u64
    });
    let payload = [&[0x81][..], &(id << 10 | 3).to_be_bytes()].concat();
    let expected =
        "The RDB file contains module data I can't load: no matching module type 'ReJSON-RL' at byte 0";
    check(types::MODULE_2, &payload, expected);
    check(8, b"", "Unknown RDB encoding type 8 at byte 0");
    check(23, b"", "Unknown RDB encoding type 23 at byte 0");
    check(types::STRING, b"\x01ab", "1 bytes too many at byte 2");
    check(types::STRING, b"\x03ab", "input ends at byte 3, reading a string");
    check(types::STRING, b"\x82", "unknown length byte 0x82 of a string at byte 0");
    check(types::STRING, b"\xc4", "unknown length byte 0xc4 of a string at byte 0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_ziplist_gives_its_elements_back(
        elements in prop::collection::vec(
            prop_oneof![
                any::<i64>().prop_map(Ok),
                (-300..300i64).prop_map(Ok),
                prop::collection::vec(any::<u8>(), 0..100).prop_map(Err),
                (200..300usize).prop_map(|len| Err(vec![b'x'; len])),
                (16_000..17_000usize).prop_map(|len| Err(vec![b'y'; len])),
            ],
            0..40,
        ),
        long_from in prop::sample::select(vec![254, 0, 60]),
    ) {
        let encoded: Vec<_> = elements
            .iter()
            .map(|element| match element {
                Ok(value) => ziplist_integer(*value),
                Err(bytes) => ziplist_element(bytes),
            })
            .collect();
        let mut seen = Vec::new();
        let visited = ziplist::visit(&ziplist_of(&encoded, long_from), |item| {
            seen.push(match item {
                Item::Integer(value) => Ok(value),
                Item::Bytes(bytes) => Err(bytes.to_vec()),
            });
        });
        prop_assert!(visited.is_ok());
        prop_assert_eq!(seen, elements);
    }
}
