//! Who waits until the last write of its client is elsewhere: on our own disk (WAITAOF), with replicas (WAIT), on their disks.
//!
//! A record is acknowledged by our disk when an fsync has covered it and the log it stands in is whole: one that is being switched
//! on is of no use before its base is. A replica acknowledges a place in the stream. Every fsync and every acknowledgement looks
//! through those who wait, whatever `appendfsync` says; with `no` that is whenever there happens to be an fsync, as in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::blocking::BlockedCall;
use super::error::text;
use super::node::Node;
use crate::config::Id;
use crate::persistence::aof::Log;
use crate::replication::Feed;
use crate::resp::Reply;

/// The calls that wait, and what they wait for.
pub struct Durability {
    feed: Arc<Feed>,
    waiting: Mutex<Vec<Waiting>>,
    /// The first record that our disk has not; 0 as long as none counts.
    unsynced: AtomicU64,
    /// The log's base is still being written.
    incomplete: AtomicBool,
}

/// Who shall have a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The record.
    pub sequence: u64,
    /// Whether it is WAITAOF that asks, rather than WAIT.
    pub on_disk: bool,
    /// How many of our own disks: one or none.
    pub local: i64,
    /// How many replicas (on whose disks).
    pub replicas: i64,
}

/// Who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Our own disk.
    pub local: i64,
    /// Replicas.
    pub replicas: i64,
}

struct Waiting {
    wish: Wish,
    call: Arc<BlockedCall>,
}

impl Wish {
    /// Whether that is enough.
    pub fn is_met(&self, by: Acknowledged) -> bool {
        by.local >= self.local && by.replicas >= self.replicas
    }

    /// Replies who has the record.
    pub fn reply(&self, by: Acknowledged, reply: &mut Reply) {
        if self.on_disk {
            reply.array(2);
            reply.integer(by.local);
        }
        reply.integer(by.replicas);
    }
}

impl Durability {
    /// Nobody waits.
    pub fn new(feed: Arc<Feed>) -> Self {
        Self {
            feed,
            waiting: Mutex::default(),
            unsynced: AtomicU64::new(0),
            incomplete: AtomicBool::new(false),
        }
    }

    /// Who has the record by now.
    pub fn acknowledged(&self, log: &Log, wish: &Wish) -> Acknowledged {
        let covers =
            log.is_open() && !self.incomplete.load(Ordering::Acquire) && log.synced() >= wish.sequence;
        self.count(wish, covers)
    }

    fn count(&self, wish: &Wish, local: bool) -> Acknowledged {
        let (have, have_on_disk) = self.feed.count_acknowledged(wish.sequence);
        let replicas = if wish.on_disk { have_on_disk } else { have };
        Acknowledged { local: i64::from(local && wish.on_disk), replicas }
    }

    /// Answers `call` once its wish is met.
    pub fn wait(&self, node: &Node, wish: Wish, call: Arc<BlockedCall>) {
        self.waiting.lock().push(Waiting { wish, call });
        // What has happened before the call stood there has told nobody.
        if wish.local > 0 && !node.config.is_on(Id::AppendOnly) {
            self.give_up();
        }
        if node.log.is_open() {
            self.tell(node.log.synced());
        }
        self.feed.ask_for_acks();
    }

    /// Our disk has all up to `synced`.
    pub fn tell(&self, synced: u64) {
        if !self.incomplete.load(Ordering::Acquire) {
            self.unsynced.fetch_max(synced + 1, Ordering::AcqRel);
            self.look();
        }
    }

    /// Answers those whose wishes are met.
    pub fn look(&self) {
        if self.waiting.lock().is_empty() {
            return;
        }
        let unsynced = self.unsynced.load(Ordering::Acquire);
        let mut answered = Vec::new();
        self.waiting.lock().retain(|Waiting { wish, call }| {
            let by = self.count(wish, wish.sequence < unsynced);
            let is_met = wish.is_met(by);
            if is_met {
                answered.push((*wish, by, call.clone()));
            }
            !is_met && call.is_waiting()
        });
        for (wish, by, call) in answered {
            call.answer(|reply| wish.reply(by, reply));
        }
    }

    /// The log is being switched off: nobody can wait for our disk any more.
    pub fn give_up(&self) {
        self.unsynced.store(0, Ordering::Release);
        let mut refused = Vec::new();
        self.waiting.lock().retain(|Waiting { wish, call }| {
            if wish.local > 0 {
                refused.push(call.clone());
            }
            wish.local == 0 && call.is_waiting()
        });
        for call in refused {
            call.answer(|reply| reply.error(text::NO_LOG));
        }
    }

    /// The log is being switched on, and has no base yet.
    pub fn begin(&self) {
        self.incomplete.store(true, Ordering::Release);
        self.unsynced.store(0, Ordering::Release);
    }

    /// The log has its base.
    pub fn complete(&self, log: &Log) {
        self.incomplete.store(false, Ordering::Release);
        self.tell(log.synced());
    }
}
