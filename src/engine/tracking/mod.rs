//! CLIENT TRACKING: clients that keep what they have read learn when it changes.
//!
//! No invalidation is lost, and none comes too early:
//! 1. A read notes the client in the table of keys while it holds the key's stripe. A change takes the key's clients out of the
//!    table while it holds the stripe for writing. So a change comes before a read, which then sees it, or finds it noted.
//! 2. The reply of a read stands in its client's output before the stripe is unlocked, and the client's own thread adds its mail
//!    behind it. So an invalidation never overtakes the reply that it is about, unless it is redirected to another connection.
//!    Requests that run elsewhere, and calls that others serve, come back to the connection before it takes more mail.
//! 3. A message leaves its worker when the record of the change has its number, and its client when that record is released.
//! 4. Whoever tracks switches [`Tracking::is_on`] on before its first read. Threads that see the flag late have not held the
//!    stripe of such a read yet: the stripe's lock carries the flag along.
//!
//! With BCAST nothing is noted. Each worker gathers the keys that it has changed, and tells them by their prefixes when its turn
//! ends, before the replies of that turn leave ([`Worker::end_turn`]).
//!
//! Lock order: stripes, who tracks, a client's prefixes, all prefixes, the clients' registry, a mailbox; a shard of the table
//! with none but a stripe.

mod broadcast;
mod outbox;
mod table;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use self::broadcast::Prefixes;
pub(super) use self::outbox::Outbox;
use self::table::Table;
use super::execute::{self, Order};
use super::keys::{self, Keys};
use super::keyspace::Keyspace;
use super::mail::Message;
use super::node::Node;
use super::session::{ClientHandle, ReplyMode, Session};
use super::spec::{Facts, Group, flag};
use super::worker::Worker;
use crate::config::Id;
use crate::resp::{Reply, encode_command};
use crate::store::Held;

/// Keys that one command, or one beat of the background, takes out of a table that has become too large.
const EVICTED_PER_COMMAND: usize = 100;
const EVICTED_PER_BEAT: usize = 10_000;

/// What a client may ask for, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode(u8);

impl Mode {
    /// It tracks.
    pub const ON: Self = Self(1);
    /// It is told of all keys with its prefixes.
    pub const BCAST: Self = Self(1 << 1);
    /// Its reads are noted only behind CLIENT CACHING YES.
    pub const OPTIN: Self = Self(1 << 2);
    /// Its reads are not noted behind CLIENT CACHING NO.
    pub const OPTOUT: Self = Self(1 << 3);
    /// It is not told of its own changes.
    pub const NOLOOP: Self = Self(1 << 4);
    /// CLIENT CACHING has been said for the command that comes.
    pub const CACHING: Self = Self(1 << 5);
    /// The client that was to get its invalidations has gone.
    pub const BROKEN: Self = Self(1 << 6);
    /// It has tracked before, so keys may be noted for it.
    const PAST: Self = Self(1 << 7);

    /// Whether it has all of `other`.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What one client has asked for. Its own commands alone change it, but for [`Mode::BROKEN`].
#[derive(Default)]
pub struct ClientTracking {
    mode: AtomicU8,
    redirection: AtomicU64,
    prefixes: Mutex<BTreeSet<Box<[u8]>>>,
    prefix_bytes: AtomicUsize,
}

/// All that is tracked.
#[derive(Default)]
pub struct Tracking {
    on: AtomicBool,
    /// Who tracks.
    clients: RwLock<HashSet<u64>>,
    table: Table,
    prefixes: Prefixes,
}

/// Numbers for INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackingFigures {
    /// Clients that track.
    pub clients: usize,
    /// Keys in the table.
    pub keys: usize,
    /// Clients of all keys in the table.
    pub items: usize,
    /// Different prefixes.
    pub prefixes: usize,
}

impl ClientTracking {
    /// What it has asked for.
    pub fn mode(&self) -> Mode {
        Mode(self.mode.load(Ordering::Relaxed))
    }

    /// The client that gets its invalidations, 0 for itself.
    pub fn redirection(&self) -> u64 {
        self.redirection.load(Ordering::Relaxed)
    }

    /// The client that gets its invalidations as CLIENT LIST shows it: 0 for the client itself, -1 without tracking.
    pub fn shown_redirection(&self) -> i64 {
        if self.mode().has(Mode::ON) { self.redirection() as i64 } else { -1 }
    }

    /// Its prefixes, in order.
    pub fn prefixes(&self) -> Vec<Box<[u8]>> {
        self.prefixes.lock().iter().cloned().collect()
    }

    /// About as many bytes as its prefixes take.
    pub fn bytes(&self) -> usize {
        self.prefix_bytes.load(Ordering::Relaxed)
    }

    /// CLIENT CACHING, for the command that comes.
    pub fn set_caching(&self, on: bool) {
        if on {
            self.mode.fetch_or(Mode::CACHING.0, Ordering::Relaxed);
        } else {
            self.mode.fetch_and(!Mode::CACHING.0, Ordering::Relaxed);
        }
    }

    fn set_broken(&self) {
        self.mode.fetch_or(Mode::BROKEN.0, Ordering::Relaxed);
    }
}

impl Tracking {
    /// Whether anybody tracks, or has read what has not changed since.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Has a client track, in this mode, with these prefixes besides those it has.
    pub fn enable(&self, client: &ClientHandle, mode: Mode, redirection: u64, prefixes: &[&[u8]]) {
        let own = &client.tracking;
        let kept = own.mode().has(Mode::CACHING);
        own.redirection.store(redirection, Ordering::Relaxed);
        own.mode.store(mode.with(Mode::ON).0, Ordering::Relaxed);
        own.set_caching(kept);
        let mut clients = self.clients.write();
        clients.insert(client.id);
        self.on.store(true, Ordering::SeqCst);
        if mode.has(Mode::BCAST) {
            let mut known = own.prefixes.lock();
            let wanted: &[&[u8]] = if prefixes.is_empty() { &[b""] } else { prefixes };
            for &prefix in wanted {
                if known.insert(prefix.into()) {
                    own.prefix_bytes.fetch_add(prefix.len() + size_of::<Box<[u8]>>(), Ordering::Relaxed);
                    self.prefixes.add(prefix, client.id);
                }
            }
        }
    }

    /// Leaves a client alone. What is noted of it stays until the keys change or it goes: it may track again.
    pub fn disable(&self, client: &ClientHandle) {
        let own = &client.tracking;
        if own.mode() != Mode::default() {
            own.mode.store(Mode::PAST.0, Ordering::Relaxed);
        }
        let mut clients = self.clients.write();
        if !clients.remove(&client.id) {
            return;
        }
        own.prefix_bytes.store(0, Ordering::Relaxed);
        for prefix in std::mem::take(&mut *own.prefixes.lock()) {
            self.prefixes.remove(&prefix, client.id);
        }
        self.switch_off(&clients);
    }

    /// Nobody tracks any more, and nothing is noted.
    fn switch_off(&self, clients: &HashSet<u64>) {
        if clients.is_empty() && self.table.keys() == 0 {
            self.on.store(false, Ordering::SeqCst);
        }
    }

    /// As [`Tracking::disable`], of a client that has left the registry: what is noted of it is to be swept away.
    pub fn forget(&self, client: &ClientHandle) {
        if client.tracking.mode() != Mode::default() {
            self.disable(client);
            self.table.note_departure();
        }
    }

    /// What INFO shows.
    pub fn figures(&self) -> TrackingFigures {
        TrackingFigures {
            clients: self.clients.read().len(),
            keys: self.table.keys(),
            items: self.table.items(),
            prefixes: self.prefixes.len(),
        }
    }

    /// Keeps the table within its limit, and free of clients that have gone. To be called now and then.
    pub fn look_after(&self, node: &Node) {
        if self.is_on() {
            self.shrink(node, EVICTED_PER_BEAT);
            self.table.sweep(|id| node.clients.contains_key(&id));
            self.switch_off(&self.clients.write());
        }
    }

    /// Forgets keys beyond `tracking-table-max-keys`, which their clients must forget too.
    fn shrink(&self, node: &Node, most: usize) {
        let limit = node.config.get(Id::TrackingTableMaxKeys) as usize;
        for _ in 0..most {
            if limit == 0 || self.table.keys() <= limit {
                return;
            }
            let Some((key, clients)) = self.table.evict() else { return };
            let message = one_key(&key);
            clients.iter().for_each(|&id| send(node, id, Some(message.clone()), 0));
        }
    }
}

/// Before a request of a client that tracks: what has come so far is not about its reply. What has to be evicted for want of
/// memory goes now for the same reason.
#[cold]
pub(super) fn before_request(worker: &Worker, session: &mut Session, reply: &mut Reply) {
    if !session.replays {
        super::evict::make_room(worker);
    }
    worker.node.tracking.shrink(&worker.node, EVICTED_PER_COMMAND);
    // Else it would be taken back with the reply.
    if session.reply_mode == ReplyMode::On {
        session.take_mail(reply);
    }
}

/// After a request of a client that tracks: CLIENT CACHING was for this one. It is also for all of a transaction, and any
/// CLIENT command leaves it alone.
#[cold]
pub(super) fn after_request(node: &Node, session: &Session, argv: &[&[u8]]) {
    let is_under_way = session.is_occupied() || session.parking.is_some() || session.deferred;
    if session.queue.is_none() && !is_under_way && !execute::names(node, argv, "client") {
        session.handle.tracking.set_caching(false);
    }
}

/// Notes the keys that a command has read, whose stripes are held.
#[cold]
pub(super) fn remember(worker: &Worker, session: &Session, order: &Order<'_>, keys: &Keyspace<'_>) {
    // Copies have been noted when they were made.
    if session.parking.is_none() && !matches!(keys.held(), Held::Copied(_)) {
        remember_keys(&worker.node, session, order);
    }
}

/// As [`remember`], of a command that is about to run on copies of its keys.
pub(super) fn remember_keys(node: &Node, session: &Session, order: &Order<'_>) {
    let (mode, facts) = (session.handle.tracking.mode(), order.command.facts);
    if !mode.has(Mode::ON) || mode.has(Mode::BCAST) || !is_read(facts) {
        return;
    }
    let caching = mode.has(Mode::CACHING);
    if mode.has(Mode::OPTIN) && !caching || mode.has(Mode::OPTOUT) && caching {
        return;
    }
    let mut found = Keys::new();
    if keys::keys(facts, order.argv, &mut found).is_ok() {
        found.iter().for_each(|key| node.tracking.table.note(order.argv[key.position], session.handle.id));
    }
}

/// Whether what it reaches counts as read. Of a script that writes nothing only what its commands read does.
fn is_read(facts: &Facts) -> bool {
    facts.flags.contains(flag::READONLY)
        && !facts.flags.contains(flag::PUBSUB)
        && facts.group != Group::Scripting
}

/// Tells a client that these keys have changed; without keys, that any may have. It reveals record `gate`.
fn send(node: &Node, id: u64, keys: Option<Bytes>, gate: u64) {
    let find = |id: u64| node.clients.get(&id).map(|client| Arc::clone(&client));
    let Some(client) = find(id) else { return };
    match client.tracking.redirection() {
        0 => client.put(Message::Invalidation { keys, redirected: false }, gate),
        to => match find(to).filter(|other| !other.is_leaving()) {
            Some(other) => other.put(Message::Invalidation { keys, redirected: true }, gate),
            None => {
                client.tracking.set_broken();
                client.put(Message::RedirectionBroken(to), gate);
            }
        },
    }
}

/// One key as a RESP array.
fn one_key(key: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(key.len() + 16);
    encode_command(&mut bytes, [key].iter());
    bytes.into()
}
