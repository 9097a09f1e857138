//! How stripes are locked.
//!
//! Rules (design 2.2 to 2.5), which together exclude deadlock:
//! 1. *One stripe*: waited for in place, nothing else being held.
//! 2. *Several*: the first is waited for, the rest are only tried; when one is taken, all are released and the next round starts
//!    by waiting for that one. So nobody holds a stripe while waiting for another.
//! 3. After [`ROUNDS_MAX`] failed rounds the command becomes the *owner of the token* and waits for its stripes in index order
//!    while holding: there is one token, so there is one such waiter at most, and all whom it waits for finish without waiting
//!    (1, 2).
//! 4. *All stripes*: the token first, then every stripe in index order, as in 3.
//! 5. *A script that can't name its keys*, or a SORT by what other keys hold, owns the token and takes each stripe when it first
//!    reaches for it.
//!
//! Only the owner of the token holds a stripe for longer than a moment, and marks those it holds. So waiting in place is short,
//! but for marked stripes and for the token; a worker waits for neither (design 2.10):
//! 6. Who meets a mark, or finds the token taken, *parks*: it leaves an errand and goes on with something else. When the owner
//!    lets go, it (or the lane, if it has no time) runs the errands, first those that met its marks, then those that want the
//!    token. Marks are looked at again under the token's lock before an errand is left there, and the owner takes them away
//!    before it collects errands under the same lock: none is forgotten.
//! 7. Threads that have nothing else to do wait for the token in place; while they do, nobody else takes it.
//! 8. A worker that has several scripts at hand may keep the token between them ([`Locks::lease`]), for a moment and without any
//!    stripe. Its scripts own what they reach under the lease.
//!
//! Guards are given back in any order. They are plain parking_lot guards: not `Send`, so the compiler keeps them out of
//! futures that move, and `await_holding_lock` out of the others.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::Stripe;
use crate::base::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::base::sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Rounds of trying before a command asks for the token.
const ROUNDS_MAX: usize = 8;
/// How long somebody waits in place for a stripe before it looks whether that is marked.
const PATIENCE: Duration = Duration::from_micros(100);

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
pub struct Cell {
    stripe: RwLock<Stripe>,
    /// Held by the owner of the token.
    marked: AtomicBool,
}

/// What somebody leaves who would have to wait: the engine knows what it is.
pub type Parked = Arc<dyn Any + Send + Sync>;

/// The locks of all stripes and the token.
pub struct Locks {
    cells: Box<[Cell]>,
    token: Token,
}

/// The right to wait while holding, and what others have left with it.
#[derive(Default)]
struct Token {
    state: Mutex<TokenState>,
    freed: Condvar,
    /// Errands that can be run.
    runnable: AtomicUsize,
    /// Called when errands are there to be run and nobody runs them.
    run: Mutex<Option<Box<dyn Fn() + Send>>>,
}

#[derive(Default)]
struct TokenState {
    taken: bool,
    /// Threads that wait in place.
    sleepers: usize,
    /// Errands that met a mark of the present owner.
    parked: VecDeque<Parked>,
    /// Errands that met a mark of a former owner.
    ready: VecDeque<Parked>,
    /// Errands that want the token.
    wanting: VecDeque<Parked>,
}

/// Who does the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A thread that has nothing else to do: waits as long as it takes.
    Endless,
    /// A worker: parks rather than wait for a slow owner, and runs errands when it lets go itself.
    Worker,
    /// A thread of the lane: as a worker, but where it visits stripes one by one it waits a while for each.
    Lane,
}

/// Why a worker is to park.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// This stripe is marked.
    Stripe(usize),
    /// The token is taken.
    Token,
}

/// The token, owned.
pub struct Ownership<'a> {
    token: &'a Token,
    /// Whether the owner looks for errands when it has let go.
    runs_errands: bool,
}

/// Stripes that the owner of the token holds.
pub struct Owned<'a> {
    locks: &'a Locks,
    /// By ascending index.
    guards: Vec<(usize, Guard<'a>)>,
    /// None under a lease.
    _ownership: Option<Ownership<'a>>,
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
    /// Several or all, and the token.
    Owned(Owned<'a>),
    /// None: copies of the keys, in a stripe of their own.
    Copied(Box<Stripe>),
    /// Those of a script or transaction, lent to one of its commands.
    Lent(&'a mut (dyn Stripes + 'a)),
}

/// Access to stripes that are held.
pub trait Stripes {
    /// A held stripe. None when this stripe is not among those held: the command's key positions are wrong then.
    fn stripe(&self, index: usize) -> Option<&Stripe>;
    /// As [`Stripes::stripe`], to be changed; None also when it is held for reading.
    fn stripe_mut(&mut self, index: usize) -> Option<&mut Stripe>;
    /// Visits every stripe that is held.
    fn each(&self, visit: &mut dyn FnMut(&Stripe));
    /// Visits every stripe that is held for writing.
    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Stripe));
    /// Whether every stripe is held.
    fn is_all(&self) -> bool;
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
        Self { cells: (0..count).map(|_| Cell::default()).collect(), token: Token::default() }
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

    /// Locks one stripe, however long that takes (rule 1).
    pub fn lock(&self, index: usize, mode: Mode) -> Guard<'_> {
        match mode {
            Mode::Read => Guard::Read(self.cells[index].stripe.read()),
            Mode::Write => Guard::Write(self.cells[index].stripe.write()),
        }
    }

    /// Locks one stripe unless it is marked.
    ///
    /// # Errors
    /// That it is (rule 6).
    #[inline]
    pub fn lock_soon(&self, index: usize, mode: Mode) -> Result<Guard<'_>, Busy> {
        let cell = &self.cells[index];
        loop {
            let guard = match mode {
                Mode::Read => cell.stripe.try_read_for(PATIENCE).map(Guard::Read),
                Mode::Write => cell.stripe.try_write_for(PATIENCE).map(Guard::Write),
            };
            match guard {
                Some(guard) => return Ok(guard),
                None if cell.marked.load(Ordering::Relaxed) => return Err(Busy::Stripe(index)),
                None => {}
            }
        }
    }

    /// Locks one stripe, waiting for a mark to go for as long as this.
    ///
    /// # Errors
    /// It has not gone.
    pub fn lock_within(&self, index: usize, mode: Mode, limit: Duration) -> Result<Guard<'_>, Busy> {
        let rounds = limit.as_micros() / PATIENCE.as_micros();
        let mut result = self.lock_soon(index, mode);
        for _ in 0..rounds {
            if result.is_ok() {
                break;
            }
            result = self.lock_soon(index, mode);
        }
        result
    }

    fn lock_with(&self, index: usize, mode: Mode, patience: Patience) -> Result<Guard<'_>, Busy> {
        match patience {
            Patience::Endless => Ok(self.lock(index, mode)),
            Patience::Worker | Patience::Lane => self.lock_soon(index, mode),
        }
    }

    /// A shared lock if nobody writes; for hints only.
    #[inline]
    pub fn try_read(&self, index: usize) -> Option<RwLockReadGuard<'_, Stripe>> {
        self.cells[index].stripe.try_read()
    }

    /// Locks all that is wanted, in any order and with repetitions (rules 1 to 3).
    ///
    /// # Errors
    /// What a worker would have to wait for.
    pub fn lock_wanted(&self, wanted: &mut Wanted, patience: Patience) -> Result<Held<'_>, Busy> {
        merge(wanted);
        Ok(match wanted.as_slice() {
            [] => Held::Nothing,
            &[(index, mode)] => Held::One(index, self.lock_with(index, mode, patience)?),
            several => self.lock_several(several, patience)?,
        })
    }

    /// Locks every stripe (rule 4).
    ///
    /// # Errors
    /// A worker finds the token taken.
    pub fn lock_all(&self, mode: Mode, patience: Patience) -> Result<Held<'_>, Busy> {
        let mut owned = self.own(patience)?;
        owned.reach_all(mode);
        Ok(Held::Owned(owned))
    }

    /// Locks every stripe, however long that takes.
    pub fn hold_all(&self, mode: Mode) -> Held<'_> {
        let mut owned = self.owned(self.token.take());
        owned.reach_all(mode);
        Held::Owned(owned)
    }

    /// As [`Locks::hold_all`], but gives up after a time.
    pub fn hold_all_within(&self, mode: Mode, limit: Duration) -> Option<Held<'_>> {
        const PAUSE: Duration = Duration::from_millis(1);
        let mut left = limit;
        loop {
            if let Some(ownership) = self.token.try_take(false) {
                let mut owned = self.owned(ownership);
                owned.reach_all(mode);
                return Some(Held::Owned(owned));
            }
            left = left.checked_sub(PAUSE)?;
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes the token, and no stripe yet (rules 3 to 5). A worker runs errands when it has let go.
    ///
    /// # Errors
    /// A worker finds it taken.
    pub fn own(&self, patience: Patience) -> Result<Owned<'_>, Busy> {
        Ok(self.owned(match patience {
            Patience::Endless => self.token.take(),
            Patience::Worker | Patience::Lane => self.token.try_take(true).ok_or(Busy::Token)?,
        }))
    }

    /// Takes the token and locks what is wanted, in any order and with repetitions (rule 5).
    ///
    /// # Errors
    /// A worker finds the token taken.
    pub fn own_wanted(&self, wanted: &mut Wanted, patience: Patience) -> Result<Owned<'_>, Busy> {
        let mut owned = self.own(patience)?;
        merge(wanted);
        wanted.iter().for_each(|&(index, mode)| owned.reach(index, mode));
        Ok(owned)
    }

    /// The token, kept from one command to the next (rule 8); None if it is taken. Whoever gives it back looks for errands.
    pub fn lease(&self) -> Option<Ownership<'_>> {
        self.token.try_take(true)
    }

    /// As [`Locks::own`], for the thread that has the lease and owns nothing else.
    pub fn own_under_lease(&self) -> Owned<'_> {
        Owned { locks: self, guards: Vec::new(), _ownership: None }
    }

    fn owned<'a>(&'a self, ownership: Ownership<'a>) -> Owned<'a> {
        Owned { locks: self, guards: Vec::new(), _ownership: Some(ownership) }
    }

    /// Leaves an errand with the owner whom somebody has to wait for; false if there is nothing to wait for any more.
    pub fn park(&self, busy: Busy, errand: Parked) -> bool {
        let mut state = self.token.state.lock();
        match busy {
            Busy::Stripe(index) if self.cells[index].marked.load(Ordering::Relaxed) => {
                state.parked.push_back(errand);
            }
            Busy::Token if !state.is_free() => state.wanting.push_back(errand),
            _ => return false,
        }
        true
    }

    /// Whether there are errands that can be run.
    #[inline]
    pub fn has_errands(&self) -> bool {
        self.token.runnable.load(Ordering::Relaxed) != 0
    }

    /// An errand that is worth another try: its mark has gone, or it wants the token and that is free.
    pub fn next_errand(&self) -> Option<Parked> {
        let mut state = self.token.state.lock();
        let mut next = state.ready.pop_front();
        if next.is_none() && state.is_free() {
            next = state.wanting.pop_front();
        }
        self.token.count(&state);
        next
    }

    /// Sets what is called when errands are there that nobody runs.
    pub fn on_errands(&self, run: impl Fn() + Send + 'static) {
        *self.token.run.lock() = Some(Box::new(run));
    }

    fn lock_several(&self, wanted: &[(usize, Mode)], patience: Patience) -> Result<Held<'_>, Busy> {
        let mut first = 0;
        for _ in 0..ROUNDS_MAX {
            match self.try_several(wanted, first, patience)? {
                Ok(guards) => return Ok(Held::Many(guards)),
                Err(taken) => first = taken,
            }
        }
        let mut owned = self.owned(match patience {
            Patience::Endless => self.token.take(),
            Patience::Worker | Patience::Lane => self.token.try_take(false).ok_or(Busy::Token)?,
        });
        wanted.iter().for_each(|&(index, mode)| owned.reach(index, mode));
        Ok(Held::Owned(owned))
    }

    /// One round: waits for the stripe at `first` in `wanted`, tries the others; the inner `Err` says which one was taken.
    fn try_several(
        &self,
        wanted: &[(usize, Mode)],
        first: usize,
        patience: Patience,
    ) -> Result<Result<Several<'_>, usize>, Busy> {
        let (index, mode) = wanted[first];
        let mut waited_for = Some(self.lock_with(index, mode, patience)?);
        let mut guards = Vec::with_capacity(wanted.len());
        for (place, &(index, mode)) in wanted.iter().enumerate() {
            let guard = match waited_for.take_if(|_| place == first) {
                Some(guard) => guard,
                None => match self.try_lock(index, mode) {
                    Some(guard) => guard,
                    None => return Ok(Err(place)),
                },
            };
            guards.push((index, guard));
        }
        Ok(Ok(guards))
    }

    fn try_lock(&self, index: usize, mode: Mode) -> Option<Guard<'_>> {
        let cell = &self.cells[index].stripe;
        match mode {
            Mode::Read => cell.try_read().map(Guard::Read),
            Mode::Write => cell.try_write().map(Guard::Write),
        }
    }
}

impl TokenState {
    fn is_free(&self) -> bool {
        !self.taken && self.sleepers == 0
    }
}

impl Token {
    fn try_take(&self, runs_errands: bool) -> Option<Ownership<'_>> {
        let mut state = self.state.lock();
        if !state.is_free() {
            return None;
        }
        state.taken = true;
        self.count(&state);
        Some(Ownership { token: self, runs_errands })
    }

    /// Notes how many errands can be run.
    fn count(&self, state: &TokenState) {
        let wanting = if state.is_free() { state.wanting.len() } else { 0 };
        self.runnable.store(state.ready.len() + wanting, Ordering::Relaxed);
    }

    fn take(&self) -> Ownership<'_> {
        let mut state = self.state.lock();
        state.sleepers += 1;
        while state.taken {
            state = self.freed.wait(state);
        }
        state.sleepers -= 1;
        state.taken = true;
        self.count(&state);
        Ownership { token: self, runs_errands: false }
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        let mut state = self.token.state.lock();
        state.taken = false;
        let TokenState { parked, ready, .. } = &mut *state;
        ready.append(parked);
        self.token.count(&state);
        let left = self.token.runnable.load(Ordering::Relaxed) > 0;
        if state.sleepers > 0 {
            self.token.freed.notify_one();
        }
        drop(state);
        if left
            && (!self.runs_errands || std::thread::panicking())
            && let Some(run) = &*self.token.run.lock()
        {
            run();
        }
    }
}

impl Owned<'_> {
    /// Locks and marks a stripe, unless it is held already; then its mode must do. Waits in place: whoever holds it is quick.
    pub fn reach(&mut self, index: usize, mode: Mode) {
        if self.is_all() {
            return;
        }
        if let Err(place) = self.place(index) {
            self.guards.insert(place, (index, self.locks.lock(index, mode)));
            self.locks.cells[index].marked.store(true, Ordering::Relaxed);
        }
    }

    /// Locks and marks all stripes that are not held yet.
    pub fn reach_all(&mut self, mode: Mode) {
        if self.guards.is_empty() {
            self.guards.reserve_exact(self.locks.len());
        }
        (0..self.locks.len()).for_each(|index| self.reach(index, mode));
    }

    /// Where the stripe is among those held, or belongs.
    fn place(&self, index: usize) -> Result<usize, usize> {
        match self.guards.last() {
            _ if self.is_all() => Ok(index),
            Some((last, _)) if *last < index => Err(self.guards.len()),
            _ => self.guards.binary_search_by_key(&index, |(held, _)| *held),
        }
    }

    fn is_all(&self) -> bool {
        self.guards.len() == self.locks.len()
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        for (index, guard) in self.guards.drain(..) {
            drop(guard);
            self.locks.cells[index].marked.store(false, Ordering::Relaxed);
        }
    }
}

type Several<'a> = Vec<(usize, Guard<'a>)>;

/// Sorts by index and keeps the stronger mode of each.
fn merge(wanted: &mut Wanted) {
    if wanted.len() < 2 {
        return;
    }
    wanted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    wanted.dedup_by_key(|(index, _)| *index);
}

impl Held<'_> {
    /// Makes sure that a stripe is held: whoever owns the token takes it now (rule 5). False if that is not possible.
    pub fn reach(&mut self, index: usize, mode: Mode) -> bool {
        match self {
            Self::Owned(owned) => {
                owned.reach(index, mode);
                true
            }
            _ => self.stripe(index).is_some(),
        }
    }

    /// As [`Held::reach`], all stripes.
    pub fn reach_all(&mut self, mode: Mode) -> bool {
        match self {
            Self::Owned(owned) => {
                owned.reach_all(mode);
                true
            }
            _ => self.is_all(),
        }
    }
}

impl Stripes for Held<'_> {
    #[inline]
    fn stripe(&self, index: usize) -> Option<&Stripe> {
        match self {
            Self::One(held, guard) if *held == index => Some(guard.stripe()),
            Self::Many(guards) => {
                let place = guards.binary_search_by_key(&index, |(held, _)| *held).ok()?;
                Some(guards[place].1.stripe())
            }
            Self::Owned(owned) => Some(owned.guards[owned.place(index).ok()?].1.stripe()),
            Self::Copied(stripe) => Some(stripe),
            Self::Lent(stripes) => stripes.stripe(index),
            _ => None,
        }
    }

    #[inline]
    fn stripe_mut(&mut self, index: usize) -> Option<&mut Stripe> {
        match self {
            Self::One(held, guard) if *held == index => guard.stripe_mut(),
            Self::Many(guards) => {
                let place = guards.binary_search_by_key(&index, |(held, _)| *held).ok()?;
                guards[place].1.stripe_mut()
            }
            Self::Owned(owned) => {
                let place = owned.place(index).ok()?;
                owned.guards[place].1.stripe_mut()
            }
            Self::Lent(stripes) => stripes.stripe_mut(index),
            _ => None,
        }
    }

    fn each(&self, visit: &mut dyn FnMut(&Stripe)) {
        match self {
            Self::Nothing => {}
            Self::Copied(stripe) => visit(stripe),
            Self::One(_, guard) => visit(guard.stripe()),
            Self::Many(guards) => guards.iter().for_each(|(_, guard)| visit(guard.stripe())),
            Self::Owned(owned) => owned.guards.iter().for_each(|(_, guard)| visit(guard.stripe())),
            Self::Lent(stripes) => stripes.each(visit),
        }
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Stripe)) {
        match self {
            Self::Nothing | Self::Copied(_) => {}
            Self::One(_, guard) => guard.stripe_mut().into_iter().for_each(visit),
            Self::Many(guards) | Self::Owned(Owned { guards, .. }) => {
                guards.iter_mut().filter_map(|(_, guard)| guard.stripe_mut()).for_each(visit);
            }
            Self::Lent(stripes) => stripes.each_mut(visit),
        }
    }

    fn is_all(&self) -> bool {
        match self {
            Self::Owned(owned) => owned.is_all(),
            Self::Lent(stripes) => stripes.is_all(),
            _ => false,
        }
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
        let mut held = locks.lock_wanted(&mut wanted, Patience::Worker).unwrap();
        assert!(held.stripe(3).is_some() && held.stripe(7).is_some() && held.stripe(4).is_none());
        assert!(held.stripe_mut(3).is_some() && held.stripe_mut(7).is_none());
        drop(held);
        assert!(locks.lock_all(Mode::Write, Patience::Worker).unwrap().is_all());
    }

    #[cfg(not(tartan_loom))]
    #[test]
    fn errands_wait_for_the_owner_and_no_longer() {
        let locks = Locks::new(16);
        let errand = || -> Parked { Arc::new(()) };
        assert!(!locks.park(Busy::Token, errand()) && !locks.park(Busy::Stripe(3), errand()));
        let mut owned = locks.own(Patience::Worker).unwrap();
        owned.reach(3, Mode::Write);
        assert_eq!(locks.lock_soon(3, Mode::Read).err(), Some(Busy::Stripe(3)));
        assert_eq!(locks.lock_all(Mode::Read, Patience::Worker).err(), Some(Busy::Token));
        assert!(locks.lock_soon(4, Mode::Write).is_ok());
        assert!(!locks.park(Busy::Stripe(4), errand()));
        assert!(locks.park(Busy::Token, errand()) && locks.park(Busy::Stripe(3), errand()));
        assert!(!locks.has_errands() && locks.next_errand().is_none());
        drop(owned);
        assert!(locks.next_errand().is_some() && locks.next_errand().is_some() && !locks.has_errands());
    }

    #[cfg(not(tartan_loom))]
    #[test]
    fn a_lease_keeps_the_token_and_no_stripe() {
        let locks = Locks::new(16);
        let lease = locks.lease().unwrap();
        locks.own_under_lease().reach(3, Mode::Write);
        assert!(locks.lock_soon(3, Mode::Write).is_ok() && locks.lease().is_none());
        assert_eq!(locks.own(Patience::Worker).err(), Some(Busy::Token));
        assert!(locks.park(Busy::Token, Arc::new(())) && !locks.has_errands());
        drop(lease);
        assert!(locks.next_errand().is_some() && locks.own(Patience::Worker).is_ok());
    }

    #[cfg(not(tartan_loom))]
    #[test]
    fn stripes_can_be_reached_in_any_order() {
        let locks = Locks::new(16);
        let mut held = Held::Owned(locks.own(Patience::Worker).unwrap());
        for index in [7, 3, 11, 3] {
            assert!(held.reach(index, Mode::Write));
        }
        assert!([3, 7, 11].iter().all(|&index| held.stripe_mut(index).is_some()) && held.stripe(4).is_none());
        assert!(held.reach_all(Mode::Write) && held.is_all() && held.stripe_mut(4).is_some());
    }
}

#[cfg(all(test, tartan_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    fn transfer(locks: &Locks, from: usize, to: usize) {
        let mut wanted: Wanted = [(from, Mode::Write), (to, Mode::Write)].into_iter().collect();
        let mut held = locks.lock_wanted(&mut wanted, Patience::Endless).expect("patient");
        for (index, marks) in [(from, 1), (to, 1)] {
            let stripe = held.stripe_mut(index).expect("locked");
            let _ = stripe.db_mut(marks);
        }
    }

    fn check(scenario: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(scenario);
    }

    /// Two commands that want the same stripes in opposite orders, and one that wants all: no deadlock, in any order.
    #[test]
    fn loom_opposite_orders_and_the_whole_store() {
        check(|| {
            let locks = Arc::new(Locks::new(2));
            let one = {
                let locks = locks.clone();
                thread::spawn(move || transfer(&locks, 0, 1))
            };
            let two = {
                let locks = locks.clone();
                thread::spawn(move || drop(locks.lock_all(Mode::Write, Patience::Endless)))
            };
            transfer(&locks, 1, 0);
            one.join().expect("no panic");
            two.join().expect("no panic");
        });
    }

    /// Errands of two kinds: a command on stripe 0, and one that owns the token.
    fn attempt(locks: &Locks, errand: Parked, done: &AtomicUsize) {
        let owning = errand.downcast_ref::<bool>() == Some(&true);
        loop {
            let tried = if owning {
                locks.own(Patience::Worker).map(|mut owned| owned.reach(0, Mode::Write))
            } else {
                locks.lock_soon(0, Mode::Write).map(drop)
            };
            match tried {
                Ok(()) => break,
                Err(busy) if locks.park(busy, errand.clone()) => return,
                Err(_) => thread::yield_now(),
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
        if owning {
            run_errands(locks, done);
        }
    }

    /// What a worker does when it has let go: runs errands, each of which may park again.
    fn run_errands(locks: &Locks, done: &AtomicUsize) {
        while let Some(errand) = locks.next_errand() {
            attempt(locks, errand, done);
        }
    }

    /// A slow owner, somebody who meets its mark, and somebody who wants the token: every errand is run, once.
    #[test]
    fn loom_no_errand_is_forgotten() {
        check(|| {
            let locks = Arc::new(Locks::new(1));
            let done = Arc::new(AtomicUsize::new(0));
            let others = [false, true].map(|owning| {
                let (locks, done) = (locks.clone(), done.clone());
                thread::spawn(move || attempt(&locks, std::sync::Arc::new(owning), &done))
            });
            if let Ok(mut owned) = locks.own(Patience::Worker) {
                owned.reach(0, Mode::Write);
                drop(owned);
                run_errands(&locks, &done);
            }
            others.into_iter().for_each(|other| other.join().expect("no panic"));
            assert_eq!(done.load(Ordering::Relaxed), 2);
            assert!(!locks.has_errands());
        });
    }
}
