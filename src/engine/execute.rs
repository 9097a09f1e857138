//! Running one command: look-up, checks, locks, handler, consequences.

use std::sync::Arc;

use super::acl::{self, Origin};
use super::admission;
use super::args::Args;
use super::blocking::{self, Attempt, BlockRequest, BlockedCall};
use super::context::{Call, Context, Handling};
use super::effects::Effects;
use super::errand::{self, Place};
use super::error::{CommandError, echoed, text};
use super::keys::{self, Keys};
use super::keyspace::Keyspace;
use super::monitor;
use super::node::Node;
use super::plan::Plan;
use super::session::{ClientHandle, Session};
use super::settle::{self, Sink, TransactionRecord};
use super::slowlog::{self, SlowCommand};
use super::spec::{Facts, Flags, flag};
use super::table::{Command, Lookup};
use super::tracking;
use super::worker::Worker;
use crate::base::hash::hash as hash_of;
use crate::base::{clock, log};
use crate::config::Id;
use crate::resp::{Mark, Reply};
use crate::store::{Busy, Held, Mode, Patience, Stripe, Wanted};

/// How much of a name or of arguments that nobody knows is told back.
const SHOWN_BYTES_MAX: usize = 128;
/// What goes through more elements is left to the lane: about a millisecond's work.
const QUICK_ELEMENTS_MAX: usize = 10_000;

/// A command that has been looked up.
pub struct Order<'a> {
    /// Its row.
    pub command: &'a Command<Handling>,
    /// What runs it.
    pub handling: Handling,
    /// Its arguments.
    pub argv: &'a [&'a [u8]],
    /// The hash of its first key, if it has been computed already.
    pub hash: Option<u64>,
}

/// What running a command has come to, besides its reply.
pub(super) struct Ran {
    pub error: Option<CommandError>,
    pub waiting: Option<Arc<BlockedCall>>,
}

impl<'a> Order<'a> {
    /// Looks a command up; None for what is no command.
    pub(super) fn of(node: &'a Node, argv: &'a [&'a [u8]]) -> Option<Self> {
        let (command, handling) = find(node, argv)?;
        Some(Self { command, handling, argv, hash: None })
    }

    /// The command's flags, or what a script says of itself instead.
    pub(super) fn flags(&self, node: &Node) -> Flags {
        (self.handling.flags_of)(node, self.command.facts, self.argv)
    }

    /// Whether it may change the data, or what follows it: then CLIENT PAUSE WRITE holds it up.
    pub(super) fn may_change(&self, node: &Node) -> bool {
        let flags = self.flags(node);
        flags.contains(flag::WRITE) || flags.contains(flag::MAY_REPLICATE)
    }
}

/// The command that these arguments name.
pub fn find<'a>(node: &'a Node, argv: &[&[u8]]) -> Option<(&'a Command<Handling>, Handling)> {
    match node.table.look_up(argv) {
        Lookup::Found(command) => Some((command, command.handler?)),
        _ => None,
    }
}

/// Runs one request from a client to its reply.
pub fn execute(worker: &Worker, session: &mut Session, reply: &mut Reply, argv: &[&[u8]], hash: Option<u64>) {
    let node = &*worker.node;
    if node.is_closing() && !session.replays && !session.follows && !runs_while_closing(node, argv) {
        session.deferred = true;
        return;
    }
    let (command, handling) = match look_up(node, argv) {
        Ok(found) => found,
        Err(_) if speaks_http(argv[0]) => return turn_away(session),
        Err(error) => {
            let (command, mut error) = *error;
            if names(node, argv, "exec") {
                error = super::transaction::discard_for(session, worker, &error);
            }
            return refuse(worker, session, reply, command, &error);
        }
    };
    session.command = command.id + 1;
    let order = Order { command, handling, argv, hash };
    if let Err(error) = admission::check(worker, session, &order) {
        return refuse_checked(worker, session, reply, command, error);
    }
    if session.tracks {
        tracking::before_request(worker, session, reply);
    }
    if is_paused(node, session, &order) {
        session.parking = Some(Place::Pause);
        return;
    }
    if session.queue.is_some() && !runs_in_multi(command.facts.name) {
        return queue(session, reply, argv);
    }
    run_direct(worker, session, reply, &order);
}

/// The command that a request names, if it has arguments enough; or, with the refusal, the command that it is counted for.
fn look_up<'n>(node: &'n Node, argv: &[&[u8]]) -> Result<(&'n Command<Handling>, Handling), Box<Unfit<'n>>> {
    match node.table.look_up(argv) {
        Lookup::Found(command) => match command.handler {
            Some(handling) if command.facts.accepts_count(argv.len()) => Ok((command, handling)),
            _ => Err(Box::new((Some(command), wrong_count(command.facts)))),
        },
        Lookup::UnknownCommand => Err(Box::new((None, unknown_command(argv)))),
        Lookup::UnknownSubcommand(container) => Err(Box::new((None, unknown_subcommand(container, argv[1])))),
    }
}

type Unfit<'n> = (Option<&'n Command<Handling>>, CommandError);

fn wrong_count(facts: &Facts) -> CommandError {
    CommandError::new(format!("ERR wrong number of arguments for '{}' command", facts.name))
}

fn unknown_subcommand(container: &Command<Handling>, name: &[u8]) -> CommandError {
    CommandError::of(&[
        &"ERR unknown subcommand '",
        &echoed(name, SHOWN_BYTES_MAX),
        &"'. Try ",
        &container.facts.name.to_ascii_uppercase(),
        &" HELP.",
    ])
}

fn unknown_command(argv: &[&[u8]]) -> CommandError {
    let mut arguments = Vec::new();
    for argument in &argv[1..] {
        if arguments.len() >= SHOWN_BYTES_MAX {
            break;
        }
        let shown = echoed(argument, SHOWN_BYTES_MAX - arguments.len());
        arguments.extend_from_slice(&[b"'", shown, b"' "].concat());
    }
    let name = echoed(argv[0], SHOWN_BYTES_MAX);
    CommandError::of(&[&"ERR unknown command '", &name, &"', with args beginning with: ", &arguments])
}

/// Words that begin lines of HTTP: a browser that has been led here must not get commands through (Redis does the same).
fn speaks_http(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}

fn turn_away(session: &mut Session) {
    let handle = &session.handle;
    log::warning!(
        "Possible cross protocol scripting: connection id={} addr={} closed",
        handle.id,
        handle.address
    );
    session.close = true;
}

/// Whoever wants the server to end may say so twice, and may stop what keeps it from ending.
fn runs_while_closing(node: &Node, argv: &[&[u8]]) -> bool {
    let is_known = |facts: &Facts| matches!(facts.name, "shutdown" | "script|kill" | "function|kill");
    find(node, argv).is_some_and(|(command, _)| is_known(command.facts))
}

/// Whether a request is for this command, or for one of its subcommands, whatever it is called here.
pub(super) fn names(node: &Node, argv: &[&[u8]], name: &str) -> bool {
    match node.table.look_up(argv) {
        Lookup::Found(command) | Lookup::UnknownSubcommand(command) => {
            command.facts.name.split('|').next() == Some(name)
        }
        Lookup::UnknownCommand => false,
    }
}

fn runs_in_multi(name: &str) -> bool {
    matches!(name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// A refusal of EXEC ends the transaction, and says so even where there is none.
#[cold]
fn refuse_checked(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    command: &Command<Handling>,
    mut error: CommandError,
) {
    if command.facts.name == "exec" {
        error = super::transaction::discard_for(session, worker, &error);
    }
    refuse(worker, session, reply, Some(command), &error);
}

fn queue(session: &mut Session, reply: &mut Reply, argv: &[&[u8]]) {
    if let Some(queue) = session.queue.as_mut() {
        queue.bytes += argv.iter().map(|argument| argument.len() + size_of::<Vec<u8>>()).sum::<usize>();
        queue.commands.push(argv.iter().map(|argument| argument.to_vec()).collect());
    }
    reply.simple("QUEUED");
}

/// An error before the command has run. It makes a transaction that is being queued fail.
fn refuse(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    command: Option<&Command<Handling>>,
    error: &CommandError,
) {
    if let Some(queue) = session.queue.as_mut() {
        queue.aborted = true;
    }
    if let Some(command) = command {
        worker.stats.commands[usize::from(command.id)].rejected.add(1);
    }
    count_error(worker, error);
    reply.error(&error.0);
    // Making room may have evicted what somebody waits for, before the command was refused all the same.
    if !worker.ready.borrow().is_empty() {
        blocking::serve_ready(worker);
    }
}

/// Counts a replied error for errorstats.
#[cold]
pub fn count_error(worker: &Worker, error: &CommandError) {
    worker.stats.errors.add(1);
    *worker.node.errors.entry(error.code().to_owned()).or_insert(0) += 1;
}

/// Runs a command for its own client.
fn run_direct(worker: &Worker, session: &mut Session, reply: &mut Reply, order: &Order<'_>) {
    let started = clock::monotonic_ns();
    let node = &*worker.node;
    let mark = reply.mark();
    let patience = if session.replays { Patience::Endless } else { Patience::Worker };
    let locked = match order.handling.weigh {
        Some(_) if worker.is_lane => lock_for_long(worker, session, order),
        _ => lock(node, order, patience),
    };
    let held = match locked {
        Ok(held) => held,
        Err(Unlocked::Refused(error)) => return refuse(worker, session, reply, Some(order.command), &error),
        Err(Unlocked::Busy(busy)) => {
            session.parking = Some(Place::Locks(busy));
            return;
        }
    };
    // Looked at under the locks: who has seen it closing, and then had every stripe, knows that nothing is changed any more.
    if !matches!(held, Held::Nothing)
        && !session.replays
        && (node.is_closing() || node.is_loading() && !order.command.facts.flags.contains(flag::LOADING))
    {
        session.deferred = true;
        return;
    }
    if !matches!(held, Held::Nothing) && is_paused(node, session, order) {
        session.parking = Some(Place::Pause);
        return;
    }
    let turn = node.acl.turn(worker.id, order.command.facts);
    if let Err(error) = acl::recheck(worker, session, order) {
        drop((held, turn));
        return refuse_checked(worker, session, reply, order.command, error);
    }
    let mut keys = Keyspace::new(node, held, session, worker.patience());
    if let Some(weigh) = order.handling.weigh
        && !worker.is_lane
        && !session.replays
        && weigh(&keys, order.argv) > QUICK_ELEMENTS_MAX
    {
        session.parking = Some(Place::Lane);
        return;
    }
    session.published = 0;
    if let (Plan::One(place, _), Some(hash)) = (node.plan(order.command), order.hash) {
        keys.know(order.argv[*place], hash);
    }
    let ran = run(worker, session, reply, order, &mut keys, Call::Direct, Sink::Journal);
    keys.unlock();
    drop(turn);
    settle::after(worker, &mut keys.effects);
    if node.store.locks().has_errands() && !is_keyed(node, order) {
        errand::run(worker);
    }
    if session.parking.is_some() {
        return reply.rewind(mark);
    }
    let failed = ran.error.is_some();
    if let Some(error) = ran.error {
        reply.rewind(mark);
        count_error(worker, &error);
        reply.error(&error.0);
    }
    if reply.is_too_long() {
        overflow(session, reply, mark);
    }
    if session.published != 0 {
        session.last_write = session.published;
        session.hold(mark, reply.mark());
    }
    session.waiting = ran.waiting;
    account(worker, session, order, started, failed);
    if !worker.ready.borrow().is_empty() {
        blocking::serve_ready(worker);
    }
}

/// Whether the request waits for the end of a pause.
#[inline]
fn is_paused(node: &Node, session: &Session, order: &Order<'_>) -> bool {
    !session.replays && !session.follows && node.pause.holds(|| may_change(node, session, order))
}

#[cold]
fn may_change(node: &Node, session: &Session, order: &Order<'_>) -> bool {
    let Some(queue) = session.queue.as_ref().filter(|_| order.command.facts.name == "exec") else {
        return order.may_change(node);
    };
    queue.commands.iter().any(|command| {
        let argv: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        Order::of(node, &argv).is_some_and(|order| order.may_change(node))
    })
}

/// Whether the command does no more than lock its keys, so that it leaves nobody errands to run.
fn is_keyed(node: &Node, order: &Order<'_>) -> bool {
    matches!(node.plan(order.command), Plan::One(..) | Plan::Range(..))
}

/// Runs a command for a client that waits, if the key that has become ready holds what it wants: None if not.
///
/// # Errors
/// Where what is in the way is to be waited for.
pub(super) fn run_for_waiter<'a>(
    worker: &'a Worker,
    session: &mut Session,
    reply: &mut Reply,
    order: &Order<'a>,
    attempt: &Attempt<'_>,
    is_ready: impl Fn(&Keyspace<'_>) -> bool,
) -> Result<Option<Ran>, Place> {
    let node = &*worker.node;
    let held = match lock(node, order, Patience::Worker) {
        Ok(held) => held,
        Err(Unlocked::Busy(busy)) => return Err(Place::Locks(busy)),
        Err(Unlocked::Refused(_)) => return Ok(None),
    };
    if node.is_closing() || node.is_loading() {
        return Ok(None);
    }
    if node.pause.holds(|| order.may_change(node)) {
        return Err(Place::Pause);
    }
    let mut keys = Keyspace::new(node, held, session, Patience::Worker);
    if !is_ready(&keys) {
        return Ok(None);
    }
    if let Err(error) = acl::check(worker, session, order, Origin::Client) {
        if attempt.refuse() {
            worker.stats.commands[usize::from(order.command.id)].rejected.add(1);
        }
        return Ok(Some(Ran { error: Some(error), waiting: None }));
    }
    let ran = run(worker, session, reply, order, &mut keys, Call::Waiting(attempt), Sink::Journal);
    keys.unlock();
    settle::after(worker, &mut keys.effects);
    Ok(Some(ran))
}

/// Gives the locks of a transaction back unless one of its commands is too heavy for a worker.
pub(super) fn outweigh<'q>(
    worker: &'q Worker,
    orders: &[Order<'_>],
    held: Held<'q>,
    session: &Session,
) -> Option<Held<'q>> {
    let node = &*worker.node;
    if worker.is_lane || session.replays || orders.iter().all(|order| order.handling.weigh.is_none()) {
        return Some(held);
    }
    let keys = Keyspace::new(node, held, session, Patience::Worker);
    let is_heavy = |order: &Order<'_>| {
        order.handling.weigh.is_some_and(|weigh| weigh(&keys, order.argv) > QUICK_ELEMENTS_MAX)
    };
    let heavy = orders.iter().any(is_heavy);
    (!heavy).then(|| keys.release().0)
}

/// Runs one command of a transaction under the transaction's locks, which are given back.
pub(super) fn run_in_transaction<'q>(
    ctx: &mut Context<'_, '_>,
    node: &'q Node,
    order: &Order<'q>,
    held: Held<'q>,
    now_us: i64,
    sink: Sink<'_>,
) -> (Held<'q>, Effects<'q>) {
    let started = clock::monotonic_ns();
    let mut keys = Keyspace::new(node, held, ctx.session, Patience::Worker);
    keys.freeze(now_us);
    let mark = ctx.reply.mark();
    let closing = ctx.session.close;
    ctx.session.speaks = false;
    let ran = run(ctx.worker, ctx.session, ctx.reply, order, &mut keys, Call::Transaction, sink);
    let failed = ran.error.is_some();
    if let Some(error) = ran.error {
        ctx.reply.rewind(mark);
        count_error(ctx.worker, &error);
        ctx.reply.error(&error.0);
    }
    if ctx.reply.is_too_long() {
        overflow(ctx.session, ctx.reply, mark);
    }
    // After CLIENT KILL of oneself there is nobody to answer; after CLIENT REPLY OFF only what speaks all the same.
    if closing || ctx.session.reply_mode.is_mute() && !ctx.session.speaks {
        ctx.reply.rewind(mark);
    }
    account(ctx.worker, ctx.session, order, started, failed);
    keys.release()
}

/// Runs one command of a script on `keys`, under the script's locks.
pub(super) fn run_in_script<'o>(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    order: &Order<'o>,
    keys: &mut Keyspace<'o>,
    record: &mut TransactionRecord,
) {
    let started = clock::monotonic_ns();
    let mark = reply.mark();
    let ran = run(worker, session, reply, order, keys, Call::Transaction, Sink::Transaction(record));
    let failed = ran.error.is_some();
    if let Some(error) = ran.error {
        reply.rewind(mark);
        count_error(worker, &error);
        reply.error(&error.0);
    }
    let elapsed = clock::monotonic_ns() - started;
    count(worker, order, elapsed, failed);
    if is_slow(worker, elapsed) {
        // A script's commands have no client, as in Redis.
        note_slow(worker, None, order, elapsed / 1000);
    }
}

/// A reply has passed the client's hard output limit: the connection is closed without it, as Redis does. What the client does
/// not want to read counts for nothing.
#[cold]
fn overflow(session: &mut Session, reply: &mut Reply, mark: Mark) {
    reply.rewind(mark);
    if session.reply_mode.is_mute() || session.overflowed {
        return;
    }
    let handle = &session.handle;
    log::warning!(
        "Client id={} addr={} closed: a reply is longer than its output buffer limit",
        handle.id,
        handle.address
    );
    session.close = true;
    session.overflowed = true;
}

/// The core: handler, consequences, waiting; all under the locks that `keys` holds.
fn run<'a>(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    order: &Order<'a>,
    keys: &mut Keyspace<'a>,
    call: Call<'_>,
    sink: Sink<'_>,
) -> Ran {
    let written = matches!(&sink, Sink::Transaction(record) if !record.bytes.is_empty());
    let guard = UnwindGuard { worker, order, written };
    let mut ctx = Context { keys, reply, session, node: &worker.node, worker, call, request: None };
    let watched = monitor::watch(worker, ctx.session, call);
    let result = (order.handling.run)(&mut ctx, Args(order.argv));
    let Context { keys, reply, session, request, .. } = ctx;
    if let Some(busy) = keys.busy() {
        session.parking = Some(Place::Locks(busy));
    }
    let flags = order.command.facts.flags.0;
    session.wrote |= order.command.facts.flags.contains(flag::WRITE);
    let tracks = worker.node.tracking.is_on();
    if tracks {
        keys.client = session.handle.id;
    }
    let sequence = settle::settle(worker, flags, order.argv, keys, sink);
    session.published = session.published.max(sequence);
    session.reveal(sequence.max(keys.gate()));
    if tracks {
        tracking::remember(worker, session, order, keys);
    }
    if let Some(watched) = watched {
        watched.note(worker, session, order, call, keys.is_in_script());
        if matches!(call, Call::Direct) {
            monitor::tell(worker, session.gate);
        }
    }
    let waiting = match (request, &result) {
        (Some(request), Ok(())) => Some(wait(worker, session, reply, order, keys, request)),
        _ => None,
    };
    std::mem::forget(guard);
    Ran { error: result.err(), waiting }
}

fn wait(
    worker: &Worker,
    session: &Session,
    reply: &Reply,
    order: &Order<'_>,
    keys: &mut Keyspace<'_>,
    mut request: BlockRequest<'_>,
) -> Arc<BlockedCall> {
    let call = Arc::new(BlockedCall::new(session, reply.protocol(), order.argv, &mut request));
    blocking::register(worker, keys, &call);
    if let Some(then) = request.then {
        then(call.clone());
    }
    call
}

/// Memory and log must never part (design 2.11): a write that panics half way while there is a log ends the server, and so does
/// whatever panics behind a write of its transaction, whose record would be lost.
struct UnwindGuard<'w, 'a> {
    worker: &'w Worker,
    order: &'w Order<'a>,
    /// The transaction has a record that is not in the journal yet.
    written: bool,
}

impl Drop for UnwindGuard<'_, '_> {
    fn drop(&mut self) {
        let name = self.order.command.facts.name;
        log::warning!("A bug: command '{name}' has panicked; please report it");
        let writes = self.written || self.order.command.facts.flags.contains(flag::WRITE);
        if self.worker.node.journal.is_on() && writes {
            log::warning!(
                "There was a write: the server stops, so that memory and log cannot differ. Restart it to go on"
            );
            std::process::abort();
        }
    }
}

/// Why a command has not got its locks.
enum Unlocked {
    /// It is wrong.
    Refused(CommandError),
    /// Somebody holds them for long.
    Busy(Busy),
}

impl From<Busy> for Unlocked {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}

#[inline]
fn lock<'a>(node: &'a Node, order: &Order<'_>, patience: Patience) -> Result<Held<'a>, Unlocked> {
    let locks = node.store.locks();
    match node.plan(order.command).of_call(order.argv) {
        Plan::Nothing | Plan::Walk | Plan::Script => Ok(Held::Nothing),
        Plan::Everything(mode) => Ok(locks.lock_all(mode, patience)?),
        Plan::One(place, mode) => {
            let Some(key) = order.argv.get(place) else {
                return Err(Unlocked::Refused(text::SYNTAX.into()));
            };
            let hash = order.hash.unwrap_or_else(|| hash_of(key));
            let index = node.store.stripe_of(hash);
            Ok(Held::One(
                index,
                match patience {
                    Patience::Worker | Patience::Lane => locks.lock_soon(index, mode)?,
                    Patience::Endless => locks.lock(index, mode),
                },
            ))
        }
        plan => {
            let mut wanted = Wanted::new();
            // Arguments without keys that can be found make the handler complain in its own words, before it looks at any key.
            let _ = plan.collect(order.command.facts, order.argv, &node.store, &mut wanted);
            if plan == Plan::Patterns {
                return Ok(Held::Owned(locks.own_wanted(&mut wanted, patience)?));
            }
            Ok(locks.lock_wanted(&mut wanted, patience)?)
        }
    }
}

/// Locks for the lane, where nobody is to wait meanwhile. What only reads gets copies of its keys, which cost next to nothing
/// (values are shared trees), and holds nothing; what writes owns the token, so that whoever meets its stripes parks.
fn lock_for_long<'a>(
    worker: &'a Worker,
    session: &mut Session,
    order: &Order<'_>,
) -> Result<Held<'a>, Unlocked> {
    let node = &*worker.node;
    let plan = node.plan(order.command).of_call(order.argv);
    if matches!(plan, Plan::Walk | Plan::Everything(_) | Plan::Patterns) {
        return lock(node, order, Patience::Worker);
    }
    let mut wanted = Wanted::new();
    // As in `lock`: the handler complains.
    let _ = plan.collect(order.command.facts, order.argv, &node.store, &mut wanted);
    if order.command.facts.flags.contains(flag::WRITE) {
        let mut owned = node.store.locks().own(Patience::Worker)?;
        wanted.iter().for_each(|&(index, _)| owned.reach(index, Mode::Write));
        return Ok(Held::Owned(owned));
    }
    let held = node.store.locks().lock_wanted(&mut wanted, Patience::Worker)?;
    let originals = Keyspace::new(node, held, session, Patience::Worker);
    let mut found = Keys::new();
    let _ = keys::keys_to_lock(order.command.facts, order.argv, &mut found);
    let mut copies = Box::<Stripe>::default();
    for key in &found {
        originals.copy_to(order.argv[key.position], &mut copies);
    }
    session.reveal(originals.gate());
    tracking::remember_keys(node, session, order);
    let (held, mut effects) = originals.release();
    drop(held);
    settle::after(worker, &mut effects);
    Ok(Held::Copied(copies))
}

#[inline]
fn account(worker: &Worker, session: &Session, order: &Order<'_>, started: u64, failed: bool) {
    let elapsed = clock::monotonic_ns() - started;
    worker.stats.busy_ns.add(elapsed);
    if let Some(call) = &session.waiting {
        return call.note_run(elapsed);
    }
    tell(worker, session, order, elapsed, failed);
}

/// Counts a command that has waited, now that it has its reply. One that was refused in the end is none.
pub fn account_waited(worker: &Worker, session: &Session, call: &BlockedCall, failed: bool) {
    let argv: Vec<&[u8]> = call.arguments().iter().map(Vec::as_slice).collect();
    if let Some(order) = Order::of(&worker.node, &argv).filter(|_| !call.is_refused()) {
        tell(worker, session, &order, call.work_ns(), failed);
    }
}

fn tell(worker: &Worker, session: &Session, order: &Order<'_>, elapsed: u64, failed: bool) {
    count(worker, order, elapsed, failed);
    if is_slow(worker, elapsed) {
        note_slow(worker, Some(&session.handle), order, elapsed / 1000);
    }
}

/// Whether a command that took so many nanoseconds belongs into the slow log.
#[inline]
fn is_slow(worker: &Worker, elapsed_ns: u64) -> bool {
    let slower_than = worker.node.config.get(Id::SlowlogLogSlowerThan);
    slower_than >= 0 && elapsed_ns / 1000 >= slower_than as u64
}

/// Counts a command that has run.
#[inline]
fn count(worker: &Worker, order: &Order<'_>, elapsed_ns: u64, failed: bool) {
    worker.stats.processed.add(1);
    let command = &worker.stats.commands[usize::from(order.command.id)];
    command.calls.add(1);
    command.nanoseconds.add(elapsed_ns);
    if failed {
        command.failed.add(1);
    }
    if worker.node.config.is_on(Id::LatencyTracking) {
        command.latency.record(elapsed_ns);
    }
    let is_fast = order.command.facts.flags.contains(flag::FAST);
    worker.node.latency.note(if is_fast { "fast-command" } else { "command" }, elapsed_ns);
}

#[cold]
fn note_slow(worker: &Worker, client: Option<&ClientHandle>, order: &Order<'_>, microseconds: u64) {
    if order.command.facts.flags.contains(flag::SKIP_SLOWLOG) {
        return;
    }
    let slow = SlowCommand {
        id: 0,
        unix_seconds: clock::unix_ms() / 1000,
        microseconds,
        arguments: slowlog::shorten(order.command.facts.name, order.argv),
        address: client.map(|client| client.address.clone()).unwrap_or_default(),
        name: client.map(|client| client.names.lock().name.clone()).unwrap_or_default(),
    };
    worker.node.slowlog.note(slow, worker.node.config.get(Id::SlowlogMaxLen) as usize);
}
