//! How many elements commands go through that walk whole values: what is too much for a worker goes to the lane.

use crate::base::number;
use crate::engine::Keyspace;

/// KEYS: all keys.
pub(super) fn of_database(keys: &Keyspace<'_>, _argv: &[&[u8]]) -> usize {
    keys.store().estimated_keys(keys.db())
}

/// All elements of the first key.
pub(super) fn of_first(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    argv.get(1).map_or(0, |key| keys.elements(key))
}

/// All elements of all arguments, each a key.
pub(super) fn of_all(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    sum(keys, argv.get(1..))
}

/// The same, but for the first: the destination.
pub(super) fn of_sources(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    sum(keys, argv.get(2..))
}

/// All elements of as many keys as the first argument says.
pub(super) fn of_counted(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    sum(keys, counted(argv, 1))
}

/// The same behind a destination.
pub(super) fn of_counted_sources(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    sum(keys, counted(argv, 2))
}

/// As many elements as the range asks for: key, start, stop. A range of scores or names may be all, unless there is a LIMIT.
pub(super) fn of_range(keys: &Keyspace<'_>, argv: &[&[u8]]) -> usize {
    let [_, key, start, stop, options @ ..] = argv else { return 0 };
    let place = |word: &[u8]| options.iter().position(|option| option.eq_ignore_ascii_case(word));
    if place(b"byscore").or_else(|| place(b"bylex")).is_some() {
        let count = place(b"limit").and_then(|at| number::parse_i64(options.get(at + 2)?));
        let all = keys.elements(key);
        return count.and_then(|count| usize::try_from(count).ok()).map_or(all, |count| count.min(all));
    }
    let (Some(start), Some(stop)) = (number::parse_i64(start), number::parse_i64(stop)) else { return 0 };
    if (start < 0) == (stop < 0) && stop.saturating_sub(start) < 1000 {
        return 0;
    }
    let len = keys.elements(key) as i64;
    let place = |index: i64| if index < 0 { index.saturating_add(len) } else { index }.clamp(0, len);
    (place(stop) - place(start)).max(0) as usize
}

fn counted<'a>(argv: &'a [&'a [u8]], place: usize) -> Option<&'a [&'a [u8]]> {
    let count = argv.get(place).and_then(|count| number::parse_i64(count))?;
    argv.get(place + 1..)?.get(..usize::try_from(count).ok()?)
}

fn sum(keys: &Keyspace<'_>, named: Option<&[&[u8]]>) -> usize {
    named.unwrap_or_default().iter().map(|key| keys.elements(key)).sum()
}
