//! Replicas of this server: how they attach, and the thread that feeds them.
//!
//! The thread `feed` runs while there is somebody to feed, or a backlog for who may come back. It sleeps until something is
//! published ([`crate::journal`]); after each round it rests for `REST`, so that a busy server wakes it a few thousand times a
//! second and not with every write. Once a second it looks after the replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use super::node::{Node, random_id};
use super::session::{ClientHandle, Session};
use crate::base::{alloc, clock, log};
use crate::config::{ClientClass, Id};
use crate::replication::{Link, Outlet, Stage};
use crate::store::Mode;

/// Pause between two rounds while there is something to do.
const REST: Duration = Duration::from_micros(100);
const SECOND_US: u64 = 1_000_000;

impl Outlet for ClientHandle {
    fn wake(&self) {
        self.signal.raise();
    }

    fn cut_off(&self) {
        self.kill();
    }
}

/// The thread, if it runs.
#[derive(Default)]
pub struct Feeder {
    runs: AtomicBool,
}

/// What a client asks for with SYNC or PSYNC.
pub enum Request<'a> {
    /// All of the data.
    Everything,
    /// The stream of this history from behind this place on; all of the data if that can't be had.
    Rest(&'a [u8], Option<u64>),
}

/// Makes a client a replica.
pub fn attach(node: &Arc<Node>, session: &mut Session, request: &Request<'_>) {
    let link = link_of(session);
    link.introduce(|view| view.is_old = matches!(request, Request::Everything));
    session.follows = true;
    session.handle.view.follows.store(true, Ordering::Relaxed);
    log::notice!("Replica {} asks for synchronization", name(&link));
    if let Request::Rest(id, place) = request {
        if place.is_some_and(|place| node.feed.resume(&link, id, place)) {
            log::notice!("Partial resynchronization request from {} accepted", name(&link));
            return;
        }
        if *id != b"?" {
            node.feed.stats.refused.fetch_add(1, Ordering::Relaxed);
            log::notice!(
                "Partial resynchronization of {} is not possible: another history, or no longer in the backlog",
                name(&link)
            );
        }
    }
    node.feed.enter(link);
    start(node);
    node.saving.kick(node);
}

/// What is known of a client as a replica.
pub fn link_of(session: &mut Session) -> Arc<Link> {
    let handle = &session.handle;
    let fresh = || {
        let address = handle.address.rsplit_once(':').map_or("", |(ip, _)| ip);
        Arc::new(Link::new(handle.id, address.trim_matches(['[', ']']).to_owned(), handle.clone()))
    };
    session.link.get_or_insert_with(fresh).clone()
}

/// A replica's address, for messages.
pub fn name(link: &Link) -> String {
    let view = link.view();
    match view.port {
        0 => format!("{}:<unknown-replica-port> (client {})", view.address, link.client),
        port => format!("{}:{port}", view.address),
    }
}

/// Starts the thread unless it runs.
fn start(node: &Arc<Node>) {
    if node.feeder.runs.swap(true, Ordering::AcqRel) {
        return;
    }
    let own = node.clone();
    if let Err(error) =
        std::thread::Builder::new().name("feed".into()).spawn(move || alloc::told_at_end(move || run(&own)))
    {
        log::warning!("Can't feed replicas: no thread: {error}");
        node.feeder.runs.store(false, Ordering::Release);
        node.feed.links().iter().for_each(|link| link.lose());
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn run(node: &Arc<Node>) {
    let waker: Waker = Arc::new(Unpark(std::thread::current())).into();
    let (mut due_us, mut seconds) = (clock::monotonic_us() + SECOND_US, 1);
    loop {
        let mut worked = node.feed.drain();
        enforce(node);
        let now_us = clock::monotonic_us();
        if now_us >= due_us {
            due_us = now_us + SECOND_US;
            look_after(node, seconds);
            seconds += 1;
            if ends(node) {
                return;
            }
        }
        if !worked {
            node.journal.sleep_feed(&waker);
            // What was published before the word stood there has woken nobody.
            worked = node.feed.drain();
        }
        let left = Duration::from_micros(due_us.saturating_sub(clock::monotonic_us()));
        std::thread::park_timeout(if worked { REST.min(left) } else { left });
    }
}

/// Closes replicas that are too far behind.
fn enforce(node: &Node) {
    for link in node.feed.enforce(&node.config.output_limit(ClientClass::Replica)) {
        log::warning!(
            "Replica {} closed: it is further behind than its output buffer limit allows",
            name(&link)
        );
    }
}

/// Once a second: signs of life, and what has been silent for too long.
fn look_after(node: &Node, seconds: i64) {
    let (config, feed, now_ms) = (&node.config, &node.feed, clock::unix_ms());
    if seconds % config.get(Id::ReplPingReplicaPeriod) == 0 {
        feed.ping();
    }
    feed.comfort();
    let timeout_ms = config.get(Id::ReplTimeout) * 1000;
    for link in feed.links() {
        let view = link.view();
        if view.stage == Stage::Online && !view.is_old && !link.is_lost() && link.lag_ms(now_ms) > timeout_ms
        {
            log::warning!("Disconnecting timedout replica (streaming sync): {}", name(&link));
            link.lose();
        }
    }
}

/// Whether the thread is to end: nobody has followed for `repl-backlog-ttl`, or has ever come as far as to follow.
fn ends(node: &Arc<Node>) -> bool {
    let ttl_ms = node.config.get(Id::ReplBacklogTtl) * 1000;
    if node.feed.alone_ms().is_some_and(|alone_ms| ttl_ms > 0 && alone_ms > ttl_ms) {
        let held = node.store.locks().hold_all(Mode::Write);
        if node.feed.close(random_id()) {
            log::notice!(
                "Replication backlog freed after {} seconds without connected replicas",
                ttl_ms / 1000
            );
        }
        drop(held);
    }
    if node.feed.is_active() {
        return node.shutdown.is_cancelled();
    }
    node.feeder.runs.store(false, Ordering::Release);
    // Who has come meanwhile has found the thread running.
    !node.feed.is_active() || node.feeder.runs.swap(true, Ordering::AcqRel)
}
