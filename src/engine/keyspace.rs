//! The keys that a running command holds: typed access under its locks.
//!
//! Reads see an expired key as absent and leave its deletion for after the unlocking; writes delete it first (design 2.11).
//! Time is read at the first need, after locking, and stands still for the rest of the command or transaction (design 2.7).

use std::cell::Cell;
use std::time::Duration;

use super::effects::{Change, Effects, Reach};
use super::error::{CommandError, text};
use super::evict::Policy;
use super::node::Node;
use super::session::Session;
use crate::base::clock;
use crate::base::hash::hash as hash_of;
use crate::config::{Config, Id, keyspace_events as event};
use crate::store::{Busy, Db, Entry, Guard, Held, Mode, NewValue, Patience, Store, Stripe, Stripes};
use crate::value::{Collection, Value};

/// How long the lane waits for a stripe on a walk: starting again would cost more than most scripts take.
const LANE_PATIENCE: Duration = Duration::from_secs(1);

/// What no key is at the same address as, not even an empty one, while no hash is known.
static NO_KEY: [u8; 1] = [0];

/// How an access updates an entry's LRU or LFU bits.
#[derive(Clone, Copy)]
pub enum Touch {
    /// Not at all (CLIENT NO-TOUCH).
    No,
    /// To this LRU clock, in seconds modulo 2^24.
    Lru(u32),
    /// By the logarithmic counter, with this `lfu-log-factor` and `lfu-decay-time`.
    Lfu(u32, u32),
}

/// The locked keys of one database, and what has been done to them.
pub struct Keyspace<'a> {
    store: &'a Store,
    held: Held<'a>,
    db: usize,
    first: (&'a [u8], u64),
    now_us: Cell<i64>,
    touch: Touch,
    tells_misses: bool,
    /// Nothing expires by itself: what is replayed says when.
    replays: bool,
    /// How long it may wait for stripes that it visits.
    patience: Patience,
    /// A stripe that it could not visit.
    busy: Cell<Option<Busy>>,
    /// How far the journal had released when the command began.
    released: u64,
    gate: Cell<u64>,
    /// The client that runs the command, if anybody tracks keys; else 0.
    pub(super) client: u64,
    /// Consequences; settled by the engine.
    pub effects: Effects<'a>,
}

/// A collection being changed. Saying nothing means that nothing was changed.
pub struct Editor<'k, 'a, T> {
    value: &'k mut T,
    effects: &'k mut Effects<'a>,
    db: usize,
    hash: u64,
    key: &'a [u8],
}

impl<'a> Keyspace<'a> {
    pub(super) fn new(node: &'a Node, held: Held<'a>, session: &Session, patience: Patience) -> Self {
        Self {
            store: &node.store,
            held,
            db: session.db,
            first: (&NO_KEY, 0),
            now_us: Cell::new(0),
            touch: if session.no_touch { Touch::No } else { Touch::of(&node.config) },
            tells_misses: node.config.get(Id::NotifyKeyspaceEvents) & event::KEY_MISS != 0,
            replays: session.replays,
            patience,
            busy: Cell::new(None),
            released: node.journal.released(),
            gate: Cell::new(0),
            client: 0,
            effects: Effects::default(),
        }
    }

    /// Tells the hash of a key that has been computed already.
    pub(super) fn know(&mut self, key: &'a [u8], hash: u64) {
        self.first = (key, hash);
    }

    /// Freezes time at `now_us` (EXEC).
    pub(super) fn freeze(&self, now_us: i64) {
        self.now_us.set(now_us);
    }

    /// Gives the locks back.
    pub(super) fn unlock(&mut self) {
        self.held = Held::Nothing;
    }

    pub(super) fn release(self) -> (Held<'a>, Effects<'a>) {
        (self.held, self.effects)
    }

    pub(super) fn held(&self) -> &Held<'a> {
        &self.held
    }

    pub(super) fn held_mut(&mut self) -> &mut Held<'a> {
        &mut self.held
    }

    /// The highest record that what has been seen so far reveals, 0 for none: the reply waits for its release (design 4.2).
    pub(super) fn gate(&self) -> u64 {
        self.gate.get()
    }

    /// The reply reveals this record.
    #[inline]
    fn reveal(&self, record: u64) {
        if record > self.gate.get() {
            self.gate.set(record);
        }
    }

    /// The store, for commands that walk it stripe by stripe.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Whether a script runs the command.
    pub fn is_in_script(&self) -> bool {
        matches!(self.held, Held::Lent(_))
    }

    /// Locks, for reading, what the command has found to need beside the keys that its arguments name: the keys with these
    /// hashes. It must be locked by [`Locking::Patterns`](super::context::Locking::Patterns).
    pub fn reach(&mut self, hashes: &[u64]) {
        let Held::Owned(owned) = &mut self.held else { return };
        if hashes.len() >= self.store.locks().len() {
            return owned.reach_all(Mode::Read);
        }
        let mut wanted: Vec<usize> = hashes.iter().map(|hash| self.store.stripe_of(*hash)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().for_each(|index| owned.reach(index, Mode::Read));
    }

    /// The selected database.
    #[inline]
    pub fn db(&self) -> usize {
        self.db
    }

    /// Selects another database for what follows (MOVE, COPY).
    pub fn select(&mut self, db: usize) {
        self.db = db;
    }

    /// Updates access bits in this way from here on (TOUCH does so even for a client that has asked for NO-TOUCH).
    pub fn touch_with(&mut self, touch: Touch) {
        self.touch = touch;
    }

    /// A walk has met this key expired: it is to be deleted after unlocking.
    pub fn note_stale(&self, key: &[u8]) {
        self.effects.note_stale((self.db, key.into()));
    }

    /// The command's time in Unix milliseconds: the same for all its questions.
    #[inline]
    pub fn now_ms(&self) -> i64 {
        self.now_us() / 1000
    }

    /// The same in microseconds.
    #[inline]
    pub fn now_us(&self) -> i64 {
        if self.now_us.get() == 0 {
            self.now_us.set(clock::unix_us());
        }
        self.now_us.get()
    }

    /// Whether a key that expires at this time is gone. While a log is replayed it is not: what comes later in the log may have
    /// reached it, and if nothing has, it expires afterwards.
    #[inline]
    pub fn is_past(&self, at_ms: i64) -> bool {
        at_ms <= self.now_ms() && !self.replays
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        // Empty slices may share one address whatever they are part of.
        let known = std::ptr::eq(key, self.first.0) && !key.is_empty();
        if known { self.first.1 } else { hash_of(key) }
    }

    /// What has kept the command from visiting a stripe: it must be run again.
    pub(super) fn busy(&self) -> Option<Busy> {
        self.busy.get()
    }

    /// Runs `visit` on a stripe for reading: one that is held, or else locked for this moment. Where somebody holds one for long
    /// nothing more is visited: the reply is thrown away and the command run again.
    pub fn with_stripe<R: Default>(&self, index: usize, visit: impl FnOnce(&Stripe) -> R) -> R {
        let visit = |stripe: &Stripe| {
            self.reveal(stripe.unreleased.of_any(self.released));
            visit(stripe)
        };
        match self.held.stripe(index) {
            Some(stripe) => visit(stripe),
            None if self.busy.get().is_some() => R::default(),
            None if self.patience == Patience::Endless => {
                visit(self.store.locks().lock(index, Mode::Read).stripe())
            }
            None => match self.visit(index) {
                Ok(guard) => visit(guard.stripe()),
                Err(busy) => {
                    self.busy.set(Some(busy));
                    R::default()
                }
            },
        }
    }

    fn visit(&self, index: usize) -> Result<Guard<'a>, Busy> {
        match self.patience {
            Patience::Lane => self.store.locks().lock_within(index, Mode::Read, LANE_PATIENCE),
            _ => self.store.locks().lock_soon(index, Mode::Read),
        }
    }

    /// The reply reveals this record of the journal.
    pub(super) fn reveal_record(&self, record: u64) {
        self.reveal(record);
    }

    /// A key for reading: counted as hit or miss, its access bits updated.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<&Entry> {
        match self.peek(key) {
            Some(entry) => {
                self.effects.hits.set(self.effects.hits.get() + 1);
                self.touch(entry);
                Some(entry)
            }
            None => {
                self.miss(key);
                None
            }
        }
    }

    /// A key for reading: counted as hit or miss, its access bits left alone (EXISTS, TTL, OBJECT, ...).
    pub fn look(&self, key: &[u8]) -> Option<&Entry> {
        let found = self.peek(key);
        match found {
            Some(_) => self.effects.hits.set(self.effects.hits.get() + 1),
            None => self.miss(key),
        }
        found
    }

    /// A key for reading, without a trace.
    #[inline]
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        let hash = self.hash(key);
        let entry = self.part(hash)?.find(hash, key)?;
        if entry.expiry().is_some_and(|at| self.is_past(at)) {
            self.effects.note_stale((self.db, key.into()));
            return None;
        }
        Some(entry)
    }

    /// A key that is there, expired or not.
    pub fn find_stale(&self, key: &[u8]) -> Option<&Entry> {
        let hash = self.hash(key);
        self.part(hash)?.find(hash, key)
    }

    /// Puts a copy of a key, if it is there, into a stripe of the caller's own.
    pub(super) fn copy_to(&self, key: &[u8], copies: &mut Stripe) {
        let hash = self.hash(key);
        if let Some(entry) = self.peek(key)
            && copies.db(self.db).is_none_or(|part| part.find(hash, key).is_none())
        {
            self.touch(entry);
            let value = NewValue::Value(entry.clone_value());
            copies.db_mut(self.db).insert(hash, key, value, entry.expiry(), entry.access());
        }
    }

    /// How many elements the value of a key has, a string being one.
    pub fn elements(&self, key: &[u8]) -> usize {
        self.peek(key).map_or(0, |entry| entry.value().elements())
    }

    /// Whether the key is there.
    pub fn exists(&self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// A key to be changed, its access bits updated. A string is replaced by [`Keyspace::set_string`].
    #[inline]
    pub fn find_mut(&mut self, key: &'a [u8]) -> Option<&mut Entry> {
        let hash = self.hash(key);
        self.expire(key, hash);
        let touch = self.touch;
        let entry = self.part_mut(hash).find_mut(hash, key)?;
        touch.apply(entry);
        Some(entry)
    }

    /// A collection for reading.
    ///
    /// # Errors
    /// WRONGTYPE if the key holds another type.
    #[inline]
    pub fn read<T: Collection>(&self, key: &[u8]) -> Result<Option<&T>, CommandError> {
        match self.find(key) {
            None => Ok(None),
            Some(entry) => T::from_ref(entry.value()).map(Some).ok_or(text::WRONG_TYPE.into()),
        }
    }

    /// A collection to be changed.
    ///
    /// # Errors
    /// WRONGTYPE if the key holds another type.
    pub fn write<T: Collection>(&mut self, key: &'a [u8]) -> Result<Option<Editor<'_, 'a, T>>, CommandError> {
        let hash = self.hash(key);
        self.expire(key, hash);
        let (db, touch) = (self.db, self.touch);
        let Some(stripe) = self.held.stripe_mut(self.store.stripe_of(hash)) else {
            unreachable!("{NOT_LOCKED}")
        };
        let Some(entry) = stripe.db_mut(db).find_mut(hash, key) else { return Ok(None) };
        touch.apply(entry);
        let value = T::from_mut(entry.value_mut()).ok_or(CommandError::from(text::WRONG_TYPE))?;
        Ok(Some(Editor { value, effects: &mut self.effects, db, hash, key }))
    }

    /// A collection to be changed, made with `create` if the key is absent. If it is still empty when the command ends, the key
    /// goes again without a trace.
    ///
    /// # Errors
    /// WRONGTYPE if the key holds another type.
    pub fn write_or_create<T: Collection>(
        &mut self,
        key: &'a [u8],
        create: impl FnOnce() -> T,
    ) -> Result<Editor<'_, 'a, T>, CommandError> {
        let hash = self.hash(key);
        self.expire(key, hash);
        let (db, touch) = (self.db, self.touch);
        let Some(stripe) = self.held.stripe_mut(self.store.stripe_of(hash)) else {
            unreachable!("{NOT_LOCKED}")
        };
        let part = stripe.db_mut(db);
        if part.find(hash, key).is_none() {
            part.insert(hash, key, NewValue::Value(create().into_value()), None, touch.fresh());
            self.effects.push(Change::created(db, hash, key));
        }
        let Some(entry) = part.find_mut(hash, key) else { unreachable!("inserted above") };
        touch.apply(entry);
        let value = T::from_mut(entry.value_mut()).ok_or(CommandError::from(text::WRONG_TYPE))?;
        Ok(Editor { value, effects: &mut self.effects, db, hash, key })
    }

    /// Sets a key to a string, whatever it held. The expiry is kept or dropped.
    pub fn set_string(&mut self, key: &'a [u8], value: NewValue<'_>, keep_expiry: bool) {
        let hash = self.hash(key);
        self.expire(key, hash);
        let (db, fresh) = (self.db, self.touch.fresh());
        let Some(stripe) = self.held.stripe_mut(self.store.stripe_of(hash)) else {
            unreachable!("{NOT_LOCKED}")
        };
        let part = stripe.db_mut(db);
        match part.find_mut(hash, key) {
            Some(entry) => {
                let expires = entry.expiry().is_some();
                entry.set_access(fresh);
                self.effects.garbage.extend(entry.set_value(value));
                if expires && !keep_expiry {
                    part.set_expiry(hash, key, None);
                }
            }
            None => {
                part.insert(hash, key, value, None, fresh);
                self.effects.push(Change::created(db, hash, key));
            }
        }
    }

    /// Gives a key, which must not be there, a value and an expiry (RENAME, COPY, the STORE commands).
    pub fn insert(&mut self, key: &'a [u8], value: Value, expiry_ms: Option<i64>) {
        let hash = self.hash(key);
        self.insert_with(key, hash, value, expiry_ms, self.touch.fresh());
    }

    /// Gives a key, which must not be there, all that another one held: value, expiry and access bits (RENAME, MOVE).
    pub fn place(&mut self, key: &'a [u8], entry: Entry) {
        let (expiry_ms, access) = (entry.expiry(), entry.access());
        self.insert_with(key, self.hash(key), entry.into_value(), expiry_ms, access);
    }

    /// Gives a key, which must not be there, a value from elsewhere, with the access bits that [`Touch::restored`] makes.
    pub fn insert_restored(&mut self, key: &'a [u8], value: Value, expiry_ms: Option<i64>, access: u32) {
        self.insert_with(key, self.hash(key), value, expiry_ms, access);
    }

    fn insert_with(&mut self, key: &'a [u8], hash: u64, value: Value, expiry_ms: Option<i64>, access: u32) {
        self.part_mut(hash).insert(hash, key, NewValue::Value(value), expiry_ms, access);
        if let Some(at) = expiry_ms {
            self.store.note_expiry(self.store.stripe_of(hash), at);
        }
        self.effects.push(Change::created(self.db, hash, key));
    }

    /// Adds a key that nobody is told of, unless it is there (DEBUG POPULATE).
    pub fn insert_untold(&mut self, key: &[u8], value: NewValue<'_>) {
        let (hash, fresh) = (self.hash(key), self.touch.fresh());
        let part = self.part_mut(hash);
        if part.find(hash, key).is_none() {
            part.insert(hash, key, value, None, fresh);
        }
    }

    /// Takes a key out, with what was in it. Tells nobody: the caller says [`Keyspace::changed`].
    pub fn take(&mut self, key: &'a [u8]) -> Option<Entry> {
        let hash = self.hash(key);
        self.expire(key, hash);
        self.part_mut(hash).remove(hash, key)
    }

    /// Deletes a key and leaves its value to be freed after unlocking. Tells nobody: the caller says [`Keyspace::changed`].
    pub fn delete(&mut self, key: &'a [u8]) -> bool {
        match self.take(key) {
            Some(entry) => {
                self.effects.garbage.push(entry.into_value());
                true
            }
            None => false,
        }
    }

    /// Sets or clears a key's expiry, in Unix milliseconds; false if there is no such key.
    pub fn set_expiry(&mut self, key: &'a [u8], expiry_ms: Option<i64>) -> bool {
        let hash = self.hash(key);
        self.expire(key, hash);
        if let Some(at) = expiry_ms {
            self.store.note_expiry(self.store.stripe_of(hash), at);
        }
        self.part_mut(hash).set_expiry(hash, key, expiry_ms)
    }

    /// Says that a key's value has changed: one change, told to watchers and waiters and as this key-space event.
    #[inline]
    pub fn changed(&mut self, key: &'a [u8], class: i64, event: &'static str) {
        let hash = self.hash(key);
        self.effects.dirty += 1;
        let db = self.db;
        self.effects.push(Change { db, hash, key, class, event, reach: Reach::Everyone, vacant: false });
    }

    /// Tells a key-space event and nothing else.
    pub fn notify(&mut self, key: &'a [u8], class: i64, event: &'static str) {
        let hash = self.hash(key);
        let db = self.db;
        self.effects.push(Change { db, hash, key, class, event, reach: Reach::Listeners, vacant: false });
    }

    #[inline]
    fn part(&self, hash: u64) -> Option<&Db> {
        match self.held.stripe(self.store.stripe_of(hash)) {
            Some(stripe) => {
                self.reveal(stripe.unreleased.of(hash, self.released));
                stripe.db(self.db)
            }
            None => unreachable!("{NOT_LOCKED}"),
        }
    }

    #[inline]
    pub(super) fn part_mut(&mut self, hash: u64) -> &mut Db {
        let db = self.db;
        match self.held.stripe_mut(self.store.stripe_of(hash)) {
            Some(stripe) => stripe.db_mut(db),
            None => unreachable!("{NOT_LOCKED}"),
        }
    }

    /// Deletes the key if it has expired, as a write must before it looks.
    #[inline]
    fn expire(&mut self, key: &'a [u8], hash: u64) {
        if self.part(hash).is_some_and(|part| !part.expiry().is_empty()) {
            self.expire_if_due(key, hash);
        }
    }

    fn expire_if_due(&mut self, key: &'a [u8], hash: u64) {
        let db = self.db;
        let due = self.part(hash).and_then(|part| part.find(hash, key)).and_then(Entry::expiry);
        if due.is_some_and(|at| self.is_past(at)) {
            if let Some(entry) = self.part_mut(hash).remove(hash, key) {
                self.effects.garbage.push(entry.into_value());
            }
            // At once, not when settling: WATCH registers its own watcher in between.
            if let Some(stripe) = self.held.stripe(self.store.stripe_of(hash)) {
                stripe.touch(db, key);
            }
            self.effects.rare_mut().expired.push((db, key.to_vec()));
        }
    }

    /// As [`Keyspace::look`], but nobody is told of a miss (OBJECT).
    pub fn look_quietly(&self, key: &[u8]) -> Option<&Entry> {
        let found = self.peek(key);
        let counter = if found.is_some() { &self.effects.hits } else { &self.effects.misses };
        counter.set(counter.get() + 1);
        found
    }

    fn miss(&self, key: &[u8]) {
        self.effects.misses.set(self.effects.misses.get() + 1);
        if self.tells_misses {
            self.effects.note_missed((self.db, key.into()));
        }
    }

    #[inline]
    fn touch(&self, entry: &Entry) {
        self.touch.apply(entry);
    }
}

/// The engine locks what the key specifications name; a handler that reaches beyond them has a wrong specification.
const NOT_LOCKED: &str = "a command reached a key that it has not locked";

impl<'a, T: Collection> Editor<'_, 'a, T> {
    /// Says that the value has changed, by one or more changes, with a key-space event.
    #[inline]
    pub fn changed(self, class: i64, event: &'static str, changes: i64) {
        self.told(Reach::Everyone, class, event, changes);
    }

    /// Says that the value has changed in a way that nobody is told of. Readers of the key wait for its record all the same.
    pub fn changed_untold(self, changes: i64) {
        self.told(Reach::Listeners, 0, "", changes);
    }

    /// As [`Editor::changed`], of which not everyone learns.
    #[inline]
    pub fn told(self, reach: Reach, class: i64, event: &'static str, changes: i64) {
        self.effects.dirty += changes;
        self.effects.push(Change {
            db: self.db,
            hash: self.hash,
            key: self.key,
            class,
            event,
            reach,
            vacant: self.value.is_vacant(),
        });
    }
}

impl<T> std::ops::Deref for Editor<'_, '_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> std::ops::DerefMut for Editor<'_, '_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}

impl<'a> Change<'a> {
    fn created(db: usize, hash: u64, key: &'a [u8]) -> Self {
        Self { db, hash, key, class: event::NEW, event: "new", reach: Reach::Listeners, vacant: false }
    }
}

/// A new key's counter, so that it is not evicted before it had a chance (Redis's LFU_INIT_VAL).
const LFU_START: u32 = 5;

impl Touch {
    /// The way that the eviction policy wants.
    #[inline]
    pub fn of(config: &Config) -> Self {
        if Policy::of(config).is_lfu() {
            return Self::Lfu(config.get(Id::LfuLogFactor) as u32, config.get(Id::LfuDecayTime) as u32);
        }
        Self::Lru(clock::lru_seconds() & 0xff_ffff)
    }

    #[inline]
    fn apply(self, entry: &Entry) {
        match self {
            Self::No => {}
            Self::Lru(clock) => entry.set_access(clock),
            Self::Lfu(factor, decay) => entry.set_access(lfu_access(entry.access(), factor, decay)),
        }
    }

    /// The bits of an entry that was made elsewhere and comes with what was known about its use. What the policy doesn't go
    /// by is forgotten.
    pub fn restored(self, idle_seconds: Option<u64>, frequency: Option<u8>) -> u32 {
        match (self, idle_seconds, frequency) {
            (Self::Lfu(..), _, Some(frequency)) => lfu_minutes() << 8 | u32::from(frequency),
            (Self::Lru(clock), Some(idle), _) => clock.wrapping_sub(idle.min(0xff_ffff) as u32) & 0xff_ffff,
            _ => self.fresh(),
        }
    }

    /// The bits of a new entry.
    fn fresh(self) -> u32 {
        match self {
            Self::No => clock::lru_seconds() & 0xff_ffff,
            Self::Lru(clock) => clock,
            Self::Lfu(..) => lfu_minutes() << 8 | LFU_START,
        }
    }
}

/// Minutes as the upper 16 of the LFU bits keep them.
fn lfu_minutes() -> u32 {
    (clock::lru_seconds() / 60) & 0xffff
}

/// Seconds since the access that these LRU bits tell of.
pub fn idle_seconds(access: u32) -> u32 {
    clock::lru_seconds().wrapping_sub(access) & 0xff_ffff
}

/// The counter of LFU bits after `decay_minutes` each took one away.
pub fn lfu_counter(access: u32, decay_minutes: u32) -> u32 {
    let elapsed = lfu_minutes().wrapping_sub(access >> 8) & 0xffff;
    let periods = elapsed.checked_div(decay_minutes).unwrap_or(0);
    (access & 0xff).saturating_sub(periods)
}

/// LFU bits after one access: Redis's logarithmic counter.
fn lfu_access(access: u32, factor: u32, decay_minutes: u32) -> u32 {
    let counter = lfu_counter(access, decay_minutes);
    let base = f64::from(counter.saturating_sub(LFU_START));
    let grows = counter < 255 && fastrand::f64() < 1.0 / (base * f64::from(factor) + 1.0);
    lfu_minutes() << 8 | (counter + u32::from(grows))
}
