//! Lists: the packed form up to its limit, nodes after it. One operation is one element unless the name says otherwise.

mod support;

use std::hint::black_box;

use support::{Bench, texts};
use tartan::value::List;
use tartan::value::list::{End, ListLimits};

const LIMITS: ListLimits = ListLimits { max_listpack_size: -2 };

fn main() {
    let bench = Bench::of("list");
    for (form, count) in [("packed", 100), ("quicklist", bench.size(1_000_000))] {
        let elements = texts("element:", count);
        growing(&bench, form, &elements);
        reading(&bench, form, &elements);
        cloning(&bench, form, &elements);
    }
}

fn filled(elements: &[Vec<u8>]) -> List {
    let mut list = List::new();
    elements.iter().for_each(|element| list.push_back(element, LIMITS));
    list
}

fn growing(bench: &Bench, form: &str, elements: &[Vec<u8>]) {
    let count = elements.len();
    for end in [End::Front, End::Back] {
        bench.time_fresh(&format!("{form} push {end:?}"), count, List::new, |list| {
            for element in elements {
                list.push_all(end, std::iter::once(element.as_slice()), LIMITS);
            }
        });
        bench.time_fresh(
            &format!("{form} pop {end:?}"),
            count,
            || filled(elements),
            |list| {
                while let Some(element) = list.pop(end, LIMITS) {
                    black_box(element);
                }
            },
        );
    }
}

fn reading(bench: &Bench, form: &str, elements: &[Vec<u8>]) {
    let list = filled(elements);
    bench.time(&format!("{form} iterate"), elements.len(), || list.iter().map(black_box).count());
    bench.time(&format!("{form} LRANGE 0 99, whole"), 1, || {
        list.iter_from(0).take(100).map(black_box).count()
    });
    let middle = elements.len() / 2;
    bench.time(&format!("{form} LINDEX in the middle"), 1, || {
        list.get(middle as i64).map(black_box).is_some()
    });
}

fn cloning(bench: &Bench, form: &str, elements: &[Vec<u8>]) {
    let list = filled(elements);
    bench.time(&format!("{form} clone, whole"), 1, || list.clone());
    bench.time_fresh(
        &format!("{form} push after clone"),
        1,
        || (list.clone(), list.clone()),
        |(list, _)| {
            list.push_back(b"one more", LIMITS);
        },
    );
}
