//! Random values of all types and encodings, there and back.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::extent::skip_value;
use crate::value::list::End;
use crate::value::stream::{NewId, StreamId, StreamLimits};
use crate::value::zset::AddFlags;
use crate::value::{Hash, LargeString, List, Set, Stream, ZSet};

fn element() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        4 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => (-200..200i64).prop_map(|n| n.to_string().into_bytes()),
        4 => vec(any::<u8>(), 0..40),
        2 => vec(97..99u8, 0..200),
        1 => vec(any::<u8>(), 0..9000),
    ]
    .boxed()
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (prop::sample::select(vec![-5, -2, -1, 1, 3, 128]), 0..40usize, 0..40usize, 0..70usize).prop_map(
        |(max_listpack_size, intset_entries_max, listpack_entries_max, listpack_value_bytes_max)| Limits {
            list: ListLimits { max_listpack_size },
            set: SetLimits { intset_entries_max, listpack_entries_max, listpack_value_bytes_max },
            hash: HashLimits { listpack_entries_max, listpack_value_bytes_max },
            zset: ZSetLimits { listpack_entries_max, listpack_value_bytes_max },
        },
    )
}

fn string() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Text { bytes: bytes.into(), raw: true }),
        (vec(any::<u8>(), 1..2000), 20..200usize)
            .prop_filter("long enough", |(piece, times)| piece.len() * times > 20_000)
            .prop_map(|(piece, times)| Value::Large(LargeString::new(&piece.repeat(times)))),
    ]
}

fn list(limits: Limits) -> impl Strategy<Value = Value> {
    vec(element(), 1..60).prop_map(move |elements| {
        let mut list = List::new();
        elements.iter().for_each(|element| list.push_all(End::Back, [&element[..]], limits.list));
        Value::List(list)
    })
}

fn set(limits: Limits) -> impl Strategy<Value = Value> {
    (vec(element(), 1..60), any::<bool>()).prop_map(move |(members, integers)| {
        let mut set = Set::new();
        for (index, member) in members.iter().enumerate() {
            let member = if integers { (index * 7919).to_string().into_bytes() } else { member.clone() };
            set.insert(&member, &limits.set);
        }
        Value::Set(set)
    })
}

fn hash(limits: Limits) -> impl Strategy<Value = Value> {
    vec((element(), element()), 1..60).prop_map(move |pairs| {
        let mut hash = Hash::new();
        pairs.iter().for_each(|(field, value)| {
            hash.set(field, value, &limits.hash);
        });
        Value::Hash(hash)
    })
}

fn zset(limits: Limits) -> impl Strategy<Value = Value> {
    let score = prop_oneof![
        any::<f64>().prop_filter("a number", |score| !score.is_nan()),
        (-9..9i32).prop_map(f64::from)
    ];
    vec((element(), score), 1..60).prop_map(move |pairs| {
        let mut zset = ZSet::new(1, 1, &limits.zset);
        pairs.iter().for_each(|(member, score)| {
            zset.add(*score, member, AddFlags::default(), &limits.zset);
        });
        Value::ZSet(zset)
    })
}

fn stream() -> impl Strategy<Value = Value> {
    let entry = (1..5u64, vec((element(), element()), 1..4), 0..4u8);
    (vec(entry, 0..60), vec((any::<bool>(), 0..9u64, 0..3usize), 0..40), 1..9usize).prop_map(
        |(entries, deliveries, node_entries_max)| {
            let limits = StreamLimits { node_entries_max, ..StreamLimits::default() };
            let mut stream = Stream::new();
            let (mut ms, mut ids) = (0, Vec::new());
            for (step, fields, fate) in &entries {
                ms += step;
                let pairs = fields.iter().map(|(name, value)| (&name[..], &value[..]));
                let id = NewId::Explicit(StreamId::new(ms, *step));
                ids.push(stream.entries_mut().append(id, pairs, 0, &limits).expect("ascending"));
                if *fate == 0 {
                    assert!(stream.entries_mut().delete(ids[ids.len() / 2]) || ids.len() > 1);
                }
            }
            stream.groups_mut().create(b"unknown", StreamId::new(3, 3), None);
            stream.groups_mut().create(b"group", StreamId::MIN, Some(7));
            if let Some(group) = stream.groups_mut().get_mut(b"group") {
                let names = [&b"17"[..], b"alice", b"a consumer with a name that is long enough to press"];
                let consumers =
                    names.map(|name| group.restore_consumer(name, 5, (name.len() > 2).then_some(-7)));
                for (known, at, consumer) in deliveries {
                    let id = if known { ids.get(at as usize).copied() } else { None };
                    let id = id.unwrap_or(StreamId::new(at, at));
                    if group.restore_pending(id, 1 << at, at).is_ok() {
                        group.restore_owner(id, consumers[consumer].expect("a new name")).expect("pending");
                    }
                }
            }
            Value::Stream(stream)
        },
    )
}

fn value(limits: Limits) -> impl Strategy<Value = Value> {
    prop_oneof![string(), list(limits), set(limits), hash(limits), zset(limits), stream()]
}

fn options() -> impl Strategy<Value = Options> {
    (any::<bool>(), prop::sample::select(vec![Version::V10, Version::V11]))
        .prop_map(|(compress, version)| Options { compress, version })
}

/// The content without the encoding, which a value that has shrunk gets anew when it is loaded.
fn content(value: &Value) -> String {
    let described = describe(value);
    described.split_once(": ").expect("an encoding and items").1.to_owned()
}

impl std::fmt::Debug for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&describe(self))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_value_comes_back(
        (limits, value) in small_limits().prop_flat_map(|limits| (Just(limits), value(limits))),
        options in options(),
    ) {
        let payload = dump_payload(value.as_ref(), &options);
        let (value_type, bytes) = parse_payload(&payload, true).unwrap();
        let mut extent = Cursor::new(bytes);
        prop_assert!(skip_value(&mut extent, value_type).is_ok());
        prop_assert_eq!(extent.offset() as usize, bytes.len());
        let back = match decode_value(value_type, bytes, &limits) {
            Ok(Decoded::Value(back)) => back,
            Ok(Decoded::Empty) => return Err(TestCaseError::fail("empty")),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert_eq!(content(&back), content(&value));
        if options.version == Version::V11 && !is_table(&value) && !is_table(&back) {
            prop_assert_eq!(dump_payload(back.as_ref(), &options), payload);
        }
    }
}

/// Whether the order of writing is the hash's.
fn is_table(value: &Value) -> bool {
    describe(value).starts_with("hashtable") || matches!(value, Value::ZSet(ZSet::Ranked(_)))
}
