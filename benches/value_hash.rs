//! Hashes: a listpack up to its limit, a table after it. One operation is one field unless the name says otherwise.

mod support;

use std::hint::black_box;

use support::{Bench, texts};
use tartan::value::Hash;
use tartan::value::hash::HashLimits;

fn main() {
    let bench = Bench::of("hash");
    for (form, count) in [("packed of 16", 16), ("packed of 128", 128), ("table", bench.size(500_000))] {
        let mut fields = texts("field:", count);
        fastrand::Rng::with_seed(1).shuffle(&mut fields);
        writing(&bench, form, &fields);
        reading(&bench, form, &fields);
    }
}

/// Long enough that a table of any size stays a table under tiny runs too.
fn limits(form: &str) -> HashLimits {
    HashLimits { listpack_entries_max: if form == "table" { 0 } else { 512 }, ..HashLimits::default() }
}

fn filled(form: &str, fields: &[Vec<u8>]) -> Hash {
    let (mut hash, limits) = (Hash::new(), limits(form));
    for field in fields {
        black_box(hash.set(field, b"some value", &limits));
    }
    hash
}

fn writing(bench: &Bench, form: &str, fields: &[Vec<u8>]) {
    let limits = limits(form);
    bench.time(&format!("{form} set new"), fields.len(), || filled(form, fields));
    let mut hash = filled(form, fields);
    bench.time(&format!("{form} set again"), fields.len(), || {
        fields.iter().filter(|field| hash.set(field, b"other value", &limits)).count()
    });
    bench.time_fresh(
        &format!("{form} remove"),
        fields.len(),
        || filled(form, fields),
        |hash| fields.iter().filter(|field| hash.remove(field)).count(),
    );
    bench.time_fresh(
        &format!("{form} set after clone"),
        1,
        || (hash.clone(), hash.clone()),
        |(hash, _)| hash.set(&fields[0], b"third value", &limits),
    );
}

fn reading(bench: &Bench, form: &str, fields: &[Vec<u8>]) {
    let hash = filled(form, fields);
    bench.time(&format!("{form} get"), fields.len(), || {
        fields.iter().filter(|field| hash.get(field).map(black_box).is_some()).count()
    });
    bench.time(&format!("{form} iterate"), fields.len(), || hash.iter().map(black_box).count());
    bench.time(&format!("{form} scan"), fields.len(), || {
        let (mut cursor, mut seen) = (0, 0);
        loop {
            cursor = hash.scan(cursor, |_, _| seen += 1);
            if cursor == 0 {
                return seen;
            }
        }
    });
    bench.time(&format!("{form} clone, whole"), 1, || hash.clone());
}
