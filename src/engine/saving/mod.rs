//! Snapshots, and the life of the append-only file: when each begins, what is done at the cut, and what came of it.
//!
//! One thread at a time, `saver`, makes images: a snapshot (BGSAVE, SAVE, `save` points), a rewrite of the log, or the switching
//! on of the log, which is a rewrite whose increment is kept aside until the base is whole. What is wanted besides is noted and
//! comes next. The settings say what shall be; `wishes::next_job` compares that with what is.
//! What takes I/O is done by that thread, never under the lock of the [`State`].

mod images;
mod log_files;
mod replicas;
mod saver;
mod state;
mod wishes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::node::Node;
use crate::config::Id;
use crate::persistence::aof::FileError;
use crate::persistence::snapshot::Progress;

pub use images::{format, temporary_snapshot};
pub use log_files::{aof_dir, target};
pub use state::{History, Job, Rewriting, State};

/// The saver and what is known of it.
pub struct Saving {
    state: Mutex<State>,
    idle: Condvar,
    /// Changes counted when the last good snapshot was cut.
    dirty_saved: AtomicU64,
    /// Of the image being made.
    progress: Mutex<Arc<Progress>>,
    /// Whether the last snapshot failed; read by every write.
    failed: AtomicBool,
}

/// Why an image was not made.
enum Failure {
    /// Somebody wanted it to stop.
    Stopped,
    /// What was tried, with what, and what came in the way.
    Broken(String),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Saving {
    /// Nothing made yet.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
            idle: Condvar::new(),
            dirty_saved: AtomicU64::new(0),
            progress: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// A look at the state.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.lock())
    }

    /// Changes since the last good snapshot.
    pub fn unsaved(&self, node: &Node) -> u64 {
        let dirty = node.sum(|stats| stats.dirty.get());
        dirty.saturating_sub(self.dirty_saved.load(Ordering::Relaxed))
    }

    /// Counts all changes so far as saved (what was loaded).
    pub fn count_as_saved(&self, node: &Node) {
        self.dirty_saved.store(node.sum(|stats| stats.dirty.get()), Ordering::Relaxed);
    }

    /// The last snapshot has failed and writes shall be refused for it.
    pub fn refuses_writes(&self, node: &Node) -> bool {
        self.failed.load(Ordering::Relaxed)
            && node.config.is_on(Id::StopWritesOnBgsaveError)
            && !node.config.text(Id::Save).is_empty()
    }

    /// Whether the last snapshot has failed: one load.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Keys written and to be written by what runs.
    pub fn progress(&self) -> (u64, u64) {
        let progress = self.progress.lock();
        (progress.keys.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed))
    }

    /// Stops what runs and begins nothing any more. Returns when nothing runs.
    pub fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        self.progress.lock().stop.store(true, Ordering::Relaxed);
        while state.running.is_some() {
            self.idle.wait(&mut state);
        }
    }

    /// After [`Saving::stop`], when the server goes on after all.
    pub fn resume(&self) {
        self.state.lock().stopping = false;
    }
}

impl Default for Saving {
    fn default() -> Self {
        Self::new()
    }
}
