//! What follows from a command's changes, under the same locks: the one epilogue of all writes.
//!
//! In order: watchers are touched, caches invalidated, waiters' keys noted, events told, empty collections removed, and the
//! journal gets its record. What must not happen under a lock (deleting what a read found expired, freeing big values) is left
//! for `after`.

use super::effects::{Change, Effects, Propagation, Reach};
use super::keyspace::Keyspace;
use super::node::Node;
use super::spec::flag;
use super::worker::Worker;
use crate::base::clock;
use crate::base::hash::hash as hash_of;
use crate::config::{Id, keyspace_events as event};
use crate::journal::{self, Private, Reader};
use crate::resp::encode_command;
use crate::store::{Db, Entry, Held, Mode, Stripe, Stripes};
use crate::value::{Collection, Hash, List, Set, ValueRef, ZSet};
use smallvec::SmallVec;

/// Where the records of a command go.
pub(super) enum Sink<'r> {
    /// To the journal, at once.
    Journal,
    /// To the record of a transaction, which goes as a whole.
    Transaction(&'r mut TransactionRecord),
}

/// The commands of a transaction or script so far.
#[derive(Default)]
pub(super) struct TransactionRecord {
    /// The database that the first one runs in, and the one that is selected by now.
    first_db: usize,
    db: usize,
    pub bytes: Vec<u8>,
    /// How many there are, without the SELECTs between them.
    pub commands: usize,
    /// What of them is for one reader of the journal alone.
    private: Vec<Private>,
    /// Whose alone the next ones are.
    pub only: Option<Reader>,
    /// The next ones are nobody's.
    pub is_mute: bool,
    /// What it has changed.
    pub touched: Touched,
}

/// What a script's commands mostly take.
const RECORD_BYTES: usize = 512;

/// Which keys a record has changed, by their hashes.
#[derive(Default)]
pub(super) struct Touched {
    hashes: SmallVec<[u64; 4]>,
    /// It can't be told: any key of the stripes that are held for writing.
    whole: bool,
}

impl Touched {
    fn add(&mut self, expired: &[(usize, Vec<u8>)], changes: &[Change<'_>]) {
        self.hashes.extend(changes.iter().map(|change| change.hash));
        self.hashes.extend(expired.iter().map(|(_, key)| hash_of(key)));
        self.whole |= changes.is_empty() && expired.is_empty();
    }

    fn append(&mut self, mut other: Self) {
        self.hashes.append(&mut other.hashes);
        self.whole |= other.whole;
    }

    /// Notes in the stripes that whoever reads these keys waits for record `sequence`.
    pub fn note(&self, node: &Node, held: &mut Held<'_>, sequence: u64) {
        if self.whole {
            held.each_mut(&mut |stripe| stripe.unreleased.note_whole(sequence));
            node.scripting.note_record(sequence);
            return;
        }
        let released = node.journal.released();
        for &hash in &self.hashes {
            if let Some(stripe) = held.stripe_mut(node.store.stripe_of(hash)) {
                stripe.unreleased.note(hash, sequence, released);
            }
        }
    }
}

impl TransactionRecord {
    /// Adds a command that runs in `db`.
    fn push(&mut self, db: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(RECORD_BYTES);
        }
        self.select(db);
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.commands += 1;
        if let Some(reader) = self.only {
            self.private.push(Private { start, end: self.bytes.len(), reader });
        }
    }

    /// Adds what a script has written.
    fn append(&mut self, other: Self) {
        if other.commands == 0 {
            return;
        }
        self.select(other.first_db);
        let shift = self.bytes.len();
        let shifted = |of: Private| Private { start: of.start + shift, end: of.end + shift, ..of };
        self.private.extend(other.private.into_iter().map(shifted));
        self.bytes.extend_from_slice(&other.bytes);
        self.commands += other.commands;
        self.db = other.db;
    }

    /// Makes the next command run in `db`.
    fn select(&mut self, db: usize) {
        if self.commands == 0 {
            self.first_db = db;
        } else if db != self.db {
            encode_command(&mut self.bytes, [b"SELECT".as_slice(), db.to_string().as_bytes()].iter());
        }
        self.db = db;
    }

    /// Publishes it as one record, whose number it returns.
    pub fn publish(&self, worker: &Worker) -> u64 {
        let block = journal::Block {
            bytes: &self.bytes,
            private: &self.private,
            db: self.first_db,
            left_db: self.db,
            commands: self.commands,
        };
        worker.node.journal.publish_block(worker.id, block)
    }
}

/// Settles a command: `argv` is what is journaled when the handler has not said otherwise. Returns the number of its record,
/// 0 if it has none (yet).
pub(super) fn settle(
    worker: &Worker,
    flags: u64,
    argv: &[&[u8]],
    keys: &mut Keyspace<'_>,
    sink: Sink<'_>,
) -> u64 {
    let stats = &worker.stats;
    let effects = &mut keys.effects;
    if effects.hits.get() != 0 {
        stats.hits.add(effects.hits.take().into());
    }
    if effects.misses.get() != 0 {
        stats.misses.add(effects.misses.take().into());
        if let Some(rare) = effects.rare.get_mut() {
            for (db, key) in rare.missed.drain(..) {
                worker.tell(event::KEY_MISS, "keymiss", db, &key);
            }
        }
    }
    let tells_at_once = matches!(sink, Sink::Journal);
    if flags & (flag::WRITE | flag::MAY_REPLICATE) == 0
        && effects.changes.is_empty()
        && effects.rare.get_mut().as_ref().is_none_or(|rare| rare.expired.is_empty())
    {
        if tells_at_once {
            worker.send_told(keys.gate());
        }
        return 0;
    }
    let expired = keys.effects.take_expired();
    settle_expired(worker, keys, &expired);
    for index in 0..keys.effects.changes.len() {
        let change = keys.effects.changes[index];
        settle_change(worker, keys, &change);
    }
    let dirty = keys.effects.dirty;
    if dirty > 0 {
        stats.dirty.add(dirty as u64);
    }
    let sequence = if worker.node.journal.is_on() { record(worker, argv, keys, &expired, sink) } else { 0 };
    if tells_at_once {
        worker.send_told(sequence.max(keys.gate()));
    }
    sequence
}

/// What is left to do when no lock is held.
pub(super) fn after(worker: &Worker, effects: &mut Effects<'_>) {
    for value in effects.garbage.drain(..) {
        worker.node.free(value);
    }
    let Some(rare) = effects.rare.get_mut().take() else { return };
    for (db, key) in rare.stale {
        expire_key(worker, db, &key);
    }
    if !rare.tables.is_empty() {
        if rare.frees_in_place { drop(rare.tables) } else { worker.node.free_tables(rare.tables) }
    }
}

/// Deletes a key if it has expired, under a lock of its own. Returns whether it had.
pub fn expire_key(worker: &Worker, db: usize, key: &[u8]) -> bool {
    let hash = hash_of(key);
    let store = &worker.node.store;
    // Whoever holds it for long will find the key expired by itself.
    let Ok(mut guard) = store.locks().lock_soon(store.stripe_of(hash), Mode::Write) else { return false };
    let Some(stripe) = guard.stripe_mut() else { return false };
    let due = stripe.db(db).and_then(|part| part.find(hash, key)).and_then(Entry::expiry);
    if due.is_none_or(|at| at > clock::unix_ms()) || worker.node.pause.is_on() {
        return false;
    }
    let removed = remove_told(worker, stripe, db, key, Removal::Expired);
    drop(guard);
    removed.is_some_and(|value| {
        worker.node.free(value);
        true
    })
}

/// Why a key goes without a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Its time had come.
    Expired,
    /// Memory was needed.
    Evicted,
}

/// Deletes a key of a stripe that is held, and tells everyone: watchers, waiters, listeners and the journal.
pub fn remove_told(
    worker: &Worker,
    stripe: &mut Stripe,
    db: usize,
    key: &[u8],
    why: Removal,
) -> Option<crate::value::Value> {
    let hash = hash_of(key);
    let part = stripe.db_mut(db);
    let entry = part.remove(hash, key)?;
    part.release_empty();
    stripe.touch(db, key);
    if worker.node.tracking.is_on() {
        worker.tracked.change(&worker.node, key, 0, false);
    }
    if stripe.awaited(db, key) {
        worker.ready.borrow_mut().push_back((db, key.into()));
    }
    let node = &worker.node;
    let id = match why {
        Removal::Expired => {
            worker.stats.expired.add(1);
            worker.tell(event::EXPIRED, "expired", db, key);
            Id::LazyFreeExpire
        }
        Removal::Evicted => {
            worker.stats.evicted.add(1);
            worker.tell(event::EVICTED, "evicted", db, key);
            Id::LazyFreeEviction
        }
    };
    let mut sequence = 0;
    if node.journal.is_on() {
        sequence = node.journal.publish(worker.id, db, |bytes| {
            encode_command(bytes, [deletion(worker, id), key].iter());
        });
        stripe.unreleased.note(hash, sequence, node.journal.released());
    }
    worker.send_told(sequence);
    Some(entry.into_value())
}

/// DEL, or UNLINK when the setting asks for lazy freeing: what a replica shall do.
fn deletion(worker: &Worker, id: Id) -> &'static [u8] {
    if worker.node.config.is_on(id) { b"UNLINK" } else { b"DEL" }
}

/// Keys that the command itself found expired and deleted.
fn settle_expired(worker: &Worker, keys: &Keyspace<'_>, expired: &[(usize, Vec<u8>)]) {
    for (db, key) in expired {
        worker.stats.expired.add(1);
        if worker.node.tracking.is_on() {
            worker.tracked.change(&worker.node, key, 0, false);
        }
        worker.tell(event::EXPIRED, "expired", *db, key);
        let stripe = keys.held().stripe(keys.store().stripe_of(hash_of(key)));
        if stripe.is_some_and(|stripe| stripe.awaited(*db, key)) {
            worker.ready.borrow_mut().push_back((*db, key.as_slice().into()));
        }
    }
}

fn settle_change(worker: &Worker, keys: &mut Keyspace<'_>, change: &Change<'_>) {
    let index = keys.store().stripe_of(change.hash);
    let (by, is_in_script) = (keys.client, keys.is_in_script());
    let Some(stripe) = keys.held_mut().stripe_mut(index) else { return };
    if change.class == event::NEW {
        return settle_new(worker, stripe, change);
    }
    if change.reach >= Reach::Everyone {
        stripe.touch(change.db, change.key);
        if worker.node.tracking.is_on() {
            worker.tracked.change(&worker.node, change.key, by, is_in_script);
        }
    }
    if change.reach >= Reach::Waiters && stripe.awaited(change.db, change.key) {
        worker.ready.borrow_mut().push_back((change.db, change.key.into()));
    }
    worker.tell(change.class, change.event, change.db, change.key);
    if change.vacant && remove_vacant(stripe.db_mut(change.db), change) {
        worker.tell(event::GENERIC, "del", change.db, change.key);
    }
}

/// A key that was made for a command: if nothing has come into it, it goes again.
fn settle_new(worker: &Worker, stripe: &mut Stripe, change: &Change<'_>) {
    if !remove_vacant(stripe.db_mut(change.db), change) {
        worker.tell(event::NEW, "new", change.db, change.key);
    }
}

fn remove_vacant(part: &mut Db, change: &Change<'_>) -> bool {
    let vacant = part.find(change.hash, change.key).is_some_and(|entry| is_vacant(entry.value()));
    vacant && part.remove(change.hash, change.key).is_some()
}

fn is_vacant(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::List(list) => List::is_vacant(list),
        ValueRef::Set(set) => Set::is_vacant(set),
        ValueRef::Hash(hash) => Hash::is_vacant(hash),
        ValueRef::ZSet(zset) => ZSet::is_vacant(zset),
        _ => false,
    }
}

/// Writes the command's record: first the DELs of what it found expired, then its effects; more than one stand between MULTI
/// and EXEC. Returns the record's number, 0 if it has none (yet).
fn record(
    worker: &Worker,
    argv: &[&[u8]],
    keys: &mut Keyspace<'_>,
    expired: &[(usize, Vec<u8>)],
    sink: Sink<'_>,
) -> u64 {
    let (db, effects) = (keys.db(), &mut keys.effects);
    let own = match &effects.propagation {
        Propagation::Nothing => 0,
        Propagation::Verbatim => usize::from(effects.dirty != 0),
        Propagation::ToReplicas => usize::from(worker.node.journal.is_fed()),
        Propagation::Instead(records) => records.len(),
        Propagation::Block(block) => block.commands,
    };
    if expired.len() + own == 0 {
        return 0;
    }
    let mut touched = Touched::default();
    let mut propagation = std::mem::take(&mut effects.propagation);
    match &mut propagation {
        Propagation::Block(block) => touched.append(std::mem::take(&mut block.touched)),
        Propagation::ToReplicas => {}
        _ => touched.add(expired, &effects.changes),
    }
    let journal = &worker.node.journal;
    let sequence = match (sink, &propagation) {
        (Sink::Transaction(whole), _) => {
            whole.touched.append(touched);
            write_record(whole, worker, db, expired, propagation, argv, own);
            return 0;
        }
        (Sink::Journal, Propagation::Verbatim) if expired.is_empty() => {
            journal.publish(worker.id, db, |bytes| encode_command(bytes, argv.iter()))
        }
        (Sink::Journal, Propagation::Instead(records)) if expired.is_empty() && records.len() == 1 => {
            journal.publish(worker.id, db, |bytes| encode_command(bytes, records[0].iter()))
        }
        (Sink::Journal, Propagation::ToReplicas) => {
            journal.publish_to(Reader::Feed, worker.id, db, |bytes| encode_command(bytes, argv.iter()));
            // Nobody waits for the log to have it.
            return 0;
        }
        (Sink::Journal, _) => {
            let mut whole = TransactionRecord::default();
            write_record(&mut whole, worker, db, expired, propagation, argv, own);
            whole.publish(worker)
        }
    };
    touched.note(&worker.node, keys.held_mut(), sequence);
    sequence
}

fn write_record(
    whole: &mut TransactionRecord,
    worker: &Worker,
    db: usize,
    expired: &[(usize, Vec<u8>)],
    propagation: Propagation,
    argv: &[&[u8]],
    own: usize,
) {
    // These are everybody's, whatever a script says of its own commands (redis.set_repl).
    let only = whole.only.take();
    for (of, key) in expired {
        let deletion = deletion(worker, Id::LazyFreeExpire);
        whole.push(*of, |bytes| encode_command(bytes, [deletion, key].iter()));
    }
    whole.only = only;
    if whole.is_mute {
        return;
    }
    match propagation {
        Propagation::Verbatim if own > 0 => whole.push(db, |bytes| encode_command(bytes, argv.iter())),
        Propagation::ToReplicas if own > 0 => {
            let only = whole.only.replace(Reader::Feed);
            whole.push(db, |bytes| encode_command(bytes, argv.iter()));
            whole.only = only;
        }
        Propagation::Nothing | Propagation::Verbatim | Propagation::ToReplicas => {}
        Propagation::Instead(records) => {
            records.iter().for_each(|record| whole.push(db, |bytes| encode_command(bytes, record.iter())));
        }
        Propagation::Block(block) => whole.append(*block),
    }
}
