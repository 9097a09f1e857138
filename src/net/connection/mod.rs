//! One connection: read, run, write ([`output`]), and take what comes from elsewhere ([`elsewhere`]).
//!
//! Buffers: an idle connection owns none. While its requests run it borrows the worker's, and only what is left over (half a
//! request, replies that the peer does not take) is moved into memory of its own. So ten thousand idle connections cost
//! little, and busy ones share warm cache lines.

mod elsewhere;
mod output;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::stream::Stream;
use crate::base::{clock, log};
use crate::config::Id;
use crate::engine::pipeline::{self, Stop};
use crate::engine::replicas;
use crate::engine::session::{ClientHandle, Session};
use crate::engine::transaction;
use crate::engine::worker::Worker;
use crate::pubsub::Space;
use crate::resp::{Parser, Protocol, Reply, Segment};

/// Room that is made for a read.
const READ_BYTES: usize = 16 * 1024;
/// Buffers larger than this are not kept for the next one.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// Replies are written at this size though more requests are there.
const WRITE_BYTES: usize = 64 * 1024;
/// Batches run before others have their turn.
const BATCHES_PER_TURN: usize = 8;
/// From this length on a buffer gets no more room than a large argument asks for.
const EXACT_BYTES_MIN: usize = 64 * 1024;
/// How many times what has come in of one argument may be reserved for the rest of it.
const STEP: usize = 32;
/// What a client that waits in a blocking command may send ahead.
const AHEAD_BYTES_MAX: usize = 1024 * 1024;

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
        let left = match limit_bytes {
            0 => usize::MAX,
            limit => limit.max(self.free_bytes()).saturating_sub(self.unsent_bytes),
        };
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
