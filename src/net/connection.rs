//! One connection: read, run, write.
//!
//! Buffers: an idle connection owns none. While its requests run it borrows the worker's, and only what is left over (half a
//! request, replies that the peer does not take) is moved into memory of its own. So ten thousand idle connections cost
//! little, and busy ones share warm cache lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::stream::Stream;
use crate::base::{clock, log};
use crate::config::{ClientClass, Id, OutputLimit};
use crate::engine::blocking::{BlockedCall, Outcome};
use crate::engine::errand::{self, Away, Request};
use crate::engine::execute;
use crate::engine::pipeline::{self, Stop};
use crate::engine::replicas;
use crate::engine::session::{ClientHandle, ReplyMode, Session};
use crate::engine::text;
use crate::engine::transaction;
use crate::engine::worker::Worker;
use crate::pubsub::Space;
use crate::replication::Stage;
use crate::resp::{Parser, Protocol, Reply, Segment};

/// Room that is made for a read.
const READ_BYTES: usize = 16 * 1024;
/// Buffers larger than this are not kept for the next one.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// Replies are written at this size though more requests are there.
const WRITE_BYTES: usize = 64 * 1024;
/// Rounds of sending to a replica before others have their turn.
const FEEDS_PER_TURN: usize = 16;
/// Batches run before others have their turn.
const BATCHES_PER_TURN: usize = 8;
/// Pieces in one vectored write.
const PIECES_MAX: usize = 64;
/// From this length on a buffer gets no more room than a large argument asks for.
const EXACT_BYTES_MIN: usize = 64 * 1024;
/// How many times what has come in of one argument may be reserved for the rest of it.
const STEP: usize = 32;
/// What a client that waits in a blocking command may send ahead.
const AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Replies wait for that of a request that runs elsewhere for as long: clients take half a pipeline's replies for its loss.
const HELD_BACK_MS_MAX: i64 = 5;
/// In a pause a client looks no more often whether a script keeps it waiting.
const PAUSED_LOOK_MS: i64 = 100;

thread_local! {
    /// The worker's buffers, lent to the connection that runs.
    static LENT: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// A client's connection, served by one task of its worker.
pub struct Connection {
    worker: Rc<Worker>,
    stream: Stream,
    session: Session,
    parser: Parser,
    buffer: Vec<u8>,
    reply: Reply,
    unsent: VecDeque<Segment>,
    /// Bytes of the first unsent piece that are sent already.
    sent: usize,
    unsent_bytes: usize,
    /// Since when the soft output limit has been passed, in monotonic microseconds.
    over_limit_since_us: Option<u64>,
    /// Whether the socket is looked at before the signal.
    reads_first: bool,
}

/// What a connection's task wakes up for.
enum Event {
    /// Bytes have been read.
    Readable,
    Writable,
    Signal,
    Deadline,
    /// The peer has gone, or goes too far.
    Failed,
}

impl Connection {
    /// A connection that has just been accepted. It appears among the clients now and goes when it is dropped.
    pub fn new(worker: Rc<Worker>, stream: Stream, handle: Arc<ClientHandle>) -> Self {
        let authenticated = worker.node.acl.is_open();
        worker.node.clients.insert(handle.id, handle.clone());
        Self {
            session: Session::new(handle, authenticated),
            worker,
            stream,
            parser: Parser::default(),
            buffer: Vec::new(),
            reply: Reply::new(Protocol::Resp2),
            unsent: VecDeque::new(),
            sent: 0,
            unsent_bytes: 0,
            over_limit_since_us: None,
            reads_first: false,
        }
    }

    /// Serves the client until it leaves or is closed.
    pub async fn run(mut self) {
        loop {
            let event = self.event().await;
            let signaled = matches!(event, Event::Signal);
            let open = match event {
                Event::Readable => self.turn().await,
                Event::Writable => self.flush() && self.feed(),
                Event::Signal => self.signaled().await,
                Event::Deadline => self.timed_out().await,
                Event::Failed => false,
            };
            if !open {
                return self.await_return().await;
            }
            // Messages may come faster than they leave: the peer's requests and the other connections have their turn between.
            self.reads_first = signaled;
            if signaled && self.session.handle.signal.is_raised() {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn event(&mut self) -> Event {
        match self.deadline_ms() {
            None => poll_fn(|context| self.poll_event(context)).await,
            Some(at) => {
                let left = Duration::from_millis((at - clock::unix_ms()).max(0) as u64);
                let next = poll_fn(|context| self.poll_event(context));
                tokio::time::timeout(left, next).await.unwrap_or(Event::Deadline)
            }
        }
    }

    /// When the client's wait ends by itself.
    fn deadline_ms(&self) -> Option<i64> {
        if let Some(away) = &self.session.away {
            if !self.reply.is_empty() {
                return Some(away.since_ms() + HELD_BACK_MS_MAX);
            }
            let patience_ms = self.worker.node.config.get(Id::BusyReplyThreshold);
            let least_ms = if self.worker.node.pause.is_on() { PAUSED_LOOK_MS } else { 1 };
            return Some(away.since_ms() + patience_ms.max(least_ms));
        }
        self.session.waiting.as_ref()?.deadline_ms()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if self.reads_first
            && let Poll::Ready(event) = self.poll_socket(context)
        {
            return Poll::Ready(event);
        }
        if self.session.handle.signal.poll(context.waker()) {
            return Poll::Ready(Event::Signal);
        }
        if self.reads_first { Poll::Pending } else { self.poll_socket(context) }
    }

    fn poll_socket(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if self.unsent_bytes > 0
            && let Poll::Ready(result) = self.stream.poll_write_ready(context)
        {
            return Poll::Ready(if result.is_ok() { Event::Writable } else { Event::Failed });
        }
        if self.session.is_occupied() && self.buffer.len() >= AHEAD_BYTES_MAX {
            return Poll::Pending;
        }
        self.poll_read(context)
    }

    /// Reads what is there, into the worker's buffer unless part of a request is in our own.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let borrowed = self.buffer.is_empty();
        if borrowed {
            LENT.with_borrow_mut(|lent| std::mem::swap(&mut lent.0, &mut self.buffer));
        }
        let missing = self.parser.bytes_missing(self.buffer.len());
        // A large argument gets its room in few steps, each paid for by what has come in: it is copied at every step.
        if missing > 0 && self.buffer.len() >= EXACT_BYTES_MIN {
            self.buffer.reserve_exact(missing.min(self.buffer.len() * STEP));
        } else {
            self.buffer.reserve(missing.min(self.buffer.len().max(READ_BYTES)).max(READ_BYTES));
        }
        let polled = self.stream.poll_read(context, &mut self.buffer);
        if borrowed && self.buffer.is_empty() {
            LENT.with_borrow_mut(|lent| std::mem::swap(&mut lent.0, &mut self.buffer));
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.worker.stats.reads.add(1);
                self.worker.stats.input_bytes.add(bytes as u64);
                Poll::Ready(if self.within_query_limit() { Event::Readable } else { Event::Failed })
            }
            Poll::Ready(_) => Poll::Ready(Event::Failed),
        }
    }

    fn within_query_limit(&self) -> bool {
        let limit = self.worker.node.config.get(Id::ClientQueryBufferLimit) as usize;
        let queued = self.session.queue.as_ref().map_or(0, |queue| queue.bytes);
        if self.buffer.len() + queued <= limit {
            return true;
        }
        log::warning!(
            "Closing client that reached max query buffer length: id={} addr={}",
            self.session.handle.id,
            self.session.handle.address
        );
        false
    }

    /// Runs what has been read and sends the replies, in turns with others.
    async fn turn(&mut self) -> bool {
        loop {
            if self.session.is_occupied() {
                if !self.talk().await {
                    return false;
                }
                self.settle_buffers();
                self.publish_buffers();
                return true;
            }
            if self.worker.node.config.get(Id::MaxMemoryClients) != 0 && self.is_too_large() {
                return false;
            }
            let stop = self.run_batches();
            if self.session.overflowed {
                return false;
            }
            if self.session.away.is_some() && self.reply.len() < WRITE_BYTES {
                return true;
            }
            if !self.hold().await || !self.flush() {
                return false;
            }
            self.make_way().await;
            if stop == Stop::Close {
                self.linger().await;
                return false;
            }
            if self.session.handle.is_killed() {
                return false;
            }
            if stop != Stop::Yield {
                self.settle_buffers();
                return true;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Whether the client is closed for what it has sent, before that is run.
    #[cold]
    fn is_too_large(&self) -> bool {
        self.publish_buffers();
        self.session.handle.is_killed()
    }

    /// Takes the worker's buffer for replies unless there are replies already.
    fn borrow_reply(&mut self) {
        if let Some(tail) = self.reply.output().single()
            && tail.capacity() == 0
        {
            LENT.with_borrow_mut(|lent| std::mem::swap(&mut lent.1, tail));
        }
    }

    /// Gives it back once all has been sent.
    fn return_reply(&mut self) {
        if self.reply.is_empty()
            && let Some(tail) = self.reply.output().single()
        {
            lend(tail, |lent| &mut lent.1);
        }
    }

    fn run_batches(&mut self) -> Stop {
        self.borrow_reply();
        let limit_bytes = self.worker.node.config.output_limit(self.class()).hard_bytes as usize;
        let left = if limit_bytes == 0 { usize::MAX } else { limit_bytes.saturating_sub(self.unsent_bytes) };
        self.reply.set_bytes_max(left);
        let stats = &self.worker.stats;
        let (busy_ns, processed) = (stats.busy_ns.get(), stats.processed.get());
        let mut stop = Stop::Yield;
        for _ in 0..BATCHES_PER_TURN {
            stop = pipeline::run_batch(
                &self.worker,
                &mut self.session,
                &mut self.parser,
                &mut self.buffer,
                &mut self.reply,
            );
            if stop != Stop::Yield || self.reply.len() >= WRITE_BYTES {
                break;
            }
        }
        self.worker.stats.end_turn(busy_ns, processed);
        self.worker.end_turn();
        if self.session.expects_mail() {
            self.session.take_mail(&mut self.reply);
        }
        if stop == Stop::Waiting {
            self.note_waiting();
        }
        if self.session.follows && !self.reply.is_empty() {
            self.refuse_to_answer();
        }
        if stop == Stop::Close {
            self.session.handle.leave();
        }
        // Before the replies leave: who has read them may look at CLIENT LIST.
        self.publish_view();
        stop
    }

    fn note_waiting(&self) {
        if let Some(call) = &self.session.waiting {
            self.session.handle.set_blocked(Some(call.clone()));
            self.worker.node.blocked_clients.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends a replica what is there for it, as far as its socket takes it. False when the connection is to be closed.
    fn feed(&mut self) -> bool {
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
    fn refuse_to_answer(&mut self) {
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

    /// Gives the worker's buffers back, and keeps what is left over in memory of its size.
    fn settle_buffers(&mut self) {
        if self.buffer.is_empty() {
            lend(&mut self.buffer, |lent| &mut lent.0);
        } else if self.buffer.len() < READ_BYTES / 4 && self.buffer.capacity() >= READ_BYTES {
            let rest = self.buffer.as_slice().to_vec();
            self.buffer.clear();
            lend(&mut self.buffer, |lent| &mut lent.0);
            self.buffer = rest;
        } else {
            self.buffer.shrink_to(2 * self.buffer.len() + READ_BYTES);
        }
        self.return_reply();
    }

    /// What has come from elsewhere: the end of waiting, messages, or the order to close.
    async fn signaled(&mut self) -> bool {
        if let Some(away) = &self.session.away {
            // What else the signal is for is looked at when the request is back.
            let away = away.clone();
            if !self.talk().await {
                return false;
            }
            return match away.take_back() {
                Some(request) => self.come_back(request).await,
                None => !self.session.handle.is_killed() && self.within_output_limit(),
            };
        }
        if self.session.handle.is_killed() {
            self.session.take_mail(&mut self.reply);
            if self.hold().await {
                self.flush();
            }
            return false;
        }
        if self.session.follows {
            return self.feed();
        }
        if let Some(call) = self.session.waiting.clone()
            && let Some(outcome) = call.take_outcome()
        {
            self.end_served(outcome);
            self.session.take_mail(&mut self.reply);
            return self.turn().await;
        }
        self.borrow_reply();
        if self.session.take_some_mail(&mut self.reply, WRITE_BYTES) {
            self.session.handle.signal.raise();
        }
        let open = self.hold().await && self.flush() && self.within_output_limit();
        self.return_reply();
        open
    }

    /// Has the client talk to the debugger of its script that runs, if there is one. False when the connection is to be closed.
    async fn talk(&mut self) -> bool {
        let is_away = self.session.away.is_some();
        let Some(dialogue) = self.session.dialogue.clone().filter(|dialogue| is_away && dialogue.has_begun())
        else {
            return true;
        };
        let (worker, session) = (&self.worker, &self.session);
        let taken = pipeline::take_orders(worker, session, &mut self.parser, &mut self.buffer, &dialogue);
        self.reply.raw(&dialogue.take_said());
        // What came before may wait for the log.
        taken && self.hold().await && self.flush()
    }

    /// Goes on with the session that a request has brought back, and with its reply.
    async fn come_back(&mut self, mut request: Box<Request>) -> bool {
        if let Some(dialogue) = &self.session.dialogue {
            self.reply.raw(&dialogue.take_said());
        }
        let start = self.reply.mark();
        self.reply.append(request.reply.output());
        let stayed = std::mem::replace(&mut self.session, request.session);
        self.session.reveal(stayed.gate);
        let sequence = self.session.held.drain(..).map(|held| held.sequence).max();
        self.session.held = stayed.held;
        if let Some(sequence) = sequence {
            self.session.published = sequence;
            self.session.hold(start, self.reply.mark());
        }
        self.reply.set_protocol(self.session.protocol);
        self.session.handle.signal.raise();
        self.note_waiting();
        if !self.session.close {
            return self.turn().await;
        }
        self.session.handle.leave();
        if !self.session.overflowed && self.hold().await && self.flush() {
            self.linger().await;
        }
        false
    }

    /// Nothing can be ended while a request of the client is run by others.
    async fn await_return(&mut self) {
        let Some(away) = self.session.away.clone() else { return };
        self.session.dialogue.iter().for_each(|dialogue| dialogue.end());
        let handle = self.session.handle.clone();
        let request = poll_fn(|context| {
            handle.signal.poll(context.waker());
            handle.drop_mail();
            away.recall().map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        self.session = request.session;
        self.note_waiting();
    }

    /// The client has waited too long for a script that holds what it needs.
    fn refuse_busy(&mut self, away: &Away) -> Option<Box<Request>> {
        let (scripting, config) = (&self.worker.node.scripting, &self.worker.node.config);
        let threshold_ms = config.get(Id::BusyReplyThreshold);
        if !scripting.is_slow(threshold_ms) {
            away.wait_on();
            return None;
        }
        let Some(mut request) = away.withdraw() else {
            away.wait_on();
            return None;
        };
        let is_function = scripting.is_slow_function(threshold_ms);
        let reason = if is_function { text::BUSY_FUNCTION } else { text::BUSY };
        errand::refuse(&self.worker, &mut request, reason);
        Some(request)
    }

    async fn timed_out(&mut self) -> bool {
        if let Some(away) = self.session.away.clone() {
            if !self.reply.is_empty() {
                return self.hold().await && self.flush();
            }
            return match self.refuse_busy(&away) {
                Some(request) => self.come_back(request).await,
                None => true,
            };
        }
        let Some(call) = self.session.waiting.clone() else { return true };
        // Milliseconds are whole and sleeps are not: never answer before the time.
        if call.deadline_ms().is_some_and(|at| at > clock::unix_ms()) {
            return true;
        }
        if !call.end() {
            // Somebody serves it at this moment: the outcome comes by signal.
            return self.await_outcome(&call).await;
        }
        let worker = self.worker.clone();
        execute::account_waited(&worker, &self.session, &call, false);
        self.end_waiting(|reply| call.write_timeout(reply, &worker.node));
        self.turn().await
    }

    async fn await_outcome(&mut self, call: &BlockedCall) -> bool {
        let handle = &self.session.handle;
        let outcome = poll_fn(|context| {
            handle.signal.poll(context.waker());
            match call.take_outcome() {
                None if !handle.is_killed() => Poll::Pending,
                outcome => Poll::Ready(outcome),
            }
        });
        let Some(outcome) = outcome.await else { return false };
        // What else has come with the signal is looked at later.
        handle.signal.raise();
        self.end_served(outcome);
        self.turn().await
    }

    /// Ends waiting with the reply that somebody has delivered.
    fn end_served(&mut self, mut outcome: Outcome) {
        let start = self.reply.mark();
        if let Some(call) = &self.session.waiting {
            let failed = outcome.output.single().is_some_and(|reply| reply.first() == Some(&b'-'));
            execute::account_waited(&self.worker, &self.session, call, failed);
        }
        self.end_waiting(|reply| reply.append(&mut outcome.output));
        self.session.reveal(outcome.gate);
        if outcome.published != 0 {
            self.session.published = outcome.published;
            self.session.last_write = outcome.published;
            self.session.hold(start, self.reply.mark());
        }
    }

    /// Waits while an image can't keep up with writes, and while the server is about to end.
    async fn make_way(&mut self) {
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

    /// Waits until the log has taken what the replies reveal. If it can't for now, the writes among them are answered with that.
    /// False when the connection is to be closed instead.
    async fn hold(&mut self) -> bool {
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

    /// Takes the call out of its queues and, as CLIENT REPLY has it, writes its reply.
    fn end_waiting(&mut self, write: impl FnOnce(&mut Reply)) {
        let Some(call) = self.session.waiting.take() else { return };
        let node = &self.worker.node;
        call.leave(&self.worker);
        self.session.handle.set_blocked(None);
        node.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        match self.session.reply_mode {
            ReplyMode::Off => {}
            ReplyMode::Skip => self.session.reply_mode = ReplyMode::On,
            ReplyMode::On | ReplyMode::SkipNext => write(&mut self.reply),
        }
    }

    /// Sends what the socket takes. False when the connection is to be closed.
    fn flush(&mut self) -> bool {
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

    fn class(&self) -> ClientClass {
        if self.session.follows {
            return ClientClass::Replica;
        }
        let listens = match &self.session.away {
            Some(away) => away.listens(),
            None => !self.session.subscriptions.is_empty(),
        };
        if listens { ClientClass::PubSub } else { ClientClass::Normal }
    }

    fn within_output_limit(&mut self) -> bool {
        let limit = self.worker.node.config.output_limit(self.class());
        let bytes = (self.unsent_bytes + self.session.handle.mail_bytes()) as i64;
        if !self.passes(&limit, bytes) {
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
    async fn linger(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        while self.unsent_bytes > 0 && !self.session.handle.is_killed() {
            let writable = poll_fn(|context| self.stream.poll_write_ready(context));
            match tokio::time::timeout(PATIENCE, writable).await {
                Ok(Ok(())) if self.flush_queue() => {}
                _ => return,
            }
        }
    }

    /// Brings what CLIENT LIST shows up to date.
    fn publish_view(&self) {
        if self.session.away.is_some() {
            // The session has gone with its request.
            return;
        }
        self.session.publish_view();
        self.publish_buffers();
    }

    /// As [`Connection::publish_view`], of the buffers alone. The worker's, which are given back, count for nobody, nor does
    /// room that is not kept.
    fn publish_buffers(&self) {
        let handle = &self.session.handle;
        let set = |field: &AtomicUsize, bytes| field.store(bytes, Ordering::Relaxed);
        let parsed = if self.buffer.is_empty() { 0 } else { self.parser.position().min(self.buffer.len()) };
        let is_copied = self.buffer.len() < READ_BYTES / 4;
        let room = (self.buffer.capacity() - self.buffer.len()).min(self.buffer.len() + READ_BYTES);
        let room = if is_copied { 0 } else { room };
        set(&handle.view.query_bytes, self.buffer.len() - parsed);
        set(&handle.view.query_free_bytes, room);
        set(&handle.view.argument_bytes, parsed);
        set(&handle.view.reply_bytes, 0);
        set(&handle.view.output_bytes, self.unsent_bytes);
        set(&handle.view.output_pieces, self.unsent.len());
        self.worker.node.client_memory.note(&self.worker.node, handle);
    }
}

/// Puts an empty buffer back among the worker's, unless there is one already or it has grown too large.
fn lend(buffer: &mut Vec<u8>, slot: impl Fn(&mut (Vec<u8>, Vec<u8>)) -> &mut Vec<u8>) {
    LENT.with_borrow_mut(|lent| {
        let slot = slot(lent);
        if slot.capacity() == 0 && buffer.capacity() <= KEPT_BYTES_MAX {
            std::mem::swap(slot, buffer);
        }
    });
    if buffer.capacity() > 0 {
        *buffer = Vec::new();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let id = self.session.handle.id;
        if let Some(call) = &self.session.waiting {
            call.end();
            self.end_waiting(|_| {});
        }
        let node = &self.worker.node;
        transaction::unwatch_all(&mut self.session, &self.worker);
        let subscriptions = std::mem::take(&mut self.session.subscriptions);
        subscriptions.channels.iter().for_each(|channel| node.pubsub.unsubscribe(Space::Global, channel, id));
        subscriptions
            .shard_channels
            .iter()
            .for_each(|channel| node.pubsub.unsubscribe(Space::Shard, channel, id));
        subscriptions.patterns.iter().for_each(|pattern| node.pubsub.unsubscribe_pattern(pattern, id));
        if self.session.monitors {
            node.monitors.remove(&self.session.handle);
        }
        if let Some(link) = self.session.link.take().filter(|_| self.session.follows) {
            link.lose();
            node.feed.remove(&link);
            log::notice!("Connection with replica {} lost.", replicas::name(&link));
        }
        node.clients.remove(&id);
        node.tracking.forget(&self.session.handle);
        node.client_memory.forget(&self.session.handle);
        self.worker.stats.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
