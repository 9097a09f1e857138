//! Sorted sets: a listpack up to its limit, trees after it. One operation is one member unless the name says otherwise.

mod support;

use std::hint::black_box;

use support::{Bench, texts};
use tartan::value::ZSet;
use tartan::value::zset::{AddFlags, ScoreRange, ZSetLimits};

type Members = Vec<(f64, Vec<u8>)>;

fn main() {
    let bench = Bench::of("zset");
    for (form, count) in [("packed of 16", 16), ("packed of 128", 128), ("ranked", bench.size(200_000))] {
        let mut random = fastrand::Rng::with_seed(1);
        let members =
            texts("member:", count).into_iter().map(|member| (random.f64() * 1e6, member)).collect();
        writing(&bench, form, &members);
        reading(&bench, form, &members);
    }
}

/// A limit of 0 makes even a tiny set ranked.
fn limits(form: &str) -> ZSetLimits {
    ZSetLimits { listpack_entries_max: if form == "ranked" { 0 } else { 128 }, ..ZSetLimits::default() }
}

fn add_all(zset: &mut ZSet, form: &str, members: &Members, shift: f64) {
    let limits = limits(form);
    for (score, member) in members {
        black_box(zset.add(score + shift, member, AddFlags::default(), &limits));
    }
}

fn filled(form: &str, members: &Members) -> ZSet {
    let mut zset = ZSet::default();
    add_all(&mut zset, form, members, 0.0);
    zset
}

fn writing(bench: &Bench, form: &str, members: &Members) {
    bench.time(&format!("{form} add"), members.len(), || filled(form, members));
    let prepare = || filled(form, members);
    bench.time_fresh(&format!("{form} change score"), members.len(), prepare, |zset| {
        add_all(zset, form, members, 1000.0);
    });
    bench.time_fresh(&format!("{form} remove"), members.len(), prepare, |zset| {
        members.iter().filter_map(|(_, member)| zset.remove(member)).count()
    });
    bench.time_fresh(&format!("{form} pop the least"), members.len(), prepare, |zset| {
        members.iter().map(|_| zset.pop_min(1).len()).sum::<usize>()
    });
}

fn reading(bench: &Bench, form: &str, members: &Members) {
    let (zset, count) = (filled(form, members), members.len());
    bench.time(&format!("{form} score"), count, || {
        members.iter().filter_map(|(_, member)| zset.score(member)).sum::<f64>()
    });
    bench.time(&format!("{form} rank"), count, || {
        members.iter().filter_map(|(_, member)| zset.rank(member)).map(|(rank, _)| rank).sum::<usize>()
    });
    let middle = count / 2..(count / 2 + 10);
    bench.time(&format!("{form} ZRANGE of 10, whole"), 1, || {
        zset.range(middle.clone()).map(black_box).count()
    });
    if let Some(range) = ScoreRange::parse(b"500000", b"(500100") {
        bench.time(&format!("{form} ZCOUNT, whole"), 1, || zset.score_range(black_box(&range)).len());
    }
    bench.time(&format!("{form} iterate"), count, || zset.iter().map(black_box).count());
    bench.time(&format!("{form} clone, whole"), 1, || zset.clone());
}
