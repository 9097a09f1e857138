//! RDB values, DUMP payloads and whole files.

use fastrand::Rng;

use tartan::rdb::{
    Checksummed, Decoded, Event, KeyAttributes, Limits, Options, Scanner, Version, decode_value,
    dump_payload, parse_payload, select_db, value_type, write_aux, write_end, write_header, write_key,
    write_value,
};
use tartan::value::hash::HashLimits;
use tartan::value::list::{End, ListLimits};
use tartan::value::set::SetLimits;
use tartan::value::stream::{NewId, StreamId, StreamLimits};
use tartan::value::zset::{AddFlags, ZSetLimits};
use tartan::value::{Hash, LargeString, List, Set, Stream, Value, ValueRef, ZSet};

use crate::mutate::mutate;
use crate::{bytes_of, fuzz};

/// Types and values in encodings that are no longer written: ziplists, zipmap, lists of elements, text scores, streams of
/// Redis 5, hashes of Redis 7.4 and Valkey 9.
const OLD: &[&str] = &[
    "0a1c1c00000016000000050000016103c0f40104f402fefe03f090eefeff",
    "0d161600000013000000040000016603017603016703f8ff",
    "0c181800000012000000040000016203f20201610303312e35ff",
    "0e0211110000000d0000000200000161030162ff0e0e0000000a0000000100000163ff",
    "090f0201660100760267670102772e2eff",
    "01030161c0050162",
    "0302016103312e350162fe",
    "0f0110000000000000000500000000000000011c1c0000000a00010100010101816102000102010001000101010401ff0105\
     0101016705010100000000000000050000000000000001100000000000000003010163200000000000000001000000000000\
     00050000000000000001",
    "1800000000000000000200016601760001670177",
    "160101660176ffffffffffffffff",
    "19000000000000000016160000000600816602817602000181670207010001ff",
];

fn limits() -> Limits {
    Limits {
        list: ListLimits { max_listpack_size: 8 },
        set: SetLimits { intset_entries_max: 8, listpack_entries_max: 8, listpack_value_bytes_max: 20 },
        hash: HashLimits { listpack_entries_max: 8, listpack_value_bytes_max: 20 },
        zset: ZSetLimits { listpack_entries_max: 8, listpack_value_bytes_max: 20 },
    }
}

fn element(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..8) {
        0..3 => rng.i64(-300..300).to_string().into_bytes(),
        3 => rng.i64(..).to_string().into_bytes(),
        4 => vec![b'a' + rng.u8(..3); rng.usize(..200)],
        _ => (0..rng.usize(..30)).map(|_| rng.u8(..)).collect(),
    }
}

fn random_value(rng: &mut Rng) -> Value {
    let (limits, count) = (limits(), rng.usize(1..20));
    match rng.u8(..7) {
        0 => Value::Text { bytes: element(rng).into(), raw: false },
        1 => Value::Large(LargeString::new(&element(rng).repeat(2000))),
        2 => {
            let mut list = List::new();
            (0..count).for_each(|_| list.push_all(End::Back, [&element(rng)[..]], limits.list));
            Value::List(list)
        }
        3 => {
            let (mut set, integers) = (Set::new(), rng.bool());
            for number in 0..count {
                let member = if integers { number.to_string().into_bytes() } else { element(rng) };
                set.insert(&member, &limits.set);
            }
            Value::Set(set)
        }
        4 => {
            let mut hash = Hash::new();
            for _ in 0..count {
                hash.set(&element(rng), &element(rng), &limits.hash);
            }
            Value::Hash(hash)
        }
        5 => {
            let mut zset = ZSet::new(1, 1, &limits.zset);
            for _ in 0..count {
                let score = if rng.bool() { rng.f64() } else { f64::from(rng.i8(..)) };
                zset.add(score, &element(rng), AddFlags::default(), &limits.zset);
            }
            Value::ZSet(zset)
        }
        _ => Value::Stream(random_stream(count, rng)),
    }
}

fn random_stream(count: usize, rng: &mut Rng) -> Stream {
    let mut stream = Stream::new();
    let limits = StreamLimits { node_entries_max: 5, ..StreamLimits::default() };
    for ms in 0..count as u64 {
        let fields = [(b"name".to_vec(), element(rng)), (element(rng), element(rng))];
        let pairs = fields[..rng.usize(1..=2)].iter().map(|(name, value)| (&name[..], &value[..]));
        let id = NewId::Explicit(StreamId::new(ms, 1));
        stream.entries_mut().append(id, pairs, 0, &limits).unwrap();
    }
    stream.entries_mut().delete(StreamId::new(rng.u64(..20), 1));
    stream.groups_mut().create(b"group", StreamId::MIN, None);
    if let Some(group) = stream.groups_mut().get_mut(b"group") {
        let owner = group.restore_consumer(b"consumer", 5, None).unwrap();
        for ms in 0..rng.u64(..5) {
            group.restore_pending(StreamId::new(ms, 1), 7, 1).unwrap();
            group.restore_owner(StreamId::new(ms, 1), owner).unwrap();
        }
    }
    stream
}

fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Integer(value) => ValueRef::Integer(*value),
        Value::Text { bytes, .. } => ValueRef::Text(bytes),
        Value::Large(large) => ValueRef::Large(large),
        Value::List(list) => ValueRef::List(list),
        Value::Set(set) => ValueRef::Set(set),
        Value::Hash(hash) => ValueRef::Hash(hash),
        Value::ZSet(zset) => ValueRef::ZSet(zset),
        Value::Stream(stream) => ValueRef::Stream(stream),
    }
}

fn options(rng: &mut Rng) -> Options {
    Options { compress: rng.bool(), version: if rng.bool() { Version::V10 } else { Version::V11 } }
}

/// A type byte and a value, often broken.
fn typed_value(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = if rng.u8(..3) == 0 {
        bytes_of(OLD[rng.usize(..OLD.len())])
    } else {
        let (value, options) = (random_value(rng), options(rng));
        let mut bytes = vec![value_type(borrowed(&value), options.version)];
        write_value(&mut bytes, borrowed(&value), &options).unwrap();
        bytes
    };
    match rng.u8(..20) {
        0 => {}
        1 => bytes[0] = rng.u8(..30),
        _ => mutate(&mut bytes, rng),
    }
    bytes
}

/// Whether the value is accepted; then it can be read, changed, written, and read again.
fn check_value(value_type: u8, bytes: &[u8]) -> bool {
    let Ok(Decoded::Value(mut value)) = decode_value(value_type, bytes, &limits()) else { return false };
    exercise(&mut value);
    let payload = dump_payload(borrowed(&value), &Options { compress: true, version: Version::V11 });
    let (value_type, bytes) = parse_payload(&payload, true).expect("our own payload");
    match decode_value(value_type, bytes, &limits()) {
        Ok(_) => true,
        Err(error) => panic!("our own payload: {error}"),
    }
}

/// Walks over all of a value and changes it at its ends.
fn exercise(value: &mut Value) {
    let limits = limits();
    match value {
        Value::Integer(_) | Value::Text { .. } => {}
        Value::Large(large) => large.append(b"x"),
        Value::List(list) => {
            assert_eq!(list.iter().count(), list.len());
            list.push_front(b"x", limits.list);
            list.pop_back(limits.list);
            list.remove(0, b"x", limits.list);
            list.push_back(b"x", limits.list);
        }
        Value::Set(set) => {
            assert_eq!(set.iter().count(), set.len());
            set.insert(b"another", &limits.set);
            let members: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
            members.iter().skip(1).for_each(|member| assert!(set.remove(member)));
        }
        Value::Hash(hash) => {
            assert_eq!(hash.iter().count(), hash.len());
            hash.set(b"another", b"value", &limits.hash);
            let fields: Vec<_> = hash.iter().map(|(field, _)| field.to_vec()).collect();
            fields.iter().skip(1).for_each(|field| assert!(hash.remove(field)));
        }
        Value::ZSet(zset) => {
            assert_eq!(zset.iter().rev().count(), zset.len());
            zset.add(1.5, b"another", AddFlags::default(), &limits.zset);
            let members: Vec<_> = zset.iter().map(|(member, _)| member.to_vec()).collect();
            members.iter().skip(1).for_each(|member| assert!(zset.remove(member).is_some()));
        }
        Value::Stream(stream) => exercise_stream(stream),
    }
}

fn exercise_stream(stream: &mut Stream) {
    let entries = stream.entries();
    let mut forward = 0;
    for entry in entries.range(StreamId::MIN, StreamId::MAX) {
        entry.fields.for_each(drop);
        forward += 1;
    }
    let backward = entries.range_rev(StreamId::MIN, StreamId::MAX).count();
    // Identifiers that are out of order within a node hide entries from one walk, but from no delete.
    assert!(forward <= entries.len() && backward as u64 <= entries.len());
    let pairs = [(&b"name"[..], &b"value"[..])];
    let _ = stream.entries_mut().append(NewId::Automatic, pairs.into_iter(), 0, &StreamLimits::default());
    if let Some(id) = stream.entries().last().map(|entry| entry.id) {
        stream.entries_mut().delete(id);
    }
    let names: Vec<_> = stream.groups().iter().map(|(name, _)| name.to_vec()).collect();
    for name in names {
        let group = stream.groups_mut().get_mut(&name).unwrap();
        let first = group.pending().map(|(id, _)| id).next();
        if let Some(id) = first {
            assert!(group.acknowledge(id));
        }
        let first = group.consumers().map(|(id, _)| id).next();
        if let Some(id) = first {
            group.delete_consumer(id);
        }
    }
}

#[test]
fn the_old_values_to_begin_with_are_sound() {
    for old in OLD {
        let bytes = bytes_of(old);
        assert!(
            check_value(bytes[0], &bytes[1..]),
            "{old}: {:?}",
            decode_value(bytes[0], &bytes[1..], &limits()).err()
        );
    }
}

#[test]
fn values() {
    let check = |input: &[u8]| input.split_first().is_some_and(|(kind, bytes)| check_value(*kind, bytes));
    fuzz("values", typed_value, check);
}

#[test]
fn payloads() {
    let make = |rng: &mut Rng| {
        let mut payload = dump_payload(borrowed(&random_value(rng)), &options(rng));
        if rng.bool() {
            mutate(&mut payload, rng);
        }
        payload
    };
    fuzz("payloads", make, |input| match parse_payload(input, true) {
        Ok((value_type, bytes)) => check_value(value_type, bytes),
        Err(_) => false,
    });
}

#[test]
fn files() {
    let make = |rng: &mut Rng| {
        let options = options(rng);
        let mut out = Checksummed::new(Vec::new(), rng.bool());
        write_header(&mut out, options.version).unwrap();
        write_aux(&mut out, b"ctime", b"1700000000", &options).unwrap();
        for db in 0..rng.u64(..3) {
            select_db(&mut out, db).unwrap();
            for _ in 0..rng.u8(..4) {
                let attributes = KeyAttributes {
                    expiry_ms: rng.bool().then(|| rng.i64(..)),
                    idle_seconds: rng.bool().then(|| rng.u64(..1 << 20)),
                    frequency: None,
                };
                let value = random_value(rng);
                write_key(&mut out, &element(rng), borrowed(&value), attributes, &options).unwrap();
            }
        }
        write_end(&mut out).unwrap();
        let mut file = out.finish().unwrap();
        if rng.u8(..4) > 0 {
            mutate(&mut file, rng);
        }
        file
    };
    fuzz("files", make, |input| scan(input).is_some());
}

/// Reads a whole file; none if anything is wrong with it.
fn scan(file: &[u8]) -> Option<()> {
    let mut scanner = Scanner::open(file, false).ok()?;
    while let Some(event) = scanner.next_event().ok()? {
        if let Event::Key(key) = event {
            let start = key.payload_offset as usize;
            assert_eq!(file[start..start + key.payload.len()], key.payload);
            check_value(key.value_type, &key.payload);
        }
    }
    Some(())
}
