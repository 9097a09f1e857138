//! One client: what only its own connection touches, and what others may see of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use parking_lot::Mutex;

use super::acl::Login;
use super::blocking::BlockedCall;
use super::dialogue::Dialogue;
use super::errand::{Away, Place};
use super::mail::{Mail, Message};
use super::node::Node;
use super::tracking::ClientTracking;
use super::transaction::{Queue, Watches};
use crate::acl::Identity;
use crate::base::clock;
use crate::pubsub::Subscriber;
use crate::replication::Link;
use crate::resp::{Mark, Protocol, Reply};

/// Wakes a connection's task from any thread.
#[derive(Default)]
pub struct Signal {
    raised: AtomicBool,
    waker: AtomicWaker,
}

/// What everybody may see of a client, and how to reach it. In cache lines of its own: its connection writes the view after
/// every batch, and the next client's handle may belong to another worker.
#[repr(align(64))]
pub struct ClientHandle {
    /// Unique for the life of the server, from 1.
    pub id: u64,
    /// The peer's address, `ip:port` or the unix socket's path with `:0`.
    pub address: String,
    /// Our own address of the connection.
    pub local_address: String,
    /// The socket's file descriptor, for CLIENT LIST.
    pub descriptor: i32,
    /// Whether it came through the unix socket.
    pub is_unix: bool,
    /// When it connected, in Unix milliseconds.
    pub created_ms: i64,
    /// The worker that serves it.
    pub worker: usize,
    /// Wakes its connection.
    pub signal: Signal,
    /// What CLIENT LIST shows and the connection keeps up to date.
    pub view: View,
    /// Names that the client has given.
    pub names: Mutex<Names>,
    /// CLIENT TRACKING.
    pub tracking: ClientTracking,
    /// What `maxmemory-clients` counts for it.
    pub(super) counted_bytes: AtomicUsize,
    mail: Mutex<Mail>,
    killed: AtomicBool,
    leaves: AtomicBool,
    blocked: Mutex<Option<Arc<BlockedCall>>>,
}

/// What a client calls itself.
#[derive(Clone, Default)]
pub struct Names {
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub library: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: Vec<u8>,
    /// Who it has logged in as; None: the default user.
    pub user: Option<Identity>,
}

/// A client's state for CLIENT LIST; written by its own connection once per batch.
#[derive(Default)]
pub struct View {
    /// When it last sent something, in Unix milliseconds.
    pub active_ms: AtomicI64,
    /// Selected database.
    pub db: AtomicUsize,
    /// Protocol, 2 or 3.
    pub protocol: AtomicUsize,
    /// Channels listened to.
    pub channels: AtomicUsize,
    /// Patterns listened to.
    pub patterns: AtomicUsize,
    /// Sharded channels listened to.
    pub shard_channels: AtomicUsize,
    /// Commands queued in MULTI, plus one; 0 outside.
    pub queued: AtomicUsize,
    /// Keys watched.
    pub watched: AtomicUsize,
    /// Bytes in the query buffer.
    pub query_bytes: AtomicUsize,
    /// Bytes of room left in the query buffer.
    pub query_free_bytes: AtomicUsize,
    /// Bytes of arguments of a request that has not come whole, or that waits.
    pub argument_bytes: AtomicUsize,
    /// Bytes of the queue of MULTI.
    pub queue_bytes: AtomicUsize,
    /// Bytes of replies of requests that have come together, before they are sent together.
    pub reply_bytes: AtomicUsize,
    /// Bytes waiting to be sent.
    pub output_bytes: AtomicUsize,
    /// Pieces of them.
    pub output_pieces: AtomicUsize,
    /// The last command's id in the table, plus one.
    pub command: AtomicUsize,
    /// Commands run.
    pub commands: AtomicU64,
    /// Whether eviction of clients passes it over (CLIENT NO-EVICT).
    pub no_evict: AtomicBool,
    /// Whether its reads leave LRU and LFU bits alone (CLIENT NO-TOUCH).
    pub no_touch: AtomicBool,
    /// Whether its request waits for the end of a pause.
    pub paused: AtomicBool,
    /// Whether it watches commands (MONITOR).
    pub monitors: AtomicBool,
    /// Whether it is a replica.
    pub follows: AtomicBool,
}

/// What CLIENT REPLY has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// None are sent.
    Off,
    /// The next command's reply is not sent.
    SkipNext,
    /// The reply of the command that runs is not sent.
    Skip,
}

/// A client's own state.
pub struct Session {
    /// The shared part.
    pub handle: Arc<ClientHandle>,
    /// Selected database.
    pub db: usize,
    /// Whether it has logged in, or need not.
    pub authenticated: bool,
    /// As whom, and what that user may do.
    pub login: Login,
    /// Whether memory was short when its transaction began, so that scripts in it may not take more.
    pub is_short_of_memory: bool,
    /// Whether the connection is to be closed when the reply has been sent.
    pub close: bool,
    /// Whether nothing more is sent before that: a reply was longer than the client's output limit.
    pub overflowed: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// What the command that runs has written stays, whatever CLIENT REPLY says.
    pub speaks: bool,
    /// The queue of MULTI.
    pub queue: Option<Box<Queue>>,
    /// The keys watched.
    pub watches: Option<Box<Watches>>,
    /// Bytes in the query buffer and of its room, where the batch that runs stands.
    pub query_bytes: (usize, usize),
    /// Channels, patterns and sharded channels listened to.
    pub subscriptions: Subscriptions,
    /// The call that waits, when a handler has asked for it.
    pub waiting: Option<Arc<BlockedCall>>,
    /// Whether it replays what a primary or our own journal says: that is obeyed even where a client would be refused.
    pub replays: bool,
    /// MONITOR.
    pub monitors: bool,
    /// CLIENT TRACKING.
    pub tracks: bool,
    /// What the client has said of itself as a replica.
    pub link: Option<Arc<Link>>,
    /// Whether it is one.
    pub follows: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// The protocol of its replies; always that of the connection's [`crate::resp::Reply`].
    pub protocol: Protocol,
    /// The last command's id in the table, plus one.
    pub command: u16,
    /// The command has not run, because the server is about to end: it is to be tried again, should that fail.
    pub deferred: bool,
    /// The command has not run, because something is in its way: where it is to wait for that.
    pub parking: Option<Place>,
    /// The request that waits elsewhere, and has taken the rest of this session with it.
    pub away: Option<Arc<Away>>,
    /// With whom the next script is debugged, or the one that runs.
    pub dialogue: Option<Arc<Dialogue>>,
    /// A write has run since this was last looked at.
    pub wrote: bool,
    /// The highest record of the journal that the replies not yet sent reveal: they wait for its release.
    pub gate: u64,
    /// The record that the command that runs has written, 0 for none.
    pub published: u64,
    /// The last record that a command of the client has written.
    pub last_write: u64,
    /// Replies not yet sent of commands that have written: where they are, and their records.
    pub held: Vec<HeldReply>,
}

/// The reply of a write that waits for its record.
#[derive(Clone, Copy)]
pub struct HeldReply {
    /// Where it begins in the output.
    pub start: Mark,
    /// Where it ends.
    pub end: Mark,
    /// Its record.
    pub sequence: u64,
}

/// What a client listens to.
#[derive(Default)]
pub struct Subscriptions {
    /// Channels.
    pub channels: HashSet<Box<[u8]>>,
    /// Patterns.
    pub patterns: HashSet<Box<[u8]>>,
    /// Sharded channels.
    pub shard_channels: HashSet<Box<[u8]>>,
}

impl ReplyMode {
    /// Whether the reply of a command that has run is taken back.
    pub fn is_mute(self) -> bool {
        matches!(self, Self::Off | Self::Skip)
    }
}

impl Signal {
    /// Wakes the connection, now or when it next waits.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Registers the task that waits, then tells whether the signal has been raised since the last time.
    pub fn poll(&self, waker: &std::task::Waker) -> bool {
        self.waker.register(waker);
        self.take()
    }

    /// Whether the signal will be found raised.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// Whether the signal has been raised since the last time.
    #[inline]
    pub fn take(&self) -> bool {
        self.raised.load(Ordering::Relaxed) && self.raised.swap(false, Ordering::Acquire)
    }
}

impl ClientHandle {
    /// The shared part of a new client.
    pub fn new(
        id: u64,
        address: String,
        local_address: String,
        descriptor: i32,
        is_unix: bool,
        worker: usize,
    ) -> Self {
        let now_ms = clock::unix_ms();
        let view =
            View { active_ms: AtomicI64::new(now_ms), protocol: AtomicUsize::new(2), ..View::default() };
        Self {
            id,
            address,
            local_address,
            descriptor,
            is_unix,
            created_ms: now_ms,
            worker,
            signal: Signal::default(),
            view,
            names: Mutex::default(),
            tracking: ClientTracking::default(),
            counted_bytes: AtomicUsize::new(0),
            mail: Mutex::default(),
            killed: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            blocked: Mutex::new(None),
        }
    }

    /// Whether the client is on this machine.
    pub fn is_local(&self) -> bool {
        let address = self.address.parse::<std::net::SocketAddr>();
        self.is_unix || address.is_ok_and(|address| address.ip().is_loopback())
    }

    /// The serial of the user that it has logged in as.
    pub fn user_serial(&self) -> u64 {
        self.names.lock().user.as_ref().map_or(0, |user| user.serial)
    }

    /// Closes the connection as soon as its task looks.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.signal.raise();
    }

    /// Whether the connection is to be closed.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// The connection is closed when the last replies have left: nobody reads what is sent to it now.
    pub fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
    }

    /// Whether the connection is about to be closed.
    pub fn is_leaving(&self) -> bool {
        self.leaves.load(Ordering::Acquire) || self.is_killed()
    }

    /// Whether the peer has closed the connection and its task has not seen it yet.
    pub fn has_left(&self) -> bool {
        use nix::sys::socket::{MsgFlags, recv};
        recv(self.descriptor, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) == Ok(0)
    }

    /// Puts a message into the mailbox, which reveals record `gate` of the journal.
    pub(super) fn put(&self, message: Message, gate: u64) {
        if self.is_killed() {
            return;
        }
        self.mail.lock().put(message, gate);
        self.signal.raise();
    }

    /// Throws away the messages that have come in.
    pub fn drop_mail(&self) {
        self.mail.lock().take(usize::MAX);
    }

    /// Bytes of messages not yet taken.
    pub fn mail_bytes(&self) -> usize {
        self.mail.lock().bytes()
    }

    /// The call that the client waits in, for CLIENT UNBLOCK and CLIENT LIST.
    pub fn blocked(&self) -> Option<Arc<BlockedCall>> {
        self.blocked.lock().clone()
    }

    /// Notes the call that the client waits in.
    pub fn set_blocked(&self, call: Option<Arc<BlockedCall>>) {
        *self.blocked.lock() = call;
    }
}

impl Subscriber for ClientHandle {
    fn id(&self) -> u64 {
        self.id
    }

    fn deliver(&self, message: Bytes, gate: u64) {
        self.put(Message::Text(message), gate);
    }
}

impl Subscriptions {
    /// Number of channels and patterns: what SUBSCRIBE and its kin reply.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Whether the client listens to nothing.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.shard_channels.is_empty()
    }
}

impl Session {
    /// A new client's state.
    pub fn new(handle: Arc<ClientHandle>, authenticated: bool) -> Self {
        Self {
            handle,
            db: 0,
            authenticated,
            login: Login::default(),
            is_short_of_memory: false,
            close: false,
            overflowed: false,
            reply_mode: ReplyMode::On,
            speaks: false,
            queue: None,
            watches: None,
            query_bytes: (0, 0),
            subscriptions: Subscriptions::default(),
            waiting: None,
            replays: false,
            monitors: false,
            tracks: false,
            link: None,
            follows: false,
            no_touch: false,
            protocol: Protocol::Resp2,
            command: 0,
            deferred: false,
            parking: None,
            away: None,
            dialogue: None,
            wrote: false,
            gate: 0,
            published: 0,
            last_write: 0,
            held: Vec::new(),
        }
    }

    /// Whether mail may have come that is to stand before the next reply.
    #[inline]
    pub fn expects_mail(&self) -> bool {
        self.tracks || !self.subscriptions.is_empty()
    }

    /// Whether the next request has to wait for the outcome of one before it.
    pub fn is_occupied(&self) -> bool {
        self.waiting.is_some() || self.away.is_some()
    }

    /// What is replied next reveals this record of the journal.
    #[inline]
    pub fn reveal(&mut self, record: u64) {
        self.gate = self.gate.max(record);
    }

    /// Notes where the reply of the command that has just written stands.
    pub fn hold(&mut self, start: Mark, end: Mark) {
        self.held.push(HeldReply { start, end, sequence: self.published });
    }

    /// The replies may leave. Those of writes that are not in the log become errors: whether they last is not known.
    pub fn settle_held(&mut self, reply: &mut Reply, node: &Node) {
        let released = node.journal.released();
        for held in
            self.held.drain(..).rev().filter(|held| held.sequence > released && held.start != held.end)
        {
            reply.replace_with_error(held.start, held.end, &node.log_refusal());
        }
    }

    /// Appends the messages that have been published to the client. RESP3 takes them as pushes.
    pub fn take_mail(&mut self, reply: &mut Reply) {
        self.take_some_mail(reply, usize::MAX);
    }

    /// As [`Session::take_mail`], but no more than fits `bytes_max` and one message; whether there is more.
    pub fn take_some_mail(&mut self, reply: &mut Reply, bytes_max: usize) -> bool {
        let mut mail = self.handle.mail.lock();
        // Somebody is serving the call that waits: what has come since is about its reply, which comes first, by signal.
        if self.waiting.as_ref().is_some_and(|call| call.is_being_served()) {
            return false;
        }
        let (messages, gate) = mail.take(bytes_max);
        let more = mail.bytes() > 0;
        drop(mail);
        self.reveal(gate);
        let listens = !self.subscriptions.is_empty();
        messages.iter().for_each(|message| message.write(reply, listens));
        more
    }

    /// Brings what CLIENT LIST shows of the session up to date.
    pub fn publish_view(&self) {
        let view = &self.handle.view;
        let set = |field: &AtomicUsize, value| field.store(value, Ordering::Relaxed);
        view.active_ms.store(clock::unix_ms(), Ordering::Relaxed);
        set(&view.db, self.db);
        set(&view.protocol, if self.protocol == Protocol::Resp3 { 3 } else { 2 });
        set(&view.command, self.command.into());
        set(&view.queued, self.queue.as_ref().map_or(0, |queue| queue.commands.len() + 1));
        set(&view.queue_bytes, self.queue.as_ref().map_or(0, |queue| queue.bytes));
        set(&view.watched, self.watches.as_ref().map_or(0, |watches| watches.len()));
        set(&view.channels, self.subscriptions.channels.len());
        set(&view.patterns, self.subscriptions.patterns.len());
        set(&view.shard_channels, self.subscriptions.shard_channels.len());
    }
}
