//! What belongs to one worker thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::errand::Errand;
use super::node::Node;
use super::release::Waiting;
use super::stats::WorkerStats;
use super::tracking::Outbox;
use crate::config::Id;
use crate::config::keyspace_events::{KEYEVENT, KEYSPACE};
use crate::pubsub::{Delivery, Space};
use crate::store::{DbKey, Patience};

/// One worker's own state. It is not shared between threads.
pub struct Worker {
    /// Its number, from 0. Background tasks that run commands use the number after the last worker's.
    pub id: usize,
    /// The server's services.
    pub node: Arc<Node>,
    /// Its counters.
    pub stats: Arc<WorkerStats>,
    /// Keys that writes have made ready for somebody who waits, to be served before the writer's reply is sent.
    pub(super) ready: RefCell<VecDeque<DbKey>>,
    /// Connections whose replies wait for the log.
    pub waiting: Waiting,
    /// Messages that a command has to tell: they go out, under its locks, when its record has its number.
    told: RefCell<Vec<Delivery>>,
    /// Invalidations likewise.
    pub(super) tracked: Outbox,
    /// Lines for those who watch, of the command that runs.
    pub(super) monitored: RefCell<Vec<String>>,
    /// Errands that nothing is in the way of.
    pub(super) errands: RefCell<VecDeque<Arc<Errand>>>,
    /// Whether errands are being run.
    pub(super) runs_errands: Cell<bool>,
    /// Whether the last script had the token, and whether a batch keeps it for the next one.
    pub(super) had_token: Cell<bool>,
    pub(super) has_lease: Cell<bool>,
    /// Whether it is a thread of the lane, which may take its time.
    pub(super) is_lane: bool,
    /// Whether it is the thread that runs functions which keep state.
    pub(super) is_home: bool,
}

impl Worker {
    /// The state of worker `id`.
    pub fn new(id: usize, node: Arc<Node>) -> Self {
        let stats = node.worker_stats[id].clone();
        Self {
            id,
            node,
            stats,
            ready: RefCell::default(),
            waiting: Waiting::default(),
            told: RefCell::default(),
            tracked: Outbox::default(),
            monitored: RefCell::default(),
            errands: RefCell::default(),
            runs_errands: Cell::new(false),
            had_token: Cell::new(false),
            has_lease: Cell::new(false),
            is_lane: false,
            is_home: false,
        }
    }

    /// The state of a thread of the lane.
    pub(super) fn of_lane(id: usize, node: Arc<Node>, is_home: bool) -> Self {
        Self { is_lane: true, is_home, ..Self::new(id, node) }
    }

    /// How long it may wait for a stripe that somebody holds for long.
    pub(super) fn patience(&self) -> Patience {
        if self.is_lane { Patience::Lane } else { Patience::Worker }
    }

    /// Tells a key-space event to those who have asked for its class.
    #[inline]
    pub(super) fn tell(&self, class: i64, event: &str, db: usize, key: &[u8]) {
        let wanted = self.node.config.get(Id::NotifyKeyspaceEvents);
        if wanted & class == 0 {
            return;
        }
        let audience = &self.node.pubsub.audience;
        if wanted & KEYSPACE != 0 && audience.hears_keys() {
            self.tell_key(event, db, key);
        }
        if wanted & KEYEVENT != 0 && audience.hears_event(event) {
            self.tell_event(event, db, key);
        }
    }

    #[cold]
    fn tell_key(&self, event: &str, db: usize, key: &[u8]) {
        let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
        self.tell_message(Space::Global, &channel, event.as_bytes());
    }

    #[cold]
    fn tell_event(&self, event: &str, db: usize, key: &[u8]) {
        self.tell_message(Space::Global, format!("__keyevent@{db}__:{event}").as_bytes(), key);
    }

    /// Addresses a message to those who listen now; returns their number.
    fn tell_message(&self, space: Space, channel: &[u8], bytes: &[u8]) -> usize {
        let deliveries = self.node.pubsub.address(space, channel, bytes);
        let receivers = deliveries.iter().map(Delivery::receivers).sum();
        self.told.borrow_mut().extend(deliveries);
        receivers
    }

    /// Publishes a message that reveals record `gate`, or within a transaction, whose record has no number yet, leaves it to be
    /// told with that. Returns the number of receivers.
    pub fn publish(&self, space: Space, channel: &[u8], bytes: &[u8], gate: Option<u64>) -> usize {
        match gate {
            Some(gate) => self.node.pubsub.publish(space, channel, bytes, gate),
            None => self.tell_message(space, channel, bytes),
        }
    }

    /// Sends what has been told; it reveals record `gate`.
    #[inline]
    pub(super) fn send_told(&self, gate: u64) {
        self.tracked.send(&self.node, gate);
        if !self.told.borrow().is_empty() {
            self.told.take().iter().for_each(|delivery| delivery.send(gate));
        }
    }

    /// To be called when what has run is done, before its replies leave: those who track keys by their prefixes learn what has
    /// changed. No stripe may be held.
    #[inline]
    pub fn end_turn(&self) {
        self.tracked.broadcast(&self.node);
    }
}
