//! Streams against a model and against what redis-server 7.2.4 does.

mod model;
mod transcript;

use super::*;
use crate::value::compact::Malformed;

const LIMITS: StreamLimits = StreamLimits { node_bytes_max: 4096, node_entries_max: 100 };

/// The fields of an entry from alternating names and values.
fn pairs<'a>(elements: &'a [&'a [u8]]) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone {
    elements.chunks_exact(2).map(|pair| (pair[0], pair[1]))
}

fn add(stream: &mut Stream, id: &str, elements: &[&[u8]]) -> Result<StreamId, AppendError> {
    let id = NewId::parse(id.as_bytes()).expect("an identifier");
    stream.entries_mut().append(id, pairs(elements), 1000, &LIMITS)
}

fn stream_of(ids: &[&str]) -> Stream {
    let mut stream = Stream::new();
    ids.iter().for_each(|id| assert!(add(&mut stream, id, &[b"f", b"v"]).is_ok(), "{id}"));
    stream
}

fn id(text: &str) -> StreamId {
    StreamId::parse(text.as_bytes(), 0).expect("an identifier")
}

fn ids(stream: &Stream) -> Vec<String> {
    stream.entries().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.to_string()).collect()
}

/// What redis-server 7.2.4 put into DUMP after the commands of this test.
const NODE: &str = "640000002100030101010201846e616d650581620200010201000100018161020c0105010301000101018178028568656c6c6f06050100010601dfca020201856f7468657206f290eefe04816302846c6f6e6705080102010601dfd202010102010501ff";

fn small_stream() -> Stream {
    let mut stream = Stream::new();
    for (id, elements) in [
        ("1526919030474-55", [&b"name"[..], b"a", b"b", b"12"]),
        ("1526919030474-56", [b"name", b"x", b"b", b"hello"]),
        ("1526919030480-1", [b"other", b"-70000", b"c", b"long"]),
        ("1526919030480-9", [b"name", b"1", b"b", b"2"]),
    ] {
        assert_eq!(add(&mut stream, id, &elements).map(|id| id.to_string()).as_deref(), Ok(id));
    }
    assert!(stream.entries_mut().delete(id("1526919030474-56")));
    stream
}

#[test]
fn the_bytes_of_a_node_are_those_of_redis() {
    let stream = small_stream();
    let (first, bytes) = stream.entries().nodes().next().expect("a node");
    assert_eq!(first, id("1526919030474-55"));
    assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), NODE);
}

#[test]
fn a_stream_comes_back_from_its_parts() {
    let stream = small_stream();
    let parts = || stream.entries().nodes().map(|(first, bytes)| (first, Box::from(bytes)));
    let back = Entries::from_parts(parts(), *stream.entries().state()).expect("sound parts");
    assert_eq!(ids(&Stream::from_parts(back, Groups::default())), ids(&stream));
    let wrong = EntriesState { length: 4, ..*stream.entries().state() };
    assert_eq!(Entries::from_parts(parts(), wrong).err(), Some(Malformed));
    assert_eq!(Entries::from_parts(parts().chain(parts()), wrong).err(), Some(Malformed));
}

#[test]
fn a_node_with_any_byte_changed_is_refused_or_safe_to_walk() {
    let stream = small_stream();
    let (first, bytes) = stream.entries().nodes().next().expect("a node");
    let mut refused = 0;
    for at in 0..bytes.len() {
        for change in [1, 2, 0x40, 0x80, 0xff] {
            let mut bytes: Box<[u8]> = bytes.into();
            bytes[at] ^= change;
            match node::Node::from_bytes_checked(bytes) {
                Err(Malformed) => refused += 1,
                Ok(node) => assert_eq!(node.records(first).count(), node.records_rev(first).count()),
            }
        }
    }
    assert!(refused > bytes.len() * 3, "{refused}");
}

#[test]
fn an_identifier_must_grow() {
    let mut stream = stream_of(&["5-5"]);
    let mut check = |id: &str, expected: Result<&str, AppendError>| {
        let got = add(&mut stream, id, &[b"f", b"v"]).map(|id| id.to_string());
        assert_eq!(got.as_deref().map_err(|error| *error), expected, "{id}");
    };
    check("0-0", Err(AppendError::Zero));
    check("5-5", Err(AppendError::NotGreater));
    check("0-*", Err(AppendError::NotGreater));
    check("5-*", Ok("5-6"));
    check("6-*", Ok("6-0"));
    check("*", Ok("1000-0"));
    check("*", Ok("1000-1"));
    check("2000", Ok("2000-0"));
    check("*", Ok("2000-1"));
    check("2000-18446744073709551615", Ok("2000-18446744073709551615"));
    check("2000-*", Err(AppendError::NotGreater));
    check("*", Ok("2001-0"));
    check("18446744073709551615-18446744073709551615", Ok("18446744073709551615-18446744073709551615"));
    check("*", Err(AppendError::Exhausted));
    check("1-1", Err(AppendError::Exhausted));
    check("0-0", Err(AppendError::Zero));
}

#[test]
fn the_last_identifier_stays_above_what_was_deleted() {
    let mut stream = stream_of(&["5-5", "6-6", "7-7"]);
    let entries = stream.entries_mut();
    assert!(entries.delete(id("6-6")));
    assert_eq!(entries.set_id(id("4-4"), None, None), Err(SetIdError::BelowMaxDeleted));
    assert_eq!(entries.set_id(id("6-7"), Some(0), Some(id("6-6"))), Err(SetIdError::BelowLastEntry));
    assert_eq!(entries.set_id(id("7-7"), Some(1), None), Err(SetIdError::AddedBelowLength));
    assert_eq!(entries.set_id(id("9-9"), Some(40), Some(StreamId::MIN)), Ok(()));
    let state = entries.state();
    assert_eq!((state.last_id, state.max_deleted_entry_id, state.entries_added), (id("9-9"), id("6-6"), 40));
}

#[test]
fn trim_limits() {
    let check = |node_entries_max, expected| {
        assert_eq!(StreamLimits { node_bytes_max: 0, node_entries_max }.trim_limit(), expected);
    };
    check(100, 10_000);
    check(3, 300);
    check(0, 10_000);
    check(usize::MAX, 1_000_000);
}

#[test]
fn idle_times_decide_what_is_claimed() {
    let mut stream = stream_of(&["1-1", "2-2", "3-3"]);
    stream.groups_mut().create(b"g", StreamId::MIN, None);
    let (entries, groups) = stream.split_mut();
    let group = groups.get_mut(b"g").expect("just created");
    let (first, created) = group.see_consumer(b"first", 100);
    assert!(created);
    let delivery = Delivery { consumer: first, count: 2, noack: false, now_ms: 100 };
    assert_eq!(group.deliver_new(entries, &delivery, |_| {}), 2);
    assert_eq!(
        group.consumer(first).map(|first| (first.seen_time_ms, first.active_time_ms)),
        Some((100, Some(100)))
    );
    let (second, _) = group.see_consumer(b"second", 150);
    let mut check = |claim: Claim, expected: Option<(i64, u64)>| {
        let got = match group.claim(entries, id("1-1"), &claim) {
            ClaimOutcome::Claimed(nack) => Some((nack.delivery_time_ms, nack.delivery_count)),
            _ => None,
        };
        assert_eq!(got, expected, "{claim:?}");
    };
    let claim = |idle_min_ms, now_ms| Claim::new(second, idle_min_ms, now_ms);
    check(claim(51, 150), None);
    check(claim(50, 150), Some((150, 2)));
    check(claim(1, 150), None);
    check(Claim { justid: true, ..claim(0, 160) }, Some((160, 2)));
    check(Claim { delivery_time_ms: Some(90), ..claim(0, 160) }, Some((90, 3)));
    check(Claim { delivery_time_ms: Some(161), ..claim(0, 160) }, Some((160, 4)));
    check(Claim { delivery_time_ms: Some(-1), retry_count: Some(9), ..claim(0, 170) }, Some((170, 9)));
    assert_eq!(group.nack(id("1-1")).map(|nack| (nack.idle_ms(175), nack.idle_ms(100))), Some((5, 0)));
}

#[test]
fn a_restored_group_must_be_complete() {
    let mut group = Group::new(id("5-5"), Some(2));
    let consumer = group.restore_consumer(b"c", 10, Some(20)).expect("a new name");
    assert_eq!(group.restore_consumer(b"c", 10, None), None);
    assert_eq!(group.restore_pending(id("1-1"), 7, 3), Ok(()));
    assert_eq!(group.restore_pending(id("1-1"), 7, 3), Err(Malformed));
    assert!(!group.is_complete());
    assert_eq!(group.restore_owner(id("2-2"), consumer), Err(Malformed));
    assert_eq!(group.restore_owner(id("1-1"), consumer), Ok(()));
    assert_eq!(group.restore_owner(id("1-1"), consumer), Err(Malformed));
    assert!(group.is_complete());
    assert_eq!(group.nack(id("1-1")), Some(&Nack { delivery_time_ms: 7, delivery_count: 3, consumer }));
    assert_eq!(group.delete_consumer(consumer), 1);
    assert_eq!((group.pending_count(), group.consumer_count()), (0, 0));
}

#[test]
fn a_removed_consumer_leaves_its_number_to_the_next() {
    let mut group = Group::new(StreamId::MIN, None);
    let names = [&b"m"[..], b"z", b"a"];
    let numbers = names.map(|name| group.create_consumer(name, 0).expect("a new name"));
    group.delete_consumer(numbers[1]);
    assert_eq!(group.create_consumer(b"b", 0), Some(numbers[1]));
    let listed: Vec<&[u8]> = group.consumers().map(|(_, consumer)| consumer.name()).collect();
    assert_eq!(listed, [&b"a"[..], b"b", b"m"]);
}

#[test]
fn a_clone_of_groups_is_not_changed() {
    let mut stream = stream_of(&["1-1", "2-2"]);
    stream.groups_mut().create(b"g", StreamId::MIN, Some(0));
    let old = stream.clone();
    let (entries, groups) = stream.split_mut();
    let group = groups.get_mut(b"g").expect("just created");
    let (consumer, _) = group.see_consumer(b"c", 1);
    let delivery = Delivery { consumer, count: 0, noack: false, now_ms: 1 };
    assert_eq!(group.deliver_new(entries, &delivery, |_| {}), 2);
    let kept = old.groups().get(b"g").expect("kept");
    assert_eq!((kept.last_id, kept.pending_count(), kept.consumer_count()), (StreamId::MIN, 0, 0));
    assert_eq!((kept.lag(old.entries()), group.lag(entries)), (Some(2), Some(0)));
}

#[test]
fn memory_is_estimated() {
    let mut stream = Stream::new();
    for number in 1..=10_000 {
        let elements: [&[u8]; 2] = [b"field", &[b'v'; 30]];
        assert!(add(&mut stream, &format!("{number}"), &elements).is_ok());
    }
    let exact = stream.heap_bytes(0);
    assert!((10_000 * 36..10_000 * 50).contains(&exact), "{exact}");
    assert!(stream.heap_bytes(5).abs_diff(exact) < exact / 20);
    assert!((200..400).contains(&stream.effort()), "{}", stream.effort());
}
