//! What leaves: replies that wait for the log, what the socket has not taken yet, limits, the stream to a replica.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::time::Duration;

use super::{Connection, WRITE_BYTES};
use crate::base::{clock, log};
use crate::config::{ClientClass, OutputLimit};
use crate::engine::replicas;
use crate::replication::Stage;
use crate::resp::{Reply, Segment};

/// Rounds of sending to a replica before others have their turn.
const FEEDS_PER_TURN: usize = 16;
/// What ordinary clients may leave unread whatever their limit: in Redis 7.2 so much stands in a buffer that does not count.
const UNCOUNTED_BYTES: usize = 16 * 1024;
/// Pieces in one vectored write.
const PIECES_MAX: usize = 64;

impl Connection {
    /// Waits until the log has taken what the replies reveal. If it can't for now, the writes among them are answered with that.
    /// False when the connection is to be closed instead.
    pub(super) async fn hold(&mut self) -> bool {
        let gate = self.session.gate;
        if gate > self.worker.node.journal.released() {
            if !self.await_release(gate).await {
                return false;
            }
            self.session.gate = 0;
        }
        if !self.session.held.is_empty() {
            self.session.settle_held(&mut self.reply, &self.worker.node);
        }
        true
    }

    /// Waits for the release of record `gate`. False if the client is killed meanwhile, or gets more mail than it may leave.
    async fn await_release(&mut self, gate: u64) -> bool {
        let worker = self.worker.clone();
        let mut signaled = false;
        loop {
            if self.session.handle.is_killed() || signaled && !self.within_output_limit() {
                return false;
            }
            let signal = &self.session.handle.signal;
            if worker.waiting.wait(&worker.node.journal, gate, |waker| signal.poll(waker)).await {
                break;
            }
            signaled = true;
        }
        if signaled {
            // Its mail is read when the replies have left.
            self.session.handle.signal.raise();
        }
        true
    }

    /// Sends what the socket takes. False when the connection is to be closed.
    pub(super) fn flush(&mut self) -> bool {
        if self.unsent.is_empty()
            && let Some(tail) = self.reply.output().single()
        {
            if tail.is_empty() {
                return true;
            }
            match self.stream.try_write(tail) {
                Ok(bytes) => {
                    self.worker.stats.writes.add(1);
                    self.worker.stats.output_bytes.add(bytes as u64);
                    if bytes == tail.len() {
                        tail.clear();
                        return true;
                    }
                    tail.drain(..bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        self.queue_output();
        let open = self.flush_queue() && self.within_output_limit();
        // Whoever looks for clients over their limit must see when this one is not any more.
        self.publish_buffers();
        open
    }

    fn queue_output(&mut self) {
        self.unsent_bytes += self.reply.len();
        // A buffer that is mostly empty is not given away.
        if let Some(tail) = self.reply.output().single()
            && tail.len() <= tail.capacity() / 2
        {
            if !tail.is_empty() {
                self.unsent.push_back(Segment::Owned(tail.as_slice().to_vec()));
                tail.clear();
            }
            return;
        }
        self.unsent.extend(self.reply.output().take());
    }

    fn flush_queue(&mut self) -> bool {
        while !self.unsent.is_empty() {
            let mut pieces: Vec<IoSlice<'_>> = Vec::with_capacity(self.unsent.len().min(PIECES_MAX));
            let mut skip = self.sent;
            for segment in self.unsent.iter().take(PIECES_MAX) {
                pieces.push(IoSlice::new(&segment.bytes()[skip..]));
                skip = 0;
            }
            match self.stream.try_write_vectored(&pieces) {
                Ok(bytes) => self.advance(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn advance(&mut self, bytes: usize) {
        self.worker.stats.writes.add(1);
        self.worker.stats.output_bytes.add(bytes as u64);
        self.unsent_bytes -= bytes;
        self.sent += bytes;
        while let Some(first) = self.unsent.front() {
            let len = first.bytes().len();
            if self.sent < len {
                return;
            }
            self.sent -= len;
            self.unsent.pop_front();
        }
    }

    pub(super) fn class(&self) -> ClientClass {
        if self.session.follows {
            return ClientClass::Replica;
        }
        let listens = match &self.session.away {
            Some(away) => away.listens(),
            None => !self.session.subscriptions.is_empty(),
        };
        if listens { ClientClass::PubSub } else { ClientClass::Normal }
    }

    pub(super) fn within_output_limit(&mut self) -> bool {
        let limit = self.worker.node.config.output_limit(self.class());
        let bytes = (self.unsent_bytes + self.session.handle.mail_bytes()) as i64;
        if bytes <= self.free_bytes() as i64 || !self.passes(&limit, bytes) {
            return true;
        }
        let handle = &self.session.handle;
        log::warning!(
            "Client id={} addr={} closed: it has not read {bytes} bytes of replies, more than its output buffer limit",
            handle.id,
            handle.address
        );
        false
    }

    /// So many bytes pass no limit.
    pub(super) fn free_bytes(&self) -> usize {
        if self.class() == ClientClass::Normal { UNCOUNTED_BYTES } else { 0 }
    }

    fn passes(&mut self, limit: &OutputLimit, bytes: i64) -> bool {
        if limit.hard_bytes > 0 && bytes > limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || bytes <= limit.soft_bytes {
            self.over_limit_since_us = None;
            return false;
        }
        let since = *self.over_limit_since_us.get_or_insert_with(clock::monotonic_us);
        clock::monotonic_us() - since > limit.soft_seconds as u64 * 1_000_000
    }

    /// Lets the last replies leave before the connection is closed, as long as the peer goes on taking them.
    pub(super) async fn linger(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        while self.unsent_bytes > 0 && !self.session.handle.is_killed() {
            let writable = poll_fn(|context| self.stream.poll_write_ready(context));
            match tokio::time::timeout(PATIENCE, writable).await {
                Ok(Ok(())) if self.flush_queue() => {}
                _ => return,
            }
        }
    }

    /// Sends a replica what is there for it, as far as its socket takes it. False when the connection is to be closed.
    pub(super) fn feed(&mut self) -> bool {
        let Some(link) = self.session.link.clone().filter(|_| self.session.follows) else { return true };
        for _ in 0..FEEDS_PER_TURN {
            if self.unsent_bytes > 0 || !self.reply.is_empty() {
                return true;
            }
            let mut bytes = Vec::new();
            match link.fill(&self.worker.node.feed, WRITE_BYTES, &mut bytes) {
                Ok(0) => return link.stage() != Stage::Served,
                Ok(_) => {}
                Err(error) => {
                    log::warning!("Can't read the image for replica {}: {error}", replicas::name(&link));
                    return false;
                }
            }
            self.unsent_bytes += bytes.len();
            self.unsent.push_back(Segment::Owned(bytes));
            if !self.flush() {
                return false;
            }
        }
        self.session.handle.signal.raise();
        true
    }

    /// A replica has sent a command that is answered, which would be taken for a part of the stream: it is closed.
    pub(super) fn refuse_to_answer(&mut self) {
        let node = &self.worker.node;
        let command = match self.session.command {
            0 => "unknown",
            place => node.table.all()[usize::from(place) - 1].facts.name,
        };
        if let Some(link) = &self.session.link {
            log::warning!(
                "Replica generated a reply to command '{command}', disconnecting it: {}",
                replicas::name(link)
            );
        }
        self.reply = Reply::new(self.session.protocol);
        self.session.handle.kill();
    }

    /// Waits while an image can't keep up with writes, and while the server is about to end.
    pub(super) async fn make_way(&mut self) {
        const PAUSE: Duration = Duration::from_millis(1);
        let node = &self.worker.node;
        if std::mem::take(&mut self.session.wrote) {
            while node.store.is_pressed() && !self.session.handle.is_killed() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        while node.is_closing() && !self.session.follows && !self.session.handle.is_killed() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
