//! Streams: appending, ranges, consumer groups. One operation is one entry unless the name says otherwise.

mod support;

use std::hint::black_box;

use support::{Bench, texts};
use tartan::value::Stream;
use tartan::value::stream::{Delivery, NewId, StreamId, StreamLimits};

const GROUP: &[u8] = b"workers";
const NOW_MS: i64 = 1_700_000_000_000;

fn main() {
    let bench = Bench::of("stream");
    let count = bench.size(500_000);
    bench.time_fresh("append to an empty stream", count, Stream::new, |stream| append(stream, 0, count));
    let stream = filled(count);
    reading(&bench, &stream, count);
    delivering(&bench, &stream, bench.size(20_000));
    bench.time("clone, whole", 1, || stream.clone());
    bench.time_fresh(
        "append after clone",
        1,
        || (stream.clone(), stream.clone()),
        |(stream, _)| {
            append(stream, count, 1);
        },
    );
}

/// Entries whose fields have the same names, as in most streams.
fn append(stream: &mut Stream, start: usize, count: usize) {
    let (limits, sensors) = (StreamLimits::default(), texts("sensor:", 10));
    for number in start..start + count {
        let sensor = sensors[number % sensors.len()].as_slice();
        let fields: [(&[u8], &[u8]); 2] = [(b"temperature", b"21.5"), (b"sensor", sensor)];
        let id = NewId::Explicit(id(number));
        assert!(stream.entries_mut().append(id, fields.into_iter(), NOW_MS as u64, &limits).is_ok());
    }
}

fn id(number: usize) -> StreamId {
    StreamId::new(NOW_MS as u64 + number as u64, 0)
}

fn filled(count: usize) -> Stream {
    let mut stream = Stream::new();
    append(&mut stream, 0, count);
    stream
}

fn reading(bench: &Bench, stream: &Stream, count: usize) {
    let entries = stream.entries();
    let middle = id(count / 2);
    bench.time("iterate", count, || entries.range(StreamId::MIN, StreamId::MAX).map(black_box).count());
    bench.time("find one in the middle, whole", 1, || entries.contains(black_box(middle)));
    bench.time("XRANGE of 10 from the middle, whole", 1, || {
        entries.range(middle, StreamId::MAX).take(10).map(black_box).count()
    });
    bench.time("XREVRANGE of 10 from the end, whole", 1, || {
        entries.range_rev(StreamId::MIN, StreamId::MAX).take(10).map(black_box).count()
    });
}

/// XREADGROUP of 10 entries and XACK of each, until `count` have gone through.
fn delivering(bench: &Bench, stream: &Stream, count: usize) {
    let prepare = || {
        let mut stream = stream.clone();
        stream.groups_mut().create(GROUP, StreamId::MIN, Some(0));
        stream
    };
    bench.time_fresh("deliver to a group and acknowledge", count, prepare, |stream| {
        let (entries, groups) = stream.split_mut();
        let Some(group) = groups.get_mut(GROUP) else { return };
        let (consumer, _) = group.see_consumer(b"one", NOW_MS);
        let delivery = Delivery { consumer, count: 10, noack: false, now_ms: NOW_MS };
        for _ in 0..count / 10 {
            let mut delivered = Vec::with_capacity(10);
            group.deliver_new(entries, &delivery, |entry| delivered.push(entry.id));
            assert!(delivered.iter().all(|&id| group.acknowledge(id)));
        }
    });
}
