//! Decides whether a concurrent history of calls could have been produced by executing them one at a time.
//!
//! The search is Wing and Gong's with Lowe's memory: a call may come next when no other open call returned before it was
//! made; try it on the model, and go on with the rest. A set of calls already placed together with the state it led to is
//! never entered twice, which keeps the search small for the few keys and clients that the tests record.

use std::collections::HashSet;
use std::hash::Hash;

/// What the calls of a history mean.
pub trait Model {
    type State: Clone + Eq + Hash;
    type Call;

    fn initial(&self) -> Self::State;

    /// The state after `call`, or nothing when its recorded result cannot come from `state`.
    fn apply(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;
}

/// A call with its result, and the times (in any one unit) at which it was made and at which it returned.
#[derive(Clone, Debug)]
pub struct Event<C> {
    pub made: u64,
    pub returned: u64,
    pub call: C,
}

/// True when some order of the events respects both time and the model.
pub fn is_linearizable<M: Model>(model: &M, events: &[Event<M::Call>]) -> bool {
    let mut search =
        Search { model, events, placed: vec![0; events.len().div_ceil(64)], seen: HashSet::new() };
    search.from(model.initial(), events.len())
}

struct Search<'a, M: Model> {
    model: &'a M,
    events: &'a [Event<M::Call>],
    placed: Vec<u64>,
    seen: HashSet<(Vec<u64>, M::State)>,
}

impl<M: Model> Search<'_, M> {
    fn from(&mut self, state: M::State, open: usize) -> bool {
        if open == 0 {
            return true;
        }
        if !self.seen.insert((self.placed.clone(), state.clone())) {
            return false;
        }
        let events = self.events;
        let first_return = self.open().map(|at| events[at].returned).min().unwrap_or(u64::MAX);
        let next: Vec<usize> = self.open().filter(|&at| events[at].made <= first_return).collect();
        for at in next {
            if let Some(after) = self.model.apply(&state, &events[at].call) {
                self.placed[at / 64] |= 1 << (at % 64);
                if self.from(after, open - 1) {
                    return true;
                }
                self.placed[at / 64] &= !(1 << (at % 64));
            }
        }
        false
    }

    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.events.len()).filter(|at| self.placed[at / 64] >> (at % 64) & 1 == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One register that starts at 0: `(true, n)` writes n, `(false, n)` read n.
    struct Register;

    impl Model for Register {
        type State = i64;
        type Call = (bool, i64);

        fn initial(&self) -> i64 {
            0
        }

        fn apply(&self, state: &i64, &(write, value): &(bool, i64)) -> Option<i64> {
            if write { Some(value) } else { (*state == value).then_some(value) }
        }
    }

    fn check(events: &[(u64, u64, bool, i64)], expected: bool) {
        let events: Vec<_> = events
            .iter()
            .map(|&(made, returned, write, value)| Event { made, returned, call: (write, value) })
            .collect();
        assert_eq!(is_linearizable(&Register, &events), expected, "{events:?}");
    }

    #[test]
    fn histories_of_a_register() {
        check(&[], true);
        check(&[(0, 1, true, 1), (2, 3, false, 1)], true);
        // A read that returns after the write began may see either value while both are open.
        check(&[(0, 10, true, 1), (1, 2, false, 0), (3, 4, false, 1)], true);
        // Stale: the write had returned before the read was made.
        check(&[(0, 1, true, 1), (2, 3, false, 0)], false);
        // New, then old again.
        check(&[(0, 10, true, 1), (1, 2, false, 1), (3, 4, false, 0)], false);
        // A value nobody wrote.
        check(&[(0, 1, true, 1), (0, 1, false, 7)], false);
        // Two writes that overlap may take either order, but one for all readers.
        check(&[(0, 9, true, 1), (0, 9, true, 2), (10, 11, false, 1), (12, 13, false, 1)], true);
        check(&[(0, 9, true, 1), (0, 9, true, 2), (10, 11, false, 1), (12, 13, false, 2)], false);
    }
}
