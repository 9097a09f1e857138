//! DEBUG RELOAD and DEBUG LOADAOF: the data is thrown away and loaded anew while the server runs. A job of the saver, so that no
//! image is made meanwhile and the end of the server waits for it.
//!
//! 1. While the data is saved or the log written to its end, other clients wait as at the end of the server ([`Node::closing`]);
//!    once all stripes have been held, nothing changes any more.
//! 2. While the data is loaded they are told so ([`Node::loading`]).
//! 3. Nothing of this is journaled: the data is what the files say already.

use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::blocking;
use super::databases;
use super::loading;
use super::node::Node;
use super::saving;
use super::scripting::libraries;
use super::worker::Worker;
use crate::base::{clock, log};
use crate::config::Id;
use crate::persistence::aof::AofFiles;
use crate::store::Mode;

/// Where the data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The snapshot (DEBUG RELOAD).
    Snapshot(SnapshotReload),
    /// The append-only file (DEBUG LOADAOF).
    Log,
}

/// The options of DEBUG RELOAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotReload {
    /// Whether a snapshot is made before.
    pub saves: bool,
    /// Whether the data is thrown away before.
    pub empties: bool,
    /// Whether keys of the file replace those that are there; otherwise they are an error.
    pub merges: bool,
}

/// Loads the data anew; `save` makes a snapshot and says whether it has.
///
/// # Errors
/// What the client is told; why is in the log.
pub(super) fn run(node: &Arc<Node>, source: Source, save: impl FnOnce() -> bool) -> Result<(), &'static str> {
    node.closing.store(true, Ordering::SeqCst);
    drop(node.store.locks().hold_all(Mode::Write));
    let prepared = match source {
        Source::Snapshot(options) if options.saves && !save() => {
            Err("ERR Error trying to save the DB, check server logs.")
        }
        Source::Log if node.log.is_open() && node.log.flush().is_err() => {
            Err("ERR Error trying to write the AOF, check server logs.")
        }
        _ => Ok(()),
    };
    if prepared.is_ok() {
        loading::begin(node);
    }
    node.closing.store(false, Ordering::SeqCst);
    prepared?;
    suspend_journal(node, true);
    let outcome = match source {
        Source::Snapshot(options) => load_snapshot(node, options),
        Source::Log => load_log(node),
    };
    suspend_journal(node, false);
    node.loading.store(false, Ordering::SeqCst);
    blocking::serve_all(node);
    outcome
}

fn suspend_journal(node: &Node, suspended: bool) {
    let held = node.store.locks().hold_all(Mode::Write);
    node.journal.suspend(suspended);
    drop(held);
}

fn load_snapshot(node: &Arc<Node>, options: SnapshotReload) -> Result<(), &'static str> {
    if options.empties {
        empty(node);
    }
    let path = node.config.path(Id::DbFileName);
    let loaded = loading::load_snapshot(node, &path, options.merges).and_then(|found| match found {
        true => Ok(()),
        false => Err(format!("There is no snapshot {}", Path::new(&path).display())),
    });
    loaded.map_err(|reason| {
        log::warning!("{reason}");
        "ERR Error trying to load the RDB dump, check server logs."
    })?;
    log::warning!("DB reloaded by DEBUG RELOAD");
    Ok(())
}

/// When the log can't be loaded, the server ends, as Redis does: what is there is half of the data, and the next rewrite would
/// put it in the place of all of it.
fn load_log(node: &Arc<Node>) -> Result<(), &'static str> {
    empty(node);
    let started_us = clock::monotonic_us();
    let loaded = AofFiles::open(saving::aof_dir(node))
        .map_err(|error| error.to_string())
        .and_then(|files| loading::load_log(node, &files));
    if let Err(reason) = loaded {
        log::warning!("{reason}. The server exits, so that nothing on the disk is overwritten.");
        process::exit(1);
    }
    node.saving.count_as_saved(node);
    let seconds = (clock::monotonic_us() - started_us) as f64 / 1e6;
    log::warning!("Append Only File loaded by DEBUG LOADAOF: {seconds:.3} seconds");
    Ok(())
}

fn empty(node: &Arc<Node>) {
    // Watchers are told; who waits for a stream's end sees the key again, or not, with the next write to it.
    let worker = Worker::new(node.workers(), node.clone());
    let mut held = node.store.locks().hold_all(Mode::Write);
    let (_, tables) = databases::empty(&worker, &mut held, None);
    worker.send_told(0);
    drop(held);
    drop(tables);
    // Nobody calls functions while the data is loaded.
    let _ = libraries::change(node, |catalog| {
        catalog.clear();
        Ok(())
    });
}
