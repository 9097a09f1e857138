//! What a command has done besides its reply: gathered while its handler runs, settled once under the same locks.
//!
//! Handlers change values and say so; everything that follows from a change (watchers, waiters, the empty collection that must
//! go, key-space events, the journal's record) happens in [`super::settle`], so nothing can be forgotten in a handler.

use smallvec::SmallVec;
use std::cell::{Cell, RefCell};

use super::settle::TransactionRecord;
use crate::store::{Db, DbKey};
use crate::value::Value;

/// One change or event of one key.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub db: usize,
    pub hash: u64,
    pub key: &'a [u8],
    pub class: i64,
    pub event: &'static str,
    /// Who is to learn of it.
    pub reach: Reach,
    /// Whether the collection was empty after the change.
    pub vacant: bool,
}

/// Who learns of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Listeners to key-space events. Redis tells the watchers of a stream nothing of what happens in its groups.
    Listeners,
    /// Clients that wait for the key, too.
    Waiters,
    /// Clients that watch the key, too: its value has changed.
    Everyone,
}

/// One command for the journal: its arguments.
pub type Record = Vec<Vec<u8>>;

/// What of a write goes into the journal.
#[derive(Default)]
pub(super) enum Propagation {
    /// The command as it came, if it has changed anything.
    #[default]
    Verbatim,
    /// Nothing.
    Nothing,
    /// These commands in its place.
    Instead(Vec<Record>),
    /// The command as it came, to replicas alone.
    ToReplicas,
    /// What the commands of a script have written.
    Block(Box<TransactionRecord>),
}

/// The consequences of one command, so far.
#[derive(Default)]
pub struct Effects<'a> {
    pub(super) changes: SmallVec<[Change<'a>; 2]>,
    /// Number of changes as `rdb_changes_since_last_save` counts them.
    pub(super) dirty: i64,
    pub(super) propagation: Propagation,
    pub(super) hits: Cell<u32>,
    pub(super) misses: Cell<u32>,
    /// Values to be dropped when no lock is held any more.
    pub(super) garbage: Vec<Value>,
    /// What few commands have.
    pub(super) rare: RefCell<Option<Box<Rare>>>,
}

/// Consequences that few commands have. They are kept apart because every command carries its effects about.
#[derive(Default)]
pub(super) struct Rare {
    /// Keys that a write found expired and has deleted: their DELs go first.
    pub expired: Vec<(usize, Vec<u8>)>,
    /// Keys that a read found expired: to be deleted after unlocking.
    pub stale: Vec<DbKey>,
    /// Keys that were looked for in vain, when somebody wants to be told.
    pub missed: Vec<DbKey>,
    /// Tables to be dropped when no lock is held any more (FLUSHALL).
    pub tables: Vec<Db>,
    /// Whether the tables are to be dropped before the reply rather than in the background.
    pub frees_in_place: bool,
}

impl<'a> Effects<'a> {
    /// Number of changes so far.
    pub fn dirty(&self) -> i64 {
        self.dirty
    }

    /// Counts changes beyond those that [`super::Keyspace::changed`] has counted. Those of a key that has said nothing else
    /// are noted for whoever reads it only if no other key has either: see [`super::Editor::changed_untold`].
    pub fn add_dirty(&mut self, changes: i64) {
        self.dirty += changes;
    }

    /// Leaves a value to be dropped when no lock is held any more.
    pub fn discard(&mut self, value: Value) {
        self.garbage.push(value);
    }

    /// Journals `record` in place of the command; called again, more commands in this order.
    pub fn propagate_instead<'b>(&mut self, record: impl IntoIterator<Item = &'b [u8]>) {
        let record = record.into_iter().map(<[u8]>::to_vec).collect();
        match &mut self.propagation {
            Propagation::Instead(records) => records.push(record),
            _ => self.propagation = Propagation::Instead(vec![record]),
        }
    }

    /// Journals the commands of a script.
    pub(super) fn propagate_block(&mut self, block: TransactionRecord) {
        self.propagation = Propagation::Block(Box::new(block));
    }

    /// Sends the command to replicas, and nothing to the log (PUBLISH).
    pub fn propagate_to_replicas(&mut self) {
        self.propagation = Propagation::ToReplicas;
    }

    /// Takes over what another command has left to do when no lock is held.
    pub(super) fn absorb(&mut self, other: &mut Effects<'_>) {
        self.garbage.append(&mut other.garbage);
        if let Some(mut theirs) = other.rare.get_mut().take() {
            let ours = self.rare_mut();
            ours.stale.append(&mut theirs.stale);
            ours.tables.append(&mut theirs.tables);
            ours.frees_in_place |= theirs.frees_in_place;
        }
    }

    /// Journals nothing.
    pub fn propagate_nothing(&mut self) {
        self.propagation = Propagation::Nothing;
    }

    /// Leaves tables to be dropped after unlocking.
    pub(super) fn discard_tables(&mut self, tables: Vec<Db>, in_place: bool) {
        let rare = self.rare_mut();
        rare.tables.extend(tables);
        rare.frees_in_place = in_place;
    }

    /// What few commands have, to add to it.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_mut().get_or_insert_default()
    }

    /// A read has found a key expired.
    pub(super) fn note_stale(&self, key: DbKey) {
        self.rare.borrow_mut().get_or_insert_default().stale.push(key);
    }

    /// A key was looked for in vain, and somebody wants to be told.
    pub(super) fn note_missed(&self, key: DbKey) {
        self.rare.borrow_mut().get_or_insert_default().missed.push(key);
    }

    /// Keys that a write found expired and has deleted.
    pub(super) fn take_expired(&mut self) -> Vec<(usize, Vec<u8>)> {
        self.rare.get_mut().as_mut().map_or_else(Vec::new, |rare| std::mem::take(&mut rare.expired))
    }

    pub(super) fn push(&mut self, change: Change<'a>) {
        self.changes.push(change);
    }
}
