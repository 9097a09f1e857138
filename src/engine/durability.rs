//! Who waits until our own disk has its last write (WAITAOF).
//!
//! A record is acknowledged when an fsync has covered it and the log it stands in is whole: one that is being switched on is
//! of no use before its base is. Every fsync looks through those who wait, whatever `appendfsync` says; with `no` that is
//! whenever there happens to be one, as in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::blocking::BlockedCall;
use super::error::text;
use super::node::Node;
use crate::config::Id;
use crate::persistence::aof::Log;

/// The calls that wait, and what they wait for.
#[derive(Default)]
pub struct Durability {
    waiting: Mutex<Vec<Waiting>>,
    /// The log's base is still being written.
    incomplete: AtomicBool,
}

struct Waiting {
    /// The last record of its client.
    sequence: u64,
    call: Arc<BlockedCall>,
}

impl Durability {
    /// Whether record `sequence`, and all before it, would come back after a power cut.
    pub fn covers(&self, log: &Log, sequence: u64) -> bool {
        log.is_open() && !self.incomplete.load(Ordering::Acquire) && log.synced() >= sequence
    }

    /// Answers `call` once record `sequence` is covered.
    pub fn wait(&self, node: &Node, sequence: u64, call: Arc<BlockedCall>) {
        self.waiting.lock().push(Waiting { sequence, call });
        // What has happened before the call stood there has told nobody.
        if !node.config.is_on(Id::AppendOnly) {
            self.give_up();
        } else if self.covers(&node.log, sequence) {
            self.tell(node.log.synced());
        }
    }

    /// Answers those whose records are covered, now that the disk has all up to `synced`.
    pub fn tell(&self, synced: u64) {
        if self.incomplete.load(Ordering::Acquire) {
            return;
        }
        let is_done = |of: &mut Waiting| !of.call.is_waiting() || of.sequence <= synced;
        let answered: Vec<Waiting> = self.waiting.lock().extract_if(.., is_done).collect();
        for Waiting { call, .. } in answered {
            call.answer(|reply| {
                reply.array(2);
                reply.integer(1);
                reply.integer(0);
            });
        }
    }

    /// The log is being switched off: nobody can wait for it any more.
    pub fn give_up(&self) {
        for Waiting { call, .. } in std::mem::take(&mut *self.waiting.lock()) {
            call.answer(|reply| reply.error(text::NO_LOG));
        }
    }

    /// The log is being switched on, and has no base yet.
    pub fn begin(&self) {
        self.incomplete.store(true, Ordering::Release);
    }

    /// The log has its base.
    pub fn complete(&self, log: &Log) {
        self.incomplete.store(false, Ordering::Release);
        self.tell(log.synced());
    }
}
