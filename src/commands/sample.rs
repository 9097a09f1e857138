//! What HRANDFIELD, SRANDMEMBER and ZRANDMEMBER share: drawing random elements.
//!
//! A negative count asks for that many draws, each from all elements; a positive one for distinct elements, all of them if there
//! are no more. Distinct ones are picked in one pass when the collection is small or a good part of it is wanted, else by drawing
//! distinct indices (Floyd).

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::resp::Reply;

/// Up to here a pass over all elements is cheap.
const PASS_LEN_MAX: usize = 512;
/// A pass is also taken when at least one of so many elements is wanted.
const PASS_SHARE: usize = 8;

/// How many elements [`draw`] will visit.
pub fn drawn(count: i64, len: usize) -> usize {
    match usize::try_from(count) {
        Ok(count) => count.min(len),
        Err(_) if len == 0 => 0,
        Err(_) => count.unsigned_abs() as usize,
    }
}

/// Visits random elements of a collection of `len`, given as an iterator and by index, until one visit says that it is enough.
pub fn draw<T>(
    count: i64,
    len: usize,
    all: impl Iterator<Item = T>,
    nth: impl Fn(usize) -> Option<T>,
    visit: impl FnMut(T) -> ControlFlow<()>,
) {
    let (mut rng, wanted) = (fastrand::Rng::new(), drawn(count, len));
    let _ = if count < 0 {
        (0..wanted).filter_map(|_| nth(rng.usize(..len))).try_for_each(visit)
    } else if len <= PASS_LEN_MAX || wanted >= len / PASS_SHARE {
        pick(wanted, len, all, &mut rng).try_for_each(visit)
    } else {
        distinct_indices(wanted, len, &mut rng).into_iter().filter_map(nth).try_for_each(visit)
    };
}

/// What a visit says that has written to `reply`: a negative count may ask for more than the client is allowed.
pub fn enough(reply: &Reply) -> ControlFlow<()> {
    if reply.is_too_long() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Selection sampling: an element is taken with the probability of what is still wanted among what is still to come.
fn pick<T>(
    mut wanted: usize,
    mut left: usize,
    all: impl Iterator<Item = T>,
    rng: &mut fastrand::Rng,
) -> impl Iterator<Item = T> {
    all.filter(move |_| {
        let taken = rng.usize(..left.max(1)) < wanted;
        left = left.saturating_sub(1);
        wanted -= usize::from(taken);
        taken
    })
}

/// Floyd's algorithm: each round adds one index, uniformly, and there is no retry.
fn distinct_indices(wanted: usize, len: usize, rng: &mut fastrand::Rng) -> HashSet<usize> {
    let mut indices = HashSet::with_capacity(wanted);
    for end in len - wanted..len {
        let index = rng.usize(..=end);
        if !indices.insert(index) {
            indices.insert(end);
        }
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn_from(count: i64, len: usize) -> Vec<usize> {
        let mut found = Vec::new();
        draw(count, len, 0..len, Some, |element| {
            found.push(element);
            ControlFlow::Continue(())
        });
        assert_eq!(found.len(), drawn(count, len));
        found
    }

    #[test]
    fn positive_counts_draw_distinct_elements() {
        for (count, len) in [(0, 0), (5, 0), (0, 9), (3, 9), (9, 9), (20, 9), (10, 5000), (2000, 5000)] {
            let found = drawn_from(count, len);
            assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len(), "{count} of {len}");
            assert!(found.iter().all(|element| *element < len));
        }
    }

    #[test]
    fn negative_counts_draw_as_often_as_asked() {
        assert_eq!(drawn_from(-100, 3).len(), 100);
        assert_eq!(drawn_from(-100, 0).len(), 0);
    }

    #[test]
    fn every_element_is_equally_likely() {
        for (count, len) in [(5, 20), (-5, 20), (20, 1000)] {
            let mut hits = vec![0; len];
            let rounds = 400 * len / drawn(count, len);
            (0..rounds)
                .for_each(|_| drawn_from(count, len).into_iter().for_each(|element| hits[element] += 1));
            assert!(hits.iter().all(|hits| (280..520).contains(hits)), "{hits:?}");
        }
    }
}
