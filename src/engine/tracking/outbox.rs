//! What a worker has to tell to those who track: until the record of the change has its number, and with BCAST until its turn
//! ends.

use std::cell::{Cell, RefCell};

use bytes::Bytes;

use super::broadcast::Changed;
use super::{Mode, one_key, send};
use crate::engine::node::Node;

/// One worker's.
#[derive(Default)]
pub struct Outbox {
    /// Whether anything waits for its record's number.
    waits: Cell<bool>,
    /// Who is to be told, and which keys; None for all.
    messages: RefCell<Vec<(u64, Option<Bytes>)>>,
    /// Keys for BCAST.
    changed: RefCell<Changed>,
    /// The highest record that they reveal.
    gate: Cell<u64>,
}

impl Outbox {
    /// A key has changed, whose stripe is held for writing; `by` is the client who did it, 0 for none: what expires or is
    /// evicted NOLOOP clients must learn, whoever's command has met it. With BCAST they learn what their scripts have done,
    /// too, as in Redis.
    #[cold]
    pub fn change(&self, node: &Node, key: &[u8], by: u64, is_in_script: bool) {
        let tracking = &node.tracking;
        if tracking.prefixes.len() > 0 && tracking.prefixes.cover(key) {
            let by = if is_in_script { 0 } else { by };
            // In one turn several clients may change it: then each of them has to learn of the others.
            let same = |known: &mut u64| *known = if *known == by { by } else { 0 };
            self.changed.borrow_mut().entry(key.into()).and_modify(same).or_insert(by);
            self.waits.set(true);
        }
        let clients = tracking.table.take(key);
        if clients.is_empty() {
            return;
        }
        let keys = one_key(key);
        for id in clients {
            // By now it may have gone, or track in another way.
            let mode = node.clients.get(&id).map_or(Mode::default(), |client| client.tracking.mode());
            let is_own = id == by && mode.has(Mode::NOLOOP);
            if mode.has(Mode::ON) && !mode.has(Mode::BCAST) && !is_own {
                self.messages.borrow_mut().push((id, Some(keys.clone())));
                self.waits.set(true);
            }
        }
    }

    /// All keys of a database may have changed, while every stripe is held for writing: whoever tracks is to forget all.
    #[cold]
    pub fn change_all(&self, node: &Node) {
        let tracking = &node.tracking;
        node.drop_later(tracking.table.clear());
        let mut clients: Vec<u64> = tracking.clients.read().iter().copied().collect();
        clients.sort_unstable();
        self.messages.borrow_mut().extend(clients.into_iter().map(|id| (id, None)));
        self.waits.set(true);
    }

    /// The record of what waits has its number, or there is none: `gate` is the highest that it reveals.
    #[inline]
    pub fn send(&self, node: &Node, gate: u64) {
        if self.waits.get() {
            self.send_waiting(node, gate);
        }
    }

    #[cold]
    fn send_waiting(&self, node: &Node, gate: u64) {
        self.waits.set(false);
        self.gate.set(self.gate.get().max(gate));
        for (id, keys) in self.messages.take() {
            send(node, id, keys, gate);
        }
    }

    /// Tells the changed keys by their prefixes.
    #[inline]
    pub fn broadcast(&self, node: &Node) {
        if !self.changed.borrow().is_empty() {
            self.broadcast_changed(node);
        }
    }

    #[cold]
    fn broadcast_changed(&self, node: &Node) {
        let (changed, gate) = (self.changed.take(), self.gate.take());
        let skips_own =
            |id: u64| node.clients.get(&id).is_some_and(|client| client.tracking.mode().has(Mode::NOLOOP));
        let tell = |id: u64, keys: Bytes| send(node, id, Some(keys), gate);
        node.tracking.prefixes.match_up(&changed, skips_own, tell);
    }
}
