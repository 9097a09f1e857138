//! Intersection, union and difference of sets, in the encodings that Redis 7.2 gives to stored results.
//!
//! 1. An intersection walks the smallest set and asks the others, the small ones first. Stored, it begins as the smallest set is
//!    encoded, a table as a listpack, and becomes an intset in the end if it can.
//! 2. A union begins as an intset and grows.
//! 3. A difference has two ways. One walks the first set and asks the others, the big ones first: about as many steps as the
//!    first set has members, for each set; half of that is reckoned, because most members are found early. The other takes the
//!    first set whole and removes the members of the others: as many steps as there are members. It leaves the encoding that
//!    the first set needed.

use std::cmp::Reverse;

use crate::value::Set;
use crate::value::compact::listpack::{Item, Listpack};
use crate::value::set::{SetLimits, View};

/// The members that all sets have; none if one is missing.
pub fn intersection(sets: Vec<Option<&Set>>) -> impl Iterator<Item = Item<'_>> {
    let (first, rest) = smallest_first(sets);
    first.into_iter().flatten().filter(move |member| rest.iter().all(|set| set.contains_item(member)))
}

/// The intersection as a set of its own (rule 1).
pub fn intersection_set(sets: Vec<Option<&Set>>, limits: &SetLimits) -> Set {
    let mut result = match smallest_first(sets.clone()).0.map(Set::view) {
        None => return Set::new(),
        Some(View::Ints(_)) => Set::new(),
        Some(View::Packed(_) | View::Table(_)) => Set::from(Listpack::new()),
    };
    for member in intersection(sets) {
        member.with_bytes(|member| result.insert(member, limits));
    }
    result.shrink_to_ints(limits);
    result
}

/// The members that any set has (rule 2).
pub fn union(sets: &[Option<&Set>], limits: &SetLimits) -> Set {
    let mut result = Set::new();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        member.with_bytes(|member| result.insert(member, limits));
    }
    result
}

/// The members of the first set that no other has (rule 3).
pub fn difference(sets: &[Option<&Set>], limits: &SetLimits) -> Set {
    let Some((Some(first), rest)) = sets.split_first() else { return Set::new() };
    let rest: Vec<&Set> = rest.iter().copied().flatten().collect();
    if rest.iter().any(|set| std::ptr::eq(*set, *first)) {
        return Set::new();
    }
    let asking = first.len().saturating_mul(1 + rest.len()) / 2;
    let removing = first.len() + rest.iter().map(|set| set.len()).sum::<usize>();
    if asking <= removing {
        difference_by_asking(first, rest, limits)
    } else {
        difference_by_removing(first, &rest, limits)
    }
}

fn difference_by_asking(first: &Set, mut rest: Vec<&Set>, limits: &SetLimits) -> Set {
    rest.sort_by_key(|set| Reverse(set.len()));
    let mut result = Set::new();
    for member in first.iter().filter(|member| !rest.iter().any(|set| set.contains_item(member))) {
        member.with_bytes(|member| result.insert(member, limits));
    }
    result
}

fn difference_by_removing(first: &Set, rest: &[&Set], limits: &SetLimits) -> Set {
    let mut result = union(&[Some(first)], limits);
    for member in rest.iter().flat_map(|set| set.iter()) {
        if result.is_empty() {
            break;
        }
        member.with_bytes(|member| result.remove(member));
    }
    result
}

/// The smallest set and the others; none at all if one is missing. A set that is named twice is asked once.
fn smallest_first(sets: Vec<Option<&Set>>) -> (Option<&Set>, Vec<&Set>) {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<_>>>() else { return (None, Vec::new()) };
    sets.sort_by_key(|set| set.len());
    let Some(&first) = sets.first() else { return (None, Vec::new()) };
    sets.retain(|set| !std::ptr::eq(*set, first));
    (Some(first), sets)
}
