//! How stripes are locked.
//!
//! Rules (design 2.2 to 2.5), which together exclude deadlock:
//! 1. *One stripe*: waited for in place, nothing else being held.
//! 2. *Several*: the first is waited for, the rest are only tried; when one is taken, all are released and the next round starts
//!    by waiting for that one. So nobody holds a stripe while waiting for another.
//! 3. After [`ROUNDS_MAX`] failed rounds the command takes the *token* and waits for its stripes in index order while holding:
//!    there is one token, so there is one such waiter at most, and all whom it waits for finish without waiting (1, 2).
//! 4. *All stripes*: the token first, then every stripe in index order, as in 3.
//!
//! Guards are given back in any order. They are plain parking_lot guards: not `Send`, so the compiler keeps them out of
//! futures that move, and `await_holding_lock` out of the others.

use smallvec::SmallVec;

use super::Stripe;
use crate::base::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Rounds of trying before a command asks for the token.
const ROUNDS_MAX: usize = 8;

/// Whether a stripe is wanted shared or alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Shared with other readers.
    Read,
    /// Alone.
    Write,
}

/// A stripe's lock in a cache line (pair) of its own.
#[repr(align(128))]
#[derive(Default)]
pub struct Cell(RwLock<Stripe>);

/// The locks of all stripes and the token.
pub struct Locks {
    cells: Box<[Cell]>,
    token: Mutex<()>,
}

/// A held stripe.
pub enum Guard<'a> {
    /// Held with other readers.
    Read(RwLockReadGuard<'a, Stripe>),
    /// Held alone.
    Write(RwLockWriteGuard<'a, Stripe>),
}

/// Which stripes a command holds.
pub enum Held<'a> {
    /// None.
    Nothing,
    /// One, by its index.
    One(usize, Guard<'a>),
    /// Several, by ascending index.
    Many(Vec<(usize, Guard<'a>)>),
    /// Every one, and the token.
    All(Vec<Guard<'a>>, MutexGuard<'a, ()>),
}

/// The stripes a command wants: index and mode.
pub type Wanted = SmallVec<[(usize, Mode); 8]>;

impl Guard<'_> {
    /// The stripe, shared.
    #[inline]
    pub fn stripe(&self) -> &Stripe {
        match self {
            Self::Read(guard) => guard,
            Self::Write(guard) => guard,
        }
    }

    /// The stripe, to be changed; None when it is held with others.
    #[inline]
    pub fn stripe_mut(&mut self) -> Option<&mut Stripe> {
        match self {
            Self::Read(_) => None,
            Self::Write(guard) => Some(guard),
        }
    }
}

impl Locks {
    /// `count` open locks over empty stripes.
    pub fn new(count: usize) -> Self {
        Self { cells: (0..count).map(|_| Cell::default()).collect(), token: Mutex::new(()) }
    }

    /// Number of stripes.
    #[inline]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are no stripes (there always are).
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Locks one stripe (rule 1).
    #[inline]
    pub fn lock(&self, index: usize, mode: Mode) -> Guard<'_> {
        match mode {
            Mode::Read => Guard::Read(self.cells[index].0.read()),
            Mode::Write => Guard::Write(self.cells[index].0.write()),
        }
    }

    /// A shared lock if nobody writes; for hints only.
    #[inline]
    pub fn try_read(&self, index: usize) -> Option<RwLockReadGuard<'_, Stripe>> {
        self.cells[index].0.try_read()
    }

    /// Locks all that is wanted, in any order and with repetitions (rules 1 to 3).
    pub fn lock_wanted(&self, wanted: &mut Wanted) -> Held<'_> {
        merge(wanted);
        match wanted.as_slice() {
            [] => Held::Nothing,
            &[(index, mode)] => Held::One(index, self.lock(index, mode)),
            several => Held::Many(self.lock_several(several)),
        }
    }

    /// Locks every stripe (rule 4).
    pub fn lock_all(&self, mode: Mode) -> Held<'_> {
        let token = self.token.lock();
        Held::All((0..self.len()).map(|index| self.lock(index, mode)).collect(), token)
    }

    fn lock_several(&self, wanted: &[(usize, Mode)]) -> Vec<(usize, Guard<'_>)> {
        let mut first = 0;
        for _ in 0..ROUNDS_MAX {
            match self.try_several(wanted, first) {
                Ok(guards) => return guards,
                Err(taken) => first = taken,
            }
        }
        let _token = self.token.lock();
        wanted.iter().map(|&(index, mode)| (index, self.lock(index, mode))).collect()
    }

    /// One round: waits for the stripe at `first` in `wanted`, tries the others; `Err` says which one was taken.
    fn try_several(&self, wanted: &[(usize, Mode)], first: usize) -> Result<Vec<(usize, Guard<'_>)>, usize> {
        let (index, mode) = wanted[first];
        let mut waited_for = Some(self.lock(index, mode));
        let mut guards = Vec::with_capacity(wanted.len());
        for (place, &(index, mode)) in wanted.iter().enumerate() {
            let guard = match waited_for.take_if(|_| place == first) {
                Some(guard) => guard,
                None => self.try_lock(index, mode).ok_or(place)?,
            };
            guards.push((index, guard));
        }
        Ok(guards)
    }

    fn try_lock(&self, index: usize, mode: Mode) -> Option<Guard<'_>> {
        let cell = &self.cells[index].0;
        match mode {
            Mode::Read => cell.try_read().map(Guard::Read),
            Mode::Write => cell.try_write().map(Guard::Write),
        }
    }
}

/// Sorts by index and keeps the stronger mode of each.
fn merge(wanted: &mut Wanted) {
    if wanted.len() < 2 {
        return;
    }
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    wanted.dedup_by_key(|(index, _)| *index);
}

impl Held<'_> {
    /// A held stripe. None when this stripe is not among those held: the command's key positions are wrong then.
    #[inline]
    pub fn stripe(&self, index: usize) -> Option<&Stripe> {
        match self {
            Self::One(held, guard) if *held == index => Some(guard.stripe()),
            Self::Many(guards) => {
                let place = guards.binary_search_by_key(&index, |(held, _)| *held).ok()?;
                Some(guards[place].1.stripe())
            }
            Self::All(guards, _) => guards.get(index).map(Guard::stripe),
            _ => None,
        }
    }

    /// As [`Held::stripe`], to be changed; None also when it is held for reading.
    #[inline]
    pub fn stripe_mut(&mut self, index: usize) -> Option<&mut Stripe> {
        match self {
            Self::One(held, guard) if *held == index => guard.stripe_mut(),
            Self::Many(guards) => {
                let place = guards.binary_search_by_key(&index, |(held, _)| *held).ok()?;
                guards[place].1.stripe_mut()
            }
            Self::All(guards, _) => guards.get_mut(index)?.stripe_mut(),
            _ => None,
        }
    }

    /// Visits every stripe that is held.
    pub fn each(&self, visit: &mut dyn FnMut(&Stripe)) {
        match self {
            Self::Nothing => {}
            Self::One(_, guard) => visit(guard.stripe()),
            Self::Many(guards) => guards.iter().for_each(|(_, guard)| visit(guard.stripe())),
            Self::All(guards, _) => guards.iter().for_each(|guard| visit(guard.stripe())),
        }
    }

    /// Visits every stripe that is held for writing.
    pub fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Stripe)) {
        match self {
            Self::Nothing => {}
            Self::One(_, guard) => guard.stripe_mut().into_iter().for_each(visit),
            Self::Many(guards) => {
                guards.iter_mut().filter_map(|(_, guard)| guard.stripe_mut()).for_each(visit)
            }
            Self::All(guards, _) => guards.iter_mut().filter_map(Guard::stripe_mut).for_each(visit),
        }
    }

    /// Whether every stripe is held.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_stripes_are_merged() {
        use Mode::{Read, Write};
        let mut wanted: Wanted =
            [(5, Read), (2, Write), (5, Write), (2, Read), (9, Read)].into_iter().collect();
        merge(&mut wanted);
        assert_eq!(wanted.as_slice(), [(2, Write), (5, Write), (9, Read)]);
    }

    #[cfg(not(tartan_loom))]
    #[test]
    fn what_is_held_can_be_reached_and_nothing_else() {
        let locks = Locks::new(16);
        let mut wanted: Wanted = [(3, Mode::Write), (7, Mode::Read)].into_iter().collect();
        let mut held = locks.lock_wanted(&mut wanted);
        assert!(held.stripe(3).is_some() && held.stripe(7).is_some() && held.stripe(4).is_none());
        assert!(held.stripe_mut(3).is_some() && held.stripe_mut(7).is_none());
        drop(held);
        assert!(locks.lock_all(Mode::Write).is_all());
    }
}

#[cfg(all(test, tartan_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    fn transfer(locks: &Locks, from: usize, to: usize) {
        let mut wanted: Wanted = [(from, Mode::Write), (to, Mode::Write)].into_iter().collect();
        let mut held = locks.lock_wanted(&mut wanted);
        for (index, marks) in [(from, 1), (to, 1)] {
            let stripe = held.stripe_mut(index).expect("locked");
            let _ = stripe.db_mut(marks);
        }
    }

    /// Two commands that want the same stripes in opposite orders, and one that wants all: no deadlock, in any order.
    #[test]
    fn loom_opposite_orders_and_the_whole_store() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(|| {
            let locks = Arc::new(Locks::new(2));
            let one = {
                let locks = locks.clone();
                thread::spawn(move || transfer(&locks, 0, 1))
            };
            let two = {
                let locks = locks.clone();
                thread::spawn(move || drop(locks.lock_all(Mode::Write)))
            };
            transfer(&locks, 1, 0);
            one.join().expect("no panic");
            two.join().expect("no panic");
        });
    }
}
