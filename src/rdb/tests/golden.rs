//! Payloads that redis-server 7.2.4 (version 11), redis-server 7.0.15 (10) and valkey-server 9.1 (80) gave for the values
//! built here. Compression was off but for one.

use super::*;
use crate::value::list::End;
use crate::value::stream::{Group, NewId, StreamId, StreamLimits};
use crate::value::zset::AddFlags;
use crate::value::{Hash, List, Set, Stream, ZSet};

/// What we write for a value is the payload, and what we read from the payload writes it again.
fn check(value: Value, options: &Options, expected: &str) {
    assert_eq!(hex_of(&dump_payload(value.as_ref(), options)), expected);
    check_reading(options, expected);
}

fn check_reading(options: &Options, payload: &str) {
    let value = load(payload);
    assert_eq!(hex_of(&dump_payload(value.as_ref(), options)), payload);
}

fn load(payload: &str) -> Value {
    load_with(payload, &limits())
}

fn load_with(payload: &str, limits: &Limits) -> Value {
    let bytes = bytes_of(payload);
    let (value_type, bytes) = parse_payload(&bytes, true).expect("a sound payload");
    match decode_value(value_type, bytes, limits) {
        Ok(Decoded::Value(value)) => value,
        Ok(Decoded::Empty) => panic!("empty: {payload}"),
        Err(error) => panic!("{error}: {payload}"),
    }
}

fn text(text: &str) -> Value {
    match text.parse() {
        Ok(value) if text != "01" => Value::Integer(value),
        _ => Value::Text { bytes: text.as_bytes().into(), raw: false },
    }
}

fn list(elements: &[&str], max_listpack_size: i32) -> Value {
    let mut list = List::new();
    let elements = elements.iter().map(|element| element.as_bytes());
    list.push_all(End::Back, elements, ListLimits { max_listpack_size });
    Value::List(list)
}

fn set(members: &[&str]) -> Value {
    let limits = SetLimits::default();
    let mut set = Set::with_hint(members[0].as_bytes(), members.len(), &limits);
    members.iter().for_each(|member| assert!(set.insert(member.as_bytes(), &limits)));
    Value::Set(set)
}

fn hash(pairs: &[(&str, &str)]) -> Value {
    let mut hash = Hash::new();
    for (field, value) in pairs {
        assert!(hash.set(field.as_bytes(), value.as_bytes(), &HashLimits::default()));
    }
    Value::Hash(hash)
}

fn zset(members: &[(&str, f64)], limits: ZSetLimits) -> Value {
    let mut zset = ZSet::new(1, 1, &limits);
    for (member, score) in members {
        zset.add(*score, member.as_bytes(), AddFlags::default(), &limits);
    }
    Value::ZSet(zset)
}

fn stream(entries: &[(&str, &[&str])]) -> Stream {
    let mut stream = Stream::new();
    for (id, elements) in entries {
        let id = NewId::parse(id.as_bytes()).expect("an identifier");
        let pairs = elements.chunks_exact(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes()));
        stream.entries_mut().append(id, pairs, 0, &StreamLimits::default()).expect("an entry");
    }
    stream
}

#[test]
fn strings() {
    let check = |string: &str, expected: &str| check(text(string), &PLAIN, expected);
    check("", "00000b003444e133f2e04b53");
    check("hello", "000568656c6c6f0b000aad620598abc983");
    check("0", "00c0000b00f19f1a0b05cfea81");
    check("127", "00c07f0b00646a5642afcb2c9d");
    check("-129", "00c17fff0b007ebf3f5ba91f6d09");
    check("2147483647", "00c2ffffff7f0b0045ab58ed1db14428");
    check("2147483648", "000a323134373438333634380b008e6e94d0b1829f67");
    check("-2147483648", "00c2000000800b00ae903a4dceca680e");
    check("01", "000230310b0005027932e9d3942d");
    check(&"x".repeat(64), &["004040", &"78".repeat(64), "0b005eb32071c05ac0fa"].concat());
}

#[test]
fn a_compressed_string() {
    let expected = format!("text: {}c", "ab".repeat(50));
    assert_eq!(describe(&load("00c30a406502616261e057010162630b009e664eacef213154")), expected);
}

#[test]
fn lists() {
    let check = |elements: &[&str], limit, expected: &str| check(list(elements, limit), &PLAIN, expected);
    check(
        &["a", "1", "-5000", "", "abc"],
        -2,
        "120102171700000005008161020101f178ec0380018361626304ff0b0072272e1c192f2192",
    );
    check(
        &["a", "b", "c", "4", "5"],
        2,
        "1203020d0d0000000200816102816202ff020c0c00000002008163020401ff02090900000001000501ff0b00ccc65eea47b72689",
    );
    let with_plain_node = "1203020a0a0000000100816102ff011061206c6f6e67657220656c656d656e74020a0a0000000100816202ff0b003697d5584a0055e1";
    assert_eq!(describe(&load(with_plain_node)), "quicklist: a a longer element b");
    check_reading(&PLAIN, with_plain_node);
}

#[test]
fn sets() {
    let check = |members: &[&str], expected: &str| check(set(members), &PLAIN, expected);
    check(&["3", "1", "-2"], "0b0e0200000003000000feff010003000b0072c7fb7d1cf0ed32");
    check(&["3", "70000"], "0b10040000000200000003000000701101000b00bdf46b924c3bd339");
    check(
        &["3", "-9223372036854775808"],
        "0b180800000002000000000000000000008003000000000000000b00c58539d08df1b502",
    );
    check(&["b", "1", "a"], "140f0f00000003008162020101816102ff0b0043dc288fa4d9b4de");
    check(&[&"m".repeat(65)], &["02014041", &"6d".repeat(65), "0b003842cedc6a6eaf96"].concat());
}

#[test]
fn hashes() {
    check(
        hash(&[("name", "x"), ("age", "7")]),
        &PLAIN,
        "1017170000000400846e616d650581780283616765040701ff0b00ac9941fcde14e190",
    );
    check(
        hash(&[("f", &"v".repeat(65))]),
        &PLAIN,
        &["040101664041", &"76".repeat(65), "0b00ad032301712469eb"].concat(),
    );
}

#[test]
fn sorted_sets() {
    check(
        zset(&[("a", 1.5), ("b", f64::INFINITY), ("c", -3.0), ("d", 0.1)], ZSetLimits::default()),
        &PLAIN,
        "1125250000000800816302dffd0281640283302e310481610283312e350481620283696e6604ff0b00cbfdf5526ade78de",
    );
    let none_small = ZSetLimits { listpack_entries_max: 0, ..ZSetLimits::default() };
    let large = "05030162000000000000f07f0161000000000000f83fc01100000000000008c00b004f0bd6e074ac5a06";
    let value = zset(&[("a", 1.5), ("b", f64::INFINITY), ("17", -3.0)], none_small);
    assert_eq!(hex_of(&dump_payload(value.as_ref(), &PLAIN)), large);
    assert_eq!(describe(&load(large)), "listpack: 17=-3 a=1.5 b=inf");
    let loaded = load_with(large, &Limits { zset: none_small, ..limits() });
    assert_eq!(hex_of(&dump_payload(loaded.as_ref(), &PLAIN)), large);
    let seventeen_digits = "1135350000000800816302dffd0281640293302e31303030303030303030303030303030311481610283312e350481620283\
         696e6604ff0a0074b41f138468dfdf";
    assert_eq!(describe(&load(seventeen_digits)), "listpack: c=-3 d=0.1 a=1.5 b=inf");
}

#[test]
fn streams() {
    let mut deleted_from =
        stream(&[("5-1", &["a", "1", "b", "2"]), ("5-2", &["a", "3", "b", "4"]), ("7-0", &["c", "x"])]);
    assert!(deleted_from.entries_mut().delete(StreamId::new(5, 2)));
    check(
        Value::Stream(deleted_from.clone()),
        &PLAIN,
        "150110000000000000000500000000000000013e3e0000001900020101010201816102816202000102010001000101010201\
         050103010001010103010401050100010201dfff0201018163028178020601ff0207000501050203000b0048e8fa7dcaaf3993",
    );
    check(
        Value::Stream(deleted_from),
        &FOR_REDIS_7_0,
        "130110000000000000000500000000000000013e3e0000001900020101010201816102816202000102010001000101010201\
         050103010001010103010401050100010201dfff0201018163028178020601ff0207000501050203000a00833e025a42725186",
    );
}

const GROUPS: &str = "15011000000000000000050000000000000001303000000014000301000101018161020001020100010001010104010201010100\
     010201040102010201000103010401ff030701050100000302016707010302000000000000000600000000000000018006a0fda1\
     01000001000000000000000700000000000000018006a0fda1010000010305616c6963658006a0fda10100008006a0fda1010000\
     010000000000000006000000000000000103626f628006a0fda10100008006a0fda1010000010000000000000007000000000000\
     0001056361726f6c8106a0fda1010000ffffffffffffffff000168060181ffffffffffffffff00000b005f8efb12b877506f";

#[test]
fn consumer_groups() {
    const NOW: i64 = 0x01a1_fda0_0680;
    let mut stream = stream(&[("5-1", &["a", "1"]), ("6-1", &["a", "2"]), ("7-1", &["a", "3"])]);
    let mut group = Group::new(StreamId::new(7, 1), Some(3));
    for (id, ms) in [(StreamId::new(6, 1), NOW), (StreamId::new(7, 1), NOW)] {
        group.restore_pending(id, ms, 1).unwrap();
    }
    let alice = group.restore_consumer(b"alice", NOW, Some(NOW)).unwrap();
    let bob = group.restore_consumer(b"bob", NOW, Some(NOW)).unwrap();
    group.restore_consumer(b"carol", NOW + 1, None).unwrap();
    group.restore_owner(StreamId::new(6, 1), alice).unwrap();
    group.restore_owner(StreamId::new(7, 1), bob).unwrap();
    assert!(stream.groups_mut().insert(b"g", group));
    assert!(stream.groups_mut().create(b"h", StreamId::new(6, 1), None));
    check(Value::Stream(stream), &PLAIN, GROUPS);
}

#[test]
fn consumer_groups_of_redis_7_0() {
    check_reading(
        &FOR_REDIS_7_0,
        "13011000000000000000050000000000000001303000000014000301000101018161020001020100010001010104010201010100\
         010201040102010201000103010401ff03070105010000030201670701030200000000000000060000000000000001dd06a0fda1\
         0100000100000000000000070000000000000001dd06a0fda1010000010305616c696365dd06a0fda10100000100000000000000\
         06000000000000000103626f62dd06a0fda10100000100000000000000070000000000000001056361726f6cdd06a0fda1010000\
         000168060181ffffffffffffffff00000a00eab196a8813d1fcb",
    );
}

#[test]
fn a_set_for_redis_7_0_has_no_listpack() {
    let payload = dump_payload(set(&["b", "1", "a"]).as_ref(), &FOR_REDIS_7_0);
    assert_eq!(hex_of(&payload[..payload.len() - 10]), "02030162c0010161");
    assert_eq!(describe(&load(&hex_of(&payload))), "listpack: 1 a b");
}

#[test]
fn hashes_of_valkey() {
    let packed = "101111000000040081610201018162020201ff5000f16aaafd110f116e";
    assert_eq!(describe(&load(packed)), "listpack: a=1 b=2");
    let expiring = bytes_of(
        "16020161c00128279503a201000001\
         62c002ffffffffffffffff5000deee52e153780d18",
    );
    let (value_type, bytes) = parse_payload(&expiring, true).unwrap();
    assert_eq!(
        shown(value_type, bytes, &limits()),
        "a hash has fields with expiry times (HEXPIRE), which this server does not have, at byte 5"
    );
    let mut cleared = bytes.to_vec();
    cleared[5..13].fill(0xff);
    assert_eq!(shown(value_type, &cleared, &limits()), "listpack: a=1 b=2");
}

#[test]
fn payloads_are_checked_before_their_value() {
    let good = bytes_of("000568656c6c6f0b000aad620598abc983");
    let check = |payload: &[u8], expected| assert_eq!(parse_payload(payload, true).map(|_| ()), expected);
    check(&good, Ok(()));
    check(&good[2..], Err(PayloadError::VersionOrChecksum));
    check(&good[..9], Err(PayloadError::VersionOrChecksum));
    check(&[], Err(PayloadError::VersionOrChecksum));
    for at in 0..good.len() {
        let mut broken = good.clone();
        broken[at] ^= 1;
        check(&broken, Err(PayloadError::VersionOrChecksum));
    }
    let with_version = |content: &[u8], version: u16| {
        let mut payload = [content, &version.to_le_bytes()].concat();
        let checksum = checksum::checksum(&payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    };
    check(&with_version(b"\0\0", 1), Ok(()));
    check(&with_version(b"\0\0", 12), Ok(()));
    check(&with_version(b"\0\0", 13), Err(PayloadError::VersionOrChecksum));
    check(&with_version(b"\0\0", 79), Err(PayloadError::VersionOrChecksum));
    check(&with_version(b"\0\0", 80), Ok(()));
    check(&with_version(b"", 11), Err(PayloadError::Type));
    check(&with_version(b"\x16\0", 12), Err(PayloadError::Type));
    check(&with_version(b"\x16\0", 80), Ok(()));
}
