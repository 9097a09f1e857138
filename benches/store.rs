//! The key space: table, entries, locks. One operation is one key, or one lock set.

mod support;

use std::hint::black_box;

use support::{Bench, texts};
use tartan::base::hash::hash;
use tartan::store::{Entry, Locks, Mode, NewValue, Patience, Store, Table, Wanted};
use tartan::value::ValueRef;

/// As many requests as a pipeline has that are prefetched together.
const BATCH: usize = 16;

type Keys = Vec<(u64, Vec<u8>)>;

fn main() {
    let bench = Bench::of("store");
    let mut keys: Keys =
        texts("key:", bench.size(1_000_000)).into_iter().map(|key| (hash(&key), key)).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut keys);
    table(&bench, &keys);
    entries(&bench);
    locks(&bench);
    gets(&bench, &keys);
}

fn entry(key: &[u8]) -> Entry {
    Entry::new(key, NewValue::Text { bytes: &[b'x'; 32], raw: false }, None, 0)
}

fn filled(keys: &Keys) -> Table {
    let mut table = Table::default();
    fill(&mut table, keys);
    table
}

fn fill(table: &mut Table, keys: &Keys) {
    for (hash, key) in keys {
        black_box(table.insert(*hash, entry(key)));
    }
}

fn table(bench: &Bench, keys: &Keys) {
    let count = keys.len();
    let table = filled(keys);
    bench.time_fresh("table insert, 1M keys", count, Table::default, |table| fill(table, keys));
    bench.time("table find, 1M keys", count, || {
        keys.iter().filter(|(hash, key)| table.find(*hash, key).is_some()).count()
    });
    bench.time("table find, prefetched by 16", count, || {
        keys.chunks(BATCH).map(|batch| find_batch(&table, batch)).sum::<usize>()
    });
    bench.time("table find nothing", count, || {
        keys.iter().filter(|(hash, key)| table.find(hash.rotate_left(32), key).is_some()).count()
    });
    bench.time("table scan", count, || {
        let (mut position, mut seen) = (Some(0), 0);
        while let Some(at) = position {
            position = table.scan(at, &mut |_| seen += 1);
        }
        assert_eq!(seen, count);
    });
    bench.time_fresh(
        "table remove",
        count,
        || filled(keys),
        |table| keys.iter().filter_map(|(hash, key)| table.remove(*hash, key)).count(),
    );
}

fn find_batch(table: &Table, batch: &[(u64, Vec<u8>)]) -> usize {
    batch.iter().for_each(|(hash, _)| table.prefetch_bucket(*hash));
    batch.iter().for_each(|(hash, _)| table.prefetch_entry(*hash));
    batch.iter().filter(|(hash, key)| table.find(*hash, key).is_some()).count()
}

fn entries(bench: &Bench) {
    let times = bench.size(10_000);
    let overwrite = |name: &str, lengths: [usize; 2]| {
        let values = lengths.map(|len| vec![b'x'; len]);
        let mut entry = entry(b"key:000000000001");
        bench.time(name, times, || {
            for value in values.iter().cycle().take(times) {
                drop(entry.set_value(NewValue::Text { bytes: value, raw: false }));
            }
        });
    };
    overwrite("entry overwrite, same size", [32, 32]);
    overwrite("entry overwrite, in place", [30, 40]);
    overwrite("entry overwrite, new allocation", [20, 100]);
    overwrite("entry overwrite, 16 KB", [16_384, 16_384]);
    bench.time("entry new and drop", times, || {
        (0..times).for_each(|_| drop(black_box(entry(b"key:000000000001"))))
    });
}

fn locks(bench: &Bench) {
    let locks = Locks::new(1024);
    let times = bench.size(10_000);
    for mode in [Mode::Read, Mode::Write] {
        bench.time(&format!("lock one, {mode:?}"), times, || {
            (0..times).for_each(|index| drop(black_box(locks.lock(index % 1024, mode))));
        });
        bench.time(&format!("lock a set of 5, {mode:?}"), times, || {
            for index in 0..times {
                let mut wanted: Wanted =
                    (0..5).map(|place| ((index * 7 + place * 191) % 1024, mode)).collect();
                drop(black_box(locks.lock_wanted(&mut wanted, Patience::Endless)));
            }
        });
        let all = bench.size(100);
        bench.time(&format!("lock all of 1024, {mode:?}"), all, || {
            (0..all).for_each(|_| drop(black_box(locks.hold_all(mode))));
        });
    }
}

/// What a GET and a SET do under their lock, by one thread and by two at once: how much slower two are is what they share.
fn gets(bench: &Bench, keys: &Keys) {
    let store = Store::new(2);
    keys.iter().for_each(|(hash, key)| set(&store, *hash, key));
    let (one, two) = keys.split_at(keys.len() / 2);
    bench.time("get of 1M, 1 thread", one.len(), || get_all(&store, one));
    bench.time("get of 1M, each of 2 threads", one.len(), || {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| get_all(&store, two));
            (get_all(&store, one), other.join().is_ok())
        })
    });
    bench.time("set of 1M, 1 thread", one.len(), || set_all(&store, one));
    bench.time("set of 1M, each of 2 threads", one.len(), || {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| set_all(&store, two));
            (set_all(&store, one), other.join().is_ok())
        })
    });
}

fn get_all(store: &Store, keys: &[(u64, Vec<u8>)]) -> usize {
    let get = |(hash, key): &(u64, Vec<u8>)| {
        let guard = store.locks().lock(store.stripe_of(*hash), Mode::Read);
        let value = guard.stripe().db(0)?.find(*hash, key)?.value();
        if let ValueRef::Text(bytes) = value { Some(bytes.len()) } else { None }
    };
    keys.iter().filter_map(get).sum()
}

fn set_all(store: &Store, keys: &[(u64, Vec<u8>)]) {
    keys.iter().for_each(|(hash, key)| set(store, *hash, key));
}

fn set(store: &Store, hash: u64, key: &[u8]) {
    let mut guard = store.locks().lock(store.stripe_of(hash), Mode::Write);
    if let Some(stripe) = guard.stripe_mut() {
        drop(stripe.db_mut(0).set_value(hash, key, NewValue::Text { bytes: &[b'x'; 32], raw: false }, 0));
    }
}
