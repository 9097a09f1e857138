//! What is done later or elsewhere, because here and now it would make a worker wait (design 2.10).
//!
//! A request that meets a stripe held by a slow script, or wants the token while somebody has it, leaves its connection: the
//! [`Session`], the arguments and an empty reply go into an errand, and the connection sleeps until they come back. Errands
//! wait with the token's owner ([`crate::store::Locks::park`]); when it lets go, its thread runs them, one after the other, so
//! that no time is lost in waking another thread. What has no time for that gives them to the lane ([`super::lane`]), as does a
//! request that would take long. The reply wakes the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use super::blocking;
use super::error::CommandError;
use super::execute;
use super::pipeline;
use super::session::{ClientHandle, ReplyMode, Session};
use super::transaction;
use super::worker::Worker;
use crate::base::clock;
use crate::base::hash::hash as hash_of;
use crate::resp::Reply;
use crate::store::{Busy, DbKey, Mode};

/// A worker runs errands of others for as long, in microseconds, then leaves them to the lane.
const ERRANDS_US_MAX: u64 = 500;

/// Something that is to be run again when nothing is in its way.
pub enum Errand {
    /// A client's request.
    Request(Arc<Away>),
    /// To serve those who wait for a key.
    Serve(DbKey),
    /// To take a call out of a key's queue.
    Unwait(DbKey, u64),
    /// To take a watcher off a key.
    Unwatch(DbKey, u64),
}

/// Where an errand is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To whoever holds what it wants.
    Locks(Busy),
    /// To a thread that may take its time.
    Lane,
    /// To the one thread that runs functions which keep state.
    Home,
    /// To wait for the end of a pause.
    Pause,
}

/// A request that has left its connection.
pub struct Away {
    handle: Arc<ClientHandle>,
    /// Whether its client listens to channels.
    listens: bool,
    /// Since when it waits, in Unix milliseconds.
    since_ms: AtomicI64,
    state: Mutex<State>,
}

enum State {
    Waiting(Box<Request>),
    Running,
    Back(Box<Request>),
}

/// What a request needs to run, and what it comes to.
pub struct Request {
    /// The client's state.
    pub session: Session,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// The reply.
    pub reply: Reply,
}

impl Errand {
    /// Whether it is still to be run: a client that leaves takes its request back.
    pub(super) fn is_pending(&self) -> bool {
        match self {
            Self::Request(away) => matches!(*away.state.lock(), State::Waiting(_)),
            _ => true,
        }
    }
}

impl Away {
    /// The request, once it has been run.
    pub fn take_back(&self) -> Option<Box<Request>> {
        self.take(|state| matches!(state, State::Back(_)))
    }

    /// The request, unless somebody runs it at this moment. If it has not run, it will not.
    pub fn recall(&self) -> Option<Box<Request>> {
        self.take(|state| !matches!(state, State::Running))
    }

    /// The request, if it has not been run; then it will not be.
    pub fn withdraw(&self) -> Option<Box<Request>> {
        self.take(|state| matches!(state, State::Waiting(_)))
    }

    /// Whether its client listens to channels: its session, which knows, is away.
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// Since when it has waited, in Unix milliseconds.
    pub fn since_ms(&self) -> i64 {
        self.since_ms.load(Ordering::Relaxed)
    }

    /// Has its client go on waiting.
    pub fn wait_on(&self) {
        self.since_ms.store(clock::unix_ms(), Ordering::Relaxed);
    }

    fn take(&self, suits: impl FnOnce(&State) -> bool) -> Option<Box<Request>> {
        let mut state = self.state.lock();
        if !suits(&state) {
            return None;
        }
        self.handle.view.paused.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut *state, State::Running) {
            State::Waiting(request) | State::Back(request) => Some(request),
            State::Running => None,
        }
    }
}

/// Answers a request that has not run with an error, as CLIENT REPLY has it. A transaction that is refused has ended.
pub fn refuse(worker: &Worker, request: &mut Request, reason: &'static str) {
    let Request { session, argv, reply } = request;
    let mut error = CommandError::from(reason);
    if execute::names(&worker.node, &[argv[0].as_slice()], "exec") {
        error = transaction::discard_for(session, worker, &error);
    } else if let Some(queue) = session.queue.as_mut() {
        queue.aborted = true;
    }
    execute::count_error(worker, &error);
    match session.reply_mode {
        ReplyMode::Off => {}
        ReplyMode::Skip => session.reply_mode = ReplyMode::On,
        ReplyMode::On | ReplyMode::SkipNext => reply.error(&error.0),
    }
}

/// Sends the request that `session` has just been refused on its way. What stays in `session` waits for it, as do the replies
/// `before` its own.
pub(super) fn send_away(
    worker: &Worker,
    session: &mut Session,
    argv: &[&[u8]],
    before: &Reply,
    place: Place,
) {
    let mut stays = Session::new(session.handle.clone(), session.authenticated);
    (stays.db, stays.protocol, stays.command) = (session.db, session.protocol, session.command);
    std::mem::swap(session, &mut stays);
    session.dialogue = stays.dialogue.clone();
    // What earlier replies wait for stays with them.
    (session.gate, stays.gate) = (stays.gate, 0);
    std::mem::swap(&mut session.held, &mut stays.held);
    let mut reply = Reply::new(before.protocol());
    reply.set_bytes_max(before.bytes_left());
    let argv = argv.iter().map(|argument| argument.to_vec()).collect();
    let away = Arc::new(Away {
        handle: session.handle.clone(),
        listens: !stays.subscriptions.is_empty(),
        since_ms: AtomicI64::new(clock::unix_ms()),
        state: Mutex::new(State::Waiting(Box::new(Request { session: stays, argv, reply }))),
    });
    session.away = Some(away.clone());
    send(worker, Arc::new(Errand::Request(away)), place);
    run(worker);
}

/// Sends an errand where it is to wait; nothing being in its way any more, it is left to this worker.
pub(super) fn send(worker: &Worker, errand: Arc<Errand>, place: Place) {
    match place {
        Place::Lane => worker.node.lane.push(errand),
        Place::Home => worker.node.lane.push_home(errand),
        Place::Pause => {
            if let Errand::Request(away) = &*errand {
                away.handle.view.paused.store(true, Ordering::Relaxed);
            }
            if !worker.node.pause.park(errand.clone()) {
                worker.node.lane.push(errand);
            }
        }
        Place::Locks(busy) => {
            if !worker.node.store.locks().park(busy, errand.clone()) {
                worker.errands.borrow_mut().push_back(errand);
            }
        }
    }
}

/// Runs errands that nothing is in the way of. No stripe may be held.
pub(super) fn run(worker: &Worker) {
    if worker.runs_errands.replace(true) {
        // Called by an errand: the caller's caller goes on.
        return;
    }
    let started_us = clock::monotonic_us();
    while let Some(errand) = next(worker) {
        run_one(worker, &errand);
        if !worker.is_lane && clock::monotonic_us() - started_us > ERRANDS_US_MAX {
            for left in worker.errands.take() {
                worker.node.lane.push(left);
            }
            if worker.node.store.locks().has_errands() {
                worker.node.lane.wake();
            }
            break;
        }
    }
    worker.end_turn();
    worker.runs_errands.set(false);
}

fn next(worker: &Worker) -> Option<Arc<Errand>> {
    let own = worker.errands.borrow_mut().pop_front();
    own.or_else(|| worker.node.store.locks().next_errand()?.downcast().ok())
}

/// Runs one errand, which may have to wait again.
pub(super) fn run_one(worker: &Worker, errand: &Arc<Errand>) {
    let store = &worker.node.store;
    let lock = |key: &DbKey| store.locks().lock_soon(store.stripe_of(hash_of(&key.1)), Mode::Write);
    let busy = match &**errand {
        Errand::Request(away) => return run_request(worker, errand, away),
        Errand::Serve(key) => {
            worker.ready.borrow_mut().push_back(key.clone());
            return blocking::serve_ready(worker);
        }
        Errand::Unwait(key, id) => lock(key)
            .map(|mut guard| guard.stripe_mut().into_iter().for_each(|stripe| stripe.unwait(key, *id))),
        Errand::Unwatch(key, id) => lock(key)
            .map(|mut guard| guard.stripe_mut().into_iter().for_each(|stripe| stripe.unwatch(key, *id))),
    };
    if let Err(busy) = busy {
        send(worker, errand.clone(), Place::Locks(busy));
    }
}

fn run_request(worker: &Worker, errand: &Arc<Errand>, away: &Away) {
    let Some(mut request) = away.take(|state| matches!(state, State::Waiting(_))) else { return };
    let Request { session, argv, reply } = &mut *request;
    let slices: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    let ran =
        catch_unwind(AssertUnwindSafe(|| pipeline::run_one(worker, session, reply, &slices, None))).is_ok();
    if !ran {
        // The bug has been told; it ends this client and nobody else.
        session.close = true;
    }
    let place = request.session.parking.take();
    if place.is_none() && !std::mem::take(&mut request.session.deferred) {
        worker.end_turn();
        *away.state.lock() = State::Back(request);
        return away.handle.signal.raise();
    }
    *away.state.lock() = State::Waiting(request);
    // While the server ends it is tried again and again, by a thread with patience.
    send(worker, errand.clone(), place.unwrap_or(Place::Lane));
}
