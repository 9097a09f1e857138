//! Sorting no more of a slice than is wanted: quicksort after Bentley and McIlroy, "Engineering a Sort Function" (1993), that
//! leaves alone the parts that hold nothing wanted.
//!
//! Where elements are equal their order shows in replies, and Redis sorts in this way when a LIMIT or COUNT cuts the result. So
//! pivots and exchanges are exactly those of the paper: the middle of seven, the median of three up to forty, the median of
//! three medians above; three-way partition that collects what equals the pivot at both ends.

use std::cmp::Ordering;
use std::ops::Range;

/// Slices shorter than this are sorted by insertion.
const INSERTION_MAX: usize = 7;
/// Above this the pivot comes from nine elements.
const MEDIAN_OF_THREE_MAX: usize = 40;

/// Puts the elements into order whose places are in `wanted`; the others are somewhere on their side of them.
pub fn sort_range<T>(items: &mut [T], wanted: Range<usize>, compare: &impl Fn(&T, &T) -> Ordering) {
    let (mut items, mut wanted) = (items, wanted);
    loop {
        if items.len() < INSERTION_MAX {
            return insertion_sort(items, compare);
        }
        let pivot = choose_pivot(items, compare);
        items.swap(0, pivot);
        let (less, greater) = partition(items, compare);
        if less > 1 && wanted.start < less {
            sort_range(&mut items[..less], wanted.clone(), compare);
        }
        let first = items.len() - greater;
        if greater < 2 || wanted.end <= first {
            return;
        }
        items = &mut items[first..];
        wanted = wanted.start.saturating_sub(first)..wanted.end - first;
    }
}

fn insertion_sort<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut place = end;
        while place > 0 && compare(&items[place - 1], &items[place]).is_gt() {
            items.swap(place - 1, place);
            place -= 1;
        }
    }
}

fn choose_pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let last = items.len() - 1;
    let (mut low, mut middle, mut high) = (0, items.len() / 2, last);
    if items.len() == INSERTION_MAX {
        return middle;
    }
    if items.len() > MEDIAN_OF_THREE_MAX {
        let step = items.len() / 8;
        low = median(items, [0, step, 2 * step], compare);
        middle = median(items, [middle - step, middle, middle + step], compare);
        high = median(items, [last - 2 * step, last - step, last], compare);
    }
    median(items, [low, middle, high], compare)
}

fn median<T>(items: &[T], [a, b, c]: [usize; 3], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let compare = |left: usize, right: usize| compare(&items[left], &items[right]);
    if compare(a, b).is_lt() {
        match () {
            () if compare(b, c).is_lt() => b,
            () if compare(a, c).is_lt() => c,
            () => a,
        }
    } else {
        match () {
            () if compare(b, c).is_gt() => b,
            () if compare(a, c).is_lt() => a,
            () => c,
        }
    }
}

/// Moves what is less than the first element to the front and what is greater to the back; how many there are of each.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    // Equal, less, unknown, greater, equal: the borders between these.
    let (mut equal_before, mut left) = (1, 1);
    let (mut right, mut equal_after) = (items.len(), items.len());
    loop {
        while left < right {
            match compare(&items[left], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_before, left);
                    equal_before += 1;
                }
                Ordering::Less => {}
            }
            left += 1;
        }
        while left < right {
            match compare(&items[right - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    equal_after -= 1;
                    items.swap(right - 1, equal_after);
                }
                Ordering::Greater => {}
            }
            right -= 1;
        }
        if left >= right {
            break;
        }
        right -= 1;
        items.swap(left, right);
        left += 1;
    }
    let (less, greater) = (left - equal_before, equal_after - right);
    exchange(&mut items[..left], equal_before.min(less));
    let moved = greater.min(items.len() - equal_after);
    exchange(&mut items[left..], moved);
    (less, greater)
}

/// Exchanges the first `count` elements with the last ones.
fn exchange<T>(items: &mut [T], count: usize) {
    let (head, tail) = items.split_at_mut(items.len() - count);
    head[..count].swap_with_slice(tail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_wanted_part_is_that_of_the_whole(
            numbers in prop::collection::vec(0u16..300, 0..200),
            ends in any::<(usize, usize)>(),
        ) {
            let (a, b) = (ends.0 % (numbers.len() + 1), ends.1 % (numbers.len() + 1));
            let wanted = a.min(b)..a.max(b);
            let (mut part, mut whole) = (numbers.clone(), numbers);
            sort_range(&mut part, wanted.clone(), &u16::cmp);
            whole.sort_unstable();
            prop_assert_eq!(&part[wanted.clone()], &whole[wanted]);
            part.sort_unstable();
            prop_assert_eq!(part, whole);
        }

        #[test]
        fn no_order_at_all_does_no_harm(numbers in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut sorted = numbers.clone();
            let len = sorted.len();
            sort_range(&mut sorted, 0..len, &|a: &u8, b: &u8| (a ^ b).wrapping_mul(31).cmp(&100));
            sorted.sort_unstable();
            let mut numbers = numbers;
            numbers.sort_unstable();
            prop_assert_eq!(sorted, numbers);
        }
    }
}
