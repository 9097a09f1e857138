//! Clients that wait for keys (design 2.6).
//!
//! The protocol:
//! 1. A handler that finds nothing asks to wait ([`Context::block`]). The call is entered into the queues of its keys before the
//!    stripes are unlocked, so no write can slip in between.
//! 2. A write that changes an awaited key notes the key. When its locks are released, and before its own reply leaves, the same
//!    worker serves the key's waiters in order: it locks what the waiter's command needs, looks whether it still waits and the
//!    key holds what it wants, and runs its command for it. What that changes is noted and served in the same way.
//! 3. `Waiting` turns to `Claimed` by one compare-and-swap, made by the handler under all its locks when it has found an element
//!    and before it takes it ([`Context::claim`]). Time-out, disconnection and CLIENT UNBLOCK turn `Waiting` to `Ended` by
//!    the same swap; whoever comes second does nothing. So an element is never taken for a client that has gone.
//! 4. Whoever turned the state, and nobody else, delivers the reply, once. Two workers may try the same call one after the other
//!    (two of its keys have become ready); that it is claimed says nothing about who has claimed it, so an [`Attempt`] knows.
//! 5. Only the call's own connection takes it out of the queues, when no lock is held (who unblocks a client within EXEC holds
//!    some); a stripe that is held for long sees to it later. A dead call that is met in a queue until then is passed over.
//! 6. Every write notes the key for its own worker. So an attempt that finds nothing may give up: whoever changes the key after
//!    it, will try again. An attempt that meets a stripe held for long is made again when it is free (`engine::errand`).
//!
//! A call's own worker learns of the outcome by its client's signal, which stays raised until it is looked at.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::acl::Login;
use super::context::{Call, Context};
use super::durability::Wish;
use super::errand::{self, Errand, Place};
use super::error::{CommandError, text};
use super::execute::{self, Order};
use super::keyspace::Keyspace;
use super::node::Node;
use super::session::{ClientHandle, Session};
use super::worker::Worker;
use crate::base::clock;
use crate::base::hash::hash as hash_of;
use crate::base::number;
use crate::base::sync::Mutex;
use crate::base::sync::atomic::{AtomicU8, Ordering};
use crate::resp::{Output, Protocol, Reply};
use crate::store::{DbKey, Entry, Mode, Stripes, Waiter};
use crate::value::ValueType;

/// The id of the next call.
static CALLS: AtomicU64 = AtomicU64::new(1);

const WAITING: u8 = 0;
const CLAIMED: u8 = 1;
const ENDED: u8 = 2;

/// What a handler asks for when it has found nothing.
pub struct BlockRequest<'a> {
    /// The keys to wait for, of the selected database.
    pub keys: Vec<&'a [u8]>,
    /// What one of them must hold for the command to be worth trying.
    pub wants: ValueType,
    /// Whether the command is also to be tried when its key goes (XREADGROUP).
    pub on_removal: bool,
    /// When to give up, in Unix milliseconds.
    pub deadline_ms: Option<i64>,
    /// The arguments to run it with, if not its own (XREAD has resolved `$`).
    pub arguments: Option<Vec<Vec<u8>>>,
    /// What to reply then.
    pub timeout_reply: TimeoutReply,
    /// Whether the time until the reply is the command's own work, which counts as such (DEBUG SLEEP, SAVE).
    pub is_work: bool,
    /// Who is to know the call that waits, to answer it.
    pub then: Option<Box<dyn FnOnce(Arc<BlockedCall>) + 'a>>,
}

/// What a blocking command replies when its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutReply {
    /// `$-1`, `_` in RESP3.
    Null,
    /// `*-1`, `_` in RESP3.
    NullArray,
    /// `+OK`: the time was what the command asked for (DEBUG SLEEP).
    Ok,
    /// Who has a record by then (WAIT, WAITAOF).
    Acknowledged(Wish),
}

impl TimeoutReply {
    fn write(self, reply: &mut Reply, node: &Node) {
        match self {
            Self::Null => reply.null(),
            Self::NullArray => reply.null_array(),
            Self::Ok => reply.ok(),
            Self::Acknowledged(wish) => wish.reply(node.durability.acknowledged(&node.log, &wish), reply),
        }
    }
}

impl<'a> BlockRequest<'a> {
    /// To wait for the time alone, or for somebody who calls [`BlockedCall::answer`] (WAIT).
    pub fn without_keys(deadline_ms: Option<i64>, timeout_reply: TimeoutReply) -> Self {
        let wants = ValueType::String;
        Self {
            keys: Vec::new(),
            wants,
            on_removal: false,
            deadline_ms,
            arguments: None,
            timeout_reply,
            is_work: false,
            then: None,
        }
    }

    /// To wait for whoever `then` gives the call to.
    pub fn for_answer(then: impl FnOnce(Arc<BlockedCall>) + 'a) -> Self {
        let request = Self::without_keys(None, TimeoutReply::Null);
        Self { is_work: true, then: Some(Box::new(then)), ..request }
    }
}

/// A call that waits.
pub struct BlockedCall {
    handle: Arc<ClientHandle>,
    login: Login,
    /// Its user has lost the permission: it gets that for an answer, and is no call.
    refused: AtomicBool,
    /// Unique among all calls.
    id: u64,
    protocol: Protocol,
    db: usize,
    arguments: Vec<Vec<u8>>,
    keys: Vec<DbKey>,
    wants: ValueType,
    on_removal: bool,
    deadline_ms: Option<i64>,
    timeout_reply: TimeoutReply,
    is_work: bool,
    began_ns: u64,
    /// How long the command ran before it waited.
    run_ns: AtomicU64,
    state: AtomicU8,
    outcome: Mutex<Option<Outcome>>,
}

/// The reply to a call that has waited.
pub struct Outcome {
    /// The reply.
    pub output: Output,
    /// The highest record of the journal that it reveals.
    pub gate: u64,
    /// The record that serving it has written, 0 for none.
    pub published: u64,
}

impl BlockedCall {
    pub(super) fn new(
        session: &Session,
        protocol: Protocol,
        argv: &[&[u8]],
        request: &mut BlockRequest<'_>,
    ) -> Self {
        let own = || argv.iter().map(|argument| argument.to_vec()).collect();
        Self {
            handle: session.handle.clone(),
            login: session.login.clone(),
            refused: AtomicBool::new(false),
            id: CALLS.fetch_add(1, Ordering::Relaxed),
            protocol,
            db: session.db,
            arguments: request.arguments.take().unwrap_or_else(own),
            keys: request.keys.iter().map(|key| (session.db, Box::from(*key))).collect(),
            wants: request.wants,
            on_removal: request.on_removal,
            deadline_ms: request.deadline_ms,
            timeout_reply: request.timeout_reply,
            is_work: request.is_work,
            began_ns: clock::monotonic_ns(),
            run_ns: AtomicU64::new(0),
            state: AtomicU8::new(WAITING),
            outcome: Mutex::new(None),
        }
    }

    /// The arguments that it is run with.
    pub(super) fn arguments(&self) -> &[Vec<u8>] {
        &self.arguments
    }

    /// Notes how long the command ran before it waited.
    pub(super) fn note_run(&self, nanoseconds: u64) {
        self.run_ns.store(nanoseconds, Ordering::Relaxed);
    }

    /// How long the command has worked, now that it has its reply.
    pub(super) fn work_ns(&self) -> u64 {
        let waited = if self.is_work { clock::monotonic_ns() - self.began_ns } else { 0 };
        self.run_ns.load(Ordering::Relaxed) + waited
    }

    /// When to give up, in Unix milliseconds.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.deadline_ms
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes of its arguments.
    pub fn argument_bytes(&self) -> usize {
        self.arguments.iter().map(Vec::len).sum()
    }

    /// Whether it still waits, and its client has not been told to go.
    pub fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING && !self.handle.is_killed()
    }

    /// Whether somebody has claimed it, so that its reply is on the way or has come.
    pub fn is_being_served(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLAIMED
    }

    /// Rule 3: true for the one who has ended it; that one also replies.
    pub fn end(&self) -> bool {
        self.turn(ENDED)
    }

    /// Ends it and gives its client what `write` writes; false if somebody else has been faster.
    pub fn answer(&self, write: impl FnOnce(&mut Reply)) -> bool {
        if !self.end() {
            return false;
        }
        let mut reply = Reply::new(self.protocol);
        write(&mut reply);
        self.deliver(Outcome { output: std::mem::take(reply.output()), gate: 0, published: 0 });
        true
    }

    /// Ends it and gives its client this error, or the reply of a time-out (CLIENT UNBLOCK).
    pub fn unblock(&self, node: &Node, error: Option<&str>) -> bool {
        self.answer(|reply| match error {
            Some(error) => reply.error(error),
            None => self.write_timeout(reply, node),
        })
    }

    /// Writes what a time-out replies.
    pub fn write_timeout(&self, reply: &mut Reply, node: &Node) {
        self.timeout_reply.write(reply, node);
    }

    /// The reply, once somebody has delivered it.
    pub fn take_outcome(&self) -> Option<Outcome> {
        self.outcome.lock().take()
    }

    /// Takes the call out of the queues of its keys (rule 5). No stripe may be held.
    pub fn leave(&self, worker: &Worker) {
        for key in &self.keys {
            errand::run_one(worker, &Arc::new(Errand::Unwait(key.clone(), self.id)));
        }
    }

    fn turn(&self, to: u8) -> bool {
        self.state.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn deliver(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.handle.signal.raise();
    }

    /// Whether it is worth trying when a key holds this type, or nothing.
    fn suits(&self, held: Option<ValueType>) -> bool {
        self.on_removal || held == Some(self.wants)
    }
}

/// One try to serve a call, by one worker.
pub struct Attempt<'c> {
    call: &'c BlockedCall,
    claimed: Cell<bool>,
}

impl<'c> Attempt<'c> {
    fn new(call: &'c BlockedCall) -> Self {
        Self { call, claimed: Cell::new(false) }
    }

    /// The client's user may not run the command any more; false if the client has stopped waiting.
    pub(super) fn refuse(&self) -> bool {
        let claimed = self.claim();
        self.call.refused.fetch_or(claimed, Ordering::Relaxed);
        claimed
    }

    /// Rule 3: true if this attempt may serve the call, however often it asks.
    pub(super) fn claim(&self) -> bool {
        // The connection's own task may not have been told yet that the peer has closed. As long as the call waits its socket is
        // open, so the descriptor is still its own; a client that leaves is turned to ended before its socket is closed.
        let claimed = self.claimed.get() || (!self.call.handle.has_left() && self.call.turn(CLAIMED));
        self.claimed.set(claimed);
        claimed
    }
}

impl Waiter for BlockedCall {
    fn id(&self) -> u64 {
        self.id
    }

    fn on_removal(&self) -> bool {
        self.on_removal
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<'a> Context<'_, 'a> {
    /// Whether the command may wait.
    pub fn may_block(&self) -> bool {
        !matches!(self.call, Call::Transaction)
    }

    /// Asks to wait; the handler returns without a reply. Where waiting is not allowed, replies as after a time-out.
    pub fn block(&mut self, request: BlockRequest<'a>) {
        match self.call {
            Call::Direct => self.request = Some(request),
            Call::Waiting(_) => {}
            Call::Transaction => request.timeout_reply.write(self.reply, self.node),
        }
    }
}

/// Serves whoever waits for the keys that this worker's writes have made ready.
pub fn serve_ready(worker: &Worker) {
    loop {
        let Some(key) = worker.ready.borrow_mut().pop_front() else { return };
        serve_key(worker, &key);
    }
}

/// Serves whoever waits for any key: after a time in which nobody could be served.
pub fn serve_all(node: &Arc<Node>) {
    let worker = Worker::new(node.workers(), node.clone());
    for index in 0..node.store.stripes() {
        let keys = node.store.locks().lock(index, Mode::Read).stripe().all_awaited_keys();
        worker.ready.borrow_mut().extend(keys);
    }
    serve_ready(&worker);
    worker.end_turn();
}

/// Serves the waiters of a key, first come first served.
fn serve_key(worker: &Worker, key: &DbKey) {
    let store = &worker.node.store;
    let waiters = match store.locks().lock_soon(store.stripe_of(hash_of(&key.1)), Mode::Read) {
        Ok(guard) => guard.stripe().waiters(key),
        Err(busy) => return serve_later(worker, key, Place::Locks(busy)),
    };
    // What the key was last seen to hold: those whom it does not suit need not be tried (rule 6).
    let mut seen = None;
    for waiter in waiters {
        let Some(call) = waiter.as_any().downcast_ref::<BlockedCall>() else { continue };
        if call.is_waiting() && seen.is_none_or(|held| call.suits(held)) {
            // A bug in the waiter's command is neither the writer's business nor that of those who wait behind it.
            seen = catch_unwind(AssertUnwindSafe(|| serve(worker, call, key))).unwrap_or_else(|_| {
                call.handle.kill();
                None
            });
        }
    }
}

/// Something is held for long that serving needs, or nothing may change.
fn serve_later(worker: &Worker, key: &DbKey, place: Place) {
    errand::send(worker, Arc::new(Errand::Serve(key.clone())), place);
}

/// Tries to serve a call. If the key does not suit it, returns what it holds.
fn serve(worker: &Worker, call: &BlockedCall, key: &DbKey) -> Option<Option<ValueType>> {
    let argv: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    let (command, handling) = execute::find(&worker.node, &argv)?;
    let mut session = Session::new(call.handle.clone(), true);
    (session.db, session.protocol, session.login) = (call.db, call.protocol, call.login.clone());
    let mut reply = Reply::new(call.protocol);
    let order = Order { command, handling, argv: &argv, hash: None };
    let attempt = Attempt::new(call);
    let held = Cell::new(None);
    let ran = execute::run_for_waiter(worker, &mut session, &mut reply, &order, &attempt, |keys| {
        held.set(keys.peek(&key.1).map(Entry::value_type));
        call.suits(held.get())
    });
    let ran = ran.unwrap_or_else(|place| {
        serve_later(worker, key, place);
        None
    });
    let Some(ran) = ran else { return Some(held.get()) };
    if let Some(error) = ran.error
        && attempt.claim()
    {
        execute::count_error(worker, &error);
        reply = Reply::new(call.protocol);
        reply.error(&error.0);
    }
    if attempt.claimed.get() {
        let (gate, published) = (session.gate, session.published);
        call.deliver(Outcome { output: std::mem::take(reply.output()), gate, published });
    }
    None
}

/// The text that CLIENT UNBLOCK ERROR sends.
pub const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// Parses a time-out in seconds, as a double, into a deadline. Zero waits for ever.
///
/// # Errors
/// Not a number, negative, or beyond what milliseconds can hold.
pub fn deadline_from_seconds(argument: &[u8], now_ms: i64) -> Result<Option<i64>, CommandError> {
    let seconds = number::parse_f64(argument).ok_or(text::TIMEOUT_NOT_FLOAT)?;
    // Rounded up, so that the shortest time is not taken for none; -0.0001 is none, as in Redis.
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds >= i64::MAX as f64 {
        return Err(text::TIMEOUT_RANGE.into());
    }
    deadline_from_milliseconds(milliseconds as i64, now_ms)
}

/// A time-out in milliseconds as a deadline. Zero waits for ever.
///
/// # Errors
/// Negative, or beyond what milliseconds can hold.
pub fn deadline_from_milliseconds(timeout_ms: i64, now_ms: i64) -> Result<Option<i64>, CommandError> {
    match timeout_ms {
        ..0 => Err(text::TIMEOUT_NEGATIVE.into()),
        0 => Ok(None),
        _ => now_ms.checked_add(timeout_ms).map(Some).ok_or(text::TIMEOUT_RANGE.into()),
    }
}

/// Enters a call into the queues of its keys, under the locks that its command still holds (rule 1).
pub(super) fn register(worker: &Worker, keys: &mut Keyspace<'_>, call: &Arc<BlockedCall>) {
    let store = &worker.node.store;
    for key in &call.keys {
        let Some(stripe) = keys.held_mut().stripe_mut(store.stripe_of(hash_of(&key.1))) else {
            unreachable!(
                "a command waits for a key that it has not locked for writing: it must be `keyed_alone`"
            )
        };
        // The same key may be named twice.
        stripe.unwait(key, call.id);
        stripe.wait(key.clone(), call.clone());
    }
}

#[cfg(all(test, not(tartan_loom)))]
mod tests {
    use super::super::args::Args;
    use super::super::context::keyed_alone;
    use super::super::error::CommandResult;
    use super::super::node::Node;
    use super::super::table::CommandTable;
    use super::super::table::Row;
    use super::*;
    use crate::config::{Config, Sources};

    /// A command whose second client meets a bug.
    fn pop<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
        assert!(ctx.claim());
        assert_ne!(ctx.session.handle.id, 2, "a bug");
        ctx.reply.ok();
        Ok(())
    }

    #[test]
    fn a_panic_closes_its_own_client_and_the_next_are_served() {
        static POP: &[Row<super::super::context::Handling>] = &[Row::new("BLPOP", keyed_alone(pop))];
        let table = CommandTable::new(&[POP]).unwrap();
        let node = Arc::new(Node::new(Config::load(&Sources::default()).unwrap(), table, 1));
        let worker = Worker::new(0, node.clone());
        let key: DbKey = (0, Box::from(*b"key"));
        let calls = [1, 2, 3].map(|id| {
            let handle = ClientHandle::new(id, String::new(), String::new(), -1, false, 0);
            let session = Session::new(Arc::new(handle), true);
            let mut request = BlockRequest::without_keys(None, TimeoutReply::Null);
            (request.keys, request.on_removal) = (vec![b"key".as_slice()], true);
            let argv: [&[u8]; 3] = [b"BLPOP", b"key", b"0"];
            Arc::new(BlockedCall::new(&session, Protocol::Resp2, &argv, &mut request))
        });
        let index = node.store.stripe_of(hash_of(&key.1));
        for call in &calls {
            let mut guard = node.store.locks().lock(index, Mode::Write);
            guard.stripe_mut().unwrap().wait(key.clone(), call.clone());
        }
        worker.ready.borrow_mut().push_back(key);
        serve_ready(&worker);
        let served = calls.each_ref().map(|call| call.take_outcome().is_some());
        assert_eq!(served, [true, false, true]);
        assert_eq!(calls.each_ref().map(|call| call.handle.is_killed()), [false, true, false]);
    }
}

#[cfg(all(test, tartan_loom))]
mod loom_tests {
    use loom::thread;

    use super::*;
    use crate::store::{Held, Locks, NewValue, Patience, Stripe, Wanted};

    /// The keys that one client waits for, each in the stripe of its index; an entry stands for an element.
    const KEYS: [&[u8]; 2] = [b"one", b"other"];

    struct Model {
        locks: Locks,
        call: Arc<BlockedCall>,
    }

    impl Model {
        fn new(keys: usize) -> Arc<Self> {
            let handle = ClientHandle::new(1, String::new(), String::new(), 0, false, 0);
            let session = Session::new(Arc::new(handle), true);
            let mut request = BlockRequest::without_keys(None, TimeoutReply::Null);
            request.keys = KEYS[..keys].to_vec();
            let call = BlockedCall::new(&session, Protocol::Resp2, &[], &mut request);
            Arc::new(Self { locks: Locks::new(keys), call: Arc::new(call) })
        }

        fn lock(&self) -> Held<'_> {
            let mut wanted: Wanted = (0..self.locks.len()).map(|index| (index, Mode::Write)).collect();
            self.locks.lock_wanted(&mut wanted, Patience::Endless).expect("patient")
        }

        fn on_stripe<R>(&self, index: usize, visit: impl FnOnce(&mut Stripe) -> R) -> R {
            visit(self.locks.lock(index, Mode::Write).stripe_mut().expect("locked for writing"))
        }

        /// The client's command: takes what is there, or waits (rule 1).
        fn take_or_wait(&self) -> bool {
            let mut held = self.lock();
            let taken = find(&held).is_some_and(|index| take(&mut held, index));
            for index in (0..self.locks.len()).filter(|_| !taken) {
                held.stripe_mut(index).expect("locked").wait((0, KEYS[index].into()), self.call.clone());
            }
            taken
        }

        /// A writer: adds an element, then serves who waits (rules 2 to 4).
        fn add_and_serve(&self, index: usize) {
            let key: DbKey = (0, KEYS[index].into());
            let awaited = self.on_stripe(index, |stripe| {
                stripe.db_mut(0).insert(hash_of(&key.1), &key.1, NewValue::Integer(1), None, 0);
                stripe.awaited(0, &key.1)
            });
            let waiters = self.on_stripe(index, |stripe| stripe.waiters(&key));
            for waiter in waiters.iter().filter(|_| awaited) {
                let call = waiter.as_any().downcast_ref::<BlockedCall>().expect("a call");
                if call.is_waiting() {
                    self.attempt(call);
                }
            }
        }

        fn attempt(&self, call: &BlockedCall) {
            let attempt = Attempt::new(call);
            let mut reply = Reply::new(Protocol::Resp2);
            let mut held = self.lock();
            if let Some(index) = find(&held)
                && attempt.claim()
                && take(&mut held, index)
            {
                reply.ok();
            }
            drop(held);
            if attempt.claimed.get() {
                call.deliver(Outcome { output: std::mem::take(reply.output()), gate: 0, published: 0 });
            }
        }

        fn elements(&self) -> usize {
            let held = self.lock();
            (0..self.locks.len()).filter(|&index| has_element(&held, index)).count()
        }

        fn outcome(&self) -> Option<usize> {
            self.call.take_outcome().map(|outcome| outcome.output.len())
        }
    }

    fn has_element(held: &Held<'_>, index: usize) -> bool {
        let part = held.stripe(index).and_then(|stripe| stripe.db(0));
        part.is_some_and(|part| part.find(hash_of(KEYS[index]), KEYS[index]).is_some())
    }

    fn find(held: &Held<'_>) -> Option<usize> {
        (0..KEYS.len()).find(|&index| has_element(held, index))
    }

    fn take(held: &mut Held<'_>, index: usize) -> bool {
        let stripe = held.stripe_mut(index).expect("locked");
        stripe.db_mut(0).remove(hash_of(KEYS[index]), KEYS[index]).is_some()
    }

    fn check(scenario: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(scenario);
    }

    /// A write races with the look, the registration and the time-out: the element is taken once and replied, or stays.
    #[test]
    fn loom_a_time_out_races_with_serving() {
        check(|| {
            let model = Model::new(1);
            let writer = {
                let model = model.clone();
                thread::spawn(move || model.add_and_serve(0))
            };
            let mut taken = model.take_or_wait();
            let ended = !taken && model.call.end();
            writer.join().expect("no panic");
            let outcome = model.outcome();
            assert_eq!(outcome.is_some(), !taken && !ended);
            taken |= outcome.is_some_and(|bytes| bytes > 0);
            assert_eq!(usize::from(taken) + model.elements(), 1);
        });
    }

    /// Two writers make both keys of one client ready: it gets one element, in one reply, and no wake-up is lost.
    #[test]
    fn loom_two_writers_serve_one_client() {
        check(|| {
            let model = Model::new(2);
            let writers = [0, 1].map(|index| {
                let model = model.clone();
                thread::spawn(move || model.add_and_serve(index))
            });
            let taken = model.take_or_wait();
            writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
            assert_eq!(model.outcome(), (!taken).then_some(b"+OK\r\n".len()));
            assert_eq!(model.elements(), 1);
        });
    }
}
